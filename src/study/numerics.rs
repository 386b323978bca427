//! Certificates: in comes a checked loss, out goes how far its compiled f32 code is from the exact numbers, at the worst
//! points of its domains that a search finds.
//!
//! The truth is the loss as it was written, computed with as many bits as it takes. A number counts as wrong where it is
//! further off than [`BOUND`] last places and than rounding the inputs to f32 would explain.

mod culprit;
mod measure;
mod product;
mod search;
mod spans;
mod truth;

pub use culprit::{Culprit, Reason};

use crate::compile::CompileError;
use crate::diagnostic::Span;
use crate::graph::{InputId, InputKind, NodeId};
use crate::model::Model;
use crate::rewrite::stabilize_traced;
use crate::study::random::Random;
use crate::study::sample::Sample;
use measure::{last_place, off};
use product::Product;
use search::{Scored, Search, size};
use truth::{Elements, Truth};

/// How many last places of f32 an element may be off.
pub const BOUND: f64 = 16.0;

/// How many times what a rounding of the inputs does to the result may come besides.
const SHARE: f64 = 4.0;

/// How often the inputs are shaken to see what rounding them does.
const SHAKES: u64 = 6;

/// How much work may be spent on exact numbers for each point that is drawn: about half a millisecond.
const WORK: u64 = 1000;

/// How thoroughly a loss is searched.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many points are drawn.
    pub samples: usize,
    /// What they are drawn from.
    pub seed: u64,
}

/// What was found of a loss.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The name of the loss.
    pub loss: String,
    /// What stabilizing rewrote, in the order of the text.
    pub rewritten: Vec<Rewritten>,
    /// The value, then the gradients in the order of declaration.
    pub outputs: Vec<Outcome>,
    /// How many points were looked at.
    pub points: usize,
    /// How many of them were compared with exact numbers.
    pub judged: usize,
    /// How many elements of those the largest precision leaves open.
    pub open: usize,
}

/// A place of the source and the rules that fired there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The place.
    pub span: Span,
    /// The rules, each once, in the order in which they fired.
    pub rules: Vec<&'static str>,
}

/// What was found of one output.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The input whose gradient it is; none: the value.
    pub input: Option<InputId>,
    /// The element that is most last places off, if one was judged.
    pub worst: Option<Worst>,
    /// The most that an element is off, relative to itself.
    pub relative: f64,
    /// The most that an element is off, relative to the largest of its array.
    pub relative_to_largest: f64,
    /// Whether elements are off by more than the bound only because terms of a sum cancel there.
    pub sums_cancel: bool,
    /// The element that is off without an excuse, and what loses its digits.
    pub fault: Option<(Worst, Option<Culprit>)>,
}

/// An element that is off.
#[derive(Clone, Debug)]
pub struct Worst {
    /// The point.
    pub sample: Sample,
    /// Which element, row-major.
    pub element: usize,
    /// What the f32 code gives.
    pub got: f64,
    /// The exact number.
    pub exact: f64,
    /// The distance in last places of f32 of the exact number.
    pub places: f64,
}

impl Certificate {
    /// Whether every element was within the bound.
    #[must_use]
    pub fn is_stable(&self) -> bool {
        self.outputs.iter().all(|outcome| outcome.fault.is_none())
    }
}

/// Searches the domains of a loss for the points where its f32 code is worst.
///
/// # Errors
/// If the loss cannot be compiled.
pub fn certify(model: &Model, options: Options) -> Result<Certificate, CompileError> {
    let product = Product::new(model)?;
    let truth = Truth::new(model, &product.wrt, WORK * (options.samples as u64).max(64));
    let search = Search { model, product: &product, truth: &truth, seed: options.seed };

    let scored: Vec<Scored> =
        (0..options.samples).filter_map(|number| search.score(search.point(number))).collect();
    let points = scored.len();
    let chosen = choose(&search, scored, product.wrt.len() + 1);
    let judge = Judge { model, product: &product, truth: &truth };
    let inputs = std::iter::once(None).chain(product.wrt.iter().copied().map(Some));
    let mut found: Vec<Found> = inputs.map(Found::new).collect();

    let (mut judged, mut open) = (0, 0);
    for sample in chosen {
        // A few are judged whatever it takes.
        if judged < LEAST || truth.has_budget(&sample) {
            open += judge.judge(&sample, &mut found);
            judged += 1;
        }
    }

    let blame = |(at, found): (usize, Found)| {
        found.blamed(|worst| culprit::find(model, &product.wrt, &truth, at, worst))
    };
    let outputs = found.into_iter().enumerate().map(blame).collect();

    let rewritten = rewritten(model);
    Ok(Certificate { loss: model.name.clone(), rewritten, outputs, points, judged, open })
}

