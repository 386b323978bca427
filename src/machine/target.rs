//! What code is made for: in comes a target as Rust names it, out come Cranelift's settings for it.
//!
//! Code needs nothing of an operating system, so that what counts is the architecture, the format of
//! objects, and how functions are called.

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;

use cranelift::codegen::isa::{self, LookupError, OwnedTargetIsa, TargetIsa};
use cranelift::codegen::settings::{self, Configurable};
use target_lexicon::{
    Aarch64Architecture, Architecture, BinaryFormat, OperatingSystem, PointerWidth,
    Riscv64Architecture, Triple,
};

use super::{Isa, MachineError, Options};
use crate::loops::Program;

/// Targets that code is made for, as messages list them; others of the same architectures and formats go too.
pub const TARGETS: [&str; 10] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "x86_64-pc-windows-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "aarch64-pc-windows-msvc",
    "riscv64gc-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
];

/// What x86-64-v3 has above the baseline, in Cranelift's names. What x86-64-v4 adds is for wide vectors alone.
const V3: [&str; 11] = [
    "has_popcnt",
    "has_lzcnt",
    "has_sse3",
    "has_ssse3",
    "has_sse41",
    "has_sse42",
    "has_avx",
    "has_avx2",
    "has_fma",
    "has_bmi1",
    "has_bmi2",
];

/// Which CPUs of an architecture code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Every one: x86-64 with SSE2, aarch64 with NEON, riscv64gc, s390x from z14 on.
    Baseline,
    /// x86-64-v3 only: AVX2, FMA and what comes with them.
    V3,
    /// x86-64-v4 only, where the calling convention is that of System V: AVX-512.
    V4,
}

impl Display for Level {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "baseline",
            Self::V3 => "x86-64-v3",
            Self::V4 => "x86-64-v4",
        })
    }
}

/// What objects are made for: a target and a level of its CPUs. Cheap to clone.
#[derive(Clone)]
pub struct Machine {
    level: Level,
    isa: OwnedTargetIsa,
}

impl Machine {
    /// The CPUs of a level of a target, which is named as Rust names it.
    ///
    /// # Errors
    /// Where no code is made for the target, by this build or at all, or it has no such level.
    pub fn new(target: &str, level: Level) -> Result<Self, MachineError> {
        let mut triple = Triple::from_str(target).map_err(|error| unknown(target, &error))?;
        let bare = triple.operating_system == OperatingSystem::None_;
        if bare && triple.binary_format == BinaryFormat::Unknown {
            triple.binary_format = BinaryFormat::Elf;
        }
        test(target, &triple)?;
        Self::build(&triple, level)
    }

    /// The CPUs of a level of this machine's own target.
    ///
    /// # Errors
    /// Where it has no such level, or no code is made for it.
    pub fn host(level: Level) -> Result<Self, MachineError> {
        let triple = Triple::host();
        test(&triple.to_string(), &triple)?;
        Self::build(&triple, level)
    }

    /// A machine for each level of a target, the baseline first.
    ///
    /// # Errors
    /// Where no code is made for the target, by this build or at all.
    pub fn levels(target: &str) -> Result<Vec<Self>, MachineError> {
        let baseline = Self::new(target, Level::Baseline)?;
        let triple = baseline.triple().clone();
        let best = levels(&triple).iter().skip(1).map(|level| Self::build(&triple, *level));
        let best: Vec<Self> = best.collect::<Result<_, _>>()?;
        Ok([baseline].into_iter().chain(best).collect())
    }

    fn build(triple: &Triple, level: Level) -> Result<Self, MachineError> {
        if !levels(triple).contains(&level) {
            let only = format!("{level} is a level of x86_64 only, there is one of `{triple}`");
            return Err(MachineError::Target(only));
        }
        let mut builder = isa::lookup(triple.clone()).map_err(|error| match error {
            LookupError::SupportDisabled => MachineError::Target(format!(
                "this build of lossc makes no code for `{triple}`: build it with the feature \
                 `all-targets` (`cargo install lossc --features all-targets`, or \
                 `features = [\"all-targets\"]` in Cargo.toml)"
            )),
            LookupError::Unsupported => unknown(&triple.to_string(), &error),
        })?;
        let failed = |what: String| MachineError::Target(format!("no code for `{triple}`: {what}"));
        match level {
            Level::Baseline => {}
            Level::V3 | Level::V4 => {
                for name in V3 {
                    builder.enable(name).map_err(|error| failed(error.to_string()))?;
                }
            }
        }
        let flags = object_flags().map_err(failed)?;
        let isa = builder.finish(flags).map_err(|error| failed(error.to_string()))?;
        Ok(Self { level, isa })
    }

    /// Whether the target has more levels than the baseline.
    #[must_use]
    pub fn has_levels(&self) -> bool {
        levels(self.triple()).len() > 1
    }

    /// The target.
    #[must_use]
    pub fn triple(&self) -> &Triple {
        self.isa.triple()
    }

    /// Which of its CPUs.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Cranelift's settings for it.
    #[must_use]
    pub fn isa(&self) -> &OwnedTargetIsa {
        &self.isa
    }

