//! Operations as statements: what an open body has computed already is not computed again.

use std::collections::hash_map::Entry;

use super::emit::Emitter;
use crate::loops::{Accuracy, ArrayRole, Emit, Kind, Operation, Precision, Statement, Value};

impl Emit for Emitter<'_> {
    fn precision(&self) -> Precision {
        self.program.precision
    }

    fn is_fused(&self) -> bool {
        self.program.fused
    }

    fn accuracy(&self) -> Accuracy {
        self.accuracy
    }

    fn emit(&mut self, operation: Operation) -> Value {
        let mut operation = self.without_sign(operation);
        if !self.is_volatile(&operation) {
            let (value, body) = (self.next_value(), self.body().number);
            let is_constant = matches!(
                operation,
                Operation::Real(_) | Operation::Integer(_) | Operation::Mask(_)
            );
            let is_open = |number| self.bodies.iter().any(|body| body.number == number);
            operation = match self.operations.entry((operation, is_constant.then_some(body))) {
                Entry::Occupied(known) if is_open(known.get().1) => return known.get().0,
                // What only a body that is closed has is known no more.
                entry => entry.insert_entry((value, body)).key().0.clone(),
            };
        }
        let value = self.new_value(self.kind_of(&operation));
        if let Operation::Negate(of) = operation {
            self.negations.insert(value, of);
        }
        self.body().statements.push(Statement::Let(value, operation));
        value
    }
}

impl Emitter<'_> {
    fn next_value(&self) -> Value {
        Value(u32::try_from(self.program.kinds.len()).expect("fewer than 2^32 values"))
    }

    pub(super) fn new_value(&mut self, kind: Kind) -> Value {
        let value = self.next_value();
        self.program.kinds.push(kind);
        value
    }

    fn kind_of(&self, operation: &Operation) -> Kind {
        match operation {
            Operation::Load(array, _) => self.program.arrays[array.0 as usize].kind,
            Operation::Select(_, a, _) => self.program.kinds[a.0 as usize],
            _ => operation.kinds().expect("the kind of any other operation is its own").1,
        }
    }

    /// The absolute value of a negation as that of what it negates, so that functions of both
    /// share what they compute of the magnitude.
    fn without_sign(&self, operation: Operation) -> Operation {
        match operation {
            Operation::Absolute(of) => {
                Operation::Absolute(self.negations.get(&of).copied().unwrap_or(of))
            }
            other => other,
        }
    }

    /// Whether the same operation may have another value later: a load of what the program writes.
    fn is_volatile(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Load(array, _) => {
                self.program.arrays[array.0 as usize].role != ArrayRole::Input
            }
            _ => false,
        }
    }
}
