//! Vectors of f32: pointers and vectors come in, vectors go out; AVX-512 and AVX2 with FMA have the same operations.
//!
//! A kernel is written once, in these operations, and becomes one function for each instruction set: every method is inlined
//! into it, so that it must be called from a function that has the instructions (`on_avx512`, `on_avx2`).

use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

mod narrow;
mod wide;

pub(crate) use narrow::Narrow;
pub(crate) use wide::Wide;

/// Some f32 in one register.
pub(crate) trait Lanes: Copy {
    /// How many.
    const WIDTH: usize;
    /// Which of them.
    type Mask: Copy;
    /// As many i32.
    type Labels: Copy;

    /// All of them the same.
    unsafe fn splat(value: f32) -> Self;
    /// From memory, aligned or not.
    unsafe fn load(from: *const f32) -> Self;
    /// The first `count` from memory, the others `rest`.
    unsafe fn load_first(from: *const f32, count: usize, rest: f32) -> Self;
    /// To memory, aligned or not.
    unsafe fn store(self, to: *mut f32);
    /// The first `count` to memory.
    unsafe fn store_first(self, to: *mut f32, count: usize);
    /// To memory that is aligned to the register, past the caches.
    unsafe fn stream(self, to: *mut f32);
    /// Asks for a line of memory that will be needed some time later, wherever it is.
    #[inline(always)]
    unsafe fn fetch(from: *const f32) {
        _mm_prefetch::<_MM_HINT_T1>(from.cast());
    }
    /// `self + other`
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`
    unsafe fn sub(self, other: Self) -> Self;
    /// `self * other`
    unsafe fn mul(self, other: Self) -> Self;
    /// The larger ones.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller ones.
    unsafe fn min(self, other: Self) -> Self;
    /// `self * factor + term`
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `self * factor - term`
    unsafe fn mul_sub(self, factor: Self, term: Self) -> Self;
    /// `term - self * factor`
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self;
    /// Without the signs.
    unsafe fn abs(self) -> Self;
    /// `self < other`
    unsafe fn is_below(self, other: Self) -> Self::Mask;
    /// `self == other`
    unsafe fn is_equal(self, other: Self) -> Self::Mask;
    /// `mask ? yes : no`
    unsafe fn choose(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// `mask ? self - other : self`
    unsafe fn sub_where(self, mask: Self::Mask, other: Self) -> Self;
    /// The first `count`, the others 0.
    unsafe fn first(self, count: usize) -> Self;
    /// `2^n * self` for whole `n` from -126 on; `n` is also there as the low bits of `shifted`.
    unsafe fn times_power(self, n: Self, shifted: Self) -> Self;
    /// What an argument of exp is raised to, so that `times_power` is not asked for more than it can do.
    unsafe fn bounded(self) -> Self;
    /// `1 / self` to about an ulp.
    unsafe fn inverse(self) -> Self;
    /// The logarithm to base 2 as a whole number, and what is left, from 2/3 to 4/3.
    unsafe fn split(self) -> (Self, Self);
    /// The sum.
    unsafe fn total(self) -> f32;
    /// The largest.
    unsafe fn largest(self) -> f32;

    /// Into group `l` of four lanes the four numbers that stand `4 l` rows on.
    unsafe fn load_quads(from: *const f32, row: usize) -> Self;
    /// The other way round.
    unsafe fn store_quads(self, to: *mut f32, row: usize);
    /// Transposes each group of four lanes.
    unsafe fn transpose(quads: [Self; 4]) -> [Self; 4];

    /// From memory.
    unsafe fn load_labels(from: *const i32) -> Self::Labels;
    /// `labels == class`
    unsafe fn is_class(labels: Self::Labels, class: i32) -> Self::Mask;
}

/// What is done in vectors of any width.
pub(crate) trait Kernel {
    /// What comes out.
    type Output;

    /// Does it; to be inlined into a function that has the instructions of `L`.
    unsafe fn run<L: Lanes>(self) -> Self::Output;
}

/// Runs a kernel in AVX-512, which the machine must have.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
pub(crate) unsafe fn on_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Wide>()
}

/// Runs a kernel in AVX2 and FMA, which the machine must have.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn on_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Narrow>()
}

/// An instruction set that kernels are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// 512 bits.
    Avx512,
    /// 256 bits, with FMA.
    Avx2,
}

impl Set {
    /// Whether this machine has it.
    pub(crate) fn is_here(self) -> bool {
        match self {
            Self::Avx512 => {
                ["avx512f", "avx512dq", "avx512bw", "avx512vl"].iter().all(|name| has(name))
            }
            Self::Avx2 => has("avx2") && has("fma"),
        }
    }

    /// Runs a kernel in it.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        assert!(self.is_here(), "this machine lacks {self:?}");
        // SAFETY: the machine has the instructions; kernels hold slices that fit each other.
        unsafe {
            match self {
                Self::Avx512 => on_avx512(kernel),
                Self::Avx2 => on_avx2(kernel),
            }
        }
    }
}

fn has(name: &str) -> bool {
    match name {
        "avx512f" => is_x86_feature_detected!("avx512f"),
        "avx512dq" => is_x86_feature_detected!("avx512dq"),
        "avx512bw" => is_x86_feature_detected!("avx512bw"),
        "avx512vl" => is_x86_feature_detected!("avx512vl"),
        "avx2" => is_x86_feature_detected!("avx2"),
        "fma" => is_x86_feature_detected!("fma"),
        _ => false,
    }
}
