//! A linked loss as an operation of candle: logits and labels in, the mean loss out, differentiable.
//!
//! This file is made to be copied; nothing in it knows which loss it is.
//!
//! The forward pass computes the value and the gradient in **one** call and keeps the gradient for the
//! backward pass, as the two share most of their work; it costs as much memory as the logits. Where no
//! variable needs the gradient (validation), only the value is computed. The backward pass multiplies what
//! was kept with the gradient that arrives from above, so the loss may be scaled or be one term of many.

use std::error::Error;
use std::sync::OnceLock;

use candle_core::{
    CpuStorage, CustomOp2, DType, Device, Layout, Result, Shape, Tensor, WithDType, bail,
};

/// The mean of a linked loss: `evaluate` takes logits `[N, K]`, labels `[N]` and, where it is wanted, room for
/// the gradient, in which all of it must be written. The result is a scalar.
///
/// Labels may be of any integer type. Logits of any strides do: they are made contiguous.
///
/// # Errors
/// Where the logits are not f32 on the CPU, the shapes are not those, or `evaluate` fails.
pub fn linked_loss<F, E>(
    name: &'static str,
    logits: &Tensor,
    labels: &Tensor,
    evaluate: F,
) -> Result<Tensor>
where
    F: Fn(&[f32], &[i32], Option<&mut [f32]>) -> std::result::Result<f64, E>
        + Send
        + Sync
        + 'static,
    E: Error + Send + Sync + 'static,
{
    if !logits.device().is_cpu() {
        bail!(
            "{name} runs on the CPU: call `to_device(&Device::Cpu)` on the logits and labels first"
        );
    }
    let (examples, _) = logits.dims2()?;
    if labels.dims() != [examples] {
        bail!(
            "{name}: logits {:?} want [{examples}] labels, not {:?}",
            logits.dims(),
            labels.dims()
        );
    }
    let operation =
        LinkedLoss { name, evaluate, track: logits.track_op(), gradient: OnceLock::new() };
    logits.contiguous()?.apply_op2(&labels.to_dtype(DType::I32)?.contiguous()?, operation)
}

struct LinkedLoss<F> {
    name: &'static str,
    evaluate: F,
    /// Whether a backward pass can come.
    track: bool,
    /// That of the mean, once the forward pass has been.
    gradient: OnceLock<Tensor>,
}

impl<F, E> CustomOp2 for LinkedLoss<F>
where
    F: Fn(&[f32], &[i32], Option<&mut [f32]>) -> std::result::Result<f64, E>,
    E: Error + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        logits_layout: &Layout,
        labels: &CpuStorage,
        labels_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let logits = elements::<f32>(self.name, logits, logits_layout)?;
        let labels = elements::<i32>(self.name, labels, labels_layout)?;
        let mut gradient = self.track.then(|| vec![0.0; logits.len()]);
        let mean = (self.evaluate)(logits, labels, gradient.as_deref_mut())
            .map_err(candle_core::Error::wrap)?;
        if let Some(gradient) = gradient {
            let gradient = Tensor::from_vec(gradient, logits_layout.shape(), &Device::Cpu)?;
            self.gradient.set(gradient).expect("an operation runs forward once");
        }
        #[expect(clippy::cast_possible_truncation, reason = "the network computes in f32")]
        Ok((CpuStorage::F32(vec![mean as f32]), Shape::from(())))
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = self.gradient.get().expect("what is tracked has run forward");
        let scaled = gradient.affine(f64::from(upstream.to_scalar::<f32>()?), 0.0)?;
        Ok((Some(scaled), None))
    }
}

/// The elements of a contiguous tensor, which may begin anywhere in its storage.
fn elements<'a, T: WithDType>(
    name: &str,
    storage: &'a CpuStorage,
    layout: &Layout,
) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((begin, end)) => Ok(&storage.as_slice::<T>()?[begin..end]),
        None => bail!("{name} wants contiguous tensors: call `contiguous()` first"),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use candle_core::{Device, Result, Tensor, Var};

    use super::linked_loss;

    #[derive(Debug)]
    struct Refused;

    impl fmt::Display for Refused {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a label is negative")
        }
    }

    impl std::error::Error for Refused {}

    /// The mean of each row's logit at the label, squared: order and place of every element count.
    fn squared(
        logits: &[f32],
        labels: &[i32],
        gradient: Option<&mut [f32]>,
    ) -> std::result::Result<f64, Refused> {
        let (rows, width) = (labels.len() as f32, logits.len() / labels.len());
        let mut places = Vec::new();
        for (row, label) in labels.iter().enumerate() {
            places.push(row * width + usize::try_from(*label).map_err(|_| Refused)?);
        }
        if let Some(gradient) = gradient {
            for place in &places {
                gradient[*place] = 2.0 * logits[*place] / rows;
            }
        }
        Ok(places.iter().map(|place| f64::from(logits[*place]).powi(2)).sum::<f64>()
            / f64::from(rows))
    }

    fn loss(logits: &Tensor, labels: &[i64]) -> Result<Tensor> {
        let labels = Tensor::from_slice(labels, labels.len(), &Device::Cpu)?;
        linked_loss("squared", logits, &labels, squared)
    }

    #[test]
    fn strides_and_offsets_do() -> Result<()> {
        let all = Var::from_tensor(&Tensor::arange(0_f32, 12.0, &Device::Cpu)?.reshape((3, 4))?)?;
        // Rows 1 to 3 of the transposed: (1, 5, 9), (2, 6, 10).
        let loss = loss(&all.t()?.narrow(0, 1, 2)?, &[2, 0])?;
        assert_eq!(loss.to_scalar::<f32>()?, f32::midpoint(81.0, 4.0));
        let gradient = loss.backward()?.get(&all).expect("a variable").to_vec2::<f32>()?;
        assert_eq!(gradient, [[0.0, 0.0, 2.0, 0.0], [0.0; 4], [0.0, 9.0, 0.0, 0.0]]);
        Ok(())
    }

    #[test]
    fn what_is_above_the_loss_scales_its_gradient() -> Result<()> {
        let logits = Var::new(&[[1_f32, 2.0]], &Device::Cpu)?;
        let total = ((loss(&logits, &[1])? * 3.0)? + loss(&logits, &[0])?)?;
        let gradient = total.backward()?.get(&logits).expect("a variable").to_vec2::<f32>()?;
        assert_eq!(gradient, [[2.0, 12.0]]);
        Ok(())
    }

    #[test]
    fn no_gradient_is_computed_for_constants() -> Result<()> {
        let constant = Tensor::new(&[[1_f32, 2.0]], &Device::Cpu)?;
        let labels = Tensor::new(&[0_i32], &Device::Cpu)?;
        let value = linked_loss("squared", &constant, &labels, |logits, labels, gradient| {
            assert!(gradient.is_none());
            squared(logits, labels, gradient)
        })?;
        assert_eq!(value.to_scalar::<f32>()?, 1.0);
        Ok(())
    }

    #[test]
    fn mistakes_are_told() -> Result<()> {
        let logits = Tensor::new(&[[1_f32, 2.0]], &Device::Cpu)?;
        let doubles = Tensor::new(&[[1_f64, 2.0]], &Device::Cpu)?;
        for (result, said) in [
            (loss(&logits, &[-1]), "a label is negative"),
            (loss(&logits, &[0, 1]), "want [1] labels, not [2]"),
            (loss(&logits.squeeze(0)?, &[0]), "unexpected rank"),
            (loss(&doubles, &[0]), "unexpected dtype"),
        ] {
            let error = result.expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
        Ok(())
    }
}
