//! The append-only write-ahead log. What is in it, synced, is acknowledged.
//!
//! # Layout
//! `journal/<first sequence number, 16 hex digits>.wal`: an 8-byte header (`SPNJ`, version) and frames, each
//! `length u32 | crc32c u32 | sequence u64 | payload`, little endian; the checksum covers sequence and
//! payload. Sequence numbers rise by one from frame to frame, over all files, for the life of the store.
//!
//! # Guarantees
//! * A frame whose append returned is read back by every later [`Journal::open`], until it is trimmed.
//! * A failed append leaves the journal as it was: the file is cut back to its last good frame, and where
//!   even that fails, or where a sync failed, it is left behind and a new file begun. A sync is never
//!   repeated on the same file: after a failure the kernel may have dropped the pages it could not write.
//! * What a file holds from the sequence number on that the next file begins with was never acknowledged: it is
//!   what could not be cut off, and is passed over.
//! * Opening repairs. An incomplete frame at the end of a file is what a crash in the middle of a write
//!   leaves; it was not acknowledged and is cut. A complete frame whose checksum fails is [`Damage`]: it is
//!   passed over where a good frame follows, else the rest of the file is given up, and both are reported.
//!
//! One thread owns it. It takes no locks and starts no tasks.

mod frame;

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::{Disk, DiskFile};
use frame::{FILE_HEADER, read_frames};

/// A file that is longer than this is closed at the next append, unless told otherwise.
const FILE_BYTES_MAX: u64 = 16 << 20;
const GATHER_BYTES: usize = 32 << 10;

#[derive(Debug)]
pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    sync: bool,
    current: Option<Current>,
    /// Closed files, oldest first.
    closed: Vec<Closed>,
    next_sequence: u64,
    file_bytes_max: u64,
}

#[derive(Debug)]
struct Current {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    bytes: u64,
}

#[derive(Debug)]
struct Closed {
    path: PathBuf,
    bytes: u64,
    last: u64,
}

/// A frame as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub sequence: u64,
    pub payload: Bytes,
}

/// Bytes that were a frame once and are not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub path: PathBuf,
    pub offset: u64,
    pub bytes: u64,
}

/// What opening found.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub frames: Vec<Frame>,
    pub damage: Vec<Damage>,
    /// Bytes of incomplete frames that were cut from the ends of files.
    pub torn_bytes: u64,
}

