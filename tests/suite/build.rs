//! Losses built into files, from build scripts and from the command line: what is written, and what is said
//! where nothing can be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lossc::build::{BuildError, Built, Config, Cpu, F32, F64};
use object::read::archive::{ArchiveFile, ArchiveKind};
use object::{BinaryFormat, Object, ObjectSymbol};

const GOOD: &str =
    "/// A squared.\nloss squared(pred x, param gain in (0, inf) = 1) = gain * x^2\n";

/// An empty folder with some files in it.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("build").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder can be made");
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }
    folder
}

fn config(folder: &Path) -> Config {
    Config::new().cargo_metadata(false).out_dir(folder.join("out"))
}

fn build(folder: &Path, config: &Config, pattern: &str) -> Result<Built, BuildError> {
    config.try_compile([folder.join(pattern)])
}

/// Runs `lossc build` in a folder: exit status, standard output and standard error.
fn run(folder: &Path, arguments: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossc"));
    command.current_dir(folder).env_remove("NO_COLOR").arg("build");
    let output = command.args(arguments.split_whitespace()).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Files, what is asked of a configuration, a path or pattern, and words of the error.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    fn(Config) -> Config,
    &'static str,
    &'static [&'static str],
);

fn same(config: Config) -> Config {
    config
}

const WRONG: &[Case] = &[
    ("no-match", &[], same, "*.loss", &["no file matches `", "no-match/*.loss`", "starts from /"]),
    ("no-file", &[], same, "a.loss", &["no file `", "a.loss`", "a pattern such as"]),
    ("near-miss", &[], same, "hubert.loss", &["hubert.loss`", "shipped loss `huber`"]),
    ("no-pattern", &[], same, "a/***", &["no pattern", "`**` for any folders"]),
    ("a-folder", &[("in/a.loss", GOOD)], same, "in", &["in` is a folder", "in/*.loss`"]),
    (
        "no-losses",
        &[("a.loss", "fn twice(x) = 2 * x\n")],
        same,
        "a.loss",
        &["a.loss` defines no loss"],
    ),
    (
        "bad",
        &[("a.loss", "loss bad(pred x) = x + y\n")],
        same,
        "*.loss",
        &[
            "error[unknown-name]",
            "a.loss:1:24",
            "loss bad(pred x) = x + y\n  |                        ^",
        ],
    ),
    (
        "bad-import",
        &[
            ("a.loss", "use \"in/b.loss\";\nloss f(pred x) = twice(x)\n"),
            ("in/b.loss", "fn twice(x) = y"),
        ],
        same,
        "a.loss",
        &["error[unknown-name]", "in/b.loss:1:15"],
    ),
    (
        "clash",
        &[("a.loss", GOOD), ("b.loss", GOOD)],
        same,
        "*.loss",
        &[
            "two losses of this build are called `squared`",
            "b.loss:2:6",
            "again here",
            "a.loss:2:6",
            "first here",
        ],
    ),
    (
        "freeze-name",
        &[("a.loss", GOOD)],
        |config| config.freeze("gian", 2.0),
        "a.loss",
        &["freeze: `squared` has no input `gian`", "did you mean `gain`?"],
    ),
    (
        "freeze-value",
        &[("a.loss", GOOD)],
        |config| config.freeze("gain", 0.0),
        "a.loss",
        &["`squared` of ", "a.loss: `gain` cannot be 0, outside of its domain (0, inf)"],
    ),
    (
        "freeze-pred",
        &[("a.loss", GOOD)],
        |config| config.freeze("x", 0.0),
        "a.loss",
        &["`x` cannot be a constant"],
    ),
    (
        "freeze-twice",
        &[("a.loss", GOOD)],
        |config| config.freeze("gain", 1.0).freeze("gain", 2.0),
        "a.loss",
        &["`gain` is frozen twice"],
    ),
    (
        "wrt-name",
        &[("a.loss", GOOD), ("b.loss", "loss plain(pred u) = u\n")],
        |config| config.wrt(["z"]),
        "*.loss",
        &["wrt: none of `squared`, `plain` has an input `z`", "their inputs are `gain`, `u`, `x`"],
    ),
    (
        "wrt-frozen",
        &[("a.loss", GOOD)],
        |config| config.freeze("gain", 1.0).wrt(["gain"]),
        "a.loss",
        &["no gradient in `gain`: it is made a constant"],
    ),
    (
        "target",
        &[("a.loss", GOOD)],
        |config| config.target("wasm32-unknown-unknown"),
        "a.loss",
        &["no code for the target `wasm32-unknown-unknown`", "x86_64-unknown-linux-gnu"],
    ),
    (
        "native",
        &[("a.loss", GOOD)],
        |config| config.cpu(Cpu::Native).target(FOREIGN),
        "a.loss",
        &["the CPU of this machine says nothing about"],
    ),
    (
        "name",
        &[("a.loss", GOOD)],
        |config| config.name("../up"),
        "a.loss",
        &["`../up` is no word", "such as `___up`"],
    ),
    (
        "prefix",
        &[("a.loss", GOOD)],
        |config| config.prefix("1st"),
        "a.loss",
        &["the prefix `1st` is no word", "such as `_1st`"],
    ),
    (
        "out-dir",
        &[("a.loss", GOOD), ("out", "a file where a folder should be")],
        same,
        "a.loss",
        &["cannot write `", "out-dir/out`", "name a folder that can be written to"],
    ),
];

