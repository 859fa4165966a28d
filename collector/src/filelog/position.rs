//! How far a file has been read, as it is kept: everything before is in a record that is kept with it.
//!
//! The two streams of a container's log file are joined to records apart, so each has a place of its own: what of the
//! other stands between them was taken already. A file without streams is all standard output.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;

/// All keys of checkpoints begin so.
pub(super) const KEYS: &str = "filelog/";
const PATTERNS: &str = "filelog/pattern/";

/// A value may have no more; a folder's name that is longer is left out.
const FOLDER_BYTES_MAX: usize = 200;
const VERSION: u8 = 1;

/// What a file is for as long as it exists. An inode is given to another file at once; when that one was born tells
/// it, where the file system says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
    /// Nanoseconds since the epoch; 0 where nobody knows.
    pub(super) born_ns: u64,
}

/// Where the next record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    /// Of standard output, and of standard error.
    pub(super) offsets: [u64; 2],
    /// In the middle of a line that was too long: what is left of it is passed over.
    pub(super) cutting: bool,
}

/// What is known of a file after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) position: Position,
    pub(super) fingerprint: Fingerprint,
    /// Where it was; it may have another name there by now.
    pub(super) folder: Option<PathBuf>,
}

impl FileId {
    pub(super) const LEAST: FileId = FileId { device: 0, inode: 0, born_ns: 0 };

    pub(super) fn key(self) -> String {
        format!("{KEYS}{:x}:{:x}:{:x}", self.device, self.inode, self.born_ns)
    }

    pub(super) fn from_key(key: &str) -> Option<FileId> {
        let (device, rest) = key.strip_prefix(KEYS)?.split_once(':')?;
        // Keys of earlier versions do not say when.
        let (inode, born) = rest.split_once(':').unwrap_or((rest, "0"));
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some(FileId { device: number(device)?, inode: number(inode)?, born_ns: number(born)? })
    }
}

/// The key that says that a pattern has been in use.
pub(super) fn pattern_key(pattern: &str) -> String {
    let Fingerprint { hash, .. } = Fingerprint::of(0, pattern.as_bytes());
    format!("{PATTERNS}{hash:016x}")
}

impl Position {
    pub(super) fn at(offset: u64) -> Position {
        Position { offsets: [offset; 2], cutting: false }
    }

    /// From where on something is unread.
    pub(super) fn start(self) -> u64 {
        self.offsets[0].min(self.offsets[1])
    }

    /// Up to where something has been read.
    pub(super) fn end(self) -> u64 {
        self.offsets[0].max(self.offsets[1])
    }
}

impl Saved {
    /// Nothing of the file is read, and nothing is known of it.
    pub(super) fn is_blank(&self) -> bool {
        self.fingerprint.bytes == 0
    }

    pub(super) fn encode(position: Position, fingerprint: Fingerprint, folder: &Path) -> Bytes {
        let folder = folder.as_os_str().as_bytes();
        let mut bytes = BytesMut::with_capacity(32 + folder.len());
        bytes.put_u8(VERSION);
        bytes.put_u8(u8::from(position.cutting));
        bytes.put_u64_le(position.offsets[0]);
        bytes.put_u64_le(position.offsets[1]);
        bytes.put_u64_le(fingerprint.hash);
        bytes.put_u16_le(fingerprint.bytes);
        bytes.put_u64_le(fingerprint.at);
        if folder.len() <= FOLDER_BYTES_MAX {
            bytes.put_slice(folder);
        }
        bytes.freeze()
    }

    /// `None` where it is of a form that this program does not know.
    pub(super) fn decode(value: &[u8]) -> Option<Saved> {
        let mut rest = value;
        if rest.try_get_u8().ok()? != VERSION {
            return None;
        }
        let cutting = rest.try_get_u8().ok()? != 0;
        let offsets = [rest.try_get_u64_le().ok()?, rest.try_get_u64_le().ok()?];
        let (hash, bytes) = (rest.try_get_u64_le().ok()?, rest.try_get_u16_le().ok()?);
        let fingerprint = Fingerprint { hash, bytes, at: rest.try_get_u64_le().ok()? };
        let folder = (!rest.is_empty()).then(|| PathBuf::from(std::ffi::OsString::from_vec(rest.to_vec())));
        Some(Saved { position: Position { offsets, cutting }, fingerprint, folder })
    }
}

#[cfg(test)]
mod tests;
