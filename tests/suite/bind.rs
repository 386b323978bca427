//! Headers and Rust modules of linked losses, read by the compilers that are meant to read them.
//!
//! With `BLESS=1` in the environment the texts under `tests/bind/` are written instead of compared.

use lossc::bind::{header, rust_module};
use lossc::check::{Source, check};
use lossc::library::LOSSES;
use lossc::linked::{Cpu, Field, Interface, Linked, Options, link};
use lossc::loops::Precision;
use lossc::{Compiler, Reduction};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const BOTH: [Precision; 2] = [Precision::F32, Precision::F64];

/// The losses of a source as objects.
fn link_all(source: &Source, compiler: &Compiler, precisions: &[Precision]) -> Vec<Linked> {
    let options = Options {
        precisions: precisions.to_vec(),
        prefix: "lossc".to_owned(),
        target: None,
        cpu: Cpu::Any,
        texts: false,
    };
    let checked = check(source).unwrap_or_else(|failure| panic!("{failure}"));
    let link = |model| link(compiler, model, &options).unwrap_or_else(|error| panic!("{error}"));
    checked.models.iter().map(link).collect()
}

fn library(name: &str, precisions: &[Precision]) -> Vec<Linked> {
    link_all(&Source::Library(name.to_owned()), &Compiler::new(), precisions)
}

fn nasty(precisions: &[Precision]) -> Vec<Linked> {
    link_all(&Source::Path(nasty_path()), &Compiler::new(), precisions)
}

fn nasty_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bind/nasty.loss")
}

fn interfaces(linked: &[Linked]) -> Vec<Interface> {
    linked.iter().flat_map(|linked| linked.interfaces.clone()).collect()
}

fn text(text: &str, compiler: &Compiler, precisions: &[Precision]) -> Vec<Linked> {
    let source = Source::Text { name: "chosen.loss".to_owned(), text: text.to_owned() };
    link_all(&source, compiler, precisions)
}

/// Interfaces of every kind: every third of what is shipped (compilers read all of it), what is nasty, with a
/// workspace, with chosen gradients.
fn everything() -> Vec<Interface> {
    static ALL: OnceLock<Vec<Interface>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all: Vec<Linked> =
            LOSSES.iter().step_by(3).flat_map(|shipped| library(shipped.name, &BOTH)).collect();
        all.extend(nasty(&[Precision::F32]));
        let chosen = Compiler::new().freeze("b", 2.5).wrt(["a", "c", "y"]);
        let losses = "/// Chosen.\nloss chosen(pred x[K], target y, param a = 1, b = 2, c[K] = 1) = sum(x * c) * a + y * b";
        all.extend(text(losses, &chosen, &BOTH));
        let none = Compiler::new().wrt([""; 0]);
        all.extend(text("loss none(pred x[K], target y) = sum(x) - y", &none, &BOTH));
        let mut all = interfaces(&all);
        let mut with_workspaces = interfaces(&nasty(&[Precision::F64]));
        for interface in &mut with_workspaces {
            interface.needs_workspace = true;
        }
        all.extend(with_workspaces);
        all
    });
    all.clone()
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bind").join(name);
    fs::create_dir_all(&folder).expect("a folder for tests");
    folder
}

/// Whether a tool is there; says so if not.
fn have(tool: &str) -> bool {
    let found =
        Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let have = found.is_ok_and(|status| status.success());
    if !have {
        println!("skipped: there is no `{tool}`");
    }
    have
}

fn rustc() -> String {
    std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("the tool can be started");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{text}");
    assert!(text.is_empty(), "{command:?}\n{text}");
}

/// The flags under which headers are silent.
const WARNINGS: [&str; 9] = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wshadow",
    "-Wcomment",
    "-Wtrigraphs",
    "-Wundef",
    "-Werror",
];

#[test]
fn c_and_cpp_read_the_header() {
    let folder = scratch("header");
    fs::write(folder.join("all.h"), header("all.h", &everything())).unwrap();
    // Of another build, with a loss in common.
    let mut other = everything();
    other.truncate(4);
    let common = other[3].clone();
    for interface in &mut other {
        interface.symbol = format!("other_{}", interface.symbol);
    }
    other.push(common);
    fs::write(folder.join("other.h"), header("other.h", &other)).unwrap();
    let text = "#include \"all.h\"\n#include \"other.h\"\n#include \"all.h\"\nint main(void) { return LOSSC_OK; }\n";
    for (tool, file, standards) in [
        ("gcc", "all.c", &["-std=c99", "-std=gnu99", "-std=c11", "-std=gnu2x"]),
        ("g++", "all.cpp", &["-std=c++17", "-std=gnu++17", "-std=c++11", "-std=c++20"]),
    ] {
        fs::write(folder.join(file), text).unwrap();
        if !have(tool) {
            continue;
        }
        for standard in standards {
            succeed(Command::new(tool).current_dir(&folder).args(WARNINGS).args([
                standard,
                "-fsyntax-only",
                file,
            ]));
        }
    }
}