/// A target that is not this machine.
const FOREIGN: &str =
    if cfg!(windows) { "x86_64-unknown-linux-gnu" } else { "x86_64-pc-windows-msvc" };

#[test]
fn what_cannot_be_built_is_told_with_what_to_do() {
    for (name, files, change, pattern, expected) in WRONG {
        let folder = folder(name, files);
        let error = build(&folder, &change(config(&folder)), pattern).expect_err(name);
        let text = error.to_string();
        for words in *expected {
            assert!(text.contains(words), "{name}: {words}\n{text}");
        }
        assert!(text.contains("help: ") || text.contains("error[unknown-name]"), "{name}: {text}");
        // A `main` that returns the error prints this.
        assert_eq!(format!("{error:?}"), text, "{name}");
        let is_empty =
            fs::read_dir(folder.join("out")).is_ok_and(|mut files| files.next().is_none());
        assert!(is_empty || !folder.join("out").is_dir(), "{name}: nothing has been written");
    }
}

#[test]
fn a_file_that_is_no_text_is_told() {
    let folder = folder("binary", &[]);
    fs::write(folder.join("a.loss"), b"\xff\xfe").expect("a file can be written");
    let error = build(&folder, &config(&folder), "*.loss").expect_err("it is no text").to_string();
    assert!(error.contains("a.loss`: it is not UTF-8 (byte 0)"), "{error}");
}

#[test]
fn nothing_to_build_and_nowhere_to_write_are_told() {
    let folder = folder("nothing", &[]);
    let error = config(&folder).try_compile::<&str>([]).expect_err("nothing is named").to_string();
    assert!(error.contains("nothing to build") && error.contains("losses/*.loss"), "{error}");
    let error = Config::new().try_compile(["focal"]).expect_err("no build script").to_string();
    assert!(error.contains("`OUT_DIR` is not set") && error.contains(".out_dir("), "{error}");
}

#[test]
fn two_builds_of_one_script_need_two_names() {
    let folder = folder("twice", &[("a.loss", GOOD)]);
    build(&folder, &config(&folder), "a.loss").expect("the first builds");
    let error = build(&folder, &config(&folder), "a.loss").expect_err("it is the same").to_string();
    assert!(error.contains("made `losses.rs` already") && error.contains(".name("), "{error}");
    let other = build(&folder, &config(&folder).name("more"), "a.loss").expect("it has a name");
    assert!(other.rust.ends_with("more.rs"), "{other:?}");
    // The same loss under the same prefix would define the same symbols.
    let shared = config(&folder).prefix("p");
    build(&folder, &shared.clone().name("one"), "a.loss").expect("the prefix is new");
    let error = build(&folder, &shared.name("two"), "a.loss").expect_err("they clash").to_string();
    assert!(error.contains("made `p_squared_f32` already") && error.contains("prefix"), "{error}");
}

