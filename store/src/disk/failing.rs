//! A disk that fails as told, for tests.
//!
//! It writes real files and never syncs them; it remembers instead what a sync would have made durable, so that
//! [`FailingDisk::lose_unsynced`] can leave a copy of the folder as a power cut may leave the folder itself. Two
//! streams of chance, one for the journal and one for the index, make a seed's failures as repeatable as two
//! threads allow.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, MmapDirectory, TerminatingWrite,
    WatchCallback, WatchHandle, WritePtr,
};

use super::{Disk, DiskFile, MappedFiles};

/// How the operations of one side go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    Sound,
    /// This share of them fails; a write that does is torn at a random place.
    Failing(f64),
    /// So many succeed, then one fails, then all succeed.
    FailingOnce(u32),
    /// So many succeed, then the power is cut: nothing works any more, on either side.
    CutAfter(u32),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    Journal,
    Index,
}

#[derive(Debug, Clone)]
pub(crate) struct FailingDisk {
    inner: Arc<Mutex<Inner>>,
    mapped: Arc<MappedFiles>,
}

#[derive(Debug)]
struct Inner {
    sides: [(Mood, Rng); 2],
    cut: bool,
    /// How much of a file a sync has made durable; a file that is not here was closed after one.
    synced: BTreeMap<PathBuf, u64>,
    /// What a name stood for when its folder was last synced, where that has changed.
    renamed: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

impl FailingDisk {
    pub fn new(seed: u64) -> FailingDisk {
        let mut rng = Rng::with_seed(seed);
        let sides = [(Mood::Sound, rng.fork()), (Mood::Sound, rng.fork())];
        let (synced, renamed) = Default::default();
        let inner = Inner { sides, cut: false, synced, renamed };
        FailingDisk { inner: Arc::new(Mutex::new(inner)), mapped: Arc::default() }
    }

    pub fn set(&self, side: Side, mood: Mood) {
        self.inner().sides[side as usize].0 = mood;
    }

    /// Cuts the power now.
    pub fn cut(&self) {
        self.inner().cut = true;
    }

