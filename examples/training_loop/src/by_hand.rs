//! The loss of `losses/smoothed.loss` as one writes it by hand: what the linked one is measured against.

/// The mean over the labelled examples, its gradient into `gradient`: two passes over the logits, and a
/// derivative that was found on paper.
pub fn smoothed(
    classes: usize,
    logits: &[f32],
    label: &[i32],
    smoothing: f32,
    gradient: &mut [f32],
) -> f64 {
    let labelled = label.iter().filter(|label| **label >= 0).count() as f32;
    let spread = smoothing / classes as f32;
    let mut sum = 0.0;
    let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    for ((logits, gradient), label) in rows.zip(label) {
        let Ok(label) = usize::try_from(*label) else {
            gradient.fill(0.0);
            continue;
        };
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f32 = logits.iter().map(|z| (z - largest).exp()).sum();
        let log_total = total.ln() + largest;
        let mean_logit = logits.iter().sum::<f32>() / classes as f32;
        let hard = log_total - logits[label];
        sum += f64::from((1.0 - smoothing) * hard + smoothing * (log_total - mean_logit));
        for (gradient, z) in gradient.iter_mut().zip(logits) {
            *gradient = ((z - log_total).exp() - spread) / labelled;
        }
        gradient[label] -= (1.0 - smoothing) / labelled;
    }
    sum / f64::from(labelled)
}