/// How many points are judged at least.
const LEAST: usize = 4;

/// How many points are climbed from for each output.
const CLIMBERS: usize = 4;

/// The points to judge: those that the climb ends at, the worst for each output, and others without a reason.
fn choose(search: &Search, mut scored: Vec<Scored>, outputs: usize) -> Vec<Sample> {
    let budget = (scored.len() / 8).clamp(24, 400);
    let mut chosen: Vec<Sample> = Vec::new();
    for output in 0..outputs {
        scored.sort_by(|a, b| b.scores[output].total_cmp(&a.scores[output]));
        let steps = (scored.len() / 16).clamp(8, 200);
        for (turn, start) in scored.iter().take(CLIMBERS).enumerate() {
            let seed = (output * CLIMBERS + turn) as u64;
            chosen.push(search.climb(start.clone(), output, steps, seed).sample);
        }
        let worst = scored.iter().take(budget / (2 * outputs).max(1));
        chosen.extend(worst.map(|scored| scored.sample.clone()));
    }
    let step = (scored.len() / (budget / 2).max(1)).max(1);
    chosen.extend(scored.iter().step_by(step).map(|scored| scored.sample.clone()));
    let mut kept: Vec<Sample> = Vec::with_capacity(chosen.len());
    for sample in chosen {
        if !kept.contains(&sample) {
            kept.push(sample);
        }
    }
    kept
}

/// What elements are judged with.
struct Judge<'m> {
    model: &'m Model,
    product: &'m Product,
    truth: &'m Truth,
}

impl Judge<'_> {
    /// Compares the outputs at a point with the exact ones; returns how many elements are not known.
    fn judge(&self, sample: &Sample, outputs: &mut [Found]) -> usize {
        let Some(got) = self.product.in_single(sample) else { return 0 };
        let exact = self.truth.at(sample);
        let mut around: Option<Vec<Vec<Elements>>> = None;
        let mut open = 0;
        for (at, found) in outputs.iter_mut().enumerate() {
            let known: Vec<f64> = exact[at].iter().flatten().copied().collect();
            let largest = size(&known);
            for (element, got) in got[at].iter().enumerate() {
                let Some(exact_element) = exact[at][element] else {
                    open += 1;
                    continue;
                };
                let Some(places) = off(*got, exact_element, largest) else { continue };
                found.outcome.measure(*got, exact_element, largest);
                let worst = || Worst {
                    sample: sample.clone(),
                    element,
                    got: *got,
                    exact: exact_element,
                    places,
                };
                if found.outcome.worst.as_ref().is_none_or(|worst| worst.places < places) {
                    found.outcome.worst = Some(worst());
                }
                if places > BOUND {
                    let around = around.get_or_insert_with(|| self.around(sample));
                    let spread = spread(around, at, element, exact_element)
                        / last_place(exact_element, largest);
                    if places > BOUND + SHARE * spread {
                        found.suspects.push(worst());
                    }
                }
            }
        }
        open
    }

    /// The exact outputs where all real inputs are off by half a unit of f32, some up and some down.
    fn around(&self, sample: &Sample) -> Vec<Vec<Elements>> {
        let graph = &self.model.graph;
        let real = |id: &InputId| graph.input(*id).kind == InputKind::Real;
        let shake = |turn: u64| {
            let mut random = Random::new(turn, 1);
            let mut moved = sample.clone();
            for id in graph.input_ids().filter(real) {
                for element in &mut moved.inputs[id.index()] {
                    *element *= 1.0 + random.sign() * 2f64.powi(-24);
                }
            }
            self.truth.at(&moved)
        };
        (0..SHAKES).map(shake).collect()
    }
}

