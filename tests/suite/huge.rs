//! Numbers whose squares are past the largest one: values and gradients that are not are right, in both precisions.
//!
//! Arguments are powers of two, from where 1 is nothing beside their squares up to the end of the format, so that the exact
//! results are closed forms in the exponent.

use std::f64::consts::LN_2;

use lossc::call::Reduction;
use lossc::compile::{Compiler, Target};
use lossc::{Element, Loss};

/// A loss of `x`, which is 2^e, and of `y`; what it is and its derivative in `x`.
struct Row {
    text: &'static str,
    y: fn(f64) -> f64,
    value: fn(f64) -> f64,
    slope: fn(f64) -> f64,
    /// The derivative is looked at up to this part of all exponents.
    until: f64,
}

const fn row(text: &'static str, value: fn(f64) -> f64, slope: fn(f64) -> f64) -> Row {
    Row { text, y: |_| 1.0, value, slope, until: 1.0 }
}

const ROWS: &[Row] = &[
    // Logarithms.
    row("log(1 + x^2)", |e| 2.0 * e * LN_2, |e| (1.0 - e).exp2()),
    row("log1p(x^2)", |e| 2.0 * e * LN_2, |e| (1.0 - e).exp2()),
    row("log(x^2 + 2)", |e| 2.0 * e * LN_2, |e| (1.0 - e).exp2()),
    row("log(c + x^2)", |e| 2.0 * e * LN_2, |e| (1.0 - e).exp2()),
    row("log1p(x^2 / c^2)", |e| (2.0 * e - 2.0) * LN_2, |e| (1.0 - e).exp2()),
    row("log(1 + (x / c)^2)", |e| (2.0 * e - 2.0) * LN_2, |e| (1.0 - e).exp2()),
    row("c^2 / 2 * log(1 + (x / c)^2)", |e| (4.0 * e - 4.0) * LN_2, |e| (2.0 - e).exp2()),
    row("log1p((x / 2)^2)", |e| (2.0 * e - 2.0) * LN_2, |e| (1.0 - e).exp2()),
    row("log2(1 + x^2)", |e| 2.0 * e, |e| (1.0 - e).exp2() / LN_2),
    row("3 * log(1 + 3 * x^2)", |e| 3.0 * (3f64.ln() + 2.0 * e * LN_2), |e| 6.0 * (-e).exp2()),
    row("y * log(1 + x^2)", |e| 2.0 * e * LN_2, |e| (1.0 - e).exp2()),
    row("(c + 1) / 2 * log(1 + x^2 / c)", |e| 1.5 * (2.0 * e - 1.0) * LN_2, |e| 3.0 * (-e).exp2()),
    Row {
        y: |e| (e - 1.0).exp2(),
        ..row("log(1 + x^2 + y^2)", |e| 1.25f64.ln() + 2.0 * e * LN_2, |e| 1.6 * (-e).exp2())
    },
    // Quotients.
    row("x / (1 + x^2)", |e| (-e).exp2(), |e| -(-2.0 * e).exp2()),
    row("x / (c + x^2)", |e| (-e).exp2(), |e| -(-2.0 * e).exp2()),
    row("y * x / (3 + x^2 / c)", |e| 2.0 * (-e).exp2(), |e| -2.0 * (-2.0 * e).exp2()),
    row("x^2 / (1 + x^2)", |_| 1.0, |e| 2.0 * (-3.0 * e).exp2()),
    row("x^2 / 2 / (1 + x^2)", |_| 0.5, |e| (-3.0 * e).exp2()),
    row("x^2 / (c + x^2)", |_| 1.0, |e| 4.0 * (-3.0 * e).exp2()),
    row("x^2 / (c^2 + x^2)", |_| 1.0, |e| 8.0 * (-3.0 * e).exp2()),
    row("1 / (1 + x^2)", |e| (-2.0 * e).exp2(), |e| -2.0 * (-3.0 * e).exp2()),
    row("1 - 1 / (1 + x^2)", |_| 1.0, |e| 2.0 * (-3.0 * e).exp2()),
    row("1 / (1 + x^2)^2", |e| (-4.0 * e).exp2(), |e| -4.0 * (-5.0 * e).exp2()),
    Row { y: f64::exp2, ..row("x^2 / max(1, y)", f64::exp2, |_| 2.0) },
    Row { y: f64::exp2, ..row("x^2 / y^2", |_| 1.0, |e| 2.0 * (-e).exp2()) },
    Row {
        y: |e| (e - 1.0).exp2(),
        ..row("x / (x^2 + y^2)", |e| 0.8 * (-e).exp2(), |e| -0.48 * (-2.0 * e).exp2())
    },
    // Powers.
    row("sqrt(1 + x^2) - 1", f64::exp2, |_| 1.0),
    row("((1 + x^2)^0.5 - 1) / 0.5", |e| 2.0 * e.exp2(), |_| 2.0),
    // Their derivatives are products with a power that is too small from there on.
    Row {
        until: 0.65,
        ..row("boxcox1p(x^2, 0.25) / 4", |e| (0.5 * e).exp2() - 1.0, |e| 0.5 * (-0.5 * e).exp2())
    },
    Row {
        until: 0.75,
        ..row("(1 + x^2)^0.375", |e| (0.75 * e).exp2(), |e| 0.75 * (-0.25 * e).exp2())
    },
];

/// A precision: what counts as equal, and its exponents.
trait Format: Element {
    const WITHIN: f64;
    const EXPONENTS: [i32; 3];
    const LEAST: f64;
}

impl Format for f32 {
    const WITHIN: f64 = 1e-5;
    const EXPONENTS: [i32; 3] = [30, 126, 1];
    const LEAST: f64 = 1.2e-38;
}

