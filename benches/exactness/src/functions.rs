//! What is measured: the functions of one argument, what they are compared with and what must hold of them.

use rug::Float;
use rug::ops::Pow;

use crate::exact;

/// A function of one argument.
pub struct Function {
    pub name: &'static str,
    /// Its exact value.
    pub exact: fn(f64) -> Float,
    /// Its value in double precision by libraries that have nothing to do with lossc.
    pub plain: Option<fn(f64) -> f64>,
    /// How many units in the last place it may be off in f32, if that is promised, and in f64.
    pub bounds: [Option<f64>; 2],
    /// Whether only arguments that are not negative count.
    pub positive: bool,
    pub symmetry: Symmetry,
    /// Where it rises or falls all along.
    pub pieces: &'static [Piece],
    /// Where most of its life is.
    pub range: [f64; 2],
    /// Where its value is 0 by cancellation: in f64 the bound holds only [`NEAR`] away from there.
    pub zeros: &'static [f64],
    /// Where it is hard: ends of its range, places where formulas change, arguments that come close to a period.
    pub hard: fn() -> Vec<f64>,
}

/// How far from a zero of [`Function::zeros`] the bound holds in f64.
pub const NEAR: f64 = 0.125;

/// What is known of f(−x).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Symmetry {
    None,
    /// It is −f(x).
    Odd,
    /// It is f(x).
    Even,
    /// It is 1 − f(x).
    Complement,
}

/// A range in which a function only rises or only falls.
pub struct Piece {
    pub from: f64,
    pub to: f64,
    pub rises: bool,
}

const ALL: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];
const POSITIVE: [f64; 2] = [0.0, f64::INFINITY];

const fn piece([from, to]: [f64; 2], rises: bool) -> Piece {
    Piece { from, to, rises }
}

const fn function(
    name: &'static str,
    exact: fn(f64) -> Float,
    bounds: [Option<f64>; 2],
) -> Function {
    Function {
        name,
        exact,
        plain: None,
        bounds,
        positive: false,
        symmetry: Symmetry::None,
        pieces: &[],
        range: [-10.0, 10.0],
        zeros: &[],
        hard: Vec::new,
    }
}

const ONE: [Option<f64>; 2] = [Some(1.0), Some(1.0)];

/// Where the digamma function is 0.
const DIGAMMA_ZERO: f64 = 1.461_632_144_968_362_3;

pub const FUNCTIONS: &[Function] = &[
    Function {
        plain: Some(f64::exp),
        pieces: &[piece(ALL, true)],
        range: [-750.0, 712.0],
        hard: half_logarithms,
        ..function("exp", exact::exp, ONE)
    },
    Function {
        plain: Some(f64::exp_m1),
        pieces: &[piece(ALL, true)],
        range: [-45.0, 60.0],
        hard: half_logarithms,
        ..function("expm1", exact::expm1, ONE)
    },
    Function {
        plain: Some(f64::ln),
        pieces: &[piece(POSITIVE, true)],
        range: [0.0, 4.0],
        hard: roots_of_two,
        ..function("log", exact::log, ONE)
    },
    Function {
        plain: Some(f64::ln_1p),
        pieces: &[piece([-1.0, f64::INFINITY], true)],
        range: [-1.0, 3.0],
        hard: || roots_of_two().into_iter().map(|x| x - 1.0).collect(),
        ..function("log1p", exact::log1p, ONE)
    },
    Function {
        plain: Some(f64::log2),
        pieces: &[piece(POSITIVE, true)],
        range: [0.0, 4.0],
        hard: roots_of_two,
        ..function("log2", exact::log2, ONE)
    },
    Function {
        plain: Some(f64::sqrt),
        pieces: &[piece(POSITIVE, true)],
        range: [0.0, 4.0],
        hard: roots_of_two,
        ..function("sqrt", exact::sqrt, ONE)
    },
    Function {
        plain: Some(|x| 1.0 / (1.0 + (-x).exp())),
        symmetry: Symmetry::Complement,
        pieces: &[piece(ALL, true)],
        range: [-750.0, 40.0],
        hard: half_logarithms,
        ..function("sigmoid", exact::sigmoid, ONE)
    },
    Function {
        plain: Some(|x| -plain_softplus(-x)),
        pieces: &[piece(ALL, true)],
        range: [-40.0, 750.0],
        hard: half_logarithms,
        ..function("log_sigmoid", exact::log_sigmoid, ONE)
    },
    Function {
        plain: Some(plain_softplus),
        pieces: &[piece(ALL, true)],
        range: [-750.0, 40.0],
        hard: half_logarithms,
        ..function("softplus", exact::softplus, ONE)
    },
    Function {
        plain: Some(f64::tanh),
        symmetry: Symmetry::Odd,
        pieces: &[piece(ALL, true)],
        range: [-22.0, 22.0],
        hard: || half_logarithms().into_iter().map(|x| x / 2.0).collect(),
        ..function("tanh", exact::tanh, ONE)
    },
    Function {
        plain: Some(|x| match x.abs() {
            x if x < 1.0 => (2.0 * (x / 2.0).sinh().powi(2)).ln_1p(),
            x => (x - std::f64::consts::LN_2) + (-2.0 * x).exp().ln_1p(),
        }),
        symmetry: Symmetry::Even,
        pieces: &[piece([f64::NEG_INFINITY, 0.0], false), piece(POSITIVE, true)],
        range: [-22.0, 22.0],
        hard: half_logarithms,
        ..function("logcosh", exact::logcosh, ONE)
    },
    Function {
        plain: Some(f64::sin),
        symmetry: Symmetry::Odd,
        range: [-100.0, 100.0],
        hard: quarter_turns,
        ..function("sin", exact::sin, ONE)
    },
    Function {
        plain: Some(f64::cos),
        symmetry: Symmetry::Even,
        range: [-100.0, 100.0],
        hard: quarter_turns,
        ..function("cos", exact::cos, ONE)
    },
    Function {
        plain: Some(f64::atan),
        symmetry: Symmetry::Odd,
        pieces: &[piece(ALL, true)],
        range: [-8.0, 8.0],
        hard: || {
            let eighths = (1..32).map(|k| f64::from(k) / 8.0);
            let tangents = (1..16).map(|k| (f64::from(k) * std::f64::consts::PI / 32.0).tan());
            both_signs(eighths.chain(tangents))
        },
        ..function("atan", exact::atan, ONE)
    },
    Function {
        plain: Some(libm::erf),
        symmetry: Symmetry::Odd,
        pieces: &[piece(ALL, true)],
        range: [-6.5, 6.5],
        hard: eighths,
        ..function("erf", exact::erf, ONE)
    },
    Function {
        plain: Some(libm::erfc),
        pieces: &[piece(ALL, false)],
        range: [-6.5, 28.0],
        hard: eighths,
        ..function("erfc", exact::erfc, ONE)
    },
    Function {
        pieces: &[piece(ALL, true)],
        range: [-39.0, 9.0],
        hard: eighths,
        ..function("normal_cdf", exact::normal_cdf, ONE)
    },
    Function {
        pieces: &[piece(ALL, true)],
        range: [-60.0, 40.0],
        hard: eighths,
        ..function("log_normal_cdf", exact::log_normal_cdf, [Some(1.0), Some(1.0)])
    },
    Function {
        plain: Some(libm::lgamma),
        positive: true,
        pieces: &[
            // Around its minimum it is flatter than its own rounding.
            piece([0.0, DIGAMMA_ZERO - 1e-3], false),
            piece([DIGAMMA_ZERO + 1e-3, f64::INFINITY], true),
        ],
        range: [0.0, 40.0],
        zeros: &[1.0, 2.0],
        hard: || whole_and_half(1.0..40.0),
        ..function("lgamma", exact::lgamma, [Some(2.0), Some(4.0)])
    },
    Function {
        positive: true,
        pieces: &[piece(POSITIVE, true)],
        range: [0.0, 40.0],
        zeros: &[DIGAMMA_ZERO],
        hard: || whole_and_half(1.0..40.0).into_iter().chain([DIGAMMA_ZERO]).collect(),
        ..function("digamma", exact::digamma, [Some(2.0), Some(4.0)])
    },
];

