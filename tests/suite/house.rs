//! How the house is built: which module may use which, how long a file may be, and how code may give up.

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines that a file may have before the seam that is missing must be found.
const LINE_LIMIT: usize = 450;

/// A file of the crate: its module's path, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The module of the crate root that it belongs to.
    fn module(&self) -> &str {
        let end = self.path.find(['/', '.']).expect("a file has an ending");
        &self.path[..end]
    }

    /// Its code with no comments, and with what stands in a module of tests left out.
    fn code(&self) -> Vec<&str> {
        let is_test = self.path.contains("/tests/") || self.path.ends_with("/tests.rs");
        let lines = self.text.lines().take_while(|line| !line.starts_with("mod tests {"));
        let code = lines.filter(|line| !line.trim_start().starts_with("//"));
        if is_test { Vec::new() } else { code.collect() }
    }
}

/// Every Rust file under a folder of the crate, in order.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![root.clone()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let read = |path: &PathBuf| Source {
        path: path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"),
        text: fs::read_to_string(path).unwrap(),
    };
    files.iter().map(read).collect()
}

/// The modules of the crate, in the order that data passes through them.
fn modules(sources: &[Source]) -> Vec<&str> {
    let root = sources.iter().find(|source| source.path == "lib.rs").expect("the crate root");
    let declared = root.text.lines().filter_map(|line| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    declared.collect()
}

/// The modules that code names by their path from the crate root.
fn used<'t>(code: &[&'t str]) -> Vec<&'t str> {
    let paths = code.iter().flat_map(|line| line.split("crate::").skip(1));
    paths
        .map(|path| path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
        .collect()
}

#[test]
fn every_module_uses_only_those_above_it() {
    let sources = sources();
    let modules = modules(&sources);
    assert!(modules.len() > 15, "{modules:?}");
    let place = |name: &str| modules.iter().position(|module| *module == name);
    let mut wrong = Vec::new();
    let mut uses = 0;
    for source in &sources {
        let Some(own) = place(source.module()) else { continue };
        let code = source.code();
        for used in used(&code) {
            uses += 1;
            match place(used) {
                Some(other) if other <= own => {}
                Some(_) => {
                    wrong.push(format!("{}: uses `{used}`, which stands below it", source.path));
                }
                None => wrong.push(format!("{}: `crate::{used}` is no module", source.path)),
            }
        }
    }
    assert!(uses > 100, "only {uses} uses were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_command_line_is_a_user_of_the_crate() {
    for source in sources() {
        let is_binary = source.path == "main.rs" || source.module() == "cli";
        // To Cargo, what a build script prints and how it ends is the interface.
        let speaks = is_binary || source.path == "build/cargo.rs";
        let names_crate = source.code().iter().any(|line| line.contains("lossc::"));
        assert!(is_binary || !names_crate, "{} names its own crate", source.path);
        let prints = |line: &&str| {
            ["println!", "eprintln!", "process::exit"].iter().any(|word| line.contains(word))
        };
        let printing = source.code().into_iter().find(prints);
        assert!(speaks || printing.is_none(), "{} prints: {printing:?}", source.path);
    }
}

#[test]
fn no_file_is_too_long_and_every_file_says_what_it_is() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(lines <= LINE_LIMIT, "{} has {lines} lines", source.path);
        assert!(source.text.starts_with("//!"), "{} does not say what it is", source.path);
    }
}

#[test]
fn nothing_gives_up_without_saying_what_broke() {
    for source in sources() {
        let gives_up = |line: &&str| {
            [".unwrap()", "todo!(", "unimplemented!(", "dbg!("]
                .iter()
                .any(|word| line.contains(word))
        };
        let found = source.code().into_iter().find(gives_up);
        assert!(found.is_none(), "{}: {}", source.path, found.unwrap_or_default().trim());
    }
}
