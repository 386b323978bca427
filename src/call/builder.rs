//! Gathers what a call is given.

use super::element::{Data, Element, Setting, Upstream};
use super::error::CallError;
use super::execute::Crew;
use super::pool::Pool;
use super::scratch::{Lent, Scratch};
use super::shape::Shape;
use super::{Loss, RANK_LIMIT};
use crate::batch::is_batched;
use crate::diagnostic::suggest;
use crate::graph::{InputId, InputKind};

/// A call that is being prepared: give it inputs, ask for results, run it.
///
/// A mistake in what it is given is kept until [`Call::run`] and told there.
#[must_use = "a call does nothing until it is run"]
pub struct Call<'c, T: Element> {
    pub(super) loss: &'c Loss<T>,
    pub(super) scratch: Lent<T>,
    pub(super) slots: Vec<Slot<'c, T>>,
    pub(super) sample_weights: Option<&'c [T]>,
    pub(super) upstream: Upstream<'c, T>,
    pub(super) values: Option<&'c mut [T]>,
    pub(super) checked: bool,
    pub(super) crew: Crew<'c>,
    pub(super) error: Option<CallError>,
}

/// What an input is given and asked for.
pub(super) struct Slot<'c, T> {
    pub(super) given: Given<'c, T>,
    pub(super) shape: Shape,
    pub(super) gradient: Option<&'c mut [T]>,
}

/// What an input is given.
#[derive(Clone, Copy)]
pub(super) enum Given<'c, T> {
    /// Nothing: its default holds.
    Nothing,
    /// A number that fills it.
    Number(f64),
    /// Its elements.
    Elements(Data<'c, T>),
    /// Elements of its shape, with each run of a prepared call.
    Later,
}

impl<T> Given<'_, T> {
    /// Whether elements are given, now or later.
    pub(super) fn has_shape(&self) -> bool {
        match self {
            Self::Nothing | Self::Number(_) => false,
            Self::Elements(_) | Self::Later => true,
        }
    }

    /// How many elements are given; none: as many as the shape says.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::Nothing => Some(0),
            Self::Number(_) => Some(1),
            Self::Elements(data) => Some(data.len()),
            Self::Later => None,
        }
    }
}

impl<'c, T: Element> Call<'c, T> {
    pub(super) fn new(loss: &'c Loss<T>, mut scratch: Box<Scratch<T>>) -> Self {
        let mut slots: Vec<Slot<'c, T>> = std::mem::take(&mut scratch.slots);
        slots.resize_with(loss.shared.frozen.len(), || Slot {
            given: Given::Nothing,
            shape: Shape::default(),
            gradient: None,
        });
        Self {
            loss,
            scratch: Lent::new(scratch),
            slots,
            sample_weights: None,
            upstream: Upstream::Scalar(1.0),
            values: None,
            checked: false,
            crew: Crew { pool: None, most: usize::MAX },
            error: None,
        }
    }

    /// Gives an input its elements, row-major, and their shape.
    ///
    /// A `pred` or `target` of as many axes as it declares is one example; the same further leading axes
    /// on all of them are the batch. Labels may be of any integer type (`i32` in an `f32` loss and `i64`
    /// in an `f64` loss are used where they are), switches are `bool`.
    pub fn bind(mut self, name: &str, data: impl Into<Data<'c, T>>, shape: &[usize]) -> Self {
        let data = data.into();
        let given = self.settable(name).and_then(|id| match Shape::new(shape) {
            Some(shape) => self.give(id, Given::Elements(data), shape),
            None => Err(self.too_many_axes(id, shape)),
        });
        self.keep(given);
        self
    }

    /// Sets a param or a learned input: to a number, which fills an array, or a switch, or a slice for
    /// one with a single axis, or of one element for one without axes.
    pub fn set(mut self, name: &str, value: impl Into<Setting<'c, T>>) -> Self {
        let value = value.into();
        let given = self.settable(name).and_then(|id| {
            let input = self.loss.graph().input(id);
            if is_batched(input.role) {
                return Err(CallError::SetOfExample { name: input.name.clone() });
            }
            match value {
                Setting::Number(number) => self.give(id, Given::Number(number), Shape::default()),
                Setting::Elements(data) => {
                    let alone = input.axes.is_empty() && data.len() == 1;
                    let shape = Shape::new(&[data.len()]).filter(|_| !alone).unwrap_or_default();
                    self.give(id, Given::Elements(data), shape)
                }
            }
        });
        self.keep(given);
        self
    }

