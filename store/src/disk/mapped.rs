//! The index files that are mapped into memory, so that an idle store can let go of their pages.
//!
//! tantivy maps its files. A page that a question has read counts as the process's memory until the kernel wants it
//! back, which on a machine with room it never does. Pages that are let go of stay in the page cache.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tantivy::directory::FileHandle;

/// Below this many, files that are closed are not looked for.
const PRUNED_FROM: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct MappedFiles {
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    handles: Vec<Weak<dyn FileHandle>>,
    open: usize,
}

impl MappedFiles {
    /// Notes a file that tantivy's `MmapDirectory` has opened, and no other: of one in memory of our own, to let go of
    /// its pages would be to lose them.
    pub fn note(&self, handle: &Arc<dyn FileHandle>) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.handles.len() >= PRUNED_FROM.max(files.open * 2) {
            files.handles.retain(|handle| handle.strong_count() > 0);
            files.open = files.handles.len();
        }
        files.handles.push(Arc::downgrade(handle));
    }

    /// Lets go of all pages. Whoever reads one next finds it in the page cache, or on the disk.
    pub fn let_go(&self) {
        let handles = self.files.lock().unwrap_or_else(PoisonError::into_inner).handles.clone();
        for handle in handles.iter().filter_map(Weak::upgrade).filter(|handle| handle.len() > 0) {
            let Ok(bytes) = handle.read_bytes(0..handle.len()) else { continue };
            let start = bytes.as_ptr().cast_mut().cast();
            // SAFETY: `MmapDirectory` gives the whole of a shared, read-only mapping of a file, and `bytes` keeps it
            // mapped. To drop the pages of such a mapping changes nothing that can be read from it.
            #[allow(unsafe_code, reason = "advice on a mapping has no safe binding")]
            let _ = unsafe { libc::madvise(start, bytes.len(), libc::MADV_DONTNEED) };
        }
    }
}

#[cfg(test)]
mod tests;
