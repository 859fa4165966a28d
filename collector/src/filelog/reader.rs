//! The thread that reads files: looks which there are, and takes their turns.
//!
//! In come the files, out go chunks of records with the checkpoints that belong to them, in order, over a channel that
//! holds one: while the store has no room, this waits and nothing is read. Each file with something to read has its
//! turn, a few hundred kilobytes at most, before any has a second one. On shutdown everything that is there is read
//! once more, for [`LAST_MAX`] at most; what is not read then is read after the next start.

use std::collections::VecDeque;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spandrel_store::Checkpoint;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::files::Files;
use super::metrics::{FileLogMetrics, Trouble};
use super::position::FileId;
use super::tailed::{Origin, Reading, Tailed, Turn};
use crate::lines::{CHUNK_LINES_MAX, RawLine};

/// Looking takes no more than this part of the time, however many files there are.
const LOOK_PART: u32 = 20;
const LAST_MAX: Duration = Duration::from_secs(2);

/// Records to be kept together, with how far the files are read by them.
#[derive(Debug, Default, Clone)]
pub(super) struct FileChunk {
    pub(super) pieces: Vec<Piece>,
    pub(super) checkpoints: Vec<Checkpoint>,
    pub(super) bytes: usize,
    pub(super) records: usize,
}

/// Records of one file.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) origin: Arc<Origin>,
    pub(super) records: Vec<RawLine>,
}

impl FileChunk {
    /// Takes out the largest record, without anything of how far its file is read; how many bytes it had.
    pub(super) fn remove_largest(&mut self) -> Option<usize> {
        let sizes = self.pieces.iter().enumerate().flat_map(|(piece, Piece { records, .. })| {
            records.iter().enumerate().map(move |(place, record)| (record.bytes.len(), piece, place))
        });
        let (bytes, piece, place) = sizes.max()?;
        self.pieces[piece].records.remove(place);
        self.bytes -= bytes;
        self.records -= 1;
        Some(bytes)
    }
}

pub(super) struct FileReader {
    pub(super) files: Files,
    pub(super) reading: Reading,
    pub(super) poll_interval: Duration,
    pub(super) chunk_bytes_max: usize,
    pub(super) files_open_max: usize,
    pub(super) metrics: FileLogMetrics,
    pub(super) chunks: mpsc::Sender<FileChunk>,
    pub(super) stop: CancellationToken,
    /// In the order they were opened.
    pub(super) open: VecDeque<FileId>,
    /// The file whose turn was the last.
    pub(super) last: Option<FileId>,
    pub(super) chunk: FileChunk,
}

/// Whoever takes chunks is gone.
#[derive(Debug)]
struct Ended;

impl FileReader {
    /// Runs on a thread of its own until stopped.
    pub(super) fn run(mut self, runtime: &Handle) {
        // Whoever takes chunks ends only after this, or with the process.
        let _ = self.follow(runtime);
    }

