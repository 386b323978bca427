//! Memory that calls use again: taken from a loss when a call begins, given back when it ends.

use super::builder::Slot;
use super::shape::Extents;
use crate::graph::InputId;

/// 64 bytes, aligned to as many: a cache line and the widest vector.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Bytes aligned to 64, of undefined contents.
#[derive(Default)]
pub(super) struct Buffer(Vec<Line>);

impl Buffer {
    /// The address of at least this many bytes. What was written before may be lost.
    pub(super) fn of_bytes(&mut self, bytes: usize) -> *mut u8 {
        let lines = bytes.div_ceil(64);
        if self.0.len() < lines {
            self.0.clear();
            self.0.resize(lines, Line([0; 64]));
        }
        self.0.as_mut_ptr().cast()
    }
}

/// What one call needs beside the caller's slices.
pub(super) struct Scratch<T: 'static> {
    /// What each input is given; empty between calls, kept for its allocation.
    pub(super) slots: Vec<Slot<'static, T>>,
    pub(super) extents: Extents,
    /// Labels, switches and params in the form that the code takes, by input.
    pub(super) converted: Vec<Converted<T>>,
    /// The bounds of the domain at hand.
    pub(super) bounds: Vec<f64>,
    /// What defaults and bounds came out as, by expression.
    pub(super) cache: Vec<Cached>,
    /// Chunks of values, shared gradients and temporaries, by array of the variant.
    pub(super) buffers: Vec<Buffer>,
    /// The arrays of a run: where they are now, and how many bytes an example takes.
    pub(super) table: Vec<*mut u8>,
    pub(super) strides: Vec<usize>,
    pub(super) lengths: Vec<u64>,
    /// Sums of shared gradients over the chunks, one input after the other.
    pub(super) sums: Vec<f64>,
    /// The gradients that the call asks for.
    pub(super) asked: Vec<InputId>,
}

// SAFETY: the pointers in it are only followed by the call that wrote them; between calls, when a
// scratch may change threads, they are never read.
unsafe impl<T: Send> Send for Scratch<T> {}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            extents: Extents::default(),
            converted: Vec::new(),
            bounds: Vec::new(),
            cache: Vec::new(),
            buffers: Vec::new(),
            table: Vec::new(),
            strides: Vec::new(),
            lengths: Vec::new(),
            sums: Vec::new(),
            asked: Vec::new(),
        }
    }
}

/// An input in the form that the code takes, where the caller's is another: in one of these.
pub(super) struct Converted<T> {
    pub(super) reals: Vec<T>,
    pub(super) narrow: Vec<i32>,
    pub(super) wide: Vec<i64>,
}

impl<T> Default for Converted<T> {
    fn default() -> Self {
        Self { reals: Vec::new(), narrow: Vec::new(), wide: Vec::new() }
    }
}

/// The elements of an expression, and what it was computed from.
#[derive(Default)]
pub(super) struct Cached {
    pub(super) key: Vec<u64>,
    pub(super) elements: Vec<f64>,
}
