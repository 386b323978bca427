//! What was found: verdicts on single elements come in, a report of each input goes out.

use crate::graph::InputId;
use crate::loops::Precision;
use crate::model::Model;

use super::Options;

/// What was found of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Its name.
    pub loss: String,
    /// The precision of the gradients.
    pub precision: Precision,
    /// How many points were drawn.
    pub samples: usize,
    /// What they were drawn by.
    pub seed: u64,
    /// What was found of the gradient in each input.
    pub inputs: Vec<InputReport>,
}

/// What was found of the gradient in an input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputReport {
    /// The input.
    pub name: String,
    /// How many elements were compared with dual numbers, with differences or with both.
    pub compared: usize,
    /// How many were compared with dual numbers.
    pub with_duals: usize,
    /// How many were compared with differences.
    pub with_differences: usize,
    /// How many of those are further off than is allowed.
    pub failed: usize,
    /// The element that uses most of what is allowed, or exceeds it most.
    pub worst: Option<Worst>,
    /// What was not compared, the most frequent reasons first.
    pub left_out: Vec<LeftOut>,
}

/// Elements that were not compared with dual numbers or not with differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Why: the expression that has a kink and when, or what else is in the way.
    pub kink: String,
    /// How many.
    pub points: usize,
}

/// What an element was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// Dual numbers on the graph as written.
    Duals,
    /// Dual numbers on the stable graph.
    StableDuals,
    /// Central differences.
    Differences,
}

/// The worst element, and how to meet it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// The number of the point among those of the seed.
    pub sample: usize,
    /// Which element of the input: the example first, if it has its own.
    pub element: Vec<usize>,
    /// All inputs as JSON, which `lossc run --data` reads.
    pub inputs: String,
    /// What was found there.
    pub finding: Finding,
}

/// A gradient's element and what it was compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// As the compiled loss gives it.
    pub symbolic: f64,
    /// By dual numbers, where they were compared.
    pub dual: Option<f64>,
    /// By differences, where they were compared.
    pub difference: Option<f64>,
    /// Which of them is furthest off for what is allowed.
    pub against: Against,
    /// How far off, relatively to the larger.
    pub relative_error: f64,
    /// How far off it may be, relatively.
    pub tolerance: f64,
}

impl Finding {
    /// How much of what is allowed is used; over 1 it fails.
    #[must_use]
    pub fn use_of_tolerance(&self) -> f64 {
        if self.relative_error == 0.0 { 0.0 } else { self.relative_error / self.tolerance }
    }
}

/// Where an element stands.
pub(super) struct Point {
    pub(super) sample: usize,
    pub(super) element: Vec<usize>,
    pub(super) inputs: String,
}

/// What is said of an element.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) finding: Option<Finding>,
    pub(super) left_out: Vec<String>,
}

impl Verdict {
    pub(super) fn leave_out(&mut self, reason: impl Into<String>) {
        self.left_out.push(reason.into());
    }

    /// Notes what an element was compared with, and how far off it may be absolutely.
    pub(super) fn compare(
        &mut self,
        against: Against,
        symbolic: f64,
        expected: f64,
        tolerance: f64,
    ) {
        let size =
            if symbolic.is_finite() { symbolic.abs().max(expected.abs()) } else { expected.abs() };
        let far = (symbolic - expected).abs();
        let relative = |distance: f64| if distance == 0.0 { 0.0 } else { distance / size };
        let relative_error = if far.is_finite() { relative(far) } else { f64::INFINITY };
        let mut finding = Finding {
            symbolic,
            dual: None,
            difference: None,
            against,
            relative_error,
            tolerance: relative(tolerance),
        };
        if let Some(known) = self.finding {
            (finding.dual, finding.difference) = (known.dual, known.difference);
            if known.use_of_tolerance() >= finding.use_of_tolerance() {
                finding = known;
            }
        }
        match against {
            Against::Duals | Against::StableDuals => finding.dual = Some(expected),
            Against::Differences => finding.difference = Some(expected),
        }
        self.finding = Some(finding);
    }
}

impl Report {
    pub(super) fn new(
        model: &Model,
        wrt: &[InputId],
        precision: Precision,
        options: &Options,
    ) -> Self {
        let input = |id: &InputId| InputReport {
            name: model.graph.input(*id).name.clone(),
            compared: 0,
            with_duals: 0,
            with_differences: 0,
            failed: 0,
            worst: None,
            left_out: Vec::new(),
        };
        Self {
            loss: model.name.clone(),
            precision,
            samples: options.samples,
            seed: options.seed,
            inputs: wrt.iter().map(input).collect(),
        }
    }

    /// The name of the precision: `f32` or `f64`.
    #[must_use]
    pub fn dtype(&self) -> &'static str {
        match self.precision {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        }
    }

    /// Whether every gradient was compared somewhere and is nowhere further off than is allowed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.inputs.iter().all(InputReport::passed)
    }
}

impl InputReport {
    /// Whether it was compared somewhere and is nowhere further off than is allowed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failed == 0 && self.compared > 0
    }

    pub(super) fn add(&mut self, verdict: Verdict, point: impl FnOnce() -> Point) {
        for reason in verdict.left_out {
            match self.left_out.iter_mut().find(|known| known.kink == reason) {
                Some(known) => known.points += 1,
                None => self.left_out.push(LeftOut { kink: reason, points: 1 }),
            }
        }
        let Some(finding) = verdict.finding else { return };
        self.compared += 1;
        self.with_duals += usize::from(finding.dual.is_some());
        self.with_differences += usize::from(finding.difference.is_some());
        self.failed += usize::from(finding.use_of_tolerance() > 1.0);
        let so_far = self.worst.as_ref().map_or(-1.0, |worst| worst.finding.use_of_tolerance());
        if finding.use_of_tolerance() > so_far {
            let Point { sample, element, inputs } = point();
            self.worst = Some(Worst { sample, element, inputs, finding });
        }
    }

    pub(super) fn sort(&mut self) {
        self.left_out.sort_by(|a, b| b.points.cmp(&a.points).then_with(|| a.kink.cmp(&b.kink)));
    }
}

/// The position of an element in an array of a shape.
pub(super) fn unravel(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut position = vec![0; shape.len()];
    for (place, length) in position.iter_mut().zip(shape).rev() {
        *place = at % length;
        at /= length;
    }
    position
}
