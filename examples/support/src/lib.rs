//! What every example needs: real data, the same first weights for both trainings, and a clock.
//!
//! Nothing here knows of lossc. The data sets and their licence are described in `data/README.md`.

use std::fmt::Write;
use std::time::Instant;

/// Examples of one data set: numbers, and what is right.
pub struct Table {
    /// Numbers, one row an example.
    pub features: Vec<f32>,
    /// How many numbers a row has.
    pub width: usize,
    /// The class of each example.
    pub labels: Vec<i32>,
}

/// What is trained on, and what the result is judged by.
pub struct Split {
    /// The examples to train on.
    pub train: Table,
    /// The examples that training never sees.
    pub test: Table,
}

impl Table {
    /// How many examples there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    fn split(self, train: usize) -> Split {
        let (seen, unseen) = self.features.split_at(train * self.width);
        let (seen_labels, unseen_labels) = self.labels.split_at(train);
        let table = |features: &[f32], labels: &[i32]| Table {
            features: features.to_vec(),
            width: self.width,
            labels: labels.to_vec(),
        };
        Split { train: table(seen, seen_labels), test: table(unseen, unseen_labels) }
    }
}

/// Handwritten digits: 900 to train on and 300 to judge by, 64 pixels in [0, 1] each, 10 classes.
#[must_use]
pub fn digits() -> Split {
    let mut table = Table { features: Vec::new(), width: 64, labels: Vec::new() };
    for line in include_str!("../data/digits.txt").lines() {
        let (pixels, digit) = line.split_once(' ').expect("pixels, a space, a digit");
        let shade = |pixel: char| pixel.to_digit(17).expect("one of 17 shades") as f32 / 16.0;
        table.features.extend(pixels.chars().map(shade));
        table.labels.push(digit.parse().expect("a digit"));
    }
    table.split(900)
}

/// Breast masses: 400 to train on and 169 to judge by, ten measures each (standardised over all), class 1
/// where malignant.
#[must_use]
pub fn tumours() -> Split {
    let mut table = Table { features: Vec::new(), width: 10, labels: Vec::new() };
    for line in include_str!("../data/tumours.csv").lines().skip(1) {
        let numbers: Vec<f32> = line.split(',').map(|x| x.parse().expect("a number")).collect();
        table.features.extend(&numbers[..table.width]);
        table.labels.push(i32::from(numbers[table.width] == 1.0));
    }
    standardise(&mut table.features, table.width);
    table.split(400)
}

/// Gives each column the mean 0 and the standard deviation 1.
fn standardise(features: &mut [f32], width: usize) {
    let rows = (features.len() / width) as f32;
    for column in 0..width {
        let of_column = || features.iter().skip(column).step_by(width);
        let mean = of_column().sum::<f32>() / rows;
        let variance = of_column().map(|x| (x - mean).powi(2)).sum::<f32>() / rows;
        for x in features.iter_mut().skip(column).step_by(width) {
            *x = (*x - mean) / variance.sqrt();
        }
    }
}

/// First weights: even in [-scale, scale], the same in every run.
#[must_use]
pub fn first_weights(count: usize, scale: f32) -> Vec<f32> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0) * scale
    };
    (0..count).map(|_| next()).collect()
}

/// The share of rows whose largest logit is that of the label.
#[must_use]
pub fn accuracy(logits: &[f32], labels: &[i32]) -> f64 {
    let classes = logits.len() / labels.len();
    let best = |row: &[f32]| (0..classes).max_by(|&i, &j| row[i].total_cmp(&row[j]));
    let right = logits
        .chunks_exact(classes)
        .zip(labels)
        .filter(|(row, label)| best(row).is_some_and(|class| class as i32 == **label));
    right.count() as f64 / labels.len() as f64
}

/// The largest difference between two gradients, as a share of the largest element.
#[must_use]
pub fn difference(a: &[f32], b: &[f32]) -> f32 {
    let largest = |numbers: &mut dyn Iterator<Item = f32>| numbers.fold(0.0_f32, f32::max);
    assert_eq!(a.len(), b.len(), "gradients of the same input");
    largest(&mut a.iter().zip(b).map(|(a, b)| (a - b).abs()))
        / largest(&mut b.iter().map(|b| b.abs()))
}

/// The median time of a call in microseconds, over enough calls for a steady number.
pub fn microseconds(mut call: impl FnMut()) -> f64 {
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 20 || (begin.elapsed().as_millis() < 300 && times.len() < 10_000) {
        let start = Instant::now();
        call();
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What a training came to, for one line of a table.
pub struct Outcome {
    /// Who computed the loss.
    pub who: &'static str,
    /// The loss over the examples trained on, at the end.
    pub loss: f64,
    /// The share of unseen examples that come out right.
    pub accuracy: f64,
    /// The time of one loss with its gradient, in microseconds.
    pub microseconds: f64,
}

/// The outcomes as a table; times as multiples of the first row's.
#[must_use]
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{:<32} {:>12} {:>9} {:>10} {:>6}\n",
        "", "final loss", "accuracy", "µs a loss", "ratio"
    );
    for outcome in outcomes {
        let ratio = outcome.microseconds / outcomes[0].microseconds;
        let Outcome { who, loss, accuracy, microseconds } = outcome;
        writeln!(text, "{who:<32} {loss:>12.8} {accuracy:>9.4} {microseconds:>10.1} {ratio:>6.2}")
            .expect("text grows");
    }
    text
}
