//! Compiled code for one combination of results, and what it works on.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::shape::Extents;
use crate::loops::SHORT;
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
    Compiled(Compiled),
    Other(Box<Run>),
}

/// Code in memory, and what can be compiled from the same program.
pub(crate) struct Compiled {
    kernel: Kernel,
    streaming: Option<Streaming>,
    fixed: Option<Fixed>,
}

/// Code that is compiled when a call is large enough for it.
struct Streaming {
    staged: Vec<usize>,
    compile: Compile,
    /// The code for results that are aligned to 16 bytes, and to lines.
    code: [OnceLock<Option<Kernel>>; 2],
}

/// Code for calls that know how long some axes are, compiled when such a call is prepared.
struct Fixed {
    compile: CompileFixed,
    known: Mutex<Vec<(Lengths, Option<Kernel>)>>,
}

/// What is known of the length of each extent.
type Lengths = Vec<Option<u32>>;

/// Compiles code whose results go past the caches, if that can be.
pub(crate) type Compile = Box<dyn Fn(Aligned) -> Option<Kernel> + Send + Sync>;

/// Compiles code for calls in which some extents have lengths that are known, if it is any better.
pub(crate) type CompileFixed = Box<dyn Fn(&[Option<u32>]) -> Option<Kernel> + Send + Sync>;

impl Compiled {
    /// Code that stands for itself.
    pub(crate) fn new(kernel: Kernel) -> Self {
        Self { kernel, streaming: None, fixed: None }
    }

    /// With what compiles the same so that results go past the caches, and the results that have a further array there.
    pub(crate) fn with_streaming(self, staged: Vec<usize>, compile: Compile) -> Self {
        let code = [OnceLock::new(), OnceLock::new()];
        Self { streaming: Some(Streaming { staged, compile, code }), ..self }
    }

    /// With what compiles the same for lengths that are known.
    pub(crate) fn with_fixed(self, compile: CompileFixed) -> Self {
        Self { fixed: Some(Fixed { compile, known: Mutex::default() }), ..self }
    }
}

impl Fixed {
    /// The code for these lengths, compiled now if it has not been.
    fn code(&self, lengths: &[Option<u32>]) -> Option<Kernel> {
        let find = |known: &[(Lengths, Option<Kernel>)]| {
            known.iter().find(|(of, _)| of == lengths).map(|(_, kernel)| kernel.clone())
        };
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&known()) {
            return found;
        }
        let compiled = (self.compile)(lengths);
        known().push((lengths.to_vec(), compiled.clone()));
        compiled
    }
}

impl Variant {
    /// The same for calls of these extents alone, where that is any better: short axes have lengths that are known then.
    pub(super) fn for_extents(&self, extents: &Extents) -> Option<Self> {
        let Way::Compiled(Compiled { fixed: Some(fixed), .. }) = &self.code.0 else { return None };
        let known = |length: &Length| match length {
            Length::Given(id) => {
                extents.get(*id).and_then(|it| u32::try_from(it).ok()).filter(|it| *it <= SHORT)
            }
            Length::Literal(_) | Length::Batch => None,
        };
        let lengths: Lengths = self.extents.iter().map(known).collect();
        if lengths.iter().all(Option::is_none) {
            return None;
        }
        let kernel = fixed.code(&lengths)?;
        let (arrays, extents) = (self.arrays.clone(), self.extents.clone());
        let code = Code(Way::Compiled(Compiled::new(kernel)));
        Some(Self { arrays, extents, work: self.work.clone(), code })
    }
}

/// Runs on addresses of arrays and on extents.
type Run = dyn Fn(&[*mut u8], &[u64]) + Send + Sync;

impl Code {
    /// # Safety
    /// The function must do nothing but read and write the elements of the arrays that its variant
    /// lists, with the lengths that the extents give them, and read no other memory than its own.
    pub(crate) unsafe fn new(run: impl Fn(&[*mut u8], &[u64]) + Send + Sync + 'static) -> Self {
        Self(Way::Other(Box::new(run)))
    }

    /// Compiled code.
    ///
    /// # Safety
    /// The arrays and extents that its variant lists must be those of its program.
    pub(crate) unsafe fn compiled(compiled: Compiled) -> Self {
        Self(Way::Compiled(compiled))
    }

    /// The results that code past the caches keeps in further arrays until they are whole, if there is such code.
    pub(super) fn staged(&self) -> Option<&[usize]> {
        match &self.0 {
            Way::Compiled(compiled) => compiled.streaming.as_ref().map(|it| it.staged.as_slice()),
            Way::Other(_) => None,
        }
    }

    /// The code whose results go past the caches, compiled now if it has not been.
    pub(super) fn streaming(&self, aligned: Aligned) -> Option<&Kernel> {
        let Way::Compiled(Compiled { streaming: Some(streaming), .. }) = &self.0 else {
            return None;
        };
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
            Way::Compiled(compiled) => unsafe { compiled.kernel.call(arrays, extents) },
            Way::Other(run) => run(arrays, extents),
        }
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Code")
    }
}
