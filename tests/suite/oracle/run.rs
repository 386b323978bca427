//! Running a case: in comes a case and a compiled loss, out come arrays of numbers beside the exact ones.

use lossc::call::{CallError, Element, Loss, Reduction, Summary};
use lossc::compile::{Compiler, Target};
use lossc::graph::{Input, InputKind, Role};
use serde_json::Value;

use super::data::{Case, Tensor, by_row, number, pairs, tensor, text};

/// Numbers that were computed, and what they are to be.
pub(super) struct Compared {
    pub(super) what: String,
    pub(super) got: Vec<f64>,
    pub(super) want: Vec<f64>,
    pub(super) free: Vec<bool>,
}

/// What a run of a case gave.
struct Results {
    summary: Summary,
    values: Vec<f64>,
    gradients: Vec<(String, Vec<f64>)>,
}

pub(super) fn compile<T: Element>(row: &Value, target: Target) -> Loss<T> {
    let name = text(&row["loss"]);
    let wrt = pairs(&row["gradients"]).map(|(_, ours)| text(ours));
    let compiler = Compiler::new().loss(name).wrt(wrt).target(target);
    match row.get("source") {
        Some(source) => compiler.text(name, text(source)),
        None => compiler.library(name),
    }
    .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn input<'a, T: Element>(loss: &'a Loss<T>, name: &str) -> &'a Input {
    let graph = &loss.model().graph;
    let mut inputs = graph.input_ids().map(|id| graph.input(id));
    inputs.find(|input| input.name == name).unwrap_or_else(|| panic!("the loss has no {name}"))
}

/// How many examples the inputs are.
fn examples<T: Element>(loss: &Loss<T>, inputs: &[(String, Tensor)]) -> usize {
    let (name, tensor) = inputs
        .iter()
        .find(|(name, _)| matches!(input(loss, name).role, Role::Pred | Role::Target))
        .expect("a loss has preds or targets");
    tensor.shape[..tensor.shape.len() - input(loss, name).axes.len()].iter().product()
}

fn run<T: Element>(
    case: &Case,
    loss: &Loss<T>,
    reduction: Reduction,
) -> Result<Results, CallError> {
    let inputs = case.inputs();
    let reals: Vec<Vec<T>> = inputs
        .iter()
        .map(|(_, tensor)| tensor.data.iter().map(|x| T::from_f64(*x)).collect())
        .collect();
    #[expect(clippy::cast_possible_truncation, reason = "labels are small whole numbers")]
    let labels: Vec<Vec<i64>> =
        inputs.iter().map(|(_, tensor)| tensor.data.iter().map(|x| *x as i64).collect()).collect();
    let wanted: Vec<(&String, &str)> =
        pairs(&case.row["gradients"]).map(|(theirs, ours)| (theirs, text(ours))).collect();
    let mut gradients: Vec<Vec<T>> = wanted
        .iter()
        .map(|(_, ours)| {
            let place = inputs.iter().position(|(name, _)| name == ours).expect("it is given");
            vec![T::from_f64(f64::NAN); inputs[place].1.data.len()]
        })
        .collect();
    let mut values = vec![T::from_f64(f64::NAN); examples(loss, &inputs)];
    let mut call = loss.call().values(&mut values);
    for (((name, tensor), reals), labels) in inputs.iter().zip(&reals).zip(&labels) {
        let input = input(loss, name);
        call = if matches!(input.kind, InputKind::Index { .. }) {
            call.bind(name, labels, &tensor.shape)
        } else if tensor.is_integer || !tensor.shape.is_empty() || !input.axes.is_empty() {
            call.bind(name, reals, &tensor.shape)
        } else {
            call.set(name, tensor.data[0])
        };
    }
    for ((_, ours), gradient) in wanted.iter().zip(&mut gradients) {
        call = call.gradient(ours, gradient);
    }
    let summary = call.run(reduction)?;
    let widen = |data: Vec<T>| data.into_iter().map(T::to_f64).collect();
    let names = wanted.iter().map(|(theirs, _)| (*theirs).clone());
    Ok(Results {
        summary,
        values: widen(values),
        gradients: names.zip(gradients.into_iter().map(widen)).collect(),
    })
}

/// All that the case says about the loss, computed and exact.
///
/// # Errors
/// Those of the call.
pub(super) fn compare<T: Element>(
    case: &Case,
    loss: &Loss<T>,
    slack: f64,
) -> Result<Vec<Compared>, CallError> {
    let per_element = case.row["mean"] == "sum_per_element";
    let reduction = if per_element { Reduction::Sum } else { Reduction::Mean };
    let results = run(case, loss, reduction)?;
    let mut all = Vec::new();
    let mut add = |what: &str, got: Vec<f64>, want: Vec<f64>, free: Vec<bool>| {
        all.push(Compared { what: what.to_owned(), got, want, free });
    };
    let expect = &case.case["expect"];
    let style = case.row.get("values").map_or("each", text);
    let mut divisor = 1.0;
    if let Some(none) = expect.get("none").filter(|_| style != "none") {
        let elements = tensor(none);
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        if per_element {
            divisor = elements.data.len() as f64;
        }
        add("values", results.values, by_row(&elements, style), Vec::new());
        if let Some(sum) = expect.get("sum").filter(|_| style != "row_mean") {
            add("sum", vec![results.summary.sum], vec![number(sum)], Vec::new());
        }
    }
    if case.has_mean_by_convention() {
        return Ok(all);
    }
    if let Some(mean) = expect.get("mean") {
        add("mean", vec![results.summary.total / divisor], vec![number(mean)], Vec::new());
    }
    for (theirs, got) in results.gradients {
        let want = tensor(&case.case["grad_of_mean"][&theirs]).data;
        let got: Vec<f64> = got.iter().map(|element| element / divisor).collect();
        let free = case.free(&theirs, &got, slack);
        add(&format!("gradient of {theirs}"), got, want, free);
    }
    Ok(all)
}
