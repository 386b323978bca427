//! Losses as objects that link into other programs, with nothing of this crate at run time: in come a checked
//! loss and a machine, out go an object file and the [`Interface`] by which it is called.
//!
//! The object exports the symbols that its interfaces name and refers to no others. Its code is that
//! of [`crate::call`], with the same bits: [`driver`] does in machine code what a call does in this process.

mod describe;
mod interface;

pub use interface::{
    ABI_VERSION, Argument, AxisLength, Default, Elements, FLAG_CHECKED, FLAG_SUM, Field, Interface,
    NamedExtent, STATUSES, Status,
};

use crate::compile::{CompileError, Compiler};
use crate::loops::Precision;
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
}

/// Which CPUs of a machine code is made for.
#[derive(Clone, Copy, Debug, std::default::Default, PartialEq, Eq)]
pub enum Cpu {
    /// Any: plain code, and on x86-64 also code for AVX2 with FMA; the call says which of them runs.
    #[default]
    Any,
    /// Plain code alone.
    Baseline,
    /// The best code that this machine runs, alone.
    Native,
}

/// The interfaces of a loss, one for each precision.
///
/// # Errors
/// If the loss does not have what is asked for.
pub fn interfaces(
    compiler: &Compiler,
    model: &Model,
    options: &Options,
) -> Result<Vec<Interface>, CompileError> {
    let chosen = compiler.choose_inputs(model)?;
    let describe = |precision: &Precision| {
        let symbol = format!("{}_{}_{}", options.prefix, model.name, precision);
        describe::describe(&chosen, *precision, symbol).interface
    };
    Ok(options.precisions.iter().map(describe).collect())
}
