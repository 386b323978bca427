//! Single elements on trial: a point and gradients come in, a verdict on each goes out.

use crate::evaluate::LANES;
use crate::graph::{Graph, InputId, NodeId};
use crate::loops::Precision;
use crate::model::Model;
use crate::plan::stabilized;
use crate::rewrite::guard_products;
use crate::study::differences::{Candidate, differences};
use crate::study::duals::{Derived, Noise, Subject};
use crate::study::kinks::{self, Kink};
use crate::study::sample::{Sample, room};

use super::report::{Against, Verdict};

/// How many times what rounding was seen to do it may do.
const CAUTION: f64 = 16.0;

/// How many roundoffs from a kink every operation may have carried a point that counts as near it.
const NEAR: f64 = 256.0;

/// The unit roundoff of f64.
const ROUNDOFF: f64 = f64::EPSILON / 2.0;

/// An element of a gradient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    /// The place of the input among those of interest.
    pub(super) place: usize,
    /// The input.
    pub(super) input: InputId,
    /// The place in its elements.
    pub(super) at: usize,
    /// What is on trial.
    pub(super) symbolic: f64,
}

/// What is allowed in a precision.
#[derive(Clone, Copy, Debug)]
struct Tolerances {
    /// Against dual numbers, relatively.
    dual: f64,
    /// The most that conditioning may make of it.
    loosest: f64,
    /// Against differences, relatively.
    difference: f64,
    /// Gradients under this are too small for the precision to hold their digits.
    tiny: f64,
    /// The largest finite number.
    largest: f64,
    /// The unit roundoff.
    roundoff: f64,
}

impl Tolerances {
    fn of(precision: Precision) -> Self {
        match precision {
            Precision::F64 => Self {
                dual: 1e-9,
                loosest: 1e-7,
                difference: 1e-5,
                tiny: f64::MIN_POSITIVE * 1024.0,
                largest: f64::MAX,
                roundoff: ROUNDOFF,
            },
            Precision::F32 => Self {
                dual: 1e-5,
                loosest: 1e-3,
                difference: 1e-4,
                tiny: f64::from(f32::MIN_POSITIVE) * 1024.0,
                largest: f64::from(f32::MAX),
                roundoff: f64::from(f32::EPSILON) / 2.0,
            },
        }
    }
}

/// What elements of one loss are judged by.
pub(super) struct Judge<'a> {
    /// Where the inputs are declared.
    graph: Graph,
    /// As written, with the margins of the kinks.
    written: Subject,
    kinks: Vec<Kink>,
    /// What holds each input of interest constant somewhere.
    held: Vec<Option<String>>,
    stable: Subject,
    tolerances: Tolerances,
    value: &'a mut dyn FnMut(&Sample) -> f64,
}

/// A point on trial: what is known of all elements that are judged there together.
struct Trial<'s> {
    sample: &'s Sample,
    seeds: Vec<(InputId, usize)>,
    written: Reference,
    stable: Reference,
    /// How far off a value may be.
    noise: f64,
}

/// The derivatives at a point, and what rounding does to them.
struct Reference {
    derived: Derived,
    value_spread: f64,
    spreads: [f64; LANES],
}