    /// Whether the low byte of a number comes first in memory.
    #[must_use]
    pub fn is_little_endian(&self) -> bool {
        self.isa.endianness() == cranelift::codegen::ir::Endianness::Little
    }

    /// Whether it multiplies and adds with one rounding; where not, programs must not be `fused`.
    #[must_use]
    pub fn fuses(&self) -> bool {
        match self.triple().architecture {
            Architecture::X86_64 => self.level >= Level::V3,
            _ => true,
        }
    }

    /// How its code is written: in lanes where it has vectors, the widest ones.
    #[must_use]
    pub fn options(&self) -> Options {
        let lanes = !matches!(self.triple().architecture, Architecture::Riscv64(_));
        let isa = match self.level {
            Level::V3 if is_system_v(self.triple()) => Isa::Avx2,
            Level::Baseline | Level::V3 => Isa::Portable,
            Level::V4 => Isa::Avx512,
        };
        Options { lanes, isa }
    }

    /// Whether its CPUs can do what a program asks for.
    ///
    /// # Errors
    /// Where the program multiplies and adds with one rounding and they do not.
    pub(super) fn test(&self, program: &Program) -> Result<(), MachineError> {
        if program.fused && !self.fuses() {
            let what = format!("{self} has no fused multiply-add, which the program asks for");
            return Err(MachineError::Target(what));
        }
        Ok(())
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.triple(), self.level)
    }
}

impl Debug for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Machine({self})")
    }
}

/// The best level that this machine runs.
#[must_use]
pub fn host_level() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        let has = [
            std::is_x86_feature_detected!("avx2"),
            std::is_x86_feature_detected!("fma"),
            std::is_x86_feature_detected!("bmi1"),
            std::is_x86_feature_detected!("bmi2"),
            std::is_x86_feature_detected!("lzcnt"),
            std::is_x86_feature_detected!("popcnt"),
        ];
        let v3 = has == [true; 6];
        match levels(&Triple::host()).last() {
            Some(Level::V4) if v3 && Isa::Avx512.is_on_host() => Level::V4,
            _ if v3 => Level::V3,
            _ => Level::Baseline,
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    Level::Baseline
}

/// Whether Cranelift's settings have one of the architecture's own.
pub(super) fn has(isa: &dyn TargetIsa, setting: &str) -> bool {
    isa.isa_flags().iter().any(|flag| flag.name == setting && flag.as_bool() == Some(true))
}

/// The levels of a target, the baseline first.
fn levels(triple: &Triple) -> &'static [Level] {
    match triple.architecture {
        Architecture::X86_64 if is_system_v(triple) => &[Level::Baseline, Level::V3, Level::V4],
        Architecture::X86_64 => &[Level::Baseline, Level::V3],
        _ => &[Level::Baseline],
    }
}

/// Whether functions are called by the convention of System V.
fn is_system_v(triple: &Triple) -> bool {
    let windows = [OperatingSystem::Windows, OperatingSystem::Uefi];
    !windows.contains(&triple.operating_system) && triple.binary_format != BinaryFormat::Coff
}

/// Whether code is made for a target, by some build.
fn test(target: &str, triple: &Triple) -> Result<(), MachineError> {
    use BinaryFormat::{Coff, Elf, Macho};
    let known = match triple.architecture {
        // Kernels and firmware for x86_64 must leave vector registers alone.
        Architecture::X86_64 => {
            let bare = [OperatingSystem::None_, OperatingSystem::Unknown, OperatingSystem::Uefi];
            !bare.contains(&triple.operating_system)
                && matches!(triple.binary_format, Elf | Macho | Coff)
        }
        Architecture::Aarch64(Aarch64Architecture::Aarch64) => {
            matches!(triple.binary_format, Elf | Macho | Coff)
        }
        Architecture::Riscv64(Riscv64Architecture::Riscv64gc) | Architecture::S390x => {
            triple.binary_format == Elf
        }
        _ => false,
    };
    let wide = triple.pointer_width() == Ok(PointerWidth::U64);
    if known && wide && !target.contains("softfloat") {
        return Ok(());
    }
    Err(unknown(target, &"code is for 64 bits, and needs vector registers or those of floats"))
}

fn unknown(target: &str, why: &dyn Display) -> MachineError {
    MachineError::Target(format!(
        "there is no code for the target `{target}` ({why}); there is for {}, and their like",
        TARGETS.join(", ")
    ))
}

/// Settings of code for linkers.
fn object_flags() -> Result<settings::Flags, String> {
    let verify = if cfg!(debug_assertions) { "true" } else { "false" };
    let mut flags = settings::builder();
    for (name, value) in [
        // Programs come without common subexpressions; what `speed` adds costs more than it gives.
        ("opt_level", "none"),
        ("enable_verifier", verify),
        ("is_pic", "true"),
        // A frame may be larger than the guard page of a thread's stack.
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        // The code calls nothing that unwinds.
        ("unwind_info", "false"),
    ] {
        flags.set(name, value).map_err(|error| error.to_string())?;
    }
    Ok(settings::Flags::new(flags))
}
