//! The command line as its user sees it: exit status, standard output and standard error of the real binary.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lossc::library::LOSSES;
use serde_json::Value;

/// What a run of the binary comes to.
struct Run {
    status: Option<i32>,
    output: String,
    errors: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossc"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("NO_COLOR").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the binary at the root of the project.
fn lossc(arguments: &[&str], input: &str) -> Run {
    let mut child = command(arguments).spawn().expect("the binary starts");
    // A command that does not read its input may be gone before it is written.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the binary ends");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    Run { status: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}

fn scratch_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

const TWO: &str = r#"{"yhat": [3, 1], "y": [0, 1]}"#;

#[test]
fn json_is_exact() {
    let logits = r#"{"logits": [[[0, 0], [1, 1]], [[2, 2], [3, 3]]], "label": [[0, 1], [-1, 0]]}"#;
    let cases: &[(&str, &str, &str)] = &[
        (
            "run half_squared_error --grad",
            TWO,
            r#"{"loss": "half_squared_error", "examples": 2, "mean": 2.25, "sum": 4.5, "values": [4.5, 0.0], "gradients": {"yhat": {"shape": [2], "data": [1.5, 0.0]}}}"#,
        ),
        (
            "run half_squared_error --reduction sum --grad",
            TWO,
            r#"{"loss": "half_squared_error", "examples": 2, "mean": 2.25, "sum": 4.5, "values": [4.5, 0.0], "gradients": {"yhat": {"shape": [2], "data": [3.0, 0.0]}}}"#,
        ),
        (
            "run half_squared_error --reduction none",
            TWO,
            r#"{"loss": "half_squared_error", "examples": 2, "mean": 2.25, "sum": 4.5, "values": [4.5, 0.0]}"#,
        ),
        (
            "run half_squared_error --wrt y,yhat",
            TWO,
            r#"{"loss": "half_squared_error", "examples": 2, "mean": 2.25, "sum": 4.5, "values": [4.5, 0.0], "gradients": {"yhat": {"shape": [2], "data": [1.5, 0.0]}, "y": {"shape": [2], "data": [-1.5, 0.0]}}}"#,
        ),
        (
            "run absolute_error --dtype f32 --grad",
            r#"{"yhat": 0.1, "y": 0}"#,
            r#"{"loss": "absolute_error", "examples": 1, "mean": 0.10000000149011612, "sum": 0.10000000149011612, "values": [0.1], "gradients": {"yhat": {"shape": [], "data": [1.0]}}}"#,
        ),
        (
            "run absolute_error",
            r#"{"yhat": ["NaN", "-Infinity"], "y": {"shape": [2], "data": [0, 0]}}"#,
            r#"{"loss": "absolute_error", "examples": 2, "mean": "NaN", "sum": "NaN", "values": ["NaN", "Infinity"]}"#,
        ),
        (
            "run huber --set delta=2 --wrt delta",
            r#"{"yhat": [10, 0], "y": [0, 0], "delta": 1}"#,
            r#"{"loss": "huber", "examples": 2, "mean": 9.0, "sum": 18.0, "values": [18.0, 0.0], "gradients": {"delta": {"shape": [], "data": [4.0]}}}"#,
        ),
        (
            "run softmax_squared_error",
            r#"{"logits": [0, 0], "label": 1}"#,
            r#"{"loss": "softmax_squared_error", "examples": 1, "mean": 0.5, "sum": 0.5, "values": [0.5]}"#,
        ),
        (
            "run cross_entropy --grad --set weight=2,4",
            logits,
            r#"{"loss": "cross_entropy", "examples": 4, "mean": 0.6931471805599453, "sum": 5.545177444479562, "values": [1.3862943611198906, 2.772588722239781, 0.0, 1.3862943611198906], "gradients": {"logits": {"shape": [2, 2, 2], "data": [-0.125, 0.125, 0.25, -0.25, 0.0, 0.0, -0.125, 0.125]}}}"#,
        ),
    ];
    for (arguments, data, expected) in cases {
        let mut words: Vec<&str> = arguments.split(' ').collect();
        words.extend(["--data", "-", "--format", "json", "--quiet"]);
        let run = lossc(&words, data);
        assert_eq!(run.errors, "", "{arguments}");
        assert_eq!(run.output.trim_end(), *expected, "{arguments}");
        assert_eq!(run.status, Some(0), "{arguments}");
    }
}

#[test]
fn derivatives_are_readable() {
    for (arguments, lines) in [
        ("grad half_squared_error", &["d half_squared_error / d yhat = yhat - y"][..]),
        (
            "grad cross_entropy",
            &[
                "cross_entropy(pred logits[K], target label in K?, param weight[K] in [0, inf) = 1, smoothing in [0, 1] = 0)",
                "with weight = 1, smoothing = 0",
                "d cross_entropy / d logits = softmax(logits) - one_hot(label)",
                "with any weight, smoothing",
            ],
        ),
        (
            "grad binary_cross_entropy_with_logits",
            &["d binary_cross_entropy_with_logits / d z = sigmoid(z) - y"],
        ),
        ("grad huber --set delta=2", &["with delta = 2"]),
        ("grad dice", &["with smooth = 1, squared = false", "with any smooth, squared"]),
        ("grad half_squared_error --wrt y", &["d half_squared_error / d y = y - yhat"]),
        (
            "grad half_squared_error --format latex",
            &[
                r"\[ \frac{\partial \mathrm{half\_squared\_error}}{\partial \hat{y}} = \hat{y} - y \]",
            ],
        ),
    ] {
        let words: Vec<&str> = arguments.split(' ').collect();
        let run = lossc(&words, "");
        assert_eq!((run.status, run.errors.as_str()), (Some(0), ""), "{arguments}");
        for line in lines {
            assert!(run.output.lines().any(|found| found == *line), "{line}\n{}", run.output);
        }
    }
    let fixed = lossc(&["grad", "huber", "--set", "delta=2"], "");
    assert!(!fixed.output.contains("with any"), "{}", fixed.output);
}

#[test]
fn every_shipped_loss_is_checked_shown_listed_and_differentiated() {
    let checked = lossc(&["check"], "");
    assert_eq!((checked.status, checked.errors.as_str()), (Some(0), ""));
    let listed = lossc(&["list"], "");
    assert_eq!((listed.status, listed.errors.as_str()), (Some(0), ""));
    for shipped in LOSSES {
        let name = shipped.name;
        let summary = format!("{name}: 1 loss, ");
        let line = checked.output.lines().find(|line| line.starts_with(&summary));
        assert!(line.is_some_and(|line| line.ends_with(" hold")), "{name}: {}", checked.output);
        let declaration = format!("  {name}(");
        assert!(listed.output.lines().any(|line| line.starts_with(&declaration)), "{name}");
        assert!(listed.output.lines().any(|line| line == shipped.field), "{name}");
        let shown = lossc(&["show", name], "");
        assert_eq!((shown.status, shown.output.as_str()), (Some(0), shipped.text), "{name}");
        for format in ["text", "latex"] {
            let derived = lossc(&["grad", name, "--format", format], "");
            assert_eq!((derived.status, derived.errors.as_str()), (Some(0), ""), "{name}");
            assert!(!derived.output.contains('…') && !derived.output.contains("\\ldots"), "{name}");
        }
    }
}

#[test]
fn examples_that_fail_are_told_with_what_was_expected() {
    let text = "loss f(pred x[K], target y) = sum(x) * y\n\
                example f(x = [1, 2], y = 2) == 6, grad x == [2, 2]\n\
                example f(x = [1, 2], y = 2) == 7\n\
                example f(x = [1, 2], y = 2) == 6.05 within 0.1, grad x == [2, 2.5], grad y == 3\n\
                example f(x = [1, 2], y = 2) == 6.2 within 0.1\n";
    let run = lossc(&["check", "-"], text);
    assert_eq!(run.status, Some(1));
    assert_eq!(run.output, "<stdin>: 1 loss, 3 of 4 examples fail\n");
    for expected in [
        "error[example-fails]: the value is 6.0, expected 7.0",
        "<stdin>:3:1",
        "error[example-fails]: the gradient of `x` at [1] is 2.0, expected 2.5",
        "<stdin>:4:1",
        "the value is 6.0, expected 6.2",
        "<stdin>:5:1",
    ] {
        assert!(run.errors.contains(expected), "{expected}\n{}", run.errors);
    }
    assert!(!run.errors.contains("<stdin>:2:1"), "{}", run.errors);
}

#[test]
fn check_goes_on_after_a_file_with_mistakes() {
    let wrong = scratch_file("wrong.loss");
    std::fs::write(&wrong, "loss f(pred x) = y + z\n").expect("it can be written");
    let path = wrong.to_str().expect("paths are UTF-8");
    let run = lossc(&["check", path, "huber"], "");
    assert_eq!(run.status, Some(1));
    assert!(run.errors.contains("`y`") && run.errors.contains("`z`"), "{}", run.errors);
    assert!(
        run.output.contains("2 errors\n") && run.output.contains("huber: 1 loss"),
        "{}",
        run.output
    );
    let quiet = lossc(&["check", "-q", "huber"], "");
    assert_eq!((quiet.output.as_str(), quiet.errors.as_str(), quiet.status), ("", "", Some(0)));
}

#[test]
fn data_with_mistakes_are_refused() {
    let text = std::fs::read_to_string("tests/bad_data/cases.json").expect("the cases are there");
    let cases = json(&text);
    let cases = cases.as_array().expect("a list of cases");
    assert!(cases.len() >= 50, "{}", cases.len());
    let words = |value: &Value| -> Vec<String> {
        let words = value.as_array().into_iter().flatten();
        words.map(|word| word.as_str().expect("a word").to_owned()).collect()
    };
    for case in cases {
        let data = format!("tests/bad_data/{}", case["data"].as_str().expect("a file"));
        let more = words(&case["arguments"]);
        let mut arguments = vec!["run", case["loss"].as_str().expect("a loss"), "--data", &data];
        arguments.extend(more.iter().map(String::as_str));
        arguments.extend(["--format", "json", "-q"]);
        let run = lossc(&arguments, "");
        assert_eq!(run.status.map(i64::from), case["exit"].as_i64(), "{case}: {}", run.errors);
        for word in words(&case["stderr_contains"]) {
            assert!(run.errors.contains(&word), "{case}: {}", run.errors);
        }
        if run.status != Some(0) {
            assert!(run.errors.contains("help: "), "{case}: {}", run.errors);
            assert_eq!(run.output, "", "{case}");
        } else if let Some(mean) = case["mean"].as_f64() {
            let got = json(&run.output)["mean"].as_f64().expect("a mean");
            assert!((got - mean).abs() <= 1e-12 * mean.abs(), "{case}: {got}");
        }
    }
}

fn assert_close(got: &Value, expected: &Value, tolerance: f64) {
    let numbers = |value: &Value| -> Vec<f64> {
        let elements = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let flat = elements
            .iter()
            .flat_map(|row| row.as_array().cloned().unwrap_or_else(|| vec![row.clone()]));
        flat.map(|element| element.as_f64().expect("a number")).collect()
    };
    let (got, expected) = (numbers(got), numbers(expected));
    let scale = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(&expected) {
        assert!((got - expected).abs() <= tolerance * scale, "{got} {expected}");
    }
}

#[test]
fn real_data_give_the_exact_values() {
    let text = std::fs::read_to_string("tests/data/digits.expected.json").expect("it is there");
    let exact = json(&text);
    let run = |data: &str, more: &[&str]| {
        let run = lossc(&[&["run", "cross_entropy", "--data", data, "--grad"], more].concat(), "");
        assert_eq!(run.status, Some(0), "{data}: {}", run.errors);
        run.output
    };
    let output = run("tests/data/digits.csv", &["--format", "json"]);
    assert_eq!(output, run("tests/data/digits.npz", &["--format", "json"]));
    let precise = json(&output);
    assert_close(&precise["mean"], &exact["mean"], 1e-13);
    assert_close(&precise["sum"], &exact["sum"], 1e-13);
    assert_eq!(precise["examples"], exact["examples"]);
    assert_eq!(precise["gradients"]["logits"]["shape"], json("[600, 10]"));
    for (dtype, tolerance) in [("f64", 1e-13), ("f32", 2e-6)] {
        let first = json(&run("tests/data/digits.json", &["--format", "json", "--dtype", dtype]));
        let exact = &exact["first_8"];
        for key in ["mean", "sum", "values"] {
            assert_close(&first[key], &exact[key], tolerance);
        }
        assert_close(&first["gradients"]["logits"]["data"], &exact["gradient_of_mean"], tolerance);
    }
    let people = run("tests/data/digits.npz", &[]);
    for expected in [
        "600 examples, f64",
        "mean      0.158227",
        "shape [600, 10], norm 0.0101909",
        "row 179     3.9447",
    ] {
        assert!(people.contains(expected), "{expected}\n{people}");
    }
}

#[test]
fn gradients_are_written_and_read_back() {
    for dtype in ["f32", "f64"] {
        let file = scratch_file(&format!("gradients_{dtype}.npz"));
        let path = file.to_str().expect("paths are UTF-8");
        let data = r#"{"yhat": [[0.1, 0.7], [0.3, -5e-8]], "y": [[1, 0], [0, 0]]}"#;
        let arguments = [
            "run",
            "half_squared_error",
            "--data",
            "-",
            "--reduction",
            "none",
            "--dtype",
            dtype,
            "--grad-out",
            path,
        ];
        let run = lossc(&[&arguments[..], &["--format", "json"]].concat(), data);
        assert_eq!(run.status, Some(0), "{}", run.errors);
        let gradient = &json(&run.output)["gradients"]["yhat"];
        let again = format!("{{\"y\": {gradient}}}");
        let same = lossc(
            &[
                "run",
                "squared_error",
                "--data",
                path,
                "--data",
                "-",
                "--dtype",
                dtype,
                "--format",
                "json",
            ],
            &again,
        );
        assert_eq!(json(&same.output)["values"], json("[0.0, 0.0, 0.0, 0.0]"), "{}", same.errors);
    }
    let nowhere =
        lossc(&["run", "squared_error", "--data", "-", "--grad-out", "no/such/folder.npz"], TWO);
    assert_eq!(nowhere.status, Some(2), "{}", nowhere.errors);
    assert!(nowhere.errors.contains("no/such/folder.npz"), "{}", nowhere.errors);
}

#[test]
fn columns_are_mapped_and_leftovers_noted() {
    let table = "id,predicted,price,a,b,class\n7,3,0,0,0,1\n8,1,1,0,0,0\n";
    let run = lossc(
        &[
            "run",
            "half_squared_error",
            "--data",
            "-",
            "--map",
            "yhat=predicted",
            "--map",
            "y=price",
            "--format",
            "json",
        ],
        table,
    );
    assert_eq!(run.status, Some(0), "{}", run.errors);
    assert_eq!(json(&run.output)["values"], json("[4.5, 0.0]"));
    assert!(run.errors.contains("not used: id, a, b, class"), "{}", run.errors);
    let joined = lossc(
        &[
            "run",
            "softmax_squared_error",
            "--data",
            "-",
            "--map",
            "logits=a,b",
            "--map",
            "label=class",
            "--format",
            "json",
        ],
        table,
    );
    assert_eq!(json(&joined.output)["values"], json("[0.5, 0.5]"), "{}", joined.errors);
}

/// Arguments, standard input, exit status, words on standard error.
type UsageCase = (&'static str, &'static str, i32, &'static [&'static str]);

const SEVERAL: &str = "loss f(pred x) = x\nloss g(pred x) = 2 * x\n";

const USAGE: &[UsageCase] = &[
    ("", "", 2, &["Usage"]),
    ("frobnicate", "", 2, &["frobnicate"]),
    ("run huber", "", 2, &["--data"]),
    ("run huber --data - --dtype f16", "", 2, &["f16", "f32"]),
    ("run huber --data - --set delta", TWO, 2, &["delta=2"]),
    ("run huber --data - --set delta=two", TWO, 2, &["two"]),
    ("run huber --data - --set dleta=2", TWO, 2, &["dleta", "did you mean `delta`"]),
    ("run huber --data - --set y=2", TWO, 2, &["`y`", "--data"]),
    ("run huber --data - --set delta=0", TWO, 1, &["delta", "(0, inf)", "--set"]),
    ("run huber --data - --wrt delt", TWO, 2, &["did you mean `delta`"]),
    ("run cross_entropy --data - --wrt label", "logits.0,label\n1,0\n", 2, &["label"]),
    ("run huber --data - --map z=yhat", TWO, 2, &["`z`", "`yhat`, `y`"]),
    ("run huber --data - --map yhat=y --map yhat=y", TWO, 2, &["twice"]),
    (
        "run cross_entropy --data -",
        "logits.0,logits.1,label\n1,2,0\n3,4,2\n",
        1,
        &["data-index", "<stdin>:3:label"],
    ),
    (
        "run cross_entropy --data -",
        "logits.0,logits.1,label\n1,2,0.0\n3,4,1.5\n",
        1,
        &["data-type", "<stdin>:3:label"],
    ),
    ("run hinge --data -", "score,y\n1,1\n\n2,3\n", 1, &["data-domain", "<stdin>:y", "row 1"]),
    (
        "run cross_entropy --data -",
        "logits.0,label,weight\n1,0,1\n",
        1,
        &["data-shape", "<stdin>:weight", "--set weight"],
    ),
    (
        "run huber --data - --data tests/bad_data/single.npy",
        TWO,
        1,
        &["data-duplicate", "<stdin>:yhat"],
    ),
    (
        "run squared_error --data -",
        r#"{"yhat": [[1, 2], [3]], "y": 0}"#,
        1,
        &["data-ragged", ":yhat[1]"],
    ),
    ("run huber --data - --map yhat=yat", TWO, 1, &["yat", "`yhat`"]),
    ("run - --data -", TWO, 2, &["standard input"]),
    ("run hubert --data -", TWO, 2, &["hubert", "shipped loss `huber`"]),
    ("run huber.loss --data -", TWO, 2, &["huber.loss", "shipped loss `huber`"]),
    ("run losses --data -", TWO, 2, &["folder"]),
    ("grad no/such.loss", "", 2, &["no/such.loss", "lossc list"]),
    ("grad huber --wrt z", "", 2, &["`z`", "`yhat`"]),
    ("grad cross_entropy --wrt label", "", 2, &["label"]),
    ("grad huber --set delta=1,2", "", 2, &["one number"]),
    ("grad huber --set delta=-1", "", 1, &["delta", "-1", "(0, inf)"]),
    ("grad huber --set yhat=1", "", 1, &["yhat"]),
    ("grad - --loss h", SEVERAL, 2, &["`h`", "`f`, `g`"]),
    ("grad -", "", 1, &["no loss"]),
    ("grad -", "loss f(pred x) = y", 1, &["unknown-name", "<stdin>:1:18"]),
    ("run - --data tests/bad_data/good.json", SEVERAL, 2, &["2 losses", "--loss"]),
    ("show hubert", "", 2, &["did you mean `huber`"]),
    ("show", "", 2, &["NAME"]),
    ("check no/such.loss", "", 2, &["no/such.loss"]),
    ("list --color sometimes", "", 2, &["sometimes"]),
];

#[test]
fn what_makes_no_sense_is_told_by_status_and_words() {
    for (arguments, input, status, expected) in USAGE {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let run = lossc(&words, input);
        assert_eq!(run.status, Some(*status), "{arguments}: {}{}", run.errors, run.output);
        assert_eq!(run.output, "", "{arguments}");
        for word in *expected {
            assert!(run.errors.contains(word), "{arguments}: {word}\n{}", run.errors);
        }
    }
}

#[test]
fn bytes_that_are_no_loss_are_refused() {
    let cases: &[&[u8]] =
        &[b"\xff\xfe", b"\x00", b"loss", b"loss f(", b"((((((((", b"/// doc only"];
    for bytes in cases {
        let mut child = command(&["grad", "-"]).spawn().expect("the binary starts");
        child.stdin.take().expect("it is piped").write_all(bytes).expect("it reads its input");
        let output = child.wait_with_output().expect("the binary ends");
        assert_eq!(output.status.code(), Some(1), "{bytes:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{bytes:?}");
    }
}

#[test]
fn help_has_examples() {
    for arguments in [
        &["--help"][..],
        &["check", "--help"],
        &["grad", "--help"],
        &["run", "--help"],
        &["build", "--help"],
        &["list", "--help"],
        &["show", "--help"],
    ] {
        let run = lossc(arguments, "");
        assert_eq!((run.status, run.errors.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(run.output.contains("Examples:\n  lossc "), "{}", run.output);
    }
}

#[test]
fn colour_follows_the_option_and_the_environment() {
    let wrong = "loss f(pred x) = y";
    let escape = '\u{1b}';
    assert!(!lossc(&["check", "-"], wrong).errors.contains(escape), "a pipe is no terminal");
    assert!(!lossc(&["check", "-", "--color", "never"], wrong).errors.contains(escape));
    assert!(lossc(&["check", "-", "--color", "always"], wrong).errors.contains(escape));
    let missing = lossc(&["--color", "always", "grad", "no/such.loss"], "");
    assert!(
        missing.errors.starts_with("\u{1b}[1m\u{1b}[91merror\u{1b}[0m: cannot read"),
        "{}",
        missing.errors
    );
}

#[test]
fn progress_is_on_standard_error_and_can_be_turned_off() {
    let run = lossc(&["run", "huber", "--data", "-"], TWO);
    assert!(run.errors.starts_with("compiled huber for f64 in "), "{}", run.errors);
    let quiet = lossc(&["run", "huber", "--data", "-", "-q"], TWO);
    assert_eq!((quiet.errors.as_str(), quiet.output), ("", run.output));
}

#[test]
fn odd_results_are_warned_of() {
    let run = lossc(
        &["run", "squared_error", "--data", "-", "--grad", "-q"],
        r#"{"yhat": [1, "NaN", "Infinity"], "y": [0, 0, 0]}"#,
    );
    assert_eq!(run.status, Some(0), "{}", run.errors);
    for expected in [
        "warning: 1 of 3 elements of the values is NaN, the first at 1",
        "warning: 1 of 3 elements of the values is infinite, the first at 2",
        "elements of the gradient of `yhat`",
    ] {
        assert!(run.errors.contains(expected), "{expected}\n{}", run.errors);
    }
}

#[test]
fn a_reader_that_leaves_is_no_mistake() {
    let numbers = vec!["0.5"; 200_000].join(",");
    let data = scratch_file("long.json");
    std::fs::write(&data, format!("{{\"yhat\": [{numbers}], \"y\": [{numbers}]}}"))
        .expect("it can be written");
    let path = data.to_str().expect("paths are UTF-8");
    let mut child = command(&["run", "squared_error", "--data", path, "--format", "json", "-q"])
        .spawn()
        .expect("it starts");
    let mut start = [0; 10];
    let mut output = child.stdout.take().expect("it is piped");
    output.read_exact(&mut start).expect("it writes");
    drop(output);
    let rest = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&rest.stderr), "");
    assert_eq!(rest.status.code(), Some(0));
}
