//! Brings every input into the form that the code takes, and tests what it holds.
//!
//! Afterwards labels are integers as wide as the loss's reals and inside of their axes, switches are the
//! reals 0 and 1, params have values inside of their domains, and nothing is missing.

use super::builder::{Given, Slot};
use super::element::{Data, Element, Labels};
use super::error::{CallError, Place};
use super::expression::Expression;
use super::scratch::{Converted, Scratch};
use super::shape::{Extents, place, row_length};
use super::{Call, Loss};
use crate::batch::is_batched;
use crate::domain;
use crate::graph::{Domain, Graph, InputId, InputKind, Role};

impl<T: Element> Call<'_, T> {
    /// Brings every input into the form that the code takes.
    pub(super) fn prepare_inputs(&mut self) -> Result<(), CallError> {
        let graph = self.loss.graph();
        self.scratch.converted.resize_with(self.slots.len(), Converted::default);
        for id in graph.input_ids().filter(|id| !self.loss.is_frozen(*id)) {
            let input = graph.input(id);
            match (self.slots[id.index()].given, input.kind) {
                (Given::Nothing, _) => self.fill_default(id)?,
                (Given::Number(number), _) => self.fill(id, number)?,
                (Given::Later, _) => {}
                (Given::Elements(data), _) => {
                    let Scratch { extents, converted, .. } = &mut *self.scratch;
                    take(graph, extents, id, data, &mut converted[id.index()])?;
                }
            }
        }
        for id in graph.input_ids() {
            let role = graph.input(id).role;
            let later = matches!(self.slots[id.index()].given, Given::Later);
            if !later && (self.checked || role == Role::Param || self.loss.is_frozen(id)) {
                self.test_domain(id)?;
            }
        }
        Ok(())
    }

    /// How many elements the own axes of an input have.
    pub(super) fn row_length(&self, id: InputId) -> usize {
        row_length(self.loss.graph(), &self.scratch.extents, id)
    }

    fn fill_default(&mut self, id: InputId) -> Result<(), CallError> {
        let graph = self.loss.graph();
        let input = graph.input(id);
        let Some(default) = &self.loss.shared.defaults[id.index()] else {
            let how = if is_batched(input.role) {
                "give it with `bind`"
            } else {
                "give it with `set` or `bind`"
            };
            return Err(CallError::MissingInput { name: input.name.clone(), how });
        };
        test_reads(self.loss, &self.slots, default)?;
        let count = self.row_length(id);
        let Scratch { extents, converted, cache, .. } = &mut *self.scratch;
        let mut filled = std::mem::take(&mut converted[id.index()]);
        let read = |id: InputId| reals(&self.slots, converted, id);
        let elements = default.elements(graph, id, extents, read, cache);
        filled.reals.clear();
        if let [number] = elements {
            filled.reals.resize(count, T::from_f64(*number));
        } else {
            filled.reals.extend(elements.iter().map(|element| T::from_f64(*element)));
        }
        let first = elements.first().copied();
        converted[id.index()] = filled;
        match (input.kind, first) {
            (InputKind::Index { .. }, Some(number)) => self.fill(id, number),
            _ => Ok(()),
        }
    }

    /// Fills a shared input with a number.
    fn fill(&mut self, id: InputId, number: f64) -> Result<(), CallError> {
        let count = self.row_length(id);
        let input = self.loss.graph().input(id);
        let refuse = |domain: String| CallError::OutOfDomain {
            name: input.name.clone(),
            place: Box::new(Place { row: None, position: Vec::new() }),
            found: number.to_string(),
            domain,
        };
        match input.kind {
            InputKind::Switch if ![0.0, 1.0].contains(&number) => {
                return Err(refuse("{false, true}".into()));
            }
            InputKind::Real | InputKind::Switch => {
                let reals = &mut self.scratch.converted[id.index()].reals;
                reals.clear();
                reals.resize(count, T::from_f64(number));
            }
            InputKind::Index { extent, .. } => {
                let Some(label) = whole(number) else {
                    return Err(refuse(self.loss.graph().extent(extent).to_string()));
                };
                let Scratch { extents, converted, .. } = &mut *self.scratch;
                let graph = self.loss.graph();
                let filled = &mut converted[id.index()];
                take_labels::<T>(graph, extents, id, Labels::I64(&[label]), filled)?;
                let Converted { narrow, wide, .. } = filled;
                narrow.resize(count, narrow.first().copied().unwrap_or(0));
                wide.resize(count, label);
            }
        }
        Ok(())
    }

    /// Works out the bounds of the domain of an input.
    pub(super) fn find_bounds(&mut self, id: InputId) -> Result<(), CallError> {
        let graph = self.loss.graph();
        let Scratch { extents, converted, cache, bounds, .. } = &mut *self.scratch;
        bounds.clear();
        for bound in &self.loss.shared.bounds[id.index()] {
            test_reads(self.loss, &self.slots, bound)?;
            let read = |id: InputId| reals(&self.slots, converted, id);
            let elements = bound.elements(graph, id, extents, read, cache);
            bounds.push(T::from_f64(elements[0]).to_f64());
        }
        Ok(())
    }

    /// Tests the elements of an input against its domain.
    fn test_domain(&mut self, id: InputId) -> Result<(), CallError> {
        self.find_bounds(id)?;
        let Scratch { extents, converted, bounds, .. } = &*self.scratch;
        let frozen = self.loss.frozen(id).map(|value| [T::from_f64(value)]);
        let elements = match &frozen {
            Some(value) => value.as_slice(),
            None => reals(&self.slots, converted, id),
        };
        test_elements(self.loss.graph(), extents, id, bounds, elements)
    }
}