/// How far an element moves when the inputs do.
fn spread(around: &[Vec<Elements>], at: usize, element: usize, exact: f64) -> f64 {
    let moves = around.iter().filter_map(|outputs| outputs[at][element]);
    moves.map(|moved| (moved - exact).abs()).filter(|by| by.is_finite()).fold(0.0, f64::max)
}

/// How many powers of ten the inputs of a point are from 1, in steps of 2.
fn extremity(sample: &Sample) -> f64 {
    let all = sample.inputs.iter().flatten().filter(|element| **element != 0.0);
    all.fold(0.0, |most, element| (element.abs().log10().abs() / 2.0).floor().max(most))
}

/// What has been found of an output so far.
struct Found {
    outcome: Outcome,
    /// The elements that are off by more than the inputs explain.
    suspects: Vec<Worst>,
}

/// Of how many elements the culprit is looked for.
const SUSPECTS: usize = 8;

impl Found {
    fn new(input: Option<InputId>) -> Self {
        let outcome = Outcome {
            input,
            worst: None,
            relative: 0.0,
            relative_to_largest: 0.0,
            sums_cancel: false,
            fault: None,
        };
        Self { outcome, suspects: Vec::new() }
    }

    /// The outcome with the fault at the most ordinary point; that terms of a sum cancel is nobody's fault.
    fn blamed(mut self, culprit: impl Fn(&Worst) -> Option<Culprit>) -> Outcome {
        let rank = |worst: &Worst| (extremity(&worst.sample), -worst.places);
        self.suspects.sort_by(|a, b| {
            let ((a, a_places), (b, b_places)) = (rank(a), rank(b));
            a.total_cmp(&b).then(a_places.total_cmp(&b_places))
        });
        // The very worst have their say too.
        let worst = (0..self.suspects.len())
            .max_by(|a, b| self.suspects[*a].places.total_cmp(&self.suspects[*b].places));
        for at in (0..self.suspects.len().min(SUSPECTS)).chain(worst) {
            let culprit = culprit(&self.suspects[at]);
            if matches!(culprit, Some(Culprit { reason: Reason::Sum { .. }, .. })) {
                self.outcome.sums_cancel = true;
            } else {
                self.outcome.fault = Some((self.suspects.swap_remove(at), culprit));
                break;
            }
        }
        self.outcome
    }
}

impl Outcome {
    fn measure(&mut self, got: f64, exact: f64, largest: f64) {
        let off = (got - exact).abs();
        if off > 0.0 || off.is_nan() {
            let off = if got.is_finite() { off } else { f64::INFINITY };
            // Below the normal numbers f32 has no more digits to be right in.
            let least = f64::from(f32::MIN_POSITIVE);
            self.relative = self.relative.max(off / exact.abs().max(least));
            self.relative_to_largest = self.relative_to_largest.max(off / largest.max(least));
        }
    }
}

/// Which rules fired where: those inside of something that was rewritten as a whole are counted to it.
fn rewritten(model: &Model) -> Vec<Rewritten> {
    let mut graph = model.graph.clone();
    let mut roots = vec![model.value];
    roots.extend(model.missing);
    let trace = stabilize_traced(&mut graph, &mut roots);
    let place = |node: NodeId| model.spans.get(node.index()).copied();
    let fired: Vec<(&'static str, Span)> =
        trace.fired.iter().filter_map(|(rule, node)| Some((*rule, place(*node)?))).collect();
    let is_inside = |inner: Span, outer: Span| {
        inner.file == outer.file && outer.start <= inner.start && inner.end <= outer.end
    };
    let mut found: Vec<Rewritten> = Vec::new();
    for (rule, span) in &fired {
        let around = fired.iter().map(|(_, outer)| *outer).filter(|outer| is_inside(*span, *outer));
        let span = around.max_by_key(|outer| outer.end - outer.start).unwrap_or(*span);
        match found.iter_mut().find(|known| known.span == span) {
            Some(known) if known.rules.contains(rule) => {}
            Some(known) => known.rules.push(rule),
            None => found.push(Rewritten { span, rules: vec![rule] }),
        }
    }
    found.sort_by_key(|rewritten| (rewritten.span.file, rewritten.span.start, rewritten.span.end));
    found
}
