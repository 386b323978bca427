//! Runs a call: tests the rest of what it was given, finds its code, and says what comes of its passes.

use std::sync::Arc;

use super::Call;
use super::builder::Given;
use super::convert::address;
use super::element::{Element, Upstream};
use super::error::CallError;
use super::execute::{Crew, Pass};
use super::layout::{Cut, Layout, Scalars, lengths_of};
use super::scratch::Memory;
use super::shape::count;
use super::variant::Variant;
use crate::batch::{Extra, Part, Weighting, is_batched};
use crate::plan::{Length, Request, Source};

/// How the values of the examples become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their sum divided by what the examples count for together.
    Mean,
    /// Their sum.
    Sum,
    /// Not at all: gradients are those of each example's own value.
    None,
}

/// What a call comes to beside what it writes. An upstream factor takes no part in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The mean, or the sum for [`Reduction::Sum`] and [`Reduction::None`].
    pub total: f64,
    /// The sum of the values.
    pub sum: f64,
    /// What the examples count for together: what the mean divides by. 0 where every example is
    /// missing or has weight 0; the mean is NaN then.
    pub weight: f64,
    /// How many examples there are, missing ones included.
    pub examples: usize,
}

impl Summary {
    /// The sum of the values divided by what the examples count for.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

impl<T: Element> Call<'_, T> {
    /// Checks all that the call was given, runs the code and writes what was asked for.
    ///
    /// # Errors
    /// What does not fit; nothing has been written then.
    pub fn run(mut self, reduction: Reduction) -> Result<Summary, CallError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let examples = self.resolve_shapes()?;
        self.prepare_inputs()?;
        self.check_results(examples, reduction)?;
        let cut = Cut::new::<T>(self.loss.chunking(), &self.scratch.extents, examples);
        let code = self.find_code(reduction, cut, false)?;
        let mut passes = self.lay_out(code, cut);
        // SAFETY: `lay_out` gave the addresses of the caller's slices, which were checked to have the elements
        // of all examples; exclusive borrows make results overlap nothing; labels were tested to lie
        // in their axes.
        let outcome = unsafe {
            let how = How { reduction, upstream: self.upstream_factor(), crew: self.crew };
            passes.run::<T>(&mut self.scratch.memory, cut.examples, how)
        };
        self.write_shared(&passes.results.layout, outcome.scale);
        passes.give_back(&mut self.scratch.layouts);
        Ok(outcome.summary)
    }

    /// Tests the lengths of the caller's other slices.
    fn check_results(&self, examples: usize, reduction: Reduction) -> Result<(), CallError> {
        let expect = |name: &str, shape: &[usize], got: usize| match count(shape) {
            Some(expected) if expected == got => Ok(()),
            _ => Err(CallError::WrongLength { name: name.into(), shape: shape.to_vec(), got }),
        };
        if let Some(weights) = self.sample_weights {
            expect("the slice of sample weights", &[examples], weights.len())?;
        }
        if let Some(values) = &self.values {
            expect("the slice for the values", &[examples], values.len())?;
        }
        if let Upstream::PerExample(factors) = self.upstream {
            if reduction != Reduction::None {
                return Err(CallError::UpstreamOfReduced);
            }
            expect("the slice of upstream factors", &[examples], factors.len())?;
        }
        let graph = self.loss.graph();
        for id in graph.input_ids() {
            let Some(gradient) = &self.slots[id.index()].gradient else { continue };
            let rows = if is_batched(graph.input(id).role) { examples } else { 1 };
            let expected = rows * self.row_length(id);
            if expected != gradient.len() {
                let own = graph.input(id).axes.iter();
                let own = own.map(|axis| self.scratch.extents.get(graph.axis(*axis).extent));
                let batch = is_batched(graph.input(id).role).then_some(examples);
                let shape: Vec<usize> = batch.into_iter().chain(own.flatten()).collect();
                expect(
                    &format!("the slice for the gradient of `{}`", graph.input(id).name),
                    &shape,
                    gradient.len(),
                )?;
            }
        }
        Ok(())
    }

    /// The code that the call needs, compiled now if it has not been; for its very lengths where it `is_prepared`.
    pub(super) fn find_code(
        &mut self,
        reduction: Reduction,
        cut: Cut,
        is_prepared: bool,
    ) -> Result<Needed, CallError> {
        let graph = self.loss.graph();
        let mut gradients = std::mem::take(&mut self.scratch.asked);
        gradients.clear();
        gradients.extend(graph.input_ids().filter(|id| self.slots[id.index()].gradient.is_some()));
        let weighting = Weighting {
            sample_weights: self.sample_weights.is_some(),
            upstream: matches!(self.upstream, Upstream::PerExample(_)),
        };
        let weighting_of_values = Weighting { upstream: false, ..weighting };
        let weights = if self.loss.has_weights() || weighting.sample_weights {
            Some(self.find_variant(&Request::Weights(weighting_of_values), is_prepared)?)
        } else {
            None
        };
        let request = Request::Values { each: self.values.is_some(), gradients, weighting };
        let results = self.find_variant(&request, is_prepared);
        if let Request::Values { gradients, .. } = request {
            self.scratch.asked = gradients;
        }
        let results = results?;
        let centered = reduction == Reduction::Mean
            && results.arrays.iter().any(|array| array.source == Source::Extra(Extra::Center));
        let values = if centered {
            let gradients = Vec::new();
            let weighting = weighting_of_values;
            let request = Request::Values { each: false, gradients, weighting };
            Some(self.find_variant(&request, is_prepared)?)
        } else {
            None
        };
        let needed = Needed { weights, values, results };
        for variant in needed.all() {
            self.check_lengths(variant, cut)?;
        }
        Ok(needed)
    }

    /// The code for a combination of results: what this scratch memory knows, or the loss, or new code.
    fn find_variant(
        &mut self,
        request: &Request,
        is_prepared: bool,
    ) -> Result<Arc<Variant>, CallError> {
        let not_compiled = |reason| CallError::NotCompiled { reason };
        let known = &mut self.scratch.known;
        let kept = known.iter().find(|(known, _)| known == request);
        let found = if let Some((_, found)) = kept {
            Arc::clone(found)
        } else {
            let found = self.loss.variant(request).map_err(not_compiled)?;
            known.push((request.clone(), Arc::clone(&found)));
            found
        };
        found.for_extents(&self.scratch.extents, is_prepared).map_err(not_compiled)
    }

    /// Makes sure that all lengths are known that the code goes by.
    fn check_lengths(&self, variant: &Variant, cut: Cut) -> Result<(), CallError> {
        let graph = self.loss.graph();
        for length in &variant.extents {
            if let Length::Given(extent) = length
                && self.scratch.extents.get(*extent).is_none()
            {
                return Err(CallError::UnknownExtent {
                    axis: graph.extent(*extent).to_string(),
                    name: self.loss.name().into(),
                });
            }
        }
        for array in &variant.arrays {
            let fits = lengths_of(&array.lengths, &self.scratch.extents, cut.chunk)
                .try_fold(size_of::<T>(), usize::checked_mul);
            if fits.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
                return Err(CallError::TooLarge { name: "an intermediate array".into() });
            }
        }
        Ok(())
    }

    /// The factor of all gradients.
    pub(super) fn upstream_factor(&self) -> f64 {
        match self.upstream {
            Upstream::Scalar(factor) => factor,
            Upstream::PerExample(_) => 1.0,
        }
    }

    /// Lays out the arrays of all code that the call needs.
    fn lay_out(&mut self, code: Needed, cut: Cut) -> Passes {
        let mut layouts = std::mem::take(&mut self.scratch.layouts);
        let mut pass = |variant: Arc<Variant>, at: usize| {
            let mut layout = std::mem::take(&mut layouts[at]);
            layout.lay_out::<T>(&variant, self.loss.graph(), &self.scratch.extents, cut);
            for (at, array) in variant.arrays.iter().enumerate() {
                if let Some(address) = self.address(array.source) {
                    layout.addresses[at] = address;
                }
            }
            Pass { variant, layout }
        };
        let Needed { weights, values, results } = code;
        let passes = Passes {
            weights: weights.map(|variant| pass(variant, 0)),
            values: values.map(|variant| pass(variant, 1)),
            results: pass(results, 2),
        };
        self.scratch.layouts = layouts;
        passes
    }

    /// Where something is that the caller gave, or that was made of it.
    fn address(&mut self, source: Source) -> Option<*mut u8> {
        let graph = self.loss.graph();
        match source {
            Source::Input(id) => {
                let data = match self.slots[id.index()].given {
                    Given::Elements(data) => Some(data),
                    Given::Nothing | Given::Number(_) | Given::Later => None,
                };
                let converted = &self.scratch.converted[id.index()];
                Some(address(graph.input(id).kind, data, converted).cast_mut())
            }
            Source::Extra(Extra::SampleWeight) => {
                self.sample_weights.map(|weights| weights.as_ptr().cast_mut().cast())
            }
            Source::Extra(Extra::Upstream) => match self.upstream {
                Upstream::PerExample(factors) => Some(factors.as_ptr().cast_mut().cast()),
                Upstream::Scalar(_) => None,
            },
            Source::Output(Part::Values) => {
                self.values.as_deref_mut().map(|values| values.as_mut_ptr().cast())
            }
            Source::Output(Part::Gradient(id)) => {
                let gradient = self.slots[id.index()].gradient.as_deref_mut();
                gradient.map(|gradient| gradient.as_mut_ptr().cast())
            }
            Source::Extra(Extra::Scale | Extra::Center)
            | Source::Output(Part::Total)
            | Source::Temporary => None,
        }
    }

    /// Writes the gradients of the inputs that all examples share.
    fn write_shared(&mut self, layout: &Layout, scale: f64) {
        let mut sums = self.scratch.memory.sums.as_slice();
        for (id, elements) in layout.shared() {
            let (here, later) = sums.split_at(elements);
            if let Some(gradient) = &mut self.slots[id.index()].gradient {
                write_scaled(gradient, here, scale);
            }
            sums = later;
        }
    }
}

