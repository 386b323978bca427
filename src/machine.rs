//! Turns valid programs into machine code.
//!
//! The function that comes out is `extern "C" fn(arrays: *const *mut u8, extents: *const u64)`: one
//! pointer for each array of the program in order, temporaries included, and one length for each
//! extent. It calls nothing and allocates nothing. Cranelift writes loops in lanes as 128-bit vectors, or
//! all scalar; on x86-64 CPUs that have wider ones, `wide` writes the whole function instead. The bits
//! that come out are those of [`crate::interpret`].

mod address;
mod clif;
mod isa;
mod jit;
mod lanes;
mod object;
mod operation;
mod product;
mod reads;
mod rounding;
mod target;
mod totals;
mod wide;

use std::fmt::{self, Display, Formatter};
use std::sync::OnceLock;

use cranelift::codegen::isa::OwnedTargetIsa;
use cranelift::codegen::settings::{self, Configurable};
use cranelift_module::{FuncId, Module};

use crate::loops::Program;

pub use cranelift_module::Linkage;
pub use isa::Isa;
pub use jit::{Aligned, Kernel, compile, compile_streaming, staged};
pub use object::{FunctionText, Object, ObjectWriter};
pub use target::{Level, Machine, TARGETS, host_level};

/// How to turn a program into machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether loops in lanes use vectors. If not, every loop is scalar, with the same bits.
    pub lanes: bool,
    /// Which vectors they use.
    pub isa: Isa,
}

impl Default for Options {
    fn default() -> Self {
        Self { lanes: true, isa: Isa::host() }
    }
}

/// Why a program did not become machine code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineError {
    /// This machine lacks something, or Cranelift does not know it.
    Host(String),
    /// The target that is asked for lacks something, or there is no code for it.
    Target(String),
    /// Cranelift refused the code, as it does where a function grows too large.
    Code(String),
}

impl Display for MachineError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(what) => write!(f, "no native code on this machine: {what}"),
            Self::Target(what) => f.write_str(what),
            Self::Code(what) => write!(f, "the code generator failed: {what}"),
        }
    }
}

impl std::error::Error for MachineError {}

/// Whether this machine multiplies and adds in one instruction; where not, programs must not be `fused`.
#[must_use]
pub fn host_fuses() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::is_x86_feature_detected!("fma")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        cfg!(any(target_arch = "aarch64", target_arch = "s390x", target_arch = "riscv64"))
    }
}

/// Writes a program as a function of a module, exported under a name.
///
/// # Errors
/// Where Cranelift refuses the name or the code.
pub fn define<M: Module>(
    module: &mut M,
    name: &str,
    program: &Program,
    options: Options,
) -> Result<FuncId, MachineError> {
    let function = clif::write(program, options, module.isa());
    define_written(module, name, function)
}

fn define_written<M: Module>(
    module: &mut M,
    name: &str,
    function: cranelift::codegen::ir::Function,
) -> Result<FuncId, MachineError> {
    let failed = |error: cranelift_module::ModuleError| MachineError::Code(format!("{error:?}"));
    let id = module.declare_function(name, Linkage::Export, &function.signature).map_err(failed)?;
    let mut context = cranelift::codegen::Context::for_function(function);
    module.define_function(id, &mut context).map_err(failed)?;
    Ok(id)
}

/// The Cranelift code of a program for this machine, as text.
///
/// # Errors
/// Where Cranelift does not know this machine.
pub fn clif_text(program: &Program, options: Options) -> Result<String, MachineError> {
    Ok(clif::write(program, options, &**host()?).display().to_string())
}

/// Cranelift's settings for this machine, looked up once.
fn host() -> Result<&'static OwnedTargetIsa, MachineError> {
    static HOST: OnceLock<Result<OwnedTargetIsa, String>> = OnceLock::new();
    HOST.get_or_init(build_host).as_ref().map_err(|what| MachineError::Host(what.clone()))
}

fn build_host() -> Result<OwnedTargetIsa, String> {
    let verify = if cfg!(debug_assertions) { "true" } else { "false" };
    let mut flags = settings::builder();
    for (name, value) in [
        // Programs come without common subexpressions; what `speed` adds costs more than it gives.
        ("opt_level", "none"),
        ("enable_verifier", verify),
        ("is_pic", "false"),
        ("enable_probestack", "false"),
        ("unwind_info", "false"),
    ] {
        flags.set(name, value).map_err(|error| error.to_string())?;
    }
    let builder = cranelift_native::builder().map_err(String::from)?;
    builder.finish(settings::Flags::new(flags)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
