//! Runs a pass over all examples, chunk by chunk: lays out its scratch memory, calls its code with the
//! addresses of its arrays, and sums what comes out.
//!
//! Chunks are as long as those of [`crate::call`], and their sums are added in the same order.

use cranelift::codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift::codegen::ir::{InstBuilder, Value, types};
use cranelift::prelude::Variable;

use super::anatomy::{Anatomy, Code, Pass};
use super::frame::{Frame, Scratch};
use super::inputs::Input;
use super::interface::Field;
use super::pen::Pen;
use crate::batch::{Extra, Part, is_batched};
use crate::chunk::{CHUNK_BYTES, CHUNK_ELEMENTS, LONGEST_CHUNK, WORTH_SHARES, bytes_of};
use crate::graph::InputId;
use crate::plan::{Array, Length, Source};

/// What the passes of a call go by.
pub(super) struct Context<'c> {
    pub(super) frame: &'c Frame<'c>,
    pub(super) inputs: &'c [Input],
    /// The start of scratch memory, aligned.
    pub(super) workspace: Value,
    /// Room for the values of a chunk, where the caller wants none.
    pub(super) values: Value,
    /// Room for the total of a chunk.
    pub(super) total: Value,
    /// Addresses of arrays, and lengths of extents.
    pub(super) tables: [Value; 2],
    /// Where the scale and the center of the gradients are.
    pub(super) scale: Value,
    pub(super) center: Value,
    /// Where the sum of each shared gradient without axes is, where there are several chunks.
    pub(super) scalar_sums: Vec<(InputId, Value)>,
}

/// How the examples of a pass are cut, and where its scratch arrays are.
pub(super) struct Layout {
    /// How many examples a chunk has at most.
    chunk: Value,
    /// Whether there are several chunks.
    is_cut: Value,
    /// The offset of each array that is scratch memory in this call, whether or not it is needed.
    offsets: Vec<Option<Value>>,
    /// The offset of the sums of each shared gradient over an array.
    sums: Vec<(InputId, Value)>,
    pub(super) end: Value,
}

/// Lays out the scratch memory of a pass.
pub(super) fn lay_out(pen: &mut Pen, frame: &Frame, pass: &Pass, mut scratch: Scratch) -> Layout {
    let examples = frame.field(Field::Examples);
    let longest = chunk_length(pen, frame);
    let is_cut = pen.compare(IntCC::UnsignedGreaterThan, examples, longest);
    let chunk = pen.select(is_cut, longest, examples);
    let mut offsets = Vec::new();
    let mut sums = Vec::new();
    for array in &pass.plan.arrays {
        let needed = match array.source {
            Source::Temporary => Some(pen.builder.ins().iconst(types::I8, 1)),
            Source::Output(Part::Gradient(id)) if has_scratch(frame, array, id) => {
                let wanted = gradient(frame, id);
                Some(pen.is_null(wanted))
            }
            Source::Output(_) | Source::Input(_) | Source::Extra(_) => None,
        };
        let size = pen.size();
        offsets.push(needed.map(|needed| {
            let elements = frame.elements(pen, &array.lengths, chunk);
            scratch.reserve_if(pen, frame, needed, elements, size)
        }));
        if let Source::Output(Part::Gradient(id)) = array.source
            && is_shared(frame, id)
            && !array.lengths.is_empty()
        {
            let wanted = gradient(frame, id);
            let wanted = pen.is_given(wanted);
            let needed = pen.and(is_cut, wanted);
            let elements = frame.elements(pen, &array.lengths, chunk);
            sums.push((id, scratch.reserve_if(pen, frame, needed, elements, 8)));
        }
    }
    Layout { chunk, is_cut, offsets, sums, end: scratch.end() }
}

/// Whether a gradient that nobody wants is written to scratch memory; one without axes is to the stack.
fn has_scratch(frame: &Frame, array: &Array, id: InputId) -> bool {
    let is_alone = frame.anatomy.described.interface.gradients.len() == 1;
    let is_number = is_shared(frame, id) && array.lengths.is_empty();
    !is_alone && !is_number
}

/// Whether the pass can need scratch memory where all gradients are wanted or none.
pub(super) fn can_need_scratch(anatomy: &Anatomy, pass: &Pass) -> bool {
    let is_shared = |id: InputId| !is_batched(anatomy.graph.input(id).role);
    pass.plan.arrays.iter().any(|array| match array.source {
        Source::Temporary => true,
        Source::Output(Part::Gradient(id)) => is_shared(id) && !array.lengths.is_empty(),
        Source::Output(_) | Source::Input(_) | Source::Extra(_) => false,
    })
}

