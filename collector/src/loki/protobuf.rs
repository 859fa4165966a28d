//! A push in protocol buffers, read in place: `logproto.PushRequest` of Loki's `pkg/push/push.proto`.
//!
//! ```text
//! PushRequest { repeated Stream streams = 1 }     Stream { string labels = 1; repeated Entry entries = 2 }
//! Entry { Timestamp timestamp = 1; string line = 2; repeated LabelPair structuredMetadata = 3 }
//! Timestamp { int64 seconds = 1; int32 nanos = 2 }     LabelPair { string name = 1; string value = 2 }
//! ```

use spandrel_store::Flags;
use spandrel_store::otlp::{KeyValue, Value};
use spandrel_store::wire::{self, Fields};

use super::{Stream, labels};
use crate::entries::Gathering;
use crate::normalise::attribute;
use crate::refusal::Refusal;

pub(super) fn read(push: &[u8], gathering: &mut Gathering) -> Result<(), Refusal> {
    for field in Fields::of(push) {
        if let (1, Some(stream)) = field?.message() {
            read_stream(stream, gathering)?;
        }
    }
    Ok(())
}

fn read_stream(message: &[u8], gathering: &mut Gathering) -> Result<(), Refusal> {
    let mut labels = "";
    for field in Fields::of(message) {
        if let (1, Some(bytes)) = field?.message() {
            labels = std::str::from_utf8(bytes).map_err(Refusal::undecodable)?;
        }
    }
    // What labels unfold to.
    gathering.charge(4 * labels.len())?;
    let labels = if labels.is_empty() { Vec::new() } else { labels::parse(labels)? };
    let stream = Stream::of(labels, gathering);
    for field in Fields::of(message) {
        if let (2, Some(entry)) = field?.message() {
            read_entry(entry, &stream, gathering)?;
        }
    }
    Ok(())
}

fn read_entry(message: &[u8], stream: &Stream, gathering: &mut Gathering) -> Result<(), Refusal> {
    let (mut nanoseconds, mut line, mut metadata) = (0, &b""[..], Vec::new());
    let (attributes_max, mut cut) = (gathering.limits().attributes_max, 0);
    for field in Fields::of(message) {
        match field?.message() {
            (1, Some(bytes)) => nanoseconds = read_time(bytes)?,
            (2, Some(bytes)) => line = bytes,
            (3, Some(_)) if metadata.len() >= attributes_max => cut += 1,
            (3, Some(pair)) => {
                gathering.charge(size_of::<KeyValue>() + pair.len())?;
                metadata.push(read_pair(pair)?);
            }
            _ => {}
        }
    }
    gathering.cuts().attributes += cut;
    let flags = if cut > 0 { Flags::CUT } else { Flags::NONE };
    stream.entry(nanoseconds, line, metadata, flags, gathering)
}

fn read_time(message: &[u8]) -> Result<i128, Refusal> {
    let mut nanoseconds = 0;
    for field in Fields::of(message) {
        let field = field?;
        // Negative numbers of either width stand there as 64 bits.
        match (field.tag, field.value) {
            (1, wire::Value::Varint(seconds)) => nanoseconds += i128::from(seconds as i64) * 1_000_000_000,
            (2, wire::Value::Varint(nanos)) => nanoseconds += i128::from(nanos as i64 as i32),
            _ => {}
        }
    }
    Ok(nanoseconds)
}

fn read_pair(message: &[u8]) -> Result<KeyValue, Refusal> {
    let (mut name, mut value) = ("", "");
    for field in Fields::of(message) {
        let (tag, Some(bytes)) = field?.message() else { continue };
        let text = std::str::from_utf8(bytes).map_err(Refusal::undecodable)?;
        match tag {
            1 => name = text,
            2 => value = text,
            _ => {}
        }
    }
    Ok(attribute(name, Value::StringValue(value.to_owned())))
}
