//! What the SDKs of OpenTelemetry print to a console: Java's logging exporters, .NET's, Rust's and JavaScript's.
//!
//! They print to be looked at: a part of the record on each line, in Java all of it on one. Nobody promises the form, so
//! only the parts that every log has are read, by their names, and the record stays as it was printed. Spans are printed in
//! the same ways, and have their ids found.

use spandrel_store::otlp::{KeyValue, Value};

use crate::normalise::attribute;

/// What a dump says.
#[derive(Debug, Default)]
pub(super) struct Dump<'t> {
    /// Under the names that [`super::names`] knows.
    pub(super) fields: Vec<KeyValue>,
    /// The text of an exception, with its stack.
    pub(super) exception: Option<&'t str>,
}

/// Reads a text that is such a dump; `None` for any other.
pub(super) fn read(text: &str) -> Option<Dump<'_>> {
    dotnet(text).or_else(|| rust(text)).or_else(|| javascript(text)).or_else(|| java(text))
}

/// What stands first in what .NET prints, with and without a time or a trace; anybody may have an `Activity.Log`.
const FIRST_OF_DOTNET: [&str; 5] =
    ["LogRecord.Timestamp:", "LogRecord.TraceId:", "Activity.TraceId:", "Activity.Id:", "Activity.SpanId:"];

/// Whether a line is the first of .NET's.
pub(super) fn begins(line: &[u8]) -> bool {
    FIRST_OF_DOTNET.iter().any(|first| line.starts_with(first.as_bytes()))
}

/// `LogRecord.TraceId:                 4bf92f35…` and so on.
fn dotnet(text: &str) -> Option<Dump<'_>> {
    if !begins(text.as_bytes()) {
        return None;
    }
    let kind = text.split_inclusive('.').next()?;
    let mut dump = Dump::default();
    let mut body = None;
    for line in text.lines() {
        let Some((name, value)) = line.strip_prefix(kind).and_then(|line| line.split_once(':')) else {
            continue;
        };
        let value = value.trim();
        match name {
            "FormattedMessage" => dump.add("message", value),
            "Body" => body = Some(value),
            "Exception" => {
                dump.exception = text.split_once("LogRecord.Exception:").map(|(_, text)| text.trim())
            }
            _ => {
                if let Some(name) = known(name) {
                    dump.add(name, value);
                }
            }
        }
    }
    if !dump.has("message") {
        dump.add("message", body.unwrap_or_default());
    }
    Some(dump)
}

/// `Log #0`, and below it `\t TraceId: 4bf92f35…` and so on.
fn rust(text: &str) -> Option<Dump<'_>> {
    let (number, lines) = text.strip_prefix("Log #")?.split_once('\n')?;
    if !number.trim_end().bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut dump = Dump::default();
    for line in lines.lines() {
        let Some((name, value)) = line.strip_prefix('\t').and_then(|line| line.trim_start().split_once(": "))
        else {
            continue;
        };
        let value = value.trim();
        match name {
            // It is printed in UTC, which it does not say.
            "Timestamp" => dump.add("timestamp", &format!("{value}Z")),
            "Body" => dump.add("message", &between(value, "(\"", "\")").map(unescaped).unwrap_or_default()),
            "SeverityText" => dump.add("severity_text", value.trim_matches('"')),
            _ => {
                if let Some(name) = known(name) {
                    dump.add(name, value);
                }
            }
        }
    }
    Some(dump)
}

/// `  traceId: '4bf92f35…',` and so on, as Node shows an object.
fn javascript(text: &str) -> Option<Dump<'_>> {
    if !text.starts_with("{\n") {
        return None;
    }
    let mut dump = Dump::default();
    let mut is_of_opentelemetry = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let own = line.strip_prefix("  ").filter(|line| !line.starts_with(' '));
        let Some((name, value)) = own.and_then(|line| line.split_once(": ")) else { continue };
        is_of_opentelemetry |= matches!(name, "instrumentationScope" | "traceFlags");
        let mut value = shown(value);
        // A long text stands on several lines, one for each of its own.
        while let Some(before) = value.strip_suffix(" +") {
            let more = lines.next().unwrap_or_default();
            value = before.trim_end_matches(['\'', '"', '`']).to_owned()
                + shown(more.trim()).get(1..).unwrap_or_default();
        }
        let is_text = value.starts_with(['\'', '"', '`']);
        match name {
            "timestamp" => dump
                .fields
                .extend(value.parse().ok().map(|time| attribute("timestamp", Value::IntValue(time)))),
            "body" if is_text => dump.add("message", &unescaped(value.trim_matches(['\'', '"', '`']))),
            "traceId" | "spanId" | "severityText" if is_text => {
                if let Some(name) = known(name) {
                    dump.add(name, value.trim_matches(['\'', '"', '`']));
                }
            }
            "severityNumber" if !dump.has("severity_text") => dump.add("severity_number", &value),
            _ => {}
        }
    }
    is_of_opentelemetry.then_some(dump)
}

/// Without the comma behind it.
fn shown(value: &str) -> String {
    value.trim_end().trim_end_matches(',').to_owned()
}

/// `2026-… ERROR 'no funds' : 4bf92f35… 00f067aa… [scopeInfo: shop:1.0] {…}`, of spans `'GET /' : … … SERVER [tracer: shop:1.0] …`.
fn java(text: &str) -> Option<Dump<'_>> {
    const MARK: &str = "' : ";
    let (place, ids) = text.match_indices(MARK).find_map(|(place, mark)| {
        let ids = &text[place + mark.len()..];
        let is_id = |start: usize, end: usize| {
            ids.get(start..end).is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        (is_id(0, 32) && is_id(33, 49) && ids.get(32..33) == Some(" ") && ids.get(49..50) == Some(" "))
            .then_some((place, ids))
    })?;
    let mut dump = Dump::default();
    dump.add("trace_id", &ids[..32]);
    dump.add("span_id", &ids[33..49]);
    if ids[50..].starts_with("[scopeInfo: ")
        && let Some(start) = text[..place].find(" '")
    {
        dump.add("message", &text[start + 2..place]);
    }
    Some(dump)
}

/// The name that it has elsewhere.
fn known(name: &str) -> Option<&'static str> {
    Some(match name {
        "TraceId" | "traceId" => "trace_id",
        "SpanId" | "spanId" => "span_id",
        "SeverityText" | "severityText" | "Severity" | "LogLevel" => "severity_text",
        "Timestamp" | "StartTime" => "timestamp",
        _ => return None,
    })
}

impl Dump<'_> {
    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.key == name)
    }

    /// The first of a name counts; nothing is none.
    fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() && !self.has(name) {
            self.fields.push(attribute(name, Value::StringValue(value.to_owned())));
        }
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    rest.rsplit_once(end).map(|(inner, _)| inner)
}

/// The escapes of a text in quotes, of which those of line ends and quotes are the ones to be met.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
