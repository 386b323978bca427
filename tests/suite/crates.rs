//! Losses linked into crates by their build scripts, as Cargo builds them: in a program beside its library, in a
//! dependency of a dependency, in two versions of one crate, without `std`; and what is said of a bad file.
//!
//! The crates are made in a folder of their own and share a folder of what is built, which stays: only what has
//! changed of the compiler is compiled again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The whole build script of most crates.
const SCRIPT: &str =
    "fn main() {\n    lossc::build::Config::new().compile([\"losses/*.loss\"]);\n}\n";

/// What takes the module in.
const INCLUDE: &str = "\
/// Losses, compiled when this crate is.
pub mod losses {
    include!(concat!(env!(\"OUT_DIR\"), \"/losses.rs\"));
}
";

/// The crates that have that script, and a library that takes the module in unless it is said otherwise.
const PACKAGES: &[&str] = &["old/leaf", "new/leaf", "new/program", "new/bad"];

/// Files under the folder of the workspace. `LOSSC` is the path of this repository.
const FILES: &[(&str, &str)] = &[
    (
        "new/Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"bad\", \"bare\", \"leaf\", \"middle\", \"program\"]\n\
         [workspace.dependencies]\nlossc = { path = \"LOSSC\", default-features = false }\n",
    ),
    // A library with a loss, which imports a helper, and a later version of it under the same name.
    (
        "old/leaf/Cargo.toml",
        "[package]\nname = \"leaf\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [build-dependencies]\nlossc = { path = \"LOSSC\", default-features = false }\n",
    ),
    ("old/leaf/losses/gap.loss", "loss gap(pred x, target y) = abs(x - y)\n"),
    (
        "new/leaf/Cargo.toml",
        "[package]\nname = \"leaf\"\nversion = \"0.2.0\"\nedition = \"2024\"\n\
         [build-dependencies]\nlossc = { workspace = true }\n",
    ),
    (
        "new/leaf/losses/gap.loss",
        "use \"helpers/gain.loss\";\n\
         /// What is squared is large.\nloss gap(pred x, target y) = gain(1) * (x - y)^2\n",
    ),
    ("new/leaf/losses/helpers/gain.loss", "fn gain(x) = 3 * x\n"),
    // A library that calls it.
    (
        "new/middle/Cargo.toml",
        "[package]\nname = \"middle\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [dependencies]\nleaf = { path = \"../leaf\" }\n",
    ),
    (
        "new/middle/src/lib.rs",
        "pub fn gap(x: &[f32], y: &[f32]) -> f64 {\n\
         leaf::losses::gap::value(&leaf::losses::gap::Inputs { x, y }).expect(\"they are as long\")\n}\n",
    ),
    // A library without `std`, of two builds.
    (
        "new/bare/Cargo.toml",
        "[package]\nname = \"bare\"\nversion = \"1.0.0-rc.1+x\"\nedition = \"2021\"\n\
         [build-dependencies]\nlossc = { workspace = true }\n",
    ),
    (
        "new/bare/build.rs",
        "use lossc::build::{BuildError, Config, F32, F64};\n\
         fn main() -> Result<(), BuildError> {\n\
         Config::new().dtype(F32).dtype(F64).freeze(\"delta\", 0.5).try_compile([\"huber\"])?;\n\
         Config::new().name(\"more\").dtype(F64).try_compile([\"focal\", \"huber\"])?;\n\
         Ok(())\n}\n",
    ),
    (
        "new/bare/src/lib.rs",
        "#![no_std]\n#![deny(warnings, missing_docs)]\n//! Losses without `std`.\n\
         /// Losses in both precisions.\npub mod losses {\n    include!(concat!(env!(\"OUT_DIR\"), \"/losses.rs\"));\n}\n\
         /// More of them.\npub mod more {\n    include!(concat!(env!(\"OUT_DIR\"), \"/more.rs\"));\n}\n",
    ),
    // A program that calls them all, and includes losses of its own that its library does not know of.
    (
        "new/program/Cargo.toml",
        "[package]\nname = \"program\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [dependencies]\nbare = { path = \"../bare\" }\nleaf = { path = \"../leaf\" }\nmiddle = { path = \"../middle\" }\n\
         old = { package = \"leaf\", path = \"../../old/leaf\" }\n\
         [build-dependencies]\nlossc = { workspace = true }\n",
    ),
    ("new/program/src/lib.rs", "//! Nothing.\n"),
    (
        "new/program/losses/gap.loss",
        "loss gap(pred x, target y, param scale in (0, inf) = 1) = scale * (x - y)\n",
    ),
    ("new/program/src/main.rs", PROGRAM),
    // A crate whose loss is wrong.
    (
        "new/bad/Cargo.toml",
        "[package]\nname = \"bad\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [build-dependencies]\nlossc = { workspace = true }\n",
    ),
    ("new/bad/losses/bad.loss", "loss bad(pred x, target y) = (x - z)^2\n"),
];

const PROGRAM: &str = r#"
mod losses {
    include!(concat!(env!("OUT_DIR"), "/losses.rs"));
}

use losses::gap;

fn main() {
    let (x, y) = ([5.0, 1.0], [3.0, 1.0]);
    let inputs = gap::Inputs { x: &x, y: &y };
    let mut gradient = [0.0; 2];
    let params = gap::Params { scale: 4.0 };
    let gradients = gap::Gradients { x: &mut gradient };
    let own = gap::value_and_gradient(&inputs, &params, gradients).expect("it fits");
    let old = old::losses::gap::value(&old::losses::gap::Inputs { x: &x, y: &y }).expect("it fits");
    println!("own {own} {gradient:?}, old {old}, new {}", middle::gap(&x, &y));
    let wrong = gap::value(&gap::Inputs { x: &x, y: &y[..1] }, &params).expect_err("y is short");
    println!("{wrong}");

    let inputs = bare::losses::huber_f64::Inputs { yhat: &x.map(f64::from), y: &y.map(f64::from) };
    let frozen = bare::losses::huber_f64::value(&inputs).expect("it fits");
    let inputs = bare::more::huber::Inputs { yhat: inputs.yhat, y: inputs.y };
    let free = bare::more::huber::value(&inputs, &bare::more::huber::Params { delta: 0.5 }).expect("it fits");
    println!("frozen {frozen}, free {free}");
}
"#;

/// Makes the crates, except for what is there already as it should be.
fn make_crates(root: &Path) {
    let repository = env!("CARGO_MANIFEST_DIR").replace('\\', "/");
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for package in PACKAGES {
        files.push((root.join(package).join("build.rs"), SCRIPT.to_owned()));
        files.push((root.join(package).join("src/lib.rs"), INCLUDE.to_owned()));
    }
    for (name, text) in FILES {
        let path = root.join(name);
        files.retain(|(known, _)| *known != path);
        files.push((path, text.replace("LOSSC", &repository)));
    }
    let lock = fs::read_to_string(Path::new(&repository).join("Cargo.lock")).expect("there is one");
    files.push((root.join("new/Cargo.lock"), lock));
    for (path, text) in files {
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder can be made");
        if fs::read_to_string(&path).is_ok_and(|known| known == text) {
            continue;
        }
        fs::write(path, text).expect("a file can be written");
    }
}

/// Runs Cargo on the crates: whether that went well, standard output and standard error.
fn cargo(root: &Path, arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO"));
    // What Cargo says of this package to its tests is not said of those crates.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            command.env_remove(name);
        }
    }
    command.current_dir(root.join("new")).env("CARGO_TARGET_DIR", root.join("target"));
    let output = command.arg("--offline").args(arguments).output().expect("cargo runs");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn run(root: &Path) -> String {
    let (went_well, output, errors) = cargo(root, &["run", "--quiet", "--package", "program"]);
    assert!(went_well, "{errors}");
    output
}

fn replace(path: PathBuf, text: &str) {
    fs::write(path, text).expect("a file can be written");
}

#[test]
fn crates_link_the_losses_that_their_build_scripts_compile() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crates");
    make_crates(&root);
    let expected = "\
own 4 [2.0, 2.0], old 1, new 6
`y` has 1 elements, but there are 2 examples
frozen 0.4375, free 0.4375
";
    assert_eq!(run(&root), expected);
    let (went_well, _, errors) = cargo(&root, &["build", "--package", "program"]);
    assert!(
        went_well && !errors.contains("Compiling"),
        "what has not changed is left alone\n{errors}"
    );

    // What a loss takes from another file is watched, and so is the folder for new files.
    replace(root.join("new/leaf/losses/helpers/gain.loss"), "fn gain(x) = 5 * x\n");
    assert_eq!(run(&root), expected.replace("new 6", "new 10"));
    let clash = root.join("new/program/losses/second.loss");
    replace(clash.clone(), "loss gap(pred x) = x\n");
    let (went_well, _, errors) = cargo(&root, &["build", "--package", "program"]);
    fs::remove_file(clash).expect("it is there");
    assert!(!went_well && errors.contains("two losses of this build are called `gap`"), "{errors}");
    assert_eq!(run(&root), expected.replace("new 6", "new 10"));

    let (went_well, _, errors) = cargo(&root, &["build", "--package", "bad"]);
    assert!(!went_well, "{errors}");
    let diagnostic = "\
  error[unknown-name]: no `z` here
   --> losses/bad.loss:1:35
    |
  1 | loss bad(pred x, target y) = (x - z)^2
    |                                   ^";
    assert!(
        errors.contains("  --- stderr\n  error[unknown-name]"),
        "nothing but the text\n{errors}"
    );
    assert!(errors.contains(diagnostic.split_once('\n').expect("it has lines").1), "{errors}");
    assert!(!errors.contains("panicked") && !errors.contains("--- stdout"), "{errors}");
}
