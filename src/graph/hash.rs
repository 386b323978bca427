//! A quick hash of nodes: they are a few small numbers, and nobody outside chooses them.

use std::hash::{BuildHasherDefault, Hasher};

/// Makes the hashers of the arena.
pub(super) type BuildNodeHasher = BuildHasherDefault<NodeHasher>;

/// Multiplies and rotates, a word at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodeHasher(u64);

impl NodeHasher {
    fn add(&mut self, word: u64) {
        // The odd number nearest to 2^64 divided by the golden ratio (Knuth 1973, section 6.4).
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for NodeHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.add(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.add(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.add(word.cast_unsigned() as u64);
    }
}
