//! Eight f32 in AVX2 and FMA.

use std::arch::x86_64::*;

use super::Lanes;

/// A register of 256 bits.
#[derive(Clone, Copy)]
pub(crate) struct Narrow(__m256);

/// Eight lanes that are on, then eight that are off.
static ON_AND_OFF: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

#[inline(always)]
unsafe fn first_lanes(count: usize) -> __m256i {
    _mm256_loadu_si256(ON_AND_OFF.as_ptr().add(8 - count).cast())
}

impl Lanes for Narrow {
    const WIDTH: usize = 8;
    type Mask = __m256;
    type Labels = __m256i;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(_mm256_set1_ps(value))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(_mm256_loadu_ps(from))
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize, rest: f32) -> Self {
        let lanes = first_lanes(count);
        let loaded = _mm256_maskload_ps(from, lanes);
        Self(_mm256_blendv_ps(_mm256_set1_ps(rest), loaded, _mm256_castsi256_ps(lanes)))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        _mm256_storeu_ps(to, self.0);
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        _mm256_maskstore_ps(to, first_lanes(count), self.0);
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        _mm256_stream_ps(to, self.0);
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(_mm256_add_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(_mm256_sub_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(_mm256_mul_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(_mm256_max_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(_mm256_min_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(_mm256_fmadd_ps(self.0, factor.0, term.0))
    }

    #[inline(always)]
    unsafe fn mul_sub(self, factor: Self, term: Self) -> Self {
        Self(_mm256_fmsub_ps(self.0, factor.0, term.0))
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        Self(_mm256_fnmadd_ps(self.0, factor.0, term.0))
    }

    #[inline(always)]
    unsafe fn abs(self) -> Self {
        Self(_mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0))
    }

    #[inline(always)]
    unsafe fn is_below(self, other: Self) -> Self::Mask {
        _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0)
    }

    #[inline(always)]
    unsafe fn is_equal(self, other: Self) -> Self::Mask {
        _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0)
    }

    #[inline(always)]
    unsafe fn choose(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(_mm256_blendv_ps(no.0, yes.0, mask))
    }

    #[inline(always)]
    unsafe fn sub_where(self, mask: Self::Mask, other: Self) -> Self {
        Self(_mm256_sub_ps(self.0, _mm256_and_ps(mask, other.0)))
    }

    #[inline(always)]
    unsafe fn first(self, count: usize) -> Self {
        Self(_mm256_and_ps(_mm256_castsi256_ps(first_lanes(count)), self.0))
    }

    /// Added to the exponent.
    #[inline(always)]
    unsafe fn times_power(self, _: Self, shifted: Self) -> Self {
        let power = _mm256_slli_epi32::<23>(_mm256_castps_si256(shifted.0));
        Self(_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0), power)))
    }

    #[inline(always)]
    unsafe fn bounded(self) -> Self {
        Self(_mm256_max_ps(self.0, _mm256_set1_ps(-87.0)))
    }

    /// 11 bits, and one step of Newton's.
    #[inline(always)]
    unsafe fn inverse(self) -> Self {
        let rough = _mm256_rcp_ps(self.0);
        let rest = _mm256_fnmadd_ps(self.0, rough, _mm256_set1_ps(1.0));
        Self(_mm256_fmadd_ps(rough, rest, rough))
    }

    #[inline(always)]
    unsafe fn split(self) -> (Self, Self) {
        let bits = _mm256_castps_si256(self.0);
        let above = _mm256_sub_epi32(bits, _mm256_set1_epi32(0x3f2a_aaab));
        let power = _mm256_srai_epi32::<23>(above);
        let rest = _mm256_sub_epi32(bits, _mm256_slli_epi32::<23>(power));
        (Self(_mm256_cvtepi32_ps(power)), Self(_mm256_castsi256_ps(rest)))
    }

    #[inline(always)]
    unsafe fn total(self) -> f32 {
        let four = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        let four = _mm_max_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
        let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
    }

    #[inline(always)]
    unsafe fn load_quads(from: *const f32, row: usize) -> Self {
        let low = _mm256_castps128_ps256(_mm_loadu_ps(from));
        Self(_mm256_insertf128_ps::<1>(low, _mm_loadu_ps(from.add(4 * row))))
    }

    #[inline(always)]
    unsafe fn store_quads(self, to: *mut f32, row: usize) {
        _mm_storeu_ps(to, _mm256_castps256_ps128(self.0));
        _mm_storeu_ps(to.add(4 * row), _mm256_extractf128_ps::<1>(self.0));
    }

    #[inline(always)]
    unsafe fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let (ab_low, ab_high) = (_mm256_unpacklo_ps(a.0, b.0), _mm256_unpackhi_ps(a.0, b.0));
        let (cd_low, cd_high) = (_mm256_unpacklo_ps(c.0, d.0), _mm256_unpackhi_ps(c.0, d.0));
        [
            Self(_mm256_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low)),
            Self(_mm256_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low)),
            Self(_mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high)),
            Self(_mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high)),
        ]
    }

    #[inline(always)]
    unsafe fn load_labels(from: *const i32) -> Self::Labels {
        _mm256_loadu_si256(from.cast())
    }

    #[inline(always)]
    unsafe fn is_class(labels: Self::Labels, class: i32) -> Self::Mask {
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(labels, _mm256_set1_epi32(class)))
    }
}
