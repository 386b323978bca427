//! Logarithms in two reals, and `pow` and `boxcox1p`, which need their digits.
//!
//! The exponent y·log x of a power reaches hundreds, where the last place of a single real is worth hundreds of those of the
//! result. So log x is an unevaluated sum of two reals, with the error terms of products from fused multiply-adds
//! (Dekker 1971; Muller et al., *Handbook of Floating-Point Arithmetic*, 2018, chapter 5). Where `FusedMultiplyAdd` rounds
//! twice these error terms vanish, and a result exp(t) is off by up to about |t| units in the last place.

use super::exponential::{exp_pair, expm1_sum};
use super::logarithm::{Parts, complete, ln_2, parts_about_1, split_about_1};
use super::pen::Real;

/// ((artanh s / s − 1) / s² − 1/3) / s² in z = s² on z ≤ 0.0295, degree 2, error of log 2^−36.8.
const POW_F32: [f64; 3] = [0.200_000_76, 0.142_735_45, 0.117_098_38];

/// ((artanh s / s − 1) / s² − 1/3) / s² in z = s² on z ≤ 0.0295, degree 7, error of log 2^−73.5.
const POW_F64: [f64; 8] = [
    0.199_999_999_999_999_9,
    0.142_857_142_857_226_12,
    0.111_111_111_087_548_5,
    0.090_909_094_368_063_03,
    0.076_922_783_227_950_97,
    0.066_681_630_486_888_76,
    0.058_373_211_510_906_63,
    0.059_952_403_505_577_66,
];

/// What rounding left of 1/3.
const THIRD_LOW_F32: f64 = -9.934_107_5e-9;
const THIRD_LOW_F64: f64 = 1.850_371_707_708_594e-17;

/// A number as a sum, the second part at most half a last place of the first.
#[derive(Clone, Copy)]
struct Pair<'p>(Real<'p>, Real<'p>);

/// a + b where |a| ≥ |b| or a = 0.
fn add_smaller<'p>(a: Real<'p>, b: Real<'p>) -> Pair<'p> {
    let sum = a + b;
    Pair(sum, (a - sum) + b)
}

/// a·b
fn product<'p>(a: Real<'p>, b: Real<'p>) -> Pair<'p> {
    let high = a * b;
    Pair(high, a.fma(b, -high))
}

impl Pair<'_> {
    fn times(self, other: Self) -> Self {
        let Pair(high, low) = product(self.0, other.0);
        Pair(high, low + self.0.fma(other.1, self.1 * other.0))
    }
}

/// n·ln 2 + log(1 + f + g), g at most a last place of f.
fn log_pair<'p>(n: Real<'p>, f: Real<'p>, g: Option<Real<'p>>) -> Pair<'p> {
    let d = f + 2.0;
    let reciprocal = f.constant(1.0) / d;
    let s = f * reciprocal;
    let left = (-s).fma(d, f);
    let left = (-s).fma(f - (d - 2.0), left);
    let left = g.map_or(left, |g| left + g.fma(-s, g));
    let Pair(head, tail) = twice_artanh(Pair(s, left * reciprocal));
    let [ln_2_high, ln_2_low] = ln_2(f);
    let Pair(high, low) = add_smaller(n * ln_2_high, head);
    add_smaller(high, low + n.fma(ln_2_low, tail))
}

