//! Shared libraries of all shipped losses, written without a linker: their symbols, what tools say of them,
//! and the loaders of this machine and of others, under emulation.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use lossc::Compiler;
use lossc::linked::{Field, Interface, shared_library};
use object::{Object, ObjectSymbol, SymbolKind};

use crate::symbols::{documented, folder, has, linked, output, some_models};

const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "riscv64gc-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
];

const NAME: &str = "liblosses.so";

/// The library of every third loss for a target.
struct Library {
    target: &'static str,
    interfaces: Vec<Interface>,
    objects: Vec<Vec<u8>>,
    bytes: Vec<u8>,
}

impl Library {
    fn new(target: &'static str) -> Self {
        let link = |model| linked(&Compiler::new(), model, "lossc", Some(target));
        let linked: Vec<_> = some_models().iter().map(link).collect();
        let interfaces = linked.iter().flat_map(|linked| linked.interfaces.clone()).collect();
        let objects: Vec<Vec<u8>> = linked.into_iter().map(|linked| linked.object).collect();
        let bytes = library(&objects);
        Self { target, interfaces, objects, bytes }
    }

    /// The library as a file.
    fn file(&self) -> PathBuf {
        let path = folder(&format!("shared/{}", self.target)).join(NAME);
        let partial = path.with_extension(format!("{:?}", std::thread::current().id()));
        fs::write(&partial, &self.bytes).unwrap();
        fs::rename(partial, &path).unwrap();
        path
    }
}

fn library(objects: &[Vec<u8>]) -> Vec<u8> {
    let objects: Vec<&[u8]> = objects.iter().map(Vec::as_slice).collect();
    shared_library(NAME, &objects).unwrap()
}

fn libraries() -> &'static [Library] {
    static LIBRARIES: OnceLock<Vec<Library>> = OnceLock::new();
    LIBRARIES.get_or_init(|| TARGETS.map(Library::new).into())
}

#[test]
fn every_machine_s_library_exports_what_is_documented() {
    for Library { target, interfaces, objects, bytes } in libraries() {
        let file = object::File::parse(&**bytes).unwrap();
        let mut exported: Vec<(String, bool)> = Vec::new();
        for symbol in file.dynamic_symbols() {
            let name = symbol.name().unwrap().to_owned();
            assert!(symbol.is_definition() && symbol.is_global(), "{target} {name}");
            assert!(symbol.size() > 0, "{target} {name}");
            exported.push((name, symbol.kind() == SymbolKind::Text));
        }
        exported.sort();
        assert_eq!(exported, documented(interfaces), "{target}");
        assert!(library(objects) == *bytes, "{target}");
    }
}

#[test]
fn tools_read_every_library_without_a_complaint() {
    for tool in ["readelf", "nm"] {
        if !has(tool) {
            return;
        }
    }
    for library in libraries() {
        let (target, path) = (library.target, library.file());
        let all = output(Command::new("readelf").args(["--all", "--wide"]).arg(&path));
        for complaint in ["warning", "corrupt", "<unknown", "textrel"] {
            assert!(!all.to_lowercase().contains(complaint), "{target}: {complaint}\n{all}");
        }
        assert!(all.contains("There are no relocations in this file."), "{target}");
        assert!(all.contains(&format!("Library soname: [{NAME}]")), "{target}");
        let segments = output(Command::new("readelf").args(["--segments", "--wide"]).arg(&path));
        assert!(!segments.contains("RWE"), "{target}: {segments}");
        let stack = segments.lines().find(|line| line.contains("GNU_STACK")).unwrap();
        assert!(stack.contains(" RW "), "{target}: {stack}");
        let undefined = output(Command::new("nm").args(["-D", "--undefined-only"]).arg(&path));
        assert_eq!(undefined, "", "{target}");
        let defined = output(Command::new("nm").args(["-D", "--defined-only"]).arg(&path));
        assert_eq!(defined.lines().count(), 4 * library.interfaces.len(), "{target}");
    }
}

#[test]
fn debuggers_and_strippers_read_this_machine_s_library() {
    let Some(library) = here() else { return };
    let path = library.file();
    if has("objdump") {
        let code = output(Command::new("objdump").arg("-d").arg(&path));
        assert!(code.contains("<lossc_huber_f32>:"), "{}", library.target);
    }
    if has("gdb") {
        let functions = ["-batch", "-nx", "-ex", "info functions lossc_huber_f32$"];
        let told = output(Command::new("gdb").args(functions).arg(&path));
        assert!(told.contains("lossc_huber_f32"), "{told}");
    }
    if has("strip") && has("gcc") {
        let stripped = path.with_file_name("libstripped.so");
        output(Command::new("strip").arg("-o").arg(&stripped).arg(&path));
        let runner = Runner { compiler: "gcc", emulator: None };
        assert_eq!(runner.run(library, &stripped, "stripped"), expected(library));
    }
}

