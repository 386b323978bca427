//! Inputs that look random and are the same every time: sizes come in, aligned arrays go out.

use std::ops::{Deref, DerefMut};

/// f32 that begin where a line of the cache does.
pub(crate) struct Aligned {
    lines: Vec<Cells>,
    length: usize,
}

/// A line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
#[expect(dead_code, reason = "it is read and written as part of a slice")]
struct Cells([f32; 16]);

impl Aligned {
    /// So many zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        Self { lines: vec![Cells([0.0; 16]); length.div_ceil(16)], length }
    }

    /// So many numbers, one after the other.
    pub(crate) fn of(length: usize, mut next: impl FnMut() -> f32) -> Self {
        let mut all = Self::zeros(length);
        for element in all.iter_mut() {
            *element = next();
        }
        all
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: every line is sixteen f32 without padding, and there are enough lines.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and the lines are borrowed as a whole.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

/// `SplitMix64` (Steele, Lea and Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to just under 1, evenly.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// About a normal distribution of width 1: the sum of twelve numbers from -1/2 to 1/2.
    pub(crate) fn bell(&mut self) -> f32 {
        (0..12).fold(-6.0, |sum, _| sum + self.unit())
    }

    /// 0 or 1.
    pub(crate) fn bit(&mut self) -> f32 {
        (self.bits() >> 63) as f32
    }

    /// Below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> i32 {
        (self.bits() % bound as u64) as i32
    }
}
