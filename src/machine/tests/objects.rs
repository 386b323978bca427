//! Objects for every target: what stands in them, and that nothing is missing.

use cranelift::codegen::cursor::{Cursor, FuncCursor};
use cranelift::codegen::ir::{
    AbiParam, Function, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, UserFuncName,
    types,
};
use cranelift_module::FuncId;
use object::{BinaryFormat, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationKind};

use super::operations::every_operation;
use super::*;
use crate::batch::Weighting;
use crate::check::{Source, check};
use crate::graph::{InputKind, Role};
use crate::machine::{Level, Linkage, Machine, MachineError, Object, ObjectWriter, TARGETS};
use crate::plan::{Request, plan, stabilized};

/// Every machine that there is code for.
fn machines() -> Vec<Machine> {
    TARGETS.iter().flat_map(|target| Machine::levels(target).unwrap()).collect()
}

/// The values and gradients of every third shipped loss, in both precisions: emulated machines are slow.
pub(super) fn some_losses(fused: bool) -> Vec<Program> {
    let mut programs = vec![];
    for shipped in crate::library::LOSSES.iter().step_by(3) {
        let mut checked = check(&Source::Library(shipped.name.into())).expect("it is shipped");
        let model = &mut checked.models[0];
        let stable = stabilized(model);
        let gradients = model.graph.input_ids().filter(|id| {
            let input = model.graph.input(*id);
            matches!(input.role, Role::Pred | Role::Learned) && input.kind == InputKind::Real
        });
        let gradients = gradients.collect();
        let request = Request::Values { each: true, gradients, weighting: Weighting::default() };
        for precision in [Precision::F32, Precision::F64] {
            let plan = plan(&model.graph, &stable, &request, precision, fused).unwrap();
            programs.push(plan.program);
        }
    }
    programs
}

/// Programs under the names `kernel_0`, `kernel_1` and so on.
pub(super) fn write_all<'p>(
    machine: &Machine,
    programs: impl IntoIterator<Item = &'p Program>,
    linkage: Linkage,
) -> Object {
    let mut writer = ObjectWriter::new(machine, "kernels").unwrap();
    for (at, program) in programs.into_iter().enumerate() {
        writer.program(machine, &format!("kernel_{at}"), program, linkage).unwrap();
    }
    writer.finish().unwrap()
}

/// A program that squares.
fn square() -> Program {
    let mut maker = Maker::new(Precision::F32);
    maker.program.fused = false;
    let [input, output] =
        [ArrayRole::Input, ArrayRole::Output].map(|role| maker.array(role, Kind::Real, &[]));
    let a = maker.set(Kind::Real, Operation::Load(input, vec![]));
    let value = maker.set(Kind::Real, Operation::Multiply(a, a));
    maker.push(Statement::Store { array: output, subscripts: vec![], value });
    maker.finish()
}

/// A function that calls another with its own two parameters, which it keeps in 60 KiB of stack.
fn write_caller(writer: &mut ObjectWriter, callee: FuncId) -> Function {
    let mut signature = writer.signature();
    signature.params = vec![AbiParam::new(writer.pointer()); 2];
    let mut function = Function::with_name_signature(UserFuncName::default(), signature);
    let callee = writer.refer(callee, &mut function);
    let data = StackSlotData::new(StackSlotKind::ExplicitSlot, 60 << 10, 4);
    let slot = function.create_sized_stack_slot(data);
    let block = function.dfg.make_block();
    function.layout.append_block(block);
    let table = function.dfg.append_block_param(block, writer.pointer());
    let extents = function.dfg.append_block_param(block, writer.pointer());
    let mut cursor = FuncCursor::new(&mut function).at_bottom(block);
    let address = cursor.ins().stack_addr(types::I64, slot, 8);
    cursor.ins().store(MemFlagsData::trusted(), table, address, 0);
    let table = cursor.ins().load(types::I64, MemFlagsData::trusted(), address, 0);
    cursor.ins().call(callee, &[table, extents]);
    cursor.ins().return_(&[]);
    function
}

/// A local program for each level and an exported function that calls the first, a constant, and bytes.
pub(super) fn write_mixed(target: &str) -> Object {
    let machines = Machine::levels(target).unwrap();
    let mut writer = ObjectWriter::new(&machines[0], "mixed").unwrap().with_texts();
    let squares: Vec<FuncId> = machines
        .iter()
        .map(|machine| {
            let symbol = format!("square_{}", machine.level());
            writer.program(machine, &symbol, &square(), Linkage::Local).unwrap()
        })
        .collect();
    let caller = write_caller(&mut writer, squares[0]);
    writer.function(&machines[0], "caller", caller, Linkage::Export).unwrap();
    writer.constant("version", 0x0102_0304, Linkage::Export).unwrap();
    let signature = writer.signature();
    writer.bytes(&machines[0], "stop", &signature, &[0; 20], Linkage::Export).unwrap();
    writer.finish().unwrap()
}

#[test]
fn nothing_is_undefined_in_any_program_on_any_machine() {
    let (operations, losses) = ([false, true].map(every_operation), [false, true].map(some_losses));
    for machine in machines() {
        let fused = usize::from(machine.fuses());
        let losses = losses[fused].iter();
        let programs: Vec<&Program> = operations[fused].iter().chain(losses).collect();
        let object = write_all(&machine, programs.iter().copied(), Linkage::Local);
        let file = object::File::parse(&*object.bytes).unwrap();
        let undefined = file.symbols().filter(object::ObjectSymbol::is_undefined);
        let undefined: Vec<_> = undefined.map(|symbol| symbol.name().unwrap()).collect();
        assert!(undefined.is_empty(), "{machine}: {undefined:?}");
        let local = file.symbols().filter(|symbol| symbol.name().unwrap().contains("kernel_"));
        assert_eq!(local.count(), programs.len(), "{machine}");
    }
}

