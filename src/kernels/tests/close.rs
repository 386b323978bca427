//! The forms with fewer steps: within a few units, with the values of the exact ones at special arguments, and in fewer steps.

use super::evaluate::Kernel::{self, One, Two};
use super::evaluate::{run_f32, run_f64, write, write_with};
use super::{neighbours, off_single, sample};
use crate::loops::{Accuracy, Precision};

/// A function, how many units it may be off, and where.
struct Row {
    name: &'static str,
    kernel: Kernel,
    bound: f64,
    range: fn(f32) -> bool,
}

const TABLE: &[Row] = &[
    Row { name: "exp", kernel: One(crate::kernels::exp), bound: 3.0, range: |x| x.abs() < 20.0 },
    Row {
        name: "exp of every number",
        kernel: One(crate::kernels::exp),
        bound: 5.5,
        range: |_| true,
    },
    Row {
        name: "exp below 0",
        kernel: One(crate::kernels::exp_nonpositive),
        bound: 3.0,
        range: |x| (-30.0..=0.0).contains(&x),
    },
    Row {
        name: "exp far below 0",
        kernel: One(crate::kernels::exp_nonpositive),
        bound: 5.0,
        range: |x| (f32::NEG_INFINITY..=0.0).contains(&x),
    },
    Row { name: "sigmoid", kernel: One(crate::kernels::sigmoid), bound: 4.0, range: |x| x > -30.0 },
    Row {
        name: "softplus",
        kernel: One(crate::kernels::softplus),
        bound: 4.0,
        range: |x| x > -30.0,
    },
    Row {
        name: "softplus_fall",
        kernel: One(crate::kernels::softplus_fall),
        bound: 4.0,
        range: |x| (0.0..30.0).contains(&x),
    },
];

#[test]
fn close_forms_keep_their_bounds() {
    for Row { name, kernel, bound, range } in TABLE {
        let close = write_with(*kernel, Precision::F32, Accuracy::Close);
        let exact = write(*kernel, Precision::F64);
        let mut worst = (0.0, 0.0);
        let inputs: Vec<[f32; 2]> =
            sample(*kernel, 4099).into_iter().filter(|x| range(x[0])).collect();
        let wide: Vec<[f64; 2]> = inputs.iter().map(|x| x.map(f64::from)).collect();
        let results = run_f32(&close, &inputs).into_iter().zip(run_f64(&exact, &wide));
        for (x, (got, exact)) in inputs.iter().zip(results) {
            let off = off_single(got, exact, 0.0);
            if off > worst.0 {
                worst = (off, x[0]);
            }
        }
        println!("{name}: {:.2} units at {}, {} operations", worst.0, worst.1, close.len());
        assert!(worst.0 <= *bound, "{name} is {} units off at {}", worst.0, worst.1);
        assert!(close.len() < write(*kernel, Precision::F32).len(), "{name} saves nothing");
    }
}

#[test]
fn close_exponentials_have_the_same_bits() {
    let inputs: Vec<[f32; 2]> = sample(One(crate::kernels::exp), 4099)
        .into_iter()
        .filter(|x| x[0].is_nan() || x[0] <= 0.0)
        .collect();
    let [one, other] = [crate::kernels::exp, crate::kernels::exp_nonpositive]
        .map(|kernel| run_f32(&write_with(One(kernel), Precision::F32, Accuracy::Close), &inputs));
    for ((x, a), b) in inputs.iter().zip(one).zip(other) {
        assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "at {x:?}: {a} and {b}");
    }
}

#[test]
fn close_forms_are_the_exact_ones_in_double_precision() {
    let inputs: Vec<[f64; 2]> = neighbours().iter().map(|x| [f64::from(*x), 1.0]).collect();
    for Row { name, kernel, .. } in TABLE {
        let [close, exact] = [Accuracy::Close, Accuracy::Exact]
            .map(|accuracy| run_f64(&write_with(*kernel, Precision::F64, accuracy), &inputs));
        assert!(close.iter().zip(&exact).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
    }
}

#[test]
fn close_forms_of_special_arguments_have_their_values() {
    const INF: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    let table: &[(Kernel, &[[f32; 3]])] = &[
        (
            One(crate::kernels::exp),
            &[
                [0.0, 0.0, 1.0],
                [INF, 0.0, INF],
                [1e30, 0.0, INF],
                [-INF, 0.0, 0.0],
                [NAN, 0.0, NAN],
            ],
        ),
        (
            One(crate::kernels::exp_nonpositive),
            &[
                [0.0, 0.0, 1.0],
                [-0.0, 0.0, 1.0],
                [-INF, 0.0, 0.0],
                [-1e30, 0.0, 0.0],
                [NAN, 0.0, NAN],
            ],
        ),
        (
            One(crate::kernels::sigmoid),
            &[
                [0.0, 0.0, 0.5],
                [INF, 0.0, 1.0],
                [-INF, 0.0, 0.0],
                [1e30, 0.0, 1.0],
                [NAN, 0.0, NAN],
            ],
        ),
        (
            One(crate::kernels::softplus),
            &[
                [INF, 0.0, INF],
                [-INF, 0.0, 0.0],
                [1e30, 0.0, 1e30],
                [-1e30, 0.0, 0.0],
                [NAN, 0.0, NAN],
            ],
        ),
        (
            Two(crate::kernels::log_add_exp),
            &[
                [INF, INF, INF],
                [-INF, -INF, -INF],
                [INF, -INF, INF],
                [-INF, 5.0, 5.0],
                [5.0, -INF, 5.0],
                [1e30, -1e30, 1e30],
                [NAN, 1.0, NAN],
                [1.0, NAN, NAN],
                [NAN, INF, NAN],
                [INF, NAN, NAN],
                [NAN, NAN, NAN],
            ],
        ),
    ];
    for (kernel, rows) in table {
        let code = write_with(*kernel, Precision::F32, Accuracy::Close);
        for [x, y, expected] in *rows {
            let [got] = run_f32(&code, &[[*x, *y]])[..] else { panic!("one result") };
            let same = got == *expected || got.is_nan() && expected.is_nan();
            assert!(same, "at {x}, {y}: {got}, not {expected}");
        }
    }
}

#[test]
fn close_sums_of_exponentials_keep_the_digits_of_the_larger() {
    let kernel = Two(crate::kernels::log_add_exp);
    let inputs = sample(kernel, 4099);
    let wide: Vec<[f64; 2]> = inputs.iter().map(|x| x.map(f64::from)).collect();
    let close = run_f32(&write_with(kernel, Precision::F32, Accuracy::Close), &inputs);
    let exact = run_f64(&write(kernel, Precision::F64), &wide);
    for ((x, got), exact) in inputs.iter().zip(close).zip(exact) {
        let size = f64::from(x[0].abs().max(x[1].abs())).clamp(1.0, 1e30);
        let off = off_single(got, exact, size);
        assert!(off <= 4.0, "at {x:?}: {got}, not {exact}: {off} units");
    }
}
