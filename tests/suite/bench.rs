//! `lossc bench`: its rows have the fields they should, and what does not fit is told. No time is looked at.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Exit status, standard output and standard error of the real binary.
fn lossc(arguments: &str, input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lossc"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments.split(' '))
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

/// The rows of a run that is too short to measure anything.
fn rows(arguments: &str, input: &str) -> Vec<Value> {
    let arguments = format!("{arguments} --format json --seconds 1e-6 --quiet");
    let (status, output, errors) = lossc(&arguments, input);
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{arguments}");
    match serde_json::from_str(&output) {
        Ok(Value::Array(rows)) => rows,
        other => panic!("{other:?}: {output}"),
    }
}

/// What tells rows from each other.
fn keys(rows: &[Value]) -> Vec<String> {
    let key = |row: &Value| {
        ["loss", "dtype", "isa", "threads", "examples", "axis"]
            .map(|key| row[key].to_string())
            .join(" ")
    };
    rows.iter().map(key).collect()
}

#[test]
fn a_row_has_all_fields() {
    let rows = rows("bench huber -n 64 --isa portable", "");
    let [Value::Object(row)] = rows.as_slice() else { panic!("{rows:?}") };
    let names: Vec<&str> = row.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "loss",
            "examples",
            "axis",
            "threads",
            "dtype",
            "isa",
            "ns_per_example_median",
            "ns_per_example_min",
            "ns_per_example_iqr",
            "bytes_per_example",
            "stream_share",
            "compile_us",
        ]
    );
    for (key, value) in [
        ("loss", json!("huber")),
        ("examples", json!(64)),
        ("axis", Value::Null),
        ("threads", json!(1)),
        ("dtype", json!("f32")),
        ("isa", json!("portable")),
        ("bytes_per_example", json!(12)),
    ] {
        assert_eq!(row[key], value, "{key}");
    }
    let number = |key: &str| row[key].as_f64().expect("a number");
    assert!(number("ns_per_example_min") > 0.0 && number("compile_us") > 0.0);
    assert!(number("ns_per_example_median") >= number("ns_per_example_min"));
    assert!(number("ns_per_example_iqr") >= 0.0 && number("stream_share") > 0.0);
}

#[test]
fn there_is_a_row_for_each_combination() {
    let found = rows(
        "bench cross_entropy -n 2,3 --axis K=4,5 --dtype f64,f32 --isa portable --against scalar,interpreter",
        "",
    );
    let mut expected = Vec::new();
    for dtype in ["f64", "f32"] {
        for axis in [4, 5] {
            for examples in [2, 3] {
                for isa in ["portable", "scalar", "interpreter"] {
                    expected.push(format!(
                        r#""cross_entropy" "{dtype}" "{isa}" 1 {examples} {{"K":{axis}}}"#
                    ));
                }
            }
        }
    }
    assert_eq!(keys(&found), expected);
    // Logits and their gradient, and a label.
    let bytes: Vec<&Value> = found.iter().map(|row| &row["bytes_per_example"]).collect();
    assert_eq!((bytes[0], bytes[12]), (&json!(4 * 16 + 8), &json!(4 * 8 + 4)));
}