impl Journal {
    /// Opens the journal in `folder`, which exists. Frames up to `known` are left out of what is recovered. Appends
    /// will get sequence numbers above `used` and above everything found.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        sync: bool,
        known: u64,
        used: u64,
    ) -> io::Result<(Journal, Recovered)> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "wal"));
        paths.sort();
        let mut journal = Journal {
            disk,
            folder: folder.to_owned(),
            sync,
            current: None,
            closed: Vec::new(),
            next_sequence: used + 1,
            file_bytes_max: FILE_BYTES_MAX,
        };
        let mut recovered = Recovered::default();
        let ends: Vec<u64> =
            paths.iter().skip(1).map(|next| first_sequence(next)).chain([u64::MAX]).collect();
        for (path, end) in paths.into_iter().zip(ends) {
            journal.recover(path, known, end, &mut recovered)?;
        }
        Ok((journal, recovered))
    }

    /// Closes files when they are longer than this, if that is less than what they are closed at anyway.
    pub fn limit_files(&mut self, bytes: u64) {
        self.file_bytes_max = self.file_bytes_max.min(bytes);
    }

    /// Reads a file. Its acknowledged frames are those before `end`, with which the next file begins.
    fn recover(&mut self, path: PathBuf, known: u64, end: u64, recovered: &mut Recovered) -> io::Result<()> {
        let content = Bytes::from(fs::read(&path)?);
        let mut found = read_frames(&content);
        found.frames.retain(|frame| frame.sequence < end);
        found.damage.retain(|damage| damage.after.is_none_or(|after| after.saturating_add(1) < end));
        let mut last = 0;
        for frame in found.frames {
            last = frame.sequence;
            self.next_sequence = self.next_sequence.max(frame.sequence + 1);
            let is_again = recovered.frames.last().is_some_and(|before| before.sequence >= frame.sequence);
            if frame.sequence > known && !is_again {
                recovered.frames.push(frame);
            }
        }
        let damage = |run: frame::Run| Damage { path: path.clone(), offset: run.offset, bytes: run.bytes };
        recovered.damage.extend(found.damage.into_iter().map(damage));
        recovered.torn_bytes += found.torn_bytes;
        if found.torn_bytes > 0 {
            OpenOptions::new().write(true).open(&path)?.set_len(content.len() as u64 - found.torn_bytes)?;
        }
        let bytes = content.len() as u64 - found.torn_bytes;
        self.closed.push(Closed { path, bytes, last });
        Ok(())
    }

    /// Appends payloads with one sync; all of them are kept, or none is. Returns the sequence number of the
    /// first.
    pub fn append(&mut self, payloads: &[Vec<u8>]) -> io::Result<u64> {
        self.roll()?;
        let first = self.next_sequence;
        let current = self.current.as_mut().expect("roll() leaves a current file");
        if let Err(error) = current.write(first, payloads) {
            if current.file.set_len(current.bytes).is_err() {
                self.close_current();
            }
            return Err(error);
        }
        if self.sync
            && let Err(error) = current.file.sync_data()
        {
            let _ = current.file.set_len(current.bytes);
            self.close_current();
            return Err(error);
        }
        current.bytes += payloads.iter().map(|payload| frame::bytes(payload)).sum::<u64>();
        self.next_sequence = first + payloads.len() as u64;
        Ok(first)
    }

    /// Makes sure that there is a current file with room in it.
    fn roll(&mut self) -> io::Result<()> {
        if self.current.as_ref().is_some_and(|current| current.bytes >= self.file_bytes_max) {
            self.close_current();
        }
        if self.current.is_some() {
            return Ok(());
        }
        let path = self.folder.join(format!("{:016x}.wal", self.next_sequence));
        let file = self.create(&path).inspect_err(|_| drop(self.disk.remove(&path)))?;
        // A crash before the first frame leaves an empty file of the same name: it is the current one now.
        self.closed.retain(|closed| closed.path != path);
        self.current = Some(Current { file, path, bytes: FILE_HEADER.len() as u64 });
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        // A file of this name can only hold frames that no append returned for.
        self.closed.iter().for_each(|closed| debug_assert!(closed.path != path || closed.last == 0));
        remove(&*self.disk, path)?;
        let file = self.disk.create(path)?;
        At { file: &*file, offset: 0 }.write_all(&FILE_HEADER)?;
        if self.sync {
            file.sync_data()?;
            self.disk.sync_folder(&self.folder)?;
        }
        Ok(file)
    }

    fn close_current(&mut self) {
        if let Some(Current { path, bytes, .. }) = self.current.take() {
            self.closed.retain(|closed| closed.path != path);
            let last = if bytes > FILE_HEADER.len() as u64 { self.next_sequence - 1 } else { 0 };
            self.closed.push(Closed { path, bytes, last });
        }
    }

    /// Whether there is a file that [`Journal::trim`] deletes.
    pub fn has_to_trim(&self, committed: u64) -> bool {
        self.is_done(committed) || self.closed.first().is_some_and(|oldest| oldest.last <= committed)
    }

    /// Whether the current file has frames, and all are committed.
    fn is_done(&self, committed: u64) -> bool {
        let used = self.current.as_ref().is_some_and(|current| current.bytes > FILE_HEADER.len() as u64);
        used && self.next_sequence - 1 <= committed
    }

    /// Deletes the files whose frames are all committed; the current one too, if it has any.
    pub fn trim(&mut self, committed: u64) -> io::Result<()> {
        if self.is_done(committed) {
            self.close_current();
        }
        while let Some(oldest) = self.closed.first() {
            if oldest.last > committed {
                break;
            }
            remove(&*self.disk, &oldest.path)?;
            self.closed.remove(0);
        }
        Ok(())
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let current = self.current.as_ref().map_or(0, |current| current.bytes);
        current + self.closed.iter().map(|closed| closed.bytes).sum::<u64>()
    }
}

impl Current {
    /// Writes frames behind what is in the file. Small ones are gathered, large ones are not copied.
    fn write(&self, first: u64, payloads: &[Vec<u8>]) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(GATHER_BYTES, At { file: &*self.file, offset: self.bytes });
        for (sequence, payload) in (first..).zip(payloads) {
            frame::write(&mut out, sequence, payload)?;
        }
        out.flush()
    }
}

/// Writes to a place of a file.
struct At<'f> {
    file: &'f dyn DiskFile,
    offset: u64,
}

impl Write for At<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(bytes, self.offset)?;
        self.offset += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Removes a file that may be gone already.
fn remove(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The sequence number that a file's name says; of a file that is not ours, one that ends nothing.
fn first_sequence(path: &Path) -> u64 {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.and_then(|stem| u64::from_str_radix(stem, 16).ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
