//! Whether the gradients of a loss are right: in come a checked loss and a seed, out goes a report that says where they
//! were compared, with what, how far off they are at worst, and what was left out and why.
//!
//! The gradient of the batch mean, as the compiled loss gives it, is compared element by element
//! - with forward-mode dual numbers in f64 on the graph as it was written, before anything was made stable (only products
//!   with a logarithm are guarded, as the language says). Where what was written overflows or loses its digits, the graph
//!   of the stable form is taken instead.
//! - with central differences of the compiled value in f64, of many step sizes, of which the best counts.
//!
//! # Tolerances
//! | gradient in | from dual numbers, relatively | from differences, relatively |
//! |---|---|---|
//! | f64 | 1e-9 | 1e-5 |
//! | f32 | 1e-5 | 1e-4 |
//!
//! Where that is exceeded, what rounding may do is measured, and 16 times as much is added to the tolerance of dual
//! numbers: the most that the duals move in eight further evaluations with a rounding error of random sign after every operation,
//! and the unit roundoff times the sum of the absolute values of all terms of the derivative; for dual numbers in f64,
//! and for the stable graph in the gradient's precision. A point where that leaves a tolerance of over
//! 1e-7 (f64) or 1e-3 (f32) relatively is badly conditioned and not compared, nor is one on which something becomes too small for
//! f64; nor is a difference that rounding of the values or the length of the step moves by more than its tolerance.
//!
//! # Kinks
//! A point on a kink is compared with the dual numbers, which have the derivative that the language states there, but not with
//! differences. A point within rounding of a kink is not compared where it is not equal, nor are differences all of
//! whose steps reach over one. What is left out is counted under the name of the kink.

mod judge;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use report::{Against, Finding, InputReport, LeftOut, Report, Worst};

use crate::call::{CallError, Element};
use crate::compile::{CompileError, Compiler};
use crate::graph::InputId;
use crate::loops::Precision;
use crate::model::Model;

use super::random::Random;
use super::sample::{Given, Sample, draw};
use judge::Judge;
use run::Runner;

/// How many elements of one input are compared at a point.
const ELEMENTS: usize = 6;

/// What is compared.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many points are drawn.
    pub samples: usize,
    /// What they are drawn by: the same seed draws the same points.
    pub seed: u64,
    /// The inputs whose gradients are compared; none: every `pred` and `learned` input.
    pub wrt: Option<Vec<String>>,
    /// Inputs that are not drawn.
    pub given: Vec<Given>,
}

impl Default for Options {
    fn default() -> Self {
        Self { samples: 200, seed: 0, wrt: None, given: Vec::new() }
    }
}

/// Why gradients were not compared.
#[derive(Clone, Debug)]
pub enum GradcheckError {
    /// The loss cannot be compiled as asked.
    Compile(CompileError),
    /// It refuses what it is given.
    Call(CallError),
}

impl std::fmt::Display for GradcheckError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Compile(error) => error.fmt(formatter),
            Self::Call(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for GradcheckError {}

impl From<CompileError> for GradcheckError {
    fn from(error: CompileError) -> Self {
        Self::Compile(error)
    }
}

impl From<CallError> for GradcheckError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// Compares the gradients of a loss, compiled for a precision, with dual numbers and differences.
///
/// # Errors
/// If the loss cannot be compiled, or refuses a value that it is given.
pub fn gradcheck<T: Element>(model: &Model, options: &Options) -> Result<Report, GradcheckError> {
    let compiler = match &options.wrt {
        Some(names) => Compiler::new().wrt(names.iter().cloned()),
        None => Compiler::new(),
    };
    let loss = compiler.model::<T>(model)?;
    let values = Compiler::new().wrt(Vec::<String>::new()).model::<f64>(model)?;
    let graph = &model.graph;
    let wrt: Vec<InputId> = graph
        .input_ids()
        .filter(|id| loss.gradients().contains(&graph.input(*id).name.as_str()))
        .collect();
    let gradients = Runner::new(&loss, &wrt);
    let values = Runner::new(&values, &[]);
    let sources = Sources {
        gradients: &mut |sample| gradients.run(sample).map(|(_, gradients)| gradients),
        value: &mut |sample| values.run(sample).map_or(f64::NAN, |(value, _)| value),
    };
    compare(model, &wrt, options, T::PRECISION, sources)
}

/// The gradients in every input of interest.
type Gradients = Result<Vec<Vec<f64>>, CallError>;

/// Where gradients and values come from.
pub(crate) struct Sources<'a> {
    /// The gradients that are on trial.
    pub(crate) gradients: &'a mut dyn FnMut(&Sample) -> Gradients,
    /// The mean in f64; NaN where it is refused.
    pub(crate) value: &'a mut dyn FnMut(&Sample) -> f64,
}

/// Compares gradients, wherever they come from.
pub(crate) fn compare(
    model: &Model,
    wrt: &[InputId],
    options: &Options,
    precision: Precision,
    sources: Sources,
) -> Result<Report, GradcheckError> {
    let Sources { gradients, value } = sources;
    let graph = &model.graph;
    let mut report = Report::new(model, wrt, precision, options);
    let mut judge = Judge::new(model, wrt, precision, value);
    for number in 0..options.samples {
        let sample = draw(model, &options.given, precision, options.seed, number);
        let gradients = gradients(&sample)?;
        let mut random = Random::new(!options.seed, number as u64);
        let mut lanes = Vec::new();
        for (place, (id, gradient)) in wrt.iter().zip(&gradients).enumerate() {
            for at in chosen(gradient.len(), &mut random) {
                lanes.push(judge::Lane { place, input: *id, at, symbolic: gradient[at] });
            }
        }
        for lanes in lanes.chunks(crate::evaluate::LANES) {
            for (lane, verdict) in lanes.iter().zip(judge.judge(&sample, lanes)) {
                report.inputs[lane.place].add(verdict, || report::Point {
                    sample: number,
                    element: report::unravel(lane.at, &sample.shape(graph, lane.input)),
                    inputs: sample.to_json(graph),
                });
            }
        }
    }
    for input in &mut report.inputs {
        input.sort();
    }
    Ok(report)
}

/// Some of so many elements, in order.
fn chosen(count: usize, random: &mut Random) -> Vec<usize> {
    let mut all: Vec<usize> = (0..count).collect();
    while all.len() > ELEMENTS {
        all.swap_remove(random.below(all.len()));
    }
    all.sort_unstable();
    all
}
