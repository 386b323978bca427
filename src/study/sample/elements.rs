//! The elements of one input: its declaration and a mood come in, numbers of its domain go out.

use super::{Sample, rounded};
use crate::domain;
use crate::graph::{Domain, Graph, Input, InputKind, Role};
use crate::loops::Precision;
use crate::study::random::Random;

/// How the numbers of an input are drawn in one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mood {
    /// All of one size.
    Sized(f64),
    /// Of sizes from one power of ten to another, and close to the ends of intervals.
    Wide(f64, f64),
    /// Small whole numbers and the ends of intervals.
    Kinks,
    /// Of order 1, and no label is missing.
    Ordinary,
}

impl Mood {
    pub(super) fn draw(role: Role, on_kinks: bool, random: &mut Random) -> Self {
        let (low, high) = if role == Role::Param { (-2.0, 1.0) } else { (-6.0, 4.0) };
        match random.below(4) {
            _ if on_kinks => Self::Kinks,
            0 => Self::Wide(low, high),
            1 => Self::Sized(random.magnitude(low, high)),
            _ => Self::Sized(3.0),
        }
    }

    /// A number that is not negative.
    fn size(self, random: &mut Random) -> f64 {
        match self {
            Self::Sized(size) => size * random.unit(),
            Self::Ordinary => 3.0 * random.unit(),
            Self::Wide(low, high) => random.magnitude(low, high),
            Self::Kinks => [0.0, 1.0, 2.0][random.below(3)],
        }
    }
}

/// As many elements as are asked for, all of which belong to the domain.
#[expect(clippy::too_many_arguments, reason = "each is one thing that is known of the input")]
pub(super) fn draw_elements(
    input: &Input,
    count: usize,
    sample: &Sample,
    bounds: &[f64],
    graph: &Graph,
    precision: Precision,
    mood: Mood,
    random: &mut Random,
) -> Vec<f64> {
    match input.kind {
        InputKind::Switch => (0..count).map(|_| f64::from(u8::from(random.once_in(2)))).collect(),
        InputKind::Index { extent, optional } => {
            let length = sample.extents[extent.index()];
            let draw = |_| {
                let is_missing = optional && mood != Mood::Ordinary && random.once_in(6);
                if is_missing { -1.0 } else { whole(random.below(length)) }
            };
            (0..count).map(draw).collect()
        }
        InputKind::Real => match &input.domain {
            Some(Domain::Simplex) => {
                let axis = input.axes.last().expect("a simplex has an axis");
                let row = sample.extents[graph.axis(*axis).extent.index()];
                (0..count / row).flat_map(|_| simplex(row, mood, random)).collect()
            }
            domain => {
                (0..count).map(|_| real(domain.as_ref(), bounds, precision, mood, random)).collect()
            }
        },
    }
}

#[expect(clippy::cast_precision_loss, reason = "extents are far below 2^53")]
fn whole(number: usize) -> f64 {
    number as f64
}

/// A number of a domain that belongs to it in its precision too.
fn real(
    domain: Option<&Domain>,
    bounds: &[f64],
    precision: Precision,
    mood: Mood,
    random: &mut Random,
) -> f64 {
    let Some(domain) = domain else { return mood.size(random) * random.sign() };
    let belongs = |value: &f64| domain::first_outside(domain, bounds, &[*value], 1).is_none();
    let once = |mood: Mood, random: &mut Random| {
        let value = match domain {
            Domain::Interval { .. } => inside(bounds[0], bounds[1], mood, random),
            Domain::Set(members) => bounds[random.below(members.len())],
            Domain::Whole { high: None, .. } => bounds[0] + (4.0 * mood.size(random)).floor(),
            Domain::Whole { high: Some(_), .. } => {
                bounds[0] + (random.unit() * (bounds[1] - bounds[0] + 1.0)).floor()
            }
            Domain::Simplex => random.unit(),
        };
        rounded(value, precision)
    };
    // An end that is left out, or a number so close to one that it is rounded to it, is drawn again.
    let mut tries = (0..32).map(|_| once(mood, random));
    let found = tries.find(|value| belongs(value));
    found.unwrap_or_else(|| once(Mood::Sized(1.0), random))
}

/// A number between two bounds, which may be infinite.
fn inside(low: f64, high: f64, mood: Mood, random: &mut Random) -> f64 {
    match (low.is_finite(), high.is_finite(), mood) {
        (true, true, Mood::Kinks) => low + (high - low) * [0.0, 0.5, 1.0][random.below(3)],
        (true, true, Mood::Sized(_) | Mood::Ordinary) => random.between(low, high),
        (true, true, Mood::Wide(..)) => {
            let distance = (high - low) * random.magnitude(-9.0, 0.0);
            if random.once_in(2) { low + distance } else { high - distance }
        }
        (true, false, _) => low + mood.size(random),
        (false, true, _) => high - mood.size(random),
        (false, false, _) => mood.size(random) * random.sign(),
    }
}

/// Numbers that sum to 1: all of one size or not, or one that has everything.
fn simplex(length: usize, mood: Mood, random: &mut Random) -> Vec<f64> {
    let spread = match mood {
        Mood::Sized(size) => size.min(3.0),
        Mood::Ordinary => 3.0,
        Mood::Wide(..) => random.between(0.0, 20.0),
        Mood::Kinks => {
            let chosen = random.below(length);
            return (0..length).map(|at| f64::from(u8::from(at == chosen))).collect();
        }
    };
    let parts: Vec<f64> = (0..length).map(|_| (spread * random.between(-1.0, 1.0)).exp()).collect();
    let sum: f64 = parts.iter().sum();
    parts.into_iter().map(|part| part / sum).collect()
}
