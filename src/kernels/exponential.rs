//! `exp`, `expm1` and what they are made of: x = n·ln 2 + r, a polynomial in r, and 2ⁿ made from bits.
//!
//! n comes from adding a number so large that the sum has no room for a fraction: the low bits of the sum are n, ready
//! to be shifted into an exponent. Polynomials are minimax (Remez exchange; Muller, *Elementary Functions*, 2016,
//! chapter 3), computed with 70 digits, their error relative to the function approximated.

use std::f64::consts::LOG2_E;

use super::pen::Real;

/// What splits an argument into n·ln 2 + r, for one precision.
struct Reduction {
    /// Rounds to a whole number when added, and puts twice the exponent bias into the low bits.
    magic: f64,
    /// ln 2 with so few bits that a product with n is exact, and the rest of it.
    ln2: [f64; 2],
    /// How many bits of the significand are stored.
    shift: u8,
    /// 2^h and 2^−h, with h half the exponent bias: n ± h is always the exponent of a normal number.
    halves: [f64; 2],
    /// The bits of 2^−h, shifted to the right end.
    low_half: f64,
}

const REDUCE_F32: Reduction = Reduction {
    magic: 12_582_912.0 + 254.0,
    ln2: [0.693_145_751_953_125, 1.428_606_8e-6],
    shift: 23,
    halves: [18_446_744_073_709_551_616.0, 1.0 / 18_446_744_073_709_551_616.0],
    low_half: 63.0,
};

const REDUCE_F64: Reduction = Reduction {
    magic: 6_755_399_441_055_744.0 + 2046.0,
    ln2: [0.693_147_180_559_663, 2.823_529_056_303_157_7e-13],
    shift: 52,
    halves: [1.340_780_792_994_259_7e154, 7.458_340_731_200_207e-155],
    low_half: 511.0,
};

/// A small number as the sum of an exact part and one that is much smaller still.
struct Rest<'p> {
    whole: Real<'p>,
    exact: Real<'p>,
    small: Real<'p>,
}

fn reduction(x: Real<'_>) -> &'static Reduction {
    x.either(&REDUCE_F32, &REDUCE_F64)
}

impl Reduction {
    /// x + low − n·ln 2, and the part of it that is not x less a product, which is exact.
    fn rest<'p>(&self, n: Real<'p>, x: Real<'p>, low: Option<Real<'p>>) -> Rest<'p> {
        let [high, tail] = self.ln2;
        let exact = n.fma(-high, x);
        let small = low.map_or_else(|| n * -tail, |low| n.fma(-tail, low));
        Rest { whole: exact + small, exact, small }
    }

    /// exp(x − n·ln 2) − 1. What rounds x − n·ln 2 is worth little, as it is not twice as large as where exp r is 1.
    fn change<'p>(&self, n: Real<'p>, x: Real<'p>) -> Real<'p> {
        let [high, tail] = self.ln2;
        let r = n.fma(-tail, n.fma(-high, x));
        let q = r.polynomial(x.either(&SHIFTED_F32[..], &SHIFTED_F64[..]));
        (r * r).fma(q, r)
    }

    /// The bits of 2ⁿ times the number whose bits are taken away, from the sum with the magic number.
    fn power<'p>(&self, sum: Real<'p>, over: Real<'p>) -> Real<'p> {
        sum.bits().shift_left(self.shift).minus(over.bits()).real()
    }
}

/// How far the argument is moved before it is rounded: exp r then lies between 3/4 and 3/2, not between √½ and √2, and
/// what rounds exp r − 1 where exp r is below 1, where a last place is worth half as much, is small as well.
const SHIFT: f64 = 0.0589;

/// (exp r − 1 − r) / r² on −0.2878 ≤ r ≤ 0.4056, degree 4, error of exp 2^−27.7.
const SHIFTED_F32: [f64; 5] = [0.5, 0.166_665_75, 0.041_661_9, 0.008_359_625, 0.001_450_055];

/// (exp r − 1 − r) / r² on −0.2878 ≤ r ≤ 0.4056, degree 9, error of exp 2^−57.1.
const SHIFTED_F64: [f64; 10] = [
    0.499_999_999_999_999_9,
    0.166_666_666_666_677_4,
    0.041_666_666_666_687_22,
    0.008_333_333_332_420_131,
    0.001_388_888_888_458_141_3,
    0.000_198_412_724_853_219_63,
    2.480_157_726_415_79e-5,
    2.755_410_687_518_041e-6,
    2.758_970_795_811_762e-7,
    2.647_228_052_153_757_2e-8,
];

/// (exp r − 1 − r) / r² on |r| ≤ 0.347, degree 4, error of exp 2^−28.2.
const EXP_F32: [f64; 5] = [0.5, 0.166_665_18, 0.041_666_202, 0.008_368_951, 0.001_395_079_2];

