//! Messages of Fluentd's forward protocol, version 1, in each of its four modes, and the events in them.
//!
//! ```text
//! Message        [tag, time, record, option?]
//! Forward        [tag, [[time, record], …], option?]
//! PackedForward  [tag, bytes of [time, record] …, option?]        the bytes compressed, if the option says so
//! option         {"chunk": id for the acknowledgement, "compressed": "gzip", "fluent_signal": 0, …}
//! ```
//!
//! A record whose text stands under `log`, as Docker's driver and Fluent Bit's tail write it, is that line, and what
//! stands beside it are attributes; any other record is understood as a JSON object would be, and its original is
//! the text under `message`, or without one all of it: as JSON, or as it was packed where JSON cannot say all of it.

use std::collections::HashMap;

use bytes::Bytes;
use rmp::Marker;
use spandrel_store::Flags;
use spandrel_store::otlp::{KeyValue, Value};

use super::json::JsonWriter;
use super::pack::{Malformed, Reader, is_text};
use crate::content::Compression;
use crate::entries::{Entry, Gathering, Owner};
use crate::json_log::{Beside, json_object};
use crate::normalise::attribute;
use crate::refusal::Refusal;

/// The Collector's name for it.
const TAG: &str = "fluent.tag";

/// Fluentd's are 24 bytes in base64.
const CHUNK_BYTES_MAX: usize = 1024;

const SECOND_NS: i128 = 1_000_000_000;

/// One message, with its events still packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) tag: String,
    /// `[time, record]`, one after the other.
    pub(super) events: Bytes,
    pub(super) compression: Compression,
    pub(super) option: Options,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// What the sender wants to be told once the events are kept, as it wrote it.
    pub(super) chunk: Option<Bytes>,
    compressed: Option<Compression>,
    /// Fluent Bit's metrics and traces come in the same protocol.
    pub(super) is_no_log: bool,
}

impl Message {
    /// Takes a whole message apart.
    pub(super) fn read(message: &Bytes) -> Result<Message, Malformed> {
        let mut reader = Reader::new(message);
        let parts = reader.array()?;
        if !(2..=4).contains(&parts) {
            return Err(Malformed::Bytes("a message has 2 to 4 parts"));
        }
        let tag = String::from_utf8_lossy(reader.text()?).into_owned();
        let (events, read) = match reader.mark()? {
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
                let mut events = Reader::new(reader.value()?);
                events.array()?;
                (message.slice_ref(events.rest), 2)
            }
            mark if is_text(mark) => (message.slice_ref(reader.text()?), 2),
            _ => (one_event(&mut reader)?, 3),
        };
        let option = match parts.checked_sub(read) {
            Some(0) => Options::default(),
            Some(1) => Options::read(&mut reader, message)?,
            _ => return Err(Malformed::Bytes("a message has another number of parts than its mode")),
        };
        let compression = option.compressed.unwrap_or(Compression::Identity);
        Ok(Message { tag, events, compression, option })
    }
}

/// Time and record of the first mode, as one stands among others in the second.
fn one_event(reader: &mut Reader<'_>) -> Result<Bytes, Malformed> {
    const ARRAY_OF_TWO: u8 = 0x92;
    let (time, record) = (reader.value()?, reader.value()?);
    Ok([&[ARRAY_OF_TWO], time, record].concat().into())
}

impl Options {
    fn read(reader: &mut Reader<'_>, message: &Bytes) -> Result<Options, Malformed> {
        let mut option = Options::default();
        if reader.mark()? == Marker::Null {
            return Ok(option);
        }
        for _ in 0..reader.map()? {
            let (key, value) = (reader.value()?, reader.value()?);
            let mut value = Reader::new(value);
            match Reader::new(key).text() {
                Ok(b"chunk") => {
                    let chunk = value.rest;
                    let is_text = value.text().is_ok_and(|text| text.len() <= CHUNK_BYTES_MAX);
                    option.chunk = is_text.then(|| message.slice_ref(chunk));
                }
                Ok(b"compressed") => option.compressed = Some(compression(value.text()?)?),
                Ok(b"fluent_signal") => option.is_no_log = value.integer()? != 0,
                _ => {}
            }
        }
        Ok(option)
    }
}

fn compression(name: &[u8]) -> Result<Compression, Malformed> {
    match name {
        b"gzip" => Ok(Compression::Gzip),
        b"zstd" => Ok(Compression::Zstd),
        b"text" => Ok(Compression::Identity),
        _ => Err(Malformed::Bytes("compressed with something else than gzip or zstd")),
    }
}

/// Turns the events of a message, decompressed, into records: how many were, and how many could not be read.
pub(super) fn gather(
    tag: &str,
    events: &[u8],
    owner: &Owner,
    gathering: &mut Gathering,
) -> Result<(u64, u64), Refusal> {
    let mut reader = Reader::new(events);
    let (mut taken, mut refused) = (0, 0);
    while !reader.is_at_end() {
        // Behind what has no end there is nothing to be found.
        let Ok(event) = reader.value() else { return Ok((taken, refused + 1)) };
        match Event::read(event, gathering.body_bytes_max()) {
            Ok(event) => {
                event.gather(tag, owner, gathering)?;
                taken += 1;
            }
            Err(_) => refused += 1,
        }
    }
    Ok((taken, refused))
}

