//! Protocol buffers read in place: the fields of a message one after the other, nothing copied, nothing owned.
//!
//! The head and the index look at what the journal holds through this; a record is decoded into OTLP's types
//! only when it is part of an answer.

use std::ops::Range;

use prost::encoding::decode_varint;

/// Bytes that are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a protocol buffers message")]
pub(crate) struct Malformed;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub tag: u32,
    pub value: Value<'a>,
    /// Key and value, as they stand in the message.
    pub raw: &'a [u8],
}

/// The fields of a message, in the order they stand there.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    fn read(&mut self) -> Result<Field<'a>, Malformed> {
        let from = self.rest;
        let key = varint(&mut self.rest)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.rest)?),
            1 => Value::Fixed64(u64::from_le_bytes(take(&mut self.rest)?)),
            2 => {
                let length = usize::try_from(varint(&mut self.rest)?).map_err(|_| Malformed)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(u32::from_le_bytes(take(&mut self.rest)?)),
            _ => return Err(Malformed),
        };
        let tag = u32::try_from(key >> 3).map_err(|_| Malformed)?;
        Ok(Field { tag, value, raw: &from[..from.len() - self.rest.len()] })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

pub(crate) fn varint(from: &mut &[u8]) -> Result<u64, Malformed> {
    match from {
        [byte, rest @ ..] if *byte < 0x80 => {
            *from = rest;
            Ok(u64::from(*byte))
        }
        _ => decode_varint(from).map_err(|_| Malformed),
    }
}

pub(crate) fn take<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (bytes, rest) = from.split_first_chunk::<N>().ok_or(Malformed)?;
    *from = rest;
    Ok(*bytes)
}

/// Small numbers of either sign as small numbers.
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Where `part` stands in `whole`, which it is a part of.
pub(crate) fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start + part.len()
}

#[cfg(test)]
mod tests;