impl Format for f64 {
    const WITHIN: f64 = 1e-13;
    const EXPONENTS: [i32; 3] = [60, 1020, 8];
    const LEAST: f64 = 2.3e-308;
}

fn is_close<T: Format>(got: T, exact: f64) -> bool {
    (got.to_f64() - exact).abs() <= (exact.abs() * T::WITHIN).max(T::LEAST)
}

fn compile<T: Element>(text: &str) -> Loss<T> {
    let compiler = Compiler::new().target(Target::NativeScalar);
    compiler.text("huge.loss", text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The shipped losses that grow slowly, with the defaults of their params: of `yhat` = 2^e and `y` = 0.
const SHIPPED: &[Row] = &[
    row(
        "cauchy",
        |e| CAUCHY * CAUCHY * (e * LN_2 - CAUCHY.ln()),
        |e| CAUCHY * CAUCHY * (-e).exp2(),
    ),
    row("geman_mcclure", |_| 0.5, |e| (-3.0 * e).exp2()),
    row("charbonnier", f64::exp2, |_| 1.0),
    row("barron", |e| e.exp2() - 1.0, |_| 1.0),
];

/// The default of `c` in `cauchy`.
const CAUCHY: f64 = 2.385;

/// What is wrong with a loss of two numbers at all exponents.
fn compare<T: Format>(loss: &Loss<T>, row: &Row, names: [&str; 2]) -> Vec<String> {
    let [low, high, step] = T::EXPONENTS;
    let exponents: Vec<i32> =
        (low..=high).filter(|exponent| (exponent - low) % step == 0).collect();
    let exponents: Vec<f64> = exponents.into_iter().map(f64::from).collect();
    let x: Vec<T> = exponents.iter().map(|e| T::from_f64(e.exp2())).collect();
    let y: Vec<T> = exponents.iter().map(|e| T::from_f64((row.y)(*e))).collect();
    let mut values = vec![T::from_f64(0.0); x.len()];
    let mut slopes = values.clone();
    loss.call()
        .bind(names[0], &x, &[x.len()])
        .bind(names[1], &y, &[y.len()])
        .values(&mut values)
        .gradient(names[0], &mut slopes)
        .run(Reduction::Sum)
        .unwrap_or_else(|error| panic!("{}: {error}", row.text));
    let mut wrong = Vec::new();
    for (e, (value, slope)) in exponents.iter().zip(values.into_iter().zip(slopes)) {
        let results =
            [("value", value, (row.value)(*e), 1.0), ("slope", slope, (row.slope)(*e), row.until)];
        for (what, got, exact, until) in results {
            if *e <= until * f64::from(high) && !is_close(got, exact) {
                let got = got.to_f64();
                wrong.push(format!("{}: {what} at 2^{e} is {got:e}, not {exact:e}", row.text));
            }
        }
    }
    wrong
}

fn measure<T: Format>() -> Vec<String> {
    let of_row = |row: &Row| {
        let text = format!("loss huge(pred x, target y, param c in (0, inf) = 2) = {}", row.text);
        compare(&compile::<T>(&text), row, ["x", "y"])
    };
    let of_shipped = |row: &Row| {
        let loss = Compiler::new().library::<T>(row.text).expect("a shipped loss");
        let row = Row { y: |_| 0.0, ..*row };
        compare(&loss, &row, ["yhat", "y"])
    };
    ROWS.iter().flat_map(of_row).chain(SHIPPED.iter().flat_map(of_shipped)).collect()
}

/// Losses of vectors `a`, of which the elements are 2^e, and `b`, whose first element is 2^f and the second 0: the cosine is
/// the root of one half.
const COSINES: &[&str] = &[
    "dot(a, b) / (norm(a) * norm(b))",
    "dot(a, b) / norm(a) / norm(b)",
    "dot(a / norm(a), b / norm(b))",
    "dot(a, b) / sqrt(sum(a^2) * sum(b^2))",
    "cosine_similarity(a, b)",
];

fn measure_cosines<T: Format>() -> Vec<String> {
    let [_, high, _] = T::EXPONENTS;
    let mut wrong = Vec::new();
    for text in COSINES {
        let loss = compile::<T>(&format!("loss huge(pred a[N], target b[N]) = {text}"));
        for [e, f] in [[1.0, 1.0], [0.4, 0.4], [0.9, 0.9], [0.9, -0.4], [0.4, -0.8], [-0.8, -0.8]] {
            let [e, f] = [e, f].map(|part: f64| (part * f64::from(high)).floor());
            let [a, b] = [e, f].map(|power| T::from_f64(power.exp2()));
            let zero = T::from_f64(0.0);
            let (mut value, mut slopes) = ([zero], [zero; 2]);
            loss.call()
                .bind("a", &[a, a], &[1, 2])
                .bind("b", &[b, zero], &[1, 2])
                .values(&mut value)
                .gradient("a", &mut slopes)
                .run(Reduction::Sum)
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            let slope = (0.125f64).sqrt() * (-e).exp2();
            let results = [(value[0], 0.5f64.sqrt()), (slopes[0], slope), (slopes[1], -slope)];
            for (place, (got, exact)) in results.into_iter().enumerate() {
                if !is_close(got, exact) {
                    let got = got.to_f64();
                    wrong
                        .push(format!("{text}: at 2^{e}, 2^{f} {place} is {got:e}, not {exact:e}"));
                }
            }
        }
    }
    wrong
}

#[test]
fn products_of_norms_neither_overflow_nor_vanish() {
    let mut wrong = measure_cosines::<f32>();
    wrong.extend(measure_cosines::<f64>());
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_overflows_in_single_precision() {
    let wrong = measure::<f32>();
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_overflows_in_double_precision() {
    let wrong = measure::<f64>();
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
