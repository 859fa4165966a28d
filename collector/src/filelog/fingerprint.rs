//! What tells a file from another that has come in its place: its first bytes.
//!
//! A file that was truncated and written anew, or whose inode was given to another, begins differently, unless its
//! first [`BYTES_MAX`] bytes are the same byte for byte: then the two cannot be told apart. A fingerprint grows with its
//! file until it covers that many. A file that begins with a hole, which a writer leaves that goes on at its old offset
//! after a truncation, is told by the bytes behind it: the next hole is longer.

use std::fs::File;
use std::hash::Hasher as _;
use std::io;
use std::os::unix::fs::FileExt;

use fnv::FnvHasher;

pub(super) const BYTES_MAX: usize = 1024;
const SCAN_BYTES: usize = 256 << 10;

/// A hash of so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fingerprint {
    pub(super) hash: u64,
    pub(super) bytes: u16,
    /// Where they begin: behind the hole, if there is one.
    pub(super) at: u64,
}

impl Fingerprint {
    /// Of what begins so at `at`.
    pub(super) fn of(at: u64, start: &[u8]) -> Fingerprint {
        let start = &start[..start.len().min(BYTES_MAX)];
        Fingerprint { hash: hash(start), bytes: start.len() as u16, at }
    }

    /// Of a file that begins with a hole.
    pub(super) fn behind_hole(file: &File) -> io::Result<Fingerprint> {
        let at = behind_hole(file)?;
        Ok(Fingerprint::of(at, &read_at(file, at, BYTES_MAX)?))
    }

    /// Whether it is of a file that has these bytes at [`Fingerprint::at`].
    pub(super) fn is_of(self, start: &[u8]) -> bool {
        self.bytes == 0 || start.get(..usize::from(self.bytes)).is_some_and(|start| hash(start) == self.hash)
    }

    pub(super) fn is_whole(self) -> bool {
        usize::from(self.bytes) == BYTES_MAX
    }
}

/// Where the first byte is that is not of a hole; the end of the file where there is none.
pub(super) fn behind_hole(file: &File) -> io::Result<u64> {
    let (mut at, mut step) = (0, BYTES_MAX);
    loop {
        let piece = read_at(file, at, step)?;
        match piece.iter().position(|byte| *byte != 0) {
            Some(hole) => return Ok(at + hole as u64),
            None if piece.is_empty() => return Ok(at),
            None => (at, step) = (at + piece.len() as u64, SCAN_BYTES),
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    // It is kept on disk: an algorithm that never changes.
    let mut hasher = FnvHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

/// As many bytes from `offset` on as there are, `bytes_max` at most.
pub(super) fn read_at(file: &File, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; bytes_max];
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}
