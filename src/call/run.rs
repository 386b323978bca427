//! Runs the code over the batch, chunk by chunk, and reduces what comes out.

use super::Call;
use super::builder::{Given, Slot};
use super::element::{Data, Element, Upstream};
use super::error::CallError;
use super::prepare::reals;
use super::scratch::{Converted, Scratch};
use super::shape::{Extents, count};
use super::sum::Sum;
use super::variant::Variant;
use crate::batch::{Extra, Part, Weighting, is_batched};
use crate::graph::{InputId, InputKind};
use crate::plan::{Array, Length, Request, Source};

/// How many bytes the inputs of a chunk and as many results should take at most: they should stay in the
/// second-level cache.
pub(crate) const CHUNK_BYTES: usize = 1 << 18;

/// The most examples of a chunk.
pub(crate) const LONGEST_CHUNK: usize = 4096;

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
        let code = self.find_code(reduction)?;
        Ok(self.run_checked(&code, examples, reduction))
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

    /// The code that the call needs, compiled now if it has not been.
    fn find_code(&mut self, reduction: Reduction) -> Result<Needed, CallError> {
        let graph = self.loss.graph();
        let asked = &mut self.scratch.asked;
        asked.clear();
        asked.extend(graph.input_ids().filter(|id| self.slots[id.index()].gradient.is_some()));
        let weighting = Weighting {
            sample_weights: self.sample_weights.is_some(),
            upstream: matches!(self.upstream, Upstream::PerExample(_)),
        };
        let loss = self.loss;
        let find = |request: &Request| {
            loss.variant(request).map_err(|reason| CallError::NotCompiled { reason })
        };
        let weighting_of_values = Weighting { upstream: false, ..weighting };
        let weights = if loss.has_weights() || weighting.sample_weights {
            Some(find(&Request::Weights(weighting_of_values))?)
        } else {
            None
        };
        let request = Request::Values {
            each: self.values.is_some(),
            gradients: std::mem::take(asked),
            weighting,
        };
        let results = find(&request);
        if let Request::Values { gradients, .. } = request {
            *asked = gradients;
        }
        let results = results?;
        let centered = reduction == Reduction::Mean
            && results.arrays.iter().any(|array| array.source == Source::Extra(Extra::Center));
        let values = if centered {
            let request = Request::Values {
                each: false,
                gradients: Vec::new(),
                weighting: weighting_of_values,
            };
            Some(find(&request)?)
        } else {
            None
        };
        let needed = Needed { weights, values, results };
        for variant in needed.all() {
            self.check_lengths(variant)?;
        }
        Ok(needed)
    }

    /// Makes sure that all lengths are known that the code goes by.
    fn check_lengths(&self, variant: &Variant) -> Result<(), CallError> {
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
            let fits = lengths_of(&array.lengths, &self.scratch.extents, 1)
                .try_fold(size_of::<T>(), usize::checked_mul);
            if fits.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
                return Err(CallError::TooLarge { name: "an intermediate array".into() });
            }
        }
        Ok(())
    }

    /// Runs code that fits the call: nothing can go wrong from here on.
    fn run_checked(mut self, code: &Needed, examples: usize, reduction: Reduction) -> Summary {
        let weight = match &code.weights {
            Some(weights) => self.execute(weights, examples, Scalars::default()),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a count, and a slice is shorter than 2^53"
            )]
            None => examples as f64,
        };
        let upstream = match self.upstream {
            Upstream::Scalar(factor) => factor,
            Upstream::PerExample(_) => 1.0,
        };
        let center = match &code.values {
            Some(values) => self.execute(values, examples, Scalars::default()) / weight,
            None => 0.0,
        };
        let scale = match reduction {
            Reduction::Mean => upstream / weight,
            Reduction::Sum | Reduction::None => upstream,
        };
        let scalars = Scalars { scale: T::from_f64(scale), center: T::from_f64(center) };
        let sum = self.execute(&code.results, examples, scalars);
        self.write_shared(&code.results, scale);
        let summary = Summary { total: sum, sum, weight, examples };
        match reduction {
            Reduction::Mean => Summary { total: summary.mean(), ..summary },
            Reduction::Sum | Reduction::None => summary,
        }
    }

    /// Runs a variant over all examples: writes the batched results, leaves the sums of the shared
    /// gradients, and gives the total of the batch.
    fn execute(&mut self, variant: &Variant, examples: usize, scalars: Scalars<T>) -> f64 {
        let chunk = self.chunk_length().min(examples);
        self.lay_out(variant, chunk, &scalars);
        let loss = self.loss;
        let Scratch { extents, table, strides, lengths, sums, .. } = &mut self.scratch;
        sums.clear();
        let mut sum = Sum::default();
        let mut start = 0;
        while start < examples {
            let rows = chunk.min(examples - start);
            lengths.clear();
            lengths.extend(lengths_of(&variant.extents, extents, rows).map(|length| length as u64));
            // SAFETY: `lay_out` gave every array at least the elements of a chunk, or those of all
            // examples and a stride; the caller's slices were checked to have them, and exclusive
            // borrows make outputs overlap nothing; labels were tested to lie in their axes.
            unsafe { variant.code.run(table, lengths) };
            let mut place = 0;
            for (array, address) in variant.arrays.iter().zip(table.iter()) {
                match array.source {
                    // SAFETY: the code has just written it.
                    Source::Output(Part::Total) => {
                        sum.add(unsafe { address.cast::<T>().read() }.to_f64())
                    }
                    Source::Output(Part::Gradient(id))
                        if !is_batched(loss.graph().input(id).role) =>
                    {
                        let elements = lengths_of(&array.lengths, extents, rows).product();
                        // SAFETY: the code has just written all elements of the array.
                        let part =
                            unsafe { std::slice::from_raw_parts(address.cast::<T>(), elements) };
                        add_up(sums, place, part);
                        place += elements;
                    }
                    _ => {}
                }
            }
            for (address, stride) in table.iter_mut().zip(strides.iter()) {
                *address = address.wrapping_add(stride * rows);
            }
            start += rows;
        }
        sum.total()
    }

    /// How many examples a chunk has: a power of two, by the shapes of one example alone.
    fn chunk_length(&self) -> usize {
        let graph = self.loss.graph();
        let batched = graph.input_ids().filter(|id| is_batched(graph.input(*id).role));
        let elements = batched.map(|id| self.row_length(id)).fold(0, usize::saturating_add);
        let bytes = elements.saturating_mul(2 * size_of::<T>()).max(1);
        let most = (CHUNK_BYTES / bytes).clamp(1, LONGEST_CHUNK);
        1 << most.ilog2()
    }

    /// Finds the first address of every array of a variant and how many bytes an example takes there.
    fn lay_out(&mut self, variant: &Variant, chunk: usize, scalars: &Scalars<T>) {
        let graph = self.loss.graph();
        let size = size_of::<T>();
        let Scratch { extents, converted, buffers, table, strides, .. } = &mut self.scratch;
        buffers.resize_with(buffers.len().max(variant.arrays.len()), Default::default);
        table.clear();
        strides.clear();
        for (array, buffer) in variant.arrays.iter().zip(buffers) {
            let row: usize = lengths_of(&array.lengths, extents, 1).product();
            let (address, stride) = match array.source {
                Source::Input(id) => {
                    let stride = if is_batched(graph.input(id).role) { row * size } else { 0 };
                    (input_address(&self.slots, converted, id, graph.input(id).kind), stride)
                }
                Source::Extra(Extra::SampleWeight) => {
                    (self.sample_weights.map_or(std::ptr::null(), <[T]>::as_ptr).cast(), size)
                }
                Source::Extra(Extra::Upstream) => match self.upstream {
                    Upstream::PerExample(factors) => (factors.as_ptr().cast(), size),
                    Upstream::Scalar(_) => (std::ptr::null(), 0),
                },
                Source::Extra(Extra::Scale) => ((&raw const scalars.scale).cast(), 0),
                Source::Extra(Extra::Center) => ((&raw const scalars.center).cast(), 0),
                Source::Output(part) => {
                    let callers = match part {
                        Part::Values => self.values.as_deref_mut(),
                        Part::Gradient(id) if is_batched(graph.input(id).role) => {
                            self.slots[id.index()].gradient.as_deref_mut()
                        }
                        Part::Total | Part::Gradient(_) => None,
                    };
                    match callers {
                        Some(slice) => (slice.as_mut_ptr().cast_const().cast(), row * size),
                        None => (scratch_array(buffer, array, extents, chunk, size), 0),
                    }
                }
                Source::Temporary => (scratch_array(buffer, array, extents, chunk, size), 0),
            };
            table.push(address.cast_mut());
            strides.push(stride);
        }
    }

    /// Writes the gradients of the inputs that all examples share.
    fn write_shared(&mut self, variant: &Variant, scale: f64) {
        let graph = self.loss.graph();
        let mut sums = self.scratch.sums.iter();
        for array in &variant.arrays {
            let Source::Output(Part::Gradient(id)) = array.source else { continue };
            if is_batched(graph.input(id).role) {
                continue;
            }
            if let Some(gradient) = &mut self.slots[id.index()].gradient {
                for (element, sum) in gradient.iter_mut().zip(sums.by_ref()) {
                    // Where nothing counts the scale is infinite, and nothing is still nothing.
                    let scaled = if *sum == 0.0 { *sum } else { sum * scale };
                    *element = T::from_f64(scaled);
                }
            }
        }
    }
}

