//! The builder's loops and choices: as closures, and as pairs of calls for schedulers that keep more state.

use super::Builder;
use crate::form::*;

/// A loop whose body is being built. Its body is what is built until [`Builder::close_loop`].
#[derive(Debug)]
#[must_use = "a loop is to be closed"]
pub struct OpenLoop {
    /// The loop's index.
    pub index: Value,
    /// The carried values inside a round, in the order of their first values.
    pub carried: Vec<Value>,
    initial: Vec<Value>,
    begin: Value,
    end: Value,
    step: i64,
    depth: usize,
}

/// A choice of which one way is being built.
#[derive(Debug)]
#[must_use = "a choice is to be closed"]
pub struct OpenIf {
    condition: Value,
    then: Option<(Vec<Statement>, Vec<Value>)>,
    depth: usize,
}

impl Builder {
    /// Begins a loop from `begin` up to but not including `end`. Values are carried from round to round, `initial` at first.
    pub fn open_loop(&mut self, begin: Value, end: Value, step: i64, initial: &[Value]) -> OpenLoop {
        let index = self.value(ValueType::INDEX);
        let carried = initial.iter().map(|value| self.value(self.type_of(*value))).collect();
        self.open.push(Vec::new());
        OpenLoop { index, carried, initial: initial.to_vec(), begin, end, step, depth: self.open.len() }
    }

    /// Ends a loop: `next` are the carried values of the next round. Gives what they are after the loop.
    pub fn close_loop(&mut self, open: OpenLoop, next: &[Value]) -> Vec<Value> {
        let OpenLoop { index, carried: inner, initial, begin, end, step, depth } = open;
        let body = self.close(depth, initial.len(), next.len());
        let mut carried = Vec::with_capacity(initial.len());
        for ((initial, inner), next) in initial.into_iter().zip(inner).zip(next) {
            let result = self.value(self.type_of(initial));
            carried.push(Carried { initial, inner, next: *next, result });
        }
        let results = carried.iter().map(|carried| carried.result).collect();
        let checked = self.check(|types| types.loop_header(index, [begin, end], step, &carried));
        self.push(Statement::Loop { index, begin, end, step, carried, body }, checked);
        results
    }

    fn close(&mut self, depth: usize, expected: usize, given: usize) -> Vec<Statement> {
        if expected != given {
            self.fail_with(String::new(), format!("{given} values are handed on, not {expected}"));
        }
        if self.open.len() != depth || depth < 2 {
            self.fail_with(String::new(), "what is closed is not what was opened last".into());
            return Vec::new();
        }
        self.open.pop().unwrap_or_default()
    }

    /// Begins a choice; what is built next is done when the condition holds.
    pub fn open_if(&mut self, condition: Value) -> OpenIf {
        self.open.push(Vec::new());
        OpenIf { condition, then: None, depth: self.open.len() }
    }

    /// Goes over to the other way; `then` are the values that the first way gives.
    pub fn open_else(&mut self, open: &mut OpenIf, then: &[Value]) {
        let body = self.close(open.depth, 0, 0);
        if open.then.replace((body, then.to_vec())).is_some() {
            self.fail_with(String::new(), "a choice has two ways only".into());
        }
        self.open.push(Vec::new());
    }

    /// Ends a choice: `values` are those that the way being built gives, as many as the first way's. Gives what was chosen.
    pub fn close_if(&mut self, open: OpenIf, values: &[Value]) -> Vec<Value> {
        let expected = open.then.as_ref().map_or(0, |(_, values)| values.len());
        let body = self.close(open.depth, expected, values.len());
        let (then, chosen, otherwise) = match open.then {
            Some((then, chosen)) => (then, chosen, body),
            None => (body, Vec::new(), Vec::new()),
        };
        let mut results = Vec::with_capacity(chosen.len());
        for (then, otherwise) in chosen.into_iter().zip(values) {
            let result = self.value(self.type_of(then));
            results.push(Chosen { then, otherwise: *otherwise, result });
        }
        let checked = self.check(|types| types.choice(open.condition, &results));
        let given = results.iter().map(|chosen| chosen.result).collect();
        self.push(Statement::If { condition: open.condition, then, otherwise, results }, checked);
        given
    }

    /// A loop that carries nothing.
    pub fn for_each(&mut self, begin: Value, end: Value, step: i64, body: impl FnOnce(&mut Self, Value)) {
        let open = self.open_loop(begin, end, step, &[]);
        body(self, open.index);
        self.close_loop(open, &[]);
    }

    /// A loop that carries values: `body` gets the index and the values so far, and gives the next ones.
    pub fn fold<const N: usize>(
        &mut self,
        begin: Value,
        end: Value,
        step: i64,
        initial: [Value; N],
        body: impl FnOnce(&mut Self, Value, [Value; N]) -> [Value; N],
    ) -> [Value; N] {
        let open = self.open_loop(begin, end, step, &initial);
        let carried = <[Value; N]>::try_from(open.carried.as_slice()).unwrap_or(initial);
        let next = body(self, open.index, carried);
        let results = self.close_loop(open, &next);
        <[Value; N]>::try_from(results.as_slice()).unwrap_or(initial)
    }

    /// A loop that carries any number of values.
    pub fn fold_many(
        &mut self,
        begin: Value,
        end: Value,
        step: i64,
        initial: &[Value],
        body: impl FnOnce(&mut Self, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let open = self.open_loop(begin, end, step, initial);
        let next = body(self, open.index, &open.carried);
        self.close_loop(open, &next)
    }

    /// Does the body when the condition holds.
    pub fn when(&mut self, condition: Value, body: impl FnOnce(&mut Self)) {
        let open = self.open_if(condition);
        body(self);
        self.close_if(open, &[]);
    }

    /// Does one of two bodies, each giving values of the same types.
    pub fn choose<const N: usize>(
        &mut self,
        condition: Value,
        then: impl FnOnce(&mut Self) -> [Value; N],
        otherwise: impl FnOnce(&mut Self) -> [Value; N],
    ) -> [Value; N] {
        let mut open = self.open_if(condition);
        let first = then(self);
        self.open_else(&mut open, &first);
        let second = otherwise(self);
        let results = self.close_if(open, &second);
        <[Value; N]>::try_from(results.as_slice()).unwrap_or(first)
    }

    /// Ends the kernel with a fault, by its index in the program's table.
    pub fn fail(&mut self, fault: u32) {
        self.push(Statement::Fail { fault }, Ok(()));
    }
}