#[test]
fn threads_and_vectors_have_rows_of_their_own() {
    let found = rows("bench hinge -n 300000 --threads 2,1 --against scalar --isa portable", "");
    let expected = [("portable", 2), ("portable", 1), ("scalar", 2), ("scalar", 1)];
    let expected: Vec<String> = expected
        .into_iter()
        .map(|(isa, threads)| format!(r#""hinge" "f32" "{isa}" {threads} 300000 null"#))
        .collect();
    assert_eq!(keys(&found), expected);
    let host = lossc::machine::Isa::host();
    assert_eq!(rows("bench hinge -n 1", "")[0]["isa"], host.to_string());
    for isa in lossc::machine::Isa::ALL {
        let arguments = format!("bench hinge -n 1 --isa {isa} --seconds 1e-6 --quiet");
        let (status, _, errors) = lossc(&arguments, "");
        if isa.is_on_host() {
            assert_eq!((status, errors.as_str()), (Some(0), ""), "{isa}");
        } else {
            assert!(errors.contains(&format!("does not run {isa} code")), "{errors}");
        }
    }
}

#[test]
fn sizes_have_defaults() {
    let sizes = |arguments: &str, input: &str| -> Vec<String> {
        let rows = rows(arguments, input);
        rows.iter().map(|row| format!("{} {}", row["examples"], row["axis"])).collect()
    };
    assert_eq!(sizes("bench absolute_error", ""), ["64 null", "4096 null", "1000000 null"]);
    assert_eq!(sizes("bench info_nce -n 1 --axis N=4", ""), [r#"1 {"N":4,"F":10}"#]);
    // A batch of 4096 would take more than 1 GiB, and the elements of a list say how long an axis is.
    let wide =
        "loss wide(pred z[N, K], param weight[K]) = mean[i in N](sum[k in K](weight[k] * z[i, k]))";
    assert_eq!(
        sizes("bench - --axis N=20000 --set weight=1,2,3", wide),
        [r#"64 {"N":20000,"K":3}"#]
    );
    let least = "loss least(pred z[K]) = z[12] - z[0]";
    assert_eq!(sizes("bench - -n 1", least), [r#"1 {"K":13}"#]);
    let alone = "loss penalty(learned weight[K]) = sum(weight^2)";
    assert_eq!(sizes("bench -", alone), [r#"1 {"K":10}"#]);
    assert_eq!(rows("bench -", alone)[0]["bytes_per_example"], 0);
}

#[test]
fn params_are_set_or_frozen() {
    for option in ["--set gamma=0.5 --set alpha=-1", "--freeze gamma=2 --freeze alpha=-1"] {
        let rows = rows(&format!("bench sigmoid_focal -n 8 {option}"), "");
        assert_eq!(rows.len(), 1, "{option}");
    }
}

#[test]
fn tables_are_for_people_and_pages() {
    let run = |format: &str| {
        let arguments = format!(
            "bench hinge -n 8 --isa portable --against portable,scalar --seconds 1e-6 --format {format}"
        );
        lossc(&arguments, "")
    };
    let (status, output, errors) = run("text");
    assert_eq!(status, Some(0), "{errors}");
    let lines: Vec<Vec<&str>> =
        output.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..5], ["loss", "dtype", "isa", "threads", "examples"]);
    assert_eq!(lines[1][..5], ["hinge", "f32", "portable", "1", "8"]);
    assert_eq!(lines[2][..5], ["hinge", "f32", "scalar", "1", "8"]);
    assert_eq!(lines.len(), 3);
    assert_eq!(errors, "note: portable is what runs anyway\nmeasuring 8 examples in f32\n");
    let (_, output, _) = run("markdown");
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line.starts_with('|') && line.ends_with('|')), "{output}");
    assert!(lines[2].starts_with("| hinge | f32 | portable | 1 | 8 | "), "{output}");
}

#[test]
fn what_does_not_fit_is_told() {
    let usage: &[(&str, &str)] = &[
        (
            "bench huber --axis K=3",
            "error: --axis: `huber` has no axis `K` whose length can be chosen\n  = help: leave --axis out",
        ),
        ("bench cross_entropy --axis k=3", "help: did you mean `K`?"),
        ("bench info_nce --axis K=3", "help: its axes are `N`, `F`"),
        (
            "bench info_nce --axis N=3 --axis N=4",
            "help: give its lengths at once: --axis N=10,1000",
        ),
        ("bench cross_entropy --axis K=0", "write a whole number from 1 on"),
        ("bench cross_entropy --axis 3", "write an axis and its length, such as K=1000"),
        ("bench huber --threads 0", "write a whole number from 1 on"),
        ("bench huber --isa sse", "there is no `sse`; there are portable, avx2, avx512 and native"),
        ("bench huber -n 0", "write a whole number from 1 on, such as 4096"),
        ("bench huber -n 1e6", "write a whole number from 1 on, such as 4096"),
        ("bench huber -n 18446744073709551615", "are free\n  = help: give fewer examples with -n"),
        ("bench huber --seconds 0", "write a number of seconds above 0"),
        ("bench huber --against candle", "benches/rivals/Cargo.toml"),
        ("bench huber --against torch", "benches/compare.py"),
        (
            "bench huber --against fast",
            "this program can run portable, avx2, avx512, scalar and interpreter",
        ),
        ("bench huber --set yhat=3", "error: --set cannot give `yhat`: every example has its own"),
        ("bench huber --set dleta=3", "help: did you mean `delta`?"),
        (
            "bench huber --freeze delta=1,2",
            "error: --freeze: `delta` is given 2 numbers and has 0 axes",
        ),
        (
            "bench cross_entropy --freeze weight=1,2",
            "error: --freeze: `weight` can only be one number",
        ),
        ("bench huber --freeze delta=-1", "error: --freeze: "),
        (
            "bench huber --freeze delta=1 --set delta=2",
            "error: `delta` is given by --set and by --freeze",
        ),
        (
            "bench cross_entropy --set weight=1,2 --axis K=3",
            "error: --set: `weight` is given 2 numbers, and axis K has 3",
        ),
        ("bench nowhere.loss", "error: cannot read `nowhere.loss`"),
        ("bench huber --loss hubert", "`huber` defines no loss `hubert`"),
    ];
    for (arguments, told) in usage {
        let (status, output, errors) = lossc(arguments, "");
        assert_eq!((status, output.as_str()), (Some(2), ""), "{arguments}: {errors}");
        assert!(errors.contains(told), "{arguments}: {errors}");
    }
    let file: &[(&str, &str, &str)] = &[
        ("bench huber --set delta=-1 -n 2", "", "error[data-domain]: `delta` is -1"),
        ("bench -", "loss broken(pred x) = y", "error[unknown-name]"),
        ("bench -", "let x = 1", "error"),
    ];
    for (arguments, text, told) in file {
        let (status, output, errors) = lossc(arguments, text);
        assert_eq!((status, output.as_str()), (Some(1), ""), "{arguments}: {errors}");
        assert!(errors.contains(told), "{arguments}: {errors}");
    }
    let least = "loss least(pred z[K]) = z[12] - z[0]";
    let (status, _, errors) = lossc("bench - --axis K=5", least);
    assert_eq!(status, Some(2));
    assert!(errors.contains("--axis K=5: `least` needs 13 at least"), "{errors}");
    let (status, _, errors) =
        lossc("bench - -n 5", "loss penalty(learned weight[K]) = sum(weight^2)");
    assert_eq!(status, Some(2));
    assert!(
        errors.contains("-n 5: `penalty` has no pred and no target, and so one example"),
        "{errors}"
    );
}
