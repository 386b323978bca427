//! Losses of a prediction and a target at several sizes.

use std::hint::black_box;

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

/// The size at which the gradient is read as well, in lines of their own.
const READ: usize = 1_000_000;

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
            lines.push(measure_size(options, case, &shipped, *count, false));
        }
        let then_read = format!("{count}, then read");
        if *count == READ && options.wants(case.name, &then_read) {
            lines.push(measure_size(options, case, &shipped, *count, true));
        }
    }
}

/// Reads a gradient, as whoever computes on with it does.
fn read(gradient: &[f32]) {
    black_box(gradient.iter().fold(0_u32, |sum, slope| sum.wrapping_add(slope.to_bits())));
}

fn measure_size<P: Point>(
    options: &Options,
    case: &Case<P>,
    shipped: &Shipped,
    count: usize,
    is_read: bool,
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
    if is_read {
        for contender in &mut contenders {
            let mut run = std::mem::replace(&mut contender.run, Box::new(|_| 0.0));
            contender.run = Box::new(move |output| {
                let mean = run(output);
                read(output.gradient);
                mean
            });
        }
        return run(options, case.name, format!("{count}, then read"), &mut gradient, contenders);
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
