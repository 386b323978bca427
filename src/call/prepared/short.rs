//! The short way of a prepared call, for small batches: where all examples are one chunk and every slice is used
//! where it is, all but the addresses of these slices is known when the call is prepared.

use super::{Incoming, Outgoing, Prepared};
use crate::call::element::{Data, Element};
use crate::call::execute::Pass;
use crate::call::layout::Scalars;
use crate::call::run::{Reduction, Summary, scale_of};
use crate::call::scratch::Memory;

/// Code, its arrays in their places but for the slices of a run.
pub(super) struct Short<T> {
    pass: Pass,
    inputs: Vec<Place>,
    results: Vec<Place>,
    /// Where the code leaves the total.
    total: *const T,
    /// What the examples count for, each of them 1.
    weight: f64,
    examples: usize,
    /// One element: the code reads it where it is.
    scalars: Vec<Scalars<T>>,
    /// Keeps what it reads and writes beside slices.
    _memory: Memory,
}

/// A slice that comes with each run: its length, and which array of the code it is.
#[derive(Clone, Copy)]
struct Place {
    length: usize,
    array: usize,
}

impl<T: Element> Short<T> {
    /// The short way, if a prepared call has one: where examples count for 1, nothing is converted, tested or summed
    /// over chunks, and every slice is an array of the code.
    pub(super) fn find(
        prepared: &Prepared,
        inputs: &[Incoming],
        results: &[Outgoing],
        examples: usize,
    ) -> Option<Self> {
        let Pass { variant, layout } = &prepared.passes.results;
        let alone = prepared.passes.weights.is_none() && prepared.passes.values.is_none();
        let plain = inputs.iter().all(|input| input.is_plain && input.bounds.is_none());
        if !alone || !plain || layout.chunks != 1 || layout.shared().next().is_some() {
            return None;
        }
        let array = |place: usize| {
            let mut all = prepared.results.iter().filter(|(_, known)| *known == place);
            all.next().map(|(array, _)| *array).filter(|_| all.next().is_none())
        };
        let lengths = inputs.iter().map(|it| it.length).chain(results.iter().map(|it| it.length));
        let places =
            lengths.enumerate().map(|(at, length)| Some(Place { length, array: array(at)? }));
        let mut places = places.collect::<Option<Vec<Place>>>()?;
        let results = places.split_off(inputs.len());
        let mut memory = Memory::default();
        let mut pass = Pass { variant: variant.clone(), layout: layout.clone() };
        pass.layout.settle(&mut memory);
        #[expect(clippy::cast_precision_loss, reason = "a slice is shorter than 2^53")]
        let weight = examples as f64;
        Some(Self {
            total: pass.layout.record_address().cast(),
            pass,
            inputs: places,
            results,
            weight,
            examples,
            scalars: vec![Scalars::default()],
            _memory: memory,
        })
    }

    /// Sets what all gradients are multiplied by.
    pub(super) fn scale(&mut self, reduction: Reduction, upstream: f64) {
        let scale = T::from_f64(scale_of(reduction, upstream, self.weight));
        self.scalars[0] = Scalars { scale, center: T::from_f64(0.0) };
        self.pass.layout.set_scalars(&self.scalars[0]);
    }

    /// Takes the slices of a run, or says that they do not fit.
    #[inline]
    pub(super) fn take(&mut self, inputs: &[Data<'_, T>], results: &mut [&mut [T]]) -> bool {
        if inputs.len() != self.inputs.len() || results.len() != self.results.len() {
            return false;
        }
        let addresses = &mut *self.pass.layout.addresses;
        for (place, data) in self.inputs.iter().zip(inputs) {
            let Data::Real(elements) = data else { return false };
            if elements.len() != place.length {
                return false;
            }
            addresses[place.array] = elements.as_ptr().cast_mut().cast();
        }
        for (place, elements) in self.results.iter().zip(results) {
            if elements.len() != place.length {
                return false;
            }
            addresses[place.array] = elements.as_mut_ptr().cast();
        }
        true
    }

    /// Runs the code on the slices that were taken.
    ///
    /// # Safety
    /// The slices must be good still, and results must overlap nothing.
    #[inline]
    pub(super) unsafe fn run(&self, reduction: Reduction) -> Summary {
        let Pass { variant, layout } = &self.pass;
        // SAFETY: slices have the lengths of the layout, as `take` found; the rest is memory of the call's own,
        // where the code has written its total then.
        let total = unsafe {
            variant.code.run(&layout.addresses, &layout.last_lengths);
            self.total.read()
        };
        // A sum begins at 0, which makes no difference to any number but -0.
        let sum = 0.0 + total.to_f64();
        let total = match reduction {
            Reduction::Mean => sum / self.weight,
            Reduction::Sum | Reduction::None => sum,
        };
        Summary { total, sum, weight: self.weight, examples: self.examples }
    }
}
