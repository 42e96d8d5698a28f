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

/// Calls for every cache line of a value.
#[inline]
pub fn prefetch_all<T>(value: &T) {
    let start: *const u8 = core::ptr::from_ref(value).cast();
    for line in (0..size_of::<T>()).step_by(64) {
        prefetch(start.wrapping_add(line));
    }
}

/// Where the values of a slice lie, to call for their memory: an address, and nothing that could be read.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    start: usize,
    stride: usize,
}

impl Lines {
    /// Nowhere.
    pub const NONE: Lines = Lines { start: 0, stride: 0 };

    /// Those of a slice.
    #[inline]
    pub fn of<T>(values: &[T]) -> Lines {
        Lines { start: values.as_ptr().addr(), stride: size_of::<T>() }
    }

    /// Calls for every cache line of the value at this place.
    #[inline]
    pub fn call(&self, place: usize) {
        for line in (0..self.stride).step_by(64) {
            prefetch(core::ptr::without_provenance(self.start + place * self.stride + line));
        }
    }
}
