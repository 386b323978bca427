//! Programs and functions as an object for a linker: in come programs, functions and machine code under
//! the names of symbols, out come the bytes of the object, and its code as text.
//!
//! The object is position independent and has no undefined symbols. The same input gives the same
//! bytes. Symbols are named as in C: Mach-O's underscore is put in front here.

use std::collections::HashSet;
use std::fmt::{Debug, Display};

use cranelift::codegen::Context;
use cranelift::codegen::control::ControlPlane;
use cranelift::codegen::ir::{AbiParam, FuncRef, Function, Signature, Type, UserFuncName};
use cranelift_module::{
    DataDescription, DataId, FuncId, Linkage, Module, ModuleReloc, default_libcall_names,
};
use cranelift_object::{ObjectBuilder, ObjectModule};

use super::target::Machine;
use super::{MachineError, clif, wide};
use crate::loops::{Program, validate};

/// A finished object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What a linker reads.
    pub bytes: Vec<u8>,
    /// Its functions as text, in order; empty where none was asked for.
    pub texts: Vec<FunctionText>,
}

/// A function as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionText {
    /// Its symbol.
    pub symbol: String,
    /// What it is made for: the level of the target's CPUs.
    pub machine: String,
    /// Cranelift's code; a comment where it came as machine code.
    pub clif: String,
    /// Its instructions, in Cranelift's notation; bytes where it came as machine code.
    pub assembly: String,
}

/// Writes an object for a machine.
pub struct ObjectWriter {
    machine: Machine,
    module: ObjectModule,
    functions: HashSet<FuncId>,
    constants: HashSet<DataId>,
    texts: Option<Vec<FunctionText>>,
}

impl ObjectWriter {
    /// An object with nothing in it. Its name stands in its table of symbols, as a file's.
    ///
    /// # Errors
    /// Where Cranelift knows no objects for the machine.
    pub fn new(machine: &Machine, name: &str) -> Result<Self, MachineError> {
        let builder = ObjectBuilder::new(machine.isa().clone(), name, default_libcall_names());
        let module = ObjectModule::new(builder.map_err(refused)?);
        let (functions, constants) = (HashSet::new(), HashSet::new());
        Ok(Self { machine: machine.clone(), module, functions, constants, texts: None })
    }

    /// Keeps the text of every function that is defined from here on.
    #[must_use]
    pub fn with_texts(mut self) -> Self {
        self.texts = Some(vec![]);
        self
    }

    /// What the object is made for, where no other level is named.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The type of an address.
    #[must_use]
    pub fn pointer(&self) -> Type {
        self.module.isa().pointer_type()
    }

    /// An empty signature, of functions called as in C.
    #[must_use]
    pub fn signature(&self) -> Signature {
        self.module.make_signature()
    }

    /// Names a function, to be defined before the object is finished.
    ///
    /// # Errors
    /// Where the symbol stands for something else.
    pub fn declare(
        &mut self,
        symbol: &str,
        signature: &Signature,
        linkage: Linkage,
    ) -> Result<FuncId, MachineError> {
        self.module.declare_function(symbol, linkage, signature).map_err(refused)
    }

    /// Makes a function of the object callable in a function being written.
    pub fn refer(&mut self, function: FuncId, from: &mut Function) -> FuncRef {
        self.module.declare_func_in_func(function, from)
    }

    /// Defines a program as a function, for a level of the object's target.
    ///
    /// # Errors
    /// Where the machine cannot run it, or Cranelift refuses the symbol or the code.
    pub fn program(
        &mut self,
        machine: &Machine,
        symbol: &str,
        program: &Program,
        linkage: Linkage,
    ) -> Result<FuncId, MachineError> {
        debug_assert_eq!(validate(program), Ok(()), "a valid program\n{program}");
        machine.test(program)?;
        let options = machine.options();
        if let Ok(code) = wide::write(program.clone(), options.isa) {
            let mut signature = self.signature();
            signature.params = vec![AbiParam::new(self.pointer()); 2];
            return self.bytes(machine, symbol, &signature, &code, linkage);
        }
        let function = clif::write(program, options, &**machine.isa());
        self.function(machine, symbol, function, linkage)
    }