/// 2 artanh s, its second part not yet small.
fn twice_artanh(s: Pair<'_>) -> Pair<'_> {
    let Pair(high, low) = s;
    let Pair(z, z_error) = product(high, high);
    let z = Pair(z, (high + high).fma(low, z_error));
    let bend = z.0 * z.0.polynomial(high.either(&POW_F32[..], &POW_F64[..]));
    let Pair(third, error) = add_smaller(high.constant(1.0 / 3.0), bend);
    let cube = s.times(z.times(Pair(third, error + high.either(THIRD_LOW_F32, THIRD_LOW_F64))));
    let Pair(sum, error) = add_smaller(high, cube.0);
    let rest = error + (low + cube.1);
    Pair(sum + sum, rest + rest)
}

/// y·log, its second part 0 where the first is past the range of an exponential by far, or infinite.
fn exponent<'p>(y: Real<'p>, log: Pair<'p>) -> Pair<'p> {
    let Pair(high, low) = product(y, log.0);
    let low = y.fma(log.1, low);
    Pair(high, high.absolute().less(10_000.0).select(low, 0.0))
}

/// x to the power of y, as IEEE 754-2019 has `pow`: 1 for y = 0 and for x = 1, NaN for a negative x and a y that is not whole.
pub(super) fn pow<'p>(x: Real<'p>, y: Real<'p>) -> Real<'p> {
    let size = x.absolute();
    let Parts { n, f } = parts_about_1(size);
    // NaN where x is, or infinite.
    let log = log_pair(size.fma(0.0, n), f, None);
    let bound = y.either(1.0e30, 1.0e300);
    let Pair(high, low) = exponent(y.at_least(-bound).at_most(bound), log);
    let power = exp_pair(high, low);
    // 0 and ∞, which are twice themselves, stay or change places.
    let kept = size.constant(0.0).less(y).select(size, f64::NAN);
    let extreme = y.less(0.0).select(size.constant(1.0) / size, kept);
    let power = (size + size).equal(size).select(extreme, power);
    let power = y.equal(0.0).select(y.constant(1.0), signed_power(x, y, power));
    x.equal(1.0).select(x, power)
}

/// |x|^y with the sign that it has for x, or NaN.
fn signed_power<'p>(x: Real<'p>, y: Real<'p>, power: Real<'p>) -> Real<'p> {
    let half = y * 0.5;
    let sign = half.floor().equal(half).select(x.constant(1.0), x);
    let finite = (x + x).equal(x).select(power, f64::NAN);
    let broken = x.less(0.0).select(finite, power);
    y.floor().equal(y).select(power.signed_as(sign), broken)
}

/// e^88.
const E_88: f64 = 1.651_636_254_994_001_9e38;
/// e^709.
const E_709: f64 = 8.218_407_461_554_972e307;

/// ((1 + x)^λ − 1) / λ, log(1 + x) where λ is 0.
pub(super) fn boxcox1p<'p>(x: Real<'p>, lambda: Real<'p>) -> Real<'p> {
    let shifted = split_about_1(x + 1.0);
    let scale = shifted.scale(x);
    let (a, b) = (x * scale, scale - 1.0);
    let f = a + b;
    // What the sum lost (Knuth's two-sum, as either may be the larger).
    let back = f - a;
    let g = ((a - (f - back)) + (b - back)) + (scale - (b + 1.0));
    let log = log_pair(shifted.n, f, Some(g));
    // Below this x is its logarithm to more digits than both parts have, and nothing subnormal is halved.
    let is_tiny = x.absolute().less(x.either(2f64.powi(-40), 2f64.powi(-80)));
    let whole = complete(x, -1.0, is_tiny.select(x, log.0));
    let Pair(high, low) = exponent(lambda, Pair(whole, is_tiny.select(x.constant(0.0), log.1)));
    // Where the power overflows the quotient need not: there it is that of a power e^far less.
    let far = x.constant(x.either(88.0, 709.0));
    let is_far = far.less(high);
    let near = is_far.select(high - far, high);
    let change = expm1_sum(near, Some(low)) + is_far.select(x.constant(1.0), 0.0);
    // Divided by λ times a power of two, so that no step is subnormal.
    let part = x.either(2f64.powi(-64), 2f64.powi(-512));
    let quotient = change / is_far.select(lambda * part, lambda);
    let quotient = is_far.select(quotient * (x.either(E_88, E_709) * part), quotient);
    let small = high.absolute().less(x.either(1.0e-10, 1.0e-19));
    // The logarithm may be infinite where λ is 0.
    lambda.equal(0.0).select(whole, small.select(whole, quotient))
}
