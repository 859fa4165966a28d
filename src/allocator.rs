//! The memory allocator, set to hold on to little: a sidecar shares its machine.
//!
//! Records are made on one thread and freed on another, which the C library's allocator keeps memory for; mimalloc
//! does not. By its defaults it gives freed memory back after a second, by when a busy store has had use for all of
//! it: the peak is half as high again. This is the one file with `unsafe` in it: calls to mimalloc that take and
//! return numbers.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` in mimalloc's `mi_option_e`, which the binding does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// Freed memory is given back after this. At 0 every page is faulted in again for each use of it, a fifth of all CPU.
const PURGE_DELAY_MS: std::ffi::c_long = 5;

/// Call first of all.
pub fn configure() {
    // With huge pages a few live bytes hold two megabytes. Where the kernel knows of none, nothing is lost.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // SAFETY: sets a number of a table that mimalloc reads from whenever it likes; any value is valid.
    #[allow(unsafe_code, reason = "mimalloc's options have no safe binding")]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS);
    }
}

/// Gives back what is free, now: for when nothing will be allocated for a while, which is when mimalloc would.
pub fn give_back() {
    // SAFETY: may be called at any time, from any thread.
    #[allow(unsafe_code, reason = "mimalloc's collection has no safe binding")]
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

#[cfg(test)]
mod tests;
