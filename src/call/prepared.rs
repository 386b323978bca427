//! Prepared calls: in come names, shapes and settings once, then slices again and again.
//!
//! All that a call looks up and tests by name and shape is done by [`Preparation::finish`]. A run compares
//! lengths, tests labels, and runs the code; it takes no lock and allocates nothing.

use std::sync::Arc;

use super::builder::Given;
use super::convert::{address, take, test_elements};
use super::element::{Data, Element, Setting, Upstream};
use super::error::CallError;
use super::execute::{Crew, Pass};
use super::layout::Cut;
use super::pool::Pool;
use super::run::{How, Needed, Passes, Reduction, Summary, write_scaled};
use super::scratch::{Converted, Memory};
use super::shape::{Extents, Shape};
use super::variant::Variant;
use super::{Call, Loss};
use crate::batch::{Extra, Part, is_batched};
use crate::graph::{InputId, InputKind};
use crate::plan::Source;

/// A call that is being prepared for many runs: say what comes with each of them and what is fixed.
///
/// A mistake is kept until [`Preparation::finish`] and told there.
#[must_use = "a preparation does nothing until it is finished"]
pub struct Preparation<'l, T: Element> {
    call: Call<'l, T>,
    inputs: Vec<From>,
    results: Vec<To>,
    pool: Option<Arc<dyn Pool>>,
}

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

impl<'l, T: Element> Preparation<'l, T> {
    pub(super) fn new(call: Call<'l, T>) -> Self {
        Self { call, inputs: Vec::new(), results: Vec::new(), pool: None }
    }

    /// Names an input whose elements come with each run, in this shape; leading axes are the batch, as
    /// for [`Call::bind`].
    pub fn input(mut self, name: &str, shape: &[usize]) -> Self {
        let given = self.call.settable(name).and_then(|id| {
            let shape = Shape::new(shape).ok_or_else(|| self.call.too_many_axes(id, shape))?;
            self.call.give(id, Given::Later, shape).map(|()| id)
        });
        match given {
            Ok(id) => self.inputs.push(From::Input(id)),
            Err(error) => self.call.keep(Err(error)),
        }
        self
    }

    /// Fixes a param or a learned input, as [`Call::set`] does.
    pub fn set(mut self, name: &str, value: impl Into<Setting<'l, T>>) -> Self {
        self.call = self.call.set(name, value);
        self
    }

    /// A weight for each example comes with each run: one more input, `[examples]`.
    pub fn sample_weights(mut self) -> Self {
        self.call = self.call.sample_weights(&[]);
        self.inputs.push(From::SampleWeights);
        self
    }

    /// A factor for each example's gradient comes with each run: one more input, `[examples]`. Only for
    /// [`Reduction::None`].
    pub fn upstream_each(mut self) -> Self {
        if matches!(self.call.upstream, Upstream::PerExample(_)) {
            let what = "the slice of upstream factors".into();
            self.call.keep(Err(CallError::GivenTwice { what }));
        }
        self.call = self.call.upstream(&[]);
        self.inputs.push(From::Upstream);
        self
    }

    /// Whether domains are tested in each run, as for [`Call::checked`].
    pub fn checked(mut self, checked: bool) -> Self {
        self.call = self.call.checked(checked);
        self
    }

    /// The loss of each example is written with each run: one more result, `[examples]`.
    pub fn values(mut self) -> Self {
        self.call = self.call.values(&mut []);
        self.results.push(To::Values);
        self
    }

    /// The gradient in an input is written with each run: one more result, in the input's own shape.
    pub fn gradient(mut self, name: &str) -> Self {
        self.call = self.call.gradient(name, &mut []);
        if let Ok(id) = self.call.settable(name) {
            self.results.push(To::Gradient(id));
        }
        self
    }

    /// Uses at most so many threads, as [`Call::threads`] does.
    pub fn threads(mut self, most: usize) -> Self {
        self.call = self.call.threads(most);
        self
    }

