//! `lossc check --numerics`: checked losses come in, certificates of how exact their f32 code is go out.

use lossc::check::Checked;
use lossc::diagnostic::{Code, Diagnostic, Sources, Span};
use lossc::graph::{Graph, InputKind};
use lossc::model::Model;
use lossc::study::numerics::{
    BOUND, Certificate, Culprit, Options, Outcome, Reason, Rewritten, Worst, certify,
};
use lossc::study::sample::Sample;
use serde_json::{Value, json};

use super::failure::Failure;
use super::terminal::{Terminal, print};

/// How certificates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Makes and prints the certificates of all losses of some files.
///
/// # Errors
/// If a loss is not stable, which has been told, or cannot be compiled.
pub(crate) fn certify_all(
    terminal: &Terminal,
    files: &[(String, Checked)],
    options: Options,
    format: Format,
) -> Result<(), Failure> {
    let mut all = Vec::new();
    let mut is_stable = true;
    for (file, checked) in files {
        for model in &checked.models {
            let certificate = certify(model, options).map_err(|error| {
                Failure::file(format!("`{}` cannot be compiled: {error}", model.name))
            })?;
            is_stable &= certificate.is_stable();
            match format {
                Format::Json => all.push(to_json(file, checked, model, &certificate, options)),
                Format::Text if certificate.is_stable() && terminal.is_quiet() => {}
                Format::Text => print(&to_text(checked, model, &certificate, options))?,
            }
            terminal.tell(&diagnostics(model, &certificate), &checked.sources);
        }
    }
    if format == Format::Json {
        print(&format!("{:#}\n", Value::Array(all)))?;
    }
    if is_stable { Ok(()) } else { Err(Failure::told()) }
}

fn to_text(
    checked: &Checked,
    model: &Model,
    certificate: &Certificate,
    options: Options,
) -> String {
    let graph = &model.graph;
    let outputs: Vec<String> =
        certificate.outputs.iter().map(|outcome| summary(graph, outcome)).collect();
    let verdict = if certificate.is_stable() { "stable" } else { "not stable" };
    let mut text = format!(
        "{}: {verdict}: {} ({} points, seed {})\n",
        certificate.loss,
        outputs.join(", "),
        grouped(certificate.points),
        options.seed
    );
    for rewritten in &certificate.rewritten {
        let rules = rewritten.rules.join(", ");
        let source = fragment(&checked.sources, rewritten.span);
        let place = place(&checked.sources, rewritten.span, model.span);
        text += &format!("  rewritten: `{source}` {place} by {rules}\n");
    }
    for outcome in &certificate.outputs {
        if let Some(worst) = outcome.worst.as_ref().filter(|worst| worst.places >= 0.5) {
            text += &format!(
                "  worst {}: {}\n",
                what(graph, outcome),
                worst_line(model, outcome, worst)
            );
        }
    }
    if certificate.open > 0 {
        text += &format!(
            "  {} elements are beyond what was computed exactly\n",
            grouped(certificate.open)
        );
    }
    text
}

/// `value within 1.3 ulp`
fn summary(graph: &Graph, outcome: &Outcome) -> String {
    let what = what(graph, outcome);
    match &outcome.worst {
        Some(worst) => {
            let is_excused = worst.places > BOUND && outcome.fault.is_none();
            let excuse = match outcome.sums_cancel {
                _ if !is_excused => "",
                true => " where terms of a sum cancel",
                false => " where rounding the inputs alone does as much",
            };
            format!("{what} within {}{excuse}", ulps(worst.places))
        }
        None => format!("{what} not judged"),
    }
}

fn what(graph: &Graph, outcome: &Outcome) -> String {
    match outcome.input {
        None => "value".into(),
        Some(id) => format!("gradient of {}", graph.input(id).name),
    }
}

fn ulps(places: f64) -> String {
    match places {
        _ if places.is_infinite() => "inf ulp".into(),
        _ if places < 1000.0 => format!("{places:.1} ulp"),
        _ => format!("{places:.1e} ulp"),
    }
}

