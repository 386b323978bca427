//! The inverse of Mills' ratio: the slope of the logarithm of the normal distribution function.

use std::f64::consts::FRAC_1_SQRT_2;

use super::error::{DENSITY, erfc, normal_tail};
use super::exponential::exp_fall_times;
use super::pen::Real;

/// φ(x)/Φ(x): left of −0.5 from the slow factor of the tail, right of it as the quotient that it is.
pub(super) fn inverse_mills(x: Real<'_>) -> Real<'_> {
    let far = x.less(-0.5);
    // Far out x + 1/x − 2/x³ + 10/x⁵ has every digit (Laplace 1812).
    let most = x.either(14.0, 400.0);
    let size = far.select(x.absolute(), 1.0);
    let [slow, _] = normal_tail(size.at_most(most));
    let tail = x.constant(DENSITY) / slow;
    let part = x.constant(1.0) / size;
    let outer = size + part * (part * part).polynomial(&[1.0, -2.0, 10.0]);
    let near = x.at_least(-0.5).at_most(x.either(15.0, 40.0));
    let half = near * 0.5;
    let square = half * near;
    let low = half.fma(near, -square);
    let one = [x.constant(DENSITY), x.constant(0.0)];
    let density = exp_fall_times(square, low, one).rounded();
    let quotient = density / (erfc(near * -FRAC_1_SQRT_2) * 0.5);
    x.less(-most).select(outer, far.select(tail, quotient))
}
