//! Plain loops with the functions of `libm`, as rustc makes them for any machine: slices come in, means and gradients go out.

use libm::{expf, log1pf, logf};

/// The mean of a loss of one prediction and one target, and its gradient; `at` gives the loss and its derivative.
pub(crate) fn mean(
    predictions: &[f32],
    targets: &[f32],
    gradient: &mut [f32],
    at: impl Fn(f32, f32) -> (f32, f32),
) -> f64 {
    let scale = 1.0 / predictions.len() as f32;
    let mut sum = 0.0;
    for ((gradient, prediction), target) in gradient.iter_mut().zip(predictions).zip(targets) {
        let (value, slope) = at(*prediction, *target);
        *gradient = slope * scale;
        sum += f64::from(value);
    }
    sum / predictions.len() as f64
}

/// `(yhat - y)^2`
pub(crate) fn squared(prediction: f32, target: f32) -> (f32, f32) {
    let error = prediction - target;
    (error * error, 2.0 * error)
}

/// Huber's loss at `delta = 1`.
pub(crate) fn huber(prediction: f32, target: f32) -> (f32, f32) {
    let error = prediction - target;
    let within = error.clamp(-1.0, 1.0);
    (within * (error - within / 2.0), within)
}

/// Binary cross-entropy of a logit.
pub(crate) fn logistic(z: f32, y: f32) -> (f32, f32) {
    let fall = expf(-z.abs());
    let sigmoid = if z < 0.0 { fall } else { 1.0 } / (1.0 + fall);
    (z.max(0.0) - z * y + log1pf(fall), sigmoid - y)
}

/// Focal loss of a logit at `gamma = 2` and `alpha = 1/4`.
pub(crate) fn focal(z: f32, y: f32) -> (f32, f32) {
    let (wrong, sign, weight) = if y > 0.5 { (-z, -1.0, 0.25) } else { (z, 1.0, 0.75) };
    let fall = expf(-z.abs());
    let inverse = 1.0 / (1.0 + fall);
    let (q, p) = if wrong < 0.0 { (fall * inverse, inverse) } else { (inverse, fall * inverse) };
    let s = wrong.max(0.0) + log1pf(fall);
    (weight * q * q * s, sign * weight * q * q * (2.0 * p * s + q))
}

/// The mean cross-entropy of rows, and its gradient.
pub(crate) fn entropy(logits: &[f32], labels: &[i32], gradient: &mut [f32]) -> f64 {
    let classes = logits.len() / labels.len();
    let scale = 1.0 / labels.len() as f32;
    let mut total = 0.0;
    let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    for ((logits, gradient), label) in rows.zip(labels) {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (gradient, logit) in gradient.iter_mut().zip(logits) {
            *gradient = expf(logit - largest);
            sum += *gradient;
        }
        let factor = scale / sum;
        for gradient in gradient.iter_mut() {
            *gradient *= factor;
        }
        gradient[*label as usize] -= scale;
        total += f64::from(logf(sum) - (logits[*label as usize] - largest));
    }
    total / labels.len() as f64
}
