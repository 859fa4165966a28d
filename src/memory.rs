//! Memory, held on to as little as can be: a sidecar shares its machine.
//!
//! Records are made on one thread and freed on another, which the C library's allocator keeps memory for; mimalloc
//! does not. By its defaults it gives freed memory back after a second, by when a busy store has had use for all of
//! it: the peak is half as high again.
//!
//! `unsafe` is here and in `store/src/disk/mapped.rs` alone: calls that take and return numbers, and advice to the
//! kernel on mappings that nobody writes to.

use procfs::ProcResult;
use procfs::process::{MMPermissions, MMapPath, Process};

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

/// Lets go of the pages of the program's code and constants, most of which only the start or the last load had use
/// for. What is needed again is found in the page cache.
pub fn let_go_of_program() -> ProcResult<()> {
    for range in program()? {
        let start = std::ptr::without_provenance_mut(range.start);
        // SAFETY: these are private mappings of the program's file that cannot be written and never were: dropping
        // their pages changes nothing that can be read. They stay mapped as long as the process lives.
        #[allow(unsafe_code, reason = "advice on a mapping has no safe binding")]
        let _ = unsafe { libc::madvise(start, range.len(), libc::MADV_DONTNEED) };
    }
    Ok(())
}

/// All code, that of libraries too, and the program's read-only mappings before its code. Those behind it may have been
/// written to when the program was loaded.
fn program() -> ProcResult<Vec<std::ops::Range<usize>>> {
    let process = Process::myself()?;
    let file = MMapPath::Path(process.exe()?);
    let (mut found, mut before_code) = (Vec::new(), true);
    for map in process.maps()? {
        let is_code = map.perms.contains(MMPermissions::EXECUTE);
        let is_whole =
            map.perms.contains(MMPermissions::PRIVATE) && !map.perms.contains(MMPermissions::WRITE);
        let of_program = map.pathname == file;
        if matches!(map.pathname, MMapPath::Path(_)) && is_whole && (is_code || of_program && before_code) {
            found.push(map.address.0 as usize..map.address.1 as usize);
        }
        before_code &= !(of_program && is_code);
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
