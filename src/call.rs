//! A compiled loss and how it is called: inputs by name, results into the caller's slices.
//!
//! In come a [`Loss`] and slices, out come numbers; a [`CallError`] says what does not fit, and then
//! nothing has been written. [`Loss::call`] gathers what a call is given, [`Call::run`] checks all of it
//! and runs the code.
//!
//! # What is compiled when
//! The code for the values and the default gradients is there when the loss is. A call that asks for
//! another combination (values alone, other gradients, sample weights, an upstream factor for each
//! example) compiles it on first use; the loss keeps it for all its clones until the last of them goes.
//!
//! # Calls again and again
//! [`Loss::prepare_call`] looks up names and tests shapes once; a run of a [`PreparedCall`] costs some
//! nanoseconds over its code. Small batches are worth it.
//!
//! # Threads
//! A batch whose arithmetic outweighs the waking of threads is run on several: on those of a pool that
//! all calls share, [`Threads::shared`], or of the caller's own ([`Call::pool`]), or on none but the caller's
//! ([`Call::threads`]). Chunks are handed out and their sums are added in order, so that the results are the same
//! bits on any number of threads. One example is never divided.
//!
//! # What is allocated when
//! The first call allocates scratch memory, and so does a call on larger arrays than any before, one
//! with new values of params that defaults or domains are computed from, and one that runs beside
//! others for the first time. Every other call allocates nothing.
//!
//! # Sums
//! The code runs on chunks whose length is fixed by the shapes of one example: a power of
//! two, at most 4096 examples. It sums within a chunk, in the loss's precision and in the order that
//! [`crate::loops`] states: the values, what examples count for, and the gradient of an input that all
//! examples share. The sums of the chunks are added in f64 and in order: those of values and of what
//! examples count for with compensation, so that in f64 too a batch of any size keeps its digits. So
//! the bits depend on nothing but the inputs, and on which results are asked for: beside gradients, sums
//! over pairs within an example may go in another order, within the bounds below.
//!
//! A sum of one sign is within 14 units of rounding (8.4e-7 in f32) of what its terms come to; one of both
//! signs within as many units of the sum of their sizes. In f32, a sum within a chunk that passes
//! 3.4e38 is infinite.

mod builder;
mod convert;
mod describe;
mod element;
mod error;
mod execute;
mod expression;
mod layout;
mod pool;
mod prepared;
mod run;
mod scratch;
mod shape;
mod stream;
mod sum;
#[cfg(test)]
mod tests;
mod variant;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use builder::Call;
pub use describe::{InputDescription, KindDescription, describe};
pub use element::{Data, Element, Labels, Setting, Upstream};
pub use error::{CallError, Place, Side};
pub use pool::{Pool, Threads};
pub use prepared::{Preparation, PreparedCall};
pub use run::{Reduction, Summary};
pub use shape::RANK_LIMIT;
pub(crate) use variant::{Code, Compile, Compiled, Variant};

use crate::chunk::Chunking;
use crate::graph::{Graph, InputId};
use crate::model::Model;
use crate::plan::Request;
use expression::Expression;
use scratch::Scratch;

/// Makes the code for a combination of results, or says why it cannot be made.
pub(crate) type Build = Box<dyn Fn(&Request) -> Result<Variant, String> + Send + Sync>;

/// A compiled loss. Clones share its code, which is freed when the last of them goes.
pub struct Loss<T: Element> {
    shared: Arc<Shared<T>>,
}

/// What the clones of a loss share.
struct Shared<T: Element> {
    model: Arc<Model>,
    /// The values of inputs that were made constants, by input.
    frozen: Vec<Option<f64>>,
    /// The gradients that come by default.
    gradients: Vec<InputId>,
    defaults: Vec<Option<Expression>>,
    bounds: Vec<Vec<Expression>>,
    chunking: Chunking,
    build: Build,
    variants: RwLock<Vec<(Request, Arc<Variant>)>>,
    #[expect(clippy::vec_box, reason = "a call takes one by its pointer")]
    pool: Mutex<Vec<Box<Scratch<T>>>>,
}

impl<T: Element> Clone for Loss<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Element> std::fmt::Debug for Loss<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Loss<{}>({})", T::NAME, self.name())
    }
}

