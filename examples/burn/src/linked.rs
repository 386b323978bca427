//! A linked loss in burn, in two forms: as an operation with its own backward pass, and as a surrogate.
//!
//! This file is made to be copied; nothing in it knows which loss it is.
//!
//! [`linked_loss`] is a node of the graph: its value is the loss, and `backward` asks it for the gradient. It is
//! written for one backend at a time, which the caller names. [`surrogate`] needs nothing of the backend: the sum
//! of logits times the (constant) gradient has that very gradient, whatever its value; the value is given beside
//! it. Both compute value and gradient in **one** call on the CPU, where the forward pass is, and keep the
//! gradient, as the two share most of their work. Logits on another device are copied from it, and the gradient
//! to it.

use std::fmt::Debug;

use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, DispatchKindConversion, DispatchTensor, TensorMetadata};
use burn::tensor::{Int, TensorData};

/// The mean of a linked loss, as a tensor of one element; `B` is the backend below autodiff.
///
/// `evaluate` takes logits `[N, K]`, labels `[N]` and, where it is wanted, room for the gradient, in which all
/// of it must be written. Logits that no gradient is asked of (in validation) may be on any backend.
///
/// # Errors
/// Where `evaluate` fails.
///
/// # Panics
/// Where the logits are not f32, or are tracked on another backend than `Autodiff<B>` without checkpointing.
pub fn linked_loss<B, E>(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    evaluate: impl Fn(&[f32], &[i32], Option<&mut [f32]>) -> Result<f64, E>,
) -> Result<Tensor<1>, E>
where
    B: Backend,
    DispatchTensor: DispatchKindConversion<Autodiff<B>>,
{
    let (shape, data) = (logits.dims(), logits.to_data());
    let labels = labels.into_data().convert::<i32>();
    let mut gradient = logits.is_tracked().then(|| vec![0.0; shape[0] * shape[1]]);
    let value = evaluate(slice(&data), slice(&labels), gradient.as_deref_mut())?;
    #[expect(clippy::cast_possible_truncation, reason = "the network computes in f32")]
    let value = TensorData::from([value as f32]);
    let Some(gradient) = gradient else { return Ok(Tensor::from_data(value, &logits.device())) };
    let logits = logits
        .try_into_primitive::<Autodiff<B>>()
        .unwrap_or_else(|error| panic!("the loss is linked for another backend: {error:?}"));
    let device = logits.primitive().device();
    let value = B::float_from_data(value, &device);
    let loss =
        match LinkedLoss.prepare::<NoCheckpointing>([logits.node()]).compute_bound().stateful() {
            OpsKind::Tracked(tracked) => {
                tracked.finish(B::float_from_data(TensorData::new(gradient, shape), &device), value)
            }
            OpsKind::UnTracked(untracked) => untracked.finish(value),
        };
    Ok(Tensor::from_primitive::<Autodiff<B>>(loss))
}

#[derive(Debug)]
struct LinkedLoss;

impl<B: Backend> Backward<B, 1> for LinkedLoss {
    /// The gradient of the mean.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = gradients.consume::<B>(&ops.node);
        let [logits] = ops.parents;
        if let Some(logits) = logits {
            let upstream = B::float_reshape(upstream, [1, 1].into());
            gradients.register::<B>(logits.id, B::float_mul(ops.state, upstream));
        }
    }
}

/// The mean of a linked loss, and a tensor of one element whose `backward` gives its gradient; any backend does.
///
/// # Errors
/// Where `evaluate` fails; see [`linked_loss`].
///
/// # Panics
/// Where the logits are not f32.
pub fn surrogate<E>(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    evaluate: impl Fn(&[f32], &[i32], Option<&mut [f32]>) -> Result<f64, E>,
) -> Result<(f64, Tensor<1>), E> {
    let (shape, data) = (logits.dims(), logits.to_data());
    let labels = labels.into_data().convert::<i32>();
    let mut gradient = vec![0.0; shape[0] * shape[1]];
    let value = evaluate(slice(&data), slice(&labels), Some(&mut gradient))?;
    // Made from numbers, so a constant of the graph: no `detach` is needed.
    let gradient = Tensor::from_data(TensorData::new(gradient, shape), &logits.device());
    Ok((value, (logits * gradient).sum()))
}

