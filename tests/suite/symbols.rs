//! What linkers see of the shipped losses: read with a library, with the system's tools, and linked by its
//! C compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use lossc::build::{Artifact, Emit, Input, Settings, produce, write};
use lossc::check::{Source, check};
use lossc::library;
use lossc::linked::{Cpu, Field, Interface, Linked, Options, link};
use lossc::loops::Precision;
use lossc::model::Model;
use lossc::{Compiler, Element, Reduction};
use object::elf::{SHF_EXECINSTR, SHF_WRITE};
use object::read::archive::ArchiveFile;
use object::{
    Object, ObjectSection, ObjectSymbol, RelocationKind, RelocationTarget, SectionFlags,
    SectionKind, SymbolKind,
};

/// The models of all shipped losses.
pub(crate) fn models() -> Vec<Model> {
    let models =
        |shipped: &library::Shipped| check(&Source::Library(shipped.name.into())).unwrap().models;
    library::LOSSES.iter().flat_map(models).collect()
}

/// Every third of them, where a test makes much of each.
pub(crate) fn some_models() -> Vec<Model> {
    models().into_iter().step_by(3).collect()
}

/// A loss in both precisions.
pub(crate) fn linked(
    compiler: &Compiler,
    model: &Model,
    prefix: &str,
    target: Option<&str>,
) -> Linked {
    let options = Options {
        precisions: vec![Precision::F32, Precision::F64],
        prefix: prefix.into(),
        target: target.map(str::to_owned),
        cpu: Cpu::Any,
        texts: false,
    };
    link(compiler, model, &options).unwrap()
}

/// The symbols that interfaces name, sorted, each with whether it is a function.
pub(crate) fn documented(interfaces: &[Interface]) -> Vec<(String, bool)> {
    let symbols = interfaces.iter().flat_map(|interface| {
        [
            (interface.symbol.clone(), true),
            (interface.workspace_symbol(), true),
            (interface.cpu_symbol(), true),
            (interface.abi_symbol(), false),
        ]
    });
    let mut symbols: Vec<(String, bool)> = symbols.collect();
    symbols.sort();
    symbols
}

/// Whether a tool is there; says so where it is not.
pub(crate) fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        println!("skipped: the tool `{tool}` is not here");
    }
    found
}

/// What a tool prints, which must be satisfied with what it is given.
pub(crate) fn output(command: &mut Command) -> String {
    let out = command.output().unwrap();
    let (text, told) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {told}");
    assert!(told.is_empty(), "{command:?}: {told}");
    text.into_owned()
}

/// A folder for the files of a test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// All shipped losses as objects for this machine.
fn shipped() -> &'static [Linked] {
    static SHIPPED: OnceLock<Vec<Linked>> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let link = |model: &Model| linked(&Compiler::new(), model, "lossc", None);
        models().iter().map(link).collect()
    })
}

#[test]
fn objects_define_what_is_documented_and_need_nothing() {
    for linked in shipped() {
        let name = &linked.interfaces[0].name;
        let file = object::File::parse(&*linked.object).unwrap();
        let global = file.symbols().filter(ObjectSymbol::is_global);
        let mut global: Vec<(String, bool)> = global
            .map(|symbol| (symbol.name().unwrap().to_owned(), symbol.kind() == SymbolKind::Text))
            .collect();
        global.sort();
        assert_eq!(global, documented(&linked.interfaces), "{name}");
        let undefined = |symbol: &object::Symbol<'_, '_>| symbol.is_undefined();
        assert!(!file.symbols().any(|symbol| undefined(&symbol)), "{name}");
        assert!(!file.symbols().any(|symbol| symbol.is_weak() || symbol.is_common()), "{name}");
    }
}

