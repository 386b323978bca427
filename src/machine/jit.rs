//! Machine code in this process: compiled, made executable, called, and freed with its last owner.

use std::fmt::{self, Debug, Formatter};
use std::mem::ManuallyDrop;
use std::sync::Arc;

use cranelift::codegen::ir::{AbiParam, Function, types};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError, default_libcall_names};

use super::{MachineError, Options, clif, define_written, host, wide};
use crate::loops::{Program, validate};

/// The signature of compiled code: pointers to the arrays, lengths of the extents.
type Code = unsafe extern "C" fn(*const *mut u8, *const u64);

/// A compiled program, cheap to clone. The code is freed when the last clone goes.
#[derive(Clone)]
pub struct Kernel {
    code: Code,
    counts: Counts,
    /// Keeps what `code` points at.
    memory: Arc<CodeMemory>,
}

/// How many arrays and extents a program is called with.
#[derive(Clone, Copy)]
struct Counts {
    arrays: usize,
    extents: usize,
}

impl Counts {
    fn of(program: &Program) -> Self {
        Self { arrays: program.arrays.len(), extents: program.extents.len() }
    }
}

/// Compiles a program for this machine.
///
/// # Errors
/// Where this machine cannot run it, or Cranelift refuses it.
///
/// # Panics
/// In debug builds, where the program breaks a rule of the loop language.
pub fn compile(program: Program, options: Options) -> Result<Kernel, MachineError> {
    test(&program, options)?;
    let counts = Counts::of(&program);
    let written = if options.lanes { wide::write(program, options.isa) } else { Err(program) };
    let written = match written {
        Ok(bytes) => Written::Bytes(bytes),
        Err(program) => Written::Function(Box::new(clif::write(&program, options, &**host()?))),
    };
    finish(counts, written)
}

/// How outputs are aligned that go past the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aligned {
    /// To 16 bytes, a quarter of a line.
    Quarter,
    /// To 64 bytes, a line of the caches.
    Line,
}

/// The outputs that code past the caches keeps in arrays of their own until they are whole, by their places among the program's
/// arrays; `None` for programs that [`compile_streaming`] has no code for.
#[must_use]
pub fn staged(program: &Program, options: Options) -> Option<Vec<usize>> {
    let staged = if options.lanes { wide::staged(program, options.isa) } else { None };
    staged.map(|staged| staged.into_iter().map(|array| array.0 as usize).collect())
}

/// Compiles a program to code that writes its outputs past the caches: those that have an axis, and every row of those with two,
/// must be aligned as stated. It has more arrays than the program: behind those one of the same size for each of the
/// [`staged`] outputs. Other threads see what is written after a fence for stores. `None` for programs that have no such code.
///
/// # Errors
/// Where this machine cannot run it.
///
/// # Panics
/// In debug builds, where the program breaks a rule of the loop language.
pub fn compile_streaming(
    program: &Program,
    options: Options,
    aligned: Aligned,
) -> Result<Option<Kernel>, MachineError> {
    test(program, options)?;
    let written =
        if options.lanes { wide::write_streaming(program, options.isa, aligned) } else { None };
    written.map(|(bytes, program)| finish(Counts::of(&program), Written::Bytes(bytes))).transpose()
}

/// Tests whether this machine runs a program.
fn test(program: &Program, options: Options) -> Result<(), MachineError> {
    debug_assert_eq!(validate(program), Ok(()), "a valid program\n{program}");
    if program.fused && !super::host_fuses() {
        return Err(MachineError::Host("it has no fused multiply-add".into()));
    }
    if !options.isa.is_on_host() {
        return Err(MachineError::Host(format!("it has no {}", options.isa)));
    }
    Ok(())
}

