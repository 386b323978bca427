//! Prepares a call: names, shapes and settings come in, a [`PreparedCall`] that fits them goes out.

use std::sync::Arc;

use super::{From, Incoming, Outgoing, PreparedCall, To};
use crate::batch::is_batched;
use crate::call::builder::Given;
use crate::call::element::{Data, Element, Setting, Upstream};
use crate::call::layout::Cut;
use crate::call::pool::Pool;
use crate::call::run::Reduction;
use crate::call::scratch::Memory;
use crate::call::shape::Shape;
use crate::call::{Call, CallError};
use crate::graph::{InputKind, Role};

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

impl<'l, T: Element> Preparation<'l, T> {
    pub(in crate::call) fn new(call: Call<'l, T>) -> Self {
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
        let cut = Cut::new::<T>(call.loss.chunking(), &call.scratch.extents, examples);
        let code = call.find_code(reduction, cut, true)?;
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
            short: None,
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
            let tested = call.checked || input.role == Role::Param;
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