#[test]
fn objects_can_be_anywhere_and_have_nothing_to_write_to() {
    for linked in shipped() {
        let name = &linked.interfaces[0].name;
        let file = object::File::parse(&*linked.object).unwrap();
        for section in file.sections() {
            let place = format!("{name} {}", section.name().unwrap());
            let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
            assert_eq!(sh_flags & u64::from(SHF_WRITE), 0, "{place}");
            for (_, relocation) in section.relocations() {
                let kind = relocation.kind();
                let relative = [RelocationKind::Relative, RelocationKind::PltRelative];
                assert!(relative.contains(&kind), "{place}: {relocation:?}");
                let RelocationTarget::Symbol(symbol) = relocation.target() else {
                    panic!("{place}: {relocation:?}")
                };
                let symbol = file.symbol_by_index(symbol).unwrap();
                assert_eq!(symbol.kind(), SymbolKind::Text, "{place}: {relocation:?}");
            }
        }
        if file.format() == object::BinaryFormat::Elf {
            let stack = file.section_by_name(".note.GNU-stack").expect("it is there");
            let SectionFlags::Elf { sh_flags } = stack.flags() else { panic!("flags of ELF") };
            assert_eq!((stack.size(), sh_flags & u64::from(SHF_EXECINSTR)), (0, 0), "{name}");
            let data = [SectionKind::Data, SectionKind::UninitializedData, SectionKind::Tls];
            let mut sections = file.sections();
            assert!(!sections.any(|it| data.contains(&it.kind()) && it.size() > 0), "{name}");
        }
    }
}

#[test]
fn the_same_loss_is_the_same_bytes() {
    for (model, first) in models().iter().zip(shipped()).step_by(3) {
        let again = linked(&Compiler::new(), model, "lossc", None);
        assert!(again.object == first.object, "{}", model.name);
    }
}

/// The objects as files.
fn files(name: &str) -> Vec<PathBuf> {
    let folder = folder(name);
    let write = |linked: &Linked| {
        let path = folder.join(format!("{}.o", linked.interfaces[0].name));
        fs::write(&path, &linked.object).unwrap();
        path
    };
    shipped().iter().map(write).collect()
}

#[test]
fn nm_and_readelf_see_the_same() {
    if !has("nm") || !has("readelf") {
        return;
    }
    for (linked, path) in shipped().iter().zip(files("nm")) {
        let name = &linked.interfaces[0].name;
        let listing =
            output(Command::new("nm").args(["--extern-only", "--format=posix"]).arg(&path));
        let mut global: Vec<(String, bool)> = Vec::new();
        for line in listing.lines() {
            let mut words = line.split(' ');
            let (symbol, kind) = (words.next().unwrap(), words.next().unwrap());
            assert!(["T", "R"].contains(&kind), "{name}: {line}");
            global.push((symbol.to_owned(), kind == "T"));
        }
        global.sort();
        assert_eq!(global, documented(&linked.interfaces), "{name}");
        let undefined = output(Command::new("nm").arg("--undefined-only").arg(&path));
        assert_eq!(undefined, "", "{name}");
        let sections = output(Command::new("readelf").args(["--sections", "--wide"]).arg(&path));
        let stack = sections.lines().find(|line| line.contains(".note.GNU-stack")).unwrap();
        assert!(stack.contains("PROGBITS"), "{name}: {stack}");
        let flags: Vec<&str> = stack.split_whitespace().rev().skip(3).take(1).collect();
        assert!(!flags[0].contains(['X', 'W', 'A']), "{name}: {stack}");
        let all = output(Command::new("readelf").args(["--all", "--wide"]).arg(&path));
        assert!(!all.to_lowercase().contains("warning"), "{name}: {all}");
        let bad = ["R_X86_64_64", "R_X86_64_32", "R_AARCH64_ABS", "R_RISCV_64", "R_390_64"];
        assert!(!bad.iter().any(|kind| all.contains(kind)), "{name}: {all}");
    }
}

/// Every third shipped loss, in one static library for this machine.
fn archive() -> Artifact {
    let input = |shipped: &library::Shipped| Input {
        name: shipped.name.into(),
        checked: check(&Source::Library(shipped.name.into())).unwrap(),
    };
    let inputs: Vec<Input> = library::LOSSES.iter().step_by(3).map(input).collect();
    let settings = Settings {
        emit: vec![Emit::StaticLibrary],
        precisions: vec![Precision::F32, Precision::F64],
        ..Settings::default()
    };
    produce(&inputs, &settings).unwrap().artifacts().unwrap().remove(0)
}

#[test]
fn the_archive_holds_the_objects_and_lists_their_symbols() {
    let archive = archive();
    assert!(archive == self::archive(), "the same bytes");
    let file = ArchiveFile::parse(&*archive.bytes).unwrap();
    let members = file.members().map(|member| member.unwrap().data(&*archive.bytes).unwrap());
    let members: Vec<&[u8]> = members.collect();
    let linked: Vec<&Linked> = shipped().iter().step_by(3).collect();
    assert_eq!(members.len(), linked.len());
    for linked in &linked {
        assert!(members.contains(&&*linked.object), "{}", linked.interfaces[0].name);
    }
    let listed = file.symbols().unwrap().expect("there is a table of symbols");
    let mut listed: Vec<String> =
        listed.map(|symbol| String::from_utf8(symbol.unwrap().name().to_vec()).unwrap()).collect();
    listed.sort();
    let interfaces: Vec<Interface> =
        linked.iter().flat_map(|linked| linked.interfaces.clone()).collect();
    let wanted: Vec<String> = documented(&interfaces).into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, wanted);
}