    /// Does to `image`, a copy of `folder`, what a power cut may do to files that were not synced: they end
    /// anywhere, hold anything behind their synced part if `tear`, and their names may be the old ones.
    pub fn lose_unsynced(&self, folder: &Path, image: &Path, tear: bool, rng: &mut Rng) {
        let inner = self.inner();
        let copy = |path: &Path| image.join(path.strip_prefix(folder).unwrap());
        for (path, synced) in &inner.synced {
            let Ok(file) = OpenOptions::new().write(true).open(copy(path)) else { continue };
            let bytes = file.metadata().unwrap().len();
            if bytes <= *synced {
                continue;
            }
            let end = rng.u64(*synced..=bytes);
            file.set_len(end).unwrap();
            if tear && end > *synced {
                let torn: Vec<u8> = (0..rng.u64(1..=end - synced)).map(|_| rng.u8(..)).collect();
                let zeroed = rng.bool();
                let torn = if zeroed { vec![0; torn.len()] } else { torn };
                file.write_all_at(&torn, end - torn.len() as u64).unwrap();
            }
        }
        for (path, before) in &inner.renamed {
            let path = copy(path);
            match before {
                _ if rng.bool() => {}
                Some(before) if path.exists() => fs::write(path, before).unwrap(),
                _ => drop(fs::remove_file(path)),
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn passes(&self, side: Side) -> io::Result<()> {
        self.inner().passes(side)
    }

    fn note_name(&self, path: &Path) {
        let before = fs::read(path).ok();
        self.inner().renamed.entry(path.to_owned()).or_insert(before);
    }

    fn names_are_synced(&self, folder: &Path) {
        self.inner().renamed.retain(|path, _| path.parent() != Some(folder));
    }
}

impl Inner {
    /// Whether the next operation of this side works.
    fn passes(&mut self, side: Side) -> io::Result<()> {
        let (mood, rng) = &mut self.sides[side as usize];
        match mood {
            Mood::Sound => {}
            Mood::Failing(share) if rng.f64() >= *share => {}
            Mood::Failing(_) => {
                let kind = if rng.bool() { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
                return Err(io::Error::new(kind, "the disk was told to fail"));
            }
            Mood::FailingOnce(0) => {
                *mood = Mood::Sound;
                return Err(io::Error::other("the disk was told to fail once"));
            }
            Mood::FailingOnce(left) => *left -= 1,
            Mood::CutAfter(left) => match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => self.cut = true,
            },
        }
        if self.cut {
            return Err(io::Error::other("the power was cut"));
        }
        Ok(())
    }

    /// How much of a write arrives, and whether it says so.
    fn part_of_write(&mut self, side: Side, bytes: usize) -> (usize, io::Result<()>) {
        let was_cut = self.cut;
        let worked = self.passes(side);
        let (mood, rng) = &mut self.sides[side as usize];
        let part = match (&worked, mood) {
            (Ok(()), Mood::Failing(share)) if bytes > 0 && rng.f64() < *share => rng.usize(1..=bytes),
            (Ok(()), _) => bytes,
            (Err(_), _) if was_cut => 0,
            (Err(_), _) => rng.usize(0..=bytes),
        };
        (part, worked)
    }
}

impl Disk for FailingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.passes(Side::Journal)?;
        self.note_name(path);
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        self.inner().synced.insert(path.to_owned(), 0);
        Ok(Box::new(JournalFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.passes(Side::Journal)?;
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.passes(Side::Journal)?;
        self.note_name(to);
        fs::rename(from, to)?;
        let mut inner = self.inner();
        if let Some(synced) = inner.synced.remove(from) {
            inner.synced.insert(to.to_owned(), synced);
        }
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.passes(Side::Journal)?;
        self.names_are_synced(path);
        Ok(())
    }

    fn index_files(&self, folder: &Path) -> tantivy::Result<Box<dyn Directory>> {
        let files = MmapDirectory::open(folder)?;
        Ok(Box::new(IndexFiles { disk: self.clone(), folder: folder.to_owned(), files }))
    }

    fn mapped(&self) -> &Arc<MappedFiles> {
        &self.mapped
    }
}

#[derive(Debug)]
struct JournalFile {
    disk: FailingDisk,
    path: PathBuf,
    file: File,
}

impl DiskFile for JournalFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let (part, worked) = self.disk.inner().part_of_write(Side::Journal, bytes.len());
        self.file.write_all_at(&bytes[..part], offset)?;
        worked.map(|()| part)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.passes(Side::Journal)?;
        self.file.set_len(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.passes(Side::Journal)?;
        let bytes = self.file.metadata()?.len();
        self.disk.inner().synced.insert(self.path.clone(), bytes);
        Ok(())
    }
}

/// tantivy's own files of an index, which fail when they are written.
#[derive(Debug, Clone)]
struct IndexFiles {
    disk: FailingDisk,
    folder: PathBuf,
    files: MmapDirectory,
}

impl Directory for IndexFiles {
    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let failed = |error| OpenWriteError::wrap_io_error(error, path.to_owned());
        self.disk.passes(Side::Index).map_err(failed)?;
        let full = self.folder.join(path);
        self.disk.note_name(&full);
        let file = OpenOptions::new().write(true).create_new(true).open(&full).map_err(failed)?;
        self.disk.inner().synced.insert(full.clone(), 0);
        let file = IndexFile { disk: self.disk.clone(), path: full, file };
        Ok(BufWriter::new(Box::new(file)))
    }

    fn atomic_write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.disk.passes(Side::Index)?;
        let full = self.folder.join(path);
        self.disk.note_name(&full);
        let beside = full.with_extension("beside");
        fs::write(&beside, content)?;
        fs::rename(beside, full)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.passes(Side::Index)?;
        self.disk.names_are_synced(&self.folder);
        Ok(())
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        let failed = |error| DeleteError::IoError { io_error: Arc::new(error), filepath: path.to_owned() };
        self.disk.passes(Side::Index).map_err(failed)?;
        self.files.delete(path)
    }

    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.files.get_file_handle(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.files.exists(path)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.files.atomic_read(path)
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.files.acquire_lock(lock)
    }

    fn watch(&self, watch_callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.files.watch(watch_callback)
    }
}

struct IndexFile {
    disk: FailingDisk,
    path: PathBuf,
    file: File,
}

impl Write for IndexFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (part, worked) = self.disk.inner().part_of_write(Side::Index, bytes.len());
        self.file.write_all(&bytes[..part])?;
        worked.map(|()| part)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.disk.passes(Side::Index)
    }
}

impl TerminatingWrite for IndexFile {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        self.disk.passes(Side::Index)?;
        self.disk.inner().synced.remove(&self.path);
        Ok(())
    }
}
