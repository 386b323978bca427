//! Losses of very many expressions: they compile, on the stack of a thread like any other, and mean what is written.

use lossc::check::{Source, check};
use lossc::compile::Target;
use lossc::graph::NODE_LIMIT;
use lossc::{Compiler, Reduction};
use std::fmt::Write;

/// A loss of `x` and `y` in `count` parts of about five expressions each.
struct Shape {
    name: &'static str,
    count: usize,
    /// Its text.
    text: fn(usize) -> String,
    /// The value and the derivative in `x`.
    means: fn(usize, f64, f64) -> (f64, f64),
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "a long sum of different terms",
        count: 20_000,
        text: |count| {
            let mut text = "loss large(pred x, target y) = x".to_owned();
            for at in 0..count {
                write!(text, "\n    + {} * sin(x * {at}.5 + y)", weight(at)).unwrap();
            }
            text
        },
        means: |count, x, y| {
            let (mut value, mut slope) = (x, 1.0);
            for at in 0..count {
                let inner = x * factor(at) + y;
                value += weight(at) * inner.sin();
                slope += weight(at) * factor(at) * inner.cos();
            }
            (value, slope)
        },
    },
    Shape {
        name: "a deep chain of definitions",
        count: 20_000,
        text: |count| {
            let mut text = "loss large(pred x, target y) {\n    let a0 = x;\n".to_owned();
            for at in 0..count {
                writeln!(text, "    let a{} = sin(a{at}) * 0.9 + y * {at}.5;", at + 1).unwrap();
            }
            write!(text, "    a{count}\n}}").unwrap();
            text
        },
        means: |count, x, y| {
            let (mut value, mut slope) = (x, 1.0);
            for at in 0..count {
                slope *= value.cos() * 0.9;
                value = value.sin() * 0.9 + y * factor(at);
            }
            (value, slope)
        },
    },
];

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn weight(at: usize) -> f64 {
    (at % 7 + 1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn factor(at: usize) -> f64 {
    at as f64 + 0.5
}

#[test]
fn large_losses_compile_and_mean_what_is_written() {
    for Shape { name, count, text, means } in SHAPES {
        let source = Source::Text { name: "large.loss".into(), text: text(*count) };
        let checked = check(&source).unwrap();
        let size = checked.models[0].graph.len();
        assert!((4 * count..NODE_LIMIT / 4).contains(&size), "{name}: {size}");
        let loss = Compiler::new().target(Target::Native).model::<f64>(&checked.models[0]).unwrap();
        let (x, y) = (1e-4, 1e-5);
        let mut gradient = [0.0];
        let (xs, ys) = ([x], [y]);
        let call = loss.call().bind("x", &xs, &[1]).bind("y", &ys, &[1]);
        let total = call.gradient("x", &mut gradient).run(Reduction::Sum).unwrap().total;
        let (value, slope) = means(*count, x, y);
        assert!(
            (total - value).abs() <= 1e-9 * value.abs().max(1.0),
            "{name}: {total} and {value}"
        );
        let [own] = gradient;
        assert!((own - slope).abs() <= 1e-9 * slope.abs().max(1.0), "{name}: {own} and {slope}");
    }
}