fn is_shared(frame: &Frame, id: InputId) -> bool {
    !is_batched(frame.anatomy.graph.input(id).role)
}

/// Where the caller wants the gradient of an input; null: nowhere.
fn gradient(frame: &Frame, id: InputId) -> Value {
    let place = frame.place(id);
    let gradients = &frame.anatomy.described.interface.gradients;
    let at = gradients.iter().position(|known| *known == place);
    frame.field(Field::Gradient(at.expect("code gives the gradients of the interface")))
}

/// How many examples a chunk has, if there are enough, as [`crate::chunk::Chunking::examples`] has it.
fn chunk_length(pen: &mut Pen, frame: &Frame) -> Value {
    let chunking = &frame.anatomy.chunking;
    let size = pen.size();
    if let Some(examples) = chunking.of_literals(size as usize) {
        return pen.count(examples as u64);
    }
    let mut elements = |lengths: &Vec<Length>| {
        let one = pen.number(types::F64, 1.0);
        lengths.iter().fold(one, |all, length| {
            let length = match length {
                Length::Given(extent) => frame.extent(pen, *extent),
                Length::Literal(length) => pen.count(*length as u64),
                Length::Batch => unreachable!("chunks go by the shapes of one example"),
            };
            let length = pen.builder.ins().fcvt_from_uint(types::F64, length);
            pen.builder.ins().fmul(all, length)
        })
    };
    let inputs: Vec<Value> = chunking.inputs.iter().map(&mut elements).collect();
    let arrays: Vec<Value> = chunking.arrays.iter().map(&mut elements).collect();
    let shared: Vec<Value> = chunking.shared.iter().map(&mut elements).collect();
    let [zero, one] = [0.0, 1.0].map(|number| pen.number(types::F64, number));
    let [read, shared] = [inputs, shared]
        .map(|all| all.into_iter().fold(zero, |sum, input| pen.builder.ins().fadd(sum, input)));
    let each = pen.number(types::F64, bytes_of(size as usize));
    let bytes = pen.builder.ins().fmul(read, each);
    let bytes = pen.builder.ins().fmax(bytes, one);
    let largest = arrays.into_iter().fold(one, |most, array| pen.builder.ins().fmax(most, array));
    let worth_shares = pen.number(types::F64, WORTH_SHARES);
    let [budget, work] = [CHUNK_BYTES, CHUNK_ELEMENTS].map(|bound| pen.number(types::F64, bound));
    let least_work = pen.builder.ins().fmul(worth_shares, shared);
    let work = pen.builder.ins().fmax(work, least_work);
    let by_bytes = pen.builder.ins().fdiv(budget, bytes);
    let by_elements = pen.builder.ins().fdiv(work, largest);
    let most = pen.builder.ins().fmin(by_bytes, by_elements);
    let most = pen.builder.ins().fcvt_to_uint_sat(types::I64, most);
    let [least, longest] = [1, LONGEST_CHUNK as u64].map(|count| pen.count(count));
    let most = pen.builder.ins().umax(most, least);
    let most = pen.builder.ins().umin(most, longest);
    let zeros = pen.builder.ins().clz(most);
    let highest = pen.integer(63);
    let power = pen.builder.ins().isub(highest, zeros);
    pen.builder.ins().ishl(least, power)
}

/// Calls the best code of a pass that the CPU of the call can run.
fn call_code(pen: &mut Pen, frame: &Frame, code: &[Code], arguments: &[Value]) {
    let (best, lower) = code.split_last().expect("there is code for at least one level");
    let call_best = |pen: &mut Pen| match (best.uniform, frame.is_uniform) {
        (Some(uniform), Some(is_uniform)) => pen.choose(
            is_uniform,
            |pen| pen.call(uniform, arguments),
            |pen| pen.call(best.full, arguments),
        ),
        _ => pen.call(best.full, arguments),
    };
    if lower.is_empty() {
        call_best(pen);
        return;
    }
    let level = pen.count(frame.anatomy.levels[lower.len()]);
    let can = pen.compare(IntCC::UnsignedGreaterThanOrEqual, frame.field(Field::Cpu), level);
    pen.choose(can, call_best, |pen| call_code(pen, frame, lower, arguments));
}

/// Where an array of a pass is, and how many bytes an example takes there; none: it is the same for all.
struct Place {
    address: Value,
    stride: Option<Value>,
}

