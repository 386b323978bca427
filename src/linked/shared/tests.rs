//! Two objects that refer to each other, for every machine, read back and on this one loaded and called.

use cranelift::codegen::ir::{Endianness, Function, MemFlagsData, types};
use cranelift::frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift::prelude::{AbiParam, InstBuilder, Value};
use cranelift_module::{DataDescription, Linkage, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};
use object::elf::{
    self, PF_R, PF_W, PF_X, PT_DYNAMIC, PT_GNU_RELRO, PT_GNU_STACK, PT_LOAD, ProgramHeader64,
};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use super::{SharedError, shared_library};
use crate::machine::{Level, Machine};

const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "riscv64gc-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
];

/// Everything that code is written with, for one function.
struct Writing<'t> {
    module: &'t mut ObjectModule,
    builder: FunctionBuilder<'t>,
}

impl Writing<'_> {
    /// The address of a constant.
    fn address(&mut self, symbol: &str) -> Value {
        let id = self.module.declare_data(symbol, Linkage::Import, false, false).unwrap();
        let global = self.module.declare_data_in_func(id, self.builder.func);
        let pointer = self.module.isa().pointer_type();
        self.builder.ins().symbol_value(pointer, global)
    }

    /// What a function of another object gives.
    fn call(&mut self, symbol: &str, argument: Value) -> Value {
        let signature = self.builder.func.signature.clone();
        let id = self.module.declare_function(symbol, Linkage::Import, &signature).unwrap();
        let callee = self.module.declare_func_in_func(id, self.builder.func);
        self.builder.func.dfg.ext_funcs[callee].colocated = true;
        let call = self.builder.ins().call(callee, &[argument]);
        self.builder.inst_results(call)[0]
    }
}

fn module(target: &str, name: &str) -> ObjectModule {
    let machine = Machine::new(target, Level::Baseline).unwrap();
    let builder = ObjectBuilder::new(machine.isa().clone(), name, default_libcall_names());
    ObjectModule::new(builder.unwrap())
}

/// Defines a function from an integer of 64 bits to another.
fn function(
    module: &mut ObjectModule,
    symbol: &str,
    linkage: Linkage,
    body: impl FnOnce(&mut Writing<'_>, Value) -> Value,
) {
    let mut signature = module.make_signature();
    signature.params.push(AbiParam::new(types::I64));
    signature.returns.push(AbiParam::new(types::I64));
    let id = module.declare_function(symbol, linkage, &signature).unwrap();
    let mut function = Function::new();
    function.signature = signature;
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut function, &mut context);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    let argument = builder.block_params(block)[0];
    let configuration = module.target_config();
    let mut writing = Writing { module: &mut *module, builder };
    let result = body(&mut writing, argument);
    let mut builder = writing.builder;
    builder.ins().return_(&[result]);
    builder.finalize(configuration);
    let mut context = cranelift::codegen::Context::for_function(function);
    module.define_function(id, &mut context).unwrap();
}

fn constant(module: &mut ObjectModule, symbol: &str, linkage: Linkage, value: i64) {
    let little = module.isa().endianness() == Endianness::Little;
    let bytes = if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let id = module.declare_data(symbol, linkage, false, false).unwrap();
    let mut data = DataDescription::new();
    data.define(bytes.into());
    data.set_align(8);
    module.define_data(id, &data).unwrap();
}

/// `answer(x)` is `x * 42 + offset(x)`, `thirds(x)` the bits of `x * (1/3)` in floating point.
fn first(target: &str) -> Vec<u8> {
    let mut module = module(target, "first");
    constant(&mut module, "factor", Linkage::Local, 42);
    function(&mut module, "answer", Linkage::Export, |writing, argument| {
        let offset = writing.call("offset", argument);
        let product = writing.builder.ins().imul_imm_s(argument, 42);
        writing.builder.ins().iadd(product, offset)
    });
    // A number that lies beside the code.
    function(&mut module, "thirds", Linkage::Export, |writing, argument| {
        let third = writing.builder.ins().f64const(1.0 / 3.0);
        let number = writing.builder.ins().fcvt_from_sint(types::F64, argument);
        let product = writing.builder.ins().fmul(number, third);
        writing.builder.ins().bitcast(types::I64, MemFlagsData::new(), product)
    });
    module.finish().emit().unwrap()
}

/// `offset(x)` is `twice(x) - 7`, for the first object alone; `shift` is that number, for everybody.
fn second(target: &str) -> Vec<u8> {
    let mut module = module(target, "second");
    constant(&mut module, "shift", Linkage::Export, -7);
    function(&mut module, "twice", Linkage::Local, |writing, argument| {
        writing.builder.ins().iadd(argument, argument)
    });
    function(&mut module, "offset", Linkage::Hidden, |writing, argument| {
        let id = writing.module.get_name("twice").expect("it was just defined");
        let cranelift_module::FuncOrDataId::Func(id) = id else { panic!("a function") };
        let callee = writing.module.declare_func_in_func(id, writing.builder.func);
        let call = writing.builder.ins().call(callee, &[argument]);
        let twice = writing.builder.inst_results(call)[0];
        writing.builder.ins().iadd_imm_s(twice, -7)
    });
    module.finish().emit().unwrap()
}

