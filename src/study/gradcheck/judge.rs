//! Single elements on trial: a point and gradients come in, a verdict on each goes out.

use std::cell::OnceCell;

use crate::batch::Roots;
use crate::evaluate::LANES;
use crate::graph::{Graph, InputId, NodeId};
use crate::loops::Precision;
use crate::model::Model;
use crate::plan::stabilized;
use crate::rewrite::guard_products;
use crate::study::differences::{Candidate, Place, differences};
use crate::study::duals::{Derived, Manner, Subject};
use crate::study::kinks::{self, Kink};
use crate::study::sample::{Sample, room};

use super::report::{Against, Verdict};

/// How many times what rounding was seen to do it may do.
const CAUTION: f64 = 16.0;

/// How often rounding is tried.
const SHAKES: u64 = 8;

const BEYOND: &str = "the gradient is beyond the precision";

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
    written: Derived,
    stable: Derived,
    /// How far off a value may be.
    noise: f64,
    doubts: OnceCell<Doubts>,
}

/// How far rounding may carry derivatives, lane by lane.
struct Doubts {
    /// Those by dual numbers on the graph as written.
    written: [f64; LANES],
    /// Those by dual numbers on the stable graph.
    stable: [f64; LANES],
    /// Those of the compiled code.
    compiled: [f64; LANES],
}

