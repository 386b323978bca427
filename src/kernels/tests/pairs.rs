//! `logaddexp`, `boxcox1p` and products of a number and a logarithm, on pairs.

use super::evaluate::Kernel::Two;
use super::evaluate::{run_f32, run_f64, write};
use super::{EXACT, check, off_double, off_single, sample};
use crate::loops::{Emit, Operation, Precision, Value};

/// The terms of logaddexp: the larger argument and what is added to it. The last place of the larger of them counts.
fn largest_term([a, b]: [f64; 2], exact: f64) -> f64 {
    let larger = a.max(b);
    larger.abs().max((exact - larger).abs())
}

#[test]
fn logaddexp_keeps_its_bound() {
    let kernel = Two(super::super::log_add_exp);
    let (single, double) = (write(kernel, Precision::F32), write(kernel, Precision::F64));
    let lines = EXACT.lines().filter_map(|line| line.strip_prefix("logaddexp "));
    let mut count = 0;
    for line in lines {
        let numbers: Vec<f64> = line.split(' ').map(|w| w.parse().expect("a number")).collect();
        let [a, b, exact, left] = numbers[..] else { panic!("a short line: {line}") };
        let got = run_f64(&double, &[[a, b]])[0];
        let off = off_double(got, exact, left, largest_term([a, b], exact));
        assert!(off <= 1.0, "{a}, {b}: {off} units off in f64");
        count += 1;
    }
    assert!(count > 100, "exact values are missing");

    let mut pairs = sample(kernel, 8191);
    let about: Vec<[f32; 2]> = pairs.iter().map(|[x, y]| [*y, *y + x.clamp(-30.0, 30.0)]).collect();
    pairs.extend(about);
    for chunk in pairs.chunks(1024) {
        let wide: Vec<[f64; 2]> = chunk.iter().map(|pair| pair.map(f64::from)).collect();
        let values = run_f32(&single, chunk).into_iter().zip(run_f64(&double, &wide));
        for (pair, (got, exact)) in wide.iter().zip(values) {
            let off = off_single(got, exact, largest_term(*pair, exact));
            assert!(off <= 1.0, "{pair:?}: {off} units off in f32, {got} for {exact}");
        }
    }
}

#[test]
fn logaddexp_has_its_special_pairs() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    let table = [
        [INF, INF, INF],
        [-INF, -INF, -INF],
        [INF, -INF, INF],
        [-INF, INF, INF],
        [INF, 1.0, INF],
        [2.5, -INF, 2.5],
        [-INF, 2.5, 2.5],
        [NAN, 1.0, NAN],
        [1.0, NAN, NAN],
        [NAN, INF, NAN],
        [INF, NAN, NAN],
        [-INF, NAN, NAN],
        [3e38, 3e38, 3e38],
    ];
    let kernel = Two(super::super::log_add_exp);
    let (single, double) = (write(kernel, Precision::F32), write(kernel, Precision::F64));
    for [a, b, expected] in table {
        let got = run_f64(&double, &[[a, b]])[0];
        assert!(got == expected || got.is_nan() && expected.is_nan(), "{a}, {b}: {got}");
        let got = run_f32(&single, &[[a as f32, b as f32]])[0];
        assert!(got == expected as f32 || got.is_nan() && expected.is_nan(), "{a}, {b}: {got}");
    }
}

fn log_times(emit: &mut dyn Emit, a: Value, b: Value) -> Value {
    let log = super::super::log(emit, b);
    emit.emit(Operation::Multiply(a, log))
}

fn log1p_times(emit: &mut dyn Emit, a: Value, b: Value) -> Value {
    let log = super::super::log1p(emit, b);
    emit.emit(Operation::Multiply(a, log))
}

/// `xlogy` and `xlog1py`: a rounded product of a rounded logarithm.
#[test]
fn products_with_logarithms_keep_their_bound() {
    let rows = [
        ("xlogy", Two(log_times), f64::ln as fn(f64) -> f64),
        ("xlog1py", Two(log1p_times), f64::ln_1p),
    ];
    for (name, kernel, log) in rows {
        let code = write(kernel, Precision::F32);
        for chunk in sample(kernel, 8191).chunks(1024) {
            let turned: Vec<[f32; 2]> = chunk.iter().map(|[x, y]| [*y, *x]).collect();
            for ([a, b], got) in turned.iter().zip(run_f32(&code, &turned)) {
                let exact = f64::from(*a) * log(f64::from(*b));
                let off = off_single(got, exact, 0.0);
                assert!(off <= 1.8, "{name}({a}, {b}): {off} units off, {got} for {exact}");
            }
        }
    }
}

