//! The least that memory asks for: in come the inputs and gradients of a batch, all of them read and written without any arithmetic.

use lossc::call::Element;

use super::batch::{Batch, Elements, Gradients};

/// Numbers that are read as bits.
pub(super) trait Streamed: Element {
    /// The sum of their bits.
    fn sum(elements: &[Self]) -> u64;
}

impl Streamed for f32 {
    fn sum(elements: &[Self]) -> u64 {
        u64::from(elements.iter().fold(0_u32, |sum, it| sum.wrapping_add(it.to_bits())))
    }
}

impl Streamed for f64 {
    fn sum(elements: &[Self]) -> u64 {
        elements.iter().fold(0_u64, |sum, it| sum.wrapping_add(it.to_bits()))
    }
}

/// Copies inputs into gradients as far as both go, sets the other gradients and reads the other inputs.
///
/// What comes out depends on everything that was read and not copied.
pub(super) fn stream<T: Streamed>(batch: &Batch<T>, gradients: &mut Gradients<T>) -> u64 {
    let mut sum = 0_u64;
    let mut targets = gradients.iter_mut().map(|(_, gradient)| gradient.as_mut_slice());
    let mut target: &mut [T] = &mut [];
    for input in &batch.inputs {
        let read = match &input.elements {
            Elements::Real(elements) => {
                let mut left = elements.as_slice();
                while !left.is_empty() {
                    if target.is_empty() {
                        let Some(next) = targets.next() else { break };
                        target = next;
                        continue;
                    }
                    let count = left.len().min(target.len());
                    let (now, later) = std::mem::take(&mut target).split_at_mut(count);
                    now.copy_from_slice(&left[..count]);
                    (target, left) = (later, &left[count..]);
                }
                T::sum(left)
            }
            Elements::Narrow(labels) => {
                let labels = labels.iter().map(|label| label.cast_unsigned());
                u64::from(labels.fold(0_u32, u32::wrapping_add))
            }
            Elements::Wide(labels) => {
                labels.iter().map(|label| label.cast_unsigned()).fold(0, u64::wrapping_add)
            }
            Elements::Switch(switches) => {
                u64::from(switches.iter().fold(0_u32, |sum, on| sum + u32::from(*on)))
            }
        };
        sum = sum.wrapping_add(read);
    }
    target.fill(T::default());
    targets.for_each(|gradient| gradient.fill(T::default()));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::batch::Input;

    #[test]
    fn all_inputs_are_read_and_all_gradients_written() {
        let input = |elements| Input { name: String::new(), shape: Vec::new(), elements };
        let batch = Batch {
            inputs: vec![
                input(Elements::Real(vec![1.0_f32, 2.0, 3.0])),
                input(Elements::Narrow(vec![5, 6])),
                input(Elements::Real(vec![4.0, f32::from_bits(70)])),
                input(Elements::Switch(vec![true, false, true])),
            ],
            ..Batch::default()
        };
        let gradients = |lengths: &[usize]| -> Gradients<f32> {
            lengths.iter().map(|length| (String::new(), vec![9.0; *length])).collect()
        };
        let mut four = gradients(&[1, 3]);
        assert_eq!(stream(&batch, &mut four), 70 + 11 + 2);
        assert_eq!(
            (four[0].1.as_slice(), four[1].1.as_slice()),
            (&[1.0][..], &[2.0, 3.0, 4.0][..])
        );
        let mut many = gradients(&[6, 2]);
        assert_eq!(stream(&batch, &mut many), 11 + 2);
        assert_eq!(many[0].1, [1.0, 2.0, 3.0, 4.0, f32::from_bits(70), 0.0]);
        assert_eq!(many[1].1, [0.0; 2]);
    }
}
