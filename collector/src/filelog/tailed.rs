//! One file that is followed, and a turn of reading it.
//!
//! What is known of a file between two turns is small, whatever it holds: its position and its fingerprint, which a
//! checkpoint keeps, and since when something waits at its end. Each turn makes sure that the file is still the one
//! that was read before, after the bytes were read, so that bytes of another are never taken for its own.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use spandrel_store::otlp::KeyValue;

use super::cutter::{Cut, CutLimits, Extent, Waiting, cut};
use super::discovery::{self, Stat};
use super::fingerprint::{self, Fingerprint, read_at};
use super::position::{FileId, Position, Saved};
use crate::lines::{JOIN_DELAYS_MAX, RawLine};

/// What is read at once; more only where a record is longer.
pub(super) const READ_BYTES: usize = 256 << 10;

/// What all lines of a file have in common.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) resource: Vec<(String, String)>,
    /// Of lines that name none.
    pub(super) service: Option<String>,
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Debug)]
pub(super) struct Tailed {
    pub(super) id: FileId,
    pub(super) path: PathBuf,
    /// The real folder it was found in, behind all links.
    pub(super) folder: PathBuf,
    pub(super) origin: Arc<Origin>,
    /// A pattern names it; not any more once it was moved away or deleted.
    pub(super) is_named: bool,
    pub(super) position: Position,
    pub(super) fingerprint: Fingerprint,
    /// As it was last seen.
    pub(super) found: Stat,
    /// When it was last seen to have changed.
    pub(super) changed: Instant,
    /// It holds what another file did when it was copied: read only once that one is truncated, and from there on.
    pub(super) copy_of: Option<FileId>,
    /// Since when another file is known to have come in its place.
    pub(super) replaced: Option<Instant>,
    /// It holds something else than when it was born.
    pub(super) is_rewritten: bool,
    /// It could not be read the last time.
    pub(super) is_failing: bool,
    /// The last turn did not read all that there was.
    has_more: bool,
    file: Option<File>,
    /// As it was at the last turn, if a later change would show.
    looked: Option<Stat>,
    waiting: [Option<Wait>; 3],
}

/// What waits for what is written next.
#[derive(Debug, Clone, Copy)]
struct Wait {
    extent: Extent,
    /// Since it waits, and since it has been as long as it is.
    begun: Instant,
    since: Instant,
}

/// How files are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) limits: CutLimits,
    /// How long a record waits for its next line.
    pub(super) record_delay: Duration,
    /// How long a line waits for its end.
    pub(super) line_delay: Duration,
    /// What a turn reads of a file, but for a record that is larger.
    pub(super) turn_bytes: usize,
    /// Nothing is waited for any more but the ends of lines.
    pub(super) is_last: bool,
}

#[derive(Debug)]
pub(super) enum Turn {
    Read {
        records: Vec<RawLine>,
        bytes: u64,
        /// There is more to read at once.
        more: bool,
    },
    /// It was truncated, or another has come in its place.
    Replaced,
}

impl Tailed {
    pub(super) fn new(
        id: FileId,
        path: PathBuf,
        folder: PathBuf,
        found: Stat,
        origin: Arc<Origin>,
    ) -> Tailed {
        Tailed {
            id,
            path,
            folder,
            origin,
            is_named: true,
            position: Position::default(),
            fingerprint: Fingerprint::default(),
            found,
            changed: Instant::now(),
            copy_of: None,
            replaced: None,
            is_rewritten: false,
            is_failing: false,
            has_more: false,
            file: None,
            looked: None,
            waiting: [None; 3],
        }
    }

    /// The files that may be copies of each other: the folder, and what their names have in common.
    pub(super) fn family(&self) -> (PathBuf, OsString) {
        (self.folder.clone(), discovery::family(&self.path))
    }

    /// It has the name that its copies are named after.
    pub(super) fn has_first_name(&self) -> bool {
        self.path.file_name() == Some(&discovery::family(&self.path))
    }

    /// Whether it may be a copy of a file. One is never older than what it was made of, and has a name of its own.
    pub(super) fn may_be_copy_of(&self, original: FileId) -> bool {
        let knows_both = self.id.born_ns != 0 && original.born_ns != 0 && !self.is_rewritten;
        !self.has_first_name() && (!knows_both || self.id.born_ns >= original.born_ns)
    }

    /// Notes how it is now.
    pub(super) fn see(&mut self, found: Stat, now: Instant) {
        if self.found != found {
            self.changed = now;
        }
        self.found = found;
    }

    /// How it is now, by the open file; and whether it still has a name.
    pub(super) fn see_open(&mut self, now: Instant) -> Option<bool> {
        let metadata = self.file.as_ref()?.metadata().ok()?;
        self.see(Stat::of(&metadata), now);
        Some(metadata.nlink() > 0)
    }

    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn close(&mut self) {
        self.file = None;
    }

    pub(super) fn unread_bytes(&self) -> u64 {
        self.found.size.saturating_sub(self.position.start())
    }

    pub(super) fn checkpoint(&self) -> Bytes {
        Saved::encode(self.position, self.fingerprint, &self.folder)
    }

    /// Whether there may be something to read.
    pub(super) fn is_ready(&self, reading: Reading, now: Instant) -> bool {
        let can_be = self.copy_of.is_none() && self.replaced.is_none() && !self.is_unidentified();
        let waits_long = || self.due(reading).is_some_and(|due| due <= now);
        can_be && (self.has_more || self.looked != Some(self.found) || waits_long() || reading.is_last)
    }

    /// Nothing is known of what it holds: it was empty, or another file, and may be a copy now.
    pub(super) fn is_unidentified(&self) -> bool {
        self.is_named && self.copy_of.is_none() && self.replaced.is_none() && self.fingerprint.bytes == 0
    }