impl<T: Element> Loss<T> {
    /// A loss from its checked meaning, the inputs made constants and what they are, the gradients that
    /// come by default, and the way to make its code.
    pub(crate) fn new(
        model: Arc<Model>,
        frozen: &[(InputId, f64)],
        gradients: Vec<InputId>,
        build: Build,
    ) -> Self {
        let graph = &model.graph;
        let mut constants = vec![None; graph.input_ids().count()];
        for (id, value) in frozen {
            constants[id.index()] = Some(*value);
        }
        let (defaults, bounds) = expression::of_inputs(graph);
        let shared = Shared {
            frozen: constants,
            gradients,
            defaults,
            bounds,
            chunking: Chunking::of(graph, model.value),
            build,
            variants: RwLock::default(),
            pool: Mutex::default(),
            model,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Compiles the code for the values and the default gradients now, not at the first call.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub(crate) fn compile_default(&self) -> Result<(), String> {
        let gradients = self.shared.gradients.clone();
        let weighting = crate::batch::Weighting::default();
        if self.has_weights() {
            self.variant(&Request::Weights(weighting))?;
        }
        self.variant(&Request::Values { each: false, gradients, weighting }).map(drop)
    }

    /// Begins a call.
    pub fn call(&self) -> Call<'_, T> {
        Call::new(self, self.take_scratch())
    }

    /// Begins the preparation of a call that is run many times, on other numbers of the same shapes:
    /// names and shapes are then looked up and tested once. Where an axis is short, code is compiled for its very length; it
    /// gives the same bits as any other.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use lossc::{Compiler, Reduction};
    ///
    /// let loss = Compiler::new().library::<f32>("cross_entropy")?;
    /// let mut step = loss
    ///     .prepare_call()
    ///     .input("logits", &[2, 3])
    ///     .input("label", &[2])
    ///     .gradient("logits")
    ///     .finish(Reduction::Mean)?;
    ///
    /// let (mut logits, labels) = ([0.0; 6], [0u8, 2]);
    /// let mut gradient = [0.0; 6];
    /// let mut losses = Vec::new();
    /// for _ in 0..50 {
    ///     // The slices in the order in which they were named: inputs, then results.
    ///     let summary = step.run(&[(&logits).into(), (&labels).into()], &mut [&mut gradient])?;
    ///     losses.push(summary.total);
    ///     for (logit, slope) in logits.iter_mut().zip(&gradient) {
    ///         *logit -= 2.0 * slope;
    ///     }
    /// }
    /// assert!(losses[0] > 1.0 && losses[49] < 0.1);
    ///
    /// // Lengths and labels are tested each time.
    /// let error = step.run(&[(&logits).into(), (&[0u8, 3]).into()], &mut [&mut gradient]);
    /// assert!(error.unwrap_err().to_string().starts_with("`label` in row 1 is 3"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn prepare_call(&self) -> Preparation<'_, T> {
        Preparation::new(self.call())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.model().name
    }

    /// Its doc text.
    #[must_use]
    pub fn doc(&self) -> &str {
        &self.model().doc
    }

    /// Its checked meaning.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.shared.model
    }

    /// The inputs whose gradients come by default.
    #[must_use]
    pub fn gradients(&self) -> Vec<&str> {
        let graph = self.graph();
        self.shared.gradients.iter().map(|id| graph.input(*id).name.as_str()).collect()
    }

    fn graph(&self) -> &Graph {
        &self.shared.model.graph
    }

    fn chunking(&self) -> &Chunking {
        &self.shared.chunking
    }

    /// Whether examples can count for anything but 1 without sample weights.
    fn has_weights(&self) -> bool {
        self.model().per.is_some() || self.model().missing.is_some()
    }

    fn frozen(&self, id: InputId) -> Option<f64> {
        self.shared.frozen[id.index()]
    }

    /// The code for a combination of results.
    fn variant(&self, request: &Request) -> Result<Arc<Variant>, String> {
        let find = |variants: &[(Request, Arc<Variant>)]| {
            variants.iter().find(|(known, _)| known == request).map(|(_, found)| Arc::clone(found))
        };
        let known = find(&self.shared.variants.read().unwrap_or_else(PoisonError::into_inner));
        if let Some(found) = known {
            return Ok(found);
        }
        // Nobody waits for a compilation that they do not need: two callers may compile the same, and
        // the first to come back with it is kept.
        let built = Arc::new((self.shared.build)(request)?);
        let mut variants = self.shared.variants.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&variants) {
            return Ok(found);
        }
        variants.push((request.clone(), Arc::clone(&built)));
        Ok(built)
    }

    fn take_scratch(&self) -> Box<Scratch<T>> {
        let mut pool = self.shared.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.pop().unwrap_or_default()
    }

    fn return_scratch(&self, scratch: Box<Scratch<T>>) {
        self.shared.pool.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }
}
