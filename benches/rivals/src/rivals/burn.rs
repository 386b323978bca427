//! burn: losses in its operations, with its derivatives.

use burn::Tensor;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Int, TensorData};

use crate::harness::{Contender, contender};

/// A loss of a prediction and a target, by its name in the page; none if it is not written here.
pub(crate) fn pointwise<'a>(
    name: &str,
    predictions: &[f32],
    targets: &[f32],
) -> Option<Contender<'a>> {
    let loss: fn(Tensor<1>, Tensor<1>) -> Tensor<1> = match name {
        "mse" => |x, y| {
            let error = x - y;
            (error.clone() * error).mean()
        },
        "Huber" => |x, y| {
            let error = x - y;
            let within = error.clone().clamp(-1.0, 1.0);
            (within.clone() * (error - within / 2.0)).mean()
        },
        "bce with logits" => |z, y| {
            let rest = z.clone().abs().neg().exp().log1p();
            (relu(z.clone()) - z * y + rest).mean()
        },
        "sigmoid focal" => |z, y| {
            let wrong = z.clone() * (-(y.clone() * 2.0) + 1.0);
            let softplus = relu(wrong.clone()) + z.abs().neg().exp().log1p();
            let q = sigmoid(wrong);
            let weight = -(y * 0.5) + 0.75;
            (weight * q.clone() * q * softplus).mean()
        },
        _ => return None,
    };
    let device = Device::flex().autodiff();
    let array = |elements: &[f32]| {
        Tensor::<1>::from_data(TensorData::new(elements.to_vec(), [elements.len()]), &device)
    };
    let (x, y) = (array(predictions).require_grad(), array(targets));
    Some(of(x, move |x| loss(x, y.clone())))
}

/// Softmax cross-entropy.
pub(crate) fn entropy<'a>(logits: &[f32], labels: &[i32]) -> Contender<'a> {
    let device = Device::flex().autodiff();
    let shape = [labels.len(), logits.len() / labels.len()];
    let x = Tensor::<2>::from_data(TensorData::new(logits.to_vec(), shape), &device).require_grad();
    let y = Tensor::<1, Int>::from_data(TensorData::new(labels.to_vec(), [labels.len()]), &device);
    let loss = CrossEntropyLossConfig::new().init(&device);
    of(x, move |x| loss.forward(x, y.clone()))
}

/// A loss of a tensor, and its gradient there.
fn of<'a, const D: usize>(
    x: Tensor<D>,
    loss: impl Fn(Tensor<D>) -> Tensor<1> + 'a,
) -> Contender<'a> {
    contender("burn", move |output| {
        let loss = loss(x.clone());
        let gradients = loss.backward();
        if output.is_read {
            let gradient = x.grad(&gradients).expect("the loss depends on it");
            let elements: Vec<f32> = gradient.into_data().try_to_vec().expect("f32");
            output.gradient.copy_from_slice(&elements);
        }
        f64::from(loss.to_data().as_slice::<f32>().expect("f32")[0])
    })
}
