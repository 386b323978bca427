//! Kernels run by a small evaluator of straight-line code, against correctly rounded references.

mod evaluate;

use crate::loops::Precision;
use evaluate::Kernel;

/// A function, its reference in more precision, and how many units in the last place it may be off.
type Row = (&'static str, Kernel, fn(f64) -> f64, f64);

const TABLE: &[Row] = &[
    ("exp", super::exp, f64::exp, 1.0),
    ("log", super::log, f64::ln, 1.0),
    ("log1p", super::log1p, f64::ln_1p, 1.0),
    ("expm1", super::expm1, f64::exp_m1, 1.3),
    ("sigmoid", super::sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 2.1),
    ("softplus", super::softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), 2.0),
    ("tanh", super::tanh, f64::tanh, 2.5),
];

/// How far `got` is from the exact result, in units in the last place of the single-precision result.
fn ulps_f32(got: f32, exact: f64) -> f64 {
    if got.is_nan() || exact.is_nan() {
        return if got.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounding is the point")]
    let nearest = exact as f32;
    if got == nearest {
        return if got.is_infinite() {
            0.0
        } else {
            (f64::from(got) - exact).abs() / ulp_f32(nearest)
        };
    }
    if got.is_infinite() || nearest.is_infinite() {
        // Next to the overflow threshold, infinity counts as the number after the largest.
        let as_number = |v: f64| if v.is_infinite() { v.signum() * 2f64.powi(128) } else { v };
        return (as_number(f64::from(got)) - as_number(exact)).abs() / 2f64.powi(104);
    }
    (f64::from(got) - exact).abs() / ulp_f32(nearest)
}

fn ulp_f32(x: f32) -> f64 {
    let exponent = i32::try_from((x.to_bits() >> 23) & 0xff).expect("eight bits");
    2f64.powi(exponent.max(1) - 150)
}

#[test]
fn single_precision_keeps_its_bounds() {
    let mut failed = Vec::new();
    for &(name, kernel, reference, bound) in TABLE {
        let code = evaluate::write(kernel, Precision::F32);
        let inputs: Vec<f32> = (0..=u32::MAX / 4099).map(|i| f32::from_bits(i * 4099)).collect();
        let mut worst = (0.0, 0.0, 0.0);
        for chunk in inputs.chunks(1024) {
            for (&x, got) in chunk.iter().zip(evaluate::run_f32(&code, chunk)) {
                let off = ulps_f32(got, reference(f64::from(x)));
                if off > worst.0 {
                    worst = (off, x, got);
                }
            }
        }
        println!(
            "{name}: {:.3} ulp at {:e} (got {:e}), {} operations",
            worst.0,
            worst.1,
            worst.2,
            code.len()
        );
        if worst.0 > bound {
            failed.push(format!("{name} is {} ulp off at {:e}: {:e}", worst.0, worst.1, worst.2));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
