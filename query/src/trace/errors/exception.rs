//! Exceptions: from the events of a span, from the attributes of a log, and from text that a logger wrote
//! one into.
//!
//! Reading text is a help, not a parser: it knows how Java, Python, JavaScript and .NET print exceptions,
//! takes the innermost one, and says nothing where it isn't sure. It looks at each byte a few times at most,
//! and only at the first [`TEXT_BYTES_MAX`].

use serde::Serialize;
use spandrel_store::UnixNanos;
use spandrel_store::otlp::{KeyValue, LogRecord, Value, span};
use utoipa::ToSchema;

/// An exception as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exception<'a> {
    #[serde(rename = "type")]
    #[schema(rename = "type", required)]
    pub exception_type: Option<&'a str>,
    #[schema(required)]
    pub message: Option<&'a str>,
    #[schema(required)]
    pub stacktrace: Option<&'a str>,
}

/// An exception stands in the first lines of a text, if anywhere.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// OpenTelemetry's names come first and are believed. The others, after them, also mean other things, and are
/// taken where they look like an exception.
const TYPE_KEYS: &[&str] = &["exception.type", "error.type", "err.type", "error.kind", "exception_class"];
const MESSAGE_KEYS: &[&str] = &["exception.message", "error.message", "err.message", "exception_message"];
const STACK_KEYS: &[&str] = &[
    "exception.stacktrace",
    "error.stack_trace",
    "error.stack",
    "err.stack",
    "stack_trace",
    "stacktrace",
    "exc_info",
    "stack",
    "exception",
];

impl<'a> Exception<'a> {
    /// One line of it: the message, else the type.
    pub fn summary(&self) -> &'a str {
        self.message.or(self.exception_type).unwrap_or("exception")
    }

    fn same_failure(&self, other: &Exception<'_>) -> bool {
        (self.exception_type, self.message) == (other.exception_type, other.message)
    }
}

/// The exceptions that a span recorded, in the order of its events; of those that say the same, the last.
/// An event without a time is as late as its span's end, `end`.
pub(super) fn of_events(events: &[span::Event], end: UnixNanos) -> Vec<(UnixNanos, Exception<'_>)> {
    let mut found: Vec<(UnixNanos, Exception<'_>)> = Vec::new();
    for event in events {
        let Some(exception) = of_event(event) else { continue };
        // Spans with very many exceptions are not worth comparing each with each.
        let recent = found.len().saturating_sub(COMPARED_MAX);
        if let Some(place) = found[recent..].iter().position(|(_, other)| other.same_failure(&exception)) {
            found.remove(recent + place);
        }
        let time = if event.time_unix_nano == 0 { end } else { UnixNanos(event.time_unix_nano) };
        found.push((time, exception));
    }
    found
}

const COMPARED_MAX: usize = 16;

fn of_event(event: &span::Event) -> Option<Exception<'_>> {
    let text = |key| find_text(&event.attributes, key).filter(|text| !text.is_empty());
    let exception = Exception {
        exception_type: text("exception.type"),
        message: text("exception.message"),
        stacktrace: text("exception.stacktrace"),
    };
    let named = event.name == "exception";
    (named || exception.exception_type.is_some() || exception.message.is_some()).then_some(exception)
}

/// The exception that a log tells of: in its attributes, in a structured body, or in its text.
pub(super) fn of_log(log: &LogRecord) -> Option<Exception<'_>> {
    let body = log.body.as_ref().and_then(|body| body.value.as_ref());
    let inside: &[KeyValue] = match body {
        Some(Value::KvlistValue(map)) => &map.values,
        _ => &[],
    };
    let find = |key: &str| find_text(&log.attributes, key).or_else(|| find_text(inside, key));
    let first = |keys: &[&str], looks_right: fn(&str) -> bool| {
        let believed = |key: &&str, text: &str| *key == keys[0] && !text.trim().is_empty();
        keys.iter().find_map(|key| find(key).filter(|text| believed(key, text) || looks_right(text)))
    };
    let exception_type = first(TYPE_KEYS, names_exception);
    let message = first(MESSAGE_KEYS, |text| !text.trim().is_empty());
    let stacktrace = first(STACK_KEYS, |text| of_text(text).is_some());
    if exception_type.is_some() {
        return Some(Exception { exception_type, message, stacktrace });
    }
    if let Some(stack) = stacktrace {
        let read = of_text(stack);
        return Some(Exception {
            exception_type: read.and_then(|read| read.exception_type),
            message: message.or(read.and_then(|read| read.message)),
            stacktrace,
        });
    }
    match body {
        Some(Value::StringValue(text)) => of_text(text),
        _ => find_text(inside, "message").or_else(|| find_text(inside, "msg")).and_then(of_text),
    }
}

