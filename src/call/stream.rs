//! Results past the caches: where those of a call are larger than what the last-level cache has room for, code runs whose stores
//! do not read what they overwrite, if there is some and results are aligned for it.

use std::sync::OnceLock;

/// How many bytes of results stay in a last-level cache at most, however large it is: others share caches that are larger, and
/// on a machine whose two CPUs state 480 MB, 40 MB took half as long again through them as past them.
const MOST_KEPT: usize = 24 << 20;

/// Whether results of so many bytes are written past the caches: from half of the last-level cache on, which inputs fill
/// as well, or from [`MOST_KEPT`] on. Smaller ones are still in it for whoever reads them next.
pub(super) fn is_worth_it(bytes: usize) -> bool {
    bytes >= (cache() / 2).min(MOST_KEPT)
}

/// Whether rows of so many bytes are written past the caches by code: whole lines, and not few of them.
pub(super) fn is_worth_row(bytes: usize) -> bool {
    bytes.is_multiple_of(64) && bytes >= 8192
}

/// How many bytes the last-level cache has.
fn cache() -> usize {
    static CACHE: OnceLock<usize> = OnceLock::new();
    *CACHE.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        {
            x86::largest_cache().unwrap_or(x86::USUAL)
        }
        // There are no such stores.
        #[cfg(not(target_arch = "x86_64"))]
        usize::MAX
    })
}

/// Lets what comes after, also in other threads, see what went past the caches.
pub(super) fn finish() {
    #[cfg(target_arch = "x86_64")]
    x86::finish();
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__cpuid, __cpuid_count, _mm_sfence};

    /// What a last-level cache has where the CPU does not say.
    pub(super) const USUAL: usize = 32 << 20;

    /// The size that the CPU states of its largest cache, in the leaf of Intel's or of AMD's (Intel's Software
    /// Developer's Manual, volume 2, CPUID, leaf 4; AMD64 Architecture Programmer's Manual, volume 3, E.4.15).
    pub(super) fn largest_cache() -> Option<usize> {
        [(0, 4), (0x8000_0000, 0x8000_001d)]
            .into_iter()
            .filter(|(range, leaf)| __cpuid(*range).eax >= *leaf)
            .flat_map(|(_, leaf)| (0..8).map(move |number| __cpuid_count(leaf, number)))
            .filter(|cache| cache.eax & 31 != 0)
            .map(|cache| {
                let field = |shift: u32, bits: u32| ((cache.ebx >> shift) & ((1 << bits) - 1)) + 1;
                let sets = u64::from(cache.ecx) + 1;
                let ways = [field(0, 12), field(12, 10), field(22, 10)].map(u64::from);
                ways.into_iter().product::<u64>().saturating_mul(sets)
            })
            .max()
            .and_then(|bytes| usize::try_from(bytes).ok())
            .filter(|bytes| *bytes >= 1 << 20)
    }

    pub(super) fn finish() {
        // SAFETY: a fence touches no memory.
        unsafe { _mm_sfence() };
    }
}
