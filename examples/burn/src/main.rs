//! burn: a small network reads handwritten digits, trained with the linked `weighted` cross-entropy.
//!
//! Three trainings from the same first weights: with the linked loss as an operation that has its own backward
//! pass, with its surrogate that any backend takes, and with burn's `CrossEntropyLoss`. Ends with exit code 1
//! where two of them or their gradients differ, or too few digits are read right.

use std::process::ExitCode;

use burn::Tensor;
use burn::backend::Flex;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, TensorData};
use example_support::{
    Outcome, Table, accuracy, difference, digits, first_weights, microseconds, table,
};
use linked::{linked_loss, surrogate};
use losses::weighted;

mod linked;
mod losses {
    include!(concat!(env!("OUT_DIR"), "/losses.rs"));
}

const HIDDEN: usize = 32;
const CLASSES: usize = 10;
const STEPS: usize = 200;
const RATE: f32 = 0.5;
const SMOOTHING: f32 = 0.1;
/// Eights and nines are what most networks mistake.
const WEIGHTS: [f32; CLASSES] = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0];
/// What the training must come to.
const ACCURACY: f64 = 0.93;

/// A loss: the mean, and what `backward` is called on.
type Loss<'a> = &'a dyn Fn(Tensor<2>, Tensor<1, Int>) -> (f64, Tensor<1>);

/// The linked loss on slices.
fn evaluate(
    logits: &[f32],
    label: &[i32],
    gradient: Option<&mut [f32]>,
) -> Result<f64, losses::Error> {
    let inputs = weighted::Inputs { K: CLASSES, logits, label };
    let params = weighted::Params { weight: Some(&WEIGHTS), smoothing: SMOOTHING };
    let outputs = weighted::Outputs { values: None, logits: gradient };
    Ok(weighted::run(&inputs, &params, losses::Options::default(), outputs)?.mean())
}

fn main() -> ExitCode {
    let device = Device::flex().autodiff();
    let config = CrossEntropyLossConfig::new().with_weights(Some(WEIGHTS.to_vec()));
    let of_burn = config.with_smoothing(Some(SMOOTHING)).init(&device);
    let node = |logits, labels| {
        let loss = linked_loss::<Flex, _>(logits, labels, evaluate).expect("labels are digits");
        (scalar(&loss), loss)
    };
    let surrogate =
        |logits, labels| surrogate(logits, labels, evaluate).expect("labels are digits");
    let own = |logits, labels| {
        let loss = of_burn.forward(logits, labels);
        (scalar(&loss), loss)
    };
    let runs: [(_, Loss); 3] = [
        ("lossc, own backward", &node),
        ("lossc, surrogate", &surrogate),
        ("burn's CrossEntropyLoss", &own),
    ];
    let (outcomes, gradients): (Vec<_>, Vec<_>) =
        runs.into_iter().map(|(who, loss)| run(who, loss, &device)).unzip();

    print!("{}", table(&outcomes));
    let apart = gradients.iter().map(|other| difference(&gradients[0], other)).fold(0.0, f32::max);
    println!("largest difference of the first gradients: {apart:.1e} of the largest element");
    let same =
        outcomes.iter().all(|other| (outcomes[0].loss - other.loss).abs() < 1e-4) && apart < 1e-5;
    let learned = outcomes.iter().all(|outcome| outcome.accuracy >= ACCURACY);
    println!("same training: {same}; at least {ACCURACY} of unseen digits right: {learned}");
    if same && learned { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Trains with a loss; what that came to, and the gradient at the first weights.
fn run(who: &'static str, loss: Loss, device: &Device) -> (Outcome, Vec<f32>) {
    let data = digits();
    let (pixels, labels) = tensors(&data.train, device);
    let (unseen, _) = tensors(&data.test, device);
    let mut model = Model::new(data.train.width, device);
    let first = gradient(model.forward(pixels.clone()), labels.clone(), loss);
    for _ in 0..STEPS {
        let (_, loss) = loss(model.forward(pixels.clone()), labels.clone());
        model = model.step(&loss);
    }
    let last = model.forward(pixels).detach();
    let outcome = Outcome {
        who,
        loss: loss(last.clone(), labels.clone()).0,
        accuracy: accuracy(&flat(model.forward(unseen)), &data.test.labels),
        microseconds: microseconds(|| _ = gradient(last.clone(), labels.clone(), loss)),
    };
    (outcome, first)
}

/// The gradient of three times the loss with respect to the logits, over three: what is above the loss counts.
fn gradient(logits: Tensor<2>, labels: Tensor<1, Int>, loss: Loss) -> Vec<f32> {
    let logits = logits.detach().require_grad();
    let (_, loss) = loss(logits.clone(), labels);
    let gradients = (loss * 3.0).backward();
    flat(logits.grad(&gradients).expect("the loss depends on its logits") / 3.0)
}

fn flat(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("f32")
}

fn scalar(tensor: &Tensor<1>) -> f64 {
    f64::from(tensor.to_data().as_slice::<f32>().expect("f32")[0])
}

/// The pixels and labels of a table.
fn tensors(data: &Table, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let pixels = TensorData::new(data.features.clone(), [data.rows(), data.width]);
    let labels = TensorData::new(data.labels.clone(), [data.rows()]);
    (Tensor::from_data(pixels, device), Tensor::from_data(labels, device))
}

/// Two layers with a hyperbolic tangent between them.
struct Model {
    hidden: Tensor<2>,
    last: Tensor<2>,
}

impl Model {
    fn new(width: usize, device: &Device) -> Self {
        let weights = |rows: usize, columns: usize| {
            let first = first_weights(rows * columns, (1.0 / rows as f32).sqrt());
            Tensor::from_data(TensorData::new(first, [rows, columns]), device).require_grad()
        };
        Self { hidden: weights(width, HIDDEN), last: weights(HIDDEN, CLASSES) }
    }

    fn forward(&self, pixels: Tensor<2>) -> Tensor<2> {
        pixels.matmul(self.hidden.clone()).tanh().matmul(self.last.clone())
    }

    /// One step down the gradient.
    fn step(self, loss: &Tensor<1>) -> Self {
        let gradients = loss.backward();
        let step = |weights: Tensor<2>| {
            let gradient = weights.grad(&gradients).expect("the loss depends on every weight");
            Tensor::from_inner(weights.inner() - gradient * RATE).require_grad()
        };
        Self { hidden: step(self.hidden), last: step(self.last) }
    }
}
