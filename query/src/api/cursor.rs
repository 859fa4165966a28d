//! Where a list goes on, as text that is opaque to everyone else.

use spandrel_store::snapshot::Position;
use spandrel_store::{RecordId, UnixNanos};

use crate::engine::{Shown, TracesPlace};

/// Hexadecimal digits of a trace's fingerprint.
const FINGERPRINT_DIGITS: usize = 10;

/// A place in one kind of list; a cursor of one kind is no cursor of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cursor {
    /// In a list of records.
    Record(Position),
    /// In a list of traces.
    Trace(TracesPlace),
    /// In a list that is made whole for every page.
    Offset(usize),
}

impl Cursor {
    pub(super) fn encode(&self) -> String {
        match self {
            Cursor::Record(position) => format!("1r{}", encode(*position)),
            Cursor::Trace(place) => format!("1t{}", encode_place(place)),
            Cursor::Offset(offset) => format!("1o{offset:x}"),
        }
    }

    /// `None` for any text that [`encode`](Cursor::encode) did not write.
    pub(super) fn decode(text: &str) -> Option<Cursor> {
        let (kind, rest) = text.strip_prefix('1')?.split_at_checked(1)?;
        let cursor = match kind {
            "r" => Cursor::Record(decode(rest)?),
            "t" => Cursor::Trace(decode_place(rest)?),
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

/// The place, a dash where some were forgotten or a dot, and the fingerprints.
fn encode_place(place: &TracesPlace) -> String {
    let mut text = encode(place.after);
    text.push(if place.shown.forgot() { '-' } else { '.' });
    place.shown.fingerprints().iter().for_each(|shown| text.push_str(&format!("{shown:010x}")));
    text
}

fn decode_place(text: &str) -> Option<TracesPlace> {
    let (position, shown) = text.split_once(['-', '.'])?;
    let forgot = text[position.len()..].starts_with('-');
    if !shown.is_ascii() || !shown.len().is_multiple_of(FINGERPRINT_DIGITS) {
        return None;
    }
    let digits = (0..shown.len()).step_by(FINGERPRINT_DIGITS).map(|at| &shown[at..at + FINGERPRINT_DIGITS]);
    let fingerprints: Option<Vec<u64>> = digits.map(|digits| u64::from_str_radix(digits, 16).ok()).collect();
    Some(TracesPlace { after: decode(position)?, shown: Shown::of(fingerprints?, forgot)? })
}
