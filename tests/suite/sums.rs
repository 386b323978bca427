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
