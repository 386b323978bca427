//! Compiled code for one combination of results, and what it works on.

use crate::plan::{Array, Length, Work};

/// Compiled code and the arrays and extents that it is called with.
#[derive(Debug)]
pub(crate) struct Variant {
    /// The arrays of its call, in order.
    pub(crate) arrays: Vec<Array>,
    /// The extents of its call, in order.
    pub(crate) extents: Vec<Length>,
    /// How much the code does.
    pub(crate) work: Work,
    /// The code.
    pub(crate) code: Code,
}

/// Something that runs on arrays and extents as its variant lists them.
pub(crate) struct Code(Box<Run>);

/// Runs on addresses of arrays and on extents.
type Run = dyn Fn(&[*mut u8], &[u64]) + Send + Sync;

impl Code {
    /// # Safety
    /// The function must do nothing but read and write the elements of the arrays that its variant
    /// lists, with the lengths that the extents give them, and read no other memory than its own.
    pub(crate) unsafe fn new(run: impl Fn(&[*mut u8], &[u64]) + Send + Sync + 'static) -> Self {
        Self(Box::new(run))
    }

    /// # Safety
    /// The arrays must be as the variant lists them, aligned to their elements (temporaries to 64 bytes),
    /// valid for reading, and those that are not inputs for writing; outputs and temporaries overlap
    /// nothing; every index lies in its axis.
    pub(super) unsafe fn run(&self, arrays: &[*mut u8], extents: &[u64]) {
        (self.0)(arrays, extents);
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Code")
    }
}
