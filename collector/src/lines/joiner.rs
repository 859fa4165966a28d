//! Lines that belong together: a stack trace joins the line before it, and so does what follows a dated line
//! without a date of its own.
//!
//! Works line by line, without configuration: the line that waits is judged by its beginning (its *head*), the
//! next one by its own ([`beginning`]). Java, Python, Node, .NET, Ruby, panics of Go and Rust, JSON that is printed over
//! several lines, what SDKs of OpenTelemetry print to a console. Of a container's log file the container's own lines are
//! looked at, and pieces of one are put together. A record is bounded in lines and bytes here; in time by whoever calls
//! [`Joiner::flush`].
//!
//! What may belong to a trace, and only does if the trace goes on behind it, is *held*: a blank line, the further lines of
//! a message, the name of an exception that could be any name. If it does not go on, they are records of their own.
//! An empty line is no record; one of blanks is. JSON lines go through without a look at more than whether they tell of an
//! error: only such a one waits for a stack.

mod beginning;
mod traces;

use std::borrow::Cow;

use bytes::Bytes;

use self::beginning::{Head, Within};
use super::RawLine;
use crate::cri::{self, CriLine};
use crate::docker;

/// So many lines that are not blank are held: messages are not longer as a rule.
const HELD_MAX: usize = 16;

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
    /// The end of the last of its lines was CR LF.
    windows_end: bool,
    /// Lines that belong to it if it goes on.
    held: Vec<RawLine>,
    head: Head,
    within: Within,
    /// A frame of a stack is in it.
    has_frame: bool,
    /// Node shows where an error was thrown, and says its own version at the end.
    is_of_node: bool,
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

/// What the next line is to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Joins,
    /// If the record goes on behind it.
    MayJoin,
    Another,
}

impl Joiner {
    pub(crate) fn new(limits: JoinLimits) -> Joiner {
        Joiner { pending: None, limits }
    }

    /// Takes the next line and passes on the records that end before it.
    pub(crate) fn push(&mut self, line: RawLine, mut record: impl FnMut(RawLine)) {
        self.take(line, &mut record);
    }

    /// Passes on what waits.
    pub(crate) fn flush(&mut self, mut record: impl FnMut(RawLine)) {
        self.end(&mut record);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    fn take(&mut self, line: RawLine, record: &mut dyn FnMut(RawLine)) {
        if self.pending.is_none() && is_alone(&line.bytes) {
            return record(line);
        }
        let (stream, own) = taken_apart(&line.bytes);
        let is_blank = stream.is_none() && own.trim_ascii().is_empty();
        if let Some(pending) = &mut self.pending
            && pending.has_room(&line, self.limits)
        {
            let next = match is_blank {
                true => Next::MayJoin,
                false => pending.next(stream, &own),
            };
            match next {
                Next::Joins => return pending.add(&line, stream),
                // The next piece has to find the one before it.
                Next::MayJoin if !stream.is_some_and(|stream| stream.partial) => {
                    return pending.held.push(line);
                }
                Next::MayJoin | Next::Another => {}
            }
        }
        self.end(record);
        if is_blank {
            if !line.bytes.is_empty() {
                record(line);
            }
            return;
        }
        let pending = Pending::new(line);
        if pending.may_go_on() {
            self.pending = Some(pending);
        } else {
            record(pending.first);
        }
    }

    /// Each time fewer lines are held than before.
    fn end(&mut self, record: &mut dyn FnMut(RawLine)) {
        while let Some(pending) = self.pending.take() {
            for line in pending.pass_on(record) {
                self.take(line, record);
            }
        }
    }
}

impl Pending {
    fn new(line: RawLine) -> Pending {
        let (stream, own) = taken_apart(&line.bytes);
        let head = beginning::head_of(&own);
        let within = beginning::within_first(&own, head);
        Pending {
            windows_end: line.windows_end,
            first: line,
            joined: Vec::new(),
            lines: 1,
            held: Vec::new(),
            head,
            within,
            has_frame: false,
            is_of_node: false,
            stream,
        }
    }