/// The code of a call.
struct Needed {
    weights: Option<std::sync::Arc<Variant>>,
    /// The values alone, where the gradient of the mean needs the mean.
    values: Option<std::sync::Arc<Variant>>,
    results: std::sync::Arc<Variant>,
}

impl Needed {
    fn all(&self) -> impl Iterator<Item = &Variant> {
        let others = [self.weights.as_deref(), self.values.as_deref()];
        others.into_iter().flatten().chain(std::iter::once(&*self.results))
    }
}

/// The scalar inputs that the batch brings in.
#[derive(Clone, Copy, Default)]
struct Scalars<T> {
    scale: T,
    center: T,
}

/// The lengths of the axes of an array, when there are `rows` examples.
fn lengths_of(lengths: &[Length], extents: &Extents, rows: usize) -> impl Iterator<Item = usize> {
    lengths.iter().map(move |length| match length {
        Length::Literal(length) => *length,
        Length::Given(extent) => extents.get(*extent).expect("all extents have been resolved"),
        Length::Batch => rows,
    })
}

fn input_address<T: Element>(
    slots: &[Slot<'_, T>],
    converted: &[Converted<T>],
    id: InputId,
    kind: InputKind,
) -> *const u8 {
    match kind {
        InputKind::Real | InputKind::Switch => reals(slots, converted, id).as_ptr().cast(),
        InputKind::Index { .. } => {
            if let Given::Elements(Data::Label(labels)) = slots[id.index()].given
                && let Some(address) = labels.address_if_wide(size_of::<T>())
            {
                return address;
            }
            let Converted { narrow, wide, .. } = &converted[id.index()];
            if size_of::<T>() == 4 { narrow.as_ptr().cast() } else { wide.as_ptr().cast() }
        }
    }
}

fn scratch_array(
    buffer: &mut super::scratch::Buffer,
    array: &Array,
    extents: &Extents,
    chunk: usize,
    size: usize,
) -> *const u8 {
    let elements: usize = lengths_of(&array.lengths, extents, chunk).product();
    buffer.of_bytes(elements * size).cast_const()
}

/// Adds elements to sums from a place on; the first time they become the sums.
fn add_up<T: Element>(sums: &mut Vec<f64>, place: usize, elements: &[T]) {
    sums.resize(sums.len().max(place + elements.len()), 0.0);
    for (sum, element) in sums[place..].iter_mut().zip(elements) {
        *sum += element.to_f64();
    }
}
