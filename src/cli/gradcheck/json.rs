//! Reports as JSON: an array of one object a loss.

use lossc::study::gradcheck::{Against, InputReport, Worst};
use serde_json::{Value, json};

use super::{Checked, text};

/// All reports, on lines of their own.
pub(super) fn write(all: &[Checked]) -> String {
    let reports: Vec<String> = all.iter().map(|checked| loss(checked).to_string()).collect();
    format!("[{}]\n", reports.join(",\n "))
}

fn loss(checked: &Checked) -> Value {
    let report = &checked.report;
    let inputs: Vec<Value> = report.inputs.iter().map(|it| input(it, checked)).collect();
    json!({
        "loss": report.loss,
        "file": checked.file,
        "dtype": report.dtype(),
        "samples": report.samples,
        "seed": report.seed,
        "passed": report.passed(),
        "inputs": inputs,
    })
}

fn input(input: &InputReport, checked: &Checked) -> Value {
    let left_out: Vec<Value> = input
        .left_out
        .iter()
        .map(|left_out| json!({ "kink": left_out.kink, "points": left_out.points }))
        .collect();
    json!({
        "name": input.name,
        "compared": input.compared,
        "with_duals": input.with_duals,
        "with_differences": input.with_differences,
        "failed": input.failed,
        "worst": input.worst.as_ref().map(|it| worst(input, it, checked)),
        "left_out": left_out,
    })
}

fn worst(input: &InputReport, worst: &Worst, checked: &Checked) -> Value {
    let finding = &worst.finding;
    let inputs: Value = serde_json::from_str(&worst.inputs).unwrap_or_default();
    json!({
        "sample": worst.sample,
        "element": worst.element,
        "symbolic": number(finding.symbolic),
        "dual": finding.dual.map(number),
        "difference": finding.difference.map(number),
        "against": match finding.against {
            Against::Duals => "duals",
            Against::StableDuals => "stable duals",
            Against::Differences => "differences",
        },
        "relative_error": number(finding.relative_error),
        "tolerance": number(finding.tolerance),
        "inputs": inputs,
        "command": text::command(input, worst, checked),
    })
}

/// What JSON has no number for is a string.
fn number(value: f64) -> Value {
    match value.is_finite() {
        true => json!(value),
        false if value.is_nan() => json!("NaN"),
        false if value > 0.0 => json!("Infinity"),
        false => json!("-Infinity"),
    }
}