/// Runs a pass over all examples and gives its total. Only the last pass writes what the
/// caller wants.
pub(super) fn execute(
    pen: &mut Pen,
    context: &Context,
    pass: &Pass,
    layout: &Layout,
    is_last: bool,
) -> Value {
    let frame = context.frame;
    let examples = frame.field(Field::Examples);
    let places: Vec<Place> = (0..pass.plan.arrays.len())
        .map(|at| place(pen, context, pass, layout, at, is_last))
        .collect();
    let [arrays, extents] = context.tables;
    for (offset, place) in (0i32..).step_by(8).zip(&places) {
        pen.store(place.address, arrays, offset);
    }
    for (offset, length) in (0i32..).step_by(8).zip(&pass.plan.extents) {
        if let Length::Given(extent) = length {
            let length = frame.extent(pen, *extent);
            pen.store(length, extents, offset);
        }
    }
    let nothing = pen.number(types::F64, 0.0);
    let total = [(); 2].map(|()| pen.variable(types::F64, nothing));
    let zero = pen.integer(0);
    let start = pen.variable(types::I64, zero);
    pen.repeat(
        |pen| {
            let start = pen.get(start);
            pen.compare(IntCC::UnsignedLessThan, start, examples)
        },
        |pen| {
            let begun = pen.get(start);
            let left = pen.builder.ins().isub(examples, begun);
            let rows = pen.builder.ins().umin(left, layout.chunk);
            for (offset, length) in (0i32..).step_by(8).zip(&pass.plan.extents) {
                if *length == Length::Batch {
                    pen.store(rows, extents, offset);
                }
            }
            call_code(pen, frame, &pass.code, &[arrays, extents]);
            add_total(pen, context, total);
            add_shared(pen, context, pass, layout, begun);
            for (offset, place) in (0i32..).step_by(8).zip(&places) {
                if let Some(stride) = place.stride {
                    let address = pen.load(types::I64, arrays, offset);
                    let bytes = pen.multiply(rows, stride);
                    let next = pen.add(address, bytes);
                    pen.store(next, arrays, offset);
                }
            }
            let next = pen.add(begun, rows);
            pen.set(start, next);
        },
    );
    pen.get(total[0])
}

fn place(
    pen: &mut Pen,
    context: &Context,
    pass: &Pass,
    layout: &Layout,
    at: usize,
    is_last: bool,
) -> Place {
    let frame = context.frame;
    let array = &pass.plan.arrays[at];
    let size = pen.size();
    let scratch = |pen: &mut Pen| {
        layout.offsets[at].map_or(context.values, |offset| pen.add(context.workspace, offset))
    };
    let row = |pen: &mut Pen| {
        let one = pen.integer(1);
        let elements = frame.elements(pen, &array.lengths, one);
        pen.builder.ins().imul_imm_s(elements, i64::from(size))
    };
    match array.source {
        Source::Input(id) => Place {
            address: context.inputs[frame.place(id)].address,
            stride: (!is_shared(frame, id)).then(|| row(pen)),
        },
        Source::Extra(Extra::SampleWeight) => Place {
            address: frame.field(Field::SampleWeights),
            stride: Some(pen.count(u64::from(size))),
        },
        Source::Extra(Extra::Scale) => Place { address: context.scale, stride: None },
        Source::Extra(Extra::Center) => Place { address: context.center, stride: None },
        Source::Extra(Extra::Upstream) => unreachable!("one factor scales all gradients here"),
        Source::Output(Part::Values) if is_last => {
            let size = pen.count(u64::from(size));
            let wanted = frame.field(Field::Values);
            place_if(pen, wanted, context.values, size)
        }
        Source::Output(Part::Values) => Place { address: context.values, stride: None },
        Source::Output(Part::Total) => Place { address: context.total, stride: None },
        Source::Output(Part::Gradient(id)) => {
            let wanted = gradient(frame, id);
            if is_shared(frame, id) {
                // A number that nobody wants.
                let unwanted = if array.lengths.is_empty() { pen.stack(8) } else { scratch(pen) };
                let given = pen.is_given(wanted);
                Place { address: pen.select(given, wanted, unwanted), stride: None }
            } else {
                let (unwanted, row) = (scratch(pen), row(pen));
                place_if(pen, wanted, unwanted, row)
            }
        }
        Source::Temporary => Place { address: scratch(pen), stride: None },
    }
}

/// Where the caller wants it, else in memory that every chunk uses anew.
fn place_if(pen: &mut Pen, wanted: Value, unwanted: Value, stride: Value) -> Place {
    let given = pen.is_given(wanted);
    let zero = pen.integer(0);
    Place {
        address: pen.select(given, wanted, unwanted),
        stride: Some(pen.select(given, stride, zero)),
    }
}

