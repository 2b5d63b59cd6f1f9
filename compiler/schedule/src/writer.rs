//! Writing one kernel: single assignment, scopes, and each computation as far out as its operands allow.
//!
//! Operations without effects are shared while their scope is open, and are placed in the outermost loop that has all their
//! operands, so that whoever writes a nest may ask for addresses and constants where they are used. Nothing moves out of a
//! choice: what a choice guards stays guarded.

use crate::scene::is_storage;
use moe_graph::{Element, Scalar, Size};
use moe_kernel::{
    BinaryOperation, BufferParameter, Carried, Chosen, Comparison, LaneParts, Operation, Statement,
    UnaryOperation, Value, ValueType,
};
use std::collections::{HashMap, HashSet};

#[derive(Default)]
struct Scope {
    /// Nothing may be placed further out from here.
    barrier: bool,
    statements: Vec<Statement>,
    known: HashMap<(Operation, ValueType), Value>,
}

/// The kernel being written.
pub(crate) struct Writer {
    pub buffers: Vec<BufferParameter>,
    pub sizes: Vec<Size>,
    pub values: Vec<ValueType>,
    /// For each value, the depth of the scope it is defined in; `None` when that has closed.
    homes: Vec<Option<usize>>,
    constants: HashMap<Value, i64>,
    /// Indices that are another one plus a number.
    shifted: HashMap<Value, (Value, i64)>,
    /// Indices that are another one times a number.
    scaled: HashMap<Value, (Value, i64)>,
    /// What was converted to be each value.
    converted: HashMap<Value, Value>,
    scopes: Vec<Scope>,
    checked: HashSet<Value>,
    pub fused: bool,
}

/// A loop being written.
pub(crate) struct OpenLoop {
    pub index: Value,
    pub inner: Vec<Value>,
    header: (Value, Value, i64),
    initial: Vec<Value>,
}

/// A choice being written.
pub(crate) struct OpenIf {
    condition: Value,
    then: Option<Vec<Statement>>,
}

impl Writer {
    pub fn new(fused: bool) -> Self {
        let root = Scope { barrier: true, ..Scope::default() };
        Writer {
            buffers: Vec::new(),
            sizes: Vec::new(),
            values: Vec::new(),
            homes: Vec::new(),
            constants: HashMap::new(),
            shifted: HashMap::new(),
            scaled: HashMap::new(),
            converted: HashMap::new(),
            scopes: vec![root],
            checked: HashSet::new(),
            fused,
        }
    }

    /// The statements, when all scopes but the outermost are closed.
    pub fn body(&mut self) -> Vec<Statement> {
        self.scopes.first_mut().map(|root| std::mem::take(&mut root.statements)).unwrap_or_default()
    }

    pub fn ty(&self, value: Value) -> ValueType {
        let missing = ValueType { element: Element::I64, lanes: 1 };
        self.values.get(value.0 as usize).copied().unwrap_or(missing)
    }

    pub fn lanes(&self, value: Value) -> u32 {
        self.ty(value).lanes
    }

    /// Whether a value can be used here.
    pub fn is_live(&self, value: Value) -> bool {
        self.homes.get(value.0 as usize).copied().flatten().is_some()
    }

    fn fresh(&mut self, ty: ValueType, home: usize) -> Value {
        self.values.push(ty);
        self.homes.push(Some(home));
        Value(self.values.len() as u32 - 1)
    }

    fn depth(&self) -> usize {
        self.scopes.len().saturating_sub(1)
    }

    fn home(&self, value: Value) -> usize {
        self.homes.get(value.0 as usize).copied().flatten().unwrap_or_else(|| self.depth())
    }

    fn outermost(&self, operands: &[Value]) -> usize {
        let barrier = self.scopes.iter().rposition(|scope| scope.barrier).unwrap_or(0);
        operands.iter().map(|operand| self.home(*operand)).max().unwrap_or(0).max(barrier)
    }

    /// The value of an operation, placed as far out as may be if it has no effects and reads nothing that is written.
    pub fn define(&mut self, operation: Operation, ty: ValueType) -> Value {
        let (operands, movable) = self.operands(&operation);
        if !movable {
            let depth = self.depth();
            return self.place(operation, ty, depth);
        }
        let key = (operation, ty);
        if let Some(value) = self.scopes.iter().rev().find_map(|scope| scope.known.get(&key)) {
            return *value;
        }
        let depth = self.outermost(&operands);
        let value = self.place(key.0.clone(), ty, depth);
        if let Some(scope) = self.scopes.get_mut(depth) {
            scope.known.insert(key, value);
        }
        value
    }

