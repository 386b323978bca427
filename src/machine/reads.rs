//! How often values are read.

use crate::loops::{Accumulator, Operation, Program, Statement, Value, subscript_values};

/// How often a value is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reads {
    pub(super) all: usize,
    /// By fused multiply-adds.
    pub(super) in_fma: usize,
}

impl Reads {
    /// Whether nothing else reads it.
    pub(super) fn is_in_fma(&self) -> bool {
        self.in_fma == self.all
    }
}

/// How often each value is read.
pub(super) fn count_reads(program: &Program) -> Vec<Reads> {
    let mut reads = vec![Reads::default(); program.kinds.len()];
    let mut bodies = vec![&program.body];
    while let Some(body) = bodies.pop() {
        for statement in body {
            let mut read = |value: Value| reads[value.0 as usize].all += 1;
            match statement {
                Statement::Let(_, Operation::FusedMultiplyAdd(a, b, c)) => {
                    for value in [a, b, c] {
                        let reads = &mut reads[value.0 as usize];
                        reads.all += 1;
                        reads.in_fma += 1;
                    }
                }
                Statement::Let(_, operation) => operation.operands().for_each(read),
                Statement::Store { subscripts, value, .. } => {
                    read(*value);
                    subscript_values(subscripts).for_each(read);
                }
                Statement::Loop(inner) => {
                    inner.accumulators.iter().flat_map(Accumulator::reads).for_each(&mut read);
                    inner.guard.into_iter().for_each(read);
                    bodies.push(&inner.body);
                }
                Statement::Product(_) => {}
            }
        }
    }
    reads
}
