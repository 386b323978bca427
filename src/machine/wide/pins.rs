//! What stays in registers throughout a loop: constants and values from outside that its body uses most.

use super::Writer;
use super::locations::Locations;
use super::turn::TURNING;
use super::uses::Uses;
use super::values::{Key, mask};
use crate::loops::{Operation, Statement};

/// Values that stay in a register.
pub(super) struct Pinned {
    registers: Locations<u8>,
    keys: Vec<Key>,
}

impl Pinned {
    /// None of so many values.
    pub(super) fn new(count: usize) -> Self {
        Self { registers: Locations::new(count), keys: vec![] }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The register in which a value stays.
    pub(super) fn get(&self, key: &Key) -> Option<usize> {
        self.registers.get(key).map(|register| usize::from(*register))
    }

    fn insert(&mut self, key: Key, register: usize) {
        self.registers.insert(key, u8::try_from(register).expect("32 at most"));
        self.keys.push(key);
    }

    fn pop(&mut self) -> Option<(Key, usize)> {
        let key = self.keys.pop()?;
        Some((key, self.registers.remove(&key)?.into()))
    }
}

impl Writer<'_> {
    /// Keeps what is used most in the registers that are not needed.
    pub(super) fn pin_most_used(&mut self, body: &[Statement], uses: &Uses, needed: usize) {
        let room = self.register_count().saturating_sub(needed);
        let mut wanted: Vec<(usize, Key)> = vec![];
        let mut masks: Vec<Key> = vec![];
        for (value, count) in uses.constants().iter().chain(&uses.outside()) {
            if self.is_masked(*value) && !self.is_shared(*value) {
                masks.extend((0..self.copies).map(|copy| (*value, copy)));
            }
            if self.is_mask(*value) {
                continue;
            }
            if self.is_shared(*value) {
                wanted.push((count * self.copies, (*value, 0)));
            } else {
                wanted.extend((0..self.copies).map(|copy| (*count, (*value, copy))));
            }
        }
        wanted.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        for (_, key) in wanted.into_iter().take(room) {
            let register = self.pin();
            self.fill_pinned(key, register);
            self.pinned.insert(key, register);
        }
        for key in masks.into_iter().take(self.most_masks(body)) {
            let register = self.pin_mask(key);
            self.pinned.insert(key, register);
        }
    }

    /// Gives those registers back.
    pub(super) fn unpin_most_used(&mut self) {
        while let Some(((value, _), register)) = self.pinned.pop() {
            if self.is_masked(value) {
                self.unpin_mask(register);
            } else {
                self.unpin(register);
            }
        }
    }

    /// How many of the six mask registers there are for masks from outside of a body, besides those that its operations want.
    fn most_masks(&self, body: &[Statement]) -> usize {
        let selects_masks = body.iter().any(|statement| match statement {
            Statement::Let(value, Operation::Select(..)) => self.is_mask(*value),
            _ => false,
        });
        if selects_masks { 0 } else { 3 }
    }

    /// Reserves a register until it is unpinned: none of the first where tiles are turned there.
    pub(super) fn pin(&mut self) -> usize {
        let first = if self.tiles.is_empty() { 0 } else { TURNING };
        let free = self.vectors.first_free(first..self.register_count());
        let register = free.unwrap_or_else(|| self.take(false));
        self.vectors.pin(register);
        register
    }

    pub(super) fn unpin(&mut self, register: usize) {
        self.vectors.unpin(register);
    }

    /// Reserves a mask register for a mask from outside of a loop, and loads it.
    pub(super) fn pin_mask(&mut self, key: Key) -> usize {
        let home = self.values[&key].home.expect("around loops values are in memory");
        let register = self.take(true);
        self.load_mask(mask(register), home);
        self.masks.pin(register);
        self.unlock();
        register
    }

    pub(super) fn unpin_mask(&mut self, register: usize) {
        self.masks.unpin(register);
    }
}
