//! Compiled code for one combination of results, and what it works on.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::shape::Extents;
use crate::loops::SHORT;
use crate::lower::Known;
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
    short: Option<Short>,
}

/// Code that is compiled when a call is large enough for it.
struct Streaming {
    staged: Vec<usize>,
    compile: Compile,
    /// The code for results that are aligned to 16 bytes, and to lines.
    code: [OnceLock<Option<Kernel>>; 2],
}

/// Code for calls with short axes, compiled when there is one.
struct Short {
    compile: CompileShort,
    /// That for all lengths.
    any: OnceLock<Arc<Variant>>,
    /// That for some lengths alone.
    known: Mutex<Vec<(Vec<Known>, Arc<Variant>)>>,
}

/// For so many combinations of lengths there is code for each; for further ones that for all.
const MOST_LENGTHS: usize = 64;

/// Compiles code whose results go past the caches, if that can be.
pub(crate) type Compile = Box<dyn Fn(Aligned) -> Option<Kernel> + Send + Sync>;

/// Compiles code for calls that know something of each extent.
pub(crate) type CompileShort = Box<dyn Fn(&[Known]) -> Result<Kernel, String> + Send + Sync>;

/// Runs on addresses of arrays and on extents.
type Run = dyn Fn(&[*mut u8], &[u64]) + Send + Sync;

impl Compiled {
    /// Code that stands for itself.
    pub(crate) fn new(kernel: Kernel) -> Self {
        Self { kernel, streaming: None, short: None }
    }

    /// With what compiles the same so that results go past the caches, and the results that have a further array there.
    pub(crate) fn with_streaming(self, staged: Vec<usize>, compile: Compile) -> Self {
        let code = [OnceLock::new(), OnceLock::new()];
        Self { streaming: Some(Streaming { staged, compile, code }), ..self }
    }

    /// With what compiles the same for short axes: the code itself is for axes that are not.
    pub(crate) fn with_short(self, compile: CompileShort) -> Self {
        Self {
            short: Some(Short { compile, any: OnceLock::new(), known: Mutex::default() }),
            ..self
        }
    }
}

impl Variant {
    /// The same for calls of these extents: as it is, or compiled now if axes are short and it has not been. Where `is_prepared`, it
    /// is for calls of these very lengths.
    ///
    /// # Errors
    /// Why it cannot be compiled.
    pub(super) fn for_extents(
        self: &Arc<Self>,
        extents: &Extents,
        is_prepared: bool,
    ) -> Result<Arc<Self>, String> {
        let Way::Compiled(Compiled { short: Some(short), .. }) = &self.code.0 else {
            return Ok(Arc::clone(self));
        };
        let known = |length: &Length| match length {
            Length::Given(id) => extents.get(*id).map_or(Known::Nothing, known_of),
            Length::Literal(_) | Length::Batch => Known::Nothing,
        };
        let mut lengths = self.extents.iter().map(known);
        if !lengths.any(|known| matches!(known, Known::Length(_))) {
            return Ok(Arc::clone(self));
        }
        if is_prepared {
            let lengths: Vec<Known> = self.extents.iter().map(known).collect();
            if let Some(found) = self.for_lengths(short, lengths)? {
                return Ok(found);
            }
        }
        if let Some(found) = short.any.get() {
            return Ok(Arc::clone(found));
        }
        // Nobody waits for a compilation that they do not need: two callers may compile the same, and one of it is kept.
        let built = self.with_code(short, &vec![Known::Nothing; self.extents.len()])?;
        Ok(Arc::clone(short.any.get_or_init(|| built)))
    }

    /// The same for these lengths alone; none if there are many such.
    fn for_lengths(&self, short: &Short, lengths: Vec<Known>) -> Result<Option<Arc<Self>>, String> {
        let find = |known: &[(Vec<Known>, Arc<Self>)]| {
            known.iter().find(|(of, _)| *of == lengths).map(|(_, found)| Arc::clone(found))
        };
        {
            let known = short.known.lock().unwrap_or_else(PoisonError::into_inner);
            let found = find(&known);
            if found.is_some() || known.len() >= MOST_LENGTHS {
                return Ok(found);
            }
        }
        let built = self.with_code(short, &lengths)?;
        let mut known = short.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = find(&known);
        if found.is_none() {
            known.push((lengths, Arc::clone(&built)));
        }
        Ok(Some(found.unwrap_or(built)))
    }

    fn with_code(&self, short: &Short, known: &[Known]) -> Result<Arc<Self>, String> {
        let code = Code(Way::Compiled(Compiled::new((short.compile)(known)?)));
        let (arrays, extents) = (self.arrays.clone(), self.extents.clone());
        Ok(Arc::new(Self { arrays, extents, work: self.work.clone(), code }))
    }
}

/// What is known of an extent of some length.
fn known_of(length: usize) -> Known {
    match u32::try_from(length) {
        Ok(length) if length <= SHORT => Known::Length(length),
        _ => Known::Long,
    }
}

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
