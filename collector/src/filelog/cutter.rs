//! A piece of a file to records: where each ends, and from where on the next piece is to be read.
//!
//! Nothing is remembered between pieces but a [`Position`]: what may go on, a stack trace, a container's line in
//! pieces, a last line without its line end, is left where it is and read again with what follows. So the position is
//! at any moment what a checkpoint may say: all before it is in records, and nothing behind it.
//!
//! Invariant, which a property test holds: however a file is cut into pieces, the records are those of the whole.

use bytes::Bytes;

use super::position::Position;
use crate::lines::RawLine;
use crate::lines::joiner::{JoinLimits, Joiner, is_of_stderr};

/// What waits of one stream is passed on when so many bytes of the other follow it, so that little is read twice.
const BEHIND_BYTES_MAX: u64 = 64 << 10;

/// So many zero bytes are a hole; fewer at the start of a line are its own.
const HOLE_BYTES_MIN: usize = 512;

/// Bytes of a file, by their offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What may go on with what is written next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A record of standard output or of standard error.
    Record { stream: usize },
    /// A line without its line end.
    Line,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct CutLimits {
    pub(super) line_bytes_max: usize,
    pub(super) join: JoinLimits,
    /// Records are cut until there are so many.
    pub(super) records_max: usize,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) records: Vec<RawLine>,
    pub(super) position: Position,
    /// Whether all of the piece was looked at; else there were enough records before its end.
    pub(super) all: bool,
}

/// The lines of one stream.
struct Stream {
    joiner: Joiner,
    pending: Option<Extent>,
}

struct Cutter<'p> {
    piece: &'p Bytes,
    /// The offset of the piece.
    base: u64,
    /// How far in the piece it is.
    at: usize,
    cutting: bool,
    streams: [Stream; 2],
    limits: CutLimits,
    records: Vec<RawLine>,
}

/// Cuts `piece`, which stands in the file from `position.start()` on. Of what may go on, `is_over` is asked whether
/// it has waited long enough.
pub(super) fn cut(
    piece: &Bytes,
    position: Position,
    limits: CutLimits,
    mut is_over: impl FnMut(Waiting, Extent) -> bool,
) -> Cut {
    let stream = || Stream { joiner: Joiner::new(limits.join), pending: None };
    let mut cutter = Cutter {
        piece,
        base: position.start(),
        at: 0,
        cutting: position.cutting,
        streams: [stream(), stream()],
        limits,
        records: Vec::new(),
    };
    // Where lines are left for the next time, they say whether a record goes on.
    let all = cutter.lines(position);
    if all {
        cutter.last_line(position, &mut is_over);
    }
    cutter.end_records(|waiting, extent| all && is_over(waiting, extent));
    cutter.finish(position, all)
}

impl Cutter<'_> {
    /// Takes lines until there are enough records; whether all were taken.
    fn lines(&mut self, position: Position) -> bool {
        while self.records.len() < self.limits.records_max {
            let rest = &self.piece[self.at..];
            if rest.is_empty() {
                return true;
            }
            let zeros = if self.cutting { 0 } else { zeros_at_start(rest) };
            if zeros == rest.len() {
                // What follows tells what they are; as many are left as tell it then.
                self.at += zeros.saturating_sub(HOLE_BYTES_MIN);
                return true;
            }
            if self.is_hole(zeros) {
                self.at += zeros;
                continue;
            }
            let end = memchr::memchr(b'\n', rest);
            let next = end.map_or(self.piece.len(), |end| self.at + end + 1);
            if self.cutting {
                self.cutting = end.is_none();
                self.at = next;
                continue;
            }
            let length = end.unwrap_or(rest.len());
            let too_long = length > self.limits.line_bytes_max;
            if end.is_none() && !too_long {
                return true;
            }
            self.cutting = too_long && end.is_none();
            self.line(length, next, position);
        }
        false
    }

    /// Whether so many zero bytes are the hole that a writer leaves which goes on at its old offset after a truncation. The
    /// file begins with it then, however short it is.
    fn is_hole(&self, zeros: usize) -> bool {
        zeros >= HOLE_BYTES_MIN || zeros > 0 && self.base + self.at as u64 == 0
    }

    /// Takes the line of so many bytes that is next; `next` is where the one after it begins.
    fn line(&mut self, length: usize, next: usize, position: Position) {
        let extent = Extent { start: self.base + self.at as u64, end: self.base + next as u64 };
        let cut = length > self.limits.line_bytes_max;
        let bytes = self.piece.slice(self.at..self.at + length.min(self.limits.line_bytes_max));
        let line = RawLine::up_to_feed(bytes, cut);
        self.at = next;
        let number = usize::from(is_of_stderr(&line.bytes));
        if extent.start < position.offsets[number] {
            return;
        }
        let stream = &mut self.streams[number];
        stream.push(line, extent, &mut self.records);
        if cut {
            // What is left of it is found by the position alone, so nothing may wait in front of it.
            self.flush();
        }
    }

    fn flush(&mut self) {
        for stream in &mut self.streams {
            stream.flush(&mut self.records);
        }
    }

    /// Takes the line without a line end at the end of the piece, if nothing more comes of it.
    fn last_line(&mut self, position: Position, is_over: &mut impl FnMut(Waiting, Extent) -> bool) {
        let length = self.piece.len() - self.at;
        let extent = Extent { start: self.base + self.at as u64, end: self.base + self.piece.len() as u64 };
        if length == 0 || !is_over(Waiting::Line, extent) {
            return;
        }
        let zeros = zeros_at_start(&self.piece[self.at..]);
        if zeros == length && self.is_hole(zeros) {
            self.at = self.piece.len();
            return;
        }
        self.line(length, self.piece.len(), position);
        self.flush();
    }

    /// Passes on the records to which nothing is added any more.
    fn end_records(&mut self, mut is_over: impl FnMut(Waiting, Extent) -> bool) {
        let end = self.base + self.at as u64;
        for (number, stream) in self.streams.iter_mut().enumerate() {
            let Some(pending) = stream.pending else { continue };
            if end - pending.end > BEHIND_BYTES_MAX || is_over(Waiting::Record { stream: number }, pending) {
                stream.flush(&mut self.records);
            }
        }
    }

    fn finish(self, before: Position, all: bool) -> Cut {
        let end = self.base + self.at as u64;
        let mut offsets = before.offsets;
        for (offset, stream) in offsets.iter_mut().zip(&self.streams) {
            *offset = stream.pending.map_or(end, |pending| pending.start).max(*offset);
        }
        Cut { records: self.records, position: Position { offsets, cutting: self.cutting }, all }
    }
}

fn zeros_at_start(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len())
}

impl Stream {
    fn push(&mut self, line: RawLine, extent: Extent, records: &mut Vec<RawLine>) {
        let before = records.len();
        self.joiner.push(line, |record| records.push(record));
        let goes_on = records.len() == before;
        self.pending = match self.pending {
            _ if !self.joiner.is_waiting() => None,
            Some(pending) if goes_on => Some(Extent { start: pending.start, end: extent.end }),
            _ => Some(extent),
        };
    }

    fn flush(&mut self, records: &mut Vec<RawLine>) {
        self.joiner.flush(|record| records.push(record));
        self.pending = None;
    }
}

#[cfg(test)]
mod tests;
