//! A training loop on plain slices: a linear classifier of handwritten digits, a tenth of whose labels are
//! missing, learns with the linked `smoothed` and with the same loss written by hand.
//!
//! Shows `value_and_gradient` in the loop and `values` to find the examples that the model finds hardest.
//! Ends with exit code 1 where the two trainings or their gradients differ, or too few digits are read right.

use std::process::ExitCode;

use example_support::{
    Outcome, Table, accuracy, difference, digits, first_weights, microseconds, table,
};
use losses::smoothed;

mod by_hand;
mod losses {
    include!(concat!(env!("OUT_DIR"), "/losses.rs"));
}

const CLASSES: usize = 10;
const EPOCHS: usize = 40;
const BATCH: usize = 50;
const RATE: f32 = 0.5;
const SMOOTHING: f32 = 0.1;
/// What the training must come to.
const ACCURACY: f64 = 0.93;

/// A loss with its gradient: logits and labels in, the mean out.
type Loss<'a> = &'a mut dyn FnMut(&[f32], &[i32], &mut [f32]) -> f64;

/// The linked loss as the loop calls it: it allocates nothing.
fn linked(logits: &[f32], label: &[i32], gradient: &mut [f32]) -> f64 {
    let inputs = smoothed::Inputs { K: CLASSES, logits, label };
    let params = smoothed::Params { smoothing: SMOOTHING };
    let gradients = smoothed::Gradients { logits: gradient };
    smoothed::value_and_gradient(&inputs, &params, gradients).expect("labels are digits or missing")
}

/// The same by hand.
fn by_hand(logits: &[f32], label: &[i32], gradient: &mut [f32]) -> f64 {
    by_hand::smoothed(CLASSES, logits, label, SMOOTHING, gradient)
}

fn main() -> ExitCode {
    let mut data = digits();
    data.train.labels.iter_mut().step_by(10).for_each(|label| *label = -1);

    let (mut outcomes, mut gradients, mut models) = (Vec::new(), Vec::new(), Vec::new());
    for (who, loss) in [("lossc, linked", &mut linked as Loss), ("by hand", &mut by_hand)] {
        let mut model = first_weights(CLASSES * data.train.width, 0.01);
        let mut gradient = vec![0.0; CLASSES * data.train.rows()];
        loss(&forward(&model, &data.train), &data.train.labels, &mut gradient);
        gradients.push(gradient.clone());
        train(&mut model, &data.train, loss);
        let logits = forward(&model, &data.train);
        outcomes.push(Outcome {
            who,
            loss: loss(&logits, &data.train.labels, &mut gradient),
            accuracy: accuracy(&forward(&model, &data.test), &data.test.labels),
            microseconds: microseconds(|| _ = loss(&logits, &data.train.labels, &mut gradient)),
        });
        models.push(model);
    }
    print!("{}", table(&outcomes));
    let apart = difference(&gradients[0], &gradients[1]);
    println!("largest difference of the first gradients: {apart:.1e} of the largest element");
    print_hardest(&models[0], &data.test);

    let same = (outcomes[0].loss - outcomes[1].loss).abs() < 1e-4 && apart < 1e-5;
    let learned = outcomes.iter().all(|outcome| outcome.accuracy >= ACCURACY);
    println!("same training: {same}; at least {ACCURACY} of unseen digits right: {learned}");
    if same && learned { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Gradient descent in batches, in the order of the data.
fn train(model: &mut [f32], data: &Table, loss: Loss) {
    let mut gradient = vec![0.0; CLASSES * BATCH];
    for _ in 0..EPOCHS {
        let batches = data.features.chunks_exact(BATCH * data.width);
        for (features, label) in batches.zip(data.labels.chunks_exact(BATCH)) {
            let logits = forward_rows(model, features, data.width);
            loss(&logits, label, &mut gradient);
            // What a weight does to the loss: the logit's gradient times the pixel.
            for (row, gradient) in
                features.chunks_exact(data.width).zip(gradient.chunks_exact(CLASSES))
            {
                for (weights, slope) in model.chunks_exact_mut(data.width).zip(gradient) {
                    weights.iter_mut().zip(row).for_each(|(weight, x)| *weight -= RATE * slope * x);
                }
            }
        }
    }
}

fn forward(model: &[f32], data: &Table) -> Vec<f32> {
    forward_rows(model, &data.features, data.width)
}

/// The logits of some rows: one row of weights a class.
fn forward_rows(model: &[f32], features: &[f32], width: usize) -> Vec<f32> {
    let rows = features.chunks_exact(width);
    rows.flat_map(|row| model.chunks_exact(width).map(|weights| dot(weights, row))).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Prints the unseen digits with the largest losses: one value an example.
fn print_hardest(model: &[f32], data: &Table) {
    let logits = forward(model, data);
    let inputs = smoothed::Inputs { K: CLASSES, logits: &logits, label: &data.labels };
    let mut values = vec![0.0; data.rows()];
    let params = smoothed::Params { smoothing: 0.0 };
    smoothed::values(&inputs, &params, &mut values).expect("labels are digits");
    let mut rows: Vec<usize> = (0..values.len()).collect();
    rows.sort_by(|i, j| values[*j].total_cmp(&values[*i]));
    for row in &rows[..3] {
        println!("hard: row {row}, a {} with loss {:.2}", data.labels[*row], values[*row]);
    }
}