#[test]
fn objects_export_what_they_are_asked_to() {
    for target in TARGETS {
        let object = write_mixed(target);
        let file = object::File::parse(&*object.bytes).unwrap();
        let mut global: Vec<_> = file
            .symbols()
            .filter(object::ObjectSymbol::is_global)
            .map(|symbol| symbol.name().unwrap().to_owned())
            .collect();
        global.sort();
        let prefix = if file.format() == BinaryFormat::MachO { "_" } else { "" };
        assert_eq!(global, ["caller", "stop", "version"].map(|name| format!("{prefix}{name}")));
        let note = file.section_by_name(".note.GNU-stack");
        let size = (file.format() == BinaryFormat::Elf).then_some(0);
        assert_eq!(note.map(|section| section.size()), size, "{target}");
        assert!(file.symbols().all(|symbol| !symbol.is_undefined()), "{target}");
        assert_eq!(write_mixed(target), object, "{target}");
    }
}

#[test]
fn objects_may_be_loaded_anywhere() {
    for target in TARGETS {
        let object = write_mixed(target);
        let file = object::File::parse(&*object.bytes).unwrap();
        let mut relocations = 0;
        for section in file.sections() {
            for (offset, relocation) in section.relocations() {
                let what = format!("{target}: {offset:#x} of {:?}: {relocation:?}", section.name());
                assert_ne!(relocation.kind(), RelocationKind::Absolute, "{what}");
                relocations += 1;
            }
        }
        // Of the call. Linkers of Mach-O move functions one by one, others may do it at once.
        assert!(relocations <= 2, "{target}: {relocations}");
    }
}

#[test]
fn functions_are_kept_as_text() {
    for target in TARGETS {
        let texts = write_mixed(target).texts;
        let levels = Machine::levels(target).unwrap().len();
        assert_eq!(texts.len(), levels + 2);
        let [.., caller, stop] = &*texts else { panic!("{target}: {texts:?}") };
        assert!(texts[0].clif.starts_with("function %square_baseline(i64, i64)"), "{texts:?}");
        assert!(texts[0].clif.contains("fmul"), "{texts:?}");
        assert!(texts[0].assembly.lines().count() > 4, "{texts:?}");
        assert!(caller.clif.contains("call fn0"), "{caller:?}");
        assert_eq!(caller.machine, format!("{target} (baseline)"));
        assert!(stop.assembly.starts_with("  .byte 0x00, 0x00"), "{stop:?}");
    }
}

/// A part of the message of an error.
fn assert_says<T: std::fmt::Debug>(result: Result<T, MachineError>, parts: &[&str]) {
    let message = result.unwrap_err().to_string();
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

#[test]
fn targets_without_code_are_refused_with_those_that_have_it() {
    for target in [
        "",
        "x86-64-linux",
        "i686-unknown-linux-gnu",
        "x86_64-unknown-linux-gnux32",
        "x86_64-unknown-none",
        "x86_64-unknown-uefi",
        "aarch64_be-unknown-linux-gnu",
        "aarch64-unknown-none-softfloat",
        "riscv64imac-unknown-none-elf",
        "riscv32gc-unknown-linux-gnu",
        "wasm32-unknown-unknown",
        "wasm64-unknown-unknown",
        "powerpc64le-unknown-linux-gnu",
    ] {
        let refused = Machine::levels(target);
        assert_says(refused, &[&format!("the target `{target}`"), "riscv64gc-unknown-linux-gnu"]);
    }
    for target in [
        "x86_64-unknown-freebsd",
        "x86_64-alpine-linux-musl",
        "aarch64-linux-android",
        "aarch64-apple-ios",
        "aarch64-unknown-linux-musl",
        "aarch64-unknown-none",
        "riscv64gc-unknown-linux-musl",
    ] {
        assert_eq!(Machine::levels(target).unwrap()[0].level(), Level::Baseline);
    }
    assert_says(Machine::new("aarch64-apple-darwin", Level::V3), &["a level of x86_64 only"]);
}

#[test]
fn objects_refuse_what_cannot_be_linked_or_run() {
    let [baseline, v3, _]: [Machine; 3] = Machine::levels(TARGETS[0]).unwrap().try_into().unwrap();
    let mut writer = ObjectWriter::new(&baseline, "refusals").unwrap();
    let fused = Program { fused: true, ..square() };
    let refused = writer.program(&baseline, "fused", &fused, Linkage::Export);
    assert_says(refused, &["x86_64-unknown-linux-gnu (baseline) has no fused multiply-add"]);
    writer.program(&v3, "fused", &fused, Linkage::Export).unwrap();
    assert_says(writer.program(&v3, "fused", &fused, Linkage::Export), &["fused"]);
    assert_says(writer.constant("fused", 1, Linkage::Export), &["fused"]);
    let signature = writer.signature();
    writer.declare("promised", &signature, Linkage::Local).unwrap();
    assert_says(writer.finish(), &["`promised` is declared and never defined"]);
}