/// (exp r − 1 − r) / r² on |r| ≤ 0.347, degree 9, error of exp 2^−58.0.
const EXP_F64: [f64; 10] = [
    0.500_000_000_000_001_3,
    0.166_666_666_666_667,
    0.041_666_666_666_514_33,
    0.008_333_333_333_306_993,
    0.001_388_888_894_733_164_3,
    0.000_198_412_699_178_542_89,
    2.480_148_958_929_964e-5,
    2.755_721_586_906_119_3e-6,
    2.763_141_439_003_389_7e-7,
    2.511_800_097_419_992e-8,
];

/// ((exp r − 1 − r) / r² − ½) / r on |r| ≤ 0.501, degree 4, error of expm1 2^−27.0.
const EXPM1_F32: [f64; 5] =
    [0.166_666_67, 0.041_665_893, 0.008_333_122, 0.001_398_027_6, 0.000_199_812_96];

/// ((exp r − 1 − r) / r² − ½) / r on |r| ≤ 0.501, degree 10, error of expm1 2^−61.3.
const EXPM1_F64: [f64; 11] = [
    0.166_666_666_666_666_69,
    0.041_666_666_666_667_615,
    0.008_333_333_333_332_507,
    0.001_388_888_888_857_721_4,
    0.000_198_412_698_426_592_35,
    2.480_158_773_422_674_4e-5,
    2.755_731_825_138_173e-6,
    2.755_702_889_706_939_5e-7,
    2.505_236_875_915_978_4e-8,
    2.096_996_129_319_303_6e-9,
    1.606_023_565_556_301_8e-10,
];

/// [`EXP_F32`] of −r.
const EXP_FALL_F32: [f64; 5] = [0.5, -0.166_665_18, 0.041_666_202, -0.008_368_951, 0.001_395_079_2];

/// [`EXP_F64`] of −r.
const EXP_FALL_F64: [f64; 10] = [
    0.500_000_000_000_001_3,
    -0.166_666_666_666_667,
    0.041_666_666_666_514_33,
    -0.008_333_333_333_306_993,
    0.001_388_888_894_733_164_3,
    -0.000_198_412_699_178_542_89,
    2.480_148_958_929_964e-5,
    -2.755_721_586_906_119_3e-6,
    2.763_141_439_003_389_7e-7,
    -2.511_800_097_419_992e-8,
];

