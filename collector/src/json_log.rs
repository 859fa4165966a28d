//! Understanding a log line, JSON or text, from whichever logger it came.
//!
//! In comes one line, out goes an OpenTelemetry log record: trace and span id, level, time and message are
//! looked for under the names that loggers use ([`names`]), what remains of a JSON object becomes attributes
//! with their types. A line as Docker's json-file driver wrote it is opened and its text understood in turn. A
//! line that is no JSON object is text, in which ids and a level are looked for ([`text`]).
//!
//! Invariants: any bytes give a record, nothing panics, and what is consumed as a field stays in the line's
//! `original`, which the caller keeps. To know more loggers, add to the tables of `names`.

mod docker;
mod fields;
mod level;
mod names;
mod object;
mod text;
mod time;

use std::borrow::Cow;

use spandrel_store::otlp::{AnyValue, KeyValue, LogRecord, Value};
use spandrel_store::{Flags, SpanId, TraceId, UnixNanos};

use self::level::LineLevel;
use self::object::Object;
use crate::normalise::{Cuts, RecordLimits};

/// A line as a log record.
#[derive(Debug, Default)]
pub(crate) struct Understood {
    pub(crate) log: LogRecord,
    pub(crate) flags: Flags,
    /// The service that the line itself names.
    pub(crate) service: Option<String>,
}

/// What was found in a line, before it becomes a record.
#[derive(Debug, Default)]
struct Findings {
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
    /// A trace id was given and is none.
    bad_trace_id: bool,
    bad_span_id: bool,
    level: Option<LineLevel>,
    time: Option<UnixNanos>,
    message: Option<String>,
    service: Option<String>,
    attributes: Vec<KeyValue>,
    flags: Flags,
}

/// Reads lines within the limits; counts what it cuts.
#[derive(Debug)]
pub(crate) struct LineReader<'a> {
    pub(crate) limits: &'a RecordLimits,
    pub(crate) cuts: &'a mut Cuts,
}

impl LineReader<'_> {
    /// Understands a line that arrived at `received`.
    pub(crate) fn understand(&mut self, line: &[u8], received: UnixNanos) -> Understood {
        let text = String::from_utf8_lossy(line);
        let mut findings = self.findings(&text);
        if matches!(text, Cow::Owned(_)) {
            findings.flags.insert(Flags::INVALID_UTF8);
        }
        findings.into_record(&text, received)
    }

    fn findings(&mut self, line: &str) -> Findings {
        let trimmed = line.trim();
        if let Some(object) = object::read(trimmed, self.limits, self.cuts) {
            return match docker::open(object) {
                Ok(wrapped) => self.findings_in_docker_line(wrapped),
                Err(object) => Findings::in_object(object),
            };
        }
        if trimmed.starts_with('"')
            && let Ok(inner) = serde_json::from_str::<String>(trimmed)
        {
            return Findings::in_text(&inner);
        }
        let mut findings = Findings::in_text(line);
        if !is_json(trimmed) {
            findings.flags.insert(Flags::NOT_JSON);
        }
        findings
    }

    /// What the inner text tells goes before what Docker says of it.
    fn findings_in_docker_line(&mut self, wrapped: docker::Wrapped) -> Findings {
        let mut findings = match object::read(wrapped.text.trim(), self.limits, self.cuts) {
            Some(object) => Findings::in_object(object),
            None => Findings::in_text(&wrapped.text),
        };
        if findings.message.is_none() {
            findings.message = Some(wrapped.text);
        }
        if let Some(time) = wrapped.time.filter(|_| findings.time.is_none()) {
            findings.take_time(time);
        }
        findings.attributes.extend(wrapped.attributes);
        if wrapped.cut {
            findings.flags.insert(Flags::CUT);
        }
        findings
    }
}

/// A number, a list, `null`: JSON, though no object.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

impl Findings {
    fn in_object(object: Object) -> Findings {
        let mut findings = fields::find(object.fields);
        if object.cut {
            findings.flags.insert(Flags::CUT);
        }
        findings
    }

    fn in_text(line: &str) -> Findings {
        let mut findings = text::find(line);
        findings.message = Some(line.trim_end_matches(['\r', '\n']).to_owned());
        findings
    }

    fn into_record(self, line: &str, received: UnixNanos) -> Understood {
        let mut flags = self.flags;
        if self.bad_trace_id {
            flags.insert(Flags::BAD_TRACE_ID);
        }
        if self.bad_span_id {
            flags.insert(Flags::BAD_SPAN_ID);
        }
        // An object without a message is shown, and searched, as it stands.
        let message = self.message.unwrap_or_else(|| line.trim().to_owned());
        let level = self.level.unwrap_or_default();
        let log = LogRecord {
            time_unix_nano: self.time.unwrap_or_default().0,
            observed_time_unix_nano: received.0,
            severity_number: level.severity_number,
            severity_text: level.text,
            body: Some(AnyValue { value: Some(Value::StringValue(message)) }),
            attributes: self.attributes,
            trace_id: self.trace_id.map(|id| id.0.to_vec()).unwrap_or_default(),
            span_id: self.span_id.map(|id| id.0.to_vec()).unwrap_or_default(),
            ..LogRecord::default()
        };
        Understood { log, flags, service: self.service }
    }
}

#[cfg(test)]
mod tests;