/// The names of a struct's fields, in the order of the header.
fn fields_in(header: &str, name: &str) -> Vec<String> {
    let start = header.find(&format!("typedef struct {name} {{")).expect("the struct");
    let lines = header[start..].lines().skip(1).take_while(|line| !line.starts_with('}'));
    let field = |line: &str| {
        let declaration = line.split(';').next().expect("a declaration");
        declaration.rsplit([' ', '*']).next().expect("a name").to_owned()
    };
    // Not the doc text in front of some.
    let is_field = |line: &&str| line.contains("; ") && !line.trim_start().starts_with('*');
    lines.filter(is_field).map(field).collect()
}

#[test]
fn the_struct_lies_in_memory_as_the_interface_says() {
    let all = everything();
    let header = header("layout.h", &all);
    let mut text = "#include <stddef.h>\n#include \"layout.h\"\n".to_owned();
    for interface in &all {
        let name = format!("{}_call", interface.symbol);
        let fields = fields_in(&header, &name);
        let expected = interface.fields();
        assert_eq!(fields.len(), expected.len(), "{name}: {fields:?}");
        for (at, (field, expected)) in fields.iter().zip(&expected).enumerate() {
            text +=
                &format!("_Static_assert(offsetof({name}, {field}) == {}, \"{name}\");\n", at * 8);
            let known = match expected {
                Field::Cpu => "cpu",
                Field::Flags => "flags",
                Field::Examples => "examples",
                Field::Extent(place) => &interface.extents[*place].name,
                Field::Argument(place) => &interface.arguments[*place].name,
                Field::SampleWeights => "sample_weights",
                Field::Upstream => "upstream",
                Field::Values => "values",
                Field::Gradient(_) => "gradient_",
                Field::Workspace => "workspace",
                Field::WorkspaceBytes => "workspace_bytes",
            };
            assert!(field.starts_with(known), "{name}: {field} for {known}");
        }
        text += &format!("_Static_assert(sizeof({name}) == {}, \"{name}\");\n", fields.len() * 8);
    }
    if !have("gcc") {
        return;
    }
    let folder = scratch("layout");
    fs::write(folder.join("layout.h"), &header).unwrap();
    fs::write(folder.join("layout.c"), text).unwrap();
    succeed(Command::new("gcc").current_dir(&folder).args([
        "-std=c11",
        "-fsyntax-only",
        "layout.c",
    ]));
}

/// Lints that a careful crate denies, beside all that warn by default.
const DENIED: [&str; 14] = [
    "warnings",
    "missing_docs",
    "unused",
    "unreachable_pub",
    "unsafe_op_in_unsafe_fn",
    "missing_debug_implementations",
    "unused_qualifications",
    "rust_2018_idioms",
    "rust_2024_compatibility",
    "future_incompatible",
    "nonstandard_style",
    "unused_lifetimes",
    "trivial_casts",
    "single_use_lifetimes",
];

#[test]
fn rust_reads_the_module_without_a_word() {
    let folder = scratch("rust");
    fs::write(folder.join("losses.rs"), rust_module(&everything())).unwrap();
    let denied: Vec<String> = DENIED.iter().map(|lint| format!("#![deny({lint})]\n")).collect();
    let denied = denied.concat();
    if !have(&rustc()) {
        return;
    }
    for visibility in ["pub mod", "mod"] {
        let text = format!(
            "//! Losses.\n#![no_std]\n{denied}#[doc = \"All.\"]\n{visibility} losses {{ include!(\"losses.rs\"); }}\n"
        );
        fs::write(folder.join("lib.rs"), &text).unwrap();
        for edition in ["2021", "2024"] {
            succeed(Command::new(rustc()).current_dir(&folder).args([
                "--crate-type",
                "lib",
                "--emit=metadata",
                "--edition",
                edition,
                "lib.rs",
            ]));
        }
    }
}

