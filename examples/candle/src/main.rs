//! candle: a small network reads handwritten digits, trained with the linked `focal` as a `CustomOp2`.
//!
//! Two comparisons from the same first weights: `gamma = 0`, which is cross-entropy, against
//! `candle_nn::loss::cross_entropy`; and `gamma = 2` against focal loss put together from candle's operations.
//! Ends with exit code 1 where two trainings or their gradients differ, or too few digits are read right.

use std::process::ExitCode;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{Optimizer, SGD, loss, ops};
use example_support::{
    Outcome, Table, accuracy, difference, digits, first_weights, microseconds, table,
};
use linked::linked_loss;
use losses::focal;

mod linked;
mod losses {
    include!(concat!(env!("OUT_DIR"), "/losses.rs"));
}

const HIDDEN: usize = 32;
const CLASSES: usize = 10;
const STEPS: usize = 200;
const RATE: f64 = 0.5;
/// What the training must come to.
const ACCURACY: f64 = 0.93;

/// A loss: logits `[N, K]` and labels `[N]` in, the mean out.
type Loss<'a> = &'a dyn Fn(&Tensor, &Tensor) -> Result<Tensor>;

/// The linked loss, with a `gamma`.
fn linked(gamma: f32) -> impl Fn(&Tensor, &Tensor) -> Result<Tensor> {
    move |logits, labels| {
        linked_loss("focal", logits, labels, move |logits, label, gradient| {
            let inputs = focal::Inputs { K: CLASSES, logits, label };
            let params = focal::Params { gamma };
            let outputs = focal::Outputs { values: None, logits: gradient };
            let summary = focal::run(&inputs, &params, losses::Options::default(), outputs)?;
            Ok::<_, losses::Error>(summary.mean())
        })
    }
}

/// Focal loss with `gamma = 2` in candle's own operations.
fn composed(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let log_p = ops::log_softmax(logits, D::Minus1)?.gather(&labels.unsqueeze(1)?, 1)?;
    let missing = (1.0 - log_p.exp()?)?;
    (missing.sqr()? * log_p)?.mean_all()?.neg()
}

fn main() -> Result<ExitCode> {
    let plain = compare([
        ("lossc, gamma = 0", &linked(0.0)),
        ("candle_nn::loss::cross_entropy", &loss::cross_entropy),
    ])?;
    let focused =
        compare([("lossc, gamma = 2", &linked(2.0)), ("candle's operations", &composed)])?;
    Ok(if plain && focused { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Trains twice from the same weights and prints both; whether they agree and have learned enough.
fn compare(losses: [(&'static str, Loss); 2]) -> Result<bool> {
    let data = digits();
    let (pixels, labels) = tensors(&data.train)?;
    let (unseen, _) = tensors(&data.test)?;
    let (mut outcomes, mut gradients) = (Vec::new(), Vec::new());
    for (who, loss) in losses {
        let model = Model::new(data.train.width)?;
        let first = Var::from_tensor(&model.forward(&pixels)?)?;
        gradients.push(gradient(&first, &labels, loss)?);
        let mut optimizer = SGD::new(model.variables(), RATE)?;
        for _ in 0..STEPS {
            optimizer.backward_step(&loss(&model.forward(&pixels)?, &labels)?)?;
        }
        let last = Var::from_tensor(&model.forward(&pixels)?)?;
        outcomes.push(Outcome {
            who,
            loss: f64::from(loss(&last, &labels)?.to_scalar::<f32>()?),
            accuracy: accuracy(&flat(&model.forward(&unseen)?)?, &data.test.labels),
            microseconds: microseconds(|| _ = gradient(&last, &labels, loss).expect("as before")),
        });
    }
    print!("{}", table(&outcomes));
    let apart = difference(&gradients[0], &gradients[1]);
    println!("largest difference of the first gradients: {apart:.1e} of the largest element");
    let same = (outcomes[0].loss - outcomes[1].loss).abs() < 1e-4 && apart < 1e-5;
    let learned = outcomes.iter().all(|outcome| outcome.accuracy >= ACCURACY);
    println!("same training: {same}; at least {ACCURACY} of unseen digits right: {learned}\n");
    Ok(same && learned)
}

/// The gradient of three times the loss with respect to the logits, over three: what is above the loss counts.
fn gradient(logits: &Var, labels: &Tensor, loss: Loss) -> Result<Vec<f32>> {
    let gradients = (loss(logits, labels)? * 3.0)?.backward()?;
    flat(&(gradients.get(logits).expect("the loss depends on its logits") / 3.0)?)
}

fn flat(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// The pixels and labels of a table.
fn tensors(data: &Table) -> Result<(Tensor, Tensor)> {
    let pixels = Tensor::from_slice(&data.features, (data.rows(), data.width), &Device::Cpu)?;
    let labels = Tensor::from_slice(&data.labels, data.rows(), &Device::Cpu)?;
    Ok((pixels, labels.to_dtype(DType::U32)?))
}

/// Two layers with a hyperbolic tangent between them.
struct Model {
    hidden: Var,
    last: Var,
}

impl Model {
    fn new(width: usize) -> Result<Self> {
        let weights = |rows: usize, columns: usize| {
            let first = first_weights(rows * columns, (1.0 / rows as f32).sqrt());
            Var::from_slice(&first, (rows, columns), &Device::Cpu)
        };
        Ok(Self { hidden: weights(width, HIDDEN)?, last: weights(HIDDEN, CLASSES)? })
    }

    fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        pixels.matmul(&self.hidden)?.tanh()?.matmul(&self.last)
    }

    fn variables(&self) -> Vec<Var> {
        vec![self.hidden.clone(), self.last.clone()]
    }
}