#[test]
fn the_system_s_linker_makes_a_library_of_all_without_a_word() {
    if !has("gcc") {
        return;
    }
    let files = files("ld");
    let folder = folder("ld");
    let archive = write(&folder, &[archive()]).unwrap().remove(0);
    let strict = ["-shared", "-nostdlib", "-Wl,-z,text", "-Wl,-z,defs", "-Wl,--fatal-warnings"];
    for (name, whole) in [("objects", None), ("archive", Some(&archive))] {
        let library = folder.join(format!("lib{name}.so"));
        let mut gcc = Command::new("gcc");
        gcc.args(strict).arg("-o").arg(&library);
        match whole {
            None => gcc.args(&files),
            Some(archive) => gcc.arg("-Wl,--whole-archive").arg(archive),
        };
        output(&mut gcc);
        let bytes = fs::read(&library).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let exported = file.dynamic_symbols().filter(ObjectSymbol::is_definition);
        let mut exported: Vec<(String, bool)> = exported
            .map(|symbol| (symbol.name().unwrap().to_owned(), symbol.kind() == SymbolKind::Text))
            .collect();
        exported.sort();
        let step = if whole.is_some() { 3 } else { 1 };
        let linked = shipped().iter().step_by(step);
        let interfaces = linked.flat_map(|linked| linked.interfaces.clone());
        assert_eq!(exported, documented(&interfaces.collect::<Vec<_>>()), "{name}");
    }
}

/// Logits and labels of five examples of three classes; the label of the third is missing.
const LOGITS: [f64; 15] =
    [2.0, 0.0, -1.0, 0.5, 0.5, 0.5, 1.0, 2.0, 3.0, -4.0, 0.25, 8.0, 0.0, 0.125, -0.75];
const LABELS: [i64; 5] = [1, 0, -1, 2, 1];