/// An element's derivative by dual numbers, and how far it may be off.
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
            stable: Subject::new(&stable(model), &[]),
            tolerances: Tolerances::of(precision),
            value,
        }
    }

    /// A verdict on each of up to [`LANES`] elements.
    pub(super) fn judge(&mut self, sample: &Sample, lanes: &[Lane]) -> Vec<Verdict> {
        let seeds: Vec<(InputId, usize)> = lanes.iter().map(|lane| (lane.input, lane.at)).collect();
        let written = self.written.derive(sample, &seeds, Manner::Plainly);
        let stable = self.stable.derive(sample, &seeds, Manner::Plainly);
        let spread = (1..=SHAKES).map(|seed| {
            let shaken = self.stable.derive(sample, &[], Manner::Shaken(ROUNDOFF, seed));
            apart(shaken.mean.value, stable.mean.value)
        });
        let noise =
            CAUTION * spread.fold(0.0, f64::max) + 4.0 * f64::EPSILON * (self.value)(sample).abs();
        let trial = Trial { sample, seeds, written, stable, noise, doubts: OnceCell::new() };
        let mut verdicts = vec![Verdict::default(); lanes.len()];
        for (number, (lane, verdict)) in lanes.iter().zip(&mut verdicts).enumerate() {
            self.against_duals(&trial, number, lane, verdict);
            self.against_differences(&trial, number, lane, verdict);
        }
        verdicts
    }

    fn against_duals(&self, trial: &Trial, number: usize, lane: &Lane, verdict: &mut Verdict) {
        let (symbolic, allowed) = (lane.symbolic, &self.tolerances);
        let slope = trial.written.mean.slopes[number];
        let tolerance = allowed.dual * slope.abs() + allowed.tiny;
        if is_defined(&trial.written, number) && (symbolic - slope).abs() <= tolerance {
            return verdict.compare(Against::Duals, symbolic, slope, tolerance);
        }
        match self.expected(trial, number) {
            Err(reason) => verdict.leave_out(reason),
            Ok(Expected { slope, tolerance, against }) => {
                let differs = (symbolic - slope).abs() > tolerance || !symbolic.is_finite();
                match self.near_kink(trial, lane.input).filter(|_| differs) {
                    Some(kink) => verdict.leave_out(kink.name.clone()),
                    None => verdict.compare(against, symbolic, slope, tolerance),
                }
            }
        }
    }

    /// An element's derivative by dual numbers and how far it may be off, or why there is none that is good enough.
    fn expected(&self, trial: &Trial, number: usize) -> Result<Expected, &'static str> {
        let allowed = &self.tolerances;
        let doubts = self.doubts(trial);
        let references = [
            (&trial.written, doubts.written[number], Against::Duals),
            (&trial.stable, doubts.stable[number], Against::StableDuals),
        ];
        for (derived, doubt, against) in references {
            if !is_defined(derived, number) || derived.has_underflowed {
                continue;
            }
            let slope = derived.mean.slopes[number];
            let tolerance = allowed.dual * slope.abs() + doubt + doubts.compiled[number];
            if tolerance <= allowed.loosest * slope.abs() {
                let expected = Expected { slope, tolerance: tolerance + allowed.tiny, against };
                return if slope.abs() <= allowed.largest { Ok(expected) } else { Err(BEYOND) };
            }
        }
        if is_defined(&trial.stable, number) {
            Err("rounding leaves the dual numbers or the gradient too few digits")
        } else {
            Err("the value or its derivative is not finite")
        }
    }

    fn doubts<'t>(&self, trial: &'t Trial) -> &'t Doubts {
        trial.doubts.get_or_init(|| {
            let sizes = |subject: &Subject| {
                subject.derive(trial.sample, &trial.seeds, Manner::Sizes).mean.slopes
            };
            let doubt = |subject: &Subject, derived: &Derived, sizes: &[f64; LANES], size: f64| {
                let mut spreads = sizes.map(|sum| sum * size);
                for seed in 1..=SHAKES {
                    let manner = Manner::Shaken(size, seed);
                    let shaken = subject.derive(trial.sample, &trial.seeds, manner).mean.slopes;
                    for ((spread, shaken), slope) in
                        spreads.iter_mut().zip(shaken).zip(derived.mean.slopes)
                    {
                        let far = apart(shaken, slope);
                        // What may be infinite or NaN is in doubt altogether.
                        *spread = if far.is_nan() { f64::INFINITY } else { spread.max(far) };
                    }
                }
                spreads.map(|spread| CAUTION * spread)
            };
            let (rough, fine) = (sizes(&self.written), sizes(&self.stable));
            Doubts {
                written: doubt(&self.written, &trial.written, &rough, ROUNDOFF),
                stable: doubt(&self.stable, &trial.stable, &fine, ROUNDOFF),
                compiled: doubt(&self.stable, &trial.stable, &fine, self.tolerances.roundoff),
            }
        })
    }

    /// A kink that rounding on the way to it may carry a point over.
    fn near_kink(&self, trial: &Trial, input: InputId) -> Option<&Kink> {
        (1..=SHAKES).find_map(|seed| {
            let manner = Manner::Shaken(NEAR * self.tolerances.roundoff, seed);
            let shaken = self.written.derive(trial.sample, &trial.seeds, manner);
            self.kink_between(&trial.written, &shaken, input)
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
        if trial.written.is_missing {
            return verdict.leave_out("every label is missing");
        }
        if let Some(held) = &self.held[lane.place] {
            return verdict.leave_out(format!("{held} held constant"));
        }
        let is_met = |(at, kink): &(usize, &Kink)| {
            let mut rows = trial.written.watched.iter();
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
        let mut value = |x: f64| {
            moved.inputs[lane.input.index()][lane.at] = x;
            (self.value)(&moved)
        };
        let place = Place { x, room, noise: trial.noise, finest: 2.0_f64.powi(-21) };
        let allowed = self.tolerances.difference * lane.symbolic.abs();
        let mut all = differences(&mut value, place);
        // Where values change fast, steps may become shorter before rounding counts.
        let is_near = |it: &Candidate| apart(it.slope, lane.symbolic) <= allowed;
        if !all.iter().any(is_near) && trial.noise < allowed {
            all = differences(&mut value, Place { finest: 2.0_f64.powi(-50), ..place });
        }
        self.weigh(trial, number, lane, &all, verdict);
    }

    /// Compares with the best of the differences that are good enough.
    fn weigh(
        &self,
        trial: &Trial,
        number: usize,
        lane: &Lane,
        all: &[Candidate],
        verdict: &mut Verdict,
    ) {
        let symbolic = lane.symbolic;
        let allowed = |it: &Candidate| {
            let size = if symbolic.is_finite() { symbolic.abs() } else { 0.0 };
            self.tolerances.difference * it.slope.abs().max(size) + self.tolerances.tiny
        };
        let far = |it: &Candidate| apart(it.slope, symbolic);
        // Shorter steps refute a candidate, if rounding does not explain how far away they are.
        let refutes = |it: &Candidate, other: &Candidate| {
            let far = (it.slope - other.slope).abs();
            other.step < it.step && far > it.rounding + other.rounding + allowed(it)
        };
        let is_good = |it: &&Candidate| {
            let is_close = it.rounding + it.truncation <= allowed(it) / 4.0;
            (is_close || it.slope == symbolic) && !all.iter().any(|other| refutes(it, other))
        };
        let use_of = |it: &Candidate| if far(it) == 0.0 { 0.0 } else { far(it) / allowed(it) };
        let best = all.iter().filter(is_good).min_by(|a, b| use_of(a).total_cmp(&use_of(b)));
        if let Some(best) = best.filter(|best| use_of(best) <= 1.0) {
            return verdict.compare(Against::Differences, symbolic, best.slope, allowed(best));
        }
        if best.is_some_and(|best| best.slope.abs() > self.tolerances.largest) {
            return verdict.leave_out(BEYOND);
        }
        if best.is_some_and(|best| self.doubts(trial).compiled[number] > allowed(best)) {
            return verdict.leave_out("rounding leaves the gradient too few digits");
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
                let there = self.written.derive(&moved, &[], Manner::Plainly);
                self.kink_between(&trial.written, &there, lane.input)
            })
        })
    }
}

/// The model with its roots in stable forms.
fn stable(model: &Model) -> Model {
    let mut model = model.clone();
    let Roots { value, per, missing, .. } = stabilized(&mut model);
    Model { value, per, missing, ..model }
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

/// Whether a derivative is finite, and that of a finite value or of none.
fn is_defined(derived: &Derived, number: usize) -> bool {
    let has_value = derived.is_missing || derived.mean.value.is_finite();
    has_value && derived.mean.slopes[number].is_finite()
}

/// How far apart two numbers are; equal infinities are not.
fn apart(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { (a - b).abs() }
}
