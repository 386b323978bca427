//! Inputs drawn from the domains of a loss.

use crate::batch::is_batched;
use crate::call::{Call, Element, Loss};
use crate::domain;
use crate::evaluate::{Environment, evaluate};
use crate::graph::{Domain, Extent, Graph, Input, InputId, InputKind, Role};

/// Numbers that look random and are the same every time (`SplitMix64`, Steele et al. 2014).
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0.05 to 0.95: inside of a domain, not at its ends.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    pub(super) fn inside(&mut self) -> f64 {
        0.05 + 0.9 * ((self.next() >> 11) as f64 / (1u64 << 53) as f64)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound as u64)).unwrap()
    }
}

/// The elements of one input.
#[derive(Clone)]
pub(super) struct Sample<T> {
    pub(super) id: InputId,
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) elements: Elements<T>,
}

#[derive(Clone)]
pub(super) enum Elements<T> {
    Real(Vec<T>),
    Label(Vec<i64>),
    Switch(Vec<bool>),
}

impl<T> Sample<T> {
    /// Whether its elements may be moved a little without leaving what the loss is for.
    pub(super) fn is_smooth(&self, graph: &Graph) -> bool {
        let input = graph.input(self.id);
        let domain = matches!(input.domain, None | Some(Domain::Interval { .. }));
        matches!(self.elements, Elements::Real(_)) && domain
    }
}

/// Inputs for so many examples; params that are no numbers of an interval keep their defaults.
pub(super) fn draw<T: Element>(
    loss: &Loss<T>,
    examples: usize,
    random: &mut Random,
) -> Vec<Sample<T>> {
    let graph = &loss.model().graph;
    let extents: Vec<usize> = graph
        .extent_ids()
        .map(|id| match graph.extent(id) {
            Extent::Literal(length) => *length as usize,
            Extent::Named(_) => 3 + 2 * id.index(),
        })
        .collect();
    let environment = Environment { extents, inputs: vec![vec![0.5]; graph.input_ids().count()] };
    let mut samples = Vec::new();
    for id in graph.input_ids() {
        let input = graph.input(id);
        let batch = is_batched(input.role).then_some(examples);
        let own =
            input.axes.iter().map(|axis| environment.extents[graph.axis(*axis).extent.index()]);
        let shape: Vec<usize> = batch.into_iter().chain(own).collect();
        let count: usize = shape.iter().product();
        let fixed = !matches!(input.domain, None | Some(Domain::Interval { .. }));
        if input.role == Role::Param && (fixed || input.kind != InputKind::Real) {
            continue;
        }
        let elements = match input.kind {
            InputKind::Real => {
                let row = shape.last().copied().unwrap_or(1);
                Elements::Real(draw_reals(graph, input, count, row, &environment, random))
            }
            InputKind::Switch => {
                Elements::Switch((0..count).map(|_| random.below(2) == 1).collect())
            }
            InputKind::Index { extent, optional } => {
                let length = environment.extents[extent.index()];
                let draw = |_| {
                    let label =
                        i64::try_from(random.below(length + usize::from(optional))).unwrap();
                    if label == i64::try_from(length).unwrap() { -1 } else { label }
                };
                Elements::Label((0..count).map(draw).collect())
            }
        };
        samples.push(Sample { id, name: input.name.clone(), shape, elements });
    }
    samples
}

fn draw_reals<T: Element>(
    graph: &Graph,
    input: &Input,
    count: usize,
    row: usize,
    environment: &Environment,
    random: &mut Random,
) -> Vec<T> {
    let nodes = input.domain.as_ref().map_or_else(Vec::new, domain::bounds);
    let bounds: Vec<f64> =
        evaluate(graph, &nodes, environment).into_iter().map(|array| array.data[0]).collect();
    let mut one = || match &input.domain {
        None => 6.0 * random.inside() - 3.0,
        Some(Domain::Interval { .. }) => match (bounds[0], bounds[1]) {
            (low, high) if low.is_finite() && high.is_finite() => {
                low + (high - low) * random.inside()
            }
            (low, _) if low.is_finite() => low + 3.0 * random.inside(),
            (_, high) if high.is_finite() => high - 3.0 * random.inside(),
            _ => 6.0 * random.inside() - 3.0,
        },
        Some(Domain::Set(_)) => bounds[random.below(bounds.len())],
        Some(Domain::Whole { .. }) => bounds[0] + f64::from(u8::from(random.below(2) == 1)),
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
    reals.into_iter().map(T::from_f64).collect()
}

/// Gives a call its inputs.
pub(super) fn bind<'c, T: Element>(mut call: Call<'c, T>, samples: &'c [Sample<T>]) -> Call<'c, T> {
    for sample in samples {
        call = match &sample.elements {
            Elements::Real(elements) => call.bind(&sample.name, elements, &sample.shape),
            Elements::Label(labels) => call.bind(&sample.name, labels, &sample.shape),
            Elements::Switch(elements) => call.bind(&sample.name, elements, &sample.shape),
        };
    }
    call
}
