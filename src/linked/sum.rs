//! Sums of many values, in the order that [`crate::call`] states: a local function that adds numbers to a
//! state in memory, so that the bits do not depend on how they are cut.
//!
//! The state is 16 partial sums, the sum of the blocks that are done, and how many values the open
//! block has.

use cranelift::codegen::ir::condcodes::IntCC;
use cranelift::codegen::ir::{Function, InstBuilder, Type, Value, types};
use cranelift::prelude::Variable;

use super::pen::{Pen, write_function};
use crate::call::BLOCK;
use crate::loops::Precision;
use crate::machine::ObjectWriter;

/// How many bytes the state has.
pub(super) const STATE: u32 = 8 * 18;
const PARTIALS: i32 = 16;
const TOTAL: i32 = 8 * PARTIALS;
const IN_BLOCK: i32 = TOTAL + 8;

/// The function `add(state, numbers, count)`.
pub(super) fn write_add(object: &mut ObjectWriter, precision: Precision) -> Function {
    write_function(object, precision, 3, None, |pen, arguments| {
        let [state, numbers, count] = *arguments else { unreachable!("three parameters") };
        add(pen, state, numbers, count);
        None
    })
}

/// Nothing has been added.
pub(super) fn clear(pen: &mut Pen, state: Value) {
    let zero = pen.integer(0);
    for at in 0..PARTIALS + 2 {
        pen.store(zero, state, 8 * at);
    }
}

/// The sum of what was added. Nothing can be added after.
pub(super) fn finish(pen: &mut Pen, state: Value) -> Value {
    let open = pen.load(types::I64, state, IN_BLOCK);
    let open = pen.is_given(open);
    pen.when(open, |pen| end_block(pen, state));
    pen.load(types::F64, state, TOTAL)
}

fn add(pen: &mut Pen, state: Value, numbers: Value, count: Value) {
    let zero = pen.integer(0);
    let done = pen.variable(types::I64, zero);
    let in_block = pen.load(types::I64, state, IN_BLOCK);
    let in_block = pen.variable(types::I64, in_block);
    pen.repeat(
        |pen| {
            let done = pen.get(done);
            pen.compare(IntCC::UnsignedLessThan, done, count)
        },
        |pen| {
            let begun = pen.get(in_block);
            let partial = pen.builder.ins().band_imm_s(begun, i64::from(PARTIALS) - 1);
            let at_start = pen.is_null(partial);
            let rows = rows_left(pen, done, in_block, count);
            let some = pen.is_given(rows);
            let together = pen.and(at_start, some);
            pen.choose(
                together,
                |pen| add_rows(pen, state, numbers, (done, in_block), rows),
                |pen| add_one(pen, state, numbers, (done, in_block), partial),
            );
            let filled = pen.get(in_block);
            let block = pen.integer(BLOCK.cast_signed() as i64);
            let full = pen.compare(IntCC::Equal, filled, block);
            pen.when(full, |pen| {
                end_block(pen, state);
                let zero = pen.integer(0);
                pen.set(in_block, zero);
            });
        },
    );
    let in_block = pen.get(in_block);
    pen.store(in_block, state, IN_BLOCK);
}

/// How many times all partial sums can take one number each, in this block.
fn rows_left(pen: &mut Pen, done: Variable, in_block: Variable, count: Value) -> Value {
    let done = pen.get(done);
    let left = pen.builder.ins().isub(count, done);
    let begun = pen.get(in_block);
    let block = pen.integer(BLOCK.cast_signed() as i64);
    let room = pen.builder.ins().isub(block, begun);
    let less = pen.compare(IntCC::UnsignedLessThan, left, room);
    let most = pen.select(less, left, room);
    pen.builder.ins().ushr_imm_u(most, i64::from(PARTIALS.ilog2()))
}

/// Adds one number to a partial sum.
fn add_one(
    pen: &mut Pen,
    state: Value,
    numbers: Value,
    (done, in_block): (Variable, Variable),
    partial: Value,
) {
    let at = pen.get(done);
    let address = pen.element(pen.real, numbers, at);
    let number = pen.load(pen.real, address, 0);
    let number = pen.widen(number);
    let place = pen.element(types::F64, state, partial);
    let sum = pen.load(types::F64, place, 0);
    let sum = pen.builder.ins().fadd(sum, number);
    pen.store(sum, place, 0);
    let one = pen.integer(1);
    advance(pen, (done, in_block), one);
}

/// Adds one number to each partial sum, so many times.
fn add_rows(
    pen: &mut Pen,
    state: Value,
    numbers: Value,
    (done, in_block): (Variable, Variable),
    rows: Value,
) {
    let of = if pen.has_vectors() { types::F64X2 } else { types::F64 };
    let step = of.bytes().cast_signed();
    let sums: Vec<Variable> = (0..PARTIALS * 8 / step)
        .map(|at| {
            let sum = pen.load(of, state, at * step);
            pen.variable(of, sum)
        })
        .collect();
    let at = pen.get(done);
    let first = pen.element(pen.real, numbers, at);
    let address = pen.variable(types::I64, first);
    pen.for_each(rows, |pen, _| {
        let here = pen.get(address);
        for (at, sum) in (0i32..).zip(&sums) {
            let lanes = step / 8;
            let number = widened(pen, of, here, at * lanes * pen.size().cast_signed());
            let before = pen.get(*sum);
            let after = pen.builder.ins().fadd(before, number);
            pen.set(*sum, after);
        }
        let row = i64::from(PARTIALS) * i64::from(pen.size());
        let next = pen.builder.ins().iadd_imm_s(here, row);
        pen.set(address, next);
    });
    for (at, sum) in (0i32..).zip(sums) {
        let sum = pen.get(sum);
        pen.store(sum, state, at * step);
    }
    let count = pen.builder.ins().ishl_imm_u(rows, i64::from(PARTIALS.ilog2()));
    advance(pen, (done, in_block), count);
}

/// One or two numbers of the loss, as one or two `f64`.
fn widened(pen: &mut Pen, of: Type, address: Value, offset: i32) -> Value {
    if pen.real == types::F64 {
        return pen.load(of, address, offset);
    }
    if of == types::F64 {
        let number = pen.load(types::F32, address, offset);
        return pen.widen(number);
    }
    let pair = pen.load(types::I64, address, offset);
    let pair = pen.builder.ins().scalar_to_vector(types::I64X2, pair);
    let pair = pen.bitcast(types::F32X4, pair);
    pen.builder.ins().fvpromote_low(pair)
}

fn advance(pen: &mut Pen, (done, in_block): (Variable, Variable), count: Value) {
    for variable in [done, in_block] {
        let before = pen.get(variable);
        let after = pen.add(before, count);
        pen.set(variable, after);
    }
}

/// Joins the partial sums as a balanced tree and adds them to the total.
fn end_block(pen: &mut Pen, state: Value) {
    let mut sums: Vec<Value> =
        (0..PARTIALS).map(|at| pen.load(types::F64, state, 8 * at)).collect();
    while sums.len() > 1 {
        let (low, high) = sums.split_at(sums.len() / 2);
        sums = low.iter().zip(high).map(|(a, b)| pen.builder.ins().fadd(*a, *b)).collect();
    }
    let total = pen.load(types::F64, state, TOTAL);
    let total = pen.builder.ins().fadd(total, sums[0]);
    pen.store(total, state, TOTAL);
    let zero = pen.integer(0);
    for at in 0..PARTIALS {
        pen.store(zero, state, 8 * at);
    }
}
