//! An allocator that counts.
#![allow(unsafe_code)] // the only way to be an allocator

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, with a count of what is asked of it.
#[derive(Debug)]
pub struct Counting;

/// What was asked of the allocator since the program began.
#[derive(Debug, Clone, Copy)]
pub struct Allocations {
    /// Times that memory was asked for, or more of it.
    pub calls: u64,
    /// Bytes asked for in all; those given back are not subtracted.
    pub bytes: u64,
}

/// What was asked so far; zeros unless [`Counting`] is the program's allocator.
pub fn so_far() -> Allocations {
    Allocations { calls: CALLS.load(Relaxed), bytes: BYTES.load(Relaxed) }
}

fn count(bytes: usize) {
    CALLS.fetch_add(1, Relaxed);
    BYTES.fetch_add(bytes as u64, Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the promises of this function, which are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.saturating_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}
