//! Results past the caches: where those of a call are larger than the last-level cache, each chunk of them is
//! computed in memory that stays in it and then written by stores that do not read what they overwrite; or code that
//! has such stores itself is run, where there is some and results are aligned for it.

use std::sync::OnceLock;

/// Whether results of so many bytes are written past the caches: from half of the last-level cache on, which inputs fill
/// as well. Smaller ones are still in it for whoever reads them next.
pub(super) fn is_worth_it(bytes: usize) -> bool {
    bytes >= cache() / 2
}

/// Whether rows of so many bytes are written past the caches by code: whole lines, and not few of them.
pub(super) fn is_worth_row(bytes: usize) -> bool {
    bytes.is_multiple_of(64) && bytes >= 4096
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

/// Copies bytes so that they are in no cache afterwards. Other threads see them after [`finish`].
///
/// # Safety
/// As many bytes must be good to read and to write, and not overlap.
pub(super) unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as the caller vouches.
    unsafe {
        x86::copy(from, to, bytes);
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: as the caller vouches.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, bytes);
    }
}

/// Lets what comes after, also in other threads, see all that was copied.
pub(super) fn finish() {
    #[cfg(target_arch = "x86_64")]
    x86::finish();
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __cpuid, __cpuid_count, __m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128,
    };

    /// What a last-level cache has where the CPU does not say.
    pub(super) const USUAL: usize = 32 << 20;
    /// How many bytes go at a time, a line of the caches.
    const LINE: usize = 64;
    const VECTOR: usize = size_of::<__m128i>();

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

    /// # Safety
    /// As for `copy` above.
    #[expect(clippy::cast_ptr_alignment, reason = "loads need none, stores come after the head")]
    pub(super) unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        let head = to.align_offset(VECTOR).min(bytes);
        let lines = (bytes - head) / LINE;
        let tail = head + lines * LINE;
        // SAFETY: head, lines and tail are the bytes that the caller vouches for, one behind the other; the
        // stores are aligned after the head.
        unsafe {
            std::ptr::copy_nonoverlapping(from, to, head);
            for line in 0..lines {
                let (from, to) = (from.add(head + line * LINE), to.add(head + line * LINE));
                let (from, to) = (from.cast::<__m128i>(), to.cast::<__m128i>());
                let first = _mm_loadu_si128(from);
                let second = _mm_loadu_si128(from.add(1));
                let third = _mm_loadu_si128(from.add(2));
                let fourth = _mm_loadu_si128(from.add(3));
                _mm_stream_si128(to, first);
                _mm_stream_si128(to.add(1), second);
                _mm_stream_si128(to.add(2), third);
                _mm_stream_si128(to.add(3), fourth);
            }
            std::ptr::copy_nonoverlapping(from.add(tail), to.add(tail), bytes - tail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::copy;

    #[test]
    fn every_byte_arrives_wherever_it_begins() {
        let from: Vec<u8> = (0..=255).cycle().take(700).collect();
        for (first, to, bytes) in [(0, 0, 0), (0, 1, 1), (3, 5, 64), (1, 0, 640), (7, 13, 500)] {
            let mut all = vec![7; 700];
            // SAFETY: both have 700 bytes.
            unsafe { copy(from.as_ptr().add(first), all.as_mut_ptr().add(to), bytes) };
            assert_eq!(all[to..to + bytes], from[first..first + bytes]);
            assert!(all[..to].iter().chain(&all[to + bytes..]).all(|byte| *byte == 7));
        }
    }
}
