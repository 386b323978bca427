//! Kernels run by a small evaluator of straight-line code, against references with more digits.

mod evaluate;

use std::collections::HashMap;

use crate::loops::Precision;
use evaluate::Kernel::{self, One, Two};

/// A function and how many units in the last place it may be off.
struct Row {
    name: &'static str,
    kernel: Kernel,
    /// Its value in more than single precision; none: the kernel for double precision, which the table of exact values tests.
    reference: Option<fn(f64) -> f64>,
    single: f64,
    double: f64,
}

const fn row(
    name: &'static str,
    kernel: Kernel,
    reference: Option<fn(f64) -> f64>,
    single: f64,
    double: f64,
) -> Row {
    Row { name, kernel, reference, single, double }
}

const TABLE: &[Row] = &[
    row("exp", One(super::exp), Some(f64::exp), 1.0, 1.0),
    row("expm1", One(super::expm1), Some(f64::exp_m1), 1.3, 1.3),
    row("log", One(super::log), Some(f64::ln), 1.0, 1.0),
    row("log1p", One(super::log1p), Some(f64::ln_1p), 1.0, 1.0),
    row("log2", One(super::log2), Some(f64::log2), 1.0, 1.0),
    row("tanh", One(super::tanh), Some(f64::tanh), 1.5, 2.0),
    row("sigmoid", One(super::sigmoid), Some(|x| 1.0 / (1.0 + (-x).exp())), 2.0, 2.0),
    row(
        "softplus",
        One(super::softplus),
        Some(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        2.0,
        2.0,
    ),
    row("sin", One(super::sin), None, 1.0, 2.0),
    row("cos", One(super::cos), None, 1.0, 2.0),
    row("atan", One(super::atan), Some(f64::atan), 1.0, 2.0),
    row("erf", One(super::erf), None, 1.0, 2.0),
    row("erfc", One(super::erfc), None, 4.0, 4.0),
    row("log_normal_cdf", One(super::log_normal_cdf), None, 4.0, 4.0),
    row("lgamma", One(super::lgamma), None, 4.0, 4.0),
    row("digamma", One(super::digamma), None, 4.0, 4.0),
    row("trigamma", One(super::trigamma), None, 4.0, 4.0),
    row("pow", Two(super::pow), None, 4.0, 4.0),
    row("boxcox1p", Two(super::boxcox1p), None, 4.0, 4.0),
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
    2f64.powi((exponent - bits + 1).max(least))
}

/// How far a double-precision number is from the exact result, `exact + left` last places.
fn off_double(got: f64, exact: f64, left: f64) -> f64 {
    if got.is_nan() || exact.is_nan() || got.is_infinite() || exact.is_infinite() {
        return if got.to_bits() == exact.to_bits() || got.is_nan() && exact.is_nan() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    ((got - exact) / ulp(exact, 53, -1074) - left).abs()
}

/// How far a single-precision number is from the exact result. Infinity counts as the number after the largest.
fn off_single(got: f32, exact: f64) -> f64 {
    if got.is_nan() || exact.is_nan() {
        return if got.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let bounded = |v: f64| v.clamp(-(2f64.powi(128)), 2f64.powi(128));
    let (got, exact) = (bounded(f64::from(got)), bounded(exact));
    (got - exact).abs() / ulp(exact, 24, -149).min(2f64.powi(104))
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
    for Row { name, kernel, double, .. } in TABLE {
        let code = evaluate::write(*kernel, Precision::F64);
        let points = &points[name];
        let inputs: Vec<[f64; 2]> = points.iter().map(|p| [p[0], p[1]]).collect();
        let mut worst = (0.0, vec![], 0.0);
        for (point, got) in points.iter().zip(evaluate::run_f64(&code, &inputs)) {
            let [.., exact, left] = point[..] else { panic!("{name}: a short line") };
            let off = off_double(got, exact, left);
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

/// Pairs of arguments; every 4099th number first.
fn sample(kernel: Kernel) -> Vec<[f32; 2]> {
    let every = (0..=u32::MAX / 4099).map(|i| f32::from_bits(i * 4099));
    match kernel {
        One(_) => every.map(|x| [x, 0.0]).collect(),
        Two(_) => {
            let mut state = 1u64;
            let mut next = || {
                state =
                    state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                (state >> 40) as f32 / (1 << 24) as f32
            };
            every
                .step_by(4)
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
    for Row { name, kernel, reference, single, .. } in TABLE {
        let code = evaluate::write(*kernel, Precision::F32);
        let double = evaluate::write(*kernel, Precision::F64);
        let mut worst = (0.0, [0.0; 2], 0.0, 0.0);
        for chunk in sample(*kernel).chunks(1024) {
            let wide: Vec<[f64; 2]> = chunk.iter().map(|x| x.map(f64::from)).collect();
            let exact = match reference {
                Some(reference) => wide.iter().map(|x| reference(x[0])).collect(),
                None => evaluate::run_f64(&double, &wide),
            };
            for ((x, got), exact) in chunk.iter().zip(evaluate::run_f32(&code, chunk)).zip(exact) {
                if matches!(*name, "sin" | "cos") && x[0].abs() > 1e5 {
                    continue;
                }
                if matches!(*name, "digamma" | "lgamma" | "trigamma") && x[0] < 0.0 {
                    continue;
                }
                let off = off_single(got, exact);
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
