//! What `lossc explain-lowering` prints: `tests/lowering/<name>.loss` against `<name>.txt` beside it, and what it does for each
//! class of a softmax.
//!
//! With `BLESS=1` in the environment the texts are written instead of compared.

use std::fs;
use std::path::Path;
use std::process::Command;

fn explain(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_lossc"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("explain-lowering")
        .args(arguments)
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

#[test]
fn a_program_is_shown_with_what_it_stores() {
    let file = Path::new("tests/lowering/spread.loss");
    let text = explain(&["tests/lowering/spread.loss"]);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(file).with_extension("txt");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&golden, &text).expect("a writable file");
    }
    assert_eq!(text, fs::read_to_string(&golden).unwrap_or_default());
}

/// What the loops over classes do for each, past the largest logit and the exponentials: what all classes share is done once.
#[test]
fn derivatives_of_softmaxes_are_one_multiple_of_each_exponential() {
    let plain: &[&str] = &[];
    for (arguments, test, sum) in [
        (&["cross_entropy", "--freeze", "weight=1", "--freeze", "smoothing=0"][..], plain, plain),
        (&["cross_entropy", "--freeze", "weight=1", "--freeze", "smoothing=0.1"], plain, &["add"]),
        // Where the smoothed part may cancel against what is above one half, that is selected.
        (
            &["cross_entropy", "--freeze", "weight=1", "--freeze", "smoothing=0.5"],
            &["equal"],
            &["add", "select"],
        ),
        // What an exponential that is 0 is multiplied by may be infinite.
        (&["focal", "--freeze", "weight=1", "--freeze", "gamma=2"], &["equal"], &["select"]),
    ] {
        let text = explain(arguments);
        let last = text.rsplit_once(" < K in lanes {\n").expect("loops over classes").1;
        let body = last.split_once('}').expect("the end of a loop").0;
        let words = body.lines().filter_map(|line| {
            let operation = line.split_once(" = ").map_or(line, |(_, operation)| operation);
            operation.split_whitespace().next()
        });
        let mut want = vec!["load"];
        want.extend(test);
        want.push("multiply");
        want.extend(sum);
        // Of rows without a label; the element at a label is written behind the loop.
        want.extend(["select", "store"]);
        assert_eq!(words.collect::<Vec<_>>(), want, "{arguments:?}:\n{text}");
    }
}