#[test]
fn a_build_script_gets_a_module_and_a_library_and_cargo_is_told() {
    let folder = folder(
        "good",
        &[
            ("in/a.loss", GOOD),
            ("in/b.loss", "use \"deep/c.loss\";\nloss other(pred u, target v) = twice(u)\n"),
            ("in/deep/c.loss", "fn twice(x) = 2 * x\n"),
            (
                "in/d.loss",
                "use \"deep/c.loss\";\nuse \"e.loss\";\nloss last(pred u) = twice(half(u))\n",
            ),
            // Helpers of others need no loss.
            ("in/e.loss", "fn half(x) = x / 2\n"),
            ("in/.#a.loss", "what an editor keeps"),
        ],
    );
    let config = config(&folder).prefix("p").dtype(F64).dtype(F32).dtype(F64).header(true);
    let built = build(&folder, &config, "in/*.loss").expect("they build");
    assert_eq!(built.losses, ["squared", "other", "last"]);
    let prefix = "p";
    assert_eq!(built.rust, folder.join("out/losses.rs"));
    assert_eq!(built.library, folder.join(format!("out/lib{prefix}.a")));
    assert_eq!(built.header, Some(folder.join("out/losses.h")));
    let rust = fs::read_to_string(&built.rust).expect("it is written");
    assert!(rust.contains(&format!("#[link(name = \"{prefix}\", kind = \"static\")]")), "{rust}");
    let folder = folder.canonicalize().expect("it is there").display().to_string();
    let told = built.instructions.join("\n").replace(&folder, "DIR");
    let expected = "\
cargo::rerun-if-changed=DIR/in
cargo::rerun-if-changed=DIR/in/a.loss
cargo::rerun-if-changed=DIR/in/b.loss
cargo::rerun-if-changed=DIR/in/deep/c.loss
cargo::rerun-if-changed=DIR/in/d.loss
cargo::rerun-if-changed=DIR/in/e.loss
cargo::rustc-link-search=native=DIR/out
cargo::warning=DIR/in/b.loss:2:27: `v` is never used: leave it out, or use it";
    assert_eq!(told, expected);
    let names = symbols(&fs::read(&built.library).expect("it is written"));
    let mut wanted: Vec<String> = Vec::new();
    for loss in ["squared", "other", "last"] {
        for dtype in ["f64", "f32"] {
            let companions = ["", "_workspace", "_cpu", "_abi"];
            wanted.extend(companions.map(|end| format!("{prefix}_{loss}_{dtype}{end}")));
        }
    }
    wanted.sort();
    assert_eq!(names.defined, wanted);
    assert_eq!(names.table, wanted, "the archive's own table");
    assert!(!names.is_undefined, "nothing is left to be found elsewhere");
}

/// What an archive of objects says.
struct Symbols {
    kind: ArchiveKind,
    formats: Vec<BinaryFormat>,
    members: Vec<String>,
    /// Global symbols of the objects, sorted.
    defined: Vec<String>,
    /// Symbols of the archive's table, sorted.
    table: Vec<String>,
    is_undefined: bool,
}

fn symbols(bytes: &[u8]) -> Symbols {
    let archive = ArchiveFile::parse(bytes).expect("it is an archive");
    let table = archive.symbols().expect("it can be read").expect("there is one");
    let text = |name: &[u8]| String::from_utf8(name.to_owned()).expect("symbols are words");
    let table = table.map(|symbol| text(symbol.expect("it can be read").name()));
    let mut symbols = Symbols {
        kind: archive.kind(),
        formats: Vec::new(),
        members: Vec::new(),
        defined: Vec::new(),
        table: table.collect(),
        is_undefined: false,
    };
    for member in archive.members() {
        let member = member.expect("it can be read");
        assert_eq!(member.date().unwrap_or(0), 0, "no times");
        assert_eq!((member.uid().unwrap_or(0), member.gid().unwrap_or(0)), (0, 0), "no owners");
        symbols.members.push(text(member.name()));
        let object = object::File::parse(member.data(bytes).expect("it lies inside"));
        let object = object.expect("it is an object");
        symbols.formats.push(object.format());
        for symbol in object.symbols() {
            symbols.is_undefined |=
                symbol.is_undefined() && !symbol.name().unwrap_or("").is_empty();
            if symbol.is_global() && symbol.is_definition() {
                symbols.defined.push(symbol.name().expect("it is UTF-8").to_owned());
            }
        }
    }
    symbols.defined.sort();
    symbols.table.sort();
    symbols
}