/// An input that is made a constant.
type Frozen = Option<(&'static str, f64)>;

/// A loss of logits and labels, with the one param that is frozen in it, under a prefix.
const COPIES: [(&str, &str, Frozen); 4] = [
    ("focal", "lossc_app_1_0_0", None),
    ("focal", "lossc_app_2_0_0", Some(("gamma", 0.5))),
    ("cross_entropy", "lossc_app_2_0_0", None),
    ("cross_entropy", "lossc_other_0_1_0_alpha_1", None),
];

fn compiler(frozen: Frozen) -> Compiler {
    frozen.into_iter().fold(Compiler::new(), |compiler, (name, value)| compiler.freeze(name, value))
}

/// C code that calls a loss and prints the bits of its mean, values and gradients.
fn call_in_c(interface: &Interface) -> String {
    let (real, index, bits) = match interface.precision {
        Precision::F32 => ("float", "int32_t", "uint32_t"),
        Precision::F64 => ("double", "int64_t", "uint64_t"),
    };
    let symbol = &interface.symbol;
    let field = |field: Field| match field {
        Field::Cpu => format!("{symbol}_cpu()"),
        Field::Examples => "5".into(),
        Field::Extent(_) => "3".into(),
        Field::Argument(place) => match interface.arguments[place].name.as_str() {
            "logits" => "(uintptr_t)logits".into(),
            "label" => "(uintptr_t)labels".into(),
            _ => "0".into(),
        },
        Field::Values => "(uintptr_t)values".into(),
        Field::Gradient(_) => "(uintptr_t)gradient".into(),
        Field::Workspace => "(uintptr_t)workspace".into(),
        Field::WorkspaceBytes => "sizeof workspace".into(),
        _ => "0".into(),
    };
    let fields: Vec<String> = interface.fields().into_iter().map(field).collect();
    let (logits, labels) = (format!("{LOGITS:?}"), format!("{LABELS:?}"));
    let list = |text: &str| text.replace('[', "{").replace(']', "}");
    format!(
        "extern int32_t {symbol}(const uint64_t *, double *);
        extern uint64_t {symbol}_workspace(const uint64_t *), {symbol}_cpu(void);
        extern const uint32_t {symbol}_abi;
        static void run_{symbol}(void) {{
            const {real} logits[] = {logits};
            const {index} labels[] = {labels};
            {real} values[5], gradient[15];
            static double workspace[1 << 17];
            double summary[5];
            uint64_t call[] = {{ {} }};
            if ({symbol}_workspace(call) > sizeof workspace || {symbol}_abi != 1) exit(1);
            if ({symbol}(call, summary) != 0) exit(2);
            uint64_t totals[2]; memcpy(totals, summary, sizeof totals);
            printf(\"{symbol} %llx %llx\", (unsigned long long)totals[0], (unsigned long long)totals[1]);
            for (int i = 0; i < 5; i++) {{
                {bits} bits; memcpy(&bits, &values[i], sizeof bits);
                printf(\" %llx\", (unsigned long long)bits);
            }}
            for (int i = 0; i < 15; i++) {{
                {bits} bits; memcpy(&bits, &gradient[i], sizeof bits);
                printf(\" %llx\", (unsigned long long)bits);
            }}
            printf(\"\\n\");
        }}\n",
        fields.join(", "),
        logits = list(&logits),
        labels = list(&labels),
    )
}

/// The bits of a number of its own type.
trait Bits: Element {
    fn bits(self) -> u64;
}

impl Bits for f32 {
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Bits for f64 {
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

/// What that code prints, as the loss compiled in this process has it.
fn call_here<T: Bits>(symbol: &str, loss: &str, frozen: Frozen) -> String
where
    for<'a> lossc::call::Data<'a, T>: From<&'a [T]>,
{
    let loss = compiler(frozen).library::<T>(loss).unwrap();
    let logits = LOGITS.map(T::from_f64);
    let (mut values, mut gradient) = ([T::default(); 5], [T::default(); 15]);
    let call = loss.call().bind("logits", &logits[..], &[5, 3]).bind("label", &LABELS[..], &[5]);
    let call = call.values(&mut values).gradient("logits", &mut gradient);
    let summary = call.run(Reduction::Mean).unwrap();
    let totals = [summary.sum, summary.weight].map(f64::to_bits);
    let numbers = values.into_iter().chain(gradient).map(Bits::bits);
    let words = totals.into_iter().chain(numbers).map(|bits| format!("{bits:x}"));
    format!("{symbol} {}", words.collect::<Vec<_>>().join(" "))
}

#[test]
fn losses_and_versions_of_one_share_a_program() {
    if !has("gcc") {
        return;
    }
    let folder = folder("program");
    let mut code = String::from(
        "#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n",
    );
    let (mut objects, mut symbols) = (Vec::new(), Vec::new());
    for (loss, prefix, frozen) in COPIES {
        let model = models().into_iter().find(|model| model.name == loss).unwrap();
        let linked = linked(&compiler(frozen), &model, prefix, None);
        let object = folder.join(format!("{prefix}.{loss}.o"));
        fs::write(&object, &linked.object).unwrap();
        objects.push(object);
        for interface in &linked.interfaces {
            code += &call_in_c(interface);
            symbols.push((interface.symbol.clone(), interface.precision, loss, frozen));
        }
    }
    code += "int main(void) {\n";
    for (symbol, ..) in &symbols {
        code += &format!("    run_{symbol}();\n");
    }
    code += "    return 0;\n}\n";
    let (source, program) = (folder.join("program.c"), folder.join("program"));
    fs::write(&source, code).unwrap();
    for kind in [&["-pie", "-fPIE"][..], &["-no-pie", "-fno-pie"]] {
        let mut gcc = Command::new("gcc");
        gcc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wl,--fatal-warnings"]).args(kind);
        output(gcc.arg("-o").arg(&program).arg(&source).args(&objects));
        let printed = output(&mut Command::new(&program));
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines.len(), symbols.len(), "{printed}");
        for (line, (symbol, precision, loss, frozen)) in lines.iter().zip(&symbols) {
            let expected = match precision {
                Precision::F32 => call_here::<f32>(symbol, loss, *frozen),
                Precision::F64 => call_here::<f64>(symbol, loss, *frozen),
            };
            assert_eq!(*line, expected, "{kind:?}");
        }
        assert_ne!(lines[0].split_once(' ').unwrap().1, lines[2].split_once(' ').unwrap().1);
    }
}
