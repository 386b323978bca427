//! The entry of a linked loss: tests what a call gave, runs the passes, and sums up; and its companion,
//! which says how much scratch memory a call needs.

use cranelift::codegen::ir::condcodes::IntCC;
use cranelift::codegen::ir::{Function, InstBuilder, Value, types};
use cranelift_module::FuncId;

use super::anatomy::{Anatomy, Filling, Pass};
use super::execute::{Context, can_need_scratch, execute, lay_out, write_shared};
use super::frame::{ALIGNMENT, Frame, Scratch};
use super::inputs::{find_inputs, is_mixed_possible, lay_out_defaults};
use super::interface::{FLAG_SUM, Field, Status};
use super::pen::{Pen, write_function};
use super::validate::{test_domains, test_given, test_labels, test_lengths};
use crate::batch::{Extra, is_batched};
use crate::chunk::LONGEST_CHUNK;
use crate::machine::ObjectWriter;
use crate::plan::Source;

/// Calls that need no more scratch memory than so many bytes take it from the stack.
const STACK: u32 = 1 << 15;

/// The function `workspace(call) -> bytes`: 0 where the stack will do.
pub(super) fn write_workspace(object: &mut ObjectWriter, anatomy: &Anatomy) -> Function {
    write_function(object, anatomy.precision, 1, Some(types::I64), |pen, arguments| {
        let frame = Frame::read(pen, anatomy, arguments[0]);
        let zero = pen.integer(0);
        let mut scratch = Scratch::new(zero);
        lay_out_defaults(pen, &frame, &mut scratch);
        let wants = wants_gradients(pen, &frame);
        let wants_none = pen.not(wants);
        let weighted = pen.is_given(frame.field(Field::SampleWeights));
        let unweighted = pen.not(weighted);
        let always = pen.builder.ins().iconst(types::I8, 1);
        let values = if has_center(anatomy) { always } else { wants_none };
        let groups = [
            (anatomy.weights.each_ref().map(Option::as_ref), always),
            (anatomy.values.each_ref().map(Some), values),
            (both(anatomy.gradients.as_ref()), wants),
        ];
        let mut most = scratch.end();
        for (passes, runs) in groups {
            for (pass, has_them) in passes.into_iter().zip([unweighted, weighted]) {
                let Some(pass) = pass else { continue };
                let end = lay_out(pen, &frame, pass, scratch).end;
                let runs = pen.and(runs, has_them);
                let end = pen.select(runs, end, scratch.end());
                most = pen.builder.ins().umax(most, end);
            }
        }
        let aligned = pen.builder.ins().iadd_imm_s(most, ALIGNMENT - 1);
        let stack = pen.count(u64::from(STACK));
        let few = pen.compare(IntCC::UnsignedLessThanOrEqual, most, stack);
        let none = pen.integer(0);
        let bytes = pen.select(few, none, aligned);
        let overflow = pen.get(frame.overflow);
        let beyond = pen.integer(-1);
        Some(pen.select(overflow, beyond, bytes))
    })
}

/// Whether a call that gives all array params or none, and wants all gradients or none, can need a workspace.
pub(super) fn needs_workspace(anatomy: &Anatomy) -> bool {
    let filled =
        |filling: &Option<Filling>| matches!(filling, Some(Filling::Filled(_) | Filling::Array(_)));
    anatomy.defaults.iter().any(filled)
        || all_passes(anatomy).any(|pass| can_need_scratch(anatomy, pass))
}

fn all_passes(anatomy: &Anatomy) -> impl Iterator<Item = &Pass> {
    let Anatomy { weights, values, gradients, .. } = anatomy;
    weights.iter().flatten().chain(values).chain(gradients.iter().flatten())
}

/// Each of two, where there are any.
fn both<P>(passes: Option<&[P; 2]>) -> [Option<&P>; 2] {
    passes.map_or([None, None], |passes| passes.each_ref().map(Some))
}

/// Whether the gradients go by the mean of the values, which a pass must find first.
fn has_center(anatomy: &Anatomy) -> bool {
    let center = |pass: &Pass| {
        pass.plan.arrays.iter().any(|array| array.source == Source::Extra(Extra::Center))
    };
    anatomy.gradients.iter().flatten().any(center)
}

fn wants_gradients(pen: &mut Pen, frame: &Frame) -> Value {
    let mut any = pen.builder.ins().iconst(types::I8, 0);
    for at in 0..frame.anatomy.described.interface.gradients.len() {
        let given = pen.is_given(frame.field(Field::Gradient(at)));
        any = pen.or(any, given);
    }
    any
}