fn slice<E: burn::tensor::Element>(data: &TensorData) -> &[E] {
    data.as_slice().unwrap_or_else(|error| panic!("elements of another type: {error:?}"))
}

#[cfg(test)]
mod tests {
    use burn::Tensor;
    use burn::backend::Flex;
    use burn::tensor::{Device, Int};

    use super::{linked_loss, surrogate};

    /// The mean of each row's logit at the label, squared; refuses a negative label.
    fn squared(
        logits: &[f32],
        labels: &[i32],
        gradient: Option<&mut [f32]>,
    ) -> Result<f64, String> {
        let (rows, width) = (labels.len() as f32, logits.len() / labels.len());
        let mut places = Vec::new();
        for (row, label) in labels.iter().enumerate() {
            places
                .push(row * width + usize::try_from(*label).map_err(|_| format!("label {label}"))?);
        }
        if let Some(gradient) = gradient {
            for place in &places {
                gradient[*place] = 2.0 * logits[*place] / rows;
            }
        }
        Ok(places.iter().map(|place| f64::from(logits[*place]).powi(2)).sum::<f64>()
            / f64::from(rows))
    }

    type Form = fn(Tensor<2>, Tensor<1, Int>) -> Result<(f64, Tensor<1>), String>;

    /// Both forms: the value and what `backward` is called on.
    const FORMS: [Form; 2] = [
        |logits, labels| {
            let loss = linked_loss::<Flex, _>(logits, labels, squared)?;
            Ok((f64::from(loss.to_data().as_slice::<f32>().expect("f32")[0]), loss))
        },
        |logits, labels| surrogate(logits, labels, squared),
    ];

    fn device() -> Device {
        Device::flex().autodiff()
    }

    fn elements(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_to_vec().expect("f32")
    }

    #[test]
    fn strides_do_and_what_is_above_the_loss_scales_its_gradient() {
        for form in FORMS {
            let all = Tensor::<2>::from_data([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], &device())
                .require_grad();
            let labels = Tensor::from_data([1, 0], &device());
            // The last two rows of the transposed: (2, 5), (3, 6).
            let (value, loss) =
                form(all.clone().transpose().slice([1..3, 0..2]), labels).expect("fine labels");
            assert_eq!(value, f64::midpoint(25.0, 9.0));
            let gradients = (loss * 3.0).backward();
            let gradient = all.grad(&gradients).expect("it requires one");
            assert_eq!(elements(gradient), [0.0, 0.0, 9.0, 0.0, 15.0, 0.0]);
        }
    }

    #[test]
    fn no_gradient_is_computed_for_constants() {
        for device in [device(), Device::flex()] {
            let logits = Tensor::<2>::from_data([[1.0, 2.0]], &device);
            let labels = Tensor::from_data([1], &device);
            let loss = linked_loss::<Flex, _>(logits, labels, |logits, labels, gradient| {
                assert!(gradient.is_none());
                squared(logits, labels, gradient)
            });
            assert_eq!(
                loss.expect("fine labels").into_data().as_slice::<f32>().expect("f32"),
                [4.0]
            );
        }
    }

    #[test]
    fn a_refusal_comes_back() {
        for form in FORMS {
            let logits = Tensor::<2>::from_data([[1.0, 2.0]], &device());
            let refused = form(logits, Tensor::from_data([-3], &device()));
            assert_eq!(refused.expect_err("a negative label"), "label -3");
        }
    }

    #[test]
    #[should_panic(expected = "the loss is linked for another backend")]
    fn tracked_logits_of_another_backend_are_refused() {
        use burn::backend::GradientCheckpointingStrategy;
        let logits = Tensor::<2>::from_data([[1.0, 2.0]], &device())
            .with_gradient_checkpointing_strategy(GradientCheckpointingStrategy::Balanced)
            .require_grad();
        let _ = linked_loss::<Flex, _>(logits, Tensor::from_data([1], &device()), squared);
    }
}