    /// Nothing can follow an object that belongs to it, but a stack where it tells of an error.
    fn may_go_on(&self) -> bool {
        self.head != Head::Json || self.is_partial() || beginning::tells_of_error(&self.first.bytes)
    }

    fn is_partial(&self) -> bool {
        self.stream.is_some_and(|stream| stream.partial)
    }

    fn has_room(&self, line: &RawLine, limits: JoinLimits) -> bool {
        let held: usize = self.held.iter().map(|line| line.bytes.len() + 2).sum();
        let bytes = self.joined.len().max(self.first.bytes.len()) + held + line.bytes.len() + 2;
        self.lines + self.held.len() < limits.lines_max && bytes <= limits.bytes_max
    }

    /// Standard output does not go on on standard error.
    fn next(&mut self, stream: Option<Stream>, line: &[u8]) -> Next {
        if self.stream.map(|stream| stream.is_stderr) != stream.map(|stream| stream.is_stderr) {
            return Next::Another;
        }
        if self.is_partial() {
            // Where the rest never came, the next line is one of its own.
            let is_next = self.head == Head::Dated && beginning::head_of(line) == Head::Dated;
            return joins_if(!is_next);
        }
        let Some(first) = line.first() else {
            // A container's blank line.
            return joins_if(self.stream.is_some() && !matches!(self.head, Head::Json | Head::Closed));
        };
        if self.head == Head::OpenObject {
            return joins_if(matches!(first, b' ' | b'\t' | b'}'));
        }
        if self.head == Head::Closed || line.starts_with(b"{") {
            return Next::Another;
        }
        self.next_of_trace(line).unwrap_or_else(|| match first {
            b' ' | b'\t' => self.next_indented(line),
            _ => self.next_plain(line),
        })
    }

    fn next_indented(&mut self, line: &[u8]) -> Next {
        let is_frame = beginning::is_frame(line);
        if beginning::is_dated(line) || self.is_json_alone() && !is_frame {
            return Next::Another;
        }
        let is_sure = match self.held_texts() {
            0 => true,
            // The name of a field, in the message of an exception of Python's.
            1 if self.within == Within::Message => true,
            // What is held may be an exception's name and message, or functions of Go's: frames tell.
            _ => {
                beginning::is_certain_frame(line)
                    || self.within == Within::GoPanic && beginning::is_place_in_go(line)
            }
        };
        if !is_sure {
            return self.may_join();
        }
        self.has_frame |= is_frame || beginning::is_place_in_go(line);
        if matches!(self.within, Within::Nothing | Within::Exception) && beginning::opens_fields(line) {
            self.within = Within::NodeFields;
        }
        Next::Joins
    }

    fn next_plain(&mut self, line: &[u8]) -> Next {
        if let Some(next) = self.next_of_what_closes(line).or_else(|| self.next_of_dump(line)) {
            return next;
        }
        if beginning::goes_on_in_python(line) {
            self.within = Within::PythonChain;
            return joins_if(!self.is_json_alone());
        }
        if beginning::is_goroutine(line) {
            self.within = Within::GoPanic;
            return Next::Joins;
        }
        if self.goes_on(line) {
            if self.within == Within::Message {
                self.within = Within::Nothing;
            }
            return Next::Joins;
        }
        let marks_records = self.head != Head::Plain;
        if line.starts_with(b"Traceback (most") {
            let joins = self.within == Within::PythonChain || marks_records && !self.says_no_error();
            self.within = if joins { Within::PythonFrames } else { self.within };
            return joins_if(joins);
        }
        if self.within == Within::PythonFrames {
            // The line behind the frames is the exception itself.
            self.within = Within::Message;
            return Next::Joins;
        }
        if line.starts_with(b"Exception in thread ") {
            // Nobody caught it, so no line of a log is about it.
            return Next::Another;
        }
        if marks_records && beginning::names_exception(line) {
            self.within = Within::Exception;
            // Behind JSON it may be somebody else's word.
            return if self.head == Head::Json { self.may_join() } else { Next::Joins };
        }
        let begins_trace = marks_records && beginning::within(line, Head::Plain) != Within::Nothing;
        if begins_trace || beginning::head_of(line) != Head::Plain {
            return Next::Another;
        }
        self.next_without_a_mark(line)
    }