/// Tests elements of a real input against its domain, of which the bounds are known.
pub(super) fn test_elements<T: Element>(
    graph: &Graph,
    extents: &Extents,
    id: InputId,
    bounds: &[f64],
    elements: &[T],
) -> Result<(), CallError> {
    let input = graph.input(id);
    let (Some(domain), InputKind::Real) = (&input.domain, input.kind) else {
        return Ok(());
    };
    let row = match domain {
        Domain::Simplex => {
            let last = input.axes.last();
            last.map_or(1, |axis| extents.get(graph.axis(*axis).extent).unwrap_or(0))
        }
        _ => 1,
    };
    let Some((at, found)) = domain::first_outside(domain, bounds, elements, row) else {
        return Ok(());
    };
    let domain = domain::spell_numbers(domain, bounds);
    let place = Box::new(place(graph, extents, id, at));
    Err(CallError::OutOfDomain { name: input.name.clone(), place, found, domain })
}

/// Brings elements into the form that the code takes, where they are not in it already.
pub(super) fn take<T: Element>(
    graph: &Graph,
    extents: &Extents,
    id: InputId,
    data: Data<'_, T>,
    converted: &mut Converted<T>,
) -> Result<(), CallError> {
    match (data, graph.input(id).kind) {
        (Data::Real(_), InputKind::Real) => Ok(()),
        (Data::Switch(data), InputKind::Switch) => {
            converted.reals.clear();
            converted.reals.extend(data.iter().map(|on| T::from_f64(f64::from(u8::from(*on)))));
            Ok(())
        }
        (Data::Label(labels), InputKind::Index { .. }) => {
            take_labels::<T>(graph, extents, id, labels, converted)
        }
        (data, kind) => Err(wrong_type(graph, id, data, kind)),
    }
}

/// Tests that labels lie in their axis, and converts them unless they already are as the code takes them.
fn take_labels<T: Element>(
    graph: &Graph,
    extents: &Extents,
    id: InputId,
    labels: Labels<'_>,
    converted: &mut Converted<T>,
) -> Result<(), CallError> {
    let InputKind::Index { extent, optional } = graph.input(id).kind else {
        return Ok(());
    };
    let length = extents.get(extent).unwrap_or(0);
    // On an empty axis not even a missing label may be looked up.
    let low = if optional && length > 0 { i64::MIN } else { 0 };
    let high = i64::try_from(length).unwrap_or(i64::MAX);
    if let Some(at) = labels.first_outside(low, high) {
        return Err(CallError::IndexOutOfRange {
            name: graph.input(id).name.clone(),
            place: Box::new(place(graph, extents, id, at)),
            value: labels.get(at),
            axis: graph.extent(extent).to_string(),
            extent: length,
            optional,
        });
    }
    let Converted { narrow, wide, .. } = converted;
    narrow.clear();
    wide.clear();
    if labels.address_if_wide(size_of::<T>()).is_some() {
        return Ok(());
    }
    // Every negative label means the same, so that those too long for the code are cut to -1.
    if size_of::<T>() == 4 {
        labels.for_each(|label| narrow.push(i32::try_from(label).unwrap_or(-1)));
    } else {
        labels.for_each(|label| wide.push(label));
    }
    Ok(())
}

fn wrong_type<T: Element>(
    graph: &Graph,
    id: InputId,
    data: Data<'_, T>,
    kind: InputKind,
) -> CallError {
    CallError::WrongType {
        name: graph.input(id).name.clone(),
        expected: match kind {
            InputKind::Real => format!("{} numbers", T::NAME),
            InputKind::Switch => "bool".into(),
            InputKind::Index { extent, .. } => {
                format!("integer positions along {}", graph.extent(extent))
            }
        },
        got: match data {
            Data::Real(_) => T::NAME,
            Data::Switch(_) => "bool",
            Data::Label(_) => "integers",
        },
    }
}

/// Makes sure that all which an expression reads is known: no input that comes with each run.
fn test_reads<T: Element>(
    loss: &Loss<T>,
    slots: &[Slot<'_, T>],
    expression: &Expression,
) -> Result<(), CallError> {
    let later = |id: &&InputId| matches!(slots[id.index()].given, Given::Later);
    match expression.reads().iter().find(later) {
        Some(id) => Err(CallError::NeededBefore { name: loss.graph().input(*id).name.clone() }),
        None => Ok(()),
    }
}

/// Where the elements are that were brought into the form that the code takes.
pub(super) fn address<T: Element>(
    kind: InputKind,
    data: Option<Data<'_, T>>,
    converted: &Converted<T>,
) -> *const u8 {
    match (kind, data) {
        (InputKind::Real, Some(Data::Real(elements))) => elements.as_ptr().cast(),
        (InputKind::Real | InputKind::Switch, _) => converted.reals.as_ptr().cast(),
        (InputKind::Index { .. }, Some(Data::Label(labels))) => {
            labels.address_if_wide(size_of::<T>()).unwrap_or_else(|| converted.labels_address())
        }
        (InputKind::Index { .. }, _) => converted.labels_address(),
    }
}

/// The elements of an input of reals: the caller's, or what they were converted to.
pub(super) fn reals<'s, T: Element>(
    slots: &'s [Slot<'_, T>],
    converted: &'s [Converted<T>],
    id: InputId,
) -> &'s [T] {
    match slots[id.index()].given {
        Given::Elements(Data::Real(elements)) => elements,
        _ => &converted[id.index()].reals,
    }
}

/// The integer that a number is.
fn whole(number: f64) -> Option<i64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough to be exact")]
    (number.floor() >= number && number.abs() <= LARGEST).then_some(number as i64)
}