/// The library for this machine, if it is one of those.
fn here() -> Option<&'static Library> {
    let start = format!("{}-", std::env::consts::ARCH.replace("riscv64", "riscv64gc"));
    libraries().iter().find(|library| library.target.starts_with(&start))
}

/// How programs for a machine are made and run.
struct Runner {
    compiler: &'static str,
    /// A program, and where it finds the machine's own libraries.
    emulator: Option<(&'static str, &'static str)>,
}

impl Runner {
    fn is_here(&self) -> bool {
        has(self.compiler) && self.emulator.is_none_or(|(emulator, _)| has(emulator))
    }

    /// What a program prints that loads a library and calls a loss of it.
    fn run(&self, library: &Library, path: &std::path::Path, name: &str) -> String {
        let folder = folder(&format!("shared/{}", library.target));
        let (source, program) = (folder.join(format!("{name}.c")), folder.join(name));
        fs::write(&source, program_text(library)).unwrap();
        let mut compiler = Command::new(self.compiler);
        compiler.args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(&source).arg("-ldl");
        output(&mut compiler);
        let mut run = match self.emulator {
            None => Command::new(&program),
            Some((emulator, root)) => {
                let mut run = Command::new(emulator);
                run.arg("-L").arg(root).arg(&program);
                run
            }
        };
        output(run.arg(path))
    }
}

/// C code that loads the library, looks up all of it, and calls one loss, whose results are exact in any
/// order and precision.
fn program_text(library: &Library) -> String {
    let symbols: Vec<String> =
        documented(&library.interfaces).iter().map(|symbol| format!("\"{}\"", symbol.0)).collect();
    let named = |interface: &&Interface| interface.symbol == "lossc_huber_f32";
    let huber = library.interfaces.iter().find(named).unwrap();
    let field = |field: Field| match field {
        Field::Cpu => "cpu()",
        Field::Flags => "1",
        Field::Examples => "9",
        Field::Argument(0) => "(uintptr_t)yhat",
        Field::Argument(1) => "(uintptr_t)y",
        Field::Values => "(uintptr_t)values",
        Field::Gradient(_) => "(uintptr_t)gradient",
        _ => "0",
    };
    let fields: Vec<&str> = huber.fields().into_iter().map(field).collect();
    format!(
        r#"#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
static const char *const symbols[] = {{ {symbols} }};
int main(int count, char **words) {{
    void *library = count == 2 ? dlopen(words[1], RTLD_NOW) : 0;
    if (!library) return puts(dlerror()), 1;
    int found = 0;
    for (unsigned i = 0; i < sizeof symbols / sizeof *symbols; i++)
        found += dlsym(library, symbols[i]) != 0;
    uint64_t (*cpu)(void);
    int32_t (*entry)(const uint64_t *, double *);
    *(void **)&cpu = dlsym(library, "lossc_huber_f32_cpu");
    *(void **)&entry = dlsym(library, "lossc_huber_f32");
    const uint32_t *abi = dlsym(library, "lossc_huber_f32_abi");
    float yhat[9] = {{ 3, 0.25, 1, 3, 0.25, 1, 3, 0.25, 1 }};
    float y[9] = {{ 0, 0.75, 0, 0, 0.75, 0, 0, 0.75, 0 }};
    float values[9], gradient[9];
    double summary[5] = {{ 0 }};
    uint64_t call[] = {{ {fields} }};
    int status = entry(call, summary);
    printf("%d %d %u %g %g\n", found, status, (unsigned)*abi, summary[0], summary[1]);
    for (int i = 0; i < 9; i++) printf("%g %g\n", values[i], gradient[i]);
    return dlclose(library);
}}
"#,
        symbols = symbols.join(", "),
        fields = fields.join(", "),
    )
}

fn expected(library: &Library) -> String {
    let results = "2.5 1\n0.125 -0.5\n0.5 1\n".repeat(3);
    format!("{} 0 1 9.375 9\n{results}", 4 * library.interfaces.len())
}

#[test]
fn loaders_of_this_machine_run_the_library() {
    let Some(library) = here() else { return };
    for compiler in ["gcc", "musl-gcc"] {
        let runner = Runner { compiler, emulator: None };
        if runner.is_here() {
            let printed = runner.run(library, &library.file(), compiler);
            assert_eq!(printed, expected(library), "{compiler}");
        }
    }
}

#[test]
fn loaders_of_other_machines_run_their_libraries() {
    let runners = [
        ("aarch64-linux-gnu-gcc", "qemu-aarch64", "/usr/aarch64-linux-gnu"),
        ("riscv64-linux-gnu-gcc", "qemu-riscv64", "/usr/riscv64-linux-gnu"),
        ("s390x-linux-gnu-gcc", "qemu-s390x", "/usr/s390x-linux-gnu"),
    ];
    for (library, (compiler, emulator, root)) in libraries()[1..].iter().zip(runners) {
        let runner = Runner { compiler, emulator: Some((emulator, root)) };
        if runner.is_here() {
            let printed = runner.run(library, &library.file(), "emulated");
            assert_eq!(printed, expected(library), "{compiler}");
        }
    }
}
