//! Points of a loss: in come its declaration, a seed and a number, out go elements for all of its inputs.
//!
//! Everything is drawn from the declared domains, and is the same for the same seed and number.
//! - Axes are 1 to 6 long, in one point of eight one of them is 12 to 40; there are 1 or 2 examples.
//! - Params have their defaults in half of the points, and are drawn in the others.
//! - Numbers are of order 1 for one input and of any order for another, from 1e-6 to 1e4; those of an interval lie inside it
//!   or close to an end, however close. In one point of 16 they are whole numbers and ends of intervals, so that ties
//!   and other kinks are met exactly; in the others that happens by chance only.

mod elements;

use crate::batch::is_batched;
use crate::domain;
use crate::evaluate::{Environment, evaluate};
use crate::graph::{Domain, Extent, Graph, Input, InputId, InputKind, Node, NodeId, Role};
use crate::loops::Precision;
use crate::model::Model;

use super::random::Random;
use elements::{Mood, draw_elements};

/// Elements for all inputs of a loss, defaults included.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The length of every extent, by its id.
    pub extents: Vec<usize>,
    /// How many examples there are.
    pub rows: usize,
    /// The elements of every input, by its id, row-major; those of a `pred` or `target` for one example after the
    /// other. Indices and truth values are numbers; a missing label is -1.
    pub inputs: Vec<Vec<f64>>,
    /// The bounds of the domain of every input, by its id.
    pub bounds: Vec<Vec<f64>>,
}

/// An input that is not drawn, and its elements; one alone fills an array.
pub type Given = (InputId, Vec<f64>);

/// The point of a seed that has this number, in numbers of a precision.
///
/// Extents follow from the inputs that are given as far as those tell.
#[must_use]
pub fn draw(
    model: &Model,
    given: &[Given],
    precision: Precision,
    seed: u64,
    number: usize,
) -> Sample {
    let graph = &model.graph;
    let mut random = Random::new(seed, number as u64);
    let on_kinks = random.once_in(16);
    let at_defaults = random.once_in(2);
    let extents = extents(model, given, &mut random);
    let rows = if random.once_in(4) { 2 } else { 1 };
    let mood = |input: &Input, is_given: bool, random: &mut Random| {
        let may_stay = input.role == Role::Learned || input.role == Role::Param;
        let stays = may_stay && (at_defaults && input.role == Role::Param || random.once_in(3));
        let is_known = is_given || stays && input.default.is_some();
        (!is_known).then(|| Mood::draw(input.role, on_kinks, random))
    };
    Sample::empty(graph, extents, rows).filled(graph, given, precision, mood, random)
}

/// A point as data mostly are: numbers of order 1, no label missing, inputs with a default at it.
///
/// `extents` has the length of every extent by its id, none of them 0; `rows` is how many examples there are.
#[must_use]
pub fn draw_ordinary(
    model: &Model,
    given: &[Given],
    precision: Precision,
    seed: u64,
    extents: Vec<usize>,
    rows: usize,
) -> Sample {
    let graph = &model.graph;
    let mood = |input: &Input, is_given: bool, _: &mut Random| {
        (!is_given && input.default.is_none()).then_some(Mood::Ordinary)
    };
    let random = Random::new(seed, 0);
    Sample::empty(graph, extents, rows).filled(graph, given, precision, mood, random)
}

impl Sample {
    fn empty(graph: &Graph, extents: Vec<usize>, rows: usize) -> Self {
        let count = graph.input_ids().count();
        Self { extents, rows, inputs: vec![Vec::new(); count], bounds: vec![Vec::new(); count] }
    }

    /// With the elements of all inputs: those that are given, those drawn in a mood, and defaults where there is none.
    fn filled(
        mut self,
        graph: &Graph,
        given: &[Given],
        precision: Precision,
        mood: impl Fn(&Input, bool, &mut Random) -> Option<Mood>,
        mut random: Random,
    ) -> Self {
        for id in order(graph) {
            let input = graph.input(id);
            let count = self.shape(graph, id).iter().product();
            let environment = self.environment(graph, 0);
            self.bounds[id.index()] = bounds(graph, input, &environment, precision);
            let fixed = given.iter().find(|(known, _)| *known == id).map(|(_, elements)| elements);
            let mood = mood(input, fixed.is_some(), &mut random);
            self.inputs[id.index()] = match (fixed, mood) {
                (Some(elements), _) if elements.len() == 1 => vec![elements[0]; count],
                (Some(elements), _) => elements.clone(),
                (None, Some(mood)) => {
                    let bounds = &self.bounds[id.index()];
                    draw_elements(input, count, &self, bounds, graph, precision, mood, &mut random)
                }
                (None, None) => {
                    let default = input.default.expect("what is not drawn has a default");
                    let array = evaluate(graph, &[default], &environment).remove(0);
                    array.arranged(graph, &input.axes, &environment)
                }
            };
            if input.kind == InputKind::Real {
                for element in &mut self.inputs[id.index()] {
                    *element = rounded(*element, precision);
                }
            }
        }
        self
    }

    /// The shape of an input: the batch first, if it has one.
    #[must_use]
    pub fn shape(&self, graph: &Graph, id: InputId) -> Vec<usize> {
        let input = graph.input(id);
        let batch = is_batched(input.role).then_some(self.rows);
        let own = input.axes.iter().map(|axis| self.extents[graph.axis(*axis).extent.index()]);
        batch.into_iter().chain(own).collect()
    }

