//! Products of matrices: loops that machines have a better order for than one after the other.

use super::{ArrayId, Extent, LoopId, Subscript};

/// How many products are added up before the total takes what they come to.
pub const DEPTH: u32 = 64;

/// Writes the product of two matrices: `to[row, column]` is the sum over the depth of `left[row, depth] * right[depth, column]`.
///
/// The subscripts of all three are literals, counters of loops around, and the indices of the product: `left` has no
/// column, `right` no row, `to` no depth, and the last subscript of `right` and `to`, which none of their other ones is, is
/// the column. `to` is another array than `left` and `right`. It stands in no loop in lanes.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixProduct {
    /// The index of a row of `left` and `to`.
    pub row: Index,
    /// The index of a column of `right` and `to`.
    pub column: Index,
    /// The index that is summed over.
    pub depth: Index,
    /// An element of the matrix on the left.
    pub left: Element,
    /// An element of the matrix on the right.
    pub right: Element,
    /// An element of the product.
    pub to: Element,
}

/// An index of a product of matrices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Index {
    /// Its name, which subscripts use as that of a loop.
    pub id: LoopId,
    /// How many values it takes, from 0.
    pub extent: Extent,
}

/// An element of an array.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// The array.
    pub array: ArrayId,
    /// Where, one subscript an axis.
    pub subscripts: Vec<Subscript>,
}

impl MatrixProduct {
    /// Its three indices.
    #[must_use]
    pub fn indices(&self) -> [Index; 3] {
        [self.row, self.column, self.depth]
    }

    /// What it reads, then what it writes.
    #[must_use]
    pub fn elements(&self) -> [&Element; 3] {
        [&self.left, &self.right, &self.to]
    }

    /// What it reads, then what it writes.
    pub fn elements_mut(&mut self) -> [&mut Element; 3] {
        [&mut self.left, &mut self.right, &mut self.to]
    }
}