    /// When what waits has waited long enough.
    pub(super) fn due(&self, reading: Reading) -> Option<Instant> {
        let due = |(number, wait): (usize, &Option<Wait>)| wait.map(|wait| reading.due(number, wait));
        self.waiting.iter().enumerate().filter_map(due).min()
    }

    /// It will be read from its start: it is another file now.
    pub(super) fn restart(&mut self) {
        self.position = Position::default();
        self.fingerprint = Fingerprint::default();
        (self.copy_of, self.replaced, self.looked, self.waiting) = (None, None, None, [None; 3]);
        self.has_more = false;
    }

    /// Is read from `position` on: it holds what a file of this fingerprint held.
    pub(super) fn take_over(&mut self, position: Position, fingerprint: Fingerprint) {
        (self.position, self.fingerprint, self.copy_of, self.looked) = (position, fingerprint, None, None);
    }

    /// Reads on, and cuts what was read to records.
    pub(super) fn turn(&mut self, reading: Reading, now: Instant) -> io::Result<Turn> {
        let stat = Stat::of(&self.open()?.metadata()?);
        self.looked = (!stat.is_fresh()).then_some(stat);
        self.see(stat, now);
        let start = self.position.start();
        if stat.size < self.position.end() || stat.size < self.fingerprint.at {
            return self.be_replaced(now);
        }
        let mut bytes_max = reading.turn_bytes;
        loop {
            let piece =
                Bytes::from(read_at(self.open()?, start, bytes_max.min((stat.size - start) as usize))?);
            let end = start + piece.len() as u64;
            if !self.is_same(end)? {
                return self.be_replaced(now);
            }
            let at_end = end >= stat.size;
            let is_most = bytes_max >= reading.bytes_max();
            let Cut { records, position, all } = self.cut(&piece, reading, at_end, is_most, now);
            if records.is_empty() && position == self.position && !at_end && !is_most {
                bytes_max *= 2;
                continue;
            }
            let bytes = position.start() - start;
            self.position = position;
            self.is_failing = false;
            self.has_more = !at_end || !all;
            return Ok(Turn::Read { records, bytes, more: self.has_more });
        }
    }

    fn cut(&mut self, piece: &Bytes, reading: Reading, at_end: bool, is_most: bool, now: Instant) -> Cut {
        let mut waiting = [None; 3];
        let before = self.waiting;
        let cut = cut(piece, self.position, reading.limits, |what, extent| {
            if !at_end {
                // What follows is no part of it for sure only where nothing longer may be read.
                return is_most && matches!(what, Waiting::Record { .. });
            }
            let number = match what {
                Waiting::Record { stream } => stream,
                Waiting::Line => 2,
            };
            let begun = before[number].filter(|wait| wait.extent.start == extent.start);
            let same = begun.filter(|wait| wait.extent.end == extent.end);
            let (begun, since) = (begun.map_or(now, |wait| wait.begun), same.map_or(now, |wait| wait.since));
            let wait = Wait { extent, begun, since };
            waiting[number] = Some(wait);
            let is_over =
                now >= reading.due(number, wait) || reading.is_last && matches!(what, Waiting::Record { .. });
            if is_over {
                waiting[number] = None;
            }
            is_over
        });
        self.waiting = waiting;
        cut
    }

    fn be_replaced(&mut self, now: Instant) -> io::Result<Turn> {
        self.replaced = Some(now);
        Ok(Turn::Replaced)
    }

    /// Whether the file that was read up to `end` is still the one it was; its fingerprint grows with it.
    fn is_same(&mut self, end: u64) -> io::Result<bool> {
        let mut at = self.fingerprint.at;
        let is_blank = self.fingerprint.bytes == 0;
        let file = self.open()?;
        if is_blank {
            at = fingerprint::behind_hole(file)?;
        }
        let start = read_at(file, at, fingerprint::BYTES_MAX)?;
        if file.metadata()?.len() < end || !self.fingerprint.is_of(&start) {
            return Ok(false);
        }
        if !self.fingerprint.is_whole() {
            self.fingerprint = Fingerprint::of(at, &start);
        }
        Ok(true)
    }

    /// The file, opened by its path if it is not. One that was renamed since it was last seen is looked for in its folder:
    /// a rotation renames one file after the other while this looks at them.
    pub(super) fn open(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            self.file = Some(match self.open_at(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let path = discovery::path_of(&self.folder, self.id).ok_or(error)?;
                    let file = self.open_at(&path)?;
                    self.path = path;
                    file
                }
                opened => opened?,
            });
        }
        Ok(self.file.as_ref().expect("it was opened above"))
    }

    /// Another file that has come there since is not it.
    fn open_at(&self, path: &Path) -> io::Result<File> {
        let file = File::open(path)?;
        let is_it = FileId::of(&file.metadata()?) == self.id;
        is_it.then_some(file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Reading {
    /// When what waits is taken to be whole: of the two streams' records, and of a line without its end.
    fn due(&self, waiting: usize, wait: Wait) -> Instant {
        match waiting {
            2 => wait.since + self.line_delay,
            _ => (wait.since + self.record_delay).min(wait.begun + JOIN_DELAYS_MAX * self.record_delay),
        }
    }

    /// Room for the longest record and the line behind it.
    fn bytes_max(&self) -> usize {
        2 * self.limits.line_bytes_max + READ_BYTES
    }
}

/// The real folder of a path, behind all links.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    let real = path.canonicalize();
    real.as_deref().unwrap_or(path).parent().unwrap_or(Path::new("/")).to_owned()
}
