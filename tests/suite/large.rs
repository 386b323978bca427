//! Losses of very many expressions: they compile, on the stack of a thread like any other, and mean what is written.

use lossc::check::{Source, check};
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
    /// Where it is looked at.
    point: (f64, f64),
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "a long sum of different terms",
        count: 2000,
        text: |count| {
            let mut text = "loss large(pred x, target y) = x".to_owned();
            for at in 0..count {
                write!(text, "\n    + {} * abs(x * {at}.5 - y)", weight(at)).unwrap();
            }
            text
        },
        means: |count, x, y| {
            let (mut value, mut slope) = (x, 1.0);
            for at in 0..count {
                let inner = x * factor(at) - y;
                value += weight(at) * inner.abs();
                slope += weight(at) * factor(at) * inner.signum();
            }
            (value, slope)
        },
        point: (1e-3, 1.1),
    },
    Shape {
        name: "a deep chain of definitions",
        count: 2000,
        text: |count| {
            let mut text = "loss large(pred x, target y) {\n    let a0 = x;\n".to_owned();
            for at in 0..count {
                writeln!(text, "    let a{} = abs(a{at} - 1) * 0.999 + y * {at}.5;", at + 1)
                    .unwrap();
            }
            write!(text, "    a{count}\n}}").unwrap();
            text
        },
        means: |count, x, y| {
            let (mut value, mut slope) = (x, 1.0);
            for at in 0..count {
                slope *= (value - 1.0).signum() * 0.999;
                value = (value - 1.0).abs() * 0.999 + y * factor(at);
            }
            (value, slope)
        },
        point: (0.3, 1e-3),
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
    for Shape { name, count, text, means, point } in SHAPES {
        let source = Source::Text { name: "large.loss".into(), text: text(*count) };
        let checked = check(&source).unwrap();
        let size = checked.models[0].graph.len();
        assert!((4 * count..NODE_LIMIT / 4).contains(&size), "{name}: {size}");
        let loss = Compiler::new().model::<f64>(&checked.models[0]).unwrap();
        let (x, y) = *point;
        let mut gradient = [0.0];
        let call = loss.call().gradient("x", &mut gradient);
        let summary = call.bind("x", &[x], &[1]).bind("y", &[y], &[1]).run(Reduction::Sum);
        let total = summary.unwrap().total;
        let (value, slope) = means(*count, x, y);
        assert!(
            (total - value).abs() <= 1e-9 * value.abs().max(1.0),
            "{name}: {total} and {value}"
        );
        let [own] = gradient;
        assert!((own - slope).abs() <= 1e-9 * slope.abs().max(1.0), "{name}: {own} and {slope}");
    }
}

#[test]
fn nesting_of_any_depth_that_is_allowed_is_checked_on_a_small_stack() {
    for depth in [1, 15, 16, 17, 22, 23, 24, 25, 40, 120, 250] {
        let text = format!("loss nested(pred x) = {}x{}", "tanh(".repeat(depth), ")".repeat(depth));
        let checked = check(&Source::Text { name: "nested.loss".into(), text }).unwrap();
        assert!(checked.models[0].graph.len() > depth, "{depth}");
    }
    let text = format!("loss nested(pred x) = {}x{}", "tanh(".repeat(300), ")".repeat(300));
    let failure = check(&Source::Text { name: "nested.loss".into(), text }).unwrap_err();
    assert!(failure.to_string().contains("256 levels"), "{failure}");
}