/// Adds the total of a chunk to a sum and what it has lost, as [`crate::call`] does.
fn add_total(pen: &mut Pen, context: &Context, [sum, lost]: [Variable; 2]) {
    let number = pen.load(pen.real, context.total, 0);
    let number = pen.widen(number);
    let before = pen.get(lost);
    let number = pen.builder.ins().fsub(number, before);
    let before = pen.get(sum);
    let after = pen.builder.ins().fadd(before, number);
    pen.set(sum, after);
    let taken = pen.builder.ins().fsub(after, before);
    let left = pen.builder.ins().fsub(taken, number);
    // Of an infinity nothing was lost.
    let rest = pen.builder.ins().fsub(left, left);
    let is_finite = pen.compare_numbers(FloatCC::Equal, rest, rest);
    let zero = pen.number(types::F64, 0.0);
    let left = pen.select(is_finite, left, zero);
    pen.set(lost, left);
}

/// Adds the shared gradients of a chunk to their sums.
fn add_shared(pen: &mut Pen, context: &Context, pass: &Pass, layout: &Layout, start: Value) {
    let [arrays, _] = context.tables;
    let is_first = pen.is_null(start);
    for (offset, array) in (0i32..).step_by(8).zip(&pass.plan.arrays) {
        let Source::Output(Part::Gradient(id)) = array.source else { continue };
        if !is_shared(context.frame, id) {
            continue;
        }
        let part = pen.load(types::I64, arrays, offset);
        let wanted = gradient(context.frame, id);
        let wanted = pen.is_given(wanted);
        let added = pen.and(wanted, layout.is_cut);
        let (sums, count) = sums_of(pen, context, layout, array, id);
        pen.when(added, |pen| {
            pen.for_each(count, |pen, at| {
                let from = pen.element(pen.real, part, at);
                let number = pen.load(pen.real, from, 0);
                let number = pen.widen(number);
                let to = pen.element(types::F64, sums, at);
                let before = pen.load(types::F64, to, 0);
                let zero = pen.number(types::F64, 0.0);
                let before = pen.select(is_first, zero, before);
                let after = pen.builder.ins().fadd(before, number);
                pen.store(after, to, 0);
            });
        });
    }
}

/// Where the sums of a shared gradient are, and how many there are.
fn sums_of(
    pen: &mut Pen,
    context: &Context,
    layout: &Layout,
    array: &Array,
    id: InputId,
) -> (Value, Value) {
    let known = layout.sums.iter().find(|(known, _)| *known == id);
    let one = pen.integer(1);
    if let Some((_, offset)) = known {
        let count = context.frame.elements(pen, &array.lengths, one);
        return (pen.add(context.workspace, *offset), count);
    }
    let known = context.scalar_sums.iter().find(|(known, _)| *known == id);
    (known.expect("every shared gradient has room for its sum").1, one)
}

/// Writes the gradients of the inputs that all examples share, once their sums are complete.
pub(super) fn write_shared(
    pen: &mut Pen,
    context: &Context,
    pass: &Pass,
    layout: &Layout,
    scale: Value,
) {
    let [arrays, _] = context.tables;
    for (offset, array) in (0i32..).step_by(8).zip(&pass.plan.arrays) {
        let Source::Output(Part::Gradient(id)) = array.source else { continue };
        if !is_shared(context.frame, id) {
            continue;
        }
        let part = pen.load(types::I64, arrays, offset);
        let (sums, count) = sums_of(pen, context, layout, array, id);
        let wanted = gradient(context.frame, id);
        let given = pen.is_given(wanted);
        pen.when(given, |pen| {
            pen.for_each(count, |pen, at| {
                let zero = pen.number(types::F64, 0.0);
                let sum = pen.variable(types::F64, zero);
                pen.choose(
                    layout.is_cut,
                    |pen| {
                        let from = pen.element(types::F64, sums, at);
                        let number = pen.load(types::F64, from, 0);
                        pen.set(sum, number);
                    },
                    |pen| {
                        let from = pen.element(pen.real, part, at);
                        let number = pen.load(pen.real, from, 0);
                        let number = pen.widen(number);
                        let number = pen.builder.ins().fadd(zero, number);
                        pen.set(sum, number);
                    },
                );
                let sum = pen.get(sum);
                let scaled = pen.builder.ins().fmul(sum, scale);
                // Where nothing counts the scale is infinite, and nothing is still nothing.
                let nothing = pen.compare_numbers(FloatCC::Equal, sum, zero);
                let number = pen.select(nothing, sum, scaled);
                let number = pen.narrow(number);
                let to = pen.element(pen.real, wanted, at);
                pen.store(number, to, 0);
            });
        });
    }
}
