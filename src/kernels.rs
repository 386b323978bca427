//! The elementary and special functions as straight-line code.
//!
//! In comes an argument, out goes its function's value, as primitive operations of the loop language in the
//! precision of the program: polynomials, bit tricks and selects, with no call and no table, so that it runs in
//! lanes. Nothing traps, a NaN stays a NaN, and infinities and subnormals are ordinary numbers. Where the program asks for
//! [`Accuracy::Close`](crate::loops::Accuracy), functions of exp(−|x|) take fewer steps in single precision.

#![expect(
    clippy::many_single_char_names,
    reason = "the names that the formulas have in the literature"
)]

mod close;
mod error;
mod exponential;
mod extended;
mod gamma;
mod hyperbolic;
mod mills;
mod logarithm;
mod logistic;
mod mapped;
mod pen;
#[cfg(test)]
mod tests;
mod trigonometric;

use crate::loops::{Emit, Value};
use pen::{binary, unary};

/// e to the power of x.
pub fn exp(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, |x| if x.is_close() { close::exp(x) } else { exponential::exp(x) })
}

/// e to the power of x for x ≤ 0 or NaN, the same bits as of [`exp`]; without meaning for x > 0.
pub fn exp_nonpositive(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, |x| {
        if x.is_close() { close::exp_nonpositive(x) } else { exponential::exp_nonpositive(x) }
    })
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

/// log(1 + x) for what the largest leaves of a sum: x is NaN, −1, or at least 0 and not −0. The same bits as of [`log1p`] for
/// these, and without meaning for other x.
pub fn log1p_of_rest(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, logarithm::log1p_of_rest)
}

/// 1 / (1 + exp(−x)); shares exp(−|x|) with [`softplus`] of the same x.
pub fn sigmoid(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, |x| if x.is_close() { close::sigmoid(x) } else { logistic::sigmoid(x) })
}

/// log(1 + exp x); shares exp(−|x|) with [`sigmoid`] of the same x.
pub fn softplus(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, |x| if x.is_close() { close::softplus(x) } else { logistic::softplus(x) })
}

/// log(1 + exp(−x)) for x ≥ 0 or NaN; shares its exponential with the sigmoid and the [`softplus`] of x and of −x.
pub fn softplus_fall(emit: &mut dyn Emit, x: Value) -> Value {
    unary(
        emit,
        x,
        |x| if x.is_close() { close::softplus_fall(x) } else { logistic::softplus_fall(x) },
    )
}

/// log(exp a + exp b); shares exp(−|a − b|) with [`sigmoid`] of a − b.
pub fn log_add_exp(emit: &mut dyn Emit, a: Value, b: Value) -> Value {
    binary(emit, a, b, |a, b| {
        if a.is_close() { close::log_add_exp(a, b) } else { logistic::log_add_exp(a, b) }
    })
}

/// The hyperbolic tangent.
pub fn tanh(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, logistic::tanh)
}

/// The density of the normal distribution over its distribution function.
pub fn inverse_mills(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, mills::inverse_mills)
}

/// The logarithm of the hyperbolic cosine, accurate near 0.
pub fn logcosh(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, hyperbolic::logcosh)
}

/// The logarithm to base 2.
pub fn log2(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, logarithm::log2)
}

/// The sine of x radians, of any size where `FusedMultiplyAdd` rounds once; where it does not, of a size near 1.
pub fn sin(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, trigonometric::sin)
}

/// The cosine of x radians, of the sizes that [`sin`] takes.
pub fn cos(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, trigonometric::cos)
}

/// The arc tangent, in radians.
pub fn atan(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, trigonometric::atan)
}

/// The error function.
pub fn erf(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, error::erf)
}

/// 1 − erf x, accurate where erf x is near 1.
pub fn erfc(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, error::erfc)
}

/// The probability that a standard normal number is below x.
pub fn normal_cdf(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, error::normal_cdf)
}

/// The logarithm of the probability that a standard normal number is below x.
pub fn log_normal_cdf(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, error::log_normal_cdf)
}

/// log |Γ(x)|; +∞ at 0, −1, −2, …
pub fn lgamma(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, gamma::lgamma)
}

/// The derivative of log Γ; infinite or NaN at 0, −1, −2, …
pub fn digamma(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, gamma::digamma)
}

/// The second derivative of log Γ; +∞ at 0, −1, −2, …
pub fn trigamma(emit: &mut dyn Emit, x: Value) -> Value {
    unary(emit, x, gamma::trigamma)
}

/// x to the power of y, special pairs as in IEEE 754-2019.
pub fn pow(emit: &mut dyn Emit, x: Value, y: Value) -> Value {
    binary(emit, x, y, extended::pow)
}

/// ((1 + x)^λ − 1) / λ, which is log(1 + x) at λ = 0.
pub fn boxcox1p(emit: &mut dyn Emit, x: Value, lambda: Value) -> Value {
    binary(emit, x, lambda, extended::boxcox1p)
}
