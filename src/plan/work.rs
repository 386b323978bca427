//! How much a program does: in come its loops, out comes a count of operations for any lengths of its extents.

use super::Length;
use crate::loops::{Extent, Operation, Program, Statement};

/// How many operations a program does: numbers of them, each times some lengths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    terms: Vec<(f64, Vec<Length>)>,
}

impl Work {
    /// The work of a program with these extents.
    pub(super) fn of(program: &Program, extents: &[Length]) -> Self {
        let length = |extent| match extent {
            Extent::Literal(length) => Length::Literal(length as usize),
            Extent::Given(id) => extents[id.0 as usize],
        };
        let mut terms = Vec::new();
        let mut open: Vec<(&[Statement], Vec<Length>)> = vec![(&program.body, Vec::new())];
        while let Some((body, around)) = open.pop() {
            let mut count = 0.0;
            for statement in body {
                match statement {
                    Statement::Let(_, operation) => count += cost(operation),
                    Statement::Store { .. } => count += 1.0,
                    Statement::Loop(inner) => {
                        let mut around = around.clone();
                        around.push(length(inner.extent));
                        open.push((&inner.body, around));
                    }
                    Statement::Product(product) => {
                        let mut around = around.clone();
                        around.extend(product.indices().map(|index| length(index.extent)));
                        terms.push((1.0, around));
                    }
                }
            }
            if count > 0.0 {
                terms.push((count, around));
            }
        }
        Self { terms }
    }

    /// The number of operations, where `length` tells the lengths.
    pub(crate) fn operations(&self, length: impl Fn(&Length) -> usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let length = |it: &Length| length(it) as f64;
        let term = |(count, around): &(f64, Vec<Length>)| {
            around.iter().map(length).fold(*count, |all, length| all * length)
        };
        self.terms.iter().map(term).sum()
    }
}

/// What an operation costs, where an addition costs 1.
fn cost(operation: &Operation) -> f64 {
    match operation {
        Operation::Real(_)
        | Operation::Integer(_)
        | Operation::Mask(_)
        | Operation::Counter(_)
        | Operation::Extent(_) => 0.0,
        Operation::Divide(..) | Operation::SquareRoot(_) => 4.0,
        _ => 1.0,
    }
}
