//! The API's answers, as far as the command line shows them.
//!
//! Lenient on purpose: a field that is missing, null or new never keeps an answer from being shown, so that
//! this client also reads the sidecar of the next release. It knows the API by its documentation only and
//! shares no type with the server.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// What every answer carries.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Notes {
    #[serde(deserialize_with = "or_default")]
    pub coverage: Coverage,
    #[serde(deserialize_with = "or_default")]
    pub warnings: Vec<String>,
    pub truncated: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Coverage {
    pub complete: bool,
    pub asked: u64,
    pub answered: u64,
    #[serde(deserialize_with = "or_default")]
    pub missing: Vec<Missing>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Missing {
    #[serde(deserialize_with = "or_default")]
    pub peer: String,
    #[serde(deserialize_with = "or_default")]
    pub service: String,
    #[serde(deserialize_with = "or_default")]
    pub reason: String,
    /// The times of the records that are missing, where known.
    #[serde(deserialize_with = "or_default")]
    pub start: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    pub end: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Trace {
    #[serde(deserialize_with = "or_default")]
    pub trace_id: String,
    pub start: Option<Timestamp>,
    #[serde(deserialize_with = "nanoseconds")]
    pub duration_ns: i128,
    #[serde(deserialize_with = "or_default")]
    pub services: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub spans: Vec<Span>,
    #[serde(deserialize_with = "or_default")]
    pub logs: Vec<Log>,
    #[serde(deserialize_with = "or_default")]
    pub flags: Vec<String>,
    #[serde(flatten)]
    pub notes: Notes,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Span {
    /// The record's id.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub trace_id: String,
    #[serde(deserialize_with = "or_default")]
    pub span_id: String,
    #[serde(deserialize_with = "or_default")]
    pub parent_span_id: String,
    #[serde(deserialize_with = "or_default")]
    pub service: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub kind: String,
    pub start: Option<Timestamp>,
    #[serde(deserialize_with = "nanoseconds")]
    pub duration_ns: i128,
    #[serde(deserialize_with = "or_default")]
    pub status_message: String,
    #[serde(deserialize_with = "or_default")]
    pub level: String,
    #[serde(deserialize_with = "or_default")]
    pub events: Vec<Event>,
    #[serde(deserialize_with = "or_default")]
    pub flags: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

impl Event {
    /// `Type: message` of an exception; nothing for other events.
    pub fn exception(&self) -> Option<String> {
        let text = |key: &str| self.attributes.get(key).and_then(|value| value.as_str()).unwrap_or_default();
        if self.name != "exception" {
            return None;
        }
        match (text("exception.type"), text("exception.message")) {
            ("", message) => Some(message.to_owned()),
            (kind, "") => Some(kind.to_owned()),
            (kind, message) => Some(format!("{kind}: {message}")),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Log {
    #[serde(deserialize_with = "or_default")]
    pub trace_id: String,
    #[serde(deserialize_with = "or_default")]
    pub span_id: String,
    #[serde(deserialize_with = "or_default")]
    pub service: String,
    pub time: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    pub level: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    #[serde(deserialize_with = "or_default")]
    pub flags: Vec<String>,
}

/// One hit of a search or a tail.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Record {
    Span(Span),
    Log(Log),
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Search {
    #[serde(deserialize_with = "or_default")]
    pub records: Vec<Record>,
    pub next_cursor: Option<String>,
    #[serde(flatten)]
    pub notes: Notes,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Errors {
    #[serde(deserialize_with = "or_default")]
    pub trace_id: String,
    #[serde(deserialize_with = "or_default")]
    pub errors: Vec<Failure>,
    pub root_cause: Option<RootCause>,
    #[serde(deserialize_with = "or_default")]
    pub path: Vec<Step>,
    #[serde(flatten)]
    pub notes: Notes,
}

/// One error of a trace.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Failure {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    #[serde(deserialize_with = "or_default")]
    pub service: String,
    #[serde(deserialize_with = "or_default")]
    pub operation: String,
    pub time: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    pub level: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    #[serde(deserialize_with = "or_default")]
    pub exception: Exception,
    /// The record's id.
    #[serde(deserialize_with = "or_default")]
    pub record: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Exception {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    #[serde(alias = "stack", deserialize_with = "or_default")]
    pub stacktrace: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RootCause {
    #[serde(deserialize_with = "or_default")]
    pub service: String,
    #[serde(deserialize_with = "or_default")]
    pub operation: String,
    #[serde(deserialize_with = "or_default")]
    pub rule: String,
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    #[serde(deserialize_with = "or_default")]
    pub records: Vec<String>,
}

/// One span on the path from the cause to the entry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Step {
    #[serde(deserialize_with = "or_default")]
    pub service: String,
    #[serde(deserialize_with = "or_default")]
    pub operation: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Peers {
    #[serde(deserialize_with = "or_default")]
    pub peers: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(flatten)]
    pub notes: Notes,
}

/// RFC 9457; from the receivers google.rpc.Status.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    #[serde(deserialize_with = "or_default")]
    pub title: String,
    #[serde(alias = "message", deserialize_with = "or_default")]
    pub detail: String,
    /// Of an answer that had to be whole.
    #[serde(deserialize_with = "or_default")]
    pub coverage: Coverage,
}

/// An answer that says nothing of its coverage hides nothing.
impl Default for Coverage {
    fn default() -> Self {
        Coverage { complete: true, asked: 0, answered: 0, missing: Vec::new() }
    }
}

pub fn is_error(level: &str) -> bool {
    matches!(level, "error" | "fatal")
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Any integer that JSON can hold. By way of a number, as serde's buffers for tagged types know no `i128`.
fn nanoseconds<'de, D: Deserializer<'de>>(from: D) -> Result<i128, D::Error> {
    let number: Option<serde_json::Number> = Option::deserialize(from)?;
    Ok(number.and_then(|number| number.as_i128()).unwrap_or_default())
}
