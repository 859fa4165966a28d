//! An index's files, with a commit that is durable when it returns.
//!
//! tantivy syncs a segment's files and their names before it replaces `meta.json`, but not that replacement:
//! after a power cut the old one may be back. By then the journal's frames of the commit are deleted, and so may
//! be the segments that the old one names. So the folder is synced once more.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, FileSlice, Lock, WatchCallback, WatchHandle, WritePtr,
};

use super::{Disk, MappedFiles};

/// What says which segments an index has.
pub(super) const META: &str = "meta.json";

#[derive(Debug, Clone)]
pub(crate) struct IndexFolder {
    files: Box<dyn Directory>,
    mapped: Arc<MappedFiles>,
}

impl IndexFolder {
    pub fn open(disk: &dyn Disk, folder: &Path) -> tantivy::Result<IndexFolder> {
        Ok(IndexFolder { files: disk.index_files(folder)?, mapped: disk.mapped().clone() })
    }
}

impl Directory for IndexFolder {
    fn atomic_write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.files.atomic_write(path, content)?;
        if path == Path::new(META) { self.files.sync_directory() } else { Ok(()) }
    }

    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let handle = self.files.get_file_handle(path)?;
        self.mapped.note(&handle);
        Ok(handle)
    }

    fn open_read(&self, path: &Path) -> Result<FileSlice, OpenReadError> {
        Ok(FileSlice::new(self.get_file_handle(path)?))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.files.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.files.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.files.open_write(path)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.files.atomic_read(path)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.files.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.files.acquire_lock(lock)
    }

    fn watch(&self, watch_callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.files.watch(watch_callback)
    }
}
