//! What runs a loss: names from `--against` come in, what they are compiled for goes out.

use lossc::compile::Target;

use super::super::terminal::Terminal;

/// What runs a loss, and how rows name its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Runner {
    /// The `isa` of its rows.
    pub(super) isa: &'static str,
    /// What the compiler is told.
    pub(super) target: Target,
}

/// The code that a loss is compiled to by default.
pub(super) const OWN: Runner = PORTABLE;

const PORTABLE: Runner = Runner { isa: "portable", target: Target::Native };
const SCALAR: Runner = Runner { isa: "scalar", target: Target::NativeScalar };
const INTERPRETER: Runner = Runner { isa: "interpreter", target: Target::Interpreter };

/// What can run beside it.
const RIVALS: [Runner; 3] = [PORTABLE, SCALAR, INTERPRETER];

/// Rivals that would have to be linked into this program to be run by it.
const ELSEWHERE: [&str; 10] =
    ["avx512", "avx2", "intrinsics", "rust", "libm", "candle", "burn", "jax", "torch", "pytorch"];

/// A rival of `--against`.
pub(super) type Rival = Runner;

/// Reads the name of a rival.
///
/// # Errors
/// What there is instead.
pub(super) fn parse_rival(name: &str) -> Result<Rival, String> {
    if let Some(rival) = RIVALS.into_iter().find(|rival| rival.isa == name) {
        return Ok(rival);
    }
    let names = "this program can run `portable`, `scalar` and `interpreter`";
    Err(match name {
        "jax" | "torch" | "pytorch" => {
            format!("{names}; lossc's repository compares with `{name}` by benches/compare.py")
        }
        _ if ELSEWHERE.contains(&name) => format!(
            "{names}; lossc's repository compares with `{name}` by \
             `cargo run --release --manifest-path benches/rivals/Cargo.toml`"
        ),
        _ => format!(
            "{names}; those in benches/ of lossc's repository run hand-written code, candle, burn, JAX and PyTorch"
        ),
    })
}

/// The loss's own code first, then its rivals, without one that is the same code.
pub(super) fn runners(terminal: &Terminal, rivals: &[Rival]) -> Vec<Runner> {
    let mut runners = vec![OWN];
    for rival in rivals {
        if runners.contains(rival) {
            terminal.note(&format!("note: `{}` is what runs anyway", rival.isa));
        } else {
            runners.push(*rival);
        }
    }
    runners
}
