//! Exact values and gradients: every row of `tests/oracle/map.json`, in both precisions.

use std::path::Path;

use lossc::call::{CallError, Element, Loss, Reduction, Summary};
use lossc::compile::{Compiler, Target};
use serde_json::Value;

/// A dense array of the data.
struct Tensor {
    shape: Vec<usize>,
    data: Vec<f64>,
    is_integer: bool,
}

fn read_json(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().expect("an f64"),
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::String(text) => match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            other => panic!("{other} is no number"),
        },
        other => panic!("{other} is no number"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().map_or_else(|| vec![number(value)], |items| items.iter().map(number).collect())
}

fn tensor(value: &Value) -> Tensor {
    let shape = value["shape"].as_array().expect("a shape");
    Tensor {
        shape: shape
            .iter()
            .map(|length| usize::try_from(length.as_u64().expect("a length")).expect("small"))
            .collect(),
        data: numbers(&value["data"]),
        is_integer: value["dtype"] == "i64",
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// The pairs of an object, none if it is absent.
fn pairs(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn contains(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|items| items.iter().any(|item| item == name))
}

/// A precision, with the tolerance of exact numbers in it, relative to the largest element.
trait Precision: Element {
    const TOLERANCE: f64;
}

impl Precision for f64 {
    const TOLERANCE: f64 = 1e-12;
}

impl Precision for f32 {
    const TOLERANCE: f64 = 2e-6;
}

/// What a run of a case gave.
struct Results {
    summary: Summary,
    values: Vec<f64>,
    gradients: Vec<(String, Vec<f64>)>,
}

struct Case<'a> {
    row: &'a Value,
    case: &'a Value,
}

impl Case<'_> {
    fn name(&self) -> String {
        format!(
            "{} as {}, case {}",
            text(&self.row["oracle"]),
            text(&self.row["loss"]),
            text(&self.case["id"])
        )
    }

    fn is_of_the_row(&self) -> bool {
        let id = text(&self.case["id"]);
        let chosen = self.row.get("cases").is_none_or(|cases| contains(cases, id));
        chosen && self.row["skip"].get(id).is_none() && !contains(&self.case["tags"], "special")
    }

    /// Whether the inputs mean the same in a precision: where they do not, the exact numbers are of another point.
    fn is_exact<T: Precision>(&self) -> bool {
        T::PRECISION == lossc::loops::Precision::F64 || self.case["inputs_exact_in_f32"] != false
    }

    /// What the file gives to the loss, by the loss's names.
    fn inputs(&self) -> Vec<(String, Tensor)> {
        let mut inputs = Vec::new();
        for (theirs, ours) in pairs(&self.row["inputs"]) {
            let Some(given) = self.case["inputs"].get(theirs) else { continue };
            let mut given = tensor(given);
            if let Some(hyper) = self.row["ignore_index"].get(theirs)
                && let Some(ignored) =
                    self.case["hyper"].get(text(hyper)).filter(|value| !value.is_null())
            {
                let ignored = number(ignored);
                for label in &mut given.data {
                    *label = if (*label - ignored).abs() < 0.5 { -1.0 } else { *label };
                }
            }
            inputs.push((text(ours).to_owned(), given));
        }
        for (theirs, ours) in pairs(&self.row["params"]) {
            let given = self.case["hyper"].get(theirs).filter(|value| !value.is_null());
            inputs.extend(given.map(|given| (text(ours).to_owned(), constant(given))));
        }
        inputs
            .extend(pairs(&self.row["fixed"]).map(|(ours, given)| (ours.clone(), constant(given))));
        inputs
    }

    fn run<T: Precision>(
        &self,
        loss: &Loss<T>,
        reduction: Reduction,
    ) -> Result<Results, CallError> {
        let inputs = self.inputs();
        let reals: Vec<Vec<T>> = inputs
            .iter()
            .map(|(_, tensor)| tensor.data.iter().map(|x| T::from_f64(*x)).collect())
            .collect();
        #[expect(clippy::cast_possible_truncation, reason = "labels are small whole numbers")]
        let labels: Vec<Vec<i64>> = inputs
            .iter()
            .map(|(_, tensor)| tensor.data.iter().map(|x| *x as i64).collect())
            .collect();
        let is_label = |name: &str| {
            let graph = &loss.model().graph;
            let id = graph
                .input_ids()
                .find(|id| graph.input(*id).name == name)
                .expect("the map names inputs");
            matches!(graph.input(id).kind, lossc::graph::InputKind::Index { .. })
        };
        let rank = |name: &str| {
            let graph = &loss.model().graph;
            let id = graph
                .input_ids()
                .find(|id| graph.input(*id).name == name)
                .expect("the map names inputs");
            graph.input(id).axes.len()
        };
        let wanted: Vec<(&String, &str)> =
            pairs(&self.row["gradients"]).map(|(theirs, ours)| (theirs, text(ours))).collect();
        let mut gradients: Vec<Vec<T>> = wanted
            .iter()
            .map(|(_, ours)| {
                let place = inputs.iter().position(|(name, _)| name == ours).expect("it is given");
                vec![T::from_f64(f64::NAN); inputs[place].1.data.len()]
            })
            .collect();
        let first = inputs.iter().find(|(name, _)| {
            let graph = &loss.model().graph;
            let id = graph
                .input_ids()
                .find(|id| graph.input(*id).name == *name)
                .expect("the map names inputs");
            matches!(graph.input(id).role, lossc::graph::Role::Pred | lossc::graph::Role::Target)
        });
        let (name, tensor) = first.expect("a loss has preds or targets");
        let examples: usize = tensor.shape[..tensor.shape.len() - rank(name)].iter().product();
        let mut values = vec![T::from_f64(f64::NAN); examples];
        let mut call = loss.call().values(&mut values);
        for (((name, tensor), reals), labels) in inputs.iter().zip(&reals).zip(&labels) {
            call = if is_label(name) {
                call.bind(name, labels, &tensor.shape)
            } else if tensor.is_integer || !tensor.shape.is_empty() || rank(name) > 0 {
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

    /// What is wrong with the results; empty: nothing.
    fn faults<T: Precision>(&self, loss: &Loss<T>) -> Vec<String> {
        let per_element = self.row["mean"] == "sum_per_element";
        let reduction = if per_element { Reduction::Sum } else { Reduction::Mean };
        let results = match self.run(loss, reduction) {
            Ok(results) => results,
            Err(error) => return vec![format!("{}: {error}", self.name())],
        };
        let mut faults = Vec::new();
        let mut compare = |what: &str, got: &[f64], want: &[f64], free: &[bool]| {
            if let Some(fault) = difference::<T>(got, want, free) {
                faults.push(format!("{} {}: {what}: {fault}", T::NAME, self.name()));
            }
        };
        let expect = &self.case["expect"];
        let style = self.row.get("values").map_or("each", text);
        let mut divisor = 1.0;
        if let Some(none) = expect.get("none").filter(|_| style != "none") {
            let elements = tensor(none);
            #[expect(clippy::cast_precision_loss, reason = "a small count")]
            if per_element {
                divisor = elements.data.len() as f64;
            }
            let want = by_row(&elements, style);
            compare("values", &results.values, &want, &[]);
            if let Some(sum) = expect.get("sum").filter(|_| style != "row_mean") {
                compare("sum", &[results.summary.sum], &[number(sum)], &[]);
            }
        }
        if contains(&self.row["mean_by_convention"], text(&self.case["id"])) {
            return faults;
        }
        if let Some(mean) = expect.get("mean") {
            compare("mean", &[results.summary.total / divisor], &[number(mean)], &[]);
        }
        for (theirs, got) in &results.gradients {
            let want = tensor(&self.case["grad_of_mean"][theirs]).data;
            let got: Vec<f64> = got.iter().map(|element| element / divisor).collect();
            compare(&format!("gradient of {theirs}"), &got, &want, &self.free(theirs, &got, &want));
        }
        faults
    }

    /// The elements of a gradient that have no one right value, or whose value lies where it may.
    fn free(&self, theirs: &str, got: &[f64], want: &[f64]) -> Vec<bool> {
        let mut free: Vec<bool> = want.iter().map(|_| false).collect();
        let place =
            |value: &Value| usize::try_from(value.as_u64().expect("an index")).expect("small");
        for index in self.case["undefined"][theirs].as_array().into_iter().flatten() {
            free[place(index)] = true;
        }
        for kink in self.case["subgrad"][theirs].as_array().into_iter().flatten() {
            let (at, low, high) = (place(&kink[0]), number(&kink[1]), number(&kink[2]));
            let slack = 1e-6 * low.abs().max(high.abs());
            free[at] |= got[at] >= low - slack && got[at] <= high + slack;
        }
        free
    }
}

fn constant(value: &Value) -> Tensor {
    let data = numbers(value);
    let shape = if value.is_array() { vec![data.len()] } else { Vec::new() };
    Tensor { shape, data, is_integer: false }
}

/// The elements joined along the last axis, as the row says.
fn by_row(elements: &Tensor, style: &str) -> Vec<f64> {
    if style == "each" {
        return elements.data.clone();
    }
    let length = *elements.shape.last().expect("rows");
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let divisor = if style == "row_mean" { length as f64 } else { 1.0 };
    elements.data.chunks(length).map(|row| row.iter().sum::<f64>() / divisor).collect()
}

/// The first element that is too far off, relative to the largest.
fn difference<T: Precision>(got: &[f64], want: &[f64], free: &[bool]) -> Option<String> {
    if got.len() != want.len() {
        return Some(format!("{} elements, not {}", got.len(), want.len()));
    }
    let largest = want.iter().filter(|x| x.is_finite()).fold(0.0, |most: f64, x| most.max(x.abs()));
    let bound = T::TOLERANCE * largest + 1e-15;
    got.iter().zip(want).enumerate().find_map(|(at, (got, want))| {
        let same = got.is_nan() && want.is_nan()
            || got.to_bits() == want.to_bits()
            || (got - want).abs() <= bound;
        (!same && !free.get(at).copied().unwrap_or(false))
            .then(|| format!("[{at}] is {got}, not {want}"))
    })
}

fn compile<T: Precision>(row: &Value, target: Target) -> Loss<T> {
    let name = text(&row["loss"]);
    let wrt = pairs(&row["gradients"]).map(|(_, ours)| text(ours));
    let compiler = Compiler::new().loss(name).wrt(wrt).target(target);
    match row.get("source") {
        Some(source) => compiler.text(name, text(source)),
        None => compiler.library(name),
    }
    .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs all cases with one of the tags; says how many there were, and what is wrong.
fn run_tagged<T: Precision>(target: Target, tags: &[&str]) -> (usize, Vec<String>) {
    let (mut count, mut faults) = (0, Vec::new());
    for row in read_json("map.json").as_array().expect("a list") {
        let file = read_json(&format!("{}.json", text(&row["oracle"])));
        let loss = compile::<T>(row, target);
        for case in file["cases"].as_array().expect("cases") {
            let case = Case { row, case };
            let is_tagged = tags.iter().any(|tag| contains(&case.case["tags"], tag));
            if is_tagged && case.is_of_the_row() && case.is_exact::<T>() {
                count += 1;
                faults.extend(case.faults(&loss));
            }
        }
    }
    (count, faults)
}

fn all_right<T: Precision>(target: Target) {
    let (count, faults) = run_tagged::<T>(target, &["ordinary", "edge"]);
    assert!(count > 150, "only {count} cases");
    assert!(faults.is_empty(), "{} faults in {count} cases:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn ordinary_and_edge_cases_are_exact_in_double_precision() {
    all_right::<f64>(Target::Native);
}

#[test]
fn ordinary_and_edge_cases_are_exact_in_single_precision() {
    all_right::<f32>(Target::Native);
}
