//! Losses as objects that link into other programs, with nothing of this crate at run time: in come a checked
//! loss and a machine, out go an object file and the [`Interface`] by which it is called.
//!
//! The object exports the symbols that its interfaces name and refers to no others. Its code does what
//! [`crate::call`] does in this process, with the same bits: it tests what it is given, runs the same
//! passes over the same chunks, and sums in the same order.
//!
//! A call runs on the thread that makes it. A program with several gives each of them a part of the
//! examples, asks for the gradients of the sum ([`FLAG_SUM`]) with the upstream factor `1 / weight`, and adds
//! up the sums, the weights and the gradients of what the examples share. Parts of a multiple of 4096
//! examples are cut where one call would cut them.

mod anatomy;
mod cpu;
mod describe;
mod entry;
mod execute;
mod frame;
mod inputs;
mod interface;
mod pen;
mod shared;
mod validate;

pub use interface::{
    ABI_VERSION, Argument, AxisLength, Default, Elements, FLAG_CHECKED, FLAG_SUM, Field, Interface,
    NamedExtent, STATUSES, Status,
};
pub use shared::{SharedError, shared_library};

use crate::compile::{Chosen, CompileError, Compiler};
use crate::loops::Precision;
use crate::machine::{FunctionText, Level, Linkage, Machine, MachineError, ObjectWriter};
use crate::model::Model;

/// What a linked loss is made for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The types of its numbers: one entry each.
    pub precisions: Vec<Precision>,
    /// What its symbols begin with.
    pub prefix: String,
    /// The machine it will run on, such as `aarch64-unknown-linux-gnu`; none: this one.
    pub target: Option<String>,
    /// Which CPUs of that machine.
    pub cpu: Cpu,
    /// Whether the text of the code is kept.
    pub texts: bool,
}

/// Which CPUs of a machine code is made for.
#[derive(Clone, Copy, Debug, std::default::Default, PartialEq, Eq)]
pub enum Cpu {
    /// Any: plain code, and on x86-64 also code for AVX2 with FMA and for AVX-512; the call says which of them runs.
    #[default]
    Any,
    /// Plain code alone.
    Baseline,
    /// The best code that this machine runs, alone.
    Native,
}

/// A loss as an object.
#[derive(Clone, Debug)]
pub struct Linked {
    /// How it is called, for each precision.
    pub interfaces: Vec<Interface>,
    /// The object file.
    pub object: Vec<u8>,
    /// The functions of the object as text, where that is kept.
    pub texts: Vec<FunctionText>,
}

/// Makes an object of a loss.
///
/// # Errors
/// If the loss does not have what is asked for, or the machine is none that code is made for.
pub fn link(compiler: &Compiler, model: &Model, options: &Options) -> Result<Linked, CompileError> {
    let chosen = compiler.choose_inputs(model.clone())?;
    let told = |error: MachineError| CompileError::Code(error.to_string());
    let (baseline, machines) = machines(options).map_err(told)?;
    let mut object = ObjectWriter::new(&baseline, &model.name).map_err(told)?;
    if options.texts {
        object = object.with_texts();
    }
    let mut interfaces = Vec::new();
    for precision in &options.precisions {
        let symbol = format!("{}_{}_{precision}", options.prefix, model.name);
        interfaces.push(define(&mut object, &machines, &chosen, *precision, &symbol)?);
    }
    let object = object.finish().map_err(told)?;
    Ok(Linked { interfaces, object: object.bytes, texts: object.texts })
}

/// The machine that every CPU of the target is, on which calls are tested, and the levels that the
/// passes are made for, the lowest first.
fn machines(options: &Options) -> Result<(Machine, Vec<Machine>), MachineError> {
    let host = || Machine::host(Level::Baseline).map(|machine| machine.triple().to_string());
    let target = match &options.target {
        Some(target) => target.clone(),
        None => host()?,
    };
    let mut levels = Machine::levels(&target)?;
    let baseline = levels[0].clone();
    match options.cpu {
        Cpu::Any => {}
        Cpu::Baseline => levels.truncate(1),
        Cpu::Native => {
            let best = crate::machine::host_level();
            levels.retain(|machine| machine.level() <= best);
            levels = levels.split_off(levels.len() - 1);
        }
    }
    Ok((baseline, levels))
}

/// Defines the functions of a loss in one precision, and gives how they are called.
fn define(
    object: &mut ObjectWriter,
    machines: &[Machine],
    chosen: &Chosen,
    precision: Precision,
    symbol: &str,
) -> Result<Interface, CompileError> {
    let mut anatomy =
        anatomy::define(object, machines, chosen, precision, symbol).map_err(CompileError::Code)?;
    let interface = &mut anatomy.described.interface;
    let (workspace, cpu, abi) =
        (interface.workspace_symbol(), interface.cpu_symbol(), interface.abi_symbol());
    anatomy.described.interface.needs_workspace = entry::needs_workspace(&anatomy);
    anatomy.described.interface.least_cpu = anatomy.levels[0];
    let mut define = || -> Result<(), MachineError> {
        let machine = &object.machine().clone();
        let function = entry::write_workspace(object, &anatomy);
        let workspace = object.function(machine, &workspace, function, Linkage::Export)?;
        let function = entry::write_entry(object, &anatomy, workspace);
        object.function(machine, symbol, function, Linkage::Export)?;
        if machine.has_levels() {
            let signature = pen::signature(object, 0, Some(cranelift::prelude::types::I64));
            object.bytes(machine, &cpu, &signature, &cpu::x86_levels(), Linkage::Export)?;
        } else {
            let function = cpu::write_only_level(object);
            object.function(machine, &cpu, function, Linkage::Export)?;
        }
        object.constant(&abi, ABI_VERSION, Linkage::Export)?;
        Ok(())
    };
    define().map_err(|error| CompileError::Code(error.to_string()))?;
    Ok(anatomy.described.interface)
}
