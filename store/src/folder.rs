//! The data folder: one process owns it, and it says which format it has.
//!
//! # Layout
//! ```text
//! spandrel.json     format version and the store's random identity
//! lock              held with flock by the process that owns the folder
//! history.json      what was lost or deleted, and how long the store has run
//! checkpoints       how far receivers have read, see checkpoints.rs
//! journal/          the write-ahead log, see journal.rs
//! partitions/N/     one tantivy index each, N rising, see partition.rs
//! set-aside/        damaged partitions and journal files, for people to look at
//! ```
//! The JSON files and the checkpoints are replaced as a whole: written beside, synced, renamed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::error::OpenError;

/// The format this program writes. It reads older ones too, see `partition/upgrade.rs`:
/// 1 had a document for each record, 2 has one for each block of records.
pub(crate) const FORMAT: u32 = 2;

const DESCRIPTION: &str = "spandrel.json";

#[derive(Debug)]
pub(crate) struct DataFolder {
    pub disk: Arc<dyn Disk>,
    root: PathBuf,
    /// The store's own number, part of every log's id.
    pub identity: u64,
    /// The format it was found in.
    pub format: u32,
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Description {
    format: u32,
    identity: u64,
}

impl DataFolder {
    /// Locks the folder, making it first if it isn't there, and checks its format.
    pub fn open(disk: Arc<dyn Disk>, root: &Path) -> Result<DataFolder, OpenError> {
        let io = |source| OpenError::Io { folder: root.to_owned(), source };
        fs::create_dir_all(root).map_err(io)?;
        let lock = File::create(root.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { folder: root.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let Description { format, identity } = describe(root)?;
        let folder = DataFolder { disk, root: root.to_owned(), identity, format, _lock: lock };
        for path in [folder.journal(), folder.partitions(), folder.set_aside()] {
            fs::create_dir_all(path).map_err(io)?;
        }
        File::open(root).and_then(|root| root.sync_all()).map_err(io)?;
        Ok(folder)
    }

    /// Notes that the folder is in today's format.
    pub fn write_format(&self) -> io::Result<()> {
        let description = Description { format: FORMAT, identity: self.identity };
        write_json(&self.root.join(DESCRIPTION), &description)
    }

    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub fn partitions(&self) -> PathBuf {
        self.root.join("partitions")
    }

    pub fn set_aside(&self) -> PathBuf {
        self.root.join("set-aside")
    }

    pub fn history(&self) -> PathBuf {
        self.root.join("history.json")
    }

    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Size of the volume the folder is on.
    pub fn volume_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)?;
        Ok(stat.f_blocks.saturating_mul(stat.f_frsize))
    }

    /// Moves a damaged file or folder out of the way, keeping its name recognisable.
    pub fn put_aside(&self, path: &Path) -> io::Result<PathBuf> {
        let name = path.file_name().map_or("unnamed".into(), |name| name.to_string_lossy());
        let kind = path.parent().and_then(Path::file_name).map_or("".into(), |kind| kind.to_string_lossy());
        let free = |n: &u32| !self.set_aside().join(format!("{kind}-{name}-{n}")).exists();
        let number = (1..=u32::MAX).find(free).unwrap_or(u32::MAX);
        let target = self.set_aside().join(format!("{kind}-{name}-{number}"));
        fs::rename(path, &target)?;
        Ok(target)
    }

    /// Deletes what was set aside the longest ago, by the times of the files; says what.
    pub fn delete_oldest_set_aside(&self) -> io::Result<Option<PathBuf>> {
        let mut items = Vec::new();
        for entry in fs::read_dir(self.set_aside())? {
            let entry = entry?;
            items.push((entry.metadata()?.modified()?, entry.path()));
        }
        let Some((_, oldest)) = items.into_iter().min() else { return Ok(None) };
        if oldest.is_dir() {
            fs::remove_dir_all(&oldest)?
        } else {
            fs::remove_file(&oldest)?
        }
        Ok(Some(oldest))
    }
}

/// Reads the folder's description, or writes one for a new folder.
fn describe(root: &Path) -> Result<Description, OpenError> {
    let io = |source| OpenError::Io { folder: root.to_owned(), source };
    let path = root.join(DESCRIPTION);
    match fs::read(&path) {
        Ok(content) => {
            let unreadable = |error| io(io::Error::other(format!("cannot read {DESCRIPTION}: {error}")));
            let found: Description = serde_json::from_slice(&content).map_err(unreadable)?;
            if found.format > FORMAT {
                let folder = root.to_owned();
                return Err(OpenError::NewerFormat { folder, found: found.format, supported: FORMAT });
            }
            Ok(found)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut random = [0; 8];
            File::open("/dev/urandom")
                .and_then(|mut file| io::Read::read_exact(&mut file, &mut random))
                .map_err(io)?;
            let identity = u64::from_le_bytes(random);
            let description = Description { format: FORMAT, identity };
            write_json(&path, &description).map_err(io)?;
            Ok(description)
        }
        Err(error) => Err(io(error)),
    }
}

/// Replaces a JSON file as a whole.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Bytes that a file, or everything in a folder, takes on the disk. What vanishes meanwhile counts nothing.
pub(crate) fn disk_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    let own = metadata.blocks() * 512;
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    own + entries.map(|entry| disk_bytes(&entry.path())).sum::<u64>()
}
