//! A MessagePack value as JSON, in which form all records are understood.
//!
//! What JSON has no word for becomes text: NaN and the infinities by their names, bytes that are no text with
//! replacement characters, times as seconds, other extensions in base64, keys that are no text as their JSON.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use rmp::Marker;
use rmp::decode::{read_f32, read_f64};

use super::message::event_time;
use super::pack::{DEPTH_MAX, Malformed, Reader, is_text};

/// Writes values; refuses to write more than its limit.
#[derive(Debug)]
pub(super) struct JsonWriter {
    pub(super) text: String,
    bytes_max: usize,
    /// Text that was no UTF-8 has been written.
    pub(super) replaced: bool,
}

impl JsonWriter {
    pub(super) fn new(bytes_max: usize) -> JsonWriter {
        JsonWriter { text: String::new(), bytes_max, replaced: false }
    }

    /// The pairs of a map, as far as they are wanted by their keys.
    pub(super) fn map(&mut self, map: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Result<(), Malformed> {
        let mut reader = Reader::new(map);
        let pairs = reader.map()?;
        self.pairs(&mut reader, pairs, 1, wanted)
    }

    fn pairs(
        &mut self,
        reader: &mut Reader<'_>,
        pairs: u32,
        depth: usize,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<(), Malformed> {
        self.text.push('{');
        let mut first = true;
        for _ in 0..pairs {
            let key = Reader { rest: reader.value()? };
            if key.clone().text().is_ok_and(|key| !wanted(key)) {
                reader.value()?;
                continue;
            }
            if !std::mem::take(&mut first) {
                self.text.push(',');
            }
            self.key(key, depth)?;
            self.text.push(':');
            self.value(reader, depth)?;
        }
        self.text.push('}');
        Ok(())
    }

    fn key(&mut self, key: Reader<'_>, depth: usize) -> Result<(), Malformed> {
        let mut key = key;
        if let Ok(text) = key.clone().text() {
            self.string(text);
            return Ok(());
        }
        let mut inner = JsonWriter::new(self.bytes_max);
        inner.value(&mut key, depth)?;
        self.string(inner.text.as_bytes());
        Ok(())
    }

    fn value(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed::TooDeep);
        }
        if self.text.len() > self.bytes_max {
            return Err(Malformed::TooLong);
        }
        match reader.mark()? {
            Marker::Null => self.word(reader, "null"),
            Marker::True => self.word(reader, "true"),
            Marker::False => self.word(reader, "false"),
            Marker::F32 => self.float(f64::from(read_f32(&mut reader.rest).map_err(|_| SHORT)?)),
            Marker::F64 => self.float(read_f64(&mut reader.rest).map_err(|_| SHORT)?),
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => self.array(reader, depth),
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
                let pairs = reader.map()?;
                self.pairs(reader, pairs, depth + 1, |_| true)
            }
            mark if is_text(mark) => {
                self.string(reader.text()?);
                Ok(())
            }
            Marker::FixPos(_)
            | Marker::FixNeg(_)
            | Marker::U8
            | Marker::U16
            | Marker::U32
            | Marker::U64
            | Marker::I8
            | Marker::I16
            | Marker::I32
            | Marker::I64 => self.number(reader.integer()?),
            _ => self.extension(reader),
        }
    }

    fn word(&mut self, reader: &mut Reader<'_>, word: &str) -> Result<(), Malformed> {
        reader.value()?;
        self.text.push_str(word);
        Ok(())
    }

    fn array(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), Malformed> {
        self.text.push('[');
        for place in 0..reader.array()? {
            if place > 0 {
                self.text.push(',');
            }
            self.value(reader, depth + 1)?;
        }
        self.text.push(']');
        Ok(())
    }

    fn extension(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        match reader.extension()? {
            (0, data) if let Some(nanoseconds) = event_time(data) => {
                let (seconds, nanos) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
                // Writing to a text cannot fail.
                let _ = write!(self.text, "{seconds}.{nanos:09}");
            }
            (_, data) => {
                let text = base64::engine::general_purpose::STANDARD.encode(data);
                self.string(text.as_bytes());
            }
        }
        Ok(())
    }

    fn number(&mut self, number: i128) -> Result<(), Malformed> {
        let _ = write!(self.text, "{number}");
        Ok(())
    }

    fn float(&mut self, number: f64) -> Result<(), Malformed> {
        match serde_json::Number::from_f64(number) {
            Some(number) => {
                let _ = write!(self.text, "{number}");
            }
            None => self.string(number.to_string().as_bytes()),
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        self.replaced |= matches!(text, Cow::Owned(_));
        match serde_json::to_string(&text) {
            Ok(quoted) => self.text.push_str(&quoted),
            Err(_) => self.text.push_str("\"\""),
        }
    }
}

const SHORT: Malformed = Malformed::Bytes("a number is cut short");