/// One event, its record as JSON.
struct Event<'a> {
    nanoseconds: i128,
    /// Fluent Bit's metadata of the event.
    metadata: Option<String>,
    /// The whole record, or what stands beside its line.
    record: JsonWriter,
    line: Option<&'a [u8]>,
    message: Option<&'a [u8]>,
    /// The whole record, as it was sent.
    packed: &'a [u8],
}

impl<'a> Event<'a> {
    fn read(event: &'a [u8], bytes_max: usize) -> Result<Event<'a>, Malformed> {
        let mut reader = Reader::new(event);
        if reader.array()? != 2 {
            return Err(Malformed::Bytes("an event is a time and a record"));
        }
        let (nanoseconds, metadata) = time_and_metadata(reader.value()?, bytes_max)?;
        let record = reader.value()?;
        let texts = texts(record)?;
        let (line, message) = (texts.get(&b"log"[..]).copied(), texts.get(&b"message"[..]).copied());
        let mut json = JsonWriter::new(bytes_max);
        json.map(record, |key| line.is_none() || key != b"log")?;
        Ok(Event { nanoseconds, metadata, record: json, line, message, packed: record })
    }

    fn gather(self, tag: &str, owner: &Owner, gathering: &mut Gathering) -> Result<(), Refusal> {
        let Event { nanoseconds, metadata, record, line, message, packed } = self;
        let text = |key: &str, text: String| attribute(key, Value::StringValue(text));
        let mut attributes = vec![text(TAG, tag.to_owned())];
        attributes.extend(metadata.map(|metadata| text("fluent.metadata", metadata)));
        let mut flags = if record.replaced { Flags::INVALID_UTF8 } else { Flags::NONE };
        let mut beside = Beside::default();
        if line.is_some() {
            let (fields, cut) = fields(&record.text, gathering);
            beside = gathering.beside(&fields);
            attributes.extend(beside.without_ids(fields));
            flags.insert(cut);
        }
        let line = line.map(without_line_end);
        // JSON has no bytes that are no text.
        let whole = if record.replaced { packed } else { record.text.as_bytes() };
        gathering.entry(Entry {
            owner,
            line: line.unwrap_or(record.text.as_bytes()),
            original: Some(line.or(message.map(without_line_end)).unwrap_or(whole)),
            beside: beside.relayed_at(nanoseconds),
            attributes,
            flags,
        })
    }
}

fn fields(json: &str, gathering: &mut Gathering) -> (Vec<KeyValue>, Flags) {
    let limits = gathering.limits();
    match json_object(json, &limits, gathering.cuts()) {
        Some((fields, true)) => (fields, Flags::CUT),
        Some((fields, false)) => (fields, Flags::NONE),
        None => (Vec::new(), Flags::NONE),
    }
}

/// The texts of a record under the keys that may hold its line.
fn texts(record: &[u8]) -> Result<HashMap<&[u8], &[u8]>, Malformed> {
    let mut reader = Reader::new(record);
    let mut texts = HashMap::new();
    for _ in 0..reader.map()? {
        let key = Reader::new(reader.value()?).text();
        let value = Reader::new(reader.value()?).text();
        if let (Ok(key @ (b"log" | b"message")), Ok(text)) = (key, value) {
            texts.insert(key, text);
        }
    }
    Ok(texts)
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Seconds, an EventTime, or, of Fluent Bit, one of these with metadata.
fn time_and_metadata(value: &[u8], bytes_max: usize) -> Result<(i128, Option<String>), Malformed> {
    let mut reader = Reader::new(value);
    if !matches!(reader.mark()?, Marker::FixArray(_) | Marker::Array16 | Marker::Array32) {
        return Ok((time(&mut reader)?, None));
    }
    if reader.array()? != 2 {
        return Err(Malformed::Bytes("a time with metadata has two parts"));
    }
    let nanoseconds = time(&mut reader)?;
    let mut json = JsonWriter::new(bytes_max);
    json.map(reader.value()?, |_| true)?;
    Ok((nanoseconds, Some(json.text).filter(|text| text != "{}")))
}

/// In nanoseconds since the epoch.
fn time(reader: &mut Reader<'_>) -> Result<i128, Malformed> {
    match reader.mark()? {
        Marker::F64 => {
            let seconds = rmp::decode::read_f64(&mut reader.rest);
            let seconds = seconds.map_err(|_| Malformed::Bytes("a time is cut short"))?;
            // Out of range of an integer is as far as one goes; microseconds are what a double holds.
            Ok(((seconds * 1e6).round() as i64 as i128) * 1_000)
        }
        Marker::FixExt8 | Marker::Ext8 => match reader.extension()? {
            (0, data) => event_time(data).ok_or(Malformed::Bytes("an EventTime has 8 bytes")),
            _ => Err(Malformed::Bytes("an extension that is no EventTime")),
        },
        _ => Ok(reader.integer()? * SECOND_NS),
    }
}

/// Fluentd's extension type 0: seconds and nanoseconds, 32 bits each, big-endian.
pub(super) fn event_time(data: &[u8]) -> Option<i128> {
    let (seconds, nanos) = data.split_first_chunk::<4>()?;
    let nanos: [u8; 4] = nanos.try_into().ok()?;
    Some(i128::from(u32::from_be_bytes(*seconds)) * SECOND_NS + i128::from(u32::from_be_bytes(nanos)))
}
