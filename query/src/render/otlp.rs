//! Records back in OTLP's own JSON: one object with `resourceSpans` and `resourceLogs`, each record under
//! its resource and scope, field for field as it was sent.
//!
//! The protobuf JSON mapping with OTLP's exceptions: ids are hexadecimal, enums are numbers, 64-bit integers
//! are text, fields with their default value are left out. What has no place in OTLP (flags, the original
//! line of a text input) is not in it.

mod grouping;
mod message;
mod spans;

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use spandrel_store::Record;

pub use spans::resource_spans;

/// Records that serialise as one OTLP/JSON object.
#[derive(Debug)]
pub struct OtlpJson<'a>(pub &'a [Arc<Record>]);

impl Serialize for OtlpJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (spans, logs): (Vec<&Record>, Vec<&Record>) =
            self.0.iter().map(Arc::as_ref).partition(|record| record.span().is_some());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("resourceSpans", &message::list(&grouping::by_resource(&spans)))?;
        map.serialize_entry("resourceLogs", &message::list(&grouping::by_resource(&logs)))?;
        map.end()
    }
}

/// The spans among records, alone: the object has nothing but `resourceSpans`.
#[derive(Debug)]
pub struct OtlpSpans<'a>(pub &'a [Arc<Record>]);

impl Serialize for OtlpSpans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("resourceSpans", &ResourceSpans(self.0))?;
        map.end()
    }
}

/// The spans among records as a list, by their resources.
#[derive(Debug)]
pub struct ResourceSpans<'a>(pub &'a [Arc<Record>]);

impl Serialize for ResourceSpans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let spans: Vec<&Record> =
            self.0.iter().map(Arc::as_ref).filter(|record| record.span().is_some()).collect();
        message::list(&grouping::by_resource(&spans)).serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
