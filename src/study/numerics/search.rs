//! Where a loss is worst: points are drawn from its domains, sharpened with the numbers that are hard on formulas, and
//! the worst of them are climbed from.
//!
//! What a point is worth is how far the f32 code is from the f64 code, beyond what an f32 rounding of the inputs would
//! do to the result. The f64 code is only a guide: what is found is judged by exact numbers afterwards.

use super::measure::{last_place, neighbour, off, rounded};
use super::product::Product;
use super::truth::Truth;
use crate::domain;
use crate::graph::{Domain, Graph, InputId, InputKind, Role};
use crate::loops::Precision;
use crate::model::Model;
use crate::study::random::Random;
use crate::study::sample::{Sample, draw};

/// Numbers that are hard on formulas, where the domain has them.
const CORNERS: [f64; 32] = [
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 20.0, -20.0, 50.0, -50.0, 88.0, -88.0, 100.0, -100.0,
    104.0, -104.0, 1e3, -1e3, 1e4, -1e4, 1e-4, -1e-4, 1e-8, -1e-8, 1e-20, 1e-30, 1e8, 1e15, 1e19,
    -1e19, 1e30,
];

/// How many points are drawn until one is not too heavy.
const TURNS: usize = 8;

/// What is too much work to judge a point.
const HEAVY: u64 = 10_000;

/// What is searched with.
pub(super) struct Search<'m> {
    pub(super) model: &'m Model,
    pub(super) product: &'m Product,
    pub(super) truth: &'m Truth,
    pub(super) seed: u64,
}

/// A point, and how bad each element of each output is there.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    pub(super) sample: Sample,
    /// The worst element of each output: the value, then the gradients.
    pub(super) scores: Vec<f64>,
}

