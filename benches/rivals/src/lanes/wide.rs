//! Sixteen f32 in AVX-512.

use std::arch::x86_64::*;

use super::Lanes;

/// A register of 512 bits.
#[derive(Clone, Copy)]
pub(crate) struct Wide(__m512);

#[inline(always)]
fn first_bits(count: usize) -> __mmask16 {
    ((1_u32 << count) - 1) as __mmask16
}

impl Lanes for Wide {
    const WIDTH: usize = 16;
    type Mask = __mmask16;
    type Labels = __m512i;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(_mm512_set1_ps(value))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(_mm512_loadu_ps(from))
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize, rest: f32) -> Self {
        Self(_mm512_mask_loadu_ps(_mm512_set1_ps(rest), first_bits(count), from))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        _mm512_storeu_ps(to, self.0);
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        _mm512_mask_storeu_ps(to, first_bits(count), self.0);
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        _mm512_stream_ps(to, self.0);
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(_mm512_add_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(_mm512_sub_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(_mm512_mul_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(_mm512_max_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(_mm512_min_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(_mm512_fmadd_ps(self.0, factor.0, term.0))
    }

    #[inline(always)]
    unsafe fn mul_sub(self, factor: Self, term: Self) -> Self {
        Self(_mm512_fmsub_ps(self.0, factor.0, term.0))
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        Self(_mm512_fnmadd_ps(self.0, factor.0, term.0))
    }

    #[inline(always)]
    unsafe fn abs(self) -> Self {
        Self(_mm512_abs_ps(self.0))
    }

    #[inline(always)]
    unsafe fn is_below(self, other: Self) -> Self::Mask {
        _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0)
    }

    #[inline(always)]
    unsafe fn is_equal(self, other: Self) -> Self::Mask {
        _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0)
    }

    #[inline(always)]
    unsafe fn choose(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(_mm512_mask_blend_ps(mask, no.0, yes.0))
    }

    #[inline(always)]
    unsafe fn sub_where(self, mask: Self::Mask, other: Self) -> Self {
        Self(_mm512_mask_sub_ps(self.0, mask, self.0, other.0))
    }

    #[inline(always)]
    unsafe fn first(self, count: usize) -> Self {
        Self(_mm512_maskz_mov_ps(first_bits(count), self.0))
    }

    /// One instruction, which needs no bounds either.
    #[inline(always)]
    unsafe fn times_power(self, n: Self, _: Self) -> Self {
        Self(_mm512_scalef_ps(self.0, n.0))
    }

    #[inline(always)]
    unsafe fn bounded(self) -> Self {
        self
    }

    /// 14 bits, and one step of Newton's.
    #[inline(always)]
    unsafe fn inverse(self) -> Self {
        let rough = _mm512_rcp14_ps(self.0);
        let rest = _mm512_fnmadd_ps(self.0, rough, _mm512_set1_ps(1.0));
        Self(_mm512_fmadd_ps(rough, rest, rough))
    }

    #[inline(always)]
    unsafe fn split(self) -> (Self, Self) {
        let bits = _mm512_castps_si512(self.0);
        let above = _mm512_sub_epi32(bits, _mm512_set1_epi32(0x3f2a_aaab));
        let power = _mm512_srai_epi32::<23>(above);
        let rest = _mm512_sub_epi32(bits, _mm512_slli_epi32::<23>(power));
        (Self(_mm512_cvtepi32_ps(power)), Self(_mm512_castsi512_ps(rest)))
    }

    #[inline(always)]
    unsafe fn total(self) -> f32 {
        _mm512_reduce_add_ps(self.0)
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        _mm512_reduce_max_ps(self.0)
    }

    /// Masked broadcasts from memory, which leave the unit for shuffles alone.
    #[inline(always)]
    unsafe fn load_quads(from: *const f32, row: usize) -> Self {
        let quad = |group: usize| from.add(4 * group * row);
        let lowest = _mm512_castps128_ps512(_mm_loadu_ps(quad(0)));
        let second = _mm512_mask_broadcast_f32x4(lowest, 0x00f0, _mm_loadu_ps(quad(1)));
        let third = _mm512_mask_broadcast_f32x4(second, 0x0f00, _mm_loadu_ps(quad(2)));
        Self(_mm512_mask_broadcast_f32x4(third, 0xf000, _mm_loadu_ps(quad(3))))
    }

    #[inline(always)]
    unsafe fn store_quads(self, to: *mut f32, row: usize) {
        _mm_storeu_ps(to, _mm512_castps512_ps128(self.0));
        _mm_storeu_ps(to.add(4 * row), _mm512_extractf32x4_ps::<1>(self.0));
        _mm_storeu_ps(to.add(8 * row), _mm512_extractf32x4_ps::<2>(self.0));
        _mm_storeu_ps(to.add(12 * row), _mm512_extractf32x4_ps::<3>(self.0));
    }

    #[inline(always)]
    unsafe fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let (ab_low, ab_high) = (_mm512_unpacklo_ps(a.0, b.0), _mm512_unpackhi_ps(a.0, b.0));
        let (cd_low, cd_high) = (_mm512_unpacklo_ps(c.0, d.0), _mm512_unpackhi_ps(c.0, d.0));
        [
            Self(_mm512_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low)),
            Self(_mm512_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low)),
            Self(_mm512_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high)),
            Self(_mm512_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high)),
        ]
    }

    #[inline(always)]
    unsafe fn load_labels(from: *const i32) -> Self::Labels {
        _mm512_loadu_si512(from.cast())
    }

    #[inline(always)]
    unsafe fn is_class(labels: Self::Labels, class: i32) -> Self::Mask {
        _mm512_cmpeq_epi32_mask(labels, _mm512_set1_epi32(class))
    }
}