#[test]
fn boxcox1p_has_its_limits_at_both_ends() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    // Tiny numbers: normal in each precision, with a reciprocal that is a number.
    let table = |tiny: f64| {
        [
            [INF, 0.0, INF],
            [INF, 0.5, INF],
            [INF, tiny, INF],
            [INF, -0.5, 2.0],
            [INF, -tiny, 1.0 / tiny],
            [-1.0, 0.0, -INF],
            [-1.0, 0.5, -2.0],
            [-1.0, tiny, -1.0 / tiny],
            [-1.0, -0.5, -INF],
            [-1.0, -tiny, -INF],
            [0.0, 0.0, 0.0],
            [0.0, 1e9, 0.0],
            [3.0, tiny, 4f64.ln()],
            [-2.0, 0.5, NAN],
            [NAN, 0.0, NAN],
            [NAN, 0.5, NAN],
            [1.0, NAN, NAN],
        ]
    };
    let kernel = Two(super::super::boxcox1p);
    let code = write(kernel, Precision::F64);
    for [x, lambda, expected] in table(1e-307) {
        check(x, expected, run_f64(&code, &[[x, lambda]])[0]);
    }
    let code = write(kernel, Precision::F32);
    let tiny = 2f64.powi(-125);
    for [x, lambda, expected] in table(tiny) {
        let got = run_f32(&code, &[[x as f32, lambda as f32]])[0];
        check(x, f64::from(expected as f32), f64::from(got));
    }
}

#[test]
fn boxcox1p_is_finite_where_its_power_is_not() {
    let kernel = Two(super::super::boxcox1p);
    let code = write(kernel, Precision::F64);
    for [x, lambda, expected] in [
        [-7.2e-306, -1e308, -49_207.009_302_637_66],
        [3.5e-10, 2.05e12, 1.970_320_382_305_566_3e299],
    ] {
        let got = run_f64(&code, &[[x, lambda]])[0];
        assert!((got / expected - 1.0).abs() < 1e-15, "boxcox1p({x:e}, {lambda:e}) = {got:e}");
    }
    let code = write(kernel, Precision::F32);
    for ([x, lambda], expected) in [
        ([-2.620_885_5e-37, f32::MIN], -1.586_084_1),
        ([6.161_997e-11, 1.799_165_3e12], 7.812_272e35),
    ] {
        let got = run_f32(&code, &[[x, lambda]])[0];
        assert!((got / expected - 1.0f32).abs() < 4e-7, "boxcox1p({x:e}, {lambda:e}) = {got:e}");
    }
}

#[test]
fn boxcox1p_keeps_its_digits_beside_subnormal_numbers() {
    let kernel = Two(super::super::boxcox1p);
    let code = write(kernel, Precision::F64);
    for (x, expected, left) in [
        (4.161_197_215_002_9e-308, 9.858_333_380_421_199e-306, -0.15674),
        (1.5e-308, 7.692_265_234_207_942e-308, 0.01647),
    ] {
        for sign in [1.0, -1.0] {
            let got = run_f64(&code, &[[sign * x, sign * f64::MAX]])[0];
            let off = off_double(got, sign * expected, sign * left, 0.0);
            assert!(off <= 2.0, "boxcox1p({x:e}, {:e}) = {got:e}, {off} off", f64::MAX);
        }
    }
    let code = write(kernel, Precision::F32);
    for (x, expected) in
        [(6.104_856e-39, 2.052_261_394_078_234_9e-38), (4.203_899_6e-39, 9.347_657_005_487_804e-39)]
    {
        for sign in [1.0, -1.0] {
            let got = run_f32(&code, &[[sign * x, sign * f32::MAX]])[0];
            let off = off_single(got, f64::from(sign) * expected, 0.0);
            assert!(off <= 2.0, "boxcox1p({x:e}, {:e}) = {got:e}, {off} off", f32::MAX);
        }
    }
}