/// Writes sums over all examples as a gradient.
pub(super) fn write_scaled<T: Element>(gradient: &mut [T], sums: &[f64], scale: f64) {
    for (element, sum) in gradient.iter_mut().zip(sums) {
        // Where nothing counts the scale is infinite, and nothing is still nothing.
        let scaled = if *sum == 0.0 { *sum } else { sum * scale };
        *element = T::from_f64(scaled);
    }
}

/// The code of a call.
pub(super) struct Needed {
    pub(super) weights: Option<Arc<Variant>>,
    /// The values alone, where the gradient of the mean needs the mean.
    pub(super) values: Option<Arc<Variant>>,
    pub(super) results: Arc<Variant>,
}

impl Needed {
    fn all(&self) -> impl Iterator<Item = &Variant> {
        let others = [self.weights.as_deref(), self.values.as_deref()];
        others.into_iter().flatten().chain(std::iter::once(&*self.results))
    }
}

/// The passes of a call over its examples, laid out.
pub(super) struct Passes {
    pub(super) weights: Option<Pass>,
    pub(super) values: Option<Pass>,
    pub(super) results: Pass,
}

/// How passes are run.
#[derive(Clone, Copy)]
pub(super) struct How<'c> {
    pub(super) reduction: Reduction,
    /// The factor of all gradients.
    pub(super) upstream: f64,
    pub(super) crew: Crew<'c>,
}

