//! Losses of a prediction and a target at several sizes.

use super::{by_hand, sets};
use crate::data::{Aligned, Random};
use crate::harness::{Contender, Line, Options, contender, measure as run};
use crate::kernels::pointwise::{Focal, Huber, Logistic, Mean, Point, Squared};
use crate::ours::{Shipped, reals};
use crate::rivals::scalar;

/// A loss, and what else computes it.
struct Case<P> {
    name: &'static str,
    /// The shipped loss, its prediction and its target.
    shipped: &'static str,
    prediction: &'static [&'static str],
    target: &'static str,
    /// Params, which are constants of the code.
    constants: &'static [(&'static str, f64)],
    point: P,
    scalar: fn(f32, f32) -> (f32, f32),
    /// Whether targets are 0 and 1.
    is_binary: bool,
    sizes: &'static [usize],
}

const SIZES: &[usize] = &[64, 4096, 1_000_000];

/// Measures all of them.
pub(super) fn measure(options: &Options, lines: &mut Vec<Line>) {
    let squared = Case {
        name: "mse",
        shipped: "squared_error",
        prediction: &["yhat"],
        target: "y",
        constants: &[],
        point: Squared,
        scalar: scalar::squared,
        is_binary: false,
        sizes: &[64, 4096, 1_000_000, 10_000_000],
    };
    measure_case(options, lines, &squared);
    let huber = Case {
        name: "Huber",
        shipped: "huber",
        prediction: &["yhat"],
        target: "y",
        constants: &[("delta", 1.0)],
        point: Huber { delta: 1.0 },
        scalar: scalar::huber,
        is_binary: false,
        sizes: SIZES,
    };
    measure_case(options, lines, &huber);
    let logistic = Case {
        name: "bce with logits",
        shipped: "binary_cross_entropy_with_logits",
        prediction: &["z"],
        target: "y",
        constants: &[("pos_weight", 1.0)],
        point: Logistic,
        scalar: scalar::logistic,
        is_binary: true,
        sizes: SIZES,
    };
    measure_case(options, lines, &logistic);
    let focal = Case {
        name: "sigmoid focal",
        shipped: "sigmoid_focal",
        prediction: &["z"],
        target: "y",
        constants: &[("alpha", 0.25), ("gamma", 2.0)],
        point: Focal { alpha: 0.25 },
        scalar: scalar::focal,
        is_binary: true,
        sizes: SIZES,
    };
    measure_case(options, lines, &focal);
}

fn measure_case<P: Point>(options: &Options, lines: &mut Vec<Line>, case: &Case<P>) {
    let shipped = Shipped::new(case.shipped, case.constants);
    for count in case.sizes {
        if options.wants(case.name, &count.to_string()) {
            lines.push(measure_size(options, case, &shipped, *count));
        }
    }
}

fn measure_size<P: Point>(
    options: &Options,
    case: &Case<P>,
    shipped: &Shipped,
    count: usize,
) -> Line {
    let mut random = Random::new(1);
    let predictions = Aligned::of(count, || 2.0 * random.bell());
    let targets =
        Aligned::of(count, || if case.is_binary { random.bit() } else { 2.0 * random.bell() });
    let mut gradient = Aligned::zeros(count);
    let inputs =
        [reals(case.prediction[0], &[count], &predictions), reals(case.target, &[count], &targets)];
    let mut contenders = shipped.contenders(&inputs, case.prediction);
    for (set, streams) in sets(count) {
        let (predictions, targets) = (&predictions, &targets);
        contenders.push(contender(by_hand(set, streams), move |output| {
            let gradient = &mut *output.gradient;
            set.run(Mean { point: case.point, predictions, targets, gradient, streams })
        }));
    }
    let plain = case.scalar;
    contenders.push(contender("libm", |output| {
        scalar::mean(&predictions, &targets, output.gradient, plain)
    }));
    contenders.extend(frameworks(case.name, &predictions, &targets));
    run(options, case.name, count.to_string(), &mut gradient, contenders)
}

fn frameworks<'a>(
    name: &'static str,
    predictions: &'a [f32],
    targets: &'a [f32],
) -> Vec<Contender<'a>> {
    let all: Vec<Option<Contender>> = vec![
        #[cfg(feature = "candle")]
        crate::rivals::candle::pointwise(name, predictions, targets),
        #[cfg(feature = "burn")]
        crate::rivals::burn::pointwise(name, predictions, targets),
    ];
    let _ = (name, predictions, targets);
    all.into_iter().flatten().collect()
}
