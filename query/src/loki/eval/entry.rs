//! A log record as Loki has it: the labels of its stream, structured metadata, a line.
//!
//! The stream's labels are those resource attributes that Loki indexes by default, and all of a stream that was
//! pushed: those were its labels. Every other attribute of
//! the resource, the scope and the record is structured metadata, with OpenTelemetry's own fields beside them.
//! `trace_id` and `span_id` are the record's own ids; attributes of these names have `attr_` before theirs.
//! `detected_level` is the level that Spandrel found when the record came in, so that it is the same everywhere.

use std::borrow::Cow;

use spandrel_store::otlp::{AnyValue, KeyValue, Value};
use spandrel_store::record::streams::STREAM_ATTRIBUTES;
use spandrel_store::record::value::to_text;
use spandrel_store::{Receiver, Record};

use super::parsers::{ERROR, ERROR_DETAILS};
use crate::language::logql::template;

const SERVICE_NAME: &str = "service_name";
const UNKNOWN_SERVICE: &str = "unknown_service";

/// Names that only the record's own ids have.
const RESERVED: [&str; 2] = ["trace_id", "span_id"];

/// Maps within maps that are made labels of.
const DEPTH_MAX: usize = 16;

/// Labels that a question makes of one line: what is in the longest, and what the longest template makes.
pub(super) const MADE_BYTES_MAX: usize = 2 << 20;

/// Of a message about what went wrong.
const DETAILS_BYTES_MAX: usize = 1 << 10;

/// Where a label is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Stream,
    Metadata,
    Parsed,
}

#[derive(Debug, Clone)]
pub struct Label {
    pub kind: Kind,
    pub name: Cow<'static, str>,
    pub value: String,
}

impl Label {
    fn bytes(&self) -> usize {
        size_of::<Label>() + self.name.len() + self.value.len()
    }
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub time_ns: u64,
    pub line: String,
    pub labels: Vec<Label>,
}

/// The resource attributes that a label of streams is made of. One that Loki doesn't make itself can only be a label
/// that a stream was pushed with.
pub fn index_attributes(label: &str) -> Vec<String> {
    let known: Vec<String> = STREAM_ATTRIBUTES
        .into_iter()
        .filter(|attribute| mangled(attribute) == label)
        .map(str::to_owned)
        .collect();
    if known.is_empty() { vec![label.to_owned()] } else { known }
}

/// Whether an attribute of a record's resource is a label of its stream.
fn is_label(attribute: &str, receiver: Receiver) -> bool {
    receiver == Receiver::LokiPush || STREAM_ATTRIBUTES.contains(&attribute)
}

/// An attribute's name as a label's: letters, digits and underscores.
pub fn mangled(name: &str) -> String {
    let mut mangled: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if mangled.starts_with(|c: char| c.is_ascii_digit()) {
        mangled.insert(0, '_');
    }
    mangled
}

/// The labels of a record's stream, by name.
pub fn stream_labels(record: &Record) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for attribute in record.resource.attributes() {
        let is_label = is_label(&attribute.key, record.receiver);
        if let Some(value) = attribute.value.as_ref().filter(|_| is_label) {
            let value = to_text(value);
            if !value.is_empty() {
                set(&mut labels, mangled(&attribute.key), value.into_owned());
            }
        }
    }
    if !labels.iter().any(|(name, _)| name == SERVICE_NAME) {
        labels.push((SERVICE_NAME.to_owned(), UNKNOWN_SERVICE.to_owned()));
    }
    labels.sort();
    labels
}

fn set(labels: &mut Vec<(String, String)>, name: String, value: String) {
    match labels.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = value,
        None => labels.push((name, value)),
    }
}

impl Entry {
    /// `None` for a span. Structured metadata is left out where nobody asks for it.
    pub fn of(record: &Record, with_metadata: bool) -> Option<Entry> {
        record.log()?;
        let stream = stream_labels(record).into_iter();
        let mut labels: Vec<Label> =
            stream.map(|(name, value)| Label { kind: Kind::Stream, name: name.into(), value }).collect();
        if with_metadata {
            metadata(record, &mut labels);
        }
        Some(Entry { time_ns: record.time().0, line: line(record), labels })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let of = |kind: Kind| self.labels.iter().find(move |label| label.kind == kind && label.name == name);
        let found = of(Kind::Parsed).or_else(|| of(Kind::Metadata)).or_else(|| of(Kind::Stream));
        found.map(|label| label.value.as_str())
    }

    /// What it takes in an answer.
    pub fn bytes(&self) -> usize {
        size_of::<Entry>() + self.line.len() + self.labels.iter().map(Label::bytes).sum::<usize>()
    }

    /// Gives a label a value of the query's own, whatever it was before.
    pub fn set(&mut self, name: &str, value: String) {
        self.remove(name);
        if self.has_room(name, &value) {
            self.labels.push(Label { kind: Kind::Parsed, name: name.to_owned().into(), value });
        }
    }

    /// Notes what went wrong.
    pub fn fail(&mut self, error: &str, mut details: String) {
        details.truncate(details.floor_char_boundary(DETAILS_BYTES_MAX));
        for (name, value) in [(ERROR, error.to_owned()), (ERROR_DETAILS, details)] {
            self.remove(name);
            self.labels.push(Label { kind: Kind::Parsed, name: name.into(), value });
        }
    }

    /// Whether one more label may be made of the line; else that is what went wrong.
    fn has_room(&mut self, name: &str, value: &str) -> bool {
        let made = self.labels.iter().filter(|label| label.kind == Kind::Parsed && label.name != name);
        let made: usize = made.map(Label::bytes).sum();
        let has_room = made + name.len() + value.len() <= MADE_BYTES_MAX;
        if !has_room {
            let max = MADE_BYTES_MAX >> 20;
            self.fail("TooManyLabelsErr", format!("labels made of one line have more than {max} MiB"));
        }
        has_room
    }

