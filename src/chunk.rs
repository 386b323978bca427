//! How many examples are computed at a time: those of a chunk, which one thread takes.
//!
//! In come the inputs of a loss and the arrays that its value is made of; out comes a power of two that depends on the shapes
//! of one example alone, so that the bits of sums depend neither on threads nor on the size of the batch.
//!
//! What the examples of a chunk read and give is to stay in the second-level cache. Examples that are much work each, such as
//! the pairs of long lists, are few in a chunk, so that there are chunks for several threads.

use crate::batch::is_batched;
use crate::graph::{AxisSet, Extent, ExtentId, Graph, NodeId};
use crate::plan::Length;

/// The most examples of a chunk.
pub(crate) const LONGEST_CHUNK: usize = 4096;

/// How many bytes the inputs of a chunk and as many results should take at most.
pub(crate) const CHUNK_BYTES: f64 = (1 << 18) as f64;

/// How many elements an array over several axes of the examples of a chunk should have at most, stored or not: of pairs that is
/// about a tenth of a millisecond.
pub(crate) const CHUNK_ELEMENTS: f64 = (1 << 18) as f64;

/// How many times as many elements as all examples share such an array should have at least.
pub(crate) const WORTH_SHARES: f64 = 64.0;

/// What the length of a chunk goes by.
#[derive(Clone, Debug)]
pub(crate) struct Chunking {
    /// The axes of each input that every example has its own of.
    pub(crate) inputs: Vec<Vec<Length>>,
    /// The axes of the largest arrays that the value is made of, where these have several.
    pub(crate) arrays: Vec<Vec<Length>>,
    /// The axes of each array that all examples share: every chunk has gradients of its own of these.
    pub(crate) shared: Vec<Vec<Length>>,
}

impl Chunking {
    /// For a loss of this value.
    pub(crate) fn of(graph: &Graph, value: NodeId) -> Self {
        let length = |extent: ExtentId| match graph.extent(extent) {
            Extent::Literal(length) => Length::Literal(*length as usize),
            Extent::Named(_) => Length::Given(extent),
        };
        let inputs = |batched: bool| {
            let inputs = graph.input_ids().map(|id| graph.input(id));
            let chosen = inputs.filter(move |input| is_batched(input.role) == batched);
            chosen.map(|input| {
                input.axes.iter().map(|axis| length(graph.axis(*axis).extent)).collect::<Vec<_>>()
            })
        };
        let mut largest: Vec<AxisSet> = Vec::new();
        for id in graph.reachable(&[value]) {
            let axes = graph.axes(id);
            let is_in = |larger: &AxisSet| axes.is_subset_of(*larger);
            if axes.iter().nth(1).is_some() && !largest.iter().any(is_in) {
                largest.retain(|smaller| !smaller.is_subset_of(axes));
                largest.push(axes);
            }
        }
        let arrays = largest
            .into_iter()
            .map(|axes| axes.iter().map(|axis| length(graph.axis(axis).extent)).collect());
        Self {
            inputs: inputs(true).collect(),
            arrays: arrays.collect(),
            shared: inputs(false).filter(|axes| !axes.is_empty()).collect(),
        }
    }

    /// How many examples a chunk has, if there are enough; of numbers of `size` bytes, where `length` tells the lengths.
    pub(crate) fn examples(&self, size: usize, length: impl Fn(&Length) -> usize) -> usize {
        #[expect(clippy::cast_precision_loss, reason = "what is not exact is far above the bounds")]
        let length = |it: &Length| length(it) as f64;
        let elements = |lengths: &Vec<Length>| lengths.iter().map(length).product::<f64>();
        let read: f64 = self.inputs.iter().map(elements).sum();
        let largest = self.arrays.iter().map(elements).fold(1.0, f64::max);
        let shared: f64 = self.shared.iter().map(elements).sum();
        let work = CHUNK_ELEMENTS.max(WORTH_SHARES * shared);
        let most = (CHUNK_BYTES / (read * bytes_of(size)).max(1.0)).min(work / largest);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, and saturating"
        )]
        let most = (most as usize).clamp(1, LONGEST_CHUNK);
        1 << most.ilog2()
    }

    /// The same where all lengths are numbers.
    pub(crate) fn of_literals(&self, size: usize) -> Option<usize> {
        let is_literal = |length: &Length| matches!(length, Length::Literal(_));
        let mut all = self.inputs.iter().chain(&self.arrays).chain(&self.shared).flatten();
        all.all(is_literal).then(|| {
            self.examples(size, |length| match length {
                Length::Literal(length) => *length,
                Length::Given(_) | Length::Batch => unreachable!("all are numbers"),
            })
        })
    }
}

/// How many bytes an element takes, with that of a result.
pub(crate) fn bytes_of(size: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "4 or 8")]
    let size = size as f64;
    2.0 * size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Source, check};

    /// How many examples of f32 a chunk of a loss has where every named axis has one length.
    fn examples(text: &str, named: usize) -> usize {
        let source = Source::Text { name: "chunk.loss".to_owned(), text: text.to_owned() };
        let model = check(&source).expect("the loss is right").models.remove(0);
        Chunking::of(&model.graph, model.value).examples(4, |length| match length {
            Length::Literal(length) => *length,
            Length::Given(_) | Length::Batch => named,
        })
    }

    #[test]
    fn chunks_are_as_long_as_caches_and_work_allow() {
        let number = "loss chunk(pred x, target y) = (x - y)^2";
        let row = "loss chunk(pred x[K], target y in K) = -log_softmax(x)[y]";
        let pairs = "loss chunk(pred x[N]) = sum[i in N, j in N](abs(x[i] - x[j]))";
        let matrix = "loss chunk(pred x[N, M]) = sum(x^2)";
        let learned =
            "loss chunk(pred x[D], learned w[K, D]) = sum[k in K](sum[d in D](w[k, d] * x[d])^2)";
        let weighted =
            "loss chunk(pred x[N], param w[N]) = sum[i in N, j in N](abs(w[i] * x[i] - x[j]))";
        for (text, named, want) in [
            (number, 1, 4096),
            (row, 10, 2048),
            (row, 1000, 32),
            (row, 100_000, 1),
            (row, 0, 4096),
            (pairs, 10, 2048),
            (pairs, 100, 16),
            (pairs, 512, 1),
            (pairs, usize::MAX, 1),
            (matrix, 100, 2),
            // Shared gradients of 1000 x 1000 for each chunk would be more than the work.
            (learned, 1000, 32),
            (weighted, 300, 2),
        ] {
            assert_eq!(examples(text, named), want, "{text} at {named}");
        }
    }
}
