//! Memory on the stack: who has which bytes. Offsets are from the stack pointer, which is aligned to 64 bytes.

use std::collections::BTreeMap;

/// How the stack frame is divided.
#[derive(Debug, Default)]
pub(super) struct Frame {
    size: i32,
    /// Bytes that are free again: of a word, and of so many vectors.
    words: Vec<i32>,
    vectors: BTreeMap<usize, Vec<i32>>,
}

/// How many bytes a number, an address or a mask gets.
pub(super) const WORD: i32 = 8;
/// How many bytes a vector gets, the widest one too.
pub(super) const VECTOR: i32 = 64;

impl Frame {
    pub(super) fn size(&self) -> i32 {
        self.size
    }

    /// Bytes for a number, an address or a mask.
    pub(super) fn word(&mut self) -> i32 {
        self.words.pop().unwrap_or_else(|| self.take(WORD))
    }

    /// Bytes for a vector.
    pub(super) fn vector(&mut self) -> i32 {
        self.vectors(1)
    }

    /// Bytes for vectors one behind the other.
    pub(super) fn vectors(&mut self, count: usize) -> i32 {
        let free = self.vectors.get_mut(&count).and_then(Vec::pop);
        free.unwrap_or_else(|| self.take(VECTOR * i32::try_from(count).expect("a few vectors")))
    }

    pub(super) fn release_word(&mut self, offset: i32) {
        self.words.push(offset);
    }

    pub(super) fn release_vector(&mut self, offset: i32) {
        self.release_vectors(offset, 1);
    }

    pub(super) fn release_vectors(&mut self, offset: i32, count: usize) {
        self.vectors.entry(count).or_default().push(offset);
    }

    fn take(&mut self, bytes: i32) -> i32 {
        // Words are taken eight at a time, so that vectors stay aligned.
        let offset = self.size;
        if bytes == WORD {
            self.words.extend((1..VECTOR / WORD).rev().map(|at| offset + at * WORD));
        }
        self.size = offset + bytes.max(VECTOR);
        offset
    }
}
