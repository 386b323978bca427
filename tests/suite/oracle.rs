//! Exact values and gradients: every row of `tests/oracle/map.json`, in both precisions.
//!
//! Ordinary and edge cases are measured by the largest element of each array; in extreme and tail cases every
//! single element counts. The map names the cases that fail and says why: one that begins to fail, or ends, breaks a test.

mod data;
mod judge;
mod run;
mod table;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use lossc::compile::Target;
use serde_json::Value;

use data::{Case, contains, pairs, read_json, text};
use judge::{Measure, Precision, judge};

/// What came of a case.
struct Outcome {
    /// Which row of the map.
    row: usize,
    id: String,
    measure: Measure,
    worst: f64,
    /// What is wrong; empty: nothing.
    faults: Vec<String>,
}

static MAP: LazyLock<Value> = LazyLock::new(|| read_json("map.json"));
static DOUBLE: LazyLock<Vec<Outcome>> = LazyLock::new(run_all::<f64>);
static SINGLE: LazyLock<Vec<Outcome>> = LazyLock::new(run_all::<f32>);

fn rows() -> &'static [Value] {
    MAP.as_array().expect("a list")
}

fn run_all<T: Precision>() -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (row, fields) in rows().iter().enumerate() {
        let file = read_json(&format!("{}.json", text(&fields["oracle"])));
        let loss = run::compile::<T>(fields, Target::Native);
        for case in file["cases"].as_array().expect("cases") {
            let case = Case { row: fields, case };
            // Where the inputs are others in a precision, the exact numbers are of another point.
            let is_exact = T::NAME == "f64" || case.case["inputs_exact_in_f32"] != false;
            if case.is_of_the_row() && is_exact {
                outcomes.push(run_one::<T>(row, &case, &loss));
            }
        }
    }
    outcomes
}

fn run_one<T: Precision>(row: usize, case: &Case, loss: &lossc::call::Loss<T>) -> Outcome {
    let is_strict = case.has_tag("extreme") || case.has_tag("tail");
    let measure = if is_strict { Measure::Strict } else { Measure::Plain };
    let mut outcome =
        Outcome { row, id: case.id().to_owned(), measure, worst: 0.0, faults: Vec::new() };
    match run::compare(case, loss, T::PLAIN) {
        Ok(all) => {
            for compared in all {
                let verdict = judge::<T>(&compared, measure);
                outcome.worst = outcome.worst.max(verdict.worst);
                outcome.faults.extend(verdict.faults);
            }
        }
        Err(error) => {
            outcome.worst = f64::INFINITY;
            outcome.faults.push(error.to_string());
        }
    }
    outcome
}

fn name(row: usize, id: &str) -> String {
    let row = &rows()[row];
    format!("{} as {}, case {id}", text(&row["oracle"]), text(&row["loss"]))
}

/// The failures that the map knows of in a precision, with the reasons.
fn known_failures(precision: &str) -> BTreeMap<String, &'static str> {
    let fails = |(row, fields): (usize, &'static Value)| {
        pairs(&fields["fails"])
            .filter(|(_, failure)| contains(&failure["in"], precision))
            .map(move |(id, failure)| (name(row, id), text(&failure["why"])))
    };
    rows().iter().enumerate().flat_map(fails).collect()
}

/// Compares the failures with those that the map knows of.
fn compare_failures(precision: &str, outcomes: &[Outcome]) {
    let mut known = known_failures(precision);
    let mut news = Vec::new();
    for outcome in outcomes.iter().filter(|outcome| !outcome.faults.is_empty()) {
        let name = name(outcome.row, &outcome.id);
        let faults = outcome.faults.join("\n    ");
        let failure = format!("{name}: {:?}, {:.1e}\n    {faults}", outcome.measure, outcome.worst);
        match known.remove(&name) {
            Some(why) => println!("known in {precision}: {failure}\n    because {why}"),
            None => news.push(failure),
        }
    }
    news.extend(known.keys().map(|name| format!("{name}: does not fail any more")));
    assert!(news.is_empty(), "in {precision} the map does not know:\n{}", news.join("\n"));
}

#[test]
fn double_precision_fails_only_where_the_map_says_so() {
    compare_failures("f64", &DOUBLE);
}

#[test]
fn single_precision_fails_only_where_the_map_says_so() {
    compare_failures("f32", &SINGLE);
}

#[test]
fn every_case_of_every_file_is_of_some_row_or_skipped_with_a_reason() {
    let mut files: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in rows() {
        files.entry(text(&row["oracle"])).or_default().push(row);
    }
    for entry in std::fs::read_dir(data::path("")).expect("the folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        if let Some(stem) = name.strip_suffix(".json").filter(|stem| *stem != "map") {
            assert!(files.contains_key(stem), "no row is about {name}");
        }
    }
    for (file, rows) in files {
        for case in read_json(&format!("{file}.json"))["cases"].as_array().expect("cases") {
            let reached = rows.iter().any(|row| {
                let case = Case { row, case };
                case.is_of_the_row() || row["skip"].get(case.id()).is_some()
            });
            assert!(reached, "{file}: no row is about case {}", case["id"]);
        }
    }
}
