//! The page cache of a folder.

use std::fs::File;
use std::path::Path;

use rustix::fs::{Advice, fadvise};

/// Drops the cached pages of all its files. Those that a process has mapped stay, so none may have the folder open.
pub(super) fn drop_pages(folder: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.is_dir() {
            drop_pages(&entry.path())?;
            continue;
        }
        let file = File::open(entry.path())?;
        // Pages that are not written yet would stay.
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}