fn plain_softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn both_signs(points: impl Iterator<Item = f64>) -> Vec<f64> {
    points.flat_map(|x| [x, -x]).collect()
}

/// Halves of log 2: where the exponent of an exponential changes, and its argument reduction; and the ends of its range.
fn half_logarithms() -> Vec<f64> {
    let halves = (1..2200).map(|k: i32| {
        let log = Float::with_val(128, 2).ln();
        Float::to_f64(&(log * k / 2u32))
    });
    // Where exp comes closest to the middle of two doubles (Lefèvre and Muller, 2003), and its ends.
    let known = [
        709.782_712_893_384,
        745.133_219_101_941_1,
        7.541_752_774_995_959e-10,
        36.7,
        17.3,
        88.7,
        103.9,
    ];
    both_signs(halves.chain(known))
}

/// Powers of √2: where the exponent of a logarithm changes, and its argument reduction.
fn roots_of_two() -> Vec<f64> {
    let roots = (-2148..2048).map(|k: i32| {
        let root = Float::with_val(128, 2).sqrt();
        Float::to_f64(&root.pow(k))
    });
    let thirds = [2.0 / 3.0, 4.0 / 3.0, 0.75, 1.5, 0.5, 1.25];
    roots.chain(thirds).collect()
}

/// Multiples of π/2, and the double that comes closest to one (Kahan; Muller, Elementary Functions, 2016, table 11.1).
fn quarter_turns() -> Vec<f64> {
    let quarter = |k: f64| (Float::with_val(1300, rug::float::Constant::Pi) / 2u32 * k).to_f64();
    let small = (1..4000).map(|k| quarter(f64::from(k)));
    let eighths = (1..400).map(|k| quarter(f64::from(k) / 2.0));
    let large = (12..1023).flat_map(|e| {
        [1.0, 3.0, 5.0, 1.0 + 1.0 / 1024.0].map(|k| quarter(k * f64::from(e).exp2()))
    });
    let closest = 6_381_956_970_095_103.0 * 797f64.exp2();
    both_signs(small.chain(eighths).chain(large).chain([closest]))
}

fn eighths() -> Vec<f64> {
    both_signs((1..320).map(|k| f64::from(k) / 8.0))
}

fn whole_and_half(range: std::ops::Range<f64>) -> Vec<f64> {
    let mut points = vec![range.start];
    while points[points.len() - 1] < range.end {
        points.push(points[points.len() - 1] + 0.5);
    }
    points
}