    /// A line that tells nothing of itself.
    fn next_without_a_mark(&mut self, line: &[u8]) -> Next {
        match (self.head, self.within) {
            (Head::Dated, _) => Next::Joins,
            // A logger that marks its records would have marked the next one.
            (Head::Marked, Within::Message) if self.held.is_empty() => Next::Joins,
            // The frames behind it would be its own.
            (_, Within::Exception) if beginning::tells_exception(line) => Next::Another,
            // A function has its place on the line behind it.
            (_, Within::Message | Within::Exception | Within::GoPanic) => self.may_join(),
            (Head::Marked | Head::Json, _) if beginning::may_name_exception(line) => {
                self.within = Within::Exception;
                self.may_join()
            }
            _ => Next::Another,
        }
    }

    fn may_join(&self) -> Next {
        if self.held_texts() < HELD_MAX { Next::MayJoin } else { Next::Another }
    }

    /// Lines that are held and not blank.
    fn held_texts(&self) -> usize {
        let is_text = |line: &&RawLine| !taken_apart(&line.bytes).1.trim_ascii().is_empty();
        self.held.iter().filter(is_text).count()
    }

    fn holds_text(&self) -> bool {
        self.held_texts() > 0
    }

    /// JSON that nothing has joined yet.
    fn is_json_alone(&self) -> bool {
        self.head == Head::Json && self.lines == 1 && !self.holds_text()
    }

    fn add(&mut self, line: &RawLine, stream: Option<Stream>) {
        self.stream = stream;
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&self.first.bytes);
        }
        for held in std::mem::take(&mut self.held) {
            self.append(&held);
        }
        self.append(line);
        if self.head == Head::OpenObject && taken_apart(&line.bytes).1.trim_ascii_end() == b"}" {
            self.head = Head::Closed;
        }
    }

    fn append(&mut self, line: &RawLine) {
        self.joined.extend_from_slice(line_end(self.windows_end));
        self.joined.extend_from_slice(&line.bytes);
        self.windows_end = line.windows_end;
        self.lines += 1;
        self.first.cut |= line.cut;
    }

    /// Passes the record on, and gives back what did not belong to it. An object that was never closed was none: its lines
    /// are records again.
    fn pass_on(self, record: &mut dyn FnMut(RawLine)) -> Vec<RawLine> {
        let Pending { first, joined, windows_end, head, held, .. } = self;
        if joined.is_empty() {
            record(first);
            return held;
        }
        let joined = Bytes::from(joined);
        if head != Head::OpenObject {
            record(RawLine { bytes: joined, ..first });
            return held;
        }
        let mut lines = joined.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            let bytes = joined.slice_ref(line);
            // The end of the last one has been taken off.
            let line = match lines.peek() {
                Some(_) => RawLine::up_to_feed(bytes, false),
                None => RawLine { windows_end, ..RawLine::whole(bytes) },
            };
            if !line.bytes.is_empty() {
                record(RawLine { cut: first.cut, ..line });
            }
        }
        held
    }
}

fn joins_if(joins: bool) -> Next {
    if joins { Next::Joins } else { Next::Another }
}

fn line_end(is_of_windows: bool) -> &'static [u8] {
    if is_of_windows { b"\r\n" } else { b"\n" }
}

/// Whether a line is known by its first bytes to be a record by itself: JSON that is not Docker's. Most lines are.
fn is_alone(line: &[u8]) -> bool {
    line.starts_with(b"{\"") && docker::read(line).is_none() && !beginning::tells_of_error(line)
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

#[cfg(test)]
mod tests;
