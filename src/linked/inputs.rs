//! Finds every input of a call: where the caller has it, or in memory of the call's own where it is null
//! and has a default.

use cranelift::codegen::ir::{Value, types};

use super::anatomy::{Anatomy, Computed, Filling, Number};
use super::frame::{Frame, Scratch};
use super::interface::{Elements, Field};
use super::pen::Pen;

/// Where an input is.
pub(super) struct Input {
    pub(super) address: Value,
    /// Whether only its first element is there, which stands for all; none: never.
    pub(super) is_one: Option<Value>,
}

/// The offset of scratch memory that is filled with the default of each argument; none: it needs none.
pub(super) fn lay_out_defaults(
    pen: &mut Pen,
    frame: &Frame,
    scratch: &mut Scratch,
) -> Vec<Option<Value>> {
    let mut offsets = Vec::new();
    for (at, filling) in frame.anatomy.defaults.iter().enumerate() {
        let null = pen.is_null(frame.field(Field::Argument(at)));
        let needed = match filling {
            Some(Filling::Filled(_) | Filling::Array(_)) => Some(null),
            Some(Filling::Uniform(_)) if is_mixed_possible(frame.anatomy) => {
                let all = frame.is_uniform.expect("this argument is one of them");
                let others_are_given = pen.not(all);
                Some(pen.and(null, others_are_given))
            }
            Some(Filling::Uniform(_) | Filling::Scalar(_)) | None => None,
        };
        // What is computed is there as `f64` first.
        let size = if let Some(Filling::Array(_)) = filling { 8 } else { pen.size() };
        offsets.push(
            needed.map(|needed| scratch.reserve_if(pen, frame, needed, frame.rows[at], size)),
        );
    }
    offsets
}

/// Whether some of the arguments that default to one number in every place can be null and others not.
pub(super) fn is_mixed_possible(anatomy: &Anatomy) -> bool {
    let uniform = |filling: &&Option<Filling>| matches!(filling, Some(Filling::Uniform(_)));
    anatomy.defaults.iter().filter(uniform).count() > 1
}

/// Finds every input, in the order of the arguments; `offsets` are those of [`lay_out_defaults`] in the
/// workspace.
pub(super) fn find_inputs(
    pen: &mut Pen,
    frame: &Frame,
    workspace: Value,
    offsets: &[Option<Value>],
) -> Vec<Input> {
    let mut inputs: Vec<Input> = Vec::new();
    for (at, filling) in frame.anatomy.defaults.iter().enumerate() {
        let given = frame.field(Field::Argument(at));
        let Some(filling) = filling else {
            inputs.push(Input { address: given, is_one: None });
            continue;
        };
        let null = pen.is_null(given);
        let memory = offsets[at].map(|offset| pen.add(workspace, offset));
        let row = frame.rows[at];
        let input = match filling {
            Filling::Scalar(number) => {
                let cell = pen.stack(8);
                pen.when(null, |pen| write_number(pen, frame, &inputs, number, cell));
                Input { address: pen.select(null, cell, given), is_one: None }
            }
            Filling::Uniform(number) => {
                let cell = pen.stack(8);
                pen.when(null, |pen| write_number(pen, frame, &inputs, number, cell));
                let mut own = cell;
                if let (Some(memory), Some(is_uniform)) = (memory, frame.is_uniform) {
                    let others_are_given = pen.not(is_uniform);
                    let filled = pen.and(null, others_are_given);
                    pen.when(filled, |pen| fill(pen, cell, memory, row));
                    own = pen.select(is_uniform, cell, memory);
                }
                Input { address: pen.select(null, own, given), is_one: Some(null) }
            }
            Filling::Filled(number) => {
                let memory = memory.expect("such arguments have memory");
                let cell = pen.stack(8);
                pen.when(null, |pen| {
                    write_number(pen, frame, &inputs, number, cell);
                    fill(pen, cell, memory, row);
                });
                Input { address: pen.select(null, memory, given), is_one: None }
            }
            Filling::Array(computed) => {
                let memory = memory.expect("such arguments have memory");
                pen.when(null, |pen| {
                    compute(pen, frame, &inputs, computed, memory);
                    narrow_in_place(pen, memory, row);
                });
                Input { address: pen.select(null, memory, given), is_one: None }
            }
        };
        inputs.push(input);
    }
    inputs
}

/// Writes a number of the loss to an address.
fn write_number(pen: &mut Pen, frame: &Frame, inputs: &[Input], number: &Number, address: Value) {
    let number = number_value(pen, frame, inputs, number);
    pen.store(number, address, 0);
}

/// A number that is known or computed, rounded to a number of the loss.
pub(super) fn number_value(
    pen: &mut Pen,
    frame: &Frame,
    inputs: &[Input],
    number: &Number,
) -> Value {
    match number {
        Number::Constant(number) => pen.number(pen.real, *number),
        Number::Computed(computed) => {
            let cell = pen.stack(8);
            compute(pen, frame, inputs, computed, cell);
            let number = pen.load(types::F64, cell, 0);
            pen.narrow(number)
        }
    }
}

/// Calls the function of an expression, which writes `f64` to an address.
fn compute(pen: &mut Pen, frame: &Frame, inputs: &[Input], computed: &Computed, result: Value) {
    let bytes = |count: usize| u32::try_from(8 * count.max(1)).expect("a few scalars");
    let arrays = pen.stack(bytes(computed.arrays.len()));
    let extents = pen.stack(bytes(computed.extents.len()));
    for (offset, array) in (0i32..).step_by(8).zip(&computed.arrays) {
        let address = match array {
            None => result,
            Some(id) => {
                let place = frame.place(*id);
                let cell = pen.stack(8);
                let address = inputs[place].address;
                let elements = &frame.anatomy.described.interface.arguments[place].elements;
                let value = if let Elements::Index { .. } = elements {
                    let label = pen.load(pen.label, address, 0);
                    pen.widen_label(label)
                } else {
                    let number = pen.load(pen.real, address, 0);
                    pen.widen(number)
                };
                pen.store(value, cell, 0);
                cell
            }
        };
        pen.store(address, arrays, offset);
    }
    for (offset, extent) in (0i32..).step_by(8).zip(&computed.extents) {
        let length = frame.extent(pen, *extent);
        pen.store(length, extents, offset);
    }
    pen.call(computed.function, &[arrays, extents]);
}

/// Writes the number at one address to so many elements at another.
fn fill(pen: &mut Pen, from: Value, to: Value, count: Value) {
    let number = pen.load(pen.real, from, 0);
    pen.for_each(count, |pen, at| {
        let place = pen.element(pen.real, to, at);
        pen.store(number, place, 0);
    });
}

/// Rounds so many `f64` to numbers of the loss, in the same place.
fn narrow_in_place(pen: &mut Pen, address: Value, count: Value) {
    if pen.real == types::F64 {
        return;
    }
    // A number is written no further than the one that was read last.
    pen.for_each(count, |pen, at| {
        let from = pen.element(types::F64, address, at);
        let number = pen.load(types::F64, from, 0);
        let number = pen.narrow(number);
        let to = pen.element(pen.real, address, at);
        pen.store(number, to, 0);
    });
}
