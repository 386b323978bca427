//! Losses of a softmax at three shapes.

use super::{by_hand, sets};
use crate::data::{Aligned, Random};
use crate::harness::{Contender, Line, Options, contender, measure as run};
use crate::kernels::softmax::{Entropy, Focused, Head, Rows, Smoothed};
use crate::ours::{Shipped, labels as label_input, reals};
use crate::rivals::scalar;

/// A loss.
struct Case<H> {
    name: &'static str,
    shipped: &'static str,
    /// Params, which are constants of the code.
    constants: &'static [(&'static str, f64)],
    head: H,
    /// Whether it is plain cross-entropy, which others compute too.
    is_plain: bool,
}

/// Rows and classes.
const SHAPES: [[usize; 2]; 3] = [[4096, 10], [4096, 1000], [256, 32_000]];

/// Measures all of them.
pub(super) fn measure(options: &Options, lines: &mut Vec<Line>) {
    let plain = Case {
        name: "softmax cross-entropy",
        shipped: "cross_entropy",
        constants: &[("weight", 1.0), ("smoothing", 0.0)],
        head: Entropy,
        is_plain: true,
    };
    measure_case(options, lines, &plain);
    let smoothed = Case {
        name: "label-smoothed softmax cross-entropy",
        shipped: "cross_entropy",
        constants: &[("weight", 1.0), ("smoothing", 0.1)],
        head: Smoothed { smoothing: 0.1 },
        is_plain: false,
    };
    measure_case(options, lines, &smoothed);
    let focused = Case {
        name: "softmax focal",
        shipped: "focal",
        constants: &[("weight", 1.0), ("gamma", 2.0)],
        head: Focused,
        is_plain: false,
    };
    measure_case(options, lines, &focused);
}

fn measure_case<H: Head>(options: &Options, lines: &mut Vec<Line>, case: &Case<H>) {
    let shipped = Shipped::new(case.shipped, case.constants);
    for [rows, classes] in SHAPES {
        if options.wants(case.name, &format!("{rows} × {classes}")) {
            lines.push(measure_shape(options, case, &shipped, [rows, classes]));
        }
    }
}

fn measure_shape<H: Head>(
    options: &Options,
    case: &Case<H>,
    shipped: &Shipped,
    shape: [usize; 2],
) -> Line {
    let [rows, classes] = shape;
    let mut random = Random::new(2);
    let logits = Aligned::of(rows * classes, || 2.0 * random.bell());
    let labels: Vec<i32> = (0..rows).map(|_| random.below(classes)).collect();
    let mut gradient = Aligned::zeros(rows * classes);
    let inputs = [reals("logits", &shape, &logits), label_input("label", &labels)];
    let mut contenders = shipped.contenders(&inputs, &["logits"]);
    for (set, streams) in sets(rows * classes) {
        let (head, logits, labels) = (case.head, &logits, &labels);
        contenders.push(contender(by_hand(set, streams), move |output| {
            set.run(Rows { head, logits, labels, gradient: output.gradient, streams })
        }));
    }
    if case.is_plain {
        contenders
            .push(contender("libm", |output| scalar::entropy(&logits, &labels, output.gradient)));
        contenders.extend(frameworks(&logits, &labels));
    }
    run(options, case.name, format!("{rows} × {classes}"), &mut gradient, contenders)
}

fn frameworks<'a>(logits: &'a [f32], labels: &'a [i32]) -> Vec<Contender<'a>> {
    let _ = (logits, labels);
    vec![
        #[cfg(feature = "candle")]
        crate::rivals::candle::entropy(logits, labels),
        #[cfg(feature = "burn")]
        crate::rivals::burn::entropy(logits, labels),
    ]
}
