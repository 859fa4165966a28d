//! A push in JSON, in the form of today and in the one before Loki 0.4:
//!
//! ```text
//! {"streams": [{"stream": {"job": "orders"}, "values": [["1700000000000000000", "line", {"trace_id": "…"}]]}]}
//! {"streams": [{"labels": "{job=\"orders\"}", "entries": [{"ts": "2026-11-22T17:00:00Z", "line": "line"}]}]}
//! ```
//!
//! Entries are read one by one. What a stream's keys hold is looked at again once its labels are known, for they
//! may come last.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use spandrel_store::Flags;
use spandrel_store::otlp::{KeyValue, Value};
use spandrel_store::record::value::to_text;

use super::{Stream, labels};
use crate::entries::Gathering;
use crate::json_log::json_object;
use crate::lenient::mended_body;
use crate::normalise::attribute;
use crate::refusal::Refusal;

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    streams: &'a RawValue,
}

#[derive(Deserialize)]
struct StreamText<'a> {
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
    #[serde(borrow)]
    labels: Option<Cow<'a, str>>,
    #[serde(borrow)]
    entries: Option<&'a RawValue>,
}

/// `[time, line]` or `[time, line, metadata]`
struct EntryText<'a> {
    time: Time,
    line: String,
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct EarlyEntry {
    /// In RFC 3339.
    ts: String,
    line: String,
}

/// Nanoseconds since the epoch, as text or, though Loki refuses it, as a number.
struct Time(i128);

pub(super) fn read(body: &[u8], gathering: &mut Gathering) -> Result<(), Refusal> {
    let body = mended_body(body);
    let push: Push<'_> = serde_json::from_slice(&body).map_err(Refusal::undecodable)?;
    each(push.streams, |stream: StreamText<'_>| read_stream(&stream, gathering))
}

fn read_stream(text: &StreamText<'_>, gathering: &mut Gathering) -> Result<(), Refusal> {
    let (labels, flags) = match (&text.stream, &text.labels) {
        (Some(stream), _) => {
            let (labels, flags) = fields(stream, gathering)?;
            (labels::of_object(labels)?, flags)
        }
        (None, Some(labels)) => (labels::parse(labels)?, Flags::NONE),
        (None, None) => (Vec::new(), Flags::NONE),
    };
    let stream = Stream::of(labels, gathering);
    if let Some(values) = text.values {
        each(values, |entry: EntryText<'_>| {
            let (metadata, mut cut) = metadata(entry.metadata, gathering)?;
            cut.insert(flags);
            stream.entry(entry.time.0, entry.line.as_bytes(), metadata, cut, gathering)
        })?;
    }
    if let Some(entries) = text.entries {
        each(entries, |entry: EarlyEntry| {
            let time: Timestamp = entry.ts.parse().map_err(Refusal::undecodable)?;
            stream.entry(time.as_nanosecond(), entry.line.as_bytes(), Vec::new(), flags, gathering)
        })?;
    }
    Ok(())
}

fn metadata(text: Option<&RawValue>, gathering: &mut Gathering) -> Result<(Vec<KeyValue>, Flags), Refusal> {
    let Some(text) = text else { return Ok((Vec::new(), Flags::NONE)) };
    let (fields, flags) = fields(text, gathering)?;
    let attributes = fields.into_iter().map(|(name, value)| attribute(&name, Value::StringValue(value)));
    Ok((attributes.collect(), flags))
}

type Fields = Vec<(String, String)>;

/// An object of texts. Loki takes nothing else; numbers and the like, which some clients send, are taken as text.
fn fields(text: &RawValue, gathering: &mut Gathering) -> Result<(Fields, Flags), Refusal> {
    gathering.charge(4 * text.get().len())?;
    if text.get().trim() == "null" {
        return Ok((Vec::new(), Flags::NONE));
    }
    let limits = gathering.limits();
    let Some((fields, cut)) = json_object(text.get(), &limits, gathering.cuts()) else {
        return Err(Refusal::undecodable(
            "labels and structured metadata are objects: {\"name\": \"value\"}",
        ));
    };
    let flags = if cut { Flags::CUT } else { Flags::NONE };
    let texts = fields.into_iter().filter_map(|field| {
        let value = to_text(field.value.as_ref()?).into_owned();
        Some((field.key, value))
    });
    Ok((texts.collect(), flags))
}

/// Passes on the elements of an array one by one, until one is refused.
fn each<'de, T: Deserialize<'de>>(
    array: &'de RawValue,
    mut take: impl FnMut(T) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut refused = None;
    let element = |element: T| match take(element) {
        Ok(()) => true,
        Err(refusal) => {
            refused = Some(refusal);
            false
        }
    };
    let mut json = serde_json::Deserializer::from_str(array.get());
    let read = json.deserialize_seq(Elements { element, of: PhantomData });
    match (refused, read) {
        (Some(refusal), _) => Err(refusal),
        (None, read) => read.map_err(Refusal::undecodable),
    }
}

struct Elements<F, T> {
    /// Whether to go on.
    element: F,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> bool> Visitor<'de> for Elements<F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut seq: S) -> Result<(), S::Error> {
        while let Some(element) = seq.next_element()? {
            if !(self.element)(element) {
                return Err(S::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for EntryText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EntryText<'de>, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = EntryText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry: [\"nanoseconds\", \"line\"] or [\"nanoseconds\", \"line\", {…}]")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<EntryText<'de>, S::Error> {
                let time = seq.next_element()?.ok_or_else(|| S::Error::invalid_length(0, &self))?;
                let line = seq.next_element()?.ok_or_else(|| S::Error::invalid_length(1, &self))?;
                let metadata = seq.next_element()?;
                match seq.next_element::<IgnoredAny>()? {
                    None => Ok(EntryText { time, line, metadata }),
                    Some(_) => Err(S::Error::invalid_length(4, &self)),
                }
            }
        }
        deserializer.deserialize_seq(Parts)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        struct Nanoseconds;
        impl Visitor<'_> for Nanoseconds {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("nanoseconds since the epoch, as text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                text.parse().map(|nanos: i64| Time(nanos.into())).map_err(|_| {
                    E::custom("a time is nanoseconds since the epoch, as text: \"1700000000000000000\"")
                })
            }

            fn visit_u64<E>(self, nanos: u64) -> Result<Time, E> {
                Ok(Time(nanos.into()))
            }

            fn visit_i64<E>(self, nanos: i64) -> Result<Time, E> {
                Ok(Time(nanos.into()))
            }
        }
        deserializer.deserialize_any(Nanoseconds)
    }
}
