//! The files of `tests/oracle`: in comes JSON, out come numbers, arrays and the cases of each row of the map.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A dense array of the data.
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<f64>,
    pub(super) is_integer: bool,
}

/// The path of a file of the folder.
pub(super) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(name)
}

pub(super) fn read_json(name: &str) -> Value {
    let path = path(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(super) fn number(value: &Value) -> f64 {
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

/// A whole number that says a place or a length.
pub(super) fn place(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a whole number")).expect("small")
}

pub(super) fn tensor(value: &Value) -> Tensor {
    Tensor {
        shape: value["shape"].as_array().expect("a shape").iter().map(place).collect(),
        data: numbers(&value["data"]),
        is_integer: value["dtype"] == "i64",
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// The pairs of an object, none if it is absent.
pub(super) fn pairs(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

pub(super) fn contains(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|items| items.iter().any(|item| item == name))
}

/// A case as one row of the map sees it.
pub(super) struct Case<'a> {
    pub(super) row: &'a Value,
    pub(super) case: &'a Value,
}

impl Case<'_> {
    pub(super) fn id(&self) -> &str {
        text(&self.case["id"])
    }

    pub(super) fn has_tag(&self, tag: &str) -> bool {
        contains(&self.case["tags"], tag)
    }

    /// Whether the row is about the case.
    pub(super) fn is_of_the_row(&self) -> bool {
        let chosen = self.row.get("cases").is_none_or(|cases| contains(cases, self.id()));
        chosen && self.row["skip"].get(self.id()).is_none()
    }

    /// Whether its mean is a choice that we make otherwise.
    pub(super) fn has_mean_by_convention(&self) -> bool {
        contains(&self.row["mean_by_convention"], self.id())
    }

    /// What the file gives to the loss, by the loss's names.
    pub(super) fn inputs(&self) -> Vec<(String, Tensor)> {
        let mut inputs = Vec::new();
        for (theirs, ours) in pairs(&self.row["inputs"]) {
            let Some(given) = self.case["inputs"].get(theirs) else { continue };
            let mut given = tensor(given);
            if let Some(ignored) = self.ignored_label(theirs) {
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

    /// The number that stands for a missing label in an input.
    fn ignored_label(&self, theirs: &str) -> Option<f64> {
        let hyper = self.row["ignore_index"].get(theirs)?;
        self.case["hyper"].get(text(hyper)).filter(|value| !value.is_null()).map(number)
    }

    /// The elements of a gradient that have no one right value, or whose value lies where it may.
    pub(super) fn free(&self, theirs: &str, got: &[f64], slack: f64) -> Vec<bool> {
        let mut free: Vec<bool> = got.iter().map(|_| false).collect();
        for index in self.case["undefined"][theirs].as_array().into_iter().flatten() {
            free[place(index)] = true;
        }
        for kink in self.case["subgrad"][theirs].as_array().into_iter().flatten() {
            let (at, low, high) = (place(&kink[0]), number(&kink[1]), number(&kink[2]));
            let slack = slack * low.abs().max(high.abs());
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
pub(super) fn by_row(elements: &Tensor, style: &str) -> Vec<f64> {
    if style == "each" {
        return elements.data.clone();
    }
    let length = *elements.shape.last().expect("rows");
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let divisor = if style == "row_mean" { length as f64 } else { 1.0 };
    elements.data.chunks(length).map(|row| row.iter().sum::<f64>() / divisor).collect()
}
