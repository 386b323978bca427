//! The least that memory asks for: in come the inputs and gradients of a batch, all of them read and written without any arithmetic.

use std::hint::black_box;

use lossc::call::Element;

use super::batch::{Batch, Elements, Gradients};

/// Batches with fewer bytes than this stay on one thread: to start others takes longer.
const SHARED: usize = 1 << 20;

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

/// A stretch of memory and what is done with it.
enum Piece<'a, T> {
    Copy(&'a [T], &'a mut [T]),
    Fill(&'a mut [T]),
    Read(&'a [T]),
    Narrow(&'a [i32]),
    Wide(&'a [i64]),
    Switch(&'a [bool]),
}

/// Copies inputs into gradients as far as both go, sets the other gradients and reads the other inputs, so many times and on
/// so many threads.
pub(super) fn stream<T: Streamed>(
    batch: &Batch<T>,
    gradients: &mut Gradients<T>,
    threads: usize,
    runs: u32,
) {
    let pieces = pieces(batch, gradients);
    let bytes: usize = pieces.iter().map(Piece::bytes).sum();
    let threads = if bytes < SHARED { 1 } else { threads };
    let mut shares = split(pieces, threads);
    let own = shares.pop().unwrap_or_default();
    std::thread::scope(|scope| {
        for share in shares {
            scope.spawn(move || work(share, runs));
        }
        work(own, runs);
    });
}

fn work<T: Streamed>(mut pieces: Vec<Piece<T>>, runs: u32) {
    for _ in 0..runs {
        for piece in &mut pieces {
            black_box(piece.run());
        }
    }
}

/// What is to be done with all of a batch.
fn pieces<'a, T: Element>(
    batch: &'a Batch<T>,
    gradients: &'a mut Gradients<T>,
) -> Vec<Piece<'a, T>> {
    let mut pieces = Vec::new();
    let mut targets = gradients.iter_mut().map(|(_, gradient)| gradient.as_mut_slice());
    let mut target: &mut [T] = &mut [];
    for input in &batch.inputs {
        let mut left = match &input.elements {
            Elements::Real(elements) => elements.as_slice(),
            Elements::Narrow(labels) => {
                pieces.push(Piece::Narrow(labels));
                continue;
            }
            Elements::Wide(labels) => {
                pieces.push(Piece::Wide(labels));
                continue;
            }
            Elements::Switch(switches) => {
                pieces.push(Piece::Switch(switches));
                continue;
            }
        };
        while !left.is_empty() {
            if target.is_empty() {
                let Some(next) = targets.next() else { break };
                target = next;
                continue;
            }
            let count = left.len().min(target.len());
            let (now, later) = std::mem::take(&mut target).split_at_mut(count);
            pieces.push(Piece::Copy(&left[..count], now));
            (target, left) = (later, &left[count..]);
        }
        pieces.push(Piece::Read(left));
    }
    pieces.push(Piece::Fill(target));
    pieces.extend(targets.map(Piece::Fill));
    pieces
}

/// Equal shares of all pieces.
fn split<T: Element>(pieces: Vec<Piece<'_, T>>, count: usize) -> Vec<Vec<Piece<'_, T>>> {
    let mut shares: Vec<Vec<Piece<T>>> = Vec::new();
    let mut left = pieces;
    for parts in (1..=count).rev() {
        let halves = left.into_iter().map(|piece| {
            let length = piece.len() / parts;
            piece.split(length)
        });
        let (share, later) = halves.unzip();
        shares.push(share);
        left = later;
    }
    shares
}

impl<T: Element> Piece<'_, T> {
    fn len(&self) -> usize {
        match self {
            Self::Copy(from, _) | Self::Read(from) => from.len(),
            Self::Fill(to) => to.len(),
            Self::Narrow(labels) => labels.len(),
            Self::Wide(labels) => labels.len(),
            Self::Switch(switches) => switches.len(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Copy(from, to) => size_of_val(*from) + size_of_val(*to),
            Self::Read(from) => size_of_val(*from),
            Self::Fill(to) => size_of_val(*to),
            Self::Narrow(labels) => size_of_val(*labels),
            Self::Wide(labels) => size_of_val(*labels),
            Self::Switch(switches) => switches.len(),
        }
    }

    /// The first elements, and the others.
    fn split(self, at: usize) -> (Self, Self) {
        match self {
            Self::Copy(from, to) => {
                let ((from, from_later), (to, to_later)) = (from.split_at(at), to.split_at_mut(at));
                (Self::Copy(from, to), Self::Copy(from_later, to_later))
            }
            Self::Fill(to) => {
                let (to, later) = to.split_at_mut(at);
                (Self::Fill(to), Self::Fill(later))
            }
            Self::Read(from) => (Self::Read(&from[..at]), Self::Read(&from[at..])),
            Self::Narrow(from) => (Self::Narrow(&from[..at]), Self::Narrow(&from[at..])),
            Self::Wide(from) => (Self::Wide(&from[..at]), Self::Wide(&from[at..])),
            Self::Switch(from) => (Self::Switch(&from[..at]), Self::Switch(&from[at..])),
        }
    }
}

impl<T: Streamed> Piece<'_, T> {
    /// Reads and writes it; something that depends on all that is read and not copied.
    fn run(&mut self) -> u64 {
        match self {
            Self::Copy(from, to) => {
                to.copy_from_slice(from);
                0
            }
            Self::Fill(to) => {
                to.fill(T::default());
                0
            }
            Self::Read(from) => T::sum(from),
            Self::Narrow(labels) => {
                let labels = labels.iter().map(|label| label.cast_unsigned());
                u64::from(labels.fold(0_u32, u32::wrapping_add))
            }
            Self::Wide(labels) => {
                labels.iter().map(|label| label.cast_unsigned()).fold(0, u64::wrapping_add)
            }
            Self::Switch(switches) => {
                u64::from(switches.iter().fold(0_u32, |sum, on| sum + u32::from(*on)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::batch::Input;

    fn batch() -> Batch<f32> {
        let input =
            |elements| Input { name: String::new(), shape: Vec::new(), elements, is_fixed: false };
        Batch {
            inputs: vec![
                input(Elements::Real(vec![1.0, 2.0, 3.0])),
                input(Elements::Narrow(vec![5, 6])),
                input(Elements::Real(vec![4.0, f32::from_bits(70)])),
                input(Elements::Switch(vec![true, false, true])),
            ],
            ..Batch::default()
        }
    }

    fn gradients(lengths: &[usize]) -> Gradients<f32> {
        lengths.iter().map(|length| (String::new(), vec![9.0; *length])).collect()
    }

    #[test]
    fn all_inputs_are_read_and_all_gradients_written() {
        let batch = batch();
        for (lengths, read) in [(&[1, 3][..], 70 + 11 + 2), (&[6, 2], 11 + 2)] {
            for threads in 1..4 {
                let mut gradients = gradients(lengths);
                let shares = split(pieces(&batch, &mut gradients), threads);
                assert_eq!(shares.len(), threads);
                let sums = shares.into_iter().flatten().map(|mut piece| piece.run());
                assert_eq!(sums.sum::<u64>(), read);
                let all: Vec<f32> =
                    gradients.into_iter().flat_map(|(_, gradient)| gradient).collect();
                let copied = [1.0, 2.0, 3.0, 4.0, f32::from_bits(70), 0.0, 0.0, 0.0];
                assert_eq!(all, copied[..all.len()], "{lengths:?} on {threads} threads");
            }
        }
    }

    #[test]
    fn large_batches_are_shared() {
        let elements = Elements::Real(vec![3.0; SHARED]);
        let input = Input { name: String::new(), shape: Vec::new(), elements, is_fixed: false };
        let batch = Batch { inputs: vec![input], ..Batch::default() };
        let mut gradients = gradients(&[SHARED]);
        stream(&batch, &mut gradients, 3, 2);
        assert!(gradients[0].1.iter().all(|element| *element == 3.0));
    }
}
