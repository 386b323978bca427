//! What `lossc explain-lowering` prints: `tests/lowering/<name>.loss` against `<name>.txt` beside it.
//!
//! With `BLESS=1` in the environment the texts are written instead of compared.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn a_program_is_shown_with_what_it_stores() {
    let file = Path::new("tests/lowering/spread.loss");
    let output = Command::new(env!("CARGO_BIN_EXE_lossc"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["explain-lowering", "tests/lowering/spread.loss"])
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("the output is UTF-8");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(file).with_extension("txt");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&golden, &text).expect("a writable file");
    }
    assert_eq!(text, fs::read_to_string(&golden).unwrap_or_default());
}
