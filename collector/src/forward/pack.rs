//! MessagePack read in place: where a value ends, and its parts one after the other.
//!
//! Invariants: nothing recurses but the writer of JSON, and that no deeper than [`DEPTH_MAX`]; a value that says it
//! is longer than the limit is refused at its head; bytes never panic. The marks and numbers are the `rmp` crate's;
//! its own measure of a value's length is not used, since it gives up on the extension type that times are.

use rmp::Marker;
use rmp::decode::{read_array_len, read_bin_len, read_int, read_map_len, read_str_len};

/// Maps and arrays inside each other.
pub(super) const DEPTH_MAX: usize = 64;

/// Bytes that are no MessagePack, or none that can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("malformed MessagePack: {0}")]
    Bytes(&'static str),
    #[error("maps and arrays are nested more than {DEPTH_MAX} deep")]
    TooDeep,
    #[error("a message is longer than the limit")]
    TooLong,
}

const BEYOND: Malformed = Malformed::Bytes("a length passes the end");

/// Whether text follows, or bytes, which old senders write for it.
pub(super) fn is_text(mark: Marker) -> bool {
    let is_bytes = matches!(mark, Marker::Bin8 | Marker::Bin16 | Marker::Bin32);
    is_bytes || matches!(mark, Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32)
}

/// Finds the end of a value while its bytes come in.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Values that are still to come of each open map and array.
    open: Vec<u64>,
    /// Bytes that were looked at.
    at: usize,
}

/// A mark, what stands with it, and how many values it holds.
struct Head {
    bytes: u64,
    values: u64,
}

impl Scan {
    /// How long the value is that the buffer begins with; `None` while it is not whole. The buffer is the same as in
    /// the call before, or longer.
    pub(super) fn length(&mut self, buffer: &[u8], bytes_max: usize) -> Result<Option<usize>, Malformed> {
        loop {
            let Some(head) = head_of(&buffer[self.at.min(buffer.len())..])? else { return Ok(None) };
            let end = (self.at as u64).saturating_add(head.bytes);
            // Each value that is to come takes a byte at least.
            if end.saturating_add(head.values) > bytes_max as u64 {
                return Err(Malformed::TooLong);
            }
            if end > buffer.len() as u64 {
                return Ok(None);
            }
            self.at = end as usize;
            if head.values > 0 {
                if self.open.len() >= DEPTH_MAX {
                    return Err(Malformed::TooDeep);
                }
                self.open.push(head.values);
            } else if self.close() {
                return Ok(Some(self.at));
            }
        }
    }

    /// A value has ended, and with it perhaps those around it: whether all have.
    fn close(&mut self) -> bool {
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return false;
            }
            self.open.pop();
        }
        true
    }
}

/// `None` where the bytes end before that is known.
fn head_of(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let Some((mark, rest)) = bytes.split_first() else { return Ok(None) };
    let length = |size: usize| {
        let bytes = rest.get(..size)?;
        Some(bytes.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)))
    };
    let data = |head: u64, length: Option<u64>| length.map(|length| Head { bytes: head + length, values: 0 });
    let parts = |head: u64, count: Option<u64>| count.map(|count| Head { bytes: head, values: count });
    Ok(match Marker::from_u8(*mark) {
        Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
            data(1, Some(0))
        }
        Marker::U8 | Marker::I8 => data(2, Some(0)),
        Marker::U16 | Marker::I16 => data(3, Some(0)),
        Marker::U32 | Marker::I32 | Marker::F32 => data(5, Some(0)),
        Marker::U64 | Marker::I64 | Marker::F64 => data(9, Some(0)),
        Marker::FixStr(length) => data(1, Some(length.into())),
        Marker::Str8 | Marker::Bin8 => data(2, length(1)),
        Marker::Str16 | Marker::Bin16 => data(3, length(2)),
        Marker::Str32 | Marker::Bin32 => data(5, length(4)),
        // The type stands in front of what an extension holds.
        Marker::FixExt1 => data(2, Some(1)),
        Marker::FixExt2 => data(2, Some(2)),
        Marker::FixExt4 => data(2, Some(4)),
        Marker::FixExt8 => data(2, Some(8)),
        Marker::FixExt16 => data(2, Some(16)),
        Marker::Ext8 => data(3, length(1)),
        Marker::Ext16 => data(4, length(2)),
        Marker::Ext32 => data(6, length(4)),
        Marker::FixArray(count) => parts(1, Some(count.into())),
        Marker::Array16 => parts(3, length(2)),
        Marker::Array32 => parts(5, length(4)),
        Marker::FixMap(count) => parts(1, Some(2 * u64::from(count))),
        Marker::Map16 => parts(3, length(2).map(|count| 2 * count)),
        Marker::Map32 => parts(5, length(4).map(|count| 2 * count)),
        Marker::Reserved => return Err(Malformed::Bytes("a mark that is never used")),
    })
}

/// What is left of some values that stand one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Reader<'a> {
        Reader { rest }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn mark(&self) -> Result<Marker, Malformed> {
        self.rest.first().map(|mark| Marker::from_u8(*mark)).ok_or(BEYOND)
    }

    /// The next value as it stands there.
    pub(super) fn value(&mut self) -> Result<&'a [u8], Malformed> {
        let length = Scan::default().length(self.rest, usize::MAX)?.ok_or(BEYOND)?;
        let (value, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(value)
    }

    /// How many values follow.
    pub(super) fn array(&mut self) -> Result<u32, Malformed> {
        read_array_len(&mut self.rest).map_err(|_| Malformed::Bytes("not an array"))
    }

    /// How many pairs of values follow.
    pub(super) fn map(&mut self) -> Result<u32, Malformed> {
        read_map_len(&mut self.rest).map_err(|_| Malformed::Bytes("not a map"))
    }

    /// A text, or bytes, in which some senders have their texts.
    pub(super) fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let wrong = Malformed::Bytes("neither text nor bytes");
        let length = match self.mark()? {
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
                read_str_len(&mut self.rest).map_err(|_| wrong)?
            }
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
                read_bin_len(&mut self.rest).map_err(|_| wrong)?
            }
            _ => return Err(wrong),
        };
        let (text, rest) = self.rest.split_at_checked(length as usize).ok_or(BEYOND)?;
        self.rest = rest;
        Ok(text)
    }

    pub(super) fn integer(&mut self) -> Result<i128, Malformed> {
        let wrong = |_| Malformed::Bytes("not an integer");
        match self.mark()? {
            Marker::U64 => read_int::<u64, _>(&mut self.rest).map(i128::from).map_err(wrong),
            _ => read_int::<i64, _>(&mut self.rest).map(i128::from).map_err(wrong),
        }
    }

    /// The type and the data of an extension.
    pub(super) fn extension(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let wrong = Malformed::Bytes("not an extension");
        let head = match self.mark()? {
            Marker::FixExt1 | Marker::FixExt2 | Marker::FixExt4 | Marker::FixExt8 | Marker::FixExt16 => 1,
            Marker::Ext8 => 2,
            Marker::Ext16 => 3,
            Marker::Ext32 => 5,
            _ => return Err(wrong),
        };
        let value = self.value()?;
        let (kind, data) = value.get(head..).and_then(<[u8]>::split_first).ok_or(wrong)?;
        Ok((*kind, data))
    }
}
