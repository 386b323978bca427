//! What is known of values in each copy of a body, one list for each copy: found without hashing.

use std::ops::Index;

use super::values::Key;

/// A map from values in copies of a body.
pub(super) struct Locations<T> {
    /// How many values there are.
    count: usize,
    /// By copy, then by value.
    copies: Vec<Vec<Option<T>>>,
}

impl<T: Copy> Locations<T> {
    /// Of so many values nothing is known.
    pub(super) fn new(count: usize) -> Self {
        Self { count, copies: Vec::new() }
    }

    /// What is known of a value.
    pub(super) fn get(&self, (value, copy): &Key) -> Option<&T> {
        self.copies.get(*copy)?[value.0 as usize].as_ref()
    }

    /// Likewise, to change it.
    pub(super) fn get_mut(&mut self, (value, copy): &Key) -> Option<&mut T> {
        self.copies.get_mut(*copy)?[value.0 as usize].as_mut()
    }

    /// Says something of a value.
    pub(super) fn insert(&mut self, (value, copy): Key, known: T) {
        while self.copies.len() <= copy {
            self.copies.push(vec![None; self.count]);
        }
        self.copies[copy][value.0 as usize] = Some(known);
    }

    /// Forgets a value.
    pub(super) fn remove(&mut self, (value, copy): &Key) -> Option<T> {
        self.copies.get_mut(*copy)?[value.0 as usize].take()
    }
}

impl<T: Copy> Index<&Key> for Locations<T> {
    type Output = T;

    fn index(&self, key: &Key) -> &T {
        self.get(key).expect("the value is somewhere")
    }
}