#[test]
fn settings_reach_the_losses_that_they_fit() {
    let folder =
        folder("fit", &[("a.loss", GOOD), ("b.loss", "loss plain(pred u, pred v) = u * v\n")]);
    let config = config(&folder).freeze("gain", 2.0).wrt(["u"]);
    let built = build(&folder, &config, "*.loss").expect("they build");
    let rust = fs::read_to_string(&built.rust).expect("it is written");
    assert!(!rust.contains("gain:"), "a constant is no param\n{rust}");
    // What is built lies below what is searched, so Cargo cannot be told to watch it.
    let odd: Vec<_> = built.instructions.iter().filter(|it| it.contains("::warning=")).collect();
    assert!(matches!(&odd[..], [it] if it.contains("a new file in")), "{odd:?}");
}

#[test]
fn shipped_losses_are_built_by_name() {
    let folder = folder("shipped", &[]);
    let built = config(&folder).try_compile(["focal", "huber", "focal"]).expect("they build");
    assert_eq!(built.losses, ["focal", "huber"]);
    assert_eq!(built.instructions[0], "cargo::rerun-if-changed=Cargo.toml");
}

#[test]
fn the_command_line_writes_every_kind_of_file() {
    let folder = folder("kinds", &[("a.loss", GOOD)]);
    let all = "--emit obj,staticlib,shared,rust,header,clif,asm,obj";
    let (status, output, errors) =
        run(&folder, &format!("a.loss huber {all} --dtype f32,f64 -o new/out --prefix p"));
    assert_eq!((status, output.as_str()), (Some(0), ""), "{errors}");
    let mut sizes = BTreeMap::new();
    for file in fs::read_dir(folder.join("new/out")).expect("it is made") {
        let file = file.expect("it can be listed");
        let name = file.file_name().into_string().expect("it is UTF-8");
        sizes.insert(name, file.metadata().expect("it is there").len());
    }
    let expected = [
        "huber.clif",
        "huber.o",
        "huber.s",
        "liblosses.a",
        "liblosses.so",
        "losses.h",
        "losses.rs",
        "squared.clif",
        "squared.o",
        "squared.s",
    ];
    assert_eq!(sizes.keys().collect::<Vec<_>>(), expected);
    for (name, bytes) in sizes {
        let line = format!("wrote new/out/{name} ({bytes} bytes)");
        assert!(errors.lines().any(|it| it == line), "{line}\n{errors}");
    }
    let read = |name: &str| fs::read_to_string(folder.join("new/out").join(name)).expect(name);
    assert!(read("squared.clif").contains("function"), "{}", read("squared.clif"));
    for (name, symbol) in
        [("losses.rs", "p_squared_f64"), ("losses.h", "p_huber_f32"), ("huber.s", "p_huber_f64")]
    {
        assert!(read(name).contains(symbol), "{name} has no {symbol}");
    }
    let (status, _, errors) = run(&folder, "a.loss -o quiet -q");
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    let mut files: Vec<_> = fs::read_dir(folder.join("quiet"))
        .expect("it is made")
        .map(|it| it.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["liblosses.a", "losses.h"]);
}

#[test]
fn the_same_files_come_out_each_time() {
    let folder = folder("again", &[("a.loss", GOOD)]);
    let all = "a.loss focal --emit obj,staticlib,shared,rust,header,clif,asm --dtype f32,f64";
    for name in ["one", "two"] {
        let (status, _, errors) = run(&folder, &format!("{all} -o {name}"));
        assert_eq!(status, Some(0), "{errors}");
    }
    for file in fs::read_dir(folder.join("one")).expect("it is made") {
        let name = file.expect("it can be listed").file_name();
        let read = |folder_name: &str| {
            fs::read(folder.join(folder_name).join(&name)).expect("it is there")
        };
        assert_eq!(read("one"), read("two"), "{}", name.display());
    }
    // What has not changed is not written, so that nothing is built anew after it.
    let path = folder.join("one/liblosses.a");
    let time = || fs::metadata(&path).and_then(|it| it.modified()).expect("it is there");
    let before = time();
    assert_eq!(run(&folder, &format!("{all} -o one")).0, Some(0));
    assert_eq!(time(), before);
    assert_eq!(run(&folder, "a.loss -o one").0, Some(0));
    assert_ne!(time(), before);
}

