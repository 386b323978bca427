//! Tests what a call gave: lengths, pointers, labels and domains. Whatever is wrong ends the call before
//! anything has been written.

use cranelift::codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift::codegen::ir::{InstBuilder, Value, types};

use super::frame::Frame;
use super::inputs::{Input, number_value};
use super::interface::{AxisLength, Default, Elements, FLAG_CHECKED, Field, Status};
use super::pen::Pen;
use crate::batch::is_batched;
use crate::domain::SIMPLEX_TOLERANCE;
use crate::graph::{Domain, InputKind, Role};

/// Tests the number of examples and the length of every axis.
pub(super) fn test_lengths(pen: &mut Pen, frame: &Frame) {
    let interface = &frame.anatomy.described.interface;
    let examples = frame.field(Field::Examples);
    let none = pen.is_null(examples);
    pen.fail_argument_if(none, Status::Empty, 0);
    for (place, extent) in interface.extents.iter().enumerate() {
        let length = frame.field(Field::Extent(place));
        if extent.least > 0 {
            let least = pen.count(extent.least);
            let short = pen.compare(IntCC::UnsignedLessThan, length, least);
            pen.fail_argument_if(short, Status::Axis, place);
        }
        // Code counts in integers as wide as its numbers.
        let most = if pen.label == types::I32 { i64::from(i32::MAX) } else { i64::MAX };
        let most = pen.integer(most);
        let long = pen.compare(IntCC::UnsignedGreaterThan, length, most);
        pen.fail_argument_if(long, Status::Axis, place);
    }
    let overflow = pen.get(frame.overflow);
    pen.fail_argument_if(overflow, Status::Axis, interface.extents.len());
}

/// Tests that no input is missing.
pub(super) fn test_given(pen: &mut Pen, frame: &Frame) {
    let arguments = &frame.anatomy.described.interface.arguments;
    for (place, argument) in arguments.iter().enumerate() {
        if argument.default == Default::Required {
            let null = pen.is_null(frame.field(Field::Argument(place)));
            pen.fail_argument_if(null, Status::Missing, place);
        }
    }
}

/// Tests that every label lies in its axis.
pub(super) fn test_labels(pen: &mut Pen, frame: &Frame, inputs: &[Input]) {
    let arguments = &frame.anatomy.described.interface.arguments;
    for (place, argument) in arguments.iter().enumerate() {
        if let Elements::Index { along, optional } = argument.elements {
            let along = if pen.label == types::I32 {
                let length = frame.axis(pen, along);
                pen.builder.ins().ireduce(types::I32, length)
            } else {
                frame.axis(pen, along)
            };
            test_elements(pen, frame, inputs, place, Status::Index, |pen, address| {
                let label = pen.load(pen.label, address, 0);
                if optional {
                    let beyond = pen.compare(IntCC::SignedGreaterThanOrEqual, label, along);
                    // On an empty axis not even a missing label may be looked up.
                    let empty = pen.is_null(along);
                    pen.or(beyond, empty)
                } else {
                    pen.compare(IntCC::UnsignedGreaterThanOrEqual, label, along)
                }
            });
        }
    }
}

/// Tests that the elements of params lie in their domains, and those of other inputs where the call says so.
pub(super) fn test_domains(pen: &mut Pen, frame: &Frame, inputs: &[Input]) {
    let anatomy = frame.anatomy;
    let flags = frame.field(Field::Flags);
    let checked = pen.builder.ins().band_imm_s(flags, FLAG_CHECKED.cast_signed());
    for (place, id) in anatomy.described.arguments.iter().enumerate() {
        let input = anatomy.graph.input(*id);
        let (Some(domain), InputKind::Real) = (&input.domain, input.kind) else { continue };
        let test = |pen: &mut Pen| {
            let bounds = &anatomy.bounds[place];
            let bounds: Vec<Value> =
                bounds.iter().map(|bound| number_value(pen, frame, inputs, bound)).collect();
            if *domain == Domain::Simplex {
                test_simplex(pen, frame, inputs, place);
            } else {
                test_elements(pen, frame, inputs, place, Status::Domain, |pen, address| {
                    let number = pen.load(pen.real, address, 0);
                    let inside = is_inside(pen, domain, &bounds, number);
                    pen.not(inside)
                });
            }
        };
        if input.role == Role::Param {
            test(pen);
        } else {
            pen.when(checked, test);
        }
    }
}

/// Tests element by element, given what is wrong with one at an address.
fn test_elements(
    pen: &mut Pen,
    frame: &Frame,
    inputs: &[Input],
    place: usize,
    status: Status,
    is_wrong: impl FnOnce(&mut Pen, Value) -> Value,
) {
    let argument = &frame.anatomy.described.interface.arguments[place];
    let Input { address, is_one } = inputs[place];
    let of = if status == Status::Index { pen.label } else { pen.real };
    if argument.axes.is_empty() && !is_batched(argument.role) {
        let wrong = is_wrong(pen, address);
        pen.fail_argument_if(wrong, status, place);
        return;
    }
    let row = frame.rows[place];
    let mut count = row;
    if is_batched(argument.role) {
        let examples = frame.field(Field::Examples);
        count = pen.multiply(row, examples);
    }
    if let Some(is_one) = is_one {
        let one = pen.integer(1);
        let first = pen.builder.ins().umin(count, one);
        count = pen.select(is_one, first, count);
    }
    pen.for_each(count, |pen, at| {
        let here = pen.element(of, address, at);
        let wrong = is_wrong(pen, here);
        pen.when(wrong, |pen| fail_at(pen, frame, place, status, at));
    });
}

