//! Negations that fused multiply-adds do for nothing.
//!
//! In comes a program, out goes the same one without the negations that nothing but fused multiply-adds reads, and for
//! each of these the signs of its product and of its addend.

use crate::loops::{Operation, Program, Statement, Value};
use crate::machine::reads::Reads;

/// Whether a fused multiply-add negates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    pub(super) product: bool,
    pub(super) addend: bool,
}

/// Takes negations out of a program, given how often values are read, and gives the signs of each value.
pub(super) fn fold(program: &mut Program, reads: &[Reads]) -> Vec<Signs> {
    let mut signs = vec![Signs::default(); program.kinds.len()];
    if program.fused {
        let mut negated = vec![None; program.kinds.len()];
        fold_body(&mut program.body, reads, &mut negated, &mut signs);
    }
    signs
}

fn fold_body(
    body: &mut Vec<Statement>,
    reads: &[Reads],
    negated: &mut [Option<Value>],
    signs: &mut [Signs],
) {
    body.retain_mut(|statement| match statement {
        Statement::Let(value, Operation::Negate(of)) if reads[value.0 as usize].is_in_fma() => {
            negated[value.0 as usize] = Some(*of);
            false
        }
        Statement::Let(value, Operation::FusedMultiplyAdd(a, b, c)) => {
            let plain = |operand: &mut Value| {
                let of = negated[operand.0 as usize];
                *operand = of.unwrap_or(*operand);
                of.is_some()
            };
            signs[value.0 as usize] = Signs { product: plain(a) != plain(b), addend: plain(c) };
            true
        }
        Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => true,
        Statement::Loop(inner) => {
            fold_body(&mut inner.body, reads, negated, signs);
            true
        }
    });
}