#[test]
fn rustdoc_reads_the_docs_without_a_word_and_finds_no_tests() {
    let rustdoc = std::env::var("RUSTDOC").unwrap_or_else(|_| "rustdoc".to_owned());
    if !have(&rustdoc) {
        return;
    }
    let folder = scratch("rustdoc");
    fs::write(folder.join("losses.rs"), rust_module(&everything())).unwrap();
    let text = "//! Losses.\n#![no_std]\n#![deny(warnings, rustdoc::all)]\n#[doc = \"All.\"]\npub mod losses { include!(\"losses.rs\"); }\n";
    fs::write(folder.join("lib.rs"), text).unwrap();
    let mut command = Command::new(&rustdoc);
    command.current_dir(&folder).args(["--edition", "2024", "-o", "doc", "lib.rs"]);
    succeed(&mut command);
    let mut command = Command::new(&rustdoc);
    command.current_dir(&folder).args(["--edition", "2024", "--test", "lib.rs"]);
    let output = command.output().expect("rustdoc can be started");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("running 0 tests"), "{told}");
}

#[test]
fn the_docs_of_an_input_reach_its_field() {
    let linked = nasty(&[Precision::F32]);
    let all = interfaces(&linked);
    let words = all.iter().find(|interface| interface.name == "words").unwrap();
    assert!(words.arguments[0].doc.starts_with("What the model says"));
    assert!(words.arguments[1..].iter().all(|argument| argument.doc.is_empty()));
    let alone = std::slice::from_ref(words);
    assert!(rust_module(alone).contains("/// What the model says"));
    assert!(header("words", alone).contains("     * What the model says * / [of itself].\n"));
}

#[test]
fn texts_are_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bind");
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for name in ["focal", "ridge"] {
        let interfaces = interfaces(&library(name, &[Precision::F32]));
        for (ending, text) in
            [("h", header(&format!("{name}.h"), &interfaces)), ("rs", rust_module(&interfaces))]
        {
            let golden = folder.join(format!("{name}.{ending}"));
            if bless {
                fs::write(&golden, &text).expect("a writable file");
            } else if fs::read_to_string(&golden).unwrap_or_default() != text {
                fs::write(scratch("texts").join(format!("{name}.{ending}")), &text).unwrap();
                wrong.push(format!("{name}.{ending}"));
            }
        }
    }
    let fresh = scratch("texts");
    assert!(
        wrong.is_empty(),
        "{wrong:?} are not as under tests/bind, but as under {}",
        fresh.display()
    );
}

/// What `tests/bind/user.rs` prints of calls that do not fit.
const TOLD: [(&str, &str); 28] = [
    ("words for 1000000 x 3", "0"),
    ("words for 100 x 100000", "201032"),
    ("other kinds", "Ok(43.3"),
    ("gradients", "[0.5, 0.5"),
    ("with workspace", "2250 [-1.0, -1.0]"),
    ("no whole rows", "`logits` has 5 elements, which is no whole number of examples of 3 each"),
    ("labels", "`label` has 3 elements, but there are 2 examples"),
    ("param", "`weight` has 4 elements instead of 3"),
    ("gradient", "`gradients.logits` has 5 elements, but there are 2 examples of 3 each"),
    ("values", "`values` has 5 elements, but there are 2 examples"),
    ("weights", "`sample_weights` has 1 elements, but there are 2 examples"),
    ("no examples", "the batch is empty: there is no example"),
    ("many classes", "`label` has 2 elements, but there are 0 examples"),
    ("long axis", "the batch is empty: there is no example"),
    (
        "label",
        "`label` in row 1 is 3, outside of axis K, which goes from 0 to 2 (negative: missing)",
    ),
    ("domain", "`gamma` is -1, outside of its domain [0, inf)"),
    ("domain of an array", "`weight` at element 2 is -0.5, outside of its domain [0, inf)"),
    ("short axis", "axis K is 2 long, but the loss names position 2 of it"),
    (
        "simplex",
        "`truth` in row 0 at element 0 is 0.5, outside of its domain simplex: numbers from 0 that sum to 1",
    ),
    ("simplex unchecked", "done"),
    ("computed", "`computed` is -1, outside of its domain [0, inf)"),
    ("a default outside", "`plain` is -1, outside of its domain (0, inf)"),
    ("label of four", "`one` in row 1 is 4, outside of axis 4, which goes from 0 to 3"),
    (
        "label in an array",
        "`labels` in row 1 at element 0 is 2, outside of axis K, which goes from 0 to 1 (negative: missing)",
    ),
    ("scales", "`scales` has 3 elements instead of 4"),
    ("shared", "Ok(26.0)"),
    ("only params", "Ok(9.0)"),
    ("only scalars", "Ok(9.0) 6"),
];

