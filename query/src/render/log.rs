//! A log's keys in JSON, those that it shares with spans aside.

use serde::ser::SerializeMap;
use spandrel_store::otlp::LogRecord;
use spandrel_store::record::{log_message, value::base64};
use spandrel_store::{Record, UnixNanos};

use super::time::Rfc3339;
use super::value::{Attributes, Json};
use super::{Text, non_empty, non_zero};

pub(super) fn entries<M: SerializeMap>(
    map: &mut M,
    record: &Record,
    log: &LogRecord,
) -> Result<(), M::Error> {
    map.serialize_entry("type", "log")?;
    map.serialize_entry("id", &Text(record.id))?;
    map.serialize_entry("trace_id", &record.trace_id().map(Text))?;
    map.serialize_entry("span_id", &record.span_id().map(Text))?;
    map.serialize_entry("service", record.service())?;
    map.serialize_entry("time", &Rfc3339(record.time()))?;
    let observed = Some(log.observed_time_unix_nano).filter(|nanos| *nanos != 0);
    map.serialize_entry("observed_time", &observed.map(|nanos| Rfc3339(UnixNanos(nanos))))?;
    map.serialize_entry("level", &record.level.map(Text))?;
    map.serialize_entry("severity_text", &log.severity_text)?;
    map.serialize_entry("severity_number", &log.severity_number)?;
    map.serialize_entry("message", &log_message(log))?;
    map.serialize_entry("body", &log.body.as_ref().map(Json::new))?;
    original(map, record)?;
    map.serialize_entry("event_name", &log.event_name)?;
    non_zero(map, "otlp_flags", log.flags)?;
    map.serialize_entry("attributes", &Attributes(&log.attributes))?;
    non_zero(map, "dropped_attributes_count", log.dropped_attributes_count)?;
    map.serialize_entry("source", record.receiver.as_str())
}

/// The line as text, and its very bytes where text cannot hold them.
fn original<M: SerializeMap>(map: &mut M, record: &Record) -> Result<(), M::Error> {
    let original = record.original.as_deref();
    map.serialize_entry("original", &original.map(String::from_utf8_lossy))?;
    match original.filter(|bytes| std::str::from_utf8(bytes).is_err()) {
        Some(bytes) => non_empty(map, "original_base64", &base64(bytes)),
        None => Ok(()),
    }
}