fn worst_line(model: &Model, outcome: &Outcome, worst: &Worst) -> String {
    let element = element(model, outcome, worst);
    format!(
        "{}{element} at {}: {}, exactly {}",
        ulps(worst.places),
        point(&model.graph, &worst.sample),
        single(worst.got),
        exact(worst.exact)
    )
}

/// Which element of an array it is.
fn element(model: &Model, outcome: &Outcome, worst: &Worst) -> String {
    let Some(id) = outcome.input else { return String::new() };
    let axes = &model.graph.input(id).axes;
    if axes.is_empty() {
        return String::new();
    }
    format!(" in element {:?}", indices(model, outcome, worst))
}

fn indices(model: &Model, outcome: &Outcome, worst: &Worst) -> Vec<usize> {
    let Some(id) = outcome.input else { return Vec::new() };
    let graph = &model.graph;
    let mut rest = worst.element;
    let mut indices = Vec::new();
    for axis in graph.input(id).axes.iter().rev() {
        let length = worst.sample.extents[graph.axis(*axis).extent.index()];
        indices.insert(0, rest % length);
        rest /= length;
    }
    indices
}

/// The elements of all inputs, long arrays shortened.
fn point(graph: &Graph, sample: &Sample) -> String {
    let inputs = graph.input_ids().map(|id| {
        let input = graph.input(id);
        let shown: Vec<String> = sample.inputs[id.index()]
            .iter()
            .map(|element| match input.kind {
                InputKind::Real => single(*element),
                InputKind::Switch => (*element != 0.0).to_string(),
                InputKind::Index { .. } => format!("{element:.0}"),
            })
            .collect();
        let elements = match shown.as_slice() {
            [only] if input.axes.is_empty() => only.clone(),
            few if few.len() <= 12 => format!("[{}]", few.join(", ")),
            many => format!("[{}, … {} numbers]", many[..8].join(", "), many.len()),
        };
        format!("{} = {elements}", input.name)
    });
    inputs.collect::<Vec<_>>().join(", ")
}

/// An f32 in its shortest digits.
#[expect(clippy::cast_possible_truncation, reason = "it is a number of f32")]
fn single(value: f64) -> String {
    let value = value as f32;
    let plain = format!("{value}");
    if plain.len() <= 12 { plain } else { format!("{value:e}") }
}

/// An exact number to ten digits.
fn exact(value: f64) -> String {
    let rounded: f64 = format!("{value:.9e}").parse().unwrap_or(value);
    let plain = format!("{rounded}");
    if plain.len() <= 14 { plain } else { format!("{rounded:e}") }
}

/// A size, roughly.
fn rough(value: f64) -> String {
    let rounded: f64 = format!("{value:.1e}").parse().unwrap_or(value);
    if (1e-3..1e5).contains(&rounded.abs()) { format!("{rounded}") } else { format!("{rounded:e}") }
}

fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A piece of source on one line.
fn fragment(sources: &Sources, span: Span) -> String {
    let words: Vec<&str> = sources.text(span).split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// `line 3`, and of which file, if it is another than that of the loss.
fn place(sources: &Sources, span: Span, own: Span) -> String {
    let line = sources.position(span).0;
    if span.file == own.file {
        return format!("line {line}");
    }
    format!("line {line} of {}", sources.file(span.file).name)
}

/// What each output that is not within its bound is to be told of.
fn diagnostics(model: &Model, certificate: &Certificate) -> Vec<Diagnostic> {
    let told = certificate.outputs.iter().filter_map(|outcome| {
        let (worst, culprit) = outcome.fault.as_ref()?;
        Some(diagnostic(model, outcome, worst, culprit.as_ref()))
    });
    told.collect()
}

fn diagnostic(
    model: &Model,
    outcome: &Outcome,
    worst: &Worst,
    culprit: Option<&Culprit>,
) -> Diagnostic {
    let span = culprit.and_then(|culprit| culprit.span).unwrap_or(model.span);
    let message = format!(
        "the {} of `{}` is not stable in f32: {}",
        what(&model.graph, outcome),
        model.name,
        worst_line(model, outcome, worst)
    );
    let whose = if outcome.input.is_some() { "in the gradient " } else { "" };
    let why = culprit.map_or_else(
        || "no single operation is to blame".to_owned(),
        |culprit| format!("{whose}{}", explain(culprit.reason)),
    );
    let instead = culprit.and_then(|culprit| culprit.instead);
    let help = instead.unwrap_or(
        "no rule knows a form of this that keeps the digits: write one, or narrow the domains",
    );
    let diagnostic = Diagnostic::error(Code::LosesDigits, span, message).at(why).help(help);
    if span == model.span { diagnostic } else { diagnostic.label(model.span, "the loss") }
}

fn explain(reason: Reason) -> String {
    match reason {
        Reason::Cancellation { size, left } => {
            format!("nearly equal numbers of size {} cancel: {} is left", rough(size), rough(left))
        }
        Reason::Sum { size, left } => {
            format!("terms of size {} cancel: {} is left", rough(size), rough(left))
        }
        Reason::Overflow { size } if size.is_infinite() => "a result overflows f32".into(),
        Reason::Overflow { size } => format!("a result of size {} overflows f32", rough(size)),
        Reason::Underflow { size } => {
            format!("a result of size {} underflows f32", rough(size))
        }
        Reason::Amplification { argument, .. } => {
            format!("the rounding of its argument, which is {}, grows here", rough(argument))
        }
    }
}

fn to_json(
    file: &str,
    checked: &Checked,
    model: &Model,
    certificate: &Certificate,
    options: Options,
) -> Value {
    let rewritten: Vec<Value> =
        certificate.rewritten.iter().map(|it| rewritten_json(&checked.sources, it)).collect();
    let outputs: Vec<Value> =
        certificate.outputs.iter().map(|it| outcome_json(checked, model, it)).collect();
    json!({
        "file": file,
        "loss": certificate.loss,
        "stable": certificate.is_stable(),
        "seed": options.seed,
        "points": certificate.points,
        "judged": certificate.judged,
        "open": certificate.open,
        "rewritten": rewritten,
        "outputs": outputs,
    })
}

fn rewritten_json(sources: &Sources, rewritten: &Rewritten) -> Value {
    let mut value = span_json(sources, rewritten.span);
    value["rules"] = json!(rewritten.rules);
    value
}

fn span_json(sources: &Sources, span: Span) -> Value {
    let (line, column) = sources.position(span);
    json!({
        "file": sources.file(span.file).name,
        "line": line,
        "column": column,
        "source": sources.text(span),
    })
}

fn outcome_json(checked: &Checked, model: &Model, outcome: &Outcome) -> Value {
    let worst = outcome.worst.as_ref().map(|worst| worst_json(model, outcome, worst));
    let fault = outcome.fault.as_ref().map(|(worst, culprit)| {
        let mut value = worst_json(model, outcome, worst);
        if let Some(culprit) = culprit {
            value["why"] = json!(explain(culprit.reason));
            value["instead"] = json!(culprit.instead);
            value["place"] = json!(culprit.span.map(|span| span_json(&checked.sources, span)));
        }
        value
    });
    json!({
        "gradient": outcome.input.map(|id| &model.graph.input(id).name),
        "relative": number(outcome.relative),
        "relative_to_largest": number(outcome.relative_to_largest),
        "worst": worst,
        "fault": fault,
    })
}

fn worst_json(model: &Model, outcome: &Outcome, worst: &Worst) -> Value {
    let point: Value =
        serde_json::from_str(&worst.sample.to_json(&model.graph)).unwrap_or_default();
    json!({
        "ulp": number(worst.places),
        "element": indices(model, outcome, worst),
        "got": number(worst.got),
        "exact": number(worst.exact),
        "point": point,
    })
}

/// A number; what JSON has no number for is its name.
fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(value.to_string()) }
}
