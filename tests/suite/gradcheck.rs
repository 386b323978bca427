//! `lossc gradcheck`: every shipped loss passes, and the command line says what it found.

use std::io::Write;
use std::process::{Command, Stdio};

use lossc::check::{Source, check};
use lossc::library::LOSSES;
use lossc::study::gradcheck::{Options, gradcheck};
use serde_json::Value;

/// Exit status, standard output and standard error of the real binary.
fn lossc(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lossc"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // A command that does not read its input may be gone before it is written.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the binary ends");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

#[test]
fn every_shipped_loss_passes() {
    let options = Options { samples: 16, ..Options::default() };
    for shipped in LOSSES {
        let checked = check(&Source::Library(shipped.name.to_owned())).expect("it is right");
        for model in &checked.models {
            let report = gradcheck::<f64>(model, &options).expect("it compiles");
            assert!(report.passed(), "{}: {report:#?}", model.name);
            for input in &report.inputs {
                assert!(input.compared >= 8, "{}: {input:#?}", model.name);
            }
        }
    }
}

const KINKED: &str = "loss kinked(pred x, target y, param k in (0, inf) = 1) = k * abs(x - y)";

#[test]
fn json_has_one_object_a_loss() {
    let two = format!("{KINKED}\nloss smooth(pred a, b, target y) = (a * b - y)^2");
    let arguments = ["gradcheck", "-", "--format", "json", "--samples", "300", "--seed", "9"];
    let (status, output, errors) = lossc(&arguments, &two);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    let all = json(&output);
    let names = |list: &Value, key: &str| -> Vec<String> {
        let list = list.as_array().expect("a list");
        list.iter().map(|it| it[key].as_str().expect("a string").to_owned()).collect()
    };
    assert_eq!(names(&all, "loss"), ["kinked", "smooth"]);
    let kinked = &all[0];
    for (key, value) in [
        ("dtype", Value::from("f64")),
        ("samples", 300.into()),
        ("seed", 9.into()),
        ("passed", true.into()),
    ] {
        assert_eq!(kinked[key], value, "{key}");
    }
    assert_eq!(names(&kinked["inputs"], "name"), ["x"]);
    assert_eq!(names(&all[1]["inputs"], "name"), ["a", "b"]);
    let input = &kinked["inputs"][0];
    assert!(input["compared"].as_u64() >= Some(300) && input["failed"] == 0);
    assert!(names(&input["left_out"], "kink").contains(&"abs(x - y) at 0".to_owned()));
    assert!(input["left_out"][0]["points"].as_u64() > Some(0));
    let worst = &input["worst"];
    assert_eq!(worst["element"].as_array().map(Vec::len), Some(1));
    for key in ["symbolic", "relative_error", "tolerance", "sample"] {
        assert!(worst[key].is_number(), "{key}: {worst}");
    }
    assert!(worst["inputs"]["k"].is_number() && worst["inputs"]["x"].is_array());
}

#[test]
fn the_worst_point_can_be_met_again() {
    for dtype in ["f32", "f64"] {
        let arguments =
            ["gradcheck", "huber", "--samples", "50", "--format", "json", "--dtype", dtype];
        let (_, output, _) = lossc(&arguments, "");
        let worst = &json(&output)[0]["inputs"][0]["worst"];
        let command = worst["command"].as_str().expect("a command");
        let (data, run) = command.split_once(" | lossc ").expect("data and a command");
        let data = data.strip_prefix("echo '").and_then(|data| data.strip_suffix('\''));
        let mut arguments: Vec<&str> = run.split(' ').collect();
        arguments.extend(["--format", "json", "--quiet"]);
        let (status, output, errors) = lossc(&arguments, data.expect("a quoted text"));
        assert_eq!((status, errors.as_str()), (Some(0), ""), "{command}");
        let element = worst["element"][0].as_u64().and_then(|at| usize::try_from(at).ok());
        let gradient = &json(&output)["gradients"]["yhat"]["data"][element.expect("a place")];
        let want = worst["symbolic"].as_f64().expect("a number");
        let digits = gradient.to_string();
        let got = match dtype {
            "f32" => f64::from(digits.parse::<f32>().expect("a number")),
            _ => digits.parse().expect("a number"),
        };
        assert_eq!(got, want, "{command}");
    }
}

