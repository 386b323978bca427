//! Programs for calls that know how long some axes are.
//!
//! In comes a program and what is known of its extents, out goes one that gives the same bits, for such calls alone. Lengths of short
//! axes are numbers in it, and loops whose guard cannot hold are gone.

use super::unroll::unroll;
use crate::hash::HashMap;
use crate::loops::{Accumulator, Extent, Operation, Program, SHORT, Statement, Value};

/// What a call knows of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// That it is longer than [`SHORT`].
    Long,
    /// How long it is.
    Length(u32),
}

/// Whether a program has other code for short rows than for long ones.
#[must_use]
pub fn tells_lengths_apart(program: &Program) -> bool {
    let is_guarded = |statement: &Statement| match statement {
        Statement::Loop(inner) => inner.guard.is_some(),
        Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => false,
    };
    program.body.iter().any(is_guarded)
}

/// The program for calls of which something is known, for each of its extents in order. It is still called with all extents.
#[must_use]
pub fn for_lengths(program: &Program, known: &[Known]) -> Program {
    let mut program = program.clone();
    for array in &mut program.arrays {
        array.extents.iter_mut().for_each(|extent| fix(extent, known));
    }
    fix_body(&mut program.body, known);
    program.body = fold(std::mem::take(&mut program.body), known);
    unroll(&mut program);
    program
}

fn fix(extent: &mut Extent, known: &[Known]) {
    if let Extent::Given(id) = *extent
        && let Known::Length(length) = known[id.0 as usize]
    {
        *extent = Extent::Literal(length);
    }
}

fn fix_body(body: &mut [Statement], known: &[Known]) {
    for statement in body {
        match statement {
            Statement::Let(_, operation) => {
                if let Operation::Extent(extent) = operation {
                    fix(extent, known);
                    if let Extent::Literal(length) = *extent {
                        *operation = Operation::Integer(length.into());
                    }
                }
            }
            Statement::Store { .. } => {}
            Statement::Loop(inner) => {
                fix(&mut inner.extent, known);
                fix_body(&mut inner.body, known);
            }
            Statement::Product(product) => {
                for index in [&mut product.row, &mut product.column, &mut product.depth] {
                    fix(&mut index.extent, known);
                }
            }
        }
    }
}

/// Works out what is known outside of loops, and leaves out the loops that do not run.
fn fold(body: Vec<Statement>, lengths: &[Known]) -> Vec<Statement> {
    let mut known: HashMap<Value, Operation> = HashMap::default();
    let mut left = Vec::with_capacity(body.len());
    for statement in body {
        match statement {
            Statement::Let(value, operation) => {
                let operation = folded(&known, lengths, operation);
                if let Operation::Integer(_) | Operation::Mask(_) | Operation::Extent(_) = operation
                {
                    known.insert(value, operation.clone());
                }
                left.push(Statement::Let(value, operation));
            }
            Statement::Loop(mut inner) => match inner.guard.and_then(|guard| known.get(&guard)) {
                Some(Operation::Mask(false)) => {
                    let neutral = |it: Accumulator| Statement::Let(it.result, it.join.neutral());
                    left.extend(inner.accumulators.into_iter().map(neutral));
                }
                Some(_) => {
                    inner.guard = None;
                    left.push(Statement::Loop(inner));
                }
                None => left.push(Statement::Loop(inner)),
            },
            other @ (Statement::Store { .. } | Statement::Product(_)) => left.push(other),
        }
    }
    left
}

/// What an operation on known integers and masks gives; a selection that is known has one value on both sides.
fn folded(known: &HashMap<Value, Operation>, lengths: &[Known], operation: Operation) -> Operation {
    use Operation::{Integer, IntegerLess, Mask, Not, Select};
    let is_long = |extent: &Extent| match extent {
        Extent::Given(id) => lengths[id.0 as usize] == Known::Long,
        Extent::Literal(_) => false,
    };
    let get = |value: &Value| known.get(value);
    match &operation {
        IntegerLess(a, b) => match (get(a), get(b)) {
            (Some(Integer(a)), Some(Integer(b))) => Mask(a < b),
            (Some(Integer(a)), Some(Operation::Extent(b))) if *a <= SHORT.into() && is_long(b) => {
                Mask(true)
            }
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
