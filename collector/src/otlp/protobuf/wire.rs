//! Protobuf's wire format, walked field by field without decoding. Nothing here recurses or allocates.

use prost::encoding::{WireType, decode_varint};

use crate::refusal::Refusal;

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) tag: u32,
    /// The field as it stands, its key included.
    pub(super) raw: &'a [u8],
    /// What a length-delimited field holds; `None` for numbers and groups.
    pub(super) payload: Option<&'a [u8]>,
}

impl<'a> Field<'a> {
    pub(super) fn message(self) -> (u32, Option<&'a [u8]>) {
        (self.tag, self.payload)
    }
}

/// The fields of a message, ending after the first that is malformed.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    fn read(&mut self) -> Result<Field<'a>, Malformed> {
        let start = self.rest;
        let (tag, wire_type) = self.key()?;
        let payload = match wire_type {
            WireType::LengthDelimited => Some(self.delimited()?),
            WireType::StartGroup => {
                self.skip_group()?;
                None
            }
            other => {
                self.skip_number(other)?;
                None
            }
        };
        let raw = &start[..start.len() - self.rest.len()];
        Ok(Field { tag, raw, payload })
    }

    fn key(&mut self) -> Result<(u32, WireType), Malformed> {
        prost::encoding::decode_key(&mut self.rest).map_err(|_| Malformed::Key)
    }

    fn delimited(&mut self) -> Result<&'a [u8], Malformed> {
        let length = decode_varint(&mut self.rest).map_err(|_| Malformed::Length)?;
        self.take(usize::try_from(length).map_err(|_| Malformed::Length)?)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Length)?;
        self.rest = rest;
        Ok(taken)
    }

    fn skip_number(&mut self, wire_type: WireType) -> Result<(), Malformed> {
        match wire_type {
            WireType::Varint => decode_varint(&mut self.rest).map(drop).map_err(|_| Malformed::Number),
            WireType::SixtyFourBit => self.take(8).map(drop),
            WireType::ThirtyTwoBit => self.take(4).map(drop),
            _ => Err(Malformed::Group),
        }
    }

    fn skip_group(&mut self) -> Result<(), Malformed> {
        let mut open = 1usize;
        while open > 0 {
            match self.key()?.1 {
                WireType::StartGroup => open += 1,
                WireType::EndGroup => open -= 1,
                WireType::LengthDelimited => {
                    self.delimited()?;
                }
                other => self.skip_number(other)?,
            }
        }
        Ok(())
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

#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(super) enum Malformed {
    #[error("malformed protobuf: bad field key")]
    Key,
    #[error("malformed protobuf: a field's length passes the end")]
    Length,
    #[error("malformed protobuf: bad number")]
    Number,
    #[error("malformed protobuf: a group ends that was not begun")]
    Group,
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Refusal {
        Refusal::undecodable(malformed)
    }
}
