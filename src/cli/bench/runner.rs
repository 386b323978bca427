//! What runs a loss: names from `--isa` and `--against` come in, what it is compiled for goes out.

use lossc::compile::{Compiler, Target};
use lossc::machine::Isa;

use super::super::failure::Failure;
use super::super::terminal::Terminal;

/// What runs a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runner {
    /// Machine code in vectors.
    Vectors(Isa),
    /// Machine code without vectors.
    Scalar,
    /// No machine code.
    Interpreter,
}

impl Runner {
    /// How rows name its code.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Vectors(Isa::Portable) => "portable",
            Self::Vectors(Isa::Avx2) => "avx2",
            Self::Vectors(Isa::Avx512) => "avx512",
            Self::Scalar => "scalar",
            Self::Interpreter => "interpreter",
        }
    }

    /// Tells a compiler.
    pub(super) fn choose(self, compiler: Compiler) -> Compiler {
        match self {
            Self::Vectors(isa) => compiler.target(Target::Native).isa(isa),
            Self::Scalar => compiler.target(Target::NativeScalar),
            Self::Interpreter => compiler.target(Target::Interpreter),
        }
    }
}

/// What can run beside the loss's own code.
const RIVALS: [Runner; 5] = [
    Runner::Vectors(Isa::Portable),
    Runner::Vectors(Isa::Avx2),
    Runner::Vectors(Isa::Avx512),
    Runner::Scalar,
    Runner::Interpreter,
];

/// Rivals that would have to be linked into this program to be run by it.
const ELSEWHERE: [&str; 6] = ["intrinsics", "hand-written", "rust", "libm", "candle", "burn"];

/// Reads the name of a rival.
///
/// # Errors
/// What there is instead.
pub(super) fn parse_rival(name: &str) -> Result<Runner, String> {
    if let Some(rival) = RIVALS.into_iter().find(|rival| rival.name() == name) {
        return Ok(rival);
    }
    let names = "this program can run portable, avx2, avx512, scalar and interpreter";
    Err(match name {
        "jax" | "torch" | "pytorch" => {
            format!("{names}; lossc's repository compares with {name} by benches/compare.py")
        }
        _ if ELSEWHERE.contains(&name) => format!(
            "{names}; lossc's repository compares with {name} by \
             `cargo run --release --manifest-path benches/rivals/Cargo.toml`"
        ),
        _ => format!(
            "{names}; those in benches/ of lossc's repository run hand-written code, candle, burn, JAX and PyTorch"
        ),
    })
}

/// The loss's own code first, then its rivals, without one that is the same code.
///
/// # Errors
/// If this machine lacks the vectors of one.
pub(super) fn runners(
    terminal: &Terminal,
    isa: Isa,
    rivals: &[Runner],
) -> Result<Vec<Runner>, Failure> {
    let mut runners = vec![Runner::Vectors(isa)];
    for rival in rivals {
        if runners.contains(rival) {
            terminal.note(&format!("note: {} is what runs anyway", rival.name()));
        } else {
            runners.push(*rival);
        }
    }
    for runner in &runners {
        if let Runner::Vectors(isa) = runner
            && !isa.is_on_host()
        {
            let have: Vec<String> = Isa::ALL
                .into_iter()
                .filter(|isa| isa.is_on_host())
                .map(|isa| isa.to_string())
                .collect();
            return Err(Failure::usage(
                format!("this machine does not run {isa} code"),
                format!("it runs {}", have.join(", ")),
            ));
        }
    }
    Ok(runners)
}