    /// A label that was found in the line. If the record has one of that name, it is told apart by its name.
    pub fn extract(&mut self, name: &str, value: String) {
        let taken = self.labels.iter().any(|label| label.kind != Kind::Parsed && label.name == name);
        let name = if taken { format!("{name}_extracted") } else { name.to_owned() };
        if !self.has_room(&name, &value) {
            return;
        }
        let parsed = self.labels.iter_mut().find(|label| label.kind == Kind::Parsed && label.name == name);
        match parsed {
            Some(label) => label.value = value,
            None => self.labels.push(Label { kind: Kind::Parsed, name: name.into(), value }),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.labels.retain(|label| label.name != name);
    }

    /// All labels, each name once, by name.
    pub fn all(&self) -> Vec<(String, String)> {
        let mut labels: Vec<&Label> = self.labels.iter().collect();
        labels.sort_by(|a, b| a.name.cmp(&b.name).then(b.kind.cmp(&a.kind)));
        labels.dedup_by(|later, earlier| later.name == earlier.name);
        labels.into_iter().map(|label| (label.name.to_string(), label.value.clone())).collect()
    }
}

impl template::Source for Entry {
    fn label(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    fn labels(&self) -> Vec<(String, String)> {
        self.all()
    }

    fn line(&self) -> &str {
        &self.line
    }

    fn time_ns(&self) -> u64 {
        self.time_ns
    }
}

/// The line as it was sent, where it came as one; else the body: its text, or its JSON.
fn line(record: &Record) -> String {
    if let Some(original) = record.original.as_ref().filter(|original| !holds_otlp(original)) {
        return String::from_utf8_lossy(original).into_owned();
    }
    let body = record.log().and_then(|log| log.body.as_ref());
    body.map(|body| to_text(body).into_owned()).unwrap_or_default()
}

/// A line that is a whole request of OTLP in JSON, maybe in a container's line, is kept with the first of its records, and
/// is no more that one's line than any other's.
fn holds_otlp(line: &[u8]) -> bool {
    const START_BYTES_MAX: usize = 128;
    let start = &line[..line.len().min(START_BYTES_MAX)];
    let field = b"resourceLogs".as_slice();
    let Some(place) = start.windows(field.len()).position(|part| part == field) else { return false };
    let before =
        start[..place].iter().rev().find(|byte| !matches!(byte, b'"' | b'\\') && !byte.is_ascii_whitespace());
    before == Some(&b'{')
}

fn metadata(record: &Record, labels: &mut Vec<Label>) {
    let Some(log) = record.log() else { return };
    let mut found: Vec<(String, String)> = Vec::new();
    let of_resource = record.resource.attributes().iter();
    let not_indexed = of_resource.filter(|attribute| !is_label(&attribute.key, record.receiver));
    not_indexed.for_each(|attribute| flatten("", attribute, &mut found, 0));
    record.scope.attributes().iter().for_each(|attribute| flatten("", attribute, &mut found, 0));
    log.attributes.iter().for_each(|attribute| flatten("", attribute, &mut found, 0));
    let mut own = |name: &str, value: String| {
        if !value.is_empty() {
            set(&mut found, name.to_owned(), value);
        }
    };
    let count = |number: u64| if number == 0 { String::new() } else { number.to_string() };
    // Of what was pushed it is this program's own, and would make a stream of each entry.
    if log.time_unix_nano != 0 && record.receiver != Receiver::LokiPush {
        own("observed_timestamp", count(log.observed_time_unix_nano));
    }
    own("severity_number", count(u64::try_from(log.severity_number).unwrap_or(0)));
    own("severity_text", log.severity_text.clone());
    own("trace_id", record.trace_id().map(|id| id.to_string()).unwrap_or_default());
    own("span_id", record.span_id().map(|id| id.to_string()).unwrap_or_default());
    own("flags", count(u64::from(log.flags)));
    own("event_name", log.event_name.clone());
    own("dropped_attributes_count", count(u64::from(log.dropped_attributes_count)));
    if let Some(scope) = &record.scope.scope {
        own("scope_name", scope.name.clone());
        own("scope_version", scope.version.clone());
        own("scope_dropped_attributes_count", count(u64::from(scope.dropped_attributes_count)));
    }
    own("detected_level", record.level.map_or("unknown", |level| level.as_str()).to_owned());
    for (name, value) in found {
        let taken = labels.iter().any(|label| label.name == name);
        let name = if taken { format!("{name}_extracted") } else { name };
        labels.push(Label { kind: Kind::Metadata, name: name.into(), value });
    }
}

/// An attribute as one label, or a map as one for each of its values.
fn flatten(before: &str, attribute: &KeyValue, found: &mut Vec<(String, String)>, depth: usize) {
    let Some(value) = &attribute.value else { return };
    let name = mangled(&attribute.key);
    let name = if before.is_empty() { name } else { format!("{before}_{name}") };
    if let AnyValue { value: Some(Value::KvlistValue(map)) } = value
        && depth < DEPTH_MAX
    {
        map.values.iter().for_each(|inner| flatten(&name, inner, found, depth + 1));
        return;
    }
    let name = if RESERVED.contains(&name.as_str()) { format!("attr_{name}") } else { name };
    let value = to_text(value);
    if !value.is_empty() {
        set(found, name, value.into_owned());
    }
}

#[cfg(test)]
mod tests;
