//! Where one message ends and the next begins on a TCP connection, by RFC 6587: each is preceded by its length, or
//! followed by a line end, or by a zero byte, as Python's handler ends each. Whether there is a length is seen at each
//! message: it stands before a `<`. Where messages end with zero bytes, the line ends within them are text; that is known
//! once one has ended so, the next begins behind it, and none has ended with a line end.

use bytes::Bytes;

use crate::lines::RawLine;

/// Digits of a length, and the blank behind them.
const COUNT_BYTES_MAX: usize = 10;

#[derive(Debug)]
pub(super) struct Framer {
    /// The message so far, or what may be its length.
    partial: Vec<u8>,
    state: State,
    /// The message is beyond the limit; what comes of it is thrown away.
    cutting: bool,
    ends: Ends,
    line_bytes_max: usize,
    frame_bytes_max: usize,
}

/// What messages without a length end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Unknown,
    /// The only message so far ended with one.
    MaybeZeros,
    Zeros,
    /// Or with either.
    Lines,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Length,
    /// So many bytes are to come.
    Counted(usize),
    Line,
}

impl Framer {
    /// A longer message is cut; one that says it is longer than a frame may be is taken for a line.
    pub(super) fn new(line_bytes_max: usize, frame_bytes_max: usize) -> Framer {
        let (partial, state, ends) = (Vec::new(), State::Between, Ends::Unknown);
        Framer { partial, state, cutting: false, ends, line_bytes_max, frame_bytes_max }
    }

    /// Takes the next piece and passes on the messages that end in it.
    pub(super) fn feed(&mut self, piece: &[u8], mut message: impl FnMut(RawLine)) {
        let mut piece = piece;
        while let Some(first) = piece.first() {
            match self.state {
                State::Between if matches!(first, b'\n' | b'\r' | 0) => {
                    self.see_end(*first);
                    piece = &piece[1..];
                }
                State::Between if *first == b'<' => {
                    if self.ends == Ends::MaybeZeros {
                        self.ends = Ends::Zeros;
                    }
                    self.state = State::Line;
                }
                State::Between if matches!(first, b'1'..=b'9') => self.state = State::Length,
                State::Between => self.state = State::Line,
                State::Length => piece = self.length(*first, piece),
                State::Counted(left) => {
                    let (taken, rest) = piece.split_at(left.min(piece.len()));
                    self.extend(taken);
                    piece = rest;
                    self.state = State::Counted(left - taken.len());
                    if left == taken.len() {
                        message(self.counted());
                    }
                }
                State::Line => {
                    let end = match self.ends {
                        Ends::Zeros => memchr::memchr(0, piece),
                        _ => memchr::memchr2(b'\n', 0, piece),
                    };
                    self.extend(&piece[..end.unwrap_or(piece.len())]);
                    if let Some(end) = end {
                        self.see_end(piece[end]);
                        message(self.line());
                    }
                    piece = end.map_or(&[], |end| &piece[end + 1..]);
                }
            }
        }
    }

    fn see_end(&mut self, end: u8) {
        self.ends = match (self.ends, end) {
            (Ends::Unknown, 0) => Ends::MaybeZeros,
            (Ends::Unknown | Ends::MaybeZeros, b'\n') => Ends::Lines,
            (ends, _) => ends,
        };
    }

    /// What the connection ends with, if it ends within a message.
    pub(super) fn finish(&mut self) -> Option<RawLine> {
        let message = match self.state {
            State::Counted(left) => RawLine { cut: left > 0, ..self.counted() },
            _ => self.line(),
        };
        (!message.bytes.is_empty()).then_some(message)
    }

    /// Digits, a blank and the `<` of a message make a length; anything else is the beginning of a line.
    fn length<'p>(&mut self, next: u8, piece: &'p [u8]) -> &'p [u8] {
        let has_blank = self.partial.ends_with(b" ");
        match next {
            b'0'..=b'9' | b' ' if !has_blank && self.partial.len() < COUNT_BYTES_MAX => {
                self.partial.push(next);
                return &piece[1..];
            }
            b'<' if has_blank && self.count().is_some() => {
                self.state = State::Counted(self.count().unwrap_or_default());
                self.partial.clear();
            }
            _ => self.state = State::Line,
        }
        piece
    }

    fn count(&self) -> Option<usize> {
        let digits = std::str::from_utf8(&self.partial).ok()?.trim_end();
        digits.parse().ok().filter(|count| *count <= self.frame_bytes_max)
    }

    fn extend(&mut self, part: &[u8]) {
        let room = self.line_bytes_max.saturating_sub(self.partial.len());
        self.cutting |= part.len() > room;
        self.partial.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// All of it is the message, as its length says: a line end too.
    fn counted(&mut self) -> RawLine {
        let (bytes, cut) = self.take();
        RawLine { cut, ..RawLine::whole(bytes) }
    }

    fn line(&mut self) -> RawLine {
        let (bytes, cut) = self.take();
        RawLine::up_to_feed(bytes, cut)
    }

    fn take(&mut self) -> (Bytes, bool) {
        self.state = State::Between;
        (Bytes::from(std::mem::take(&mut self.partial)), std::mem::take(&mut self.cutting))
    }
}

/// Without the line ends and zero bytes that senders put behind a message.
pub(super) fn without_end(message: &[u8]) -> &[u8] {
    let end = message.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0));
    &message[..end.map_or(0, |end| end + 1)]
}