#[test]
fn archives_are_of_the_kind_that_the_linkers_of_the_target_read() {
    let folder = folder("targets", &[("a.loss", GOOD)]);
    for (system, file, kind, format, member, symbol) in [
        (
            "unknown-linux-gnu",
            "liblosses.a",
            ArchiveKind::Gnu,
            BinaryFormat::Elf,
            "squared.o",
            "lossc_squared_f32",
        ),
        (
            "apple-darwin",
            "liblosses.a",
            ArchiveKind::Bsd,
            BinaryFormat::MachO,
            "squared.o",
            "_lossc_squared_f32",
        ),
        (
            "pc-windows-msvc",
            "losses.lib",
            ArchiveKind::Coff,
            BinaryFormat::Coff,
            "squared.obj",
            "lossc_squared_f32",
        ),
        (
            "pc-windows-gnullvm",
            "liblosses.a",
            ArchiveKind::Gnu,
            BinaryFormat::Coff,
            "squared.o",
            "lossc_squared_f32",
        ),
    ] {
        let target = format!("x86_64-{system}");
        let (status, _, errors) = run(&folder, &format!("a.loss -o {system} --target {target}"));
        assert_eq!(status, Some(0), "{target}: {errors}");
        let found = symbols(&fs::read(folder.join(system).join(file)).expect("it is written"));
        assert_eq!(found.kind, kind, "{target}");
        assert_eq!(
            (&found.formats[..], &found.members[..]),
            (&[format][..], &[member.to_owned()][..])
        );
        assert!(found.table.contains(&symbol.to_owned()), "{target}: {:?}", found.table);
        assert_eq!(found.table, found.defined, "{target}");
        assert!(!found.is_undefined, "{target}");
    }
}

const USAGE: &[(&str, i32, &[&str])] = &[
    ("", 2, &["FILE"]),
    ("a.loss --emit exe", 2, &["exe", "staticlib, shared, rust, header"]),
    ("a.loss --dtype f16", 2, &["f16", "f32, f64"]),
    ("a.loss --cpu best", 2, &["best", "any, baseline, native"]),
    ("a.loss --freeze gain", 2, &["delta=2"]),
    ("a.loss --freeze gain=much", 2, &["`much` is no number"]),
    ("a.loss --freeze gain=1,2", 2, &["can only be one number"]),
    ("a.loss --freeze gian=1", 2, &["did you mean `gain`?"]),
    ("a.loss --freeze gain=-1", 1, &["outside of its domain (0, inf)"]),
    ("a.loss --wrt z", 2, &["wrt: `squared` has no input `z`"]),
    ("a.loss --loss squire", 2, &["define no loss `squire`", "did you mean `squared`?"]),
    ("a.loss copy.loss", 1, &["duplicate-name", "copy.loss:2:6", "a.loss:2:6"]),
    ("bad.loss", 1, &["unknown-name", "bad.loss:1:20"]),
    ("b.loss", 2, &["cannot read `b.loss`"]),
    ("a.loss --target sparc-sun-solaris", 2, &["sparc-sun-solaris"]),
    ("a.loss -o a.loss", 2, &["cannot write `a.loss"]),
    ("a.loss --name a.b", 2, &["`a.b` is no word"]),
    ("many.loss --emit obj", 2, &["`f.o` and `F.o` are one file"]),
    ("- -", 2, &["standard input"]),
];

#[test]
fn the_command_line_says_what_makes_no_sense() {
    let many = "loss f(pred x) = x\nloss F(pred x) = 2 * x\n";
    let bad = "loss bad(pred x) = y\n";
    let folder = folder(
        "usage",
        &[("a.loss", GOOD), ("copy.loss", GOOD), ("many.loss", many), ("bad.loss", bad)],
    );
    for (arguments, status, expected) in USAGE {
        let (code, output, errors) = run(&folder, arguments);
        assert_eq!((code, output.as_str()), (Some(*status), ""), "{arguments}: {errors}");
        for words in *expected {
            assert!(errors.contains(words), "{arguments}: {words}\n{errors}");
        }
    }
    let left = fs::read_dir(&folder).expect("it is there").count();
    assert_eq!(left, 4, "nothing has been written");
    for target in ["apple-darwin", "pc-windows-msvc"] {
        let (code, _, errors) =
            run(&folder, &format!("a.loss --emit shared --target x86_64-{target}"));
        assert_eq!(code, Some(2), "{errors}");
        assert!(
            errors.contains("only ELF ones") && errors.contains("linker of the platform"),
            "{errors}"
        );
    }
}
