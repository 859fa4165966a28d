//! Where a list goes on, as text that is opaque to everyone else.

use spandrel_store::snapshot::Position;
use spandrel_store::{RecordId, UnixNanos};

/// A place in one kind of list; a cursor of one kind is no cursor of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// In a list of records.
    Record(Position),
    /// In a list of traces.
    Trace(Position),
    /// In a list that is made whole for every page.
    Offset(usize),
}

impl Cursor {
    pub(super) fn encode(self) -> String {
        match self {
            Cursor::Record(position) => format!("1r{}", encode(position)),
            Cursor::Trace(position) => format!("1t{}", encode(position)),
            Cursor::Offset(offset) => format!("1o{offset:x}"),
        }
    }

    /// `None` for any text that [`encode`](Cursor::encode) did not write.
    pub(super) fn decode(text: &str) -> Option<Cursor> {
        let (kind, rest) = text.strip_prefix('1')?.split_at_checked(1)?;
        let cursor = match kind {
            "r" => Cursor::Record(decode(rest)?),
            "t" => Cursor::Trace(decode(rest)?),
            "o" => Cursor::Offset(usize::from_str_radix(rest, 16).ok()?),
            _ => return None,
        };
        (cursor.encode() == text).then_some(cursor)
    }
}

fn encode(position: Position) -> String {
    format!("{:016x}{}", position.time.0, position.id)
}

fn decode(text: &str) -> Option<Position> {
    let (time, id) = text.split_at_checked(16)?;
    let time = u64::from_str_radix(time, 16).ok()?;
    Some(Position { time: UnixNanos(time), id: RecordId::parse(id)? })
}
