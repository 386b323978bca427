//! Shapes without allocation, and what the shapes of a call say together: examples and extents.

use super::Call;
use super::element::Element;
use super::error::{CallError, Place, Side};
use crate::batch::is_batched;
use crate::graph::{Extent, ExtentId, Graph, InputId, InputKind};

/// The largest number of axes of an array of a call, those of the batch included.
pub const RANK_LIMIT: usize = 16;

/// The length of each axis, outermost first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    lengths: [usize; RANK_LIMIT],
    rank: usize,
}

impl Shape {
    /// From a slice of at most [`RANK_LIMIT`] lengths.
    pub(super) fn new(lengths: &[usize]) -> Option<Self> {
        let mut shape = Self { lengths: [0; RANK_LIMIT], rank: lengths.len() };
        shape.lengths.get_mut(..lengths.len())?.copy_from_slice(lengths);
        Some(shape)
    }

    pub(super) fn as_slice(&self) -> &[usize] {
        &self.lengths[..self.rank]
    }
}

/// How many elements a shape has, if that can be counted.
pub(super) fn count(lengths: &[usize]) -> Option<usize> {
    if lengths.contains(&0) {
        return Some(0);
    }
    lengths.iter().try_fold(1usize, |all, length| all.checked_mul(*length))
}

/// What is not known yet.
const UNKNOWN: usize = usize::MAX;

/// The extents of a call, by [`ExtentId`].
#[derive(Clone, Debug, Default)]
pub(super) struct Extents {
    lengths: Vec<usize>,
    givers: Vec<Option<InputId>>,
}

impl Extents {
    /// The length of an extent, once it is known.
    pub(super) fn get(&self, extent: ExtentId) -> Option<usize> {
        self.lengths.get(extent.index()).copied().filter(|length| *length != UNKNOWN)
    }

    fn reset(&mut self, count: usize) {
        self.lengths.clear();
        self.lengths.resize(count, UNKNOWN);
        self.givers.clear();
        self.givers.resize(count, None);
    }
}

/// How many elements the own axes of an input have.
pub(super) fn row_length(graph: &Graph, extents: &Extents, id: InputId) -> usize {
    let length = |axis| extents.get(graph.axis(axis).extent).unwrap_or(0);
    graph.input(id).axes.iter().map(|axis| length(*axis)).product()
}

/// Where an element of an input is.
pub(super) fn place(graph: &Graph, extents: &Extents, id: InputId, at: usize) -> Place {
    let input = graph.input(id);
    let row_length = row_length(graph, extents, id).max(1);
    let mut rest = at % row_length;
    let mut position: Vec<usize> = Vec::new();
    for axis in input.axes.iter().rev() {
        let length = extents.get(graph.axis(*axis).extent).unwrap_or(1).max(1);
        position.insert(0, rest % length);
        rest /= length;
    }
    let row = is_batched(input.role).then_some(at / row_length);
    Place { row, position }
}