    fn place(&mut self, operation: Operation, ty: ValueType, depth: usize) -> Value {
        let value = self.fresh(ty, depth);
        if let Some(scope) = self.scopes.get_mut(depth) {
            scope.statements.push(Statement::Define { value, operation });
        }
        value
    }

    /// The operands, and whether the operation may move and be shared.
    fn operands(&self, operation: &Operation) -> (Vec<Value>, bool) {
        let constant = |buffer: &u32| self.buffers.get(*buffer as usize).is_some_and(|b| !b.written);
        match operation {
            Operation::Constant(_)
            | Operation::Size(_)
            | Operation::Begin
            | Operation::End
            | Operation::LaneNumbers => (Vec::new(), true),
            Operation::Splat(a)
            | Operation::Unary(_, a)
            | Operation::Convert(a)
            | Operation::Reinterpret(a)
            | Operation::ReduceLanes(_, a)
            | Operation::Extract(a, _)
            | Operation::Reverse(a) => (vec![*a], true),
            Operation::Binary(_, a, b) | Operation::Compare(_, a, b) => (vec![*a, *b], true),
            Operation::Select(a, b, c)
            | Operation::MultiplyAdd(a, b, c)
            | Operation::AddProducts(_, a, b, c) => (vec![*a, *b, *c], true),
            Operation::Load { buffer, index, mask } => {
                ([*index].into_iter().chain(*mask).collect(), constant(buffer))
            }
            Operation::Gather { buffer, indices, mask } => {
                ([*indices].into_iter().chain(*mask).collect(), constant(buffer))
            }
        }
    }

