//! Compiled code for one combination of results, and what it works on.

use std::sync::OnceLock;

use crate::machine::{Aligned, Kernel};
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
pub(crate) struct Code(Way);

/// How code is run.
enum Way {
    Compiled(Kernel, Option<Streaming>),
    Other(Box<Run>),
}

/// Code that is compiled when a call is large enough for it.
struct Streaming {
    staged: Vec<usize>,
    compile: Compile,
    /// The code for results that are aligned to 16 bytes, and to lines.
    code: [OnceLock<Option<Kernel>>; 2],
}

/// Compiles code, if that can be.
pub(crate) type Compile = Box<dyn Fn(Aligned) -> Option<Kernel> + Send + Sync>;

/// Runs on addresses of arrays and on extents.
type Run = dyn Fn(&[*mut u8], &[u64]) + Send + Sync;

impl Code {
    /// # Safety
    /// The function must do nothing but read and write the elements of the arrays that its variant
    /// lists, with the lengths that the extents give them, and read no other memory than its own.
    pub(crate) unsafe fn new(run: impl Fn(&[*mut u8], &[u64]) + Send + Sync + 'static) -> Self {
        Self(Way::Other(Box::new(run)))
    }

    /// Compiled code, and what compiles the same so that results go past the caches, with the results that have a further array
    /// there, if that can be.
    ///
    /// # Safety
    /// The arrays and extents that its variant lists must be those of its program.
    pub(crate) unsafe fn compiled(
        kernel: Kernel,
        streaming: Option<(Vec<usize>, Compile)>,
    ) -> Self {
        let streaming = streaming.map(|(staged, compile)| {
            let code = [OnceLock::new(), OnceLock::new()];
            Streaming { staged, compile, code }
        });
        Self(Way::Compiled(kernel, streaming))
    }

    /// The results that code past the caches keeps in further arrays until they are whole, if there is such code.
    pub(super) fn staged(&self) -> Option<&[usize]> {
        match &self.0 {
            Way::Compiled(_, Some(streaming)) => Some(&streaming.staged),
            Way::Compiled(_, None) | Way::Other(_) => None,
        }
    }

    /// The code whose results go past the caches, compiled now if it has not been.
    pub(super) fn streaming(&self, aligned: Aligned) -> Option<&Kernel> {
        let Way::Compiled(_, Some(streaming)) = &self.0 else { return None };
        let place = usize::from(aligned == Aligned::Line);
        streaming.code[place].get_or_init(|| (streaming.compile)(aligned)).as_ref()
    }

    /// # Safety
    /// The arrays must be as the variant lists them, aligned to their elements (temporaries to 64 bytes),
    /// valid for reading, and those that are not inputs for writing; outputs and temporaries overlap
    /// nothing; every index lies in its axis.
    #[inline]
    pub(super) unsafe fn run(&self, arrays: &[*mut u8], extents: &[u64]) {
        match &self.0 {
            // SAFETY: as the caller vouches, and whoever made it.
            Way::Compiled(kernel, _) => unsafe { kernel.call(arrays, extents) },
            Way::Other(run) => run(arrays, extents),
        }
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Code")
    }
}
