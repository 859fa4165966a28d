//! The disk as the journal and the index write to it.
//!
//! A seam, and the only one: [`RealDisk`] passes everything on to the system; tests put a disk in its place that
//! fails, tears writes and loses what was not synced (`disk/failing.rs`). Reads at start-up go past it.

#[cfg(test)]
pub(crate) mod failing;
mod index;
mod mapped;

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use tantivy::directory::{Directory, MmapDirectory};

pub(crate) use index::IndexFolder;
pub(crate) use mapped::MappedFiles;

pub(crate) trait Disk: Debug + Send + Sync {
    /// Makes a file that was not there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// The files of an index in a folder, mapped. Whoever opens an index wraps it in an [`IndexFolder`].
    fn index_files(&self, folder: &Path) -> tantivy::Result<Box<dyn Directory>>;
    /// The files of all indexes that are open.
    fn mapped(&self) -> &Arc<MappedFiles>;
}

pub(crate) trait DiskFile: Debug + Send {
    /// Writes some of `bytes`, and says how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    fn sync_data(&self) -> io::Result<()>;
}

#[derive(Debug, Default)]
pub(crate) struct RealDisk {
    mapped: Arc<MappedFiles>,
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().write(true).create_new(true).open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn index_files(&self, folder: &Path) -> tantivy::Result<Box<dyn Directory>> {
        Ok(Box::new(MmapDirectory::open(folder)?))
    }

    fn mapped(&self) -> &Arc<MappedFiles> {
        &self.mapped
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        File::set_len(self, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}