/// Makes code executable.
fn finish(counts: Counts, written: Written) -> Result<Kernel, MachineError> {
    let isa = host()?;
    // One reservation holds all code: its parts are never too far from each other to be linked.
    let arena = ArenaMemoryProvider::new_with_size(RESERVED + written.most_bytes())
        .map_err(|error| MachineError::Host(format!("no memory for code: {error}")))?;
    let mut builder = JITBuilder::with_isa(isa.clone(), default_libcall_names());
    builder.memory_provider(Box::new(arena));
    let mut memory = CodeMemory::new(JITModule::new(builder));
    let id = match written {
        Written::Function(function) => define_written(&mut *memory.module, "kernel", *function)?,
        Written::Bytes(bytes) => define_bytes(&mut memory.module, "kernel", &bytes)?,
    };
    memory
        .module
        .finalize_definitions()
        .map_err(|error| MachineError::Host(format!("code cannot be run: {error}")))?;
    let address = memory.module.get_finalized_function(id);
    // SAFETY: the address is that of finished code, which `clif::write` gave this very signature,
    // in the calling convention of this machine; `memory` keeps it for as long as the pointer lives.
    let code = unsafe { std::mem::transmute::<*const u8, Code>(address) };
    Ok(Kernel { code, counts, memory: Arc::new(memory) })
}

/// A function that is not yet in memory.
enum Written {
    /// To be compiled by Cranelift.
    Function(Box<Function>),
    /// Machine code.
    Bytes(Vec<u8>),
}

impl Written {
    /// An upper bound of how much memory it takes.
    fn most_bytes(&self) -> usize {
        match self {
            Self::Function(function) => RESERVED_PER_INSTRUCTION * function.dfg.num_insts(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// Defines a function of a module as machine code.
fn define_bytes(module: &mut JITModule, name: &str, bytes: &[u8]) -> Result<FuncId, MachineError> {
    let failed = |error: ModuleError| MachineError::Code(format!("{error:?}"));
    let mut signature = module.make_signature();
    signature.params = vec![AbiParam::new(types::I64); 2];
    let id = module.declare_function(name, Linkage::Export, &signature).map_err(failed)?;
    module.define_function_bytes(id, 64, bytes, &[]).map_err(failed)?;
    Ok(id)
}

/// Address space for the code of a function, constants included: only what is used becomes memory.
const RESERVED: usize = 1 << 16;
const RESERVED_PER_INSTRUCTION: usize = 128;

impl Kernel {
    /// Runs the program: one pointer an array in the program's order, one length an extent.
    ///
    /// # Safety
    /// Each pointer must point to as many elements of the program's precision as the array's extents
    /// say, aligned to an element: readable for inputs, writable and not overlapping any other array
    /// for outputs and temporaries. Integers that the program uses as subscripts must lie inside
    /// their axes.
    ///
    /// # Panics
    /// Where the number of arrays or extents is not the program's.
    #[inline]
    pub unsafe fn call(&self, arrays: &[*mut u8], extents: &[u64]) {
        assert_eq!(arrays.len(), self.counts.arrays, "one pointer for each array");
        assert_eq!(extents.len(), self.counts.extents, "one length for each extent");
        // SAFETY: the code lives as long as `self.memory`; it reads as many pointers and lengths as
        // were just counted, and otherwise touches what the caller vouches for.
        unsafe { (self.code)(arrays.as_ptr(), extents.as_ptr()) }
    }
}

impl Debug for Kernel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (owners, code) = (Arc::strong_count(&self.memory), self.code);
        write!(
            f,
            "Kernel({} arrays, {} extents, {code:p}, {owners} owners)",
            self.counts.arrays, self.counts.extents
        )
    }
}

/// A module whose memory goes with it.
struct CodeMemory {
    module: ManuallyDrop<JITModule>,
}

impl CodeMemory {
    fn new(module: JITModule) -> Self {
        Self { module: ManuallyDrop::new(module) }
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        // SAFETY: the module is taken here and nowhere else, and not used again.
        let module = unsafe { ManuallyDrop::take(&mut self.module) };
        // SAFETY: the only pointer into the code is that of `Kernel`, whose last clone is going;
        // a call borrows its kernel, so none is running.
        unsafe { module.free_memory() };
    }
}

// SAFETY: once compiled, the module is not touched until it is dropped, by one thread; it is `Send`.
unsafe impl Sync for CodeMemory {}
