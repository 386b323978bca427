//! How far it is from element to element along the axes of arrays.

use std::cmp::Ordering;

use crate::loops::{Extent, ExtentId};

/// How many bytes lie between neighbours along an axis: so many, times the extents that a call gives of the axes behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stride<'p> {
    pub(super) bytes: i64,
    behind: &'p [Extent],
}

impl<'p> Stride<'p> {
    /// The strides of the axes of an array, the last one first.
    pub(super) fn all(extents: &'p [Extent], element: i32) -> impl Iterator<Item = Self> {
        let mut bytes = i64::from(element);
        (0..extents.len()).rev().map(move |axis| {
            let stride = Self { bytes, behind: &extents[axis + 1..] };
            if let Extent::Literal(literal) = extents[axis] {
                bytes = bytes.wrapping_mul(literal.into());
            }
            stride
        })
    }

    /// The extents that a call gives, the last one first.
    pub(super) fn given(self) -> impl Iterator<Item = ExtentId> {
        self.behind.iter().rev().filter_map(|extent| match extent {
            Extent::Given(id) => Some(*id),
            Extent::Literal(_) => None,
        })
    }

    pub(super) fn literal(self) -> Option<i32> {
        i32::try_from(self.bytes).ok().filter(|_| self.given().next().is_none())
    }
}

impl Ord for Stride<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes).then_with(|| self.given().cmp(other.given()))
    }
}

impl PartialOrd for Stride<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Stride<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Stride<'_> {}
