//! Registers of one sort: what they hold, and which of them may be taken.

use std::ops::Range;

use super::values::Key;
use crate::loops::Value;

/// Registers of one sort: sets of them, a bit for each.
#[derive(Debug)]
pub(super) struct Registers {
    /// What those hold that hold something.
    content: [Key; 32],
    held: u32,
    pinned: u32,
    locked: u32,
}

impl Registers {
    pub(super) fn new() -> Self {
        Self { content: [(Value(0), 0); 32], held: 0, pinned: 0, locked: 0 }
    }

    /// The first one of a range that nothing needs.
    pub(super) fn first_free(&self, range: Range<usize>) -> Option<usize> {
        let free = !(self.held | self.pinned | self.locked) & (u32::MAX << range.start);
        let first = free.trailing_zeros() as usize;
        (first < range.end).then_some(first)
    }

    /// Keeps one for what is being written.
    pub(super) fn lock(&mut self, at: usize) {
        self.locked |= 1 << at;
    }

    /// Keeps one until it is unpinned.
    pub(super) fn pin(&mut self, at: usize) {
        self.pinned |= 1 << at;
        self.locked &= !(1 << at);
    }

    /// Lets go of all that were kept for what is written now.
    pub(super) fn unlock(&mut self) {
        self.locked = 0;
    }

    /// What one holds that holds something.
    pub(super) fn content(&self, at: usize) -> Key {
        self.content[at]
    }

    /// Whether one holds something that may go to memory.
    pub(super) fn may_move(&self, at: usize) -> bool {
        self.held & !(self.pinned | self.locked) & 1 << at != 0
    }

    pub(super) fn unpin(&mut self, at: usize) {
        self.pinned &= !(1 << at);
    }

    /// Says what one holds.
    pub(super) fn hold(&mut self, at: usize, key: Key) {
        self.content[at] = key;
        self.held |= 1 << at;
    }

    /// Lets go of what one holds, which may be written then.
    pub(super) fn free(&mut self, at: usize) {
        self.held &= !(1 << at);
        self.locked &= !(1 << at);
    }

    /// Takes what the first one holds out of those that hold something.
    pub(super) fn take_first(&mut self) -> Option<Key> {
        let first = self.held.trailing_zeros();
        self.held &= self.held.wrapping_sub(1);
        self.content.get(first as usize).copied()
    }
}