#[test]
fn the_text_says_what_was_compared_and_left_out() {
    let (status, output, errors) = lossc(&["gradcheck", "-", "--samples", "300"], KINKED);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    for part in [
        "kinked: gradients agree, 300 points in f64, seed 0\n",
        "  x: ",
        " elements compared, ",
        ": abs(x - y) at 0\n",
        "    worst: off by ",
        "      symbolic ",
        " | lossc run - --loss kinked --data - --dtype f64 --wrt x --unchecked\n",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    let (status, output, _) = lossc(&["gradcheck", "-", "--samples", "20", "--quiet"], KINKED);
    assert_eq!((status, output.as_str()), (Some(0), ""));
}

#[test]
fn a_gradient_that_cannot_be_compared_fails() {
    let nowhere = "loss nowhere(pred x) = log(-1 - x^2)";
    let (status, output, errors) = lossc(&["gradcheck", "-", "--samples", "20"], nowhere);
    assert_eq!((status, errors.as_str()), (Some(1), ""));
    assert!(output.contains("nowhere: GRADIENTS DIFFER"), "{output}");
    assert!(output.contains("nothing could be compared"), "{output}");
}

#[test]
fn params_are_set_and_derived() {
    let arguments =
        ["gradcheck", "-", "--set", "k=3.5", "--wrt", "y,k", "--format", "json", "--samples", "40"];
    let (status, output, errors) = lossc(&arguments, KINKED);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    let report = &json(&output)[0];
    assert_eq!(report["inputs"][0]["name"], "y");
    assert_eq!(report["inputs"][1]["worst"]["inputs"]["k"], 3.5);
}

#[test]
fn mistakes_are_told() {
    let table: &[(&[&str], i32, &str)] = &[
        (&["gradcheck"], 2, "<FILE>"),
        (&["gradcheck", "no_such_loss"], 2, "cannot read `no_such_loss`"),
        (&["gradcheck", "hubber"], 2, "`huber`"),
        (&["gradcheck", "-", "-"], 2, "standard input can be read once only"),
        (&["gradcheck", "huber", "--loss", "other"], 2, "defines no loss `other`"),
        (&["gradcheck", "huber", "--samples", "0"], 2, "--samples"),
        (&["gradcheck", "huber", "--seed", "one"], 2, "--seed"),
        (&["gradcheck", "huber", "--dtype", "f16"], 2, "--dtype"),
        (&["gradcheck", "huber", "--wrt", "yhatt"], 2, "did you mean `yhat`?"),
        (&["gradcheck", "cross_entropy", "--wrt", "label"], 2, "`label` is no number"),
        (&["gradcheck", "huber", "--set", "deltas=1"], 2, "did you mean `delta`?"),
        (&["gradcheck", "huber", "--set", "yhat=1"], 2, "every example has its own"),
        (&["gradcheck", "huber", "--set", "delta=1,2"], 2, "is given 2 numbers and has 0 axes"),
        (&["gradcheck", "huber", "--set", "delta=-1"], 1, "`delta`"),
        (&["gradcheck", "tests/bad/unknown-name.loss"], 1, "error[unknown-name]"),
    ];
    for (arguments, code, words) in table {
        let (status, output, errors) = lossc(arguments, KINKED);
        assert_eq!(status, Some(*code), "{arguments:?}: {errors}");
        assert!(errors.contains(words), "{arguments:?}: {errors}");
        assert_eq!(output, "", "{arguments:?}");
    }
}
