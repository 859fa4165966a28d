//! Lines that belong together: a stack trace joins the line before it, and so does what follows a dated line
//! without a date of its own.
//!
//! Works line by line, without configuration: the line that waits is judged by its beginning (its *head*), the
//! next one by its own. Java, Python, Node, .NET, Ruby, panics of Go and Rust, JSON that is printed over several
//! lines. Of a container's log file the container's own lines are looked at, and pieces of one are put together. A
//! record is bounded in lines and bytes here; in time by whoever calls [`Joiner::flush`]. JSON lines
//! go through without a look at more than their first byte.

use std::borrow::Cow;

use bytes::Bytes;

use super::RawLine;
use crate::cri::{self, CriLine};
use crate::docker;
use crate::json_log::{begins_with_level, begins_with_time, names_exception, without_colours};

/// What tells a head stands within so many bytes.
const HEAD_BYTES_MAX: usize = 96;

/// How much one record may be joined of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JoinLimits {
    pub(crate) lines_max: usize,
    pub(crate) bytes_max: usize,
}

#[derive(Debug)]
pub(crate) struct Joiner {
    pending: Option<Pending>,
    limits: JoinLimits,
}

/// The record that may go on.
#[derive(Debug)]
struct Pending {
    first: RawLine,
    /// All of it, once there is a second line.
    joined: Vec<u8>,
    lines: usize,
    /// The end of the last of its lines, or of its blanks, was CR LF.
    windows_end: bool,
    /// Blank lines, each behind a line end, that belong to it if it goes on.
    blanks: Vec<u8>,
    head: Head,
    within: Within,
    /// The container's stream, of a container's log file.
    stream: Option<Stream>,
}

/// What is in front of a container's own line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stream {
    is_stderr: bool,
    /// The next piece belongs to this one, whatever it is.
    partial: bool,
}

/// How a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    Json,
    /// `{` and nothing more: an object over several lines.
    OpenObject,
    Dated,
    /// With a level and no date.
    Marked,
    Plain,
}

/// Where in a trace the record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    PythonFrames,
    /// Python says next that another exception caused this one.
    PythonChain,
    GoPanic,
    /// The fields of an error that Node shows behind its frames, up to a `}`.
    NodeFields,
    /// The next line belongs to this one, whatever it is: the message of a Rust panic, of java.util.logging.
    NextLine,
}

impl Joiner {
    pub(crate) fn new(limits: JoinLimits) -> Joiner {
        Joiner { pending: None, limits }
    }

    /// Takes the next line and passes on the record that ends before it.
    pub(crate) fn push(&mut self, line: RawLine, mut record: impl FnMut(RawLine)) {
        if self.pending.is_none() && is_alone(&line.bytes) {
            return record(line);
        }
        let (stream, own) = taken_apart(&line.bytes);
        if stream.is_none() && own.trim_ascii().is_empty() {
            if let Some(pending) = &mut self.pending
                && pending.has_room(&line, self.limits)
            {
                pending.blanks.extend_from_slice(line_end(pending.windows_end));
                pending.blanks.extend_from_slice(&line.bytes);
                pending.windows_end = line.windows_end;
            }
            return;
        }
        if let Some(pending) = &mut self.pending
            && pending.has_room(&line, self.limits)
            && pending.is_of(stream)
            && pending.goes_on_with(&own)
        {
            pending.add(&line, stream);
            return;
        }
        self.flush(&mut record);
        let pending = Pending::new(line);
        match pending.head {
            // Nothing can follow that belongs to it.
            Head::Json if !pending.is_partial() => pending.pass_on(&mut record),
            _ => self.pending = Some(pending),
        }
    }

    /// Passes on what waits.
    pub(crate) fn flush(&mut self, mut record: impl FnMut(RawLine)) {
        if let Some(pending) = self.pending.take() {
            pending.pass_on(&mut record);
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }
}

impl Pending {
    fn new(line: RawLine) -> Pending {
        let (stream, own) = taken_apart(&line.bytes);
        let (head, within) = (head_of(&own), begins_trace(&own));
        let within = match (within, head) {
            (Within::Nothing, Head::Dated) if is_java_util_logging(&own) => Within::NextLine,
            _ => within,
        };
        let windows_end = line.windows_end;
        let (joined, blanks) = (Vec::new(), Vec::new());
        Pending { first: line, joined, lines: 1, windows_end, blanks, head, within, stream }
    }

