//! Numbers as exact as is asked for: every function of the table with a bound on its error, infinities and NaN.
//!
//! In come f64 and a precision in bits; out come numbers that know how far off they may be. A precision is
//! enough when what comes out [settles](Number::settled): else the same is computed with more.

mod ball;
mod constants;
mod elementary;
mod error;
mod float;
mod gamma;
mod radius;
mod trigonometric;
mod function;

use std::cmp::Ordering;

use ball::Ball;
use constants::Precision;
use float::Float;
