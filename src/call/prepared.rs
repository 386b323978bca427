//! Prepared calls: in come slices again and again, for names, shapes and settings that were given once.
//!
//! All that a call looks up and tests by name and shape is done by [`Preparation::finish`]. A run compares
//! lengths, tests labels, and runs the code; on one thread it takes no lock and allocates nothing.

mod preparation;
mod short;

use std::sync::Arc;

pub use preparation::Preparation;

use super::Loss;
use super::convert::{address, take, test_elements};
use super::element::{Data, Element};
use super::error::CallError;
use super::execute::{Crew, Pass};
use super::layout::{Cut, Layout};
use super::pool::Pool;
use super::run::{How, Needed, Passes, Reduction, Summary, write_scaled};
use super::scratch::{Converted, Memory};
use super::shape::Extents;
use super::variant::Variant;
use crate::batch::{Extra, Part};
use crate::graph::InputId;
use crate::plan::Source;
use short::Short;

/// What a slice that comes with each run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Input(InputId),
    SampleWeights,
    Upstream,
}

/// What is written to a slice that comes with each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Values,
    Gradient(InputId),
}

/// A call whose names, shapes and settings are known, for many runs. [`Loss::prepare_call`] begins one.
pub struct PreparedCall<T: Element> {
    loss: Loss<T>,
    extents: Extents,
    /// Inputs in the form that the code takes: those that are fixed, and room for labels and switches.
    converted: Vec<Converted<T>>,
    inputs: Vec<Incoming>,
    results: Vec<Outgoing>,
    /// Where the slices of the run at hand are: inputs, then results.
    addresses: Vec<*mut u8>,
    passes: Option<Prepared>,
    /// The short way, where there is one.
    short: Option<Short<T>>,
    memory: Memory,
    cut: Cut,
    reduction: Reduction,
    upstream: f64,
    pool: Option<Arc<dyn Pool>>,
    most: usize,
}

// SAFETY: its addresses are those of memory of its own, or of slices of a run, which are written anew with
// each run and not followed after it.
unsafe impl<T: Element> Send for PreparedCall<T> {}

/// A slice that comes with each run.
struct Incoming {
    from: From,
    /// Whether it is used where it is.
    is_plain: bool,
    length: usize,
    /// The bounds of its domain, if that is tested.
    bounds: Option<Vec<f64>>,
    name: String,
    shape: Vec<usize>,
}

/// A slice that is written with each run.
struct Outgoing {
    to: To,
    length: usize,
    name: String,
    shape: Vec<usize>,
}

/// The passes of a prepared call, and which of their arrays come with each run: array and place in `addresses`.
struct Prepared {
    passes: Passes,
    weights: Vec<(usize, usize)>,
    values: Vec<(usize, usize)>,
    results: Vec<(usize, usize)>,
}

