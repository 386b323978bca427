//! Sums of very many f32 values of one sign: each within 1e-6 of what they come to.

use lossc::call::Reduction;
use lossc::compile::Compiler;

/// What every element is, and its nearest f32 beside it in the expectations.
const NUMBER: f32 = 0.1;

/// Asserts that a number is within 1e-6 relative.
fn assert_close(what: &str, found: f64, expected: f64) {
    let error = ((found - expected) / expected).abs();
    assert!(error < 1e-6, "{what}: {found} instead of {expected}, off by {error:e}");
}

#[test]
fn reductions_within_an_example_keep_their_digits() {
    let each = f64::from(NUMBER);
    let table: [(&str, &[usize], f64); 8] = [
        ("loss l(pred x[K]) = sum(x)", &[10_000_000], 1e7 * each),
        ("loss l(pred x[K]) = mean(x)", &[3_000_000], each),
        ("loss l(pred x[K]) = sum(x^2)", &[3_000_000], 3e6 * each * each),
        ("loss l(pred x[K]) = norm(x)", &[1_000_000], 1e3 * each),
        ("loss l(pred x[K]) = logsumexp(x)", &[1_000_000], each + 1e6f64.ln()),
        ("loss l(pred x[I, J]) = sum(x)", &[1000, 3000], 3e6 * each),
        ("loss l(pred x[I, J]) = sum(x)", &[1_000_000, 3], 3e6 * each),
        ("loss l(pred x[I, J]) = max(sum[I](x)) * max(x)", &[1_000_000, 3], 1e6 * each * each),
    ];
    for (text, shape, expected) in table {
        let loss = Compiler::new().text::<f32>("sums.loss", text).unwrap();
        let elements = vec![NUMBER; shape.iter().product()];
        let rows: Vec<usize> = std::iter::once(1).chain(shape.iter().copied()).collect();
        let total = loss.call().bind("x", &elements, &rows).run(Reduction::Sum).unwrap().total;
        assert_close(text, total, expected);
    }
}

#[test]
fn a_large_batch_keeps_its_digits() {
    let text = "loss l(pred x[K], learned w[K], t) = sum(w * x) + t * x[0]";
    let loss = Compiler::new().text::<f32>("sums.loss", text).unwrap();
    let (rows, each) = (1_000_003, f64::from(NUMBER));
    let x = vec![NUMBER; 3 * rows];
    let (mut for_w, mut for_t) = ([0.0; 3], [0.0]);
    let summary = loss
        .call()
        .bind("x", &x, &[rows, 3])
        .set("w", &[1.0, 1.0, 1.0])
        .set("t", 1.0)
        .gradient("w", &mut for_w)
        .gradient("t", &mut for_t)
        .run(Reduction::Sum)
        .unwrap();
    let of_one = 1_000_003.0 * each;
    assert_close("value", summary.total, 4.0 * of_one);
    for gradient in for_w.into_iter().chain(for_t) {
        assert_close("gradient", f64::from(gradient), of_one);
    }
}

#[test]
fn many_chunks_keep_the_digits_of_f64() {
    // A chunk has one example.
    let text = "loss l(pred x[K]) = x[0]";
    let loss = Compiler::new().text::<f64>("sums.loss", text).unwrap();
    let (rows, length) = (300, 20_000);
    let mut x = vec![0.0; rows * length];
    x.iter_mut().step_by(length).for_each(|first| *first = 0.5);
    x[0] = 2f64.powi(53);
    let total = loss.call().bind("x", &x, &[rows, length]).run(Reduction::Sum).unwrap().total;
    assert_eq!(total.to_bits(), (2f64.powi(53) + 150.0).to_bits(), "{total}");
}

/// The sums of `(values, weights)` as bits.
fn bits(text: &str, rows: usize, weighted: bool, with_values: bool) -> [u64; 2] {
    let loss = Compiler::new().text::<f32>("sums.loss", text).unwrap();
    let numbers = (0..u16::try_from(3 * rows).unwrap()).map(|at| (f32::from(at) * 0.7).sin());
    let x: Vec<f32> = numbers.collect();
    let labels: Vec<i32> = (0..rows).map(|row| [0, -1, 2, 1][row % 4]).collect();
    let weights: Vec<f32> = x.iter().take(rows).map(|it| it.abs()).collect();
    let (mut values, mut gradient) = (vec![0.0; rows], vec![0.0; 3 * rows]);
    let mut call = loss.call().bind("x", &x, &[rows, 3]).bind("c", &labels, &[rows]);
    if weighted {
        call = call.sample_weights(&weights);
    }
    if with_values {
        call = call.values(&mut values);
    }
    let summary = call.gradient("x", &mut gradient).run(Reduction::Mean).unwrap();
    [summary.sum.to_bits(), summary.weight.to_bits()]
}

#[test]
fn a_total_does_not_depend_on_whether_values_are_asked_for() {
    for text in [
        "loss l(pred x[K], target c in K?) = -log_softmax(x)[c]",
        "loss l(pred x[K], target c in K?, param w[K] = 0.3) = w[c] * x[c] per w[c]^2",
        "loss l(pred x[3], target c in 3?) = exp(x[0]) * x[1] - tanh(x[2])",
    ] {
        for rows in [1, 7, 4096, 10_000] {
            for weighted in [false, true] {
                let [without, with] =
                    [false, true].map(|with_values| bits(text, rows, weighted, with_values));
                assert_eq!(without, with, "{text}, {rows} rows, weighted: {weighted}");
            }
        }
    }
}

#[test]
fn totals_tell_infinities_and_nan() {
    let loss = Compiler::new().text::<f32>("sums.loss", "loss l(pred x) = x").unwrap();
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    for (bad, expected) in [
        (&[infinity][..], f64::INFINITY),
        (&[-infinity], f64::NEG_INFINITY),
        (&[infinity, -infinity], f64::NAN),
        (&[nan], f64::NAN),
        (&[nan, infinity], f64::NAN),
    ] {
        for rows in [2, 300, 9000] {
            for place in [0, rows - 2] {
                let mut x = vec![1.0; rows];
                x[place..][..bad.len()].copy_from_slice(bad);
                let found = loss.call().bind("x", &x, &[rows]).run(Reduction::Sum).unwrap().total;
                let is_right = found == expected || found.is_nan() && expected.is_nan();
                assert!(is_right, "{bad:?} in row {place} of {rows}: {found}");
            }
        }
    }
}
