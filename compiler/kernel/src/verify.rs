//! The verifier: every value is made once, before it is used and where it can be seen, and has the type it is given.

use crate::error::KernelError;
use crate::form::*;
use crate::print::head;
use crate::types::Declarations;

/// Checks a kernel against the rules of the form: declarations, single definition before use with the scopes that bodies of
/// loops and choices make, types, masks, buffers, sizes.
///
/// # Errors
/// The first rule that is broken, with the statement that breaks it.
pub fn verify(kernel: &Kernel) -> Result<(), KernelError> {
    let invalid = |statement: String, message: String| KernelError::Invalid {
        kernel: kernel.name.clone(),
        statement,
        message,
    };
    if !is_identifier(&kernel.name) {
        return Err(invalid(String::new(), "its name is no identifier".into()));
    }
    for (number, of) in kernel.values.iter().enumerate() {
        Declarations::value_type(*of).map_err(|m| invalid(String::new(), format!("v{number}: {m}")))?;
    }
    let states = vec![State::Undefined; kernel.values.len()];
    let mut verifier =
        Verifier { kernel, declarations: Declarations::of(kernel), states, defined: Vec::new() };
    verifier.body(&kernel.body).map_err(|(statement, message)| invalid(statement, message))
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Undefined,
    Visible,
    /// Defined in a body that has ended.
    Gone,
}

struct Verifier<'a> {
    kernel: &'a Kernel,
    declarations: Declarations<'a>,
    states: Vec<State>,
    /// The values that can be seen, in the order of their definitions.
    defined: Vec<Value>,
}

/// The statement's first line and what is wrong.
type Broken = (String, String);

impl Verifier<'_> {
    fn body(&mut self, statements: &[Statement]) -> Result<(), Broken> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    /// A body whose definitions cannot be seen after it; `finish` looks at its end.
    fn scope(
        &mut self,
        statements: &[Statement],
        finish: impl FnOnce(&mut Self) -> Result<(), Broken>,
        enter: &[Value],
        of: &Statement,
    ) -> Result<(), Broken> {
        let outer = self.defined.len();
        enter.iter().try_for_each(|value| self.define(*value)).map_err(|message| self.at(of, message))?;
        self.body(statements)?;
        finish(self)?;
        for value in self.defined.drain(outer..) {
            if let Some(state) = self.states.get_mut(value.0 as usize) {
                *state = State::Gone;
            }
        }
        Ok(())
    }

    fn at(&self, statement: &Statement, message: String) -> Broken {
        (head(self.kernel, statement), message)
    }

    fn define(&mut self, value: Value) -> Result<(), String> {
        match self.states.get_mut(value.0 as usize) {
            None => Err(format!("there is no value v{}", value.0)),
            Some(state @ State::Undefined) => {
                *state = State::Visible;
                self.defined.push(value);
                Ok(())
            }
            Some(_) => Err(format!("v{} is defined twice", value.0)),
        }
    }

    fn see(&self, value: Value) -> Result<(), String> {
        match self.states.get(value.0 as usize) {
            Some(State::Visible) => Ok(()),
            Some(State::Gone) => Err(format!("v{} cannot be seen here: its body has ended", value.0)),
            Some(State::Undefined) => Err(format!("v{} is used before it is defined", value.0)),
            None => Err(format!("there is no value v{}", value.0)),
        }
    }

    fn see_all(&self, values: impl IntoIterator<Item = Value>) -> Result<(), String> {
        values.into_iter().try_for_each(|value| self.see(value))
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), Broken> {
        match statement {
            Statement::Loop { .. } => self.repetition(statement),
            Statement::If { .. } => self.choice(statement),
            _ => self.simple(statement).map_err(|message| self.at(statement, message)),
        }
    }

    fn simple(&mut self, statement: &Statement) -> Result<(), String> {
        match statement {
            Statement::Define { value, operation } => {
                let mut seen = Ok(());
                operation.for_each_operand(|operand| {
                    if seen.is_ok() {
                        seen = self.see(operand);
                    }
                });
                seen?;
                self.declarations.operation(self.declarations.value(*value)?, operation)?;
                self.define(*value)
            }
            Statement::Store { buffer, index, value, mask } => {
                self.see_all([*index, *value].into_iter().chain(*mask))?;
                self.declarations.store(*buffer, *index, *value, *mask)
            }
            Statement::Scatter { buffer, indices, value, mask } => {
                self.see_all([*indices, *value].into_iter().chain(*mask))?;
                self.declarations.scatter(*buffer, *indices, *value, *mask)
            }
            Statement::Prefetch { buffer, index } => {
                self.see(*index)?;
                self.declarations.prefetch(*buffer, *index)
            }
            _ => Ok(()),
        }
    }

    fn repetition(&mut self, statement: &Statement) -> Result<(), Broken> {
        let Statement::Loop { index, begin, end, step, carried, body } = statement else { return Ok(()) };
        self.see_all([*begin, *end].into_iter().chain(carried.iter().map(|carried| carried.initial)))
            .and_then(|()| self.declarations.loop_header(*index, [*begin, *end], *step, carried))
            .map_err(|message| self.at(statement, message))?;
        let enter: Vec<Value> = std::iter::once(*index).chain(carried.iter().map(|c| c.inner)).collect();
        let finish = |this: &mut Self| {
            this.see_all(carried.iter().map(|carried| carried.next)).map_err(|m| this.at(statement, m))
        };
        self.scope(body, finish, &enter, statement)?;
        let results = carried.iter().map(|carried| carried.result);
        self.define_all(results).map_err(|message| self.at(statement, message))
    }

    fn choice(&mut self, statement: &Statement) -> Result<(), Broken> {
        let Statement::If { condition, then, otherwise, results } = statement else { return Ok(()) };
        self.see(*condition)
            .and_then(|()| self.declarations.choice(*condition, results))
            .map_err(|message| self.at(statement, message))?;
        let end = |this: &mut Self, pick: fn(&Chosen) -> Value| {
            this.see_all(results.iter().map(pick)).map_err(|message| this.at(statement, message))
        };
        self.scope(then, |this| end(this, |chosen| chosen.then), &[], statement)?;
        self.scope(otherwise, |this| end(this, |chosen| chosen.otherwise), &[], statement)?;
        self.define_all(results.iter().map(|chosen| chosen.result))
            .map_err(|message| self.at(statement, message))
    }

    fn define_all(&mut self, values: impl Iterator<Item = Value>) -> Result<(), String> {
        let mut values = values;
        values.try_for_each(|value| self.define(value))
    }
}
