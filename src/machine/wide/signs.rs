//! Negations that fused multiply-adds do for nothing.
//!
//! In comes a program, out goes the same one without the negations that nothing but fused multiply-adds reads, and for
//! each of these the signs of its product and of its addend.

use crate::hash::HashMap;
use crate::loops::{Operation, Program, Statement, Value};
use crate::machine::operation::negated_in_fma;

/// Whether a fused multiply-add negates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    pub(super) product: bool,
    pub(super) addend: bool,
}

/// Takes negations out of a program, and gives those of fused multiply-adds that have a sign.
pub(super) fn fold(program: &mut Program) -> HashMap<Value, Signs> {
    let only = negated_in_fma(program);
    let mut signs = HashMap::default();
    fold_body(&mut program.body, &only, &mut HashMap::default(), &mut signs);
    signs
}

fn fold_body(
    body: &mut Vec<Statement>,
    only: &[bool],
    negated: &mut HashMap<Value, Value>,
    signs: &mut HashMap<Value, Signs>,
) {
    body.retain_mut(|statement| match statement {
        Statement::Let(value, Operation::Negate(of)) if only[value.0 as usize] => {
            negated.insert(*value, *of);
            false
        }
        Statement::Let(value, Operation::FusedMultiplyAdd(a, b, c)) => {
            let plain = |operand: &mut Value| match negated.get(operand) {
                Some(of) => {
                    *operand = *of;
                    true
                }
                None => false,
            };
            let found = Signs { product: plain(a) != plain(b), addend: plain(c) };
            if found != Signs::default() {
                signs.insert(*value, found);
            }
            true
        }
        Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => true,
        Statement::Loop(inner) => {
            fold_body(&mut inner.body, only, negated, signs);
            true
        }
    });
}