/// Ends the call for an element of an argument.
fn fail_at(pen: &mut Pen, frame: &Frame, place: usize, status: Status, at: Value) {
    let argument = &frame.anatomy.described.interface.arguments[place];
    let number = pen.count(place as u64);
    let always = pen.builder.ins().iconst(types::I8, 1);
    if is_batched(argument.role) {
        let length = frame.rows[place];
        let row = pen.builder.ins().udiv(at, length);
        let element = pen.builder.ins().urem(at, length);
        pen.fail_if(always, status, [number, row, element]);
    } else {
        let zero = pen.integer(0);
        pen.fail_if(always, status, [number, zero, at]);
    }
}

/// Whether a number lies in a domain other than a simplex. NaN lies in none.
fn is_inside(pen: &mut Pen, domain: &Domain, bounds: &[Value], number: Value) -> Value {
    let side = |open: bool| if open { FloatCC::GreaterThan } else { FloatCC::GreaterThanOrEqual };
    match domain {
        Domain::Interval { low_open, high_open, .. } => {
            let above = pen.compare_numbers(side(*low_open), number, bounds[0]);
            let below = pen.compare_numbers(side(*high_open), bounds[1], number);
            pen.and(above, below)
        }
        Domain::Set(_) => {
            let mut any = pen.builder.ins().iconst(types::I8, 0);
            for member in bounds {
                let same = pen.compare_numbers(FloatCC::Equal, number, *member);
                any = pen.or(any, same);
            }
            any
        }
        Domain::Whole { high, .. } => {
            let mut inside = is_whole(pen, number);
            let above = pen.compare_numbers(FloatCC::GreaterThanOrEqual, number, bounds[0]);
            inside = pen.and(inside, above);
            if high.is_some() {
                let below = pen.compare_numbers(FloatCC::LessThanOrEqual, number, bounds[1]);
                inside = pen.and(inside, below);
            }
            inside
        }
        Domain::Simplex => unreachable!("rows of a simplex are tested together"),
    }
}

/// Whether a number is finite and has no fraction.
fn is_whole(pen: &mut Pen, number: Value) -> Value {
    let integer = pen.builder.ins().fcvt_to_sint_sat(types::I64, number);
    let back = pen.builder.ins().fcvt_from_sint(pen.real, integer);
    let same = pen.compare_numbers(FloatCC::Equal, number, back);
    let size = pen.builder.ins().fabs(number);
    // From here on there are no fractions.
    let large = pen.number(pen.real, 4_503_599_627_370_496.0);
    let large = pen.compare_numbers(FloatCC::GreaterThanOrEqual, size, large);
    let whole = pen.or(same, large);
    let infinity = pen.number(pen.real, f64::INFINITY);
    let finite = pen.compare_numbers(FloatCC::LessThan, size, infinity);
    pen.and(whole, finite)
}

/// Tests that along the last axis no element is under 0 and all sum to 1.
fn test_simplex(pen: &mut Pen, frame: &Frame, inputs: &[Input], place: usize) {
    let argument = &frame.anatomy.described.interface.arguments[place];
    let last = argument.axes.last().copied().unwrap_or(AxisLength::Literal(1));
    let last = frame.axis(pen, last);
    let mut count = frame.rows[place];
    if is_batched(argument.role) {
        let examples = frame.field(Field::Examples);
        count = pen.multiply(count, examples);
    }
    let address = inputs[place].address;
    let some = pen.is_given(count);
    pen.when(some, |pen| {
        let rows = pen.builder.ins().udiv(count, last);
        pen.for_each(rows, |pen, row| {
            let zero = pen.number(types::F64, 0.0);
            let sum = pen.variable(types::F64, zero);
            let start = pen.multiply(row, last);
            pen.for_each(last, |pen, at| {
                let at = pen.add(start, at);
                let here = pen.element(pen.real, address, at);
                let number = pen.load(pen.real, here, 0);
                let number = pen.widen(number);
                let zero = pen.number(types::F64, 0.0);
                let inside = pen.compare_numbers(FloatCC::GreaterThanOrEqual, number, zero);
                let outside = pen.not(inside);
                pen.when(outside, |pen| fail_at(pen, frame, place, Status::Domain, at));
                let before = pen.get(sum);
                let after = pen.builder.ins().fadd(before, number);
                pen.set(sum, after);
            });
            let one = pen.number(types::F64, 1.0);
            let total = pen.get(sum);
            let off = pen.builder.ins().fsub(total, one);
            let off = pen.builder.ins().fabs(off);
            let tolerance = pen.number(types::F64, SIMPLEX_TOLERANCE);
            // An infinite sum is off, and so is none at all.
            let near = pen.compare_numbers(FloatCC::LessThanOrEqual, off, tolerance);
            let outside = pen.not(near);
            pen.when(outside, |pen| fail_at(pen, frame, place, Status::Domain, start));
        });
    });
}
