//! Protocol buffers read in place: the fields of a message one after the other, nothing copied, nothing owned.
//!
//! Receivers look at what was sent through this, the head and the index at what the journal holds; a record is
//! decoded into OTLP's types only when it is part of an answer.

use std::ops::Range;

use prost::encoding::decode_varint;

/// Bytes that are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed protocol buffers: {0}")]
pub struct Malformed(&'static str);

// Wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const START_GROUP: u64 = 3;
const END_GROUP: u64 = 4;
const FIXED32: u64 = 5;
pub(crate) const BEYOND: Malformed = Malformed("a length or place passes the end");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
    /// A group, which OTLP has none of.
    Group,
}

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub tag: u32,
    pub value: Value<'a>,
    /// Key and value, as they stand in the message.
    pub raw: &'a [u8],
}

impl<'a> Field<'a> {
    /// The field's number, and what it holds if that is bytes: a message, text, an id.
    pub fn message(self) -> (u32, Option<&'a [u8]>) {
        match self.value {
            Value::Bytes(bytes) => (self.tag, Some(bytes)),
            _ => (self.tag, None),
        }
    }
}

/// The fields of a message, in the order they stand there.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    #[inline]
    pub fn of(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    #[inline]
    fn read(&mut self) -> Result<Field<'a>, Malformed> {
        match self.short() {
            Some(field) => Ok(field),
            None => self.any(),
        }
    }

    /// What nearly all fields are: a number and a length of one byte each, eight bytes, or a number of one byte.
    #[inline(always)]
    fn short(&mut self) -> Option<Field<'a>> {
        let from = self.rest;
        let (&key, behind) = from.split_first().filter(|(key, _)| (8..0x80).contains(*key))?;
        let (value, rest) = match u64::from(key & 7) {
            BYTES => {
                let (&length, behind) = behind.split_first().filter(|(length, _)| **length < 0x80)?;
                let (bytes, rest) = behind.split_at_checked(usize::from(length))?;
                (Value::Bytes(bytes), rest)
            }
            FIXED64 => {
                let (bytes, rest) = behind.split_first_chunk()?;
                (Value::Fixed64(u64::from_le_bytes(*bytes)), rest)
            }
            VARINT => {
                let (&number, rest) = behind.split_first().filter(|(number, _)| **number < 0x80)?;
                (Value::Varint(u64::from(number)), rest)
            }
            _ => return None,
        };
        self.rest = rest;
        Some(Field { tag: u32::from(key >> 3), value, raw: &from[..from.len() - rest.len()] })
    }

    /// Any field, and what is wrong with it.
    #[inline(never)]
    fn any(&mut self) -> Result<Field<'a>, Malformed> {
        let from = self.rest;
        let (tag, wire_type) = self.key()?;
        let value = match wire_type {
            START_GROUP => {
                self.skip_group()?;
                Value::Group
            }
            wire_type => self.value(wire_type)?,
        };
        Ok(Field { tag, value, raw: &from[..from.len() - self.rest.len()] })
    }

    #[inline]
    fn key(&mut self) -> Result<(u32, u64), Malformed> {
        let key = varint(&mut self.rest)?;
        match u32::try_from(key >> 3) {
            Ok(tag) if tag > 0 && key <= u64::from(u32::MAX) => Ok((tag, key & 7)),
            _ => Err(Malformed("a field has no such number")),
        }
    }

    #[inline]
    fn value(&mut self, wire_type: u64) -> Result<Value<'a>, Malformed> {
        Ok(match wire_type {
            VARINT => Value::Varint(varint(&mut self.rest)?),
            FIXED64 => Value::Fixed64(u64::from_le_bytes(take(&mut self.rest)?)),
            BYTES => {
                let length = usize::try_from(varint(&mut self.rest)?).map_err(|_| BEYOND)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(BEYOND)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            FIXED32 => Value::Fixed32(u32::from_le_bytes(take(&mut self.rest)?)),
            END_GROUP => return Err(Malformed("a group ends that was not begun")),
            _ => return Err(Malformed("a field has no such type")),
        })
    }

    /// Nothing here recurses.
    fn skip_group(&mut self) -> Result<(), Malformed> {
        let mut open = 1usize;
        while open > 0 {
            match self.key()?.1 {
                START_GROUP => open += 1,
                END_GROUP => open -= 1,
                wire_type => drop(self.value(wire_type)?),
            }
        }
        Ok(())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    #[inline]
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

#[inline]
pub(crate) fn varint(from: &mut &[u8]) -> Result<u64, Malformed> {
    match from {
        [byte, rest @ ..] if *byte < 0x80 => {
            *from = rest;
            Ok(u64::from(*byte))
        }
        _ => decode_varint(from).map_err(|_| Malformed("a bad number")),
    }
}

#[inline]
pub(crate) fn take<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (bytes, rest) = from.split_first_chunk::<N>().ok_or(BEYOND)?;
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
