//! Every worked example that is shipped or stands in `tests/library` holds, said by the command itself.

use std::path::{Path, PathBuf};
use std::process::Command;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "loss"))
        .collect();
    files.sort();
    files
}

/// What `lossc check` prints of files; all their examples hold.
fn check(files: &[PathBuf]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_lossc"))
        .arg("check")
        .args(files)
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn the_examples_of_the_shipped_library_hold() {
    let text = check(&[]);
    assert_eq!(text.lines().count(), lossc::library::LOSSES.len(), "{text}");
    let few =
        text.lines().filter(|line| line.contains(" 0 examples") || line.contains(" 1 example "));
    assert_eq!(few.collect::<Vec<_>>(), [""; 0], "every shipped loss has at least two examples");
}

#[test]
fn the_examples_of_prelude_functions_and_of_lifted_calls_hold() {
    let files = files("tests/library");
    assert!(files.len() >= 2, "{files:?}");
    let text = check(&files);
    assert_eq!(
        text.lines().filter(|line| line.contains("examples hold")).count(),
        files.len(),
        "{text}"
    );
}