    /// Standard output does not go on on standard error.
    fn is_of(&self, stream: Option<Stream>) -> bool {
        self.stream.map(|stream| stream.is_stderr) == stream.map(|stream| stream.is_stderr)
    }

    fn is_partial(&self) -> bool {
        self.stream.is_some_and(|stream| stream.partial)
    }

    fn has_room(&self, line: &RawLine, limits: JoinLimits) -> bool {
        let bytes = self.joined.len().max(self.first.bytes.len()) + line.bytes.len() + self.blanks.len() + 2;
        self.lines < limits.lines_max && bytes <= limits.bytes_max
    }

    fn goes_on_with(&mut self, line: &[u8]) -> bool {
        if self.is_partial() {
            // Where the rest never came, the next line is one of its own.
            return self.head != Head::Dated || head_of(line) != Head::Dated;
        }
        let Some(first) = line.first() else {
            // A container's blank line.
            return self.stream.is_some() && self.head != Head::Json;
        };
        if self.head == Head::OpenObject {
            return matches!(first, b' ' | b'\t' | b'}');
        }
        if self.head == Head::Json {
            return false;
        }
        if line.starts_with(b"{") {
            return false;
        }
        if self.within == Within::NextLine {
            self.within = Within::Nothing;
            return true;
        }
        if matches!(first, b' ' | b'\t') {
            if self.within == Within::Nothing && opens_fields(line) {
                self.within = Within::NodeFields;
            }
            return !begins_with_time(&start_of(line));
        }
        if self.within == Within::NodeFields && line.trim_ascii_end() == b"}" {
            self.within = Within::Nothing;
            return true;
        }
        if starts_with_any(line, &["During handling of the above", "The above exception was"]) {
            self.within = Within::PythonChain;
            return true;
        }
        if starts_with_any(line, GO_ON) {
            return true;
        }
        if line.starts_with(b"Traceback (most") {
            let joins = self.within == Within::PythonChain || matches!(self.head, Head::Dated | Head::Marked);
            self.within = if joins { Within::PythonFrames } else { self.within };
            return joins;
        }
        if self.within == Within::PythonFrames {
            // The line behind the frames is the exception itself.
            self.within = Within::Nothing;
            return true;
        }
        let head_is_sure = matches!(self.head, Head::Dated | Head::Marked);
        if head_is_sure && begins_with_exception(line) {
            return true;
        }
        if head_is_sure && begins_trace(line) != Within::Nothing {
            return false;
        }
        (self.head == Head::Dated || self.within == Within::GoPanic) && head_of(line) == Head::Plain
    }

    fn add(&mut self, line: &RawLine, stream: Option<Stream>) {
        self.stream = stream;
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&self.first.bytes);
        }
        self.joined.append(&mut self.blanks);
        self.joined.extend_from_slice(line_end(self.windows_end));
        self.joined.extend_from_slice(&line.bytes);
        self.windows_end = line.windows_end;
        self.lines += 1;
        self.first.cut |= line.cut;
        if self.head == Head::OpenObject && taken_apart(&line.bytes).1.trim_ascii_end() == b"}" {
            self.head = Head::Json;
        }
    }

    /// An object that was never closed was none: its lines are records again.
    fn pass_on(self, record: &mut impl FnMut(RawLine)) {
        let Pending { first, joined, head, .. } = self;
        if joined.is_empty() {
            return record(first);
        }
        let joined = Bytes::from(joined);
        if head != Head::OpenObject {
            return record(RawLine { bytes: joined, ..first });
        }
        for line in joined.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            record(RawLine { cut: first.cut, ..RawLine::up_to_feed(joined.slice_ref(line), false) });
        }
    }
}