/// An element's derivative by dual numbers, if it is good enough.
#[derive(Clone, Copy, Debug)]
struct Expected {
    slope: f64,
    tolerance: f64,
    against: Against,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        model: &Model,
        wrt: &[InputId],
        precision: Precision,
        value: &'a mut dyn FnMut(&Sample) -> f64,
    ) -> Self {
        let mut written = guarded(model);
        let held = kinks::held(&written, wrt);
        let kinks = kinks::find(&mut written, wrt);
        let margins: Vec<NodeId> = kinks.iter().map(|kink| kink.margin).collect();
        Self {
            graph: model.graph.clone(),
            written: Subject::new(&written, &margins),
            kinks,
            held,
            stable: Subject::new(&stabilized(model), &[]),
            tolerances: Tolerances::of(precision),
            value,
        }
    }

    /// A verdict on each of up to [`LANES`] elements.
    pub(super) fn judge(&mut self, sample: &Sample, lanes: &[Lane]) -> Vec<Verdict> {
        let seeds: Vec<(InputId, usize)> = lanes.iter().map(|lane| (lane.input, lane.at)).collect();
        let written = reference(&self.written, sample, &seeds, ROUNDOFF);
        let stable = reference(&self.stable, sample, &seeds, self.tolerances.roundoff);
        let spread = stable.value_spread * (ROUNDOFF / self.tolerances.roundoff);
        let noise = CAUTION * spread + 4.0 * f64::EPSILON * (self.value)(sample).abs();
        let trial = Trial { sample, seeds, written, stable, noise };
        let mut verdicts = vec![Verdict::default(); lanes.len()];
        for (number, (lane, verdict)) in lanes.iter().zip(&mut verdicts).enumerate() {
            self.against_duals(&trial, number, lane, verdict);
            self.against_differences(&trial, number, lane, verdict);
        }
        verdicts
    }

    fn against_duals(&self, trial: &Trial, number: usize, lane: &Lane, verdict: &mut Verdict) {
        let expected = match self.expected(trial, number) {
            Ok(expected) => expected,
            Err(reason) => return verdict.leave_out(reason),
        };
        let Expected { slope, tolerance, against } = expected;
        let is_equal = (lane.symbolic - slope).abs() <= tolerance;
        match self.near_kink(trial, lane.input).filter(|_| !is_equal) {
            Some(kink) => verdict.leave_out(kink.name.clone()),
            None => verdict.compare(against, lane.symbolic, slope, tolerance),
        }
    }

    /// An element's derivative by dual numbers, or why there is none that is good enough.
    fn expected(&self, trial: &Trial, number: usize) -> Result<Expected, &'static str> {
        let allowed = &self.tolerances;
        let references = [(&trial.written, Against::Duals), (&trial.stable, Against::StableDuals)];
        for (reference, against) in references {
            let derived = &reference.derived;
            let slope = derived.mean.slopes[number];
            let is_defined = derived.is_missing || derived.mean.value.is_finite();
            if !is_defined || !slope.is_finite() {
                continue;
            }
            let spread = reference.spreads[number] + trial.stable.spreads[number];
            let tolerance = allowed.dual * slope.abs() + CAUTION * spread + allowed.tiny;
            if tolerance <= allowed.loosest * slope.abs() + 2.0 * allowed.tiny {
                return match slope.abs() <= allowed.largest {
                    true => Ok(Expected { slope, tolerance, against }),
                    false => Err("the gradient is beyond the precision"),
                };
            }
        }
        let mean = &trial.stable.derived.mean;
        Err(match mean.value.is_finite() && mean.slopes[number].is_finite() {
            true => "rounding leaves the dual numbers too few digits",
            false => "the value or its derivative is not finite",
        })
    }

    /// A kink that rounding on the way to it may carry a point over.
    fn near_kink(&self, trial: &Trial, input: InputId) -> Option<&Kink> {
        (3..7).find_map(|seed| {
            let size = NEAR * self.tolerances.roundoff;
            let noise = Some(Noise { size, seed });
            let shaken = self.written.derive(trial.sample, &trial.seeds, noise);
            self.kink_between(&trial.written.derived, &shaken, input)
        })
    }

    fn kink_between(&self, a: &Derived, b: &Derived, input: InputId) -> Option<&Kink> {
        let rows = || a.watched.iter().zip(&b.watched);
        let lies_between = |(at, kink): &(usize, &Kink)| {
            rows().any(|(a, b)| kink.lies_between(&a[*at], &b[*at], input))
        };
        self.kinks.iter().enumerate().find(lies_between).map(|(_, kink)| kink)
    }

    fn against_differences(
        &mut self,
        trial: &Trial,
        number: usize,
        lane: &Lane,
        verdict: &mut Verdict,
    ) {
        if trial.written.derived.is_missing {
            return verdict.leave_out("every label is missing");
        }
        if let Some(held) = &self.held[lane.place] {
            return verdict.leave_out(format!("{held} held constant"));
        }
        let is_met = |(at, kink): &(usize, &Kink)| {
            let mut rows = trial.written.derived.watched.iter();
            rows.any(|row| kink.is_met(&row[*at], number, lane.input))
        };
        if let Some((_, kink)) = self.kinks.iter().enumerate().find(is_met) {
            return verdict.leave_out(kink.name.clone());
        }
        let input = self.graph.input(lane.input);
        let mut moved = trial.sample.clone();
        let x = moved.inputs[lane.input.index()][lane.at];
        let Some(room) = room(input, &trial.sample.bounds[lane.input.index()], x) else {
            return verdict.leave_out(format!("{} lies alone in its domain", input.name));
        };
        let value = |x: f64| {
            moved.inputs[lane.input.index()][lane.at] = x;
            (self.value)(&moved)
        };
        let all = differences(value, x, room, trial.noise);
        self.weigh(trial, lane, &all, verdict);
    }

    /// Compares with the best of the differences that are good enough.
    fn weigh(&self, trial: &Trial, lane: &Lane, all: &[Candidate], verdict: &mut Verdict) {
        let symbolic = lane.symbolic;
        let allowed = |it: &Candidate| {
            let size = if symbolic.is_finite() { symbolic.abs() } else { 0.0 };
            self.tolerances.difference * it.slope.abs().max(size)
        };
        let far = |it: &Candidate| (it.slope - symbolic).abs();
        let is_good =
            |it: &&Candidate| it.rounding + it.truncation <= allowed(it) || it.slope == symbolic;
        let use_of = |it: &Candidate| if far(it) == 0.0 { 0.0 } else { far(it) / allowed(it) };
        let best = all.iter().filter(is_good).min_by(|a, b| use_of(a).total_cmp(&use_of(b)));
        if let Some(best) = best.filter(|best| use_of(best) <= 1.0) {
            return verdict.compare(Against::Differences, symbolic, best.slope, allowed(best));
        }
        let clear = all.iter().filter(|it| it.rounding <= allowed(it)).map(|it| it.step);
        let mut steps: Vec<f64> = clear.collect();
        steps.sort_by(f64::total_cmp);
        steps.dedup();
        match (self.kink_within(trial, lane, &steps), best) {
            (Some(kink), _) => verdict.leave_out(kink.name.clone()),
            (None, Some(best)) => {
                verdict.compare(Against::Differences, symbolic, best.slope, allowed(best));
            }
            (None, None) => verdict.leave_out("rounding leaves differences too few digits"),
        }
    }

    /// A kink that lies within the shortest steps of a point.
    fn kink_within(&self, trial: &Trial, lane: &Lane, steps: &[f64]) -> Option<&Kink> {
        steps.iter().take(3).find_map(|step| {
            [-step, *step].into_iter().find_map(|step| {
                let mut moved = trial.sample.clone();
                moved.inputs[lane.input.index()][lane.at] += step;
                let there = self.written.derive(&moved, &[], None);
                self.kink_between(&trial.written.derived, &there, lane.input)
            })
        })
    }
}

/// The model with products with a logarithm guarded, and nothing else changed.
fn guarded(model: &Model) -> Model {
    let mut model = model.clone();
    let mut roots = vec![model.value];
    roots.extend(model.per);
    guard_products(&mut model.graph, &mut roots);
    model.value = roots[0];
    model.per = model.per.map(|_| roots[1]);
    model
}

fn reference(
    subject: &Subject,
    sample: &Sample,
    seeds: &[(InputId, usize)],
    size: f64,
) -> Reference {
    let derived = subject.derive(sample, seeds, None);
    let (mut value_spread, mut spreads) = (0.0_f64, [0.0_f64; LANES]);
    for seed in [1, 2] {
        let shaken = subject.derive(sample, seeds, Some(Noise { size, seed })).mean;
        let far = |a: f64, b: f64| if a == b { 0.0 } else { (a - b).abs() };
        value_spread = value_spread.max(far(shaken.value, derived.mean.value));
        for lane in 0..LANES {
            let far = far(shaken.slopes[lane], derived.mean.slopes[lane]);
            // A NaN must stay one.
            spreads[lane] = if far > spreads[lane] || far.is_nan() { far } else { spreads[lane] };
        }
    }
    Reference { derived, value_spread, spreads }
}