impl Search<'_> {
    fn graph(&self) -> &Graph {
        &self.model.graph
    }

    /// The point of a number: as drawn, or sharpened; not one that takes very long to judge, if there are others.
    pub(super) fn point(&self, number: usize) -> Sample {
        let draw = |turn: usize| {
            draw(self.model, &[], Precision::F32, self.seed, number + turn * (usize::MAX / 16))
        };
        let drawn = (0..TURNS).map(draw).find(|it| self.truth.work(it) < HEAVY);
        let mut sample = drawn.unwrap_or_else(|| draw(0));
        keep_first_row(self.graph(), &mut sample);
        let mut random = Random::new(self.seed ^ 0x5eed, number as u64);
        if !random.once_in(3) {
            let rate = 1 + random.below(4);
            self.sharpen(&mut sample, rate, &mut random);
        }
        sample
    }

    /// Replaces about one in `rate` of the elements by hard numbers.
    fn sharpen(&self, sample: &mut Sample, rate: usize, random: &mut Random) {
        for id in self.movable() {
            let is_model = matches!(self.graph().input(id).role, Role::Pred | Role::Target);
            for at in 0..sample.inputs[id.index()].len() {
                let rate = if is_model { rate } else { 4 * rate };
                if random.once_in(rate) {
                    let hard = self.hard_number(sample, id, at, random);
                    self.place(sample, id, at, hard);
                }
            }
        }
    }

    /// The inputs whose elements can be moved on their own.
    fn movable(&self) -> Vec<InputId> {
        let can_move = |id: &InputId| {
            let input = self.graph().input(*id);
            let is_fixed = matches!(
                input.domain,
                Some(Domain::Simplex | Domain::Set(_) | Domain::Whole { .. })
            );
            input.kind == InputKind::Real && !is_fixed
        };
        self.graph().input_ids().filter(can_move).collect()
    }

    fn hard_number(&self, sample: &Sample, id: InputId, at: usize, random: &mut Random) -> f64 {
        let bounds = &sample.bounds[id.index()];
        let other = || {
            let elements = &sample.inputs[id.index()];
            elements[(at + 1) % elements.len()]
        };
        match random.below(8) {
            0 if !bounds.is_empty() => bounds[random.below(bounds.len())],
            1 if !bounds.is_empty() => {
                let end = bounds[random.below(bounds.len())];
                let away = random.magnitude(-7.0, 0.0) * end.abs().clamp(1e-3, 1e3);
                end + if random.once_in(2) { away } else { -away }
            }
            2 => other(),
            3 => neighbour(other(), random.once_in(2)),
            4 => {
                let inputs = self.movable();
                let elements = &sample.inputs[inputs[random.below(inputs.len())].index()];
                if elements.is_empty() { 1.0 } else { elements[random.below(elements.len())] }
            }
            5 => random.magnitude(-8.0, 5.0) * if random.once_in(2) { 1.0 } else { -1.0 },
            _ => CORNERS[random.below(CORNERS.len())],
        }
    }

    /// Puts a number in its place, if it is an f32 of the domain.
    fn place(&self, sample: &mut Sample, id: InputId, at: usize, number: f64) {
        let number = rounded(number);
        let bounds = &sample.bounds[id.index()];
        let outside = |domain| domain::first_outside(domain, bounds, &[number], 1).is_some();
        let domain = self.graph().input(id).domain.as_ref();
        if number.is_finite() && !domain.is_some_and(outside) {
            sample.inputs[id.index()][at] = number;
        }
    }

    /// How bad each output is at a point; nothing, if it cannot be called with.
    pub(super) fn score(&self, sample: Sample) -> Option<Scored> {
        let got = self.product.in_single(&sample)?;
        let near = self.product.in_double(&sample)?;
        let mut shaken = Vec::new();
        let far = |(got, near): (&Vec<f64>, &Vec<f64>)| {
            got.iter()
                .zip(near)
                .any(|(got, near)| off(*got, *near, 1.0).is_some_and(|off| off > 2.0))
        };
        if got.iter().zip(&near).any(far) {
            shaken = (0..2)
                .filter_map(|turn| self.product.in_double(&self.shake(&sample, turn)))
                .collect();
        }
        let scores = (0..got.len()).map(|at| {
            let element = |element: usize| {
                let exact = near[at][element];
                let off = off(got[at][element], exact, size(&near[at]))?;
                let moved = shaken.iter().map(|it: &Vec<Vec<f64>>| (it[at][element] - exact).abs());
                let moved = moved.fold(0.0, f64::max) / last_place(exact, size(&near[at]));
                Some(if off.is_finite() && moved.is_finite() { off / (1.0 + moved) } else { off })
            };
            (0..got[at].len()).filter_map(element).fold(0.0, f64::max)
        });
        let scores = scores.collect();
        Some(Scored { sample, scores })
    }

    /// The point with every real number off by half a unit of f32 or so, this way or that.
    fn shake(&self, sample: &Sample, turn: u64) -> Sample {
        let mut shaken = sample.clone();
        let mut random = Random::new(turn, 0);
        for id in self.movable() {
            for element in &mut shaken.inputs[id.index()] {
                let by = if random.once_in(2) { 1.0 } else { -1.0 };
                *element += *element * by * 2f64.powi(-24);
            }
        }
        shaken
    }

    /// Looks for worse points near one, for the sake of one output.
    pub(super) fn climb(&self, start: Scored, output: usize, steps: usize, seed: u64) -> Scored {
        let mut random = Random::new(self.seed ^ 0xc11b, seed);
        let mut best = start;
        let movable = self.movable();
        for _ in 0..steps {
            let mut sample = best.sample.clone();
            for _ in 0..=random.below(2) {
                let Some(id) = pick(&movable, &mut random) else { return best };
                let count = sample.inputs[id.index()].len();
                if count == 0 {
                    continue;
                }
                let at = random.below(count);
                let number = self.moved(&sample, id, at, &mut random);
                self.place(&mut sample, id, at, number);
            }
            if sample == best.sample {
                continue;
            }
            let Some(next) = self.score(sample) else { continue };
            if next.scores[output] > best.scores[output] {
                best = next;
            }
        }
        best
    }

    fn moved(&self, sample: &Sample, id: InputId, at: usize, random: &mut Random) -> f64 {
        let element = sample.inputs[id.index()][at];
        match random.below(8) {
            0 => self.hard_number(sample, id, at, random),
            1 => -element,
            2 => element * 2.0,
            3 => element / 2.0,
            4 => neighbour(element, random.once_in(2)),
            5 => element * random.between(0.5, 2.0),
            6 => element * (1.0 + random.between(-0.01, 0.01)),
            _ => element + random.between(-1.0, 1.0),
        }
    }
}

/// The largest of an array.
pub(super) fn size(elements: &[f64]) -> f64 {
    elements.iter().filter(|it| it.is_finite()).fold(0.0, |size, it| size.max(it.abs()))
}

fn pick(inputs: &[InputId], random: &mut Random) -> Option<InputId> {
    (!inputs.is_empty()).then(|| inputs[random.below(inputs.len())])
}

/// Leaves one example of a point.
fn keep_first_row(graph: &Graph, sample: &mut Sample) {
    let plain = sample.environment(graph, 0);
    sample.inputs = plain.inputs;
    sample.rows = 1;
}