impl<T: Element> Call<'_, T> {
    /// Finds how many examples there are and how long every axis is.
    pub(super) fn resolve_shapes(&mut self) -> Result<usize, CallError> {
        let loss = self.loss;
        let graph = loss.graph();
        let mut extents = std::mem::take(&mut self.scratch.extents);
        extents.reset(graph.extent_ids().count());
        for id in graph.extent_ids() {
            if let Extent::Literal(length) = graph.extent(id) {
                extents.lengths[id.index()] = *length as usize;
            }
        }
        let mut first: Option<InputId> = None;
        let resolved = graph.input_ids().try_for_each(|id| {
            if !self.slots[id.index()].given.has_shape() {
                return Ok(());
            }
            self.resolve_input(id, &mut extents)?;
            if is_batched(graph.input(id).role) {
                match first {
                    Some(first) => self.agree_on_batch(first, id)?,
                    None => first = Some(id),
                }
            }
            Ok(())
        });
        self.scratch.extents = extents;
        resolved?;
        self.require_extents()?;
        let examples = first.map_or(Some(1), |first| count(self.leading(first)));
        match examples {
            Some(0) => Err(CallError::EmptyBatch),
            Some(examples) => Ok(examples),
            None => Err(CallError::TooLarge { name: "the batch".into() }),
        }
    }

    /// The axes of an input before its declared ones.
    fn leading(&self, id: InputId) -> &[usize] {
        let shape = self.slots[id.index()].shape.as_slice();
        &shape[..shape.len() - self.loss.graph().input(id).axes.len()]
    }

    fn agree_on_batch(&self, first: InputId, second: InputId) -> Result<(), CallError> {
        if self.leading(first) == self.leading(second) {
            return Ok(());
        }
        let side = |id: InputId| Side {
            declared: self.loss.declared(id),
            shape: self.slots[id.index()].shape.as_slice().to_vec(),
            batch: self.leading(id).to_vec(),
        };
        Err(CallError::BatchMismatch { sides: Box::new([side(first), side(second)]) })
    }

    /// Takes an input's own axes into account.
    fn resolve_input(&self, id: InputId, extents: &mut Extents) -> Result<(), CallError> {
        let graph = self.loss.graph();
        let input = graph.input(id);
        let shape = self.slots[id.index()].shape.as_slice();
        let wrong = |problem: String| CallError::WrongShape {
            name: input.name.clone(),
            declared: self.loss.declared(id),
            got: shape.to_vec(),
            problem,
        };
        let Some(leading) = shape.len().checked_sub(input.axes.len()) else {
            return Err(wrong(format!("it has {} axes of its own", input.axes.len())));
        };
        if leading > 0 && !is_batched(input.role) {
            return Err(wrong("it is shared by all examples and has no batch".into()));
        }
        let elements = count(shape)
            .ok_or_else(|| CallError::TooLarge { name: format!("`{}`", input.name) })?;
        let got = self.slots[id.index()].given.len().unwrap_or(elements);
        if elements != got {
            let name = format!("`{}`", input.name);
            return Err(CallError::WrongLength { name, shape: shape.to_vec(), got });
        }
        for (axis, length) in input.axes.iter().zip(&shape[leading..]) {
            let extent = graph.axis(*axis).extent;
            let known = &mut extents.lengths[extent.index()];
            if *known == UNKNOWN {
                *known = *length;
                extents.givers[extent.index()] = Some(id);
            } else if *known != *length {
                let Some(giver) = extents.givers[extent.index()] else {
                    return Err(wrong(format!("an axis must be {known} long and is {length}")));
                };
                return Err(CallError::ExtentMismatch {
                    axis: graph.extent(extent).to_string(),
                    first: (self.loss.declared(giver), *known),
                    second: (self.loss.declared(id), *length),
                });
            }
        }
        Ok(())
    }

    /// Makes sure that every extent that an input needs is known and long enough.
    fn require_extents(&self) -> Result<(), CallError> {
        let graph = self.loss.graph();
        let extents = &self.scratch.extents;
        for id in graph.input_ids().filter(|id| !self.loss.is_frozen(*id)) {
            let input = graph.input(id);
            let label = match input.kind {
                InputKind::Index { extent, .. } => Some(extent),
                InputKind::Real | InputKind::Switch => None,
            };
            let axes = input.axes.iter().map(|axis| graph.axis(*axis).extent);
            let own = axes.clone().filter_map(|extent| extents.get(extent));
            let bytes =
                own.map(|length| length.max(1)).try_fold(size_of::<f64>(), usize::checked_mul);
            if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
                return Err(CallError::TooLarge { name: format!("`{}`", input.name) });
            }
            for extent in axes.chain(label) {
                let Some(length) = extents.get(extent) else {
                    return Err(CallError::UnknownExtent {
                        axis: graph.extent(extent).to_string(),
                        name: input.name.clone(),
                    });
                };
                // Compiled code counts in integers as wide as its reals.
                if size_of::<T>() == 4 && i32::try_from(length).is_err() {
                    return Err(CallError::TooLarge { name: format!("`{}`", input.name) });
                }
            }
        }
        for (extent, least) in &self.loss.model().least_extents {
            let least = *least as usize;
            match extents.get(*extent) {
                Some(got) if got < least => {
                    let axis = graph.extent(*extent).to_string();
                    return Err(CallError::AxisTooShort { axis, got, least });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