    /// Defines a function, for a level of the object's target.
    ///
    /// # Errors
    /// Where Cranelift refuses the symbol or the code.
    pub fn function(
        &mut self,
        machine: &Machine,
        symbol: &str,
        mut function: Function,
        linkage: Linkage,
    ) -> Result<FuncId, MachineError> {
        assert_eq!(machine.triple(), self.machine.triple(), "one object is for one target");
        let id = self.declare(symbol, &function.signature, linkage)?;
        function.name = UserFuncName::testcase(symbol);
        let clif = self.texts.as_ref().map(|_| function.display().to_string());
        let mut context = Context::for_function(function);
        context.set_disasm(clif.is_some());
        let code = context
            .compile(&**machine.isa(), &mut ControlPlane::default())
            .map_err(|error| MachineError::Code(format!("`{symbol}`: {:?}", error.inner)))?;
        let assembly = code.vcode.clone().unwrap_or_default();
        let (bytes, alignment) = (code.buffer.data().to_vec(), u64::from(code.buffer.alignment));
        let relocations = code.buffer.relocs().to_vec();
        let relocations = relocations.iter();
        let relocations: Vec<ModuleReloc> = relocations
            .map(|relocation| ModuleReloc::from_mach_reloc(relocation, &context.func, id))
            .collect();
        self.module.define_function_bytes(id, alignment, &bytes, &relocations).map_err(refused)?;
        self.functions.insert(id);
        if let (Some(texts), Some(clif)) = (&mut self.texts, clif) {
            let (symbol, machine) = (symbol.to_owned(), machine.to_string());
            texts.push(FunctionText { symbol, machine, clif, assembly });
        }
        Ok(id)
    }

    /// Defines a function as machine code, for a level of the object's target, which refers to nothing outside of itself.
    ///
    /// # Errors
    /// Where the symbol stands for something else.
    pub fn bytes(
        &mut self,
        machine: &Machine,
        symbol: &str,
        signature: &Signature,
        code: &[u8],
        linkage: Linkage,
    ) -> Result<FuncId, MachineError> {
        let id = self.declare(symbol, signature, linkage)?;
        self.module.define_function_bytes(id, 64, code, &[]).map_err(refused)?;
        self.functions.insert(id);
        if let Some(texts) = &mut self.texts {
            let clif = format!("; %{symbol}{signature} is {} bytes of machine code\n", code.len());
            let lines = code.chunks(16).map(|line| {
                let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:#04x}")).collect();
                format!("  .byte {}\n", bytes.join(", "))
            });
            let (symbol, machine) = (symbol.to_owned(), machine.to_string());
            texts.push(FunctionText { symbol, machine, clif, assembly: lines.collect() });
        }
        Ok(id)
    }

    /// Defines a 32-bit constant in read-only memory.
    ///
    /// # Errors
    /// Where the symbol stands for something else.
    pub fn constant(
        &mut self,
        symbol: &str,
        value: u32,
        linkage: Linkage,
    ) -> Result<DataId, MachineError> {
        let little = self.machine.is_little_endian();
        let bytes = if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let id = self.module.declare_data(symbol, linkage, false, false).map_err(refused)?;
        let mut data = DataDescription::new();
        data.define(bytes.into());
        data.set_align(4);
        self.module.define_data(id, &data).map_err(refused)?;
        self.constants.insert(id);
        Ok(id)
    }

    /// The bytes of the object.
    ///
    /// # Errors
    /// Where something was declared and never defined, or the object's format has no room for it.
    pub fn finish(self) -> Result<Object, MachineError> {
        let declarations = self.module.declarations();
        let functions = declarations.get_functions().map(|(id, declared)| {
            (self.functions.contains(&id), declared.linkage_name(id).into_owned())
        });
        let constants = declarations.get_data_objects().map(|(id, declared)| {
            (self.constants.contains(&id), declared.linkage_name(id).into_owned())
        });
        if let Some((_, symbol)) = functions.chain(constants).find(|(defined, _)| !defined) {
            return Err(MachineError::Code(format!("`{symbol}` is declared and never defined")));
        }
        let bytes = self.module.finish().emit().map_err(refused)?;
        Ok(Object { bytes, texts: self.texts.unwrap_or_default() })
    }
}

impl Debug for ObjectWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ObjectWriter({}, {} functions)", self.machine, self.functions.len())
    }
}

fn refused(error: impl Display) -> MachineError {
    MachineError::Code(error.to_string())
}