#[test]
fn a_program_calls_linked_losses() {
    if !have(&rustc()) || !have("cc") {
        return;
    }
    let mut linked = nasty(&[Precision::F32]);
    linked.extend(library("focal", &[Precision::F32]));
    linked.extend(library("soft_cross_entropy", &[Precision::F32]));
    linked.extend(library("softmax_squared_error", &[Precision::F32]));
    let loss = "loss with_workspace(learned w[F], target x[F]) = sum((w - x)^2)";
    linked.extend(text(loss, &Compiler::new(), &[Precision::F32]));
    let folder = scratch("user");
    fs::write(folder.join("losses.rs"), rust_module(&interfaces(&linked))).unwrap();
    let user = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bind/user.rs");
    fs::copy(user, folder.join("user.rs")).unwrap();
    let mut command = Command::new(rustc());
    command.current_dir(&folder).args(["--edition", "2021", "user.rs"]);
    for (at, linked) in linked.iter().enumerate() {
        fs::write(folder.join(format!("{at}.o")), &linked.object).unwrap();
        command.arg(format!("-Clink-arg={at}.o"));
    }
    succeed(&mut command);
    let output = Command::new(folder.join("user")).output().expect("the program runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let [mean, weighted] = focal_here();
    for expected in [mean, weighted, kinds_here()] {
        assert!(told.lines().any(|line| line == expected), "{expected}\n{told}");
    }
    let mut wrong = Vec::new();
    for (what, expected) in TOLD {
        if !told.lines().any(|line| line.starts_with(&format!("{what}: {expected}"))) {
            wrong.push(format!("{what}: {expected}"));
        }
    }
    assert!(wrong.is_empty(), "missing:\n{}\nin:\n{told}", wrong.join("\n"));
}

/// What the program prints of focal loss, by the same loss compiled in this process.
fn focal_here() -> [String; 2] {
    let logits = [2.0, 0.0, -1.0, 0.5, 0.5, 0.25];
    let bits =
        |numbers: &[f32]| -> Vec<u32> { numbers.iter().map(|number| number.to_bits()).collect() };
    let loss = Compiler::new().library::<f32>("focal").expect("it is shipped");
    let mut gradient = [0.0; 6];
    let call = || {
        loss.call().bind("logits", &logits, &[2, 3]).bind("label", &[1, 2], &[2]).set("gamma", 1.5)
    };
    let plain = call().gradient("logits", &mut gradient).run(Reduction::Mean).expect("it fits");
    let mean = format!("focal: {:x} {:?}", plain.mean().to_bits(), bits(&gradient));
    let weighted = call()
        .sample_weights(&[2.0, 0.5])
        .upstream(3.0)
        .checked(true)
        .gradient("logits", &mut gradient)
        .run(Reduction::Sum)
        .expect("it fits");
    let sum = weighted.sum.to_bits();
    [mean, format!("focal weighted: {sum:x} {} {:?}", weighted.weight, bits(&gradient))]
}

/// What the program prints of the loss with every kind of input, likewise.
fn kinds_here() -> String {
    let loss = Compiler::new().loss("kinds").path::<f32>(nasty_path()).expect("it is right");
    let summary = loss
        .call()
        .bind("z", &[0.25; 24], &[2, 2, 2, 3])
        .bind("rows", &[1.0, 2.0], &[2])
        .bind("labels", &[-1, 0, 1, 1], &[2, 2])
        .bind("one", &[3, 1], &[2])
        .bind("switch_of", &[0.0, 1.0, 0.5, 0.5], &[2, 2])
        .set("temperature", 0.5)
        .bind("scales", &[1.0, 2.0, 3.0, 4.0], &[2, 2])
        .set("start", 0.75)
        .set("needed", 2.0)
        .set("needed_on", 1.0)
        .bind("needed_list", &[1.0, 2.0], &[2])
        // Its default, as only an array says how long the axis is here.
        .bind("ramp", &[0.5 / 3.0, 0.5, 2.5 / 3.0], &[3])
        .set("position", 1.0)
        .run(Reduction::Mean)
        .expect("it fits");
    format!("kinds: {:?}", Ok::<f64, ()>(summary.mean()))
}
