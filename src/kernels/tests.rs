//! Kernels run by a small evaluator of straight-line code, against references with more digits.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "bits and roundings are what is tested"
)]

mod close;
mod evaluate;
mod order;
mod pairs;

use std::collections::HashMap;

use crate::loops::Precision;
use evaluate::Kernel::{self, One, Two};

/// A function and how many units in the last place it may be off.
struct Row {
    name: &'static str,
    kernel: Kernel,
    /// Its value in more than single precision; none: the kernel for double precision, which the exact values test.
    reference: Option<fn(f64) -> f64>,
    single: f64,
    double: f64,
    /// The size of result at an argument whose last place counts, where the result itself may be smaller by cancellation.
    size: fn(f64) -> f64,
    /// How many times the bounds a negative argument may take.
    below: f64,
    /// Which arguments the bounds are stated for.
    range: fn([f64; 2]) -> bool,
}

const fn row(
    name: &'static str,
    kernel: Kernel,
    reference: Option<fn(f64) -> f64>,
    [single, double]: [f64; 2],
) -> Row {
    Row { name, kernel, reference, single, double, size: |_| 0.0, below: 1.0, range: |_| true }
}

const TABLE: &[Row] = &[
    row("exp", One(super::exp), Some(f64::exp), [1.0, 1.0]),
    row("expm1", One(super::expm1), Some(f64::exp_m1), [1.0, 1.0]),
    row("log", One(super::log), Some(f64::ln), [1.0, 1.0]),
    row("log1p", One(super::log1p), Some(f64::ln_1p), [1.0, 1.0]),
    row("log2", One(super::log2), Some(f64::log2), [1.0, 1.0]),
    row("tanh", One(super::tanh), Some(f64::tanh), [1.0, 1.0]),
    row("sigmoid", One(super::sigmoid), Some(|x| 1.0 / (1.0 + (-x).exp())), [1.0, 1.0]),
    row(
        "softplus",
        One(super::softplus),
        Some(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        [1.0, 1.0],
    ),
    row("sin", One(super::sin), Some(f64::sin), [1.0, 1.0]),
    row("cos", One(super::cos), Some(f64::cos), [1.0, 1.0]),
    row("atan", One(super::atan), Some(f64::atan), [1.0, 1.0]),
    row("erf", One(super::erf), None, [1.0, 1.0]),
    row("erfc", One(super::erfc), None, [1.0, 1.0]),
    row("normal_cdf", One(super::normal_cdf), None, [1.0, 1.0]),
    row("log_normal_cdf", One(super::log_normal_cdf), None, [1.0, 1.0]),
    Row {
        size: |x| if x < 0.0 { 2.0 - x * x.min(-2.0).abs().ln() } else { 0.0 },
        ..row("lgamma", One(super::lgamma), None, [2.0, 2.0])
    },
    Row {
        size: |x| if x < 0.0 { 4.0 } else { 0.0 },
        below: 2.0,
        ..row("digamma", One(super::digamma), None, [2.0, 2.0])
    },
    Row {
        size: |x| if x < 0.0 { 16.0 } else { 0.0 },
        below: 2.0,
        ..row("trigamma", One(super::trigamma), None, [2.0, 2.0])
    },
    row("logcosh", One(super::logcosh), None, [1.0, 1.0]),
    row("inverse_mills", One(super::inverse_mills), None, [4.0, 4.0]),
    row("pow", Two(super::pow), None, [1.0, 1.0]),
    // It overflows where the power does.
    Row {
        range: |[x, y]| x.ln_1p() * y < 88.7,
        ..row("boxcox1p", Two(super::boxcox1p), None, [2.0, 2.0])
    },
];

/// Exact values: function, arguments, the result rounded to f64, and what rounding left in units in the last place.
const EXACT: &str = include_str!("../../tests/data/kernels_f64.txt");

/// The distance of two numbers next to each other at `x`, for a format with so many bits and such a least exponent.
fn ulp(x: f64, bits: i32, least: i32) -> f64 {
    let exponent = if x.is_normal() {
        i32::try_from(x.to_bits() >> 52 & 0x7ff).expect("11 bits") - 1023
    } else {
        -1074
    };
    f64::from((exponent - bits + 1).max(least)).exp2()
}

/// How far a double-precision number is from the exact result, `exact + left` last places, in last places of it or of `size`.
fn off_double(got: f64, exact: f64, left: f64, size: f64) -> f64 {
    if got.is_nan() || exact.is_nan() || got.is_infinite() || exact.is_infinite() {
        return if got.to_bits() == exact.to_bits() || got.is_nan() && exact.is_nan() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let own = ulp(exact, 53, -1074);
    ((got - exact) / own - left).abs() * (own / ulp(size.max(exact.abs()), 53, -1074))
}

/// How far a single-precision number is from the exact result. Infinity counts as the number after the largest.
fn off_single(got: f32, exact: f64, size: f64) -> f64 {
    if got.is_nan() || exact.is_nan() {
        return if got.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let bounded = |v: f64| v.clamp(-(2f64.powi(128)), 2f64.powi(128));
    let (got, exact) = (bounded(f64::from(got)), bounded(exact));
    (got - exact).abs() / ulp(size.max(exact.abs()), 24, -149).min(2f64.powi(104))
}

#[test]
fn double_precision_keeps_its_bounds() {
    let mut points: HashMap<&str, Vec<Vec<f64>>> = HashMap::new();
    for line in EXACT.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let name = words.next().expect("a name");
        points.entry(name).or_default().push(words.map(|w| w.parse().expect("a number")).collect());
    }
    let mut failed = Vec::new();
    for Row { name, kernel, double, size, below, .. } in TABLE {
        let code = evaluate::write(*kernel, Precision::F64);
        let points = &points[name];
        let inputs: Vec<[f64; 2]> = points.iter().map(|p| [p[0], p[1]]).collect();
        let mut worst = (0.0, vec![], 0.0);
        for (point, got) in points.iter().zip(evaluate::run_f64(&code, &inputs)) {
            let [.., exact, left] = point[..] else { panic!("{name}: a short line") };
            let times = if point[0] < 0.0 { *below } else { 1.0 };
            let off = off_double(got, exact, left, size(point[0])) / times;
            if off > worst.0 {
                worst = (off, point.clone(), got);
            }
        }
        println!(
            "f64 {name}: {:.3} ulp at {:?} (got {:e}), {} operations",
            worst.0,
            worst.1,
            worst.2,
            code.len()
        );
        if worst.0 > *double {
            failed.push(format!("{name}: {} ulp at {:?}: {:e}", worst.0, worst.1, worst.2));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Where kernels change their way, and where their results end.
const MEETING_POINTS: &[f32] = &[
    0.45,
    0.5,
    0.578,
    0.609_375,
    0.75,
    0.78,
    0.945,
    1.0,
    std::f32::consts::SQRT_2,
    1.5,
    2.414_213_7,
    4.0,
    9.02,
    10.0,
    17.33,
    20.0,
    87.34,
    88.02,
    88.73,
    103.28,
    103.98,
];

/// Numbers about where something changes: meeting points, odd multiples of ½·ln 2 and π/4, and powers of 2, subnormal ones too.
fn neighbours() -> Vec<f32> {
    let ln_2 = (0..152).map(|n| (f64::from(n) + 0.5) * std::f64::consts::LN_2);
    let turns = (1..200).map(|k| f64::from(k) * std::f64::consts::FRAC_PI_4);
    let powers = (-149..128).map(|n| f64::from(n).exp2());
    let meeting = MEETING_POINTS.iter().map(|x| f64::from(*x));
    let middles: Vec<f64> = meeting.chain(ln_2).chain(turns).chain(powers).collect();
    let about = |x: f64| {
        let bits = (x as f32).to_bits();
        (bits.saturating_sub(8)..=bits + 8).map(f32::from_bits)
    };
    middles.into_iter().flat_map(about).flat_map(|x| [x, -x]).collect()
}

/// Arguments, or pairs of them: 2²² numbers at the same distance in bits, so that each exponent of either sign has as many,
/// and those about changes. Where the reference is a kernel itself, and for pairs, fewer.
fn sample(kernel: Kernel, step: u32) -> Vec<[f32; 2]> {
    let every = (0..=u32::MAX / step).map(|i| f32::from_bits(i * step));
    match kernel {
        One(_) => every.chain(neighbours()).map(|x| [x, 0.0]).collect(),
        Two(_) => {
            let mut state = 1u64;
            let mut next = || {
                state =
                    state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                (state >> 40) as f32 / (1 << 24) as f32
            };
            every
                .chain(neighbours())
                .map(|x| {
                    let x = if next() < 0.5 { x } else { (next() * 2.0 - 1.0) * 4.0 };
                    let y = (next() * 2.0 - 1.0) * (next() * 6.0).exp();
                    [x, if next() < 0.2 { y.round() } else { y }]
                })
                .collect()
        }
    }
}

#[test]
fn single_precision_keeps_its_bounds() {
    let mut failed = Vec::new();
    for Row { name, kernel, reference, single, size, below, range, .. } in TABLE {
        let code = evaluate::write(*kernel, Precision::F32);
        let double = evaluate::write(*kernel, Precision::F64);
        let mut worst = (0.0, [0.0; 2], 0.0, 0.0);
        let step = if reference.is_some() { 1021 } else { 4099 };
        for chunk in sample(*kernel, step).chunks(1024) {
            let wide: Vec<[f64; 2]> = chunk.iter().map(|x| x.map(f64::from)).collect();
            let exact = match reference {
                Some(reference) => wide.iter().map(|x| reference(x[0])).collect(),
                None => evaluate::run_f64(&double, &wide),
            };
            for ((x, got), exact) in chunk.iter().zip(evaluate::run_f32(&code, chunk)).zip(exact) {
                if !range(x.map(f64::from)) {
                    assert!(!got.is_nan() || exact.is_nan(), "{name} is NaN at {x:?}");
                    continue;
                }
                let times = if x[0] < 0.0 { *below } else { 1.0 };
                let off = off_single(got, exact, size(f64::from(x[0]))) / times;
                if off > worst.0 {
                    worst = (off, *x, got, exact);
                }
            }
        }
        println!(
            "f32 {name}: {:.3} ulp at {:e} {:e} (got {:e} for {:e}), {} operations",
            worst.0,
            worst.1[0],
            worst.1[1],
            worst.2,
            worst.3,
            code.len()
        );
        if worst.0 > *single {
            failed.push(format!("{name} is {} ulp off at {:?}: {:e}", worst.0, worst.1, worst.2));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

fn check(x: f64, expected: f64, got: f64) {
    assert!(got == expected || got.is_nan() && expected.is_nan(), "at {x}: {got}, not {expected}");
}

#[test]
fn special_arguments_have_their_values() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    let table: &[(Kernel, &[[f64; 2]])] = &[
        (
            One(super::exp),
            &[
                [0.0, 1.0],
                [-0.0, 1.0],
                [INF, INF],
                [-INF, 0.0],
                [1e30, INF],
                [-1e30, 0.0],
                [NAN, NAN],
            ],
        ),
        (
            One(super::expm1),
            &[[0.0, 0.0], [INF, INF], [-INF, -1.0], [-1e30, -1.0], [1e30, INF], [NAN, NAN]],
        ),
        (
            One(super::log),
            &[
                [1.0, 0.0],
                [0.0, -INF],
                [-0.0, -INF],
                [INF, INF],
                [-1.0, NAN],
                [-INF, NAN],
                [NAN, NAN],
            ],
        ),
        (
            One(super::log1p),
            &[[0.0, 0.0], [-1.0, -INF], [INF, INF], [-2.0, NAN], [-INF, NAN], [NAN, NAN]],
        ),
        (
            One(super::log2),
            &[
                [1.0, 0.0],
                [8.0, 3.0],
                [0.125, -3.0],
                [0.0, -INF],
                [INF, INF],
                [-1.0, NAN],
                [NAN, NAN],
            ],
        ),
        (
            One(super::tanh),
            &[[0.0, 0.0], [-0.0, -0.0], [INF, 1.0], [-INF, -1.0], [1e30, 1.0], [NAN, NAN]],
        ),
        (
            One(super::sigmoid),
            &[[0.0, 0.5], [INF, 1.0], [-INF, 0.0], [1e4, 1.0], [-1e4, 0.0], [NAN, NAN]],
        ),
        (One(super::softplus), &[[INF, INF], [-INF, 0.0], [1e4, 1e4], [-1e4, 0.0], [NAN, NAN]]),
        (One(super::sin), &[[0.0, 0.0], [INF, NAN], [-INF, NAN], [NAN, NAN]]),
        (One(super::cos), &[[0.0, 1.0], [INF, NAN], [-INF, NAN], [NAN, NAN]]),
        (One(super::atan), &[[0.0, 0.0], [-0.0, -0.0], [NAN, NAN]]),
        (One(super::logcosh), &[[0.0, 0.0], [-0.0, 0.0], [INF, INF], [-INF, INF], [NAN, NAN]]),
        (One(super::erf), &[[0.0, 0.0], [-0.0, -0.0], [INF, 1.0], [-INF, -1.0], [NAN, NAN]]),
        (One(super::erfc), &[[0.0, 1.0], [INF, 0.0], [-INF, 2.0], [NAN, NAN]]),
        (One(super::erfc), &[[-0.0, 1.0], [1e30, 0.0], [-1e30, 2.0]]),
        (
            One(super::normal_cdf),
            &[[0.0, 0.5], [INF, 1.0], [-INF, 0.0], [1e30, 1.0], [-1e200, 0.0], [NAN, NAN]],
        ),
        (One(super::log_normal_cdf), &[[INF, 0.0], [-INF, -INF], [NAN, NAN]]),
        (One(super::log_normal_cdf), &[[1e30, 0.0], [-1e200, -INF]]),
        (
            One(super::lgamma),
            &[[1.0, 0.0], [2.0, 0.0], [0.0, INF], [-1.0, INF], [INF, INF], [-INF, INF], [NAN, NAN]],
        ),
        (One(super::lgamma), &[[-0.0, INF], [-1e30, INF]]),
        (One(super::digamma), &[[0.0, -INF], [-0.0, INF], [INF, INF], [-INF, NAN], [NAN, NAN]]),
        (One(super::trigamma), &[[0.0, INF], [-0.0, INF], [-1.0, INF], [INF, 0.0], [NAN, NAN]]),
    ];
    for (kernel, points) in table {
        let code = evaluate::write(*kernel, Precision::F64);
        let inputs: Vec<[f64; 2]> = points.iter().map(|p| [p[0], 0.0]).collect();
        for (point, got) in points.iter().zip(evaluate::run_f64(&code, &inputs)) {
            check(point[0], point[1], got);
        }
        let code = evaluate::write(*kernel, Precision::F32);
        let inputs: Vec<[f32; 2]> = points.iter().map(|p| [p[0] as f32, 0.0]).collect();
        for (point, got) in points.iter().zip(evaluate::run_f32(&code, &inputs)) {
            check(point[0], point[1], f64::from(got));
        }
    }
}

#[test]
fn pow_has_the_special_pairs_of_ieee() {
    let values = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        2.0,
        -2.0,
        3.0,
        -3.0,
        2.5,
        -2.5,
        1e-40,
        -1e-40,
        1e300,
        -1e300,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        9_007_199_254_740_991.0,
        9_007_199_254_740_992.0,
        -9_007_199_254_740_991.0,
    ];
    let pairs: Vec<[f64; 2]> = values.iter().flat_map(|x| values.map(|y| [*x, y])).collect();
    let code = evaluate::write(Two(super::pow), Precision::F64);
    for ([x, y], got) in pairs.iter().zip(evaluate::run_f64(&code, &pairs)) {
        let expected = x.powf(*y);
        let same_sign = got.is_sign_negative() == expected.is_sign_negative();
        let close = got == expected || (got - expected).abs() <= 1e-15 * expected.abs();
        assert!(
            got.is_nan() && expected.is_nan() || close && same_sign,
            "{x}^{y}: {got}, not {expected}"
        );
    }
    let code = evaluate::write(Two(super::pow), Precision::F32);
    let pairs: Vec<[f32; 2]> = pairs.iter().map(|pair| pair.map(|v| v as f32)).collect();
    for ([x, y], got) in pairs.iter().zip(evaluate::run_f32(&code, &pairs)) {
        let expected = x.powf(*y);
        let same_sign = got.is_sign_negative() == expected.is_sign_negative();
        let close = got == expected || (got - expected).abs() <= 1e-6 * expected.abs();
        assert!(
            got.is_nan() && expected.is_nan() || close && same_sign,
            "{x}^{y}: {got}, not {expected}"
        );
    }
}

#[test]
fn kernels_of_half_a_line_have_the_same_bits() {
    let arguments = sample(One(super::exp), 8191).into_iter().filter(|[x, _]| *x <= 0.0);
    let below: Vec<[f32; 2]> = arguments.chain([[f32::NAN; 2], [-0.0; 2], [-1e30; 2]]).collect();
    let above: Vec<[f32; 2]> = below.iter().map(|pair| pair.map(|x| -x)).collect();
    assert!(below.len() > 1000);
    let run = |kernel, single: &[[f32; 2]]| {
        let code = |precision| evaluate::write(One(kernel), precision);
        let double: Vec<[f64; 2]> = single.iter().map(|pair| pair.map(f64::from)).collect();
        let singles = evaluate::run_f32(&code(Precision::F32), single).into_iter();
        let doubles = evaluate::run_f64(&code(Precision::F64), &double).into_iter();
        let singles = singles.map(|x| if x.is_nan() { None } else { Some(f64::from(x).to_bits()) });
        let doubles = doubles.map(|x| if x.is_nan() { None } else { Some(x.to_bits()) });
        singles.chain(doubles).collect::<Vec<_>>()
    };
    assert_eq!(run(super::exp, &below), run(super::exp_nonpositive, &below));
    assert_eq!(run(super::softplus, &below), run(super::softplus_fall, &above));
    let rests = above.iter().copied().filter(|[x, _]| *x != 0.0);
    let rests: Vec<[f32; 2]> =
        rests.chain([0.0, -1.0, 1e-40, 1e30, f32::INFINITY].map(|x| [x; 2])).collect();
    assert_eq!(run(super::log1p, &rests), run(super::log1p_of_rest, &rests));
}
