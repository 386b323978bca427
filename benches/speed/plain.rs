//! The same losses as one writes them in Rust: a loop over slices, the functions of `std`, stable forms.

use crate::data::Inputs;

/// A loss in plain Rust.
pub(crate) struct Plain {
    /// The shipped loss that it is.
    pub(crate) name: &'static str,
    /// How long its axes are, and how many examples make a batch.
    pub(crate) shapes: &'static [(usize, &'static [usize])],
    /// Writes the gradient of the mean in the first input and gives the mean.
    pub(crate) run: fn(&Inputs, &mut [f32]) -> f64,
}

pub(crate) const LOSSES: &[Plain] = &[
    Plain { name: "squared_error", shapes: crate::SCALAR_SHAPES, run: squared_error },
    Plain {
        name: "binary_cross_entropy_with_logits",
        shapes: crate::SCALAR_SHAPES,
        run: binary_cross_entropy_with_logits,
    },
    Plain { name: "cross_entropy", shapes: crate::SHAPES, run: cross_entropy },
];

fn squared_error(inputs: &Inputs, gradient: &mut [f32]) -> f64 {
    let (yhat, y) = (&inputs.reals[0].data, &inputs.reals[1].data);
    let (rows, mut sum) = (inputs.rows(), 0.0f64);
    for ((gradient, yhat), y) in gradient.iter_mut().zip(yhat).zip(y) {
        let error = yhat - y;
        *gradient = 2.0 * error / rows;
        sum += f64::from(error * error);
    }
    sum / f64::from(rows)
}

fn binary_cross_entropy_with_logits(inputs: &Inputs, gradient: &mut [f32]) -> f64 {
    let (z, y) = (&inputs.reals[0].data, &inputs.reals[1].data);
    let (rows, mut sum) = (inputs.rows(), 0.0f64);
    for ((gradient, z), y) in gradient.iter_mut().zip(z).zip(y) {
        let fall = (-z.abs()).exp();
        let sigmoid = if *z < 0.0 { fall } else { 1.0 } / (1.0 + fall);
        *gradient = (sigmoid - y) / rows;
        sum += f64::from(z.max(0.0) - z * y + fall.ln_1p());
    }
    sum / f64::from(rows)
}

fn cross_entropy(inputs: &Inputs, gradient: &mut [f32]) -> f64 {
    let (logits, labels) = (&inputs.reals[0], &inputs.labels[0].data);
    let (rows, length) = (inputs.rows(), logits.shape[1]);
    let mut mean = 0.0;
    let examples = gradient.chunks_exact_mut(length).zip(logits.data.chunks_exact(length));
    for ((gradient, logits), label) in examples.zip(labels) {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (gradient, logit) in gradient.iter_mut().zip(logits) {
            *gradient = (logit - largest).exp();
            sum += *gradient;
        }
        for gradient in gradient.iter_mut() {
            *gradient /= sum * rows;
        }
        let label = usize::try_from(*label).expect("no label is missing");
        gradient[label] -= 1.0 / rows;
        mean += f64::from(sum.ln() + largest - logits[label]);
    }
    mean / f64::from(rows)
}