/// The text under a dotted name, be it one key or the keys of maps within maps.
pub(super) fn find_text<'a>(list: &'a [KeyValue], name: &str) -> Option<&'a str> {
    list.iter().find_map(|kv| {
        let value = kv.value.as_ref()?.value.as_ref()?;
        let rest = name.strip_prefix(kv.key.as_str())?;
        match value {
            Value::StringValue(text) if rest.is_empty() => Some(text.as_str()),
            // Each step takes a part of the name away, so the nesting followed is bounded by the name.
            Value::KvlistValue(map) => find_text(&map.values, rest.strip_prefix('.')?),
            _ => None,
        }
    })
}

/// The innermost exception that is printed in a text.
pub(super) fn of_text(text: &str) -> Option<Exception<'_>> {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    if !["Exception", "Error", "Traceback", "Throwable"].iter().any(|word| text.contains(word)) {
        return None;
    }
    let lines = || text.lines().filter(|line| !is_frame(line));
    let (exception_type, message) = lines().filter_map(of_line).next_back()?;
    let stacktrace = text.lines().any(is_frame).then_some(text);
    Some(Exception { exception_type: Some(exception_type), message, stacktrace })
}

/// `    at shop.Cart.add(Cart.java:12)` of Java, .NET and JavaScript, `  File "cart.py", line 3` of Python.
fn is_frame(line: &str) -> bool {
    let inner = line.trim_start();
    inner.len() < line.len() && (inner.starts_with("at ") || inner.starts_with("File \""))
}

/// The last name of an exception in a line that is followed by a message or by nothing, with the message.
fn of_line(line: &str) -> Option<(&str, Option<&str>)> {
    let mut found = None;
    let mut start = 0;
    for (end, c) in line.char_indices().chain([(line.len(), ' ')]) {
        if c.is_alphanumeric() || matches!(c, '.' | '_' | '$') {
            continue;
        }
        if names_exception(&line[start..end]) && matches!(c, ':' | ' ' | ']' | ')') {
            let rest = &line[end..];
            match rest.strip_prefix(": ") {
                Some(message) => found = Some((&line[start..end], message_of(message))),
                None if ends_here(rest) => found = Some((&line[start..end], None)),
                None => {}
            }
        }
        start = end + c.len_utf8();
    }
    found
}

fn ends_here(rest: &str) -> bool {
    rest.trim_end_matches([':', ']', ')', ' ']).is_empty()
}

/// `java.lang.IllegalStateException`, `ValueError`, `requests.exceptions.ConnectionError`; not `Error`.
fn names_exception(word: &str) -> bool {
    let Some(name) = word.rsplit('.').next().filter(|name| name.starts_with(|c: char| c.is_uppercase()))
    else {
        return false;
    };
    let qualified = name.len() < word.len() && !word.starts_with('.');
    ["Exception", "Error", "Throwable"]
        .iter()
        .any(|suffix| name.ends_with(suffix) && (qualified || name.len() > suffix.len()))
}

/// The message up to a bracket that closes what the message didn't open.
fn message_of(text: &str) -> Option<&str> {
    let mut open = 0usize;
    let mut end = text.len();
    for (place, c) in text.char_indices() {
        match c {
            '[' | '(' | '{' => open += 1,
            ']' | ')' | '}' if open == 0 => {
                end = place;
                break;
            }
            ']' | ')' | '}' => open -= 1,
            _ => {}
        }
    }
    Some(text[..end].trim()).filter(|message| !message.is_empty())
}
