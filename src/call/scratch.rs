//! Memory that calls use again: taken from a loss when a call begins, given back when it ends.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use super::builder::Slot;
use super::layout::Layout;
use super::shape::Extents;
use super::variant::Variant;
use crate::graph::InputId;
use crate::plan::Request;

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
    /// The gradients that the call asks for.
    pub(super) asked: Vec<InputId>,
    /// The code that calls have needed.
    pub(super) known: Vec<(Request, Arc<Variant>)>,
    /// Where the arrays of code were last, for their allocations.
    pub(super) layouts: [Layout; 3],
    pub(super) memory: Memory,
}

/// What code works on beside inputs and results.
#[derive(Default)]
pub(super) struct Memory {
    /// One for each thread.
    pub(super) seats: Vec<Mutex<Seat>>,
    /// What the chunks have left behind.
    pub(super) records: Buffer,
    /// Sums of shared gradients over the chunks, one input after the other.
    pub(super) sums: Vec<f64>,
}

/// What a thread works with.
#[derive(Default)]
pub(super) struct Seat {
    /// Where the arrays of its chunk are.
    pub(super) table: Vec<*mut u8>,
    /// Its temporaries.
    pub(super) own: Buffer,
}

impl Memory {
    /// What the thread of the call works with.
    pub(super) fn first_seat(&mut self) -> &mut Seat {
        if self.seats.is_empty() {
            self.seats.push(Mutex::default());
        }
        self.seats[0].get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

// SAFETY: the addresses in a table are those of the chunk that is being run, and written anew for each.
unsafe impl Send for Seat {}

/// Scratch memory that a call has until it ends: boxed, as calls are moved about while they are built.
pub(super) struct Lent<T: 'static>(Option<Box<Scratch<T>>>);

impl<T> Lent<T> {
    pub(super) fn new(scratch: Box<Scratch<T>>) -> Self {
        Self(Some(scratch))
    }

    /// Takes the memory back from a call that ends.
    pub(super) fn take_back(&mut self) -> Box<Scratch<T>> {
        self.0.take().expect("a call ends once")
    }
}

impl<T> Deref for Lent<T> {
    type Target = Scratch<T>;

    fn deref(&self) -> &Scratch<T> {
        self.0.as_deref().expect("lent until the call ends")
    }
}

impl<T> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut Scratch<T> {
        self.0.as_deref_mut().expect("lent until the call ends")
    }
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
            asked: Vec::new(),
            known: Vec::new(),
            layouts: Default::default(),
            memory: Memory::default(),
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

impl<T> Converted<T> {
    /// Where labels are that are as wide as a number.
    pub(super) fn labels_address(&self) -> *const u8 {
        if size_of::<T>() == 4 { self.narrow.as_ptr().cast() } else { self.wide.as_ptr().cast() }
    }
}

/// The elements of an expression, and what it was computed from.
#[derive(Default)]
pub(super) struct Cached {
    pub(super) key: Vec<u64>,
    pub(super) elements: Vec<f64>,
}