    pub fn statement(&mut self, statement: Statement) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.statements.push(statement);
        }
    }

    /// Reads a buffer as it is.
    pub fn load(&mut self, buffer: u32, index: Value, mask: Option<Value>, lanes: u32) -> Value {
        let element = self.buffers.get(buffer as usize).map_or(Element::I64, |buffer| buffer.element);
        self.define(Operation::Load { buffer, index, mask }, ValueType { element, lanes })
    }

    /// Writes a buffer as it is.
    pub fn store(&mut self, buffer: u32, index: Value, value: Value, mask: Option<Value>) {
        self.statement(Statement::Store { buffer, index, value, mask });
    }

    fn push_scope(&mut self, barrier: bool) {
        self.scopes.push(Scope { barrier, ..Scope::default() });
    }

    fn pop_scope(&mut self) -> Vec<Statement> {
        let depth = self.depth();
        for home in self.homes.iter_mut().filter(|home| **home == Some(depth)) {
            *home = None;
        }
        self.scopes.pop().map(|scope| scope.statements).unwrap_or_default()
    }

    pub fn open_loop(&mut self, begin: Value, end: Value, step: i64, initial: &[Value]) -> OpenLoop {
        self.push_scope(false);
        let depth = self.depth();
        let index = self.fresh(INDEX, depth);
        let inner = initial.iter().map(|value| self.fresh(self.ty(*value), depth)).collect();
        OpenLoop { index, inner, header: (begin, end, step), initial: initial.to_vec() }
    }

    /// Ends the loop with what the carried values become; gives what they are after it.
    pub fn close_loop(&mut self, open: OpenLoop, next: &[Value]) -> Vec<Value> {
        let body = self.pop_scope();
        let depth = self.depth();
        let carried: Vec<Carried> = open
            .initial
            .iter()
            .zip(&open.inner)
            .zip(next)
            .map(|((initial, inner), next)| {
                let result = self.fresh(self.ty(*initial), depth);
                Carried { initial: *initial, inner: *inner, next: *next, result }
            })
            .collect();
        let results = carried.iter().map(|carried| carried.result).collect();
        let (begin, end, step) = open.header;
        self.statement(Statement::Loop { index: open.index, begin, end, step, carried, body });
        results
    }

    pub fn open_if(&mut self, condition: Value) -> OpenIf {
        self.push_scope(true);
        OpenIf { condition, then: None }
    }

    /// Ends the first way and begins the other.
    pub fn otherwise(&mut self, open: &mut OpenIf) {
        open.then = Some(self.pop_scope());
        self.push_scope(true);
    }

    /// Ends the choice; pairs of values of the two ways become values after it.
    pub fn close_if(&mut self, open: OpenIf, pairs: &[(Value, Value)]) -> Vec<Value> {
        let last = self.pop_scope();
        let (then, otherwise) = match open.then {
            Some(then) => (then, last),
            None => (last, Vec::new()),
        };
        let depth = self.depth();
        let results: Vec<Chosen> = pairs
            .iter()
            .map(|(then, otherwise)| {
                let result = self.fresh(self.ty(*then), depth);
                Chosen { then: *then, otherwise: *otherwise, result }
            })
            .collect();
        let values = results.iter().map(|chosen| chosen.result).collect();
        self.statement(Statement::If { condition: open.condition, then, otherwise, results });
        values
    }

    /// Stops with a fault where the condition (any lane of it) holds, as far out as the condition stands.
    pub fn fail_if(&mut self, condition: Value, fault: u32) {
        if !self.checked.insert(condition) {
            return;
        }
        let condition = self.any(condition);
        let depth = self.home(condition);
        let then = vec![Statement::Fail { fault }];
        let statement = Statement::If { condition, then, otherwise: Vec::new(), results: Vec::new() };
        if let Some(scope) = self.scopes.get_mut(depth) {
            scope.statements.push(statement);
        }
    }

    pub fn any(&mut self, condition: Value) -> Value {
        if self.lanes(condition) == 1 {
            return condition;
        }
        self.define(Operation::ReduceLanes(BinaryOperation::Or, condition), CONDITION)
    }

    // Numbers and sizes.

    pub fn constant(&mut self, scalar: Scalar, lanes: u32) -> Value {
        let value = self.define(Operation::Constant(scalar), ValueType { element: scalar.element(), lanes });
        if lanes == 1 && scalar.element() == Element::I64 {
            if let Some(number) = scalar.as_integer().and_then(|number| i64::try_from(number).ok()) {
                self.constants.insert(value, number);
            }
        }
        value
    }

    pub fn index(&mut self, number: i64) -> Value {
        self.constant(Scalar::index(number), 1)
    }

    /// The number a value is, where that is known.
    pub fn known(&self, value: Value) -> Option<i64> {
        self.constants.get(&value).copied()
    }

    /// A number of the type of another value.
    pub fn number(&mut self, like: Value, number: f64) -> Value {
        let ty = self.ty(like);
        let scalar = Scalar::of(ty.element, number).unwrap_or(Scalar::zero(ty.element));
        self.constant(scalar, ty.lanes)
    }

    /// An integer of the type of another value.
    pub fn integer(&mut self, like: Value, number: i64) -> Value {
        let ty = self.ty(like);
        let scalar = Scalar::integer(ty.element, number.into()).unwrap_or(Scalar::zero(ty.element));
        self.constant(scalar, ty.lanes)
    }

    pub fn size(&mut self, size: &Size) -> Value {
        if let Some(number) = size.as_constant() {
            return self.index(number);
        }
        let place = self.sizes.iter().position(|known| known == size).unwrap_or_else(|| {
            self.sizes.push(size.clone());
            self.sizes.len() - 1
        });
        self.define(Operation::Size(place as u32), INDEX)
    }

    pub fn begin(&mut self) -> Value {
        self.define(Operation::Begin, INDEX)
    }

    pub fn end(&mut self) -> Value {
        self.define(Operation::End, INDEX)
    }

    // Operations; operands of one lane are spread to as many lanes as the others have.

    pub fn splat(&mut self, value: Value, lanes: u32) -> Value {
        let ty = self.ty(value);
        if ty.lanes == lanes {
            return value;
        }
        self.define(Operation::Splat(value), ValueType { element: ty.element, lanes })
    }

    fn alike(&mut self, a: Value, b: Value) -> (Value, Value) {
        let lanes = self.lanes(a).max(self.lanes(b));
        (self.splat(a, lanes), self.splat(b, lanes))
    }

    pub fn unary(&mut self, operation: UnaryOperation, a: Value) -> Value {
        self.define(Operation::Unary(operation, a), self.ty(a))
    }

    pub fn binary(&mut self, operation: BinaryOperation, a: Value, b: Value) -> Value {
        if let Some(value) = self.folded(operation, a, b) {
            return value;
        }
        self.binary_of_lanes(operation, a, b)
    }

    fn binary_of_lanes(&mut self, operation: BinaryOperation, a: Value, b: Value) -> Value {
        let (a, b) = self.alike(a, b);
        self.define(Operation::Binary(operation, a, b), self.ty(a))
    }

    /// Arithmetic on known indices.
    fn folded(&mut self, operation: BinaryOperation, a: Value, b: Value) -> Option<Value> {
        use BinaryOperation as B;
        if self.ty(a) != INDEX || self.ty(b) != INDEX {
            return None;
        }
        let (x, y) = (self.known(a), self.known(b));
        match (operation, x, y) {
            (B::Add, Some(0), _) | (B::Multiply, Some(1), _) => return Some(b),
            (B::Add | B::Subtract, _, Some(0)) | (B::Multiply | B::Divide, _, Some(1)) => return Some(a),
            (B::Multiply, Some(0), _) | (B::Multiply, _, Some(0)) | (B::Remainder, _, Some(1)) => {
                return Some(self.index(0))
            }
            _ => {}
        }
        let (Some(x), Some(y)) = (x, y) else { return self.spread(operation, a, b) };
        let number = match operation {
            B::Add => x.checked_add(y)?,
            B::Subtract => x.checked_sub(y)?,
            B::Multiply => x.checked_mul(y)?,
            B::Divide => x.checked_div(y)?,
            B::Remainder => x.checked_rem(y)?,
            B::Minimum => x.min(y),
            B::Maximum => x.max(y),
            B::And => x & y,
            _ => return None,
        };
        Some(self.index(number))
    }

    /// Sums and products with known numbers, the number brought outermost: so entries at fixed distances share all the rest of their
    /// address.
    fn spread(&mut self, operation: BinaryOperation, a: Value, b: Value) -> Option<Value> {
        use BinaryOperation as B;
        match operation {
            B::Add => {
                if let Some(number) = self.known(a) {
                    return self.plus(b, number);
                }
                if let Some(number) = self.known(b) {
                    return self.plus(a, number);
                }
                let ((a, x), (b, y)) = (self.split(a), self.split(b));
                if x == 0 && y == 0 {
                    return None;
                }
                let sum = self.binary_of_lanes(B::Add, a, b);
                self.plus(sum, x.checked_add(y)?)
            }
            B::Multiply => {
                let (value, factor) = match (self.known(a), self.known(b)) {
                    (Some(factor), _) => (b, factor),
                    (_, Some(factor)) => (a, factor),
                    _ => return None,
                };
                let (base, number) = self.split(value);
                let number = number.checked_mul(factor)?;
                let by = self.index(factor);
                let product = self.binary_of_lanes(B::Multiply, base, by);
                self.scaled.insert(product, (base, factor));
                self.plus(product, number)
            }
            B::Divide => {
                let divisor = self.known(b).filter(|divisor| *divisor > 0)?;
                let (base, number) = self.split(a);
                let (whole, factor) = self.scaled.get(&base).copied()?;
                if factor != divisor || number % divisor != 0 {
                    return None;
                }
                self.plus(whole, number / divisor)
            }
            _ => None,
        }
    }

    /// An index as another one plus a number.
    fn split(&self, value: Value) -> (Value, i64) {
        self.shifted.get(&value).copied().unwrap_or((value, 0))
    }

    fn plus(&mut self, value: Value, number: i64) -> Option<Value> {
        let (base, before) = self.split(value);
        let number = before.checked_add(number)?;
        if number == 0 {
            return Some(base);
        }
        let by = self.index(number);
        let sum = self.binary_of_lanes(BinaryOperation::Add, base, by);
        self.shifted.insert(sum, (base, number));
        Some(sum)
    }

    pub fn add(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryOperation::Add, a, b)
    }

    pub fn subtract(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryOperation::Subtract, a, b)
    }

    pub fn multiply(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryOperation::Multiply, a, b)
    }

    pub fn divide(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryOperation::Divide, a, b)
    }

    /// Where the block with this number begins, and where the next one does, blocks being `length` long.
    pub fn span(&mut self, number: Value, length: i64) -> [Value; 2] {
        let length = self.index(length);
        let begin = self.multiply(number, length);
        [begin, self.add(begin, length)]
    }

    /// The quotient by a positive number and the remainder of an index that is not negative.
    pub fn digits(&mut self, a: Value, divisor: i64) -> [Value; 2] {
        let (base, number) = self.split(a);
        match self.scaled.get(&base).copied().filter(|(_, factor)| *factor == divisor && number >= 0) {
            Some((whole, _)) => [self.offset(whole, number / divisor), self.index(number % divisor)],
            None => {
                let divisor = self.index(divisor);
                [BinaryOperation::Divide, BinaryOperation::Remainder]
                    .map(|kind| self.binary(kind, a, divisor))
            }
        }
    }

    pub fn minimum(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryOperation::Minimum, a, b)
    }

    pub fn and(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryOperation::And, a, b)
    }

    pub fn or(&mut self, a: Value, b: Value) -> Value {
        self.binary(BinaryOperation::Or, a, b)
    }

    /// `a + number` of an index.
    pub fn offset(&mut self, a: Value, number: i64) -> Value {
        let number = self.index(number);
        self.add(a, number)
    }

    pub fn compare(&mut self, comparison: Comparison, a: Value, b: Value) -> Value {
        let (a, b) = self.alike(a, b);
        let ty = ValueType { element: Element::Bool, lanes: self.lanes(a) };
        self.define(Operation::Compare(comparison, a, b), ty)
    }

    pub fn select(&mut self, condition: Value, a: Value, b: Value) -> Value {
        if a == b {
            return a;
        }
        let lanes = self.lanes(condition).max(self.lanes(a)).max(self.lanes(b));
        let (a, b) = (self.splat(a, lanes), self.splat(b, lanes));
        self.define(Operation::Select(condition, a, b), self.ty(a))
    }

    /// `a * b + c`; of floats rounded once where the machine has an instruction for it, else twice.
    pub fn multiply_add(&mut self, a: Value, b: Value, c: Value) -> Value {
        if !self.fused || !self.ty(c).element.is_float() {
            let product = self.multiply(a, b);
            return self.add(product, c);
        }
        self.exact_multiply_add(a, b, c)
    }

    /// `a * b + c`, rounded once on every machine.
    pub fn exact_multiply_add(&mut self, a: Value, b: Value, c: Value) -> Value {
        let lanes = self.lanes(a).max(self.lanes(b)).max(self.lanes(c));
        let (a, b, c) = (self.splat(a, lanes), self.splat(b, lanes), self.splat(c, lanes));
        self.define(Operation::MultiplyAdd(a, b, c), self.ty(a))
    }

    /// `c` with the products of the parts of lanes added.
    pub fn add_products(&mut self, parts: LaneParts, a: Value, b: Value, c: Value) -> Value {
        let lanes = self.lanes(a).max(self.lanes(b)).max(self.lanes(c));
        let (a, b, c) = (self.splat(a, lanes), self.splat(b, lanes), self.splat(c, lanes));
        self.define(Operation::AddProducts(parts, a, b, c), self.ty(c))
    }

    pub fn convert(&mut self, a: Value, element: Element) -> Value {
        let ty = self.ty(a);
        if ty.element == element {
            return a;
        }
        // What was rounded to a float and widened need not be rounded again.
        let rounded = self.converted.get(&a).filter(|from| self.converted.contains_key(from));
        let widens = |from: &&Value| {
            self.ty(**from).element == element && is_storage(element) && ty.element.is_float()
        };
        if let Some(rounded) = rounded.filter(widens).filter(|from| self.is_live(**from)) {
            return *rounded;
        }
        let result = self.define(Operation::Convert(a), ValueType { element, lanes: ty.lanes });
        self.converted.insert(result, a);
        result
    }

    pub fn reinterpret(&mut self, a: Value, element: Element) -> Value {
        let lanes = self.lanes(a);
        self.define(Operation::Reinterpret(a), ValueType { element, lanes })
    }

    /// The same bits as fewer lanes of a wider type.
    pub fn joined(&mut self, a: Value, element: Element) -> Value {
        let ty = self.ty(a);
        let lanes = (ty.lanes as usize * ty.element.bytes() / element.bytes()) as u32;
        self.define(Operation::Reinterpret(a), ValueType { element, lanes })
    }

    pub fn reduce_lanes(&mut self, operation: BinaryOperation, a: Value) -> Value {
        let ty = self.ty(a);
        if ty.lanes == 1 {
            return a;
        }
        self.define(Operation::ReduceLanes(operation, a), ValueType { element: ty.element, lanes: 1 })
    }

    /// The lanes in the opposite order.
    pub fn reverse(&mut self, a: Value) -> Value {
        self.define(Operation::Reverse(a), self.ty(a))
    }

    /// `base`, `base + 1`, … in the lanes.
    pub fn lane_indices(&mut self, base: Value, lanes: u32) -> Value {
        let numbers = self.define(Operation::LaneNumbers, ValueType { element: Element::I64, lanes });
        let base = self.splat(base, lanes);
        self.add(base, numbers)
    }
}

/// An index.
pub(crate) const INDEX: ValueType = ValueType { element: Element::I64, lanes: 1 };
/// A condition.
pub(crate) const CONDITION: ValueType = ValueType { element: Element::Bool, lanes: 1 };
