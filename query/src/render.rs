//! Records as the native API shows them, in JSON.
//!
//! Called with records, and with flags that an answer adds to those a record was kept with; knows nothing of
//! questions. Everything is serialised straight to the writer: no record's JSON exists as a tree, so an
//! answer of 200,000 records costs no more memory than its text. Times are RFC 3339 in UTC with nine digits,
//! durations whole nanoseconds, ids lower-case hexadecimal.

mod log;
pub mod otlp;
pub mod schema;
mod span;
pub mod time;
pub(crate) mod value;

use std::fmt::Display;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use spandrel_store::{Flags, Record, RecordBody};
use utoipa::openapi::{RefOr, Schema};

/// A record in an answer.
#[derive(Debug, Clone)]
pub struct RecordView {
    pub record: Arc<Record>,
    /// What was found out about the record in the company of others, beside its own flags.
    pub found: Flags,
}

impl RecordView {
    pub fn new(record: Arc<Record>) -> RecordView {
        RecordView { record, found: Flags::NONE }
    }

    /// All flags: its own and those found out.
    pub fn flags(&self) -> Flags {
        let mut flags = self.record.flags;
        flags.insert(self.found);
        flags
    }
}

impl From<Arc<Record>> for RecordView {
    fn from(record: Arc<Record>) -> RecordView {
        RecordView::new(record)
    }
}

impl Serialize for RecordView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.record.body {
            RecordBody::Span(span) => span::entries(&mut map, &self.record, span)?,
            RecordBody::Log(log) => log::entries(&mut map, &self.record, log)?,
        }
        map.serialize_entry("resource", &value::Attributes(self.record.resource.attributes()))?;
        map.serialize_entry("scope", &Scope(&self.record))?;
        map.serialize_entry("flags", &FlagNames(self.flags()))?;
        map.end()
    }
}

impl utoipa::PartialSchema for RecordView {
    fn schema() -> RefOr<Schema> {
        schema::Record::schema()
    }
}

impl utoipa::ToSchema for RecordView {
    fn name() -> std::borrow::Cow<'static, str> {
        "Record".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schema::Record::schemas(schemas);
    }
}

/// `name`, `version` and `attributes`, always; what else there is only where it says something.
struct Scope<'a>(&'a Record);

impl Serialize for Scope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scope = self.0.scope.scope.as_ref();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", scope.map_or("", |scope| &scope.name))?;
        map.serialize_entry("version", scope.map_or("", |scope| &scope.version))?;
        map.serialize_entry("attributes", &value::Attributes(self.0.scope.attributes()))?;
        let dropped = scope.map_or(0, |scope| scope.dropped_attributes_count);
        non_zero(&mut map, "dropped_attributes_count", dropped)?;
        non_empty(&mut map, "schema_url", &self.0.scope.schema_url)?;
        map.end()
    }
}

struct FlagNames(Flags);

impl Serialize for FlagNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.names())
    }
}

/// Anything as the text it displays as.
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

pub(crate) fn non_zero<M: SerializeMap>(map: &mut M, key: &'static str, number: u32) -> Result<(), M::Error> {
    if number == 0 { Ok(()) } else { map.serialize_entry(key, &number) }
}

pub(crate) fn non_empty<M: SerializeMap>(map: &mut M, key: &'static str, text: &str) -> Result<(), M::Error> {
    if text.is_empty() { Ok(()) } else { map.serialize_entry(key, text) }
}

#[cfg(test)]
pub(crate) mod tests;
