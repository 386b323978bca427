//! The elementary and special functions as straight-line code.
//!
//! In comes an argument, out goes its function's value, as primitive operations of the loop language in the
//! precision of the program: polynomials, bit tricks and selects, with no call and no table, so that it runs in
//! lanes. Nothing traps, a NaN stays a NaN, and infinities and subnormals are ordinary numbers.

mod exponential;
mod logarithm;
mod logistic;
mod pen;
#[cfg(test)]
mod tests;

use crate::loops::{Emit, Value};
use pen::unary;

/// e to the power of x.
pub fn exp(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, exponential::exp)
}

/// exp x − 1, accurate near 0.
pub fn expm1(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, exponential::expm1)
}

/// The natural logarithm.
pub fn log(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, logarithm::log)
}

/// log(1 + x), accurate near 0.
pub fn log1p(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, logarithm::log1p)
}

/// 1 / (1 + exp(−x)); shares exp(−|x|) with [`softplus`] of the same x.
pub fn sigmoid(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, logistic::sigmoid)
}

/// log(1 + exp x); shares exp(−|x|) with [`sigmoid`] of the same x.
pub fn softplus(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, logistic::softplus)
}

/// The hyperbolic tangent.
pub fn tanh(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, logistic::tanh)
}
macro_rules! stub { ($($n:ident)*) => { $( /// stub
pub fn $n(_emit: &mut dyn Emit, x: Value) -> Value { x } )* } }
stub! { log2 sin cos atan erf erfc log_normal_cdf lgamma digamma trigamma }
/// stub
pub fn pow(_emit: &mut dyn Emit, x: Value, _y: Value) -> Value { x }
/// stub
pub fn boxcox1p(_emit: &mut dyn Emit, x: Value, _y: Value) -> Value { x }