/// exp x.
pub(super) fn exp(x: Real<'_>) -> Real<'_> {
    let (x, half) = within(x);
    let reduce = reduction(x);
    let sum = (x - SHIFT).fma(LOG2_E, reduce.magic);
    let change = reduce.change(sum - reduce.magic, x);
    let power = reduce.power(sum, half);
    power.fma(change, power) * half
}

/// exp x for x ≤ 0 or NaN, the same bits as of [`exp`].
pub(super) fn exp_nonpositive(x: Real<'_>) -> Real<'_> {
    let x = x.at_least(x.either(-104.0, -746.0));
    let reduce = reduction(x);
    let magic = reduce.magic - reduce.low_half;
    let sum = (x - SHIFT).fma(LOG2_E, magic);
    let change = reduce.change(sum - magic, x);
    let power = sum.bits().shift_left(reduce.shift).real();
    power.fma(change, power) * reduce.halves[1]
}

/// exp(−x) for x ≥ 0, and what rounding it left.
pub(super) fn exp_fall_pair(x: Real<'_>) -> (Real<'_>, Real<'_>) {
    let x = x.at_most(x.either(104.0, 746.0));
    let reduce = reduction(x);
    let magic = reduce.magic - reduce.low_half;
    let sum = (x + SHIFT).fma(-LOG2_E, magic);
    let change = reduce.change(sum - magic, -x);
    // As small as it may be, a power of two is exact, so that subnormal results are rounded once.
    let power = sum.bits().shift_left(reduce.shift).real() * reduce.halves[1];
    let value = power.fma(change, power);
    (value, power.fma(change, power - value))
}

/// The argument where its exponential is neither 0 nor infinite, or just is, and the half that brings it there.
fn within(x: Real<'_>) -> (Real<'_>, Real<'_>) {
    let x = x.at_least(x.either(-104.0, -746.0)).at_most(x.either(89.0, 710.0));
    let [up, down] = reduction(x).halves;
    (x, x.less(0.0).select(x.constant(down), up))
}

/// exp(x + low), low small: nearer than [`exp`], but not in order from each number to the next.
///
/// Both ends are reached in two multiplications, so that subnormal results are rounded once.
pub(super) fn exp_pair<'p>(x: Real<'p>, low: Real<'p>) -> Real<'p> {
    let (x, half) = within(x);
    let reduce = reduction(x);
    let sum = x.fma(LOG2_E, reduce.magic);
    let r = reduce.rest(sum - reduce.magic, x, Some(low));
    let q = r.whole.polynomial(x.either(&EXP_F32[..], &EXP_F64[..]));
    let change = (r.whole * r.whole).fma(q, r.small);
    let one_more = r.exact + 1.0;
    let lost = (x.constant(1.0) - one_more) + r.exact;
    (one_more + (lost + change)) * reduce.power(sum, half) * half
}

/// exp x for 0 ≤ x ≤ 50.
pub(super) fn exp_short(x: Real<'_>) -> Real<'_> {
    let reduce = reduction(x);
    let sum = x.fma(LOG2_E, reduce.magic);
    let r = reduce.rest(sum - reduce.magic, x, None);
    let q = r.whole.polynomial(x.either(&EXP_F32[..], &EXP_F64[..]));
    let p = (r.exact + (r.whole * r.whole).fma(q, r.small)) + 1.0;
    p * reduce.power(sum, x.constant(1.0))
}

/// exp(−(x + low)) for x ≥ 0, low small.
pub(super) fn exp_fall_sum<'p>(x: Real<'p>, low: Option<Real<'p>>) -> Real<'p> {
    let reduce = reduction(x);
    let x = x.at_most(x.either(104.0, 746.0));
    let sum = x.fma(-LOG2_E, reduce.magic);
    let r = reduce.rest(x.constant(reduce.magic) - sum, x, low);
    let q = r.whole.polynomial(x.either(&EXP_FALL_F32[..], &EXP_FALL_F64[..]));
    let p = ((r.whole * r.whole).fma(q, -r.small) - r.exact) + 1.0;
    let half = x.constant(reduce.halves[1]);
    p * reduce.power(sum, half) * half
}

/// exp(−x) times a factor, rounded but for its power of two.
pub(super) struct Scaled<'p> {
    value: Real<'p>,
    /// What rounding left of the value.
    left: [Real<'p>; 3],
    power: Real<'p>,
    half: Real<'p>,
}

/// exp(−(x + low))·(factor + rest) for x ≥ 0, low and rest small, with about half again the digits of one real.
pub(super) fn exp_fall_times<'p>(
    x: Real<'p>,
    low: Real<'p>,
    [factor, rest]: [Real<'p>; 2],
) -> Scaled<'p> {
    let reduce = reduction(x);
    let x = x.at_most(x.either(104.0, 746.0));
    let sum = x.fma(-LOG2_E, reduce.magic);
    let n = x.constant(reduce.magic) - sum;
    let [high, tail] = reduce.ln2;
    let (whole, part) = (n.fma(-high, x), n.fma(-tail, low));
    let r = whole + part;
    let r_low = (whole - r) + part;
    let one = x.constant(1.0);
    let p = one - r;
    let q = r.polynomial(x.either(&EXP_FALL_F32[..], &EXP_FALL_F64[..]));
    let p_low = (r * r).fma(q, (-r_low).fma(p, (one - p) - r));
    let inner = p.fma(rest, p_low * factor);
    let value = p.fma(factor, inner);
    let half = x.constant(reduce.halves[1]);
    Scaled { value, left: [p, factor, inner], power: reduce.power(sum, half), half }
}

impl<'p> Scaled<'p> {
    /// The product; a subnormal one is rounded twice.
    pub(super) fn rounded(&self) -> Real<'p> {
        self.value * self.power * self.half
    }

    /// The product, and what rounding it left.
    pub(super) fn pair(&self) -> [Real<'p>; 2] {
        let [p, factor, inner] = self.left;
        let low = p.fma(factor, -self.value) + inner;
        [self.rounded(), low * (self.power * self.half)]
    }
}

/// exp x − 1.
pub(super) fn expm1(x: Real<'_>) -> Real<'_> {
    expm1_sum(x, None)
}

/// exp(x + low) − 1, low less than a last place of x or so.
pub(super) fn expm1_sum<'p>(x: Real<'p>, low: Option<Real<'p>>) -> Real<'p> {
    let reduce = reduction(x);
    let size = x.absolute();
    let near = x.at_least(x.either(-20.0, -40.0)).at_most(x.either(89.0, 710.0));
    let sum = near.fma(LOG2_E, reduce.magic);
    let sum = size.less(0.5).select(x.constant(reduce.magic), sum);
    let r = reduce.rest(sum - reduce.magic, near, low);
    let q = r.whole.polynomial(x.either(&EXPM1_F32[..], &EXPM1_F64[..]));
    let bend = (r.whole * r.whole).fma(q, r.whole * 0.5);
    let p = r.exact + r.whole.fma(bend, r.small);
    // 2ⁿ⁻¹, doubled at the end: 2ⁿ may be past the largest number when the result is not.
    let half_power = reduce.power(sum, x.constant(2.0));
    let rest = half_power - 0.5;
    // Where the difference is a tie or more, it is off by half a last place of the result: p makes up for it.
    let lost = (half_power - rest) - 0.5;
    let inverse = half_power.bits().from(x.either(0x7f00_0000, 0x7fe0_0000_0000_0000)).real();
    let half = half_power.fma(lost.fma(inverse, p), rest);
    size.less(x.either(1.0e-10, 1.0e-20)).select(x, half + half)
}
