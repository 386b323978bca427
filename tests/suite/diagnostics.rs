//! Bad files and what a user is told of them: `tests/diagnostics/<name>.loss` against `<name>.txt` beside it.
//!
//! With `BLESS=1` in the environment the texts are written instead of compared.

use lossc::diagnostic::{Code, Sources, render};
use lossc::syntax::parse::parse_file;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The codes that the parser gives, but for files that are too large to ship.
const OF_THE_PARSER: [Code; 6] = [
    Code::Syntax,
    Code::UnbalancedBrackets,
    Code::ReservedName,
    Code::AxisName,
    Code::NumberTooLarge,
    Code::NestingTooDeep,
];

fn bad_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let entries = fs::read_dir(folder).expect("the folder of bad files");
    let paths = entries.map(|entry| entry.expect("a bad file").path());
    let mut found: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "loss")).collect();
    found.sort();
    found
}

#[test]
fn bad_files_are_explained() {
    let bless = std::env::var_os("BLESS").is_some();
    let (mut wrong, mut codes) = (Vec::new(), BTreeSet::new());
    for path in bad_files() {
        let name = path.file_name().expect("a file name").to_string_lossy();
        let mut sources = Sources::default();
        let id = sources.add(name.clone(), fs::read_to_string(&path).expect("a readable file"));
        let errors = parse_file(id, &sources).expect_err(&name);
        codes.extend(errors.iter().map(|error| error.code.name()));
        let text = render(&errors, &sources, false);
        let golden = path.with_extension("txt");
        if bless {
            fs::write(&golden, &text).expect("a writable file");
        } else if fs::read_to_string(&golden).unwrap_or_default() != text {
            wrong.push(format!("── {name}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "not as in the .txt files:\n{}", wrong.join("\n"));
    let all: BTreeSet<_> = OF_THE_PARSER.iter().map(|code| code.name()).collect();
    assert_eq!(codes, all);
}