fn library(target: &str) -> Vec<u8> {
    shared_library("libboth.so", &[&first(target), &second(target)]).unwrap()
}

type Elf<'t> = ElfFile64<'t, object::Endianness>;

#[test]
fn every_machine_has_libraries_with_the_same_bytes_each_time() {
    for target in TARGETS {
        let bytes = library(target);
        assert_eq!(bytes, library(target), "{target}");
        let file = Elf::parse(&*bytes).unwrap();
        let exported: Vec<(&str, SymbolKind, u64)> = file
            .dynamic_symbols()
            .map(|symbol| (symbol.name().unwrap(), symbol.kind(), symbol.size()))
            .collect();
        let names: Vec<&str> = exported.iter().map(|symbol| symbol.0).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, ["answer", "shift", "thirds"], "{target}");
        for (name, kind, size) in exported {
            let expected = if name == "shift" { SymbolKind::Data } else { SymbolKind::Text };
            assert_eq!(kind, expected, "{target} {name}");
            assert!(size >= 8, "{target} {name} has {size} bytes");
        }
        assert!(file.symbols().all(|symbol| symbol.is_definition()), "{target}");
        let told: Vec<&str> = file.symbols().map(|symbol| symbol.name().unwrap()).collect();
        for name in ["answer", "shift", "thirds", "factor", "twice", "offset"] {
            assert_eq!(told.iter().filter(|known| **known == name).count(), 1, "{target} {name}");
        }
        assert!(file.sections().all(|section| section.relocations().next().is_none()), "{target}");
    }
}

#[test]
fn no_page_is_written_to_and_run() {
    for target in TARGETS {
        let bytes = library(target);
        let file = Elf::parse(&*bytes).unwrap();
        let endian = file.endian();
        let header = file.elf_header();
        let segments: Vec<&ProgramHeader64<_>> = file.elf_program_headers().iter().collect();
        let flags = |kind: u32| -> Vec<u32> {
            let of_kind = segments.iter().filter(|segment| segment.p_type(endian) == kind);
            of_kind.map(|segment| segment.p_flags(endian)).collect()
        };
        assert_eq!(header.e_type(endian), elf::ET_DYN, "{target}");
        assert_eq!(flags(PT_LOAD), [PF_R, PF_R | PF_X, PF_R | PF_W], "{target}");
        assert_eq!(flags(PT_GNU_STACK), [PF_R | PF_W], "{target}");
        assert_eq!(flags(PT_GNU_RELRO).len(), 1, "{target}");
        assert_eq!(flags(PT_DYNAMIC).len(), 1, "{target}");
        let page = if target.starts_with("aarch64") { 1 << 16 } else { 1 << 12 };
        let mut end = 0;
        for segment in segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD) {
            let (offset, address) = (segment.p_offset(endian), segment.p_vaddr(endian));
            assert_eq!(segment.p_align(endian), page, "{target}");
            assert_eq!(offset % page, address % page, "{target}");
            assert!(address / page * page >= end, "{target}: pages are shared");
            end = (address + segment.p_memsz(endian)).next_multiple_of(page);
        }
        let sealed = segments.iter().find(|segment| segment.p_type(endian) == PT_GNU_RELRO);
        let sealed = sealed.unwrap();
        assert_eq!(sealed.p_vaddr(endian) + sealed.p_memsz(endian), end, "{target}");
    }
}

#[test]
fn the_loader_s_table_names_the_library_and_no_other() {
    for target in TARGETS {
        let bytes = library(target);
        let file = Elf::parse(&*bytes).unwrap();
        let endian = file.endian();
        let table = file.elf_section_table();
        let (entries, link) = table.dynamic(endian, &*bytes).unwrap().unwrap();
        let strings = table.strings(endian, &*bytes, link).unwrap();
        let tags: Vec<i64> = entries.iter().map(|entry| entry.d_tag.get(endian)).collect();
        let wanted = [
            elf::DT_SONAME,
            elf::DT_GNU_HASH,
            elf::DT_STRTAB,
            elf::DT_SYMTAB,
            elf::DT_STRSZ,
            elf::DT_SYMENT,
            elf::DT_NULL,
        ];
        assert_eq!(tags, wanted, "{target}");
        let name = u32::try_from(entries[0].d_val.get(endian)).unwrap();
        assert_eq!(strings.get(name), Ok(&b"libboth.so"[..]), "{target}");
    }
}