    /// What one example is evaluated with.
    #[must_use]
    pub fn environment(&self, graph: &Graph, row: usize) -> Environment {
        let inputs = graph.input_ids().map(|id| self.row(graph, id, row).to_vec()).collect();
        Environment { extents: self.extents.clone(), inputs }
    }

    /// The elements of an input that an example has.
    #[must_use]
    pub fn row(&self, graph: &Graph, id: InputId, row: usize) -> &[f64] {
        let elements = &self.inputs[id.index()];
        if !is_batched(graph.input(id).role) {
            return elements;
        }
        let length = elements.len() / self.rows;
        &elements[row * length..(row + 1) * length]
    }

    /// The point as JSON that `lossc run --data` reads: an object from the names of all inputs to numbers or
    /// nested lists, the batch outermost.
    #[must_use]
    pub fn to_json(&self, graph: &Graph) -> String {
        let members: Vec<String> = graph
            .input_ids()
            .map(|id| {
                let input = graph.input(id);
                let whole = input.kind != InputKind::Real;
                let elements = nested(&self.inputs[id.index()], &self.shape(graph, id), whole);
                format!("\"{}\": {elements}", input.name)
            })
            .collect();
        format!("{{{}}}", members.join(", "))
    }
}

fn nested(elements: &[f64], shape: &[usize], whole: bool) -> String {
    let Some((length, inner)) = shape.split_first() else { return digits(elements[0], whole) };
    let step = elements.len() / length;
    let parts: Vec<String> =
        elements.chunks(step.max(1)).map(|chunk| nested(chunk, inner, whole)).collect();
    format!("[{}]", parts.join(", "))
}

fn digits(value: f64, whole: bool) -> String {
    match value {
        value if whole => format!("{value:.0}"),
        value if value.is_nan() => "\"NaN\"".into(),
        f64::INFINITY => "\"Infinity\"".into(),
        f64::NEG_INFINITY => "\"-Infinity\"".into(),
        value => format!("{value:?}"),
    }
}

/// The nearest number of a precision.
pub(super) fn rounded(value: f64, precision: Precision) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what it is for")]
    match precision {
        Precision::F32 => f64::from(value as f32),
        Precision::F64 => value,
    }
}

/// How long every extent is.
fn extents(model: &Model, given: &[Given], random: &mut Random) -> Vec<usize> {
    let graph = &model.graph;
    let mut extents: Vec<usize> = graph.extent_ids().map(|_| 1 + random.below(6)).collect();
    if random.once_in(8) {
        let long = random.below(extents.len().max(1));
        if let Some(extent) = extents.get_mut(long) {
            *extent = 12 + random.below(29);
        }
    }
    for (extent, least) in &model.least_extents {
        let extent = &mut extents[extent.index()];
        *extent = (*extent).max(*least as usize);
    }
    for (id, elements) in given {
        if let ([axis], 2..) = (graph.input(*id).axes.as_slice(), elements.len()) {
            extents[graph.axis(*axis).extent.index()] = elements.len();
        }
    }
    for id in graph.extent_ids() {
        if let Extent::Literal(length) = graph.extent(id) {
            extents[id.index()] = *length as usize;
        }
    }
    extents
}

/// The inputs, each after those that its default and the bounds of its domain read.
fn order(graph: &Graph) -> Vec<InputId> {
    let needs = |id: InputId| -> Vec<InputId> {
        let input = graph.input(id);
        let mut roots: Vec<NodeId> = input.domain.as_ref().map_or_else(Vec::new, domain::bounds);
        roots.extend(input.default);
        let reads = graph.reachable(&roots).into_iter().filter_map(|node| match graph.node(node) {
            Node::Read(read, _) => Some(*read),
            _ => None,
        });
        reads.collect()
    };
    let mut left: Vec<(InputId, Vec<InputId>)> =
        graph.input_ids().map(|id| (id, needs(id))).collect();
    let mut order: Vec<InputId> = Vec::new();
    while !left.is_empty() {
        let ready = |(_, needs): &(InputId, Vec<InputId>)| {
            needs.iter().all(|needed| order.contains(needed))
        };
        let next = left.iter().position(ready).expect("no input is declared by itself");
        order.push(left.remove(next).0);
    }
    order
}

fn bounds(
    graph: &Graph,
    input: &Input,
    environment: &Environment,
    precision: Precision,
) -> Vec<f64> {
    let nodes = input.domain.as_ref().map_or_else(Vec::new, domain::bounds);
    let values = evaluate(graph, &nodes, environment);
    values.into_iter().map(|array| rounded(array.data[0], precision)).collect()
}

/// How far an element may move down and up within its domain; none: its neighbours make no sense.
pub(super) fn room(input: &Input, bounds: &[f64], value: f64) -> Option<(f64, f64)> {
    match input.domain {
        None => Some((f64::INFINITY, f64::INFINITY)),
        Some(Domain::Interval { .. }) => Some((value - bounds[0], bounds[1] - value)),
        Some(Domain::Simplex) => Some((value, 1.0 - value)),
        Some(Domain::Set(_) | Domain::Whole { .. }) => None,
    }
}

#[cfg(test)]
mod tests;