impl<T: Element> PreparedCall<T> {
    /// Runs the call: `inputs` and `results` are slices in the order in which the preparation named them.
    ///
    /// # Errors
    /// What does not fit: another number of slices, another length or type, a label outside of its axis, or a
    /// number outside of a domain that is tested; nothing has been written then.
    #[inline]
    pub fn run(
        &mut self,
        inputs: &[Data<'_, T>],
        results: &mut [&mut [T]],
    ) -> Result<Summary, CallError> {
        if let Some(short) = &mut self.short
            && short.take(inputs, results)
        {
            // SAFETY: the slices have just been taken, and exclusive borrows make results overlap nothing.
            return Ok(unsafe { short.run(self.reduction) });
        }
        self.run_in_full(inputs, results)
    }

    /// Runs a call that has no short way, or finds what does not fit.
    #[inline(never)]
    fn run_in_full(
        &mut self,
        inputs: &[Data<'_, T>],
        results: &mut [&mut [T]],
    ) -> Result<Summary, CallError> {
        if inputs.len() != self.inputs.len() || results.len() != self.results.len() {
            return Err(self.wrong_count(inputs.len(), results.len()));
        }
        self.take_inputs(inputs)?;
        let places = &mut self.addresses[inputs.len()..];
        for ((expected, slice), place) in self.results.iter().zip(&mut *results).zip(places) {
            if expected.length != slice.len() {
                return Err(wrong_length(&expected.name, &expected.shape, slice.len()));
            }
            *place = slice.as_mut_ptr().cast();
        }
        let prepared = self.passes.as_mut().expect("a prepared call has been laid out");
        prepared.take(&self.addresses);
        let crew = Crew { pool: self.pool.as_deref(), most: self.most };
        let how = How { reduction: self.reduction, upstream: self.upstream, crew };
        // SAFETY: every address that the code uses is that of a slice of this run, whose length is as the
        // layout has it, or of memory of the call's own; exclusive borrows make results overlap
        // nothing; labels have been tested to lie in their axes.
        let outcome = unsafe { prepared.passes.run::<T>(&mut self.memory, self.cut.examples, how) };
        let mut sums = self.memory.sums.as_slice();
        for (id, elements) in prepared.passes.results.layout.shared() {
            let (here, later) = sums.split_at(elements);
            let place = self.results.iter().position(|known| known.to == To::Gradient(id));
            write_scaled(results[place.expect("it was asked for")], here, outcome.scale);
            sums = later;
        }
        Ok(outcome.summary)
    }

    /// Changes the factor of all gradients, which is 1 at first.
    pub fn set_upstream(&mut self, factor: f64) {
        self.upstream = factor;
        if let Some(short) = &mut self.short {
            short.scale(self.reduction, factor);
        }
    }

    /// Tests the inputs of a run and finds where they are.
    fn take_inputs(&mut self, inputs: &[Data<'_, T>]) -> Result<(), CallError> {
        for ((expected, data), place) in self.inputs.iter().zip(inputs).zip(&mut self.addresses) {
            if expected.length != data.len() {
                return Err(wrong_length(&expected.name, &expected.shape, data.len()));
            }
            *place = match (data, expected.from) {
                (Data::Real(elements), _) if expected.is_plain => elements.as_ptr().cast(),
                (data, From::Input(id)) => {
                    let graph = self.loss.graph();
                    let converted = &mut self.converted[id.index()];
                    take(graph, &self.extents, id, *data, converted)?;
                    address(graph.input(id).kind, Some(*data), converted)
                }
                (data, From::SampleWeights | From::Upstream) => {
                    return Err(not_numbers::<T>(&expected.name, *data));
                }
            }
            .cast_mut();
            if let (Some(bounds), From::Input(id), Data::Real(elements)) =
                (&expected.bounds, expected.from, data)
            {
                test_elements(self.loss.graph(), &self.extents, id, bounds, elements)?;
            }
        }
        Ok(())
    }

    /// Lays out the code, and finds what of it comes with each run.
    fn lay_out(&mut self, code: Needed) {
        let Needed { weights, values, results } = code;
        let mut pass = |variant: Arc<Variant>| {
            let mut pass = Pass { variant, layout: Layout::default() };
            let variant = &pass.variant;
            pass.layout.lay_out::<T>(variant, self.loss.graph(), &self.extents, self.cut);
            let mut coming = Vec::new();
            for (array, source) in variant.arrays.iter().map(|array| array.source).enumerate() {
                if let Some(place) = place_of(&self.inputs, &self.results, source) {
                    coming.push((array, place));
                } else if let Source::Input(id) = source {
                    let kind = self.loss.graph().input(id).kind;
                    let fixed = address(kind, None, &self.converted[id.index()]);
                    pass.layout.addresses[array] = fixed.cast_mut();
                }
            }
            (pass, coming)
        };
        let (weights, of_weights) = weights.map(&mut pass).unzip();
        let (values, of_values) = values.map(&mut pass).unzip();
        let (results, of_results) = pass(results);
        let prepared = Prepared {
            passes: Passes { weights, values, results },
            weights: of_weights.unwrap_or_default(),
            values: of_values.unwrap_or_default(),
            results: of_results,
        };
        self.short = Short::find(&prepared, &self.inputs, &self.results, self.cut.examples);
        self.passes = Some(prepared);
        self.set_upstream(self.upstream);
    }

    #[cold]
    fn wrong_count(&self, inputs: usize, results: usize) -> CallError {
        let (what, names, got): (_, Vec<&String>, _) = if inputs == self.inputs.len() {
            ("results", self.results.iter().map(|it| &it.name).collect(), results)
        } else {
            ("inputs", self.inputs.iter().map(|it| &it.name).collect(), inputs)
        };
        CallError::WrongCount { what, names: names.into_iter().cloned().collect(), got }
    }
}

impl<T: Element> std::fmt::Debug for PreparedCall<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, Cut { examples, .. }) = (self.loss.name(), self.cut);
        write!(formatter, "PreparedCall<{}>({name}, {examples} examples)", T::NAME)
    }
}

impl Prepared {
    /// Hands the addresses of a run to the passes.
    fn take(&mut self, addresses: &[*mut u8]) {
        let take = |pass: &mut Pass, coming: &[(usize, usize)]| {
            for (array, place) in coming {
                pass.layout.addresses[*array] = addresses[*place];
            }
        };
        let Passes { weights, values, results } = &mut self.passes;
        if let Some(weights) = weights {
            take(weights, &self.weights);
        }
        if let Some(values) = values {
            take(values, &self.values);
        }
        take(results, &self.results);
    }
}

/// What of the slices of a run an array is: inputs are counted before results.
fn place_of(inputs: &[Incoming], results: &[Outgoing], source: Source) -> Option<usize> {
    let input = |from| inputs.iter().position(|known| known.from == from);
    let result = |to| Some(inputs.len() + results.iter().position(|known| known.to == to)?);
    match source {
        Source::Input(id) => input(From::Input(id)),
        Source::Extra(Extra::SampleWeight) => input(From::SampleWeights),
        Source::Extra(Extra::Upstream) => input(From::Upstream),
        Source::Output(Part::Values) => result(To::Values),
        Source::Output(Part::Gradient(id)) => result(To::Gradient(id)),
        Source::Extra(Extra::Scale | Extra::Center)
        | Source::Output(Part::Total)
        | Source::Temporary => None,
    }
}

#[cold]
fn wrong_length(name: &str, shape: &[usize], got: usize) -> CallError {
    CallError::WrongLength { name: name.into(), shape: shape.to_vec(), got }
}

#[cold]
fn not_numbers<T: Element>(name: &str, data: Data<'_, T>) -> CallError {
    CallError::WrongType {
        name: name.trim_start_matches("the slice of ").into(),
        expected: format!("{} numbers", T::NAME),
        got: match data {
            Data::Real(_) => T::NAME,
            Data::Switch(_) => "bool",
            Data::Label(_) => "integers",
        },
    }
}
