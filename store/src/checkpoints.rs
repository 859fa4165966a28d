//! What receivers note about how far they have read, kept with the records that they read.
//!
//! # Guarantees
//! * A checkpoint stands in the same journal frame as the records of its batch: after a crash both are there, or
//!   neither.
//! * [`Checkpoints::current`] is what all acknowledged batches say, the latest of each key.
//! * A journal file is trimmed only after what its frames say is in the file `checkpoints`, which is replaced as a
//!   whole: written beside, synced, renamed, the folder synced. The file says up to which frame it speaks, always one
//!   that is in a committed partition, so that it is never ahead of the records; frames behind it are applied to it.
//!
//! # Layout
//! `SPNK`, version, crc32c of the rest, little endian; then a [`StoredCheckpoints`].

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::Path;

use bytes::Bytes;
use prost::Message;

use crate::batch::Checkpoint;
use crate::disk::Disk;
use crate::stored::StoredCheckpoint;

const KEY_BYTES_MAX: usize = 512;
const VALUE_BYTES_MAX: usize = 256;

const HEADER: [u8; 8] = *b"SPNK\x01\0\0\0";
const CHECKSUM_BYTES: usize = 4;

#[derive(Debug)]
pub(crate) struct Checkpoints {
    current: BTreeMap<String, Bytes>,
    /// As of `kept_through`.
    kept: BTreeMap<String, Bytes>,
    kept_through: u64,
    /// What came behind that, by frame.
    later: VecDeque<(u64, Vec<Checkpoint>)>,
    /// `kept` is not in the file yet.
    is_dirty: bool,
    count_max: usize,
}

#[derive(Clone, PartialEq, Message)]
struct StoredCheckpoints {
    /// The last journal frame that this takes in.
    #[prost(fixed64, tag = "1")]
    through: u64,
    #[prost(message, repeated, tag = "2")]
    checkpoints: Vec<StoredCheckpoint>,
}

/// A file that is none, or damaged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadCheckpoints {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the file of checkpoints is damaged")]
    Damaged,
}

impl Checkpoints {
    pub fn empty(count_max: usize) -> Checkpoints {
        Checkpoints {
            current: BTreeMap::new(),
            kept: BTreeMap::new(),
            kept_through: 0,
            later: VecDeque::new(),
            is_dirty: false,
            count_max,
        }
    }

    /// Reads the file; without one there are none.
    pub fn read(path: &Path, count_max: usize) -> Result<Checkpoints, ReadCheckpoints> {
        let content = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Checkpoints::empty(count_max));
            }
            content => content?,
        };
        let rest = content.strip_prefix(&HEADER[..]).ok_or(ReadCheckpoints::Damaged)?;
        let (checksum, payload) = rest.split_at_checked(CHECKSUM_BYTES).ok_or(ReadCheckpoints::Damaged)?;
        if checksum != crc32c::crc32c(payload).to_le_bytes() {
            return Err(ReadCheckpoints::Damaged);
        }
        let stored = StoredCheckpoints::decode(payload).map_err(|_| ReadCheckpoints::Damaged)?;
        // Its name may not have been synced: it is written once more before a frame is trimmed on the strength of it.
        let (kept_through, is_dirty) = (stored.through, true);
        let mut checkpoints = Checkpoints { kept_through, is_dirty, ..Checkpoints::empty(count_max) };
        apply(&mut checkpoints.kept, stored.checkpoints.into_iter().map(StoredCheckpoint::into_checkpoint));
        checkpoints.current = checkpoints.kept.clone();
        Ok(checkpoints)
    }

    /// The last journal frame that the file takes in.
    pub fn kept_through(&self) -> u64 {
        self.kept_through
    }

    /// Whether a batch may have these, within the bounds; if not, why.
    pub fn check(&self, batch: &[Checkpoint]) -> Result<(), &'static str> {
        let is_long = |value: &Option<Bytes>| value.as_ref().is_some_and(|v| v.len() > VALUE_BYTES_MAX);
        if batch.iter().any(|(key, value)| key.len() > KEY_BYTES_MAX || is_long(value)) {
            return Err("a checkpoint is longer than one may be");
        }
        let is_new = |(key, value): &&Checkpoint| value.is_some() && !self.current.contains_key(key);
        match self.current.len() + batch.iter().filter(is_new).count() > self.count_max {
            true => Err("there are as many checkpoints as limits.checkpoints_max allows"),
            false => Ok(()),
        }
    }

    /// Takes what a frame says, in the order of frames. What the file takes in already is passed over.
    pub fn take(&mut self, sequence: u64, batch: Vec<Checkpoint>) {
        if batch.is_empty() || sequence <= self.kept_through {
            return;
        }
        apply(&mut self.current, batch.iter().cloned());
        self.later.push_back((sequence, batch));
    }

    /// The current ones whose keys begin with `prefix`, by key.
    pub fn current(&self, prefix: &str) -> Vec<(String, Bytes)> {
        let from =
            self.current.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        let of_prefix = from.take_while(|(key, _)| key.starts_with(prefix));
        of_prefix.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// What the file is to hold before frames up to `committed` are trimmed; `None` where it does already.
    pub fn fold(&mut self, committed: u64) -> Option<Vec<u8>> {
        while let Some((sequence, _)) = self.later.front()
            && *sequence <= committed
            && let Some((sequence, batch)) = self.later.pop_front()
        {
            apply(&mut self.kept, batch);
            self.kept_through = sequence;
            self.is_dirty = true;
        }
        self.is_dirty.then(|| self.encode())
    }

    /// The file holds it.
    pub fn are_kept(&mut self) {
        self.is_dirty = false;
    }

    fn encode(&self) -> Vec<u8> {
        let stored = |(key, value): (&String, &Bytes)| StoredCheckpoint {
            key: key.clone(),
            value: Some(value.clone()),
        };
        let checkpoints = self.kept.iter().map(stored).collect();
        let payload = StoredCheckpoints { through: self.kept_through, checkpoints }.encode_to_vec();
        [&HEADER[..], &crc32c::crc32c(&payload).to_le_bytes(), &payload].concat()
    }
}

/// Replaces the file as a whole.
pub(crate) fn write(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    match disk.remove(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&beside)?;
    let mut written = 0;
    while written < content.len() {
        match file.write_at(&content[written..], written as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            bytes => written += bytes,
        }
    }
    file.sync_data()?;
    disk.rename(&beside, path)?;
    disk.sync_folder(path.parent().unwrap_or(Path::new("/")))
}

fn apply(to: &mut BTreeMap<String, Bytes>, batch: impl IntoIterator<Item = Checkpoint>) {
    for (key, value) in batch {
        match value {
            Some(value) => drop(to.insert(key, value)),
            None => drop(to.remove(&key)),
        }
    }
}

#[cfg(test)]
mod tests;