/// The function `entry(call, summary) -> status`.
pub(super) fn write_entry(
    object: &mut ObjectWriter,
    anatomy: &Anatomy,
    workspace: FuncId,
) -> Function {
    write_function(object, anatomy.precision, 2, Some(types::I32), |pen, arguments| {
        let [call, summary] = *arguments else { unreachable!("two parameters") };
        begin(pen, summary);
        let frame = Frame::read(pen, anatomy, call);
        test_level(pen, &frame);
        test_lengths(pen, &frame);
        test_given(pen, &frame);
        let memory = test_workspace(pen, &frame, workspace, call);
        let zero = pen.integer(0);
        let mut scratch = Scratch::new(zero);
        let offsets = lay_out_defaults(pen, &frame, &mut scratch);
        let inputs = find_inputs(pen, &frame, memory, &offsets);
        test_labels(pen, &frame, &inputs);
        test_domains(pen, &frame, &inputs);
        let context = prepare(pen, &frame, &inputs, memory);
        let (sum, weight) = run(pen, &context, scratch);
        let given = pen.is_given(summary);
        pen.when(given, |pen| {
            let zero = pen.integer(0);
            for (offset, value) in (0i32..).step_by(8).zip([sum, weight, zero, zero, zero]) {
                pen.store(value, summary, offset);
            }
        });
        Some(pen.builder.ins().iconst(types::I32, Status::Done as i64))
    })
}

/// Writes where calls go that fail, beside the path of those that do not.
fn begin(pen: &mut Pen, summary: Value) {
    let [failure, start] = pen.blocks();
    pen.builder.ins().jump(start, &[]);
    pen.builder.set_cold_block(failure);
    let status = pen.builder.append_block_param(failure, types::I32);
    let place: [Value; 3] =
        std::array::from_fn(|_| pen.builder.append_block_param(failure, types::I64));
    pen.builder.switch_to_block(failure);
    let given = pen.is_given(summary);
    pen.when(given, |pen| {
        for (offset, value) in (16i32..).step_by(8).zip(place) {
            pen.store(value, summary, offset);
        }
    });
    pen.builder.ins().return_(&[status]);
    pen.builder.switch_to_block(start);
    pen.failure = Some(failure);
}

/// Makes sure that there is code for the CPU of the call.
fn test_level(pen: &mut Pen, frame: &Frame) {
    let least = frame.anatomy.levels[0];
    if least > 0 {
        let least = pen.count(least);
        let below = pen.compare(IntCC::UnsignedLessThan, frame.field(Field::Cpu), least);
        pen.fail_argument_if(below, Status::Cpu, 0);
    }
}

/// Makes sure that there is scratch memory enough, and gives its aligned start.
fn test_workspace(pen: &mut Pen, frame: &Frame, workspace: FuncId, call: Value) -> Value {
    let anatomy = frame.anatomy;
    let ever = needs_workspace(anatomy)
        || is_mixed_possible(anatomy)
        || anatomy.described.interface.gradients.len() > 1;
    if !ever {
        return pen.integer(0);
    }
    let workspace = pen.refer(workspace);
    let result = pen.builder.ins().call(workspace, &[call]);
    let needed = pen.builder.inst_results(result)[0];
    let bytes = frame.field(Field::WorkspaceBytes);
    let short = pen.compare(IntCC::UnsignedLessThan, bytes, needed);
    let beyond = pen.builder.ins().icmp_imm_s(IntCC::Equal, needed, -1);
    let short = pen.or(short, beyond);
    pen.fail_argument_if(short, Status::Workspace, 0);
    let own = pen.stack(STACK + u32::try_from(ALIGNMENT).expect("a few bytes"));
    let on_stack = pen.is_null(needed);
    let start = pen.select(on_stack, own, frame.field(Field::Workspace));
    let aligned = pen.builder.ins().iadd_imm_s(start, ALIGNMENT - 1);
    pen.builder.ins().band_imm_s(aligned, -ALIGNMENT)
}

/// Gathers what the passes go by.
fn prepare<'c>(
    pen: &mut Pen,
    frame: &'c Frame,
    inputs: &'c [super::inputs::Input],
    workspace: Value,
) -> Context<'c> {
    let most = |count: fn(&Pass) -> usize| {
        let most = all_passes(frame.anatomy).map(count).max().unwrap_or(0);
        u32::try_from(8 * most.max(1)).expect("a few arrays")
    };
    let tables = [most(|pass| pass.plan.arrays.len()), most(|pass| pass.plan.extents.len())];
    let described = &frame.anatomy.described;
    let longest = u32::try_from(LONGEST_CHUNK).expect("a few thousand examples");
    let alone = described.gradients().into_iter().filter(|id| {
        let input = frame.anatomy.graph.input(*id);
        !is_batched(input.role) && input.axes.is_empty()
    });
    Context {
        frame,
        inputs,
        workspace,
        values: pen.stack(longest * pen.size()),
        total: pen.stack(8),
        tables: tables.map(|bytes| pen.stack(bytes)),
        scale: pen.stack(8),
        center: pen.stack(8),
        scalar_sums: alone.map(|id| (id, pen.stack(8))).collect(),
    }
}