    /// Gives each example a weight. A row of weight 0 adds nothing, not even a NaN; the mean divides by
    /// the sum of the weights, each times what the loss says after `per`.
    pub fn sample_weights(mut self, weights: &'c [T]) -> Self {
        if self.sample_weights.replace(weights).is_some() {
            self.keep(Err(given_twice("the sample weights")));
        }
        self
    }

    /// Multiplies every gradient: by one number, or with [`super::Reduction::None`] by one for each example.
    pub fn upstream(mut self, factor: impl Into<Upstream<'c, T>>) -> Self {
        self.upstream = factor.into();
        self
    }

    /// Whether the values of preds, targets and learned inputs are tested against their domains, where
    /// NaN belongs to none. Params and the range of indices always are. Off by default.
    pub fn checked(mut self, checked: bool) -> Self {
        self.checked = checked;
        self
    }

    /// Uses at most so many threads: 1 is that of the caller alone. A batch is cut where that makes it
    /// faster; the results are the same bits on any number. No limit by default.
    pub fn threads(mut self, most: usize) -> Self {
        self.crew.most = most;
        self
    }

    /// Takes threads from a pool of the caller's, not from those that all calls share.
    pub fn pool(mut self, pool: &'c dyn Pool) -> Self {
        self.crew.pool = Some(pool);
        self
    }

    /// Asks for the loss of each example, times its sample weight: one element an example.
    pub fn values(mut self, values: &'c mut [T]) -> Self {
        if self.values.replace(values).is_some() {
            self.keep(Err(given_twice("the slice for the values")));
        }
        self
    }

    /// Asks for the gradient in an input, in the input's own shape: of the mean or the sum, or of each
    /// example's own value for [`super::Reduction::None`]. That of an input which all examples share is
    /// summed over them.
    pub fn gradient(mut self, name: &str, gradient: &'c mut [T]) -> Self {
        let found = self.find(name).and_then(|id| {
            if let Some(value) = self.loss.frozen(id) {
                return Err(CallError::Frozen { name: name.into(), value });
            }
            if self.loss.graph().input(id).kind != InputKind::Real {
                return Err(CallError::NoGradient {
                    name: name.into(),
                    have: self.loss.differentiable(),
                });
            }
            match self.slots[id.index()].gradient.replace(gradient) {
                Some(_) => Err(given_twice(&format!("the gradient of `{name}`"))),
                None => Ok(()),
            }
        });
        self.keep(found);
        self
    }

    pub(super) fn keep(&mut self, result: Result<(), CallError>) {
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }

    fn find(&self, name: &str) -> Result<InputId, CallError> {
        let graph = self.loss.graph();
        graph.input_ids().find(|id| graph.input(*id).name == name).ok_or_else(|| {
            let names = || graph.input_ids().map(|id| graph.input(id).name.as_str());
            CallError::UnknownInput {
                name: name.into(),
                meant: suggest(name, names()).map(str::to_owned),
                inputs: names().map(str::to_owned).collect(),
            }
        })
    }

    pub(super) fn settable(&self, name: &str) -> Result<InputId, CallError> {
        let id = self.find(name)?;
        match self.loss.frozen(id) {
            Some(value) => Err(CallError::Frozen { name: name.into(), value }),
            None => Ok(id),
        }
    }

    pub(super) fn give(
        &mut self,
        id: InputId,
        given: Given<'c, T>,
        shape: Shape,
    ) -> Result<(), CallError> {
        let slot = &mut self.slots[id.index()];
        if !matches!(slot.given, Given::Nothing) {
            return Err(given_twice(&format!("`{}`", self.loss.graph().input(id).name)));
        }
        slot.given = given;
        slot.shape = shape;
        Ok(())
    }

    pub(super) fn too_many_axes(&self, id: InputId, shape: &[usize]) -> CallError {
        CallError::WrongShape {
            name: self.loss.graph().input(id).name.clone(),
            declared: self.loss.declared(id),
            got: shape.to_vec(),
            problem: format!("at most {RANK_LIMIT} axes are possible"),
        }
    }
}

impl<T: Element> Drop for Call<'_, T> {
    fn drop(&mut self) {
        let mut slots = std::mem::take(&mut self.slots);
        slots.clear();
        // Collecting nothing in place keeps the allocation and lets go of the caller's slices.
        self.scratch.slots =
            slots.into_iter().map(|_| unreachable!("the slots have been cleared")).collect();
        self.loss.return_scratch(self.scratch.take_back());
    }
}

fn given_twice(what: &str) -> CallError {
    CallError::GivenTwice { what: what.into() }
}
