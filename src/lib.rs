//! The compiler for loss functions: write the loss as maths, get its value and gradient as native code.
//!
//! ```
//! use lossc::{Compiler, Reduction};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let loss = Compiler::new().text::<f32>(
//!     "smoothed.loss",
//!     "loss smoothed(pred logits[K], target label in K?, param smoothing in [0, 1] = 0) {
//!          let logp = log_softmax(logits);
//!          -(1 - smoothing) * logp[label] - smoothing * mean(logp)
//!      }",
//! )?;
//!
//! // Two examples of three classes; the label of the second is missing.
//! let logits = [2.0, 0.0, -1.0, 0.5, 0.5, 0.5];
//! let mut gradient = [0.0; 6];
//! let summary = loss
//!     .call()
//!     .bind("logits", &logits, &[2, 3])
//!     .bind("label", &[1, -1], &[2])
//!     .set("smoothing", 0.1)
//!     .gradient("logits", &mut gradient)
//!     .run(Reduction::Mean)?;
//! assert!((summary.total - 2.136_51).abs() < 1e-5);
//! assert_eq!(gradient[3..], [0.0; 3]);
//!
//! // What does not fit is told before anything is written.
//! let error = loss
//!     .call()
//!     .bind("logits", &logits, &[2, 3])
//!     .bind("label", &[1, 3], &[2])
//!     .run(Reduction::Mean)
//!     .unwrap_err();
//! assert!(error.to_string().starts_with("`label` in row 1 is 3, outside of axis K"));
//! # Ok(())
//! # }
//! ```

mod hash;
pub mod diagnostic;
pub mod builtins;
pub mod syntax;
pub mod graph;
pub mod model;
pub mod library;
pub mod formula;
pub mod evaluate;
pub mod domain;
pub mod check;
pub mod freeze;
pub mod rewrite;
pub mod differentiate;
pub mod print;
pub mod batch;
pub mod loops;
pub mod kernels;
pub mod lower;
mod plan;
mod chunk;
pub mod interpret;
pub mod machine;
pub mod call;
pub mod compile;
pub mod linked;
pub mod bind;
pub mod build;
pub mod study;

pub use call::{Call, CallError, Element, Loss, Reduction, Summary};
pub use compile::{CompileError, Compiler, Target};

/// The README's code runs as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
