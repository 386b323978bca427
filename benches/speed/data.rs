//! Makes up a batch for a loss: in come its meaning and sizes, out come inputs inside of their domains.

use lossc::domain;
use lossc::evaluate::evaluate_constant;
use lossc::graph::{Domain, Extent, Graph, Input, InputId, InputKind, Role};
use lossc::model::Model;

/// The elements of an input, their shape and its name.
pub(crate) struct Bound<E> {
    pub(crate) name: String,
    pub(crate) data: Vec<E>,
    pub(crate) shape: Vec<usize>,
}

/// What a call is given.
pub(crate) struct Inputs {
    pub(crate) reals: Vec<Bound<f32>>,
    pub(crate) labels: Vec<Bound<i32>>,
    examples: usize,
    /// The names and lengths of the gradients that come by default.
    gradients: Vec<(String, usize)>,
}

impl Inputs {
    /// Named axes get a length, inputs without defaults get numbers, the same every time.
    pub(crate) fn new(model: &Model, length: usize, examples: usize) -> Self {
        let graph = &model.graph;
        let mut inputs = Self { reals: vec![], labels: vec![], examples, gradients: vec![] };
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        for id in graph.input_ids() {
            inputs.add(graph, id, length, &mut random);
        }
        inputs
    }

    fn add(&mut self, graph: &Graph, id: InputId, length: usize, random: &mut Random) {
        let input = graph.input(id);
        let extent = |extent| match graph.extent(extent) {
            Extent::Named(_) => length,
            Extent::Literal(literal) => *literal as usize,
        };
        let own = input.axes.iter().map(|axis| extent(graph.axis(*axis).extent));
        let batched = matches!(input.role, Role::Pred | Role::Target);
        let shape: Vec<usize> = batched.then_some(self.examples).into_iter().chain(own).collect();
        let count: usize = shape.iter().product();
        let name = input.name.clone();
        if matches!(input.role, Role::Pred | Role::Learned) && input.kind == InputKind::Real {
            self.gradients.push((name.clone(), count));
        }
        if input.default.is_some() {
            return;
        }
        match input.kind {
            InputKind::Index { extent: axis, .. } => {
                let data = (0..count).map(|_| random.below(extent(axis))).collect();
                self.labels.push(Bound { name, data, shape });
            }
            InputKind::Real => {
                let row = shape.last().copied().unwrap_or(1);
                let data = reals(graph, input, count, row, random);
                self.reals.push(Bound { name, data, shape });
            }
            InputKind::Switch => unreachable!("every shipped switch has a default"),
        }
    }

    /// Memory for the gradients.
    pub(crate) fn gradients(&self) -> Vec<(String, Vec<f32>)> {
        self.gradients.iter().map(|(name, count)| (name.clone(), vec![0.0; *count])).collect()
    }

    /// How many examples there are.
    pub(crate) fn rows(&self) -> f32 {
        to_real(self.examples)
    }

    /// How many elements the largest input has.
    pub(crate) fn largest(&self) -> f32 {
        to_real(self.reals.iter().map(|input| input.data.len()).max().unwrap_or(0))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few millions")]
fn to_real(count: usize) -> f32 {
    count as f32
}

fn reals(graph: &Graph, input: &Input, count: usize, row: usize, random: &mut Random) -> Vec<f32> {
    let numbers = |domain: &Domain| -> Vec<f64> {
        let bounds = domain::bounds(domain).into_iter();
        bounds.map(|bound| evaluate_constant(graph, bound).expect("a number")).collect()
    };
    match &input.domain {
        None => (0..count).map(|_| random.bell() * 2.0).collect(),
        Some(domain @ Domain::Interval { .. }) => {
            let bounds = numbers(domain);
            let (low, high) = (bounds[0].max(-4.0), bounds[1].min(4.0));
            (0..count).map(|_| nearest(low + (high - low) * random.unit())).collect()
        }
        Some(domain @ (Domain::Set(_) | Domain::Whole { .. })) => {
            let members = numbers(domain);
            let count = (0..count).map(|_| random.unit() < 0.5);
            count
                .map(|first| nearest(members[usize::from(!first).min(members.len() - 1)]))
                .collect()
        }
        Some(Domain::Simplex) => {
            let mut data: Vec<f32> = (0..count).map(|_| nearest(random.unit())).collect();
            for row in data.chunks_mut(row) {
                let sum: f32 = row.iter().sum();
                for element in row {
                    *element /= sum;
                }
            }
            data
        }
    }
}

/// Marsaglia's xorshift (*Xorshift RNGs*, 2003), 64 bits.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 32).expect("32 bits")
    }

    /// Between 0 and 1, neither of them.
    fn unit(&mut self) -> f64 {
        (f64::from(self.bits()) + 0.5) / 4_294_967_296.0
    }

    /// About normally distributed.
    fn bell(&mut self) -> f32 {
        nearest((0..12).map(|_| self.unit()).sum::<f64>() - 6.0)
    }

    fn below(&mut self, count: usize) -> i32 {
        let count = u64::try_from(count).expect("small");
        i32::try_from((u64::from(self.bits()) * count) >> 32).expect("small")
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
fn nearest(number: f64) -> f32 {
    number as f32
}