fn line_end(is_of_windows: bool) -> &'static [u8] {
    if is_of_windows { b"\r\n" } else { b"\n" }
}

/// Whether a line is known by its first bytes to be a record by itself: JSON that is not Docker's. Most lines are.
fn is_alone(line: &[u8]) -> bool {
    line.starts_with(b"{\"") && docker::read(line).is_none()
}

/// The stream and the own line of a container's; other lines as they are.
fn taken_apart(line: &[u8]) -> (Option<Stream>, Cow<'_, [u8]>) {
    if let Some(CriLine { stream, partial, start, .. }) = cri::read(line) {
        return (Some(Stream { is_stderr: stream == "stderr", partial }), Cow::Borrowed(&line[start..]));
    }
    let Some(line) = docker::read(line) else { return (None, Cow::Borrowed(line)) };
    let stream = Stream { is_stderr: line.is_stderr, partial: line.is_partial() };
    let own = match line.text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.trim_end_matches(['\n', '\r']).to_owned().into_bytes()),
    };
    (Some(stream), own)
}

/// Whether a line is one of a container's standard error.
pub(crate) fn is_of_stderr(line: &[u8]) -> bool {
    match cri::read(line) {
        Some(line) => line.stream == "stderr",
        None => docker::read(line).is_some_and(|line| line.is_stderr),
    }
}

/// Beginnings that go on with a trace, whatever it is one of.
const GO_ON: &[&str] = &[
    "Caused by: ",
    "Suppressed: ",
    "Wrapped by: ",
    "... ",
    "--- End of ",
    "stack backtrace:",
    "note: ",
    "goroutine ",
    "created by ",
    "[signal ",
    "exit status ",
];

fn starts_with_any(line: &[u8], starts: &[&str]) -> bool {
    starts.iter().any(|start| line.starts_with(start.as_bytes()))
}

/// Node's last frame, where the error has fields: `    at main (app.js:3:5) {`.
fn opens_fields(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"at ") && line.trim_ascii_end().ends_with(b" {")
}

fn begins_trace(line: &[u8]) -> Within {
    if line.starts_with(b"Traceback (most") {
        Within::PythonFrames
    } else if starts_with_any(line, &["panic: ", "fatal error: "]) {
        Within::GoPanic
    } else if line.starts_with(b"thread '") && start_of(line).contains(" panicked at ") {
        Within::NextLine
    } else {
        Within::Nothing
    }
}

/// `java.lang.IllegalStateException: no funds`
fn begins_with_exception(line: &[u8]) -> bool {
    names_exception(&start_of(line)) || line.starts_with(b"Exception in thread ")
}

fn head_of(line: &[u8]) -> Head {
    match line {
        [b'{', rest @ ..] if rest.trim_ascii().is_empty() => return Head::OpenObject,
        [b'{', ..] => return Head::Json,
        _ => {}
    }
    let start = start_of(line);
    if begins_with_time(&start) {
        Head::Dated
    } else if begins_with_level(&start) || begins_with_pair(&start) || begins_with_address(&start) {
        Head::Marked
    } else {
        Head::Plain
    }
}

/// logfmt.
fn begins_with_pair(start: &str) -> bool {
    let first = start.split(' ').next().unwrap_or_default();
    first.split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty())
}

/// A web server's access log.
fn begins_with_address(start: &str) -> bool {
    start.split(' ').next().is_some_and(|word| word.parse::<std::net::IpAddr>().is_ok())
}

/// `Nov 22, 2026 5:01:37 PM shop.Payment charge`, with level and message on the next line.
fn is_java_util_logging(line: &[u8]) -> bool {
    let start = start_of(line);
    let mut words = start.split(' ').skip(4);
    start.starts_with(|c: char| c.is_ascii_uppercase()) && matches!(words.next(), Some("AM" | "PM"))
}

fn start_of(line: &[u8]) -> String {
    let start = String::from_utf8_lossy(&line[..line.len().min(HEAD_BYTES_MAX)]);
    without_colours(&start).into_owned()
}

#[cfg(test)]
mod tests;
