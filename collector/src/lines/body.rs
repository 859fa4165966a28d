//! The lines of a request's body: NDJSON or text, the elements of a JSON array, or one JSON object.
//!
//! The form is found in the body itself: what is one whole JSON array or object is that, all else is lines.
//! Lines are slices of the body, made one by one as they are asked for.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};
use serde::de::IgnoredAny;

use super::joiner::{JoinLimits, Joiner};
use super::{Chunk, ChunkLimits, RawLine};

#[derive(Debug)]
pub(crate) struct BodyLines {
    /// What is left of the body.
    rest: Bytes,
    form: Form,
    line_bytes_max: usize,
    /// Only of lines.
    joiner: Joiner,
    /// Records that are whole, and of which the next is the first.
    whole: VecDeque<RawLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    /// Known to be valid; `rest` begins with an element or with the array's end.
    Array,
    Object,
}

impl BodyLines {
    pub(crate) fn of(body: Bytes, line_bytes_max: usize, join: JoinLimits) -> BodyLines {
        let trimmed = body.slice_ref(without_mark(&body).trim_ascii());
        let form = match trimmed.first() {
            Some(b'[') if is_json(&trimmed) => Form::Array,
            Some(b'{') if is_json(&trimmed) => Form::Object,
            _ => Form::Lines,
        };
        let rest = match form {
            // Blanks alone are no body.
            Form::Lines if trimmed.is_empty() => Bytes::new(),
            Form::Lines => body.slice_ref(without_mark(&body)),
            Form::Array => trimmed.slice(1..),
            Form::Object => trimmed,
        };
        BodyLines { rest, form, line_bytes_max, joiner: Joiner::new(join), whole: VecDeque::new() }
    }

    /// The next lines, as many as go in a chunk; none at the end.
    pub(crate) fn chunk(&mut self, limits: ChunkLimits) -> Chunk {
        let mut chunk = Chunk::new(limits);
        while !chunk.is_full()
            && let Some(line) = self.next()
        {
            chunk.push(line);
        }
        chunk
    }

    fn line(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', &self.rest).unwrap_or(self.rest.len());
        let line = self.rest.split_to(end);
        self.rest.advance(self.rest.len().min(1));
        Some(line)
    }

    /// The next record, which may be several lines.
    fn record(&mut self) -> Option<RawLine> {
        while self.whole.is_empty() {
            let Some(bytes) = self.line() else {
                self.joiner.flush(|record| self.whole.push_back(record));
                break;
            };
            let line = self.cut(RawLine::up_to_feed(bytes, false));
            self.joiner.push(line, |record| self.whole.push_back(record));
        }
        self.whole.pop_front()
    }

    /// The body is in memory and within its own limit: JSON is read whole, and what is too long inside it is
    /// cut there, so that its ids and its level are not lost with the end of the line.
    fn cut(&self, line: RawLine) -> RawLine {
        let RawLine { mut bytes, windows_end, .. } = line;
        let cut = bytes.len() > self.line_bytes_max && self.form == Form::Lines && !is_json(&bytes);
        if cut {
            bytes.truncate(self.line_bytes_max);
        }
        RawLine { bytes, cut, windows_end }
    }

    fn element(&mut self) -> Option<Bytes> {
        let rest = self.rest.trim_ascii_start();
        let rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        let mut elements = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        elements.next()?.ok()?;
        let (element, rest) = rest.split_at(elements.byte_offset());
        let (element, rest) = (self.rest.slice_ref(element), self.rest.slice_ref(rest));
        self.rest = rest;
        Some(element)
    }
}

impl Iterator for BodyLines {
    type Item = RawLine;

    fn next(&mut self) -> Option<RawLine> {
        let bytes = match self.form {
            Form::Lines => return self.record(),
            Form::Array => self.element()?,
            Form::Object if self.rest.is_empty() => return None,
            Form::Object => std::mem::take(&mut self.rest),
        };
        Some(self.cut(RawLine::whole(bytes)))
    }
}

/// One whole JSON value, however deep. Does not look at the encoding of its text.
fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Without a byte order mark.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

#[cfg(test)]
mod tests;
