//! Files with one mistake each: the right code at the right place, and every code is provoked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lossc::check::{Source, check};
use lossc::diagnostic::{Code, Diagnostic, Sources};

/// A code, and the line and column where it must be said.
type Expectation = (String, Option<(usize, usize)>);

fn bad_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "loss"))
        .collect();
    files.sort();
    files
}

/// What the first line of a file expects: `// expect: CODE LINE:COLUMN CODE …`, places being optional.
fn expectations(text: &str) -> Vec<Expectation> {
    let first = text.lines().next().unwrap_or_default();
    let mut expected: Vec<Expectation> = Vec::new();
    for word in first.split("// expect:").skip(1).flat_map(str::split_whitespace) {
        match word.split_once(':') {
            Some((line, column)) => {
                let place = (line.parse().expect("a line"), column.parse().expect("a column"));
                expected.last_mut().expect("a code comes first").1 = Some(place);
            }
            None => expected.push((word.to_owned(), None)),
        }
    }
    expected
}

fn diagnostics(path: &Path) -> (Vec<Diagnostic>, Sources) {
    match check(&Source::Path(path.to_path_buf())) {
        Ok(checked) => (checked.warnings, checked.sources),
        Err(failure) => (failure.diagnostics, failure.sources),
    }
}

#[test]
fn every_bad_file_is_refused_with_its_code_at_its_place() {
    let mut wrong = Vec::new();
    for path in bad_files() {
        let text = std::fs::read_to_string(&path).expect("it can be read");
        // What only a run can find is the affair of the tests of the command line and of numerics.
        let is_told_here =
            |(code, _): &Expectation| !["example-fails", "loses-digits"].contains(&code.as_str());
        let expected: Vec<Expectation> =
            expectations(&text).into_iter().filter(is_told_here).collect();
        let (found, sources) = diagnostics(&path);
        let found: Vec<Expectation> = found
            .iter()
            .map(|one| (one.code.name().to_owned(), Some(sources.position(one.labels[0].span))))
            .collect();
        let fits = found.len() == expected.len()
            && found
                .iter()
                .zip(&expected)
                .all(|(got, want)| got.0 == want.0 && (want.1.is_none() || got.1 == want.1));
        if !fits {
            wrong.push(format!("{}: {found:?} where {expected:?} is expected", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_file_that_provokes_it() {
    let provoked: BTreeSet<String> = bad_files()
        .iter()
        .flat_map(|path| expectations(&std::fs::read_to_string(path).expect("it can be read")))
        .map(|(code, _)| code)
        .collect();
    // A file of more than 4 MiB is made by a test of the parser.
    let missing: Vec<&str> = Code::ALL
        .iter()
        .filter(|code| **code != Code::FileTooLarge)
        .map(|code| code.name())
        .filter(|name| !provoked.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no file provokes {missing:?}");
}

#[test]
fn every_error_says_what_to_write_instead() {
    let mut silent = Vec::new();
    for path in bad_files() {
        let (found, _) = diagnostics(&path);
        // A syntax error says in its message what was expected.
        let told = |code| matches!(code, Code::Syntax | Code::UnbalancedBrackets);
        let helpless = found.iter().filter(|one| one.help.is_none() && !told(one.code));
        silent.extend(helpless.map(|one| format!("{}: {}", path.display(), one.message)));
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}