#[test]
fn what_cannot_be_linked_is_told() {
    let target = TARGETS[0];
    let (first, second) = (first(target), second(target));
    let error = |name, objects: &[&[u8]]| shared_library(name, objects).unwrap_err();
    let library = library(target);
    let symbol = |name: &str, what| SharedError::Symbol { name: name.into(), what };
    for (name, objects, expected) in [
        ("", &[&*first, &*second][..], SharedError::Name(String::new())),
        ("a\0b", &[&*first, &*second], SharedError::Name("a\0b".into())),
        ("lib.so", &[], SharedError::Nothing("object")),
        ("lib.so", &[&*first], symbol("offset", "is used and not defined")),
        ("lib.so", &[&*first, &*second, &*second], symbol("shift", "is defined twice")),
    ] {
        assert_eq!(error(name, objects), expected);
    }
    let empty = module(target, "empty").finish().emit().unwrap();
    assert_eq!(error("lib.so", &[&empty]), SharedError::Nothing("code in the objects"));
    let foreign = self::second(TARGETS[1]);
    let mach = module("aarch64-apple-darwin", "mach").finish().emit().unwrap();
    for (objects, what) in [
        (&[&*first, &*foreign][..], "object 1 is for another machine than the first"),
        (&[&*library], "object 0 is linked already"),
        (&[&*mach], "object 0 is no ELF file of 64 bits"),
        (&[&first[..40]], "object 0 is no ELF file of 64 bits"),
        (&[&first[..first.len() / 2]], "object 0 cannot be read"),
    ] {
        let message = error("lib.so", objects).to_string();
        assert!(message.contains(what), "{message}");
        assert!(message.ends_with("to a linker (`cc -shared`)"), "{message}");
    }
}

#[test]
fn references_that_would_need_a_table_are_refused() {
    for target in TARGETS {
        let mut module = module(target, "far");
        function(&mut module, "far", Linkage::Export, |writing, argument| {
            let address = writing.address("shift");
            writing.builder.ins().iadd(argument, address)
        });
        let far = module.finish().emit().unwrap();
        let error = shared_library("lib.so", &[&far, &second(target)]).unwrap_err().to_string();
        let expected = "object 0 refers to `shift` otherwise than by a call (relocation";
        assert!(error.contains(expected), "{target}: {error}");
    }
}

#[test]
fn damaged_objects_are_told_or_linked_and_never_panic() {
    for target in TARGETS {
        let (first, second) = (first(target), second(target));
        let mut linked = 0;
        for place in 0..first.len() {
            for value in [0, 0x7f, 0xff] {
                let mut damaged = first.clone();
                damaged[place] = value;
                linked += usize::from(shared_library("lib.so", &[&damaged, &second]).is_ok());
            }
        }
        assert!(linked > 0 && linked < 3 * first.len(), "{target}: {linked}");
    }
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod loaded {
    use std::ffi::{CStr, CString, c_char, c_int, c_void};
    use std::mem::transmute;

    unsafe extern "C" {
        fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
        fn dlsym(library: *mut c_void, symbol: *const c_char) -> *mut c_void;
        fn dlerror() -> *const c_char;
    }

    type Code = unsafe extern "C" fn(i64) -> i64;

    #[test]
    fn this_machine_loads_the_library_and_calls_it() {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let folder = std::env::temp_dir().join(format!("lossc-shared-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("libboth.so");
        std::fs::write(&path, super::library(&target)).unwrap();
        let path = CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: the library has no code that runs when it is loaded.
        let library = unsafe { dlopen(path.as_ptr(), 2) };
        // SAFETY: the message is asked for where `dlopen` failed, so that there is one.
        assert!(!library.is_null(), "{:?}", unsafe { CStr::from_ptr(dlerror()) });
        let symbol = |name: &CStr| {
            // SAFETY: the library is loaded and stays so.
            let address = unsafe { dlsym(library, name.as_ptr()) };
            assert!(!address.is_null(), "{name:?}");
            address
        };
        // SAFETY: both are functions of this type.
        let (answer, thirds) = unsafe {
            let code = |name| transmute::<*mut c_void, Code>(symbol(name));
            (code(c"answer"), code(c"thirds"))
        };
        // SAFETY: it is a constant of 64 bits.
        let shift = unsafe { *symbol(c"shift").cast::<i64>() };
        assert_eq!(shift, -7);
        for x in [0, 1, -5, 1 << 30] {
            // SAFETY: the functions take any number.
            let (answer, thirds) = unsafe { (answer(i64::from(x)), thirds(i64::from(x))) };
            assert_eq!(answer, i64::from(x) * 44 - 7);
            assert_eq!(f64::from_bits(thirds.cast_unsigned()), f64::from(x) * (1.0 / 3.0));
        }
        // SAFETY: as above.
        assert!(unsafe { dlsym(library, c"offset".as_ptr()) }.is_null());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
