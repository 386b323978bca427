//! Programs for calls that know how long some axes are.
//!
//! In comes a program and the lengths of some of its extents, out goes one in which these are numbers: it gives the same bits,
//! for calls of these lengths alone. Loops whose guard cannot hold are gone.

use super::unroll::unroll;
use crate::hash::HashMap;
use crate::loops::{Accumulator, Extent, Loop, Operation, Program, Statement, Value};

/// The program with a number in place of each extent whose length is given, in the order of its extents; none where no loop
/// inside of a loop in lanes is one of them, as the others gain nothing. It is still called with all extents.
#[must_use]
pub fn with_lengths(program: &Program, lengths: &[Option<u32>]) -> Option<Program> {
    let mut program = program.clone();
    for array in &mut program.arrays {
        array.extents.iter_mut().for_each(|extent| _ = fix(extent, lengths));
    }
    if !fix_body(&mut program.body, lengths, false) {
        return None;
    }
    program.body = fold(std::mem::take(&mut program.body));
    unroll(&mut program);
    Some(program)
}

/// Says whether the length of an extent is a number only now.
fn fix(extent: &mut Extent, lengths: &[Option<u32>]) -> bool {
    let Extent::Given(id) = *extent else { return false };
    let Some(length) = lengths[id.0 as usize] else { return false };
    *extent = Extent::Literal(length);
    true
}

/// Says whether there is a loop inside of one in lanes whose length is a number only now.
fn fix_body(body: &mut [Statement], lengths: &[Option<u32>], in_lanes: bool) -> bool {
    let mut any = false;
    for statement in body {
        match statement {
            Statement::Let(_, operation) => {
                if let Operation::Extent(extent) = operation
                    && fix(extent, lengths)
                    && let Extent::Literal(length) = *extent
                {
                    *operation = Operation::Integer(length.into());
                }
            }
            Statement::Store { .. } => {}
            Statement::Loop(inner) => {
                any |= fix(&mut inner.extent, lengths) && in_lanes;
                any |= fix_body(&mut inner.body, lengths, inner.lanes);
            }
            Statement::Product(product) => {
                for index in [&mut product.row, &mut product.column, &mut product.depth] {
                    fix(&mut index.extent, lengths);
                }
            }
        }
    }
    any
}

/// Works out what is known outside of loops, and leaves out the loops that do not run.
fn fold(body: Vec<Statement>) -> Vec<Statement> {
    let mut known: HashMap<Value, Operation> = HashMap::default();
    let mut left = Vec::with_capacity(body.len());
    for statement in body {
        match statement {
            Statement::Let(value, operation) => {
                let operation = folded(&known, operation);
                if let Operation::Integer(_) | Operation::Mask(_) = operation {
                    known.insert(value, operation.clone());
                }
                left.push(Statement::Let(value, operation));
            }
            Statement::Loop(inner) => match inner.guard.and_then(|guard| known.get(&guard)) {
                Some(Operation::Mask(false)) => {
                    let neutral = |it: Accumulator| Statement::Let(it.result, it.join.neutral());
                    left.extend(inner.accumulators.into_iter().map(neutral));
                }
                Some(_) => left.push(Statement::Loop(Loop { guard: None, ..inner })),
                None => left.push(Statement::Loop(inner)),
            },
            other @ (Statement::Store { .. } | Statement::Product(_)) => left.push(other),
        }
    }
    left
}

/// What an operation on known integers and masks gives; a selection that is known has one value on both sides.
fn folded(known: &HashMap<Value, Operation>, operation: Operation) -> Operation {
    use Operation::{Integer, IntegerLess, Mask, Not, Select};
    let get = |value: &Value| known.get(value);
    match &operation {
        IntegerLess(a, b) => match (get(a), get(b)) {
            (Some(Integer(a)), Some(Integer(b))) => Mask(a < b),
            _ => operation,
        },
        Not(a) => match get(a) {
            Some(Mask(holds)) => Mask(!holds),
            _ => operation,
        },
        Select(mask, a, b) => match get(mask) {
            Some(Mask(holds)) => {
                let chosen = if *holds { *a } else { *b };
                Select(*mask, chosen, chosen)
            }
            _ => operation,
        },
        _ => operation,
    }
}
