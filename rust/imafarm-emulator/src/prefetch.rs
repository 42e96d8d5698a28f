//! A hint to the processor, and nothing else: no result depends on it.

/// Calls for the cache line at `place`, which need not even be valid memory.
#[inline]
pub fn prefetch(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "the instruction reads nothing and never faults; there is no safe way to name it")]
    // SAFETY: a prefetch has no effect but on caches, whatever the address.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
