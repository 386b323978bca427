//! argmin: L-BFGS fits a linear model that tells malignant from benign, where a miss costs five times as much as a
//! false alarm, with the linked `priced` in f64.
//!
//! argmin has no losses of its own: beside it runs the same loss and gradient written by hand. Ends with exit
//! code 1 where the two minima or gradients differ, or too few of the unseen masses are told apart.

use std::process::ExitCode;

use argmin::core::{Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use example_support::{Outcome, Table, microseconds, table, tumours};
use linked::Linear;
use losses::priced;

mod linked;
mod losses {
    include!(concat!(env!("OUT_DIR"), "/losses.rs"));
}

/// What a miss costs, where a false alarm costs 1.
const PRICE: f64 = 5.0;
const RIDGE: f64 = 1e-3;
/// What must be reached on masses that the fit has not seen: right ones, and malignant ones found.
const ACCURACY: f64 = 0.88;
const FOUND: f64 = 0.95;

/// A loss with its gradient: predictions and what is true in, the mean out.
type Loss<'a> = &'a dyn Fn(&[f64], &[f64], &mut [f64]) -> Result<f64, losses::Error>;

/// The linked loss.
fn linked(logit: &[f64], malignant: &[f64], gradient: &mut [f64]) -> Result<f64, losses::Error> {
    let inputs = priced::Inputs { logit, malignant };
    let params = priced::Params { price: PRICE };
    priced::value_and_gradient(&inputs, &params, priced::Gradients { logit: gradient })
}

/// The same by hand: the softplus that does not overflow, and a derivative found on paper.
fn by_hand(logit: &[f64], malignant: &[f64], gradient: &mut [f64]) -> f64 {
    let count = logit.len() as f64;
    let mut sum = 0.0;
    for ((z, malignant), gradient) in logit.iter().zip(malignant).zip(gradient) {
        let (sign, price) = if *malignant == 1.0 { (-1.0, PRICE) } else { (1.0, 1.0) };
        let z = sign * z;
        let small = (-z.abs()).exp();
        sum += price * (z.max(0.0) + small.ln_1p());
        *gradient = sign * price * if z >= 0.0 { 1.0 } else { small } / (1.0 + small) / count;
    }
    sum / count
}

fn main() -> Result<ExitCode, Error> {
    let data = tumours();
    let (train, test) = (Numbers::of(&data.train), Numbers::of(&data.test));
    let (mut outcomes, mut gradients, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for (who, loss) in [
        ("lossc, linked", &linked as Loss),
        ("by hand", &|z, y, gradient| Ok(by_hand(z, y, gradient))),
    ] {
        gradients.push(problem(&train, loss).gradient(&vec![0.1; train.width + 1])?);
        let line_search = MoreThuenteLineSearch::new();
        let result = Executor::new(problem(&train, loss), LBFGS::new(line_search, 7))
            .configure(|state| state.param(vec![0.0; train.width + 1]).max_iters(100))
            .run()?;
        let state = result.state();
        let best = state.get_best_param().expect("the solver has run");
        let logits = problem(&train, loss).predict(best);
        let mut gradient = vec![0.0; logits.len()];
        let (right, of_malignant) = judge(&problem(&test, loss).predict(best), &test.malignant);
        outcomes.push(Outcome {
            who,
            loss: state.get_best_cost(),
            accuracy: right,
            microseconds: microseconds(|| _ = loss(&logits, &train.malignant, &mut gradient)),
        });
        found.push(of_malignant);
        println!(
            "{who}: {} iterations, {:.1}% of malignant masses found",
            state.get_iter(),
            100.0 * of_malignant
        );
    }
    print!("{}", table(&outcomes));
    let apart =
        gradients[0].iter().zip(&gradients[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!("largest difference of the first gradients: {apart:.1e}");
    let same = (outcomes[0].loss - outcomes[1].loss).abs() < 1e-8 && apart < 1e-12;
    let learned = outcomes.iter().all(|outcome| outcome.accuracy >= ACCURACY)
        && found.iter().all(|x| *x >= FOUND);
    println!(
        "same minimum: {same}; at least {ACCURACY} right and {FOUND} of malignant found: {learned}"
    );
    Ok(if same && learned { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A table in f64.
struct Numbers {
    features: Vec<f64>,
    width: usize,
    malignant: Vec<f64>,
}

impl Numbers {
    fn of(data: &Table) -> Self {
        Self {
            features: data.features.iter().copied().map(f64::from).collect(),
            width: data.width,
            malignant: data.labels.iter().copied().map(f64::from).collect(),
        }
    }
}

/// A loss of predictions alone.
type Evaluate<'a> = Box<dyn Fn(&[f64], &mut [f64]) -> Result<f64, losses::Error> + 'a>;

/// The fit as argmin sees it.
fn problem<'a>(data: &'a Numbers, loss: Loss<'a>) -> Linear<'a, Evaluate<'a>> {
    let evaluate = |logits: &[f64], gradient: &mut [f64]| loss(logits, &data.malignant, gradient);
    Linear::new(&data.features, data.width, RIDGE, Box::new(evaluate))
}

/// The share of predictions that are right, and the share of malignant masses that are found.
fn judge(logits: &[f64], malignant: &[f64]) -> (f64, f64) {
    let pairs = || logits.iter().zip(malignant);
    let share = |hits: usize, of: usize| hits as f64 / of as f64;
    let right = pairs().filter(|(z, y)| (**z > 0.0) == (**y == 1.0)).count();
    let positives = pairs().filter(|(_, y)| **y == 1.0);
    let found = positives.clone().filter(|(z, _)| **z > 0.0).count();
    (share(right, logits.len()), share(found, positives.count()))
}
