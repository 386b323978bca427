//! candle: losses in its operations, with its derivatives.

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::loss::cross_entropy;

use crate::harness::{Contender, contender};

/// A loss of a prediction and a target, by its name in the page; none if it is not written here.
pub(crate) fn pointwise<'a>(
    name: &str,
    predictions: &[f32],
    targets: &[f32],
) -> Option<Contender<'a>> {
    let loss: fn(&Tensor, &Tensor) -> Result<Tensor> = match name {
        "mse" => |x, y| (x - y)?.sqr()?.mean_all(),
        "Huber" => |x, y| {
            let error = (x - y)?;
            let within = error.clamp(-1.0_f32, 1.0_f32)?;
            (&within * (&error - (&within / 2.0)?)?)?.mean_all()
        },
        "bce with logits" => |z, y| {
            let rest = (z.abs()?.neg()?.exp()? + 1.0)?.log()?;
            ((z.relu()? - (z * y)?)? + rest)?.mean_all()
        },
        "sigmoid focal" => |z, y| {
            let wrong = (z * (1.0 - (y * 2.0)?)?)?;
            let softplus = (wrong.relu()? + (z.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
            let q = (wrong.neg()?.exp()? + 1.0)?.recip()?;
            let weight = (0.75 - (y * 0.5)?)?;
            ((weight * q.sqr()?)? * softplus)?.mean_all()
        },
        _ => return None,
    };
    let x = Var::from_slice(predictions, predictions.len(), &Device::Cpu).expect("it fits");
    let y = Tensor::from_slice(targets, targets.len(), &Device::Cpu).expect("it fits");
    Some(of(x, move |x| loss(x, &y)))
}

/// Softmax cross-entropy.
pub(crate) fn entropy<'a>(logits: &[f32], labels: &[i32]) -> Contender<'a> {
    let shape = (labels.len(), logits.len() / labels.len());
    let x = Var::from_slice(logits, shape, &Device::Cpu).expect("it fits");
    let labels: Vec<u32> = labels.iter().map(|label| label.unsigned_abs()).collect();
    let y = Tensor::from_slice(&labels, labels.len(), &Device::Cpu).expect("it fits");
    of(x, move |x| cross_entropy(x, &y))
}

/// A loss of a variable, and its gradient there.
fn of<'a>(x: Var, loss: impl Fn(&Tensor) -> Result<Tensor> + 'a) -> Contender<'a> {
    contender("candle", move |output| {
        let loss = loss(&x).expect("the shapes fit");
        let gradients = loss.backward().expect("all of it has derivatives");
        if output.is_read {
            let gradient = gradients.get(&x).expect("the loss depends on it");
            let elements = gradient.flatten_all().and_then(|it| it.to_vec1());
            output.gradient.copy_from_slice(&elements.expect("f32"));
        }
        f64::from(loss.to_scalar::<f32>().expect("f32"))
    })
}
