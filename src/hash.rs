//! Sets and maps of ids and of what is made of ids, with a quick hash: nobody outside chooses these numbers.
//!
//! Nothing may depend on the order in which they are iterated over.

use std::hash::{BuildHasherDefault, Hasher};

/// A map from ids.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, BuildIdHasher>;

/// A set of ids.
pub(crate) type HashSet<K> = std::collections::HashSet<K, BuildIdHasher>;

/// Makes the hashers of ids.
pub(crate) type BuildIdHasher = BuildHasherDefault<IdHasher>;

/// Multiplies and rotates, a word at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IdHasher(u64);

impl IdHasher {
    fn add(&mut self, word: u64) {
        // The odd number nearest to 2^64 divided by the golden ratio (Knuth 1973, section 6.4).
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.add(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.add(u64::from(word));
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