/// What gradients are multiplied by.
pub(super) fn scale_of(reduction: Reduction, upstream: f64, weight: f64) -> f64 {
    match reduction {
        Reduction::Mean => upstream / weight,
        Reduction::Sum | Reduction::None => upstream,
    }
}

/// What comes of passes.
pub(super) struct Outcome {
    pub(super) summary: Summary,
    /// What the sums of shared gradients, which `Memory` has, are to be multiplied by.
    pub(super) scale: f64,
}

impl Passes {
    /// Runs the passes over all examples.
    ///
    /// # Safety
    /// As for [`Pass::execute`].
    pub(super) unsafe fn run<T: Element>(
        &mut self,
        memory: &mut Memory,
        examples: usize,
        how: How<'_>,
    ) -> Outcome {
        let How { reduction, upstream, crew } = how;
        let weight = match &mut self.weights {
            // SAFETY: as the caller vouches, here and below.
            Some(weights) => unsafe { weights.execute::<T>(memory, crew) },
            #[expect(
                clippy::cast_precision_loss,
                reason = "a count, and a slice is shorter than 2^53"
            )]
            None => examples as f64,
        };
        let center = match &mut self.values {
            // SAFETY: as above.
            Some(values) => unsafe { values.execute::<T>(memory, crew) / weight },
            None => 0.0,
        };
        let scale = scale_of(reduction, upstream, weight);
        let scalars = Scalars { scale: T::from_f64(scale), center: T::from_f64(center) };
        self.results.layout.set_scalars(&scalars);
        // SAFETY: as above; the scalars outlive the run.
        let sum = unsafe { self.results.execute::<T>(memory, crew) };
        let total = match reduction {
            Reduction::Mean => sum / weight,
            Reduction::Sum | Reduction::None => sum,
        };
        Outcome { summary: Summary { total, sum, weight, examples }, scale }
    }

    /// Keeps the allocations of the layouts for another call.
    fn give_back(self, layouts: &mut [Layout; 3]) {
        let passes = [self.weights, self.values, Some(self.results)];
        for (kept, pass) in layouts.iter_mut().zip(passes) {
            if let Some(pass) = pass {
                *kept = pass.layout;
            }
        }
    }
}
