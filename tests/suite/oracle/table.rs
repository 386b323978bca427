//! The table of errors, row by row of the map: printed, and kept as `tests/oracle/TABLE.md`.

use std::fmt::Write as _;

use serde_json::Value;

use super::data::{Case, path, read_json, text};
use super::judge::Measure;
use super::{DOUBLE, Outcome, SINGLE, rows};

/// What the table says before its rows.
const HEAD: &str = "\
# Errors against exact values

What `cargo test --test suite oracle::table -- --nocapture` prints; `BLESS=1` before it rewrites this file.
One line for each row of `map.json`. Errors are the worst over values, sum, mean and gradients, rounded up to a power of ten:
of ordinary and edge cases relative to the largest element of the array, of extreme and tail cases (*strict*) for every single element
relative to itself, results below 1e-300 (f32: 1e-37) absolute. Asked for are 1e-12 and strictly 1e-13 in f64, 2e-6 and strictly
1e-5 in f32. *Right* counts cases in both precisions. The last column: in how many of these cases PyTorch in f64 gives a NaN or an infinity
that is not there (*nonfinite*), is visibly wrong (*wrong*: 1e-11 in the value or 1e-9 in the gradient), or has lost the digits of tiny elements (*tail*).

| loss | data | cases | f64 | f64 strict | f32 | f32 strict | right | PyTorch fails |
|---|---|--:|--:|--:|--:|--:|--:|---|
";

/// An error rounded up to a power of ten; empty without cases.
fn decade(worst: Option<f64>) -> String {
    match worst {
        None => String::new(),
        Some(0.0) => "0".to_owned(),
        Some(worst) if worst.is_infinite() => "inf".to_owned(),
        Some(worst) => format!("1e{:.0}", worst.log10().ceil()),
    }
}

fn worst(outcomes: &[&Outcome], measure: Measure) -> Option<f64> {
    outcomes
        .iter()
        .filter(|outcome| outcome.measure == measure)
        .map(|outcome| outcome.worst)
        .reduce(f64::max)
}

/// Where the file says that `PyTorch` is not right, by kind.
fn pytorch(row: &Value) -> String {
    let file = read_json(&format!("{}.json", text(&row["oracle"])));
    let cases = file["cases"].as_array().expect("cases");
    let kinds = [("nonfinite", "nonfinite"), ("wrong", "wrong"), ("tail-accuracy", "tail")];
    let counts = kinds.map(|(kind, short)| {
        let is_counted = |case: &&Value| {
            Case { row, case }.is_of_the_row() && case["torch_differs"]["kind"] == kind
        };
        (cases.iter().filter(is_counted).count(), short)
    });
    let parts = counts.iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, short)| format!("{count} {short}")).collect::<Vec<_>>().join(", ")
}

/// How many cases are right, and how many there are.
fn share<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> (usize, usize) {
    outcomes.fold((0, 0), |(right, all), outcome| {
        (right + usize::from(outcome.faults.is_empty()), all + 1)
    })
}

fn table() -> String {
    let mut text_of_table = HEAD.to_owned();
    for (at, row) in rows().iter().enumerate() {
        let of = |outcomes: &'static [Outcome]| -> Vec<&'static Outcome> {
            outcomes.iter().filter(|outcome| outcome.row == at).collect()
        };
        let (double, single) = (of(&DOUBLE), of(&SINGLE));
        let (right, all) = share(double.iter().chain(&single).copied());
        writeln!(
            text_of_table,
            "| {} | {} | {} | {} | {} | {} | {} | {right} of {all} | {} |",
            text(&row["loss"]),
            text(&row["oracle"]),
            double.len(),
            decade(worst(&double, Measure::Plain)),
            decade(worst(&double, Measure::Strict)),
            decade(worst(&single, Measure::Plain)),
            decade(worst(&single, Measure::Strict)),
            pytorch(row),
        )
        .expect("a string grows");
    }
    text_of_table.push('\n');
    for (precision, outcomes) in [("f64", &DOUBLE), ("f32", &SINGLE)] {
        for (measure, cases) in
            [(Measure::Plain, "ordinary, edge and special"), (Measure::Strict, "extreme and tail")]
        {
            let (right, all) = share(outcomes.iter().filter(|outcome| outcome.measure == measure));
            writeln!(text_of_table, "- {precision}, {cases} cases: {right} of {all} right")
                .expect("a string grows");
        }
    }
    text_of_table
}

#[test]
fn the_table_is_the_one_that_is_kept() {
    let table = table();
    println!("{table}");
    let path = path("TABLE.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &table).expect("the table can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        table, kept,
        "look at the change, then BLESS=1 cargo test --test suite oracle::table"
    );
}

#[test]
fn nearly_all_extreme_and_tail_cases_are_right_to_the_last_element() {
    for (precision, outcomes) in [("f64", &DOUBLE), ("f32", &SINGLE)] {
        let (right, all) = share(outcomes.iter().filter(|it| it.measure == Measure::Strict));
        assert!(all > 120, "only {all} cases in {precision}");
        assert!(right * 100 >= all * 95, "in {precision} only {right} of {all}");
    }
}
