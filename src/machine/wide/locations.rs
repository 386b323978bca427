//! A map from values to where they are, one list for each copy of a body: found without hashing.

use std::ops::Index;

use super::values::{Key, Location};

/// Where values are.
pub(super) struct Locations {
    /// How many values there are.
    count: usize,
    /// By copy, then by value.
    copies: Vec<Vec<Option<Location>>>,
}

impl Locations {
    /// Of so many values none is anywhere.
    pub(super) fn new(count: usize) -> Self {
        Self { count, copies: Vec::new() }
    }

    /// Where a value is, if it is anywhere.
    pub(super) fn get(&self, (value, copy): &Key) -> Option<&Location> {
        self.copies.get(*copy)?[value.0 as usize].as_ref()
    }

    /// Likewise, to change it.
    pub(super) fn get_mut(&mut self, (value, copy): &Key) -> Option<&mut Location> {
        self.copies.get_mut(*copy)?[value.0 as usize].as_mut()
    }

    /// Says where a value is.
    pub(super) fn insert(&mut self, (value, copy): Key, location: Location) {
        while self.copies.len() <= copy {
            self.copies.push(vec![None; self.count]);
        }
        self.copies[copy][value.0 as usize] = Some(location);
    }

    /// Forgets where a value is.
    pub(super) fn remove(&mut self, (value, copy): &Key) -> Option<Location> {
        self.copies.get_mut(*copy)?[value.0 as usize].take()
    }
}

impl Index<&Key> for Locations {
    type Output = Location;

    fn index(&self, key: &Key) -> &Location {
        self.get(key).expect("the value is somewhere")
    }
}
