//! Inputs drawn from the domains of a loss, and calls with them.

use lossc::batch::is_batched;
use lossc::call::{Call, Element, Loss};
use lossc::domain;
use lossc::evaluate::{Environment, evaluate};
use lossc::graph::{Domain, Extent, Graph, Input, InputId, InputKind, Role};
use lossc::model::Model;

use super::program::Program;
use super::tape::Random;

/// The elements of one input, labels and switches as numbers.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) id: InputId,
    pub(super) name: String,
    pub(super) kind: InputKind,
    pub(super) batched: bool,
    pub(super) shape: Vec<usize>,
    pub(super) elements: Vec<f64>,
    /// Whether its elements may be moved a little without leaving what the loss is for.
    pub(super) smooth: bool,
}

impl Sample {
    /// How many elements an example has.
    pub(super) fn row(&self) -> usize {
        self.shape[usize::from(self.batched)..].iter().product()
    }
}

/// The lengths of the extents of a model.
pub(super) fn extents(model: &Model, program: &Program) -> Vec<usize> {
    let length = |name: &str| {
        let known = program.lengths.iter().find(|(known, _)| known == name);
        known.expect("an axis of the program").1
    };
    let graph = &model.graph;
    graph
        .extent_ids()
        .map(|id| match graph.extent(id) {
            Extent::Literal(length) => *length as usize,
            Extent::Named(name) => length(name),
        })
        .collect()
}

/// All inputs for so many examples.
pub(super) fn draw(model: &Model, extents: &[usize], examples: usize, seed: u64) -> Vec<Sample> {
    let random = &mut Random(seed);
    let graph = &model.graph;
    let environment = Environment {
        extents: extents.to_vec(),
        inputs: vec![vec![0.5]; graph.input_ids().count()],
    };
    let sample = |id: InputId| {
        let input = graph.input(id);
        let batched = is_batched(input.role);
        let own = input.axes.iter().map(|axis| extents[graph.axis(*axis).extent.index()]);
        let shape: Vec<usize> = batched.then_some(examples).into_iter().chain(own).collect();
        let count: usize = shape.iter().product();
        let elements = match input.kind {
            InputKind::Real => {
                let row = if input.axes.is_empty() { 1 } else { shape[shape.len() - 1] };
                draw_reals(graph, input, count, row, &environment, random)
            }
            InputKind::Switch => (0..count).map(|_| number(random.below(2))).collect(),
            InputKind::Index { extent, optional } => {
                let length = extents[extent.index()];
                let mut one = || match random.below(length + usize::from(optional)) {
                    label if label == length => -1.0,
                    label => number(label),
                };
                (0..count).map(|_| one()).collect()
            }
        };
        let domain = matches!(input.domain, None | Some(Domain::Interval { .. }));
        let smooth = domain || input.role != Role::Param && input.kind == InputKind::Real;
        let smooth = smooth && input.kind == InputKind::Real;
        Sample { id, name: input.name.clone(), kind: input.kind, batched, shape, elements, smooth }
    };
    graph.input_ids().map(sample).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn number(of: usize) -> f64 {
    of as f64
}

fn draw_reals(
    graph: &Graph,
    input: &Input,
    count: usize,
    row: usize,
    environment: &Environment,
    random: &mut Random,
) -> Vec<f64> {
    let nodes = input.domain.as_ref().map_or_else(Vec::new, domain::bounds);
    let bounds: Vec<f64> =
        evaluate(graph, &nodes, environment).into_iter().map(|array| array.data[0]).collect();
    let mut one = || match &input.domain {
        None => 6.0 * random.inside() - 3.0,
        Some(Domain::Interval { .. }) => match (bounds[0], bounds[1]) {
            (low, high) if high.is_finite() => low + (high - low) * random.inside(),
            (low, _) => low + 3.0 * random.inside(),
        },
        Some(Domain::Set(_)) => bounds[random.below(bounds.len())],
        Some(Domain::Whole { .. }) => bounds[0] + number(random.below(3)),
        Some(Domain::Simplex) => random.inside(),
    };
    let mut reals: Vec<f64> = (0..count).map(|_| one()).collect();
    if input.domain == Some(Domain::Simplex) {
        for row in reals.chunks_mut(row) {
            let sum: f64 = row.iter().sum();
            for element in row {
                *element /= sum;
            }
        }
    }
    reals
}

/// Replaces some numbers of preds and targets by extreme ones.
pub(super) fn spoil(samples: &mut [Sample], seed: u64) {
    let random = &mut Random(seed ^ 0xabcd);
    let extremes = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e4, -1e4, 0.0, 1e30, 1e-30, -0.0];
    for sample in samples.iter_mut().filter(|it| it.batched && it.kind == InputKind::Real) {
        for element in &mut sample.elements {
            if random.below(4) == 0 {
                *element = extremes[random.below(extremes.len())];
            }
        }
    }
}

/// The elements of a sample as a call takes them.
pub(super) enum Bound<T> {
    Real(Vec<T>),
    Label(Vec<i64>),
    Switch(Vec<bool>),
}

pub(super) fn converted<T: Element>(samples: &[Sample]) -> Vec<Bound<T>> {
    let convert = |sample: &Sample| {
        let elements = sample.elements.iter();
        match sample.kind {
            InputKind::Real => Bound::Real(elements.map(|x| T::from_f64(*x)).collect()),
            #[expect(clippy::cast_possible_truncation, reason = "a small whole number")]
            InputKind::Index { .. } => Bound::Label(elements.map(|x| *x as i64).collect()),
            InputKind::Switch => Bound::Switch(elements.map(|x| *x != 0.0).collect()),
        }
    };
    samples.iter().map(convert).collect()
}

/// A call with all inputs but those whose defaults are wanted.
pub(super) fn bind<'c, T: Element>(
    loss: &'c Loss<T>,
    samples: &'c [Sample],
    bound: &'c [Bound<T>],
    defaults: bool,
) -> Call<'c, T> {
    let mut call = loss.call();
    for (sample, bound) in samples.iter().zip(bound) {
        if defaults && loss.model().graph.input(sample.id).default.is_some() {
            continue;
        }
        call = match bound {
            Bound::Real(elements) => call.bind(&sample.name, elements, &sample.shape),
            Bound::Label(labels) => call.bind(&sample.name, labels, &sample.shape),
            Bound::Switch(elements) => call.bind(&sample.name, elements, &sample.shape),
        };
    }
    call
}
