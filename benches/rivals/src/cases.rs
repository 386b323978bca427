//! What is measured: losses and sizes, and who takes part in each.

mod long;
mod pointwise;
mod softmax;

use crate::harness::{Line, Options};
use crate::lanes::Set;

/// Measures all cases that are asked for.
pub(crate) fn measure_all(options: &Options) -> Vec<Line> {
    let mut lines = Vec::new();
    pointwise::measure(options, &mut lines);
    softmax::measure(options, &mut lines);
    long::measure(options, &mut lines);
    lines
}

/// The names of hand-written code in an instruction set, its results cached or streamed past the caches.
fn by_hand(set: Set, streams: bool) -> &'static str {
    match (set, streams) {
        (Set::Avx512, false) => "avx512",
        (Set::Avx512, true) => "avx512 streaming",
        (Set::Avx2, false) => "avx2",
        (Set::Avx2, true) => "avx2 streaming",
    }
}

/// The instruction sets of this machine, each with caches and, where results are large, past them.
fn sets(gradient: usize) -> Vec<(Set, bool)> {
    let sets = [Set::Avx512, Set::Avx2].into_iter().filter(|set| set.is_here());
    let large = gradient >= 1 << 19;
    sets.flat_map(|set| [(set, false), (set, true)])
        .filter(|(_, streams)| large || !streams)
        .collect()
}
