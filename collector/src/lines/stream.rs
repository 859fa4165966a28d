//! Lines of a stream of bytes, however it comes in pieces; the rest of a line beyond the limit is skipped.

use bytes::Bytes;

use super::RawLine;

#[derive(Debug)]
pub(crate) struct LineSplitter {
    /// The line so far.
    partial: Vec<u8>,
    /// The line is beyond the limit; what comes of it is thrown away.
    cutting: bool,
    line_bytes_max: usize,
}

impl LineSplitter {
    pub(crate) fn new(line_bytes_max: usize) -> LineSplitter {
        LineSplitter { partial: Vec::new(), cutting: false, line_bytes_max }
    }

    /// Takes the next piece and passes on the lines that end in it.
    pub(crate) fn feed(&mut self, piece: &[u8], mut line: impl FnMut(RawLine)) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(end) => {
                    self.extend(end);
                    line(self.take());
                }
                None => self.extend(part),
            }
        }
    }

    /// The line that the stream ends with, if it does without a line end.
    pub(crate) fn finish(&mut self) -> Option<RawLine> {
        Some(self.take()).filter(|line| !line.bytes.is_empty())
    }

    fn take(&mut self) -> RawLine {
        let cut = std::mem::take(&mut self.cutting);
        RawLine::up_to_feed(Bytes::from(std::mem::take(&mut self.partial)), cut)
    }

    fn extend(&mut self, part: &[u8]) {
        let room = self.line_bytes_max - self.partial.len();
        self.cutting |= part.len() > room;
        self.partial.extend_from_slice(&part[..part.len().min(room)]);
    }
}

#[cfg(test)]
mod tests;