/// Runs the passes that the call needs, and gives the sum of the values and of what examples count for.
fn run(pen: &mut Pen, context: &Context, scratch: Scratch) -> (Value, Value) {
    let frame = context.frame;
    let anatomy = frame.anatomy;
    let weighted = pen.is_given(frame.field(Field::SampleWeights));
    let nothing = pen.number(types::F64, 0.0);
    let [sum, weight, center] = [(); 3].map(|()| pen.variable(types::F64, nothing));
    let count = |pen: &mut Pen, pass: &Option<Pass>| {
        let found = if let Some(pass) = pass {
            run_pass(pen, context, pass, scratch, None)
        } else {
            let examples = frame.field(Field::Examples);
            pen.builder.ins().fcvt_from_sint(types::F64, examples)
        };
        pen.set(weight, found);
    };
    let [without, with] = &anatomy.weights;
    pen.choose(weighted, |pen| count(pen, with), |pen| count(pen, without));
    let wants = wants_gradients(pen, frame);
    let flags = frame.field(Field::Flags);
    let sums = pen.builder.ins().band_imm_s(flags, FLAG_SUM.cast_signed());
    let is_mean = pen.is_null(sums);
    if has_center(anatomy) {
        let needed = pen.and(wants, is_mean);
        pen.when(needed, |pen| {
            let found = run_either(pen, context, &anatomy.values, weighted, scratch, None);
            let weight = pen.get(weight);
            let mean = pen.builder.ins().fdiv(found, weight);
            pen.set(center, mean);
        });
    }
    let scale = write_scalars(pen, context, is_mean, (weight, center));
    let Some(gradients) = &anatomy.gradients else {
        let found = run_either(pen, context, &anatomy.values, weighted, scratch, Some(scale));
        return (found, pen.get(weight));
    };
    pen.choose(
        wants,
        |pen| {
            let found = run_either(pen, context, gradients, weighted, scratch, Some(scale));
            pen.set(sum, found);
        },
        |pen| {
            let found = run_either(pen, context, &anatomy.values, weighted, scratch, Some(scale));
            pen.set(sum, found);
        },
    );
    (pen.get(sum), pen.get(weight))
}

/// Writes what the gradients are scaled by and centered at, and gives the scale.
fn write_scalars(
    pen: &mut Pen,
    context: &Context,
    is_mean: Value,
    (weight, center): (cranelift::prelude::Variable, cranelift::prelude::Variable),
) -> Value {
    let address = context.frame.field(Field::Upstream);
    let one = pen.number(types::F64, 1.0);
    let upstream = pen.variable(types::F64, one);
    let given = pen.is_given(address);
    pen.when(given, |pen| {
        let factor = pen.load(types::F64, address, 0);
        pen.set(upstream, factor);
    });
    let upstream = pen.get(upstream);
    let weight = pen.get(weight);
    let mean = pen.builder.ins().fdiv(upstream, weight);
    let scale = pen.select(is_mean, mean, upstream);
    let rounded = pen.narrow(scale);
    pen.store(rounded, context.scale, 0);
    let center = pen.get(center);
    let center = pen.narrow(center);
    pen.store(center, context.center, 0);
    scale
}

/// Runs a pass with or without sample weights and gives its total.
fn run_either(
    pen: &mut Pen,
    context: &Context,
    passes: &[Pass; 2],
    weighted: Value,
    scratch: Scratch,
    scale: Option<Value>,
) -> Value {
    let nothing = pen.number(types::F64, 0.0);
    let sum = pen.variable(types::F64, nothing);
    let run = |pen: &mut Pen, pass: &Pass| {
        let found = run_pass(pen, context, pass, scratch, scale);
        pen.set(sum, found);
    };
    let [without, with] = passes;
    pen.choose(weighted, |pen| run(pen, with), |pen| run(pen, without));
    pen.get(sum)
}

/// Runs a pass and gives its total. The last one of a call has a scale: it writes what the caller wants, and
/// scales the gradients that all examples share.
fn run_pass(
    pen: &mut Pen,
    context: &Context,
    pass: &Pass,
    scratch: Scratch,
    scale: Option<Value>,
) -> Value {
    let layout = lay_out(pen, context.frame, pass, scratch);
    let total = execute(pen, context, pass, &layout, scale.is_some());
    if let Some(scale) = scale {
        write_shared(pen, context, pass, &layout, scale);
    }
    total
}