    fn follow(&mut self, runtime: &Handle) -> Result<(), Ended> {
        let mut next_look = Instant::now();
        while !self.stop.is_cancelled() {
            if Instant::now() >= next_look {
                let begun = Instant::now();
                self.files.look(begun);
                next_look = begun + self.poll_interval.max(begun.elapsed() * LOOK_PART);
            }
            let now = Instant::now();
            self.round(now, next_look.saturating_duration_since(now))?;
            let due = self.files.tailed.values().filter_map(|file| file.due(self.reading)).min();
            let wake = due.map_or(next_look, |due| due.min(next_look));
            let wait = wake.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                // Stopped or not, it is time to look again.
                let _ = runtime.block_on(async { tokio::time::timeout(wait, self.stop.cancelled()).await });
            }
        }
        self.reading.is_last = true;
        let now = Instant::now();
        self.files.look(now);
        self.round(now, LAST_MAX)
    }

    /// Turns of the files that have something to read, from `now` on until none has or the time is over.
    fn round(&mut self, now: Instant, time: Duration) -> Result<(), Ended> {
        let begun = Instant::now();
        let mut ready = self.ready(now);
        while let Some(id) = ready.pop_front() {
            let passed = begun.elapsed();
            if passed >= time || self.stop.is_cancelled() && !self.reading.is_last {
                break;
            }
            self.last = Some(id);
            if self.turn(id, now + passed) {
                ready.push_back(id);
            }
            if self.chunk.bytes >= self.chunk_bytes_max || self.chunk.records >= self.records_max() {
                self.send()?;
            }
        }
        self.send()
    }

    /// Of a chunk.
    fn records_max(&self) -> usize {
        self.reading.limits.records_max.clamp(1, CHUNK_LINES_MAX)
    }

    /// The files that have something to read, beginning behind the one whose turn was the last.
    fn ready(&self, now: Instant) -> VecDeque<FileId> {
        let of = |range: (Bound<FileId>, Bound<FileId>)| {
            let files = self.files.tailed.range(range);
            files.filter(|(_, file)| file.is_ready(self.reading, now)).map(|(id, _)| *id)
        };
        let last = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let before = self.last.map_or(Bound::Excluded(FileId::LEAST), Bound::Included);
        of((last, Bound::Unbounded)).chain(of((Bound::Unbounded, before))).collect()
    }

    /// Whether the file has more to read at once.
    fn turn(&mut self, id: FileId, now: Instant) -> bool {
        let records_max = self.records_max();
        let Some(file) = self.files.tailed.get_mut(&id) else { return false };
        let was_open = file.is_open();
        let mut reading = self.reading;
        reading.limits.records_max = records_max - self.chunk.records.min(records_max - 1);
        let before = file.position;
        let turn = file.turn(reading, now);
        let (has_moved, origin) = (file.position != before, file.origin.clone());
        if !was_open && file.is_open() {
            self.open.push_back(id);
            self.close_some();
        }
        match turn {
            Ok(Turn::Read { records, bytes, more }) => {
                if has_moved {
                    self.files.note(id);
                }
                self.take(origin, records, bytes);
                more
            }
            Ok(Turn::Replaced) => false,
            Err(error) => {
                self.fail(id, &error);
                false
            }
        }
    }

    fn take(&mut self, origin: Arc<Origin>, records: Vec<RawLine>, bytes: u64) {
        self.metrics.bytes.inc_by(bytes);
        self.metrics.lines.inc_by(records.len() as u64);
        if records.is_empty() {
            return;
        }
        self.chunk.bytes += records.iter().map(|record| record.bytes.len()).sum::<usize>();
        self.chunk.records += records.len();
        self.chunk.pieces.push(Piece { origin, records });
    }

    /// A file that was renamed or removed a moment ago is found by what it is at the next look.
    fn fail(&mut self, id: FileId, error: &io::Error) {
        let Some(file) = self.files.tailed.get_mut(&id) else { return };
        if error.kind() == io::ErrorKind::NotFound {
            return;
        }
        self.metrics.failed(Trouble::Read);
        if !std::mem::replace(&mut file.is_failing, true) {
            tracing::warn!(%error, path = %file.path.display(), "cannot read a file; trying again");
        }
    }

    /// Keeps to the bound of open files. One that has no name any more could not be opened again.
    fn close_some(&mut self) {
        let is_open = |files: &Files, id: &FileId| files.tailed.get(id).is_some_and(Tailed::is_open);
        self.open.retain(|id| is_open(&self.files, id));
        for _ in 0..self.open.len() {
            if self.open.len() <= self.files_open_max {
                break;
            }
            let Some(oldest) = self.open.pop_front() else { break };
            match self.files.tailed.get_mut(&oldest) {
                Some(file) if file.is_named => file.close(),
                Some(_) => self.open.push_back(oldest),
                None => {}
            }
        }
        self.metrics.files_open.set(self.open.len() as i64);
    }

    /// Passes on the chunk, and what is noted with it.
    fn send(&mut self) -> Result<(), Ended> {
        let checkpoints = self.files.take_checkpoints();
        if self.chunk.pieces.is_empty() && checkpoints.is_empty() {
            return Ok(());
        }
        let chunk = FileChunk { checkpoints, ..std::mem::take(&mut self.chunk) };
        self.chunks.blocking_send(chunk).map_err(|_| Ended)
    }
}

#[cfg(test)]
mod tests;