    /// Takes threads from a pool of the caller's, as [`Call::pool`] does.
    pub fn pool(mut self, pool: Arc<dyn Pool>) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Checks all that was said, and compiles the code if it has not been.
    ///
    /// # Errors
    /// What does not fit.
    pub fn finish(self, reduction: Reduction) -> Result<PreparedCall<T>, CallError> {
        let Self { mut call, inputs, results, pool } = self;
        if let Some(error) = call.error.take() {
            return Err(error);
        }
        if matches!(call.upstream, Upstream::PerExample(_)) && reduction != Reduction::None {
            return Err(CallError::UpstreamOfReduced);
        }
        let examples = call.resolve_shapes()?;
        call.prepare_inputs().map_err(in_words_of_a_preparation)?;
        let cut = Cut::new::<T>(call.loss.graph(), &call.scratch.extents, examples);
        let code = call.find_code(reduction, cut)?;
        let inputs = inputs
            .into_iter()
            .map(|from| incoming(&mut call, from, examples))
            .collect::<Result<Vec<_>, _>>()?;
        let results: Vec<Outgoing> =
            results.into_iter().map(|to| outgoing(&call, to, examples)).collect();
        keep_elements(&mut call);
        let mut prepared = PreparedCall {
            loss: call.loss.clone(),
            extents: call.scratch.extents.clone(),
            converted: std::mem::take(&mut call.scratch.converted),
            addresses: vec![std::ptr::null_mut(); inputs.len() + results.len()],
            inputs,
            results,
            passes: None,
            memory: Memory::default(),
            cut,
            reduction,
            upstream: call.upstream_factor(),
            pool,
            most: call.crew.most,
        };
        prepared.lay_out(code);
        Ok(prepared)
    }
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
    pub fn run(
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
            let mut pass = Pass { variant, layout: Default::default() };
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
        self.passes = Some(Prepared {
            passes: Passes { weights, values, results },
            weights: of_weights.unwrap_or_default(),
            values: of_values.unwrap_or_default(),
            results: of_results,
        });
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
        let Passes { weights, values, results } = &mut self.passes;
        let others = [(weights, &self.weights), (values, &self.values)];
        let others = others.into_iter().filter_map(|(pass, coming)| Some((pass.as_mut()?, coming)));
        for (pass, coming) in others.chain([(results, &self.results)]) {
            for (array, place) in coming {
                pass.layout.addresses[*array] = addresses[*place];
            }
        }
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

/// What is known of a slice that comes with each run.
fn incoming<T: Element>(
    call: &mut Call<'_, T>,
    from: From,
    examples: usize,
) -> Result<Incoming, CallError> {
    let of_examples = |name: &str| Incoming {
        from,
        is_plain: true,
        length: examples,
        bounds: None,
        name: name.into(),
        shape: vec![examples],
    };
    Ok(match from {
        From::SampleWeights => of_examples("the slice of sample weights"),
        From::Upstream => of_examples("the slice of upstream factors"),
        From::Input(id) => {
            let graph = call.loss.graph();
            let input = graph.input(id);
            let shape = call.slots[id.index()].shape.as_slice().to_vec();
            let tested = call.checked || input.role == crate::graph::Role::Param;
            let bounds = if tested && input.domain.is_some() {
                call.find_bounds(id)?;
                Some(call.scratch.bounds.clone())
            } else {
                None
            };
            Incoming {
                from,
                is_plain: input.kind == InputKind::Real,
                length: shape.iter().product(),
                bounds,
                name: format!("`{}`", input.name),
                shape,
            }
        }
    })
}

/// What is known of a slice that is written with each run.
fn outgoing<T: Element>(call: &Call<'_, T>, to: To, examples: usize) -> Outgoing {
    match to {
        To::Values => Outgoing {
            to,
            length: examples,
            name: "the slice for the values".into(),
            shape: vec![examples],
        },
        To::Gradient(id) => {
            let graph = call.loss.graph();
            let input = graph.input(id);
            let batch = is_batched(input.role).then_some(examples);
            let own = input.axes.iter().map(|axis| graph.axis(*axis).extent);
            let own = own.filter_map(|extent| call.scratch.extents.get(extent));
            let shape: Vec<usize> = batch.into_iter().chain(own).collect();
            Outgoing {
                to,
                length: shape.iter().product(),
                name: format!("the slice for the gradient of `{}`", input.name),
                shape,
            }
        }
    }
}

/// Copies the elements of what is fixed, which the caller may change or free.
fn keep_elements<T: Element>(call: &mut Call<'_, T>) {
    for (slot, converted) in call.slots.iter().zip(&mut call.scratch.converted) {
        match slot.given {
            Given::Elements(Data::Real(elements)) => converted.reals = elements.to_vec(),
            Given::Elements(Data::Label(labels)) => {
                // Some were converted, and some are used where they are.
                if size_of::<T>() == 4 && converted.narrow.is_empty() {
                    let narrow = |label| i32::try_from(label).unwrap_or(-1);
                    labels.for_each(|label| converted.narrow.push(narrow(label)));
                } else if size_of::<T>() == 8 && converted.wide.is_empty() {
                    labels.for_each(|label| converted.wide.push(label));
                }
            }
            Given::Elements(Data::Switch(_)) | Given::Nothing | Given::Number(_) | Given::Later => {
            }
        }
    }
}

/// A missing input is named otherwise in a preparation than in a call.
fn in_words_of_a_preparation(error: CallError) -> CallError {
    match error {
        CallError::MissingInput { name, how } if !how.contains("set") => {
            CallError::MissingInput { name, how: "name it with `input`" }
        }
        CallError::MissingInput { name, .. } => {
            CallError::MissingInput { name, how: "fix it with `set` or name it with `input`" }
        }
        other => other,
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
