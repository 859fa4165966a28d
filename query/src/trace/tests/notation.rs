//! Traces as text, one record a line:
//!
//! ```text
//! span <id> <parent or -> <service> <start>..<end> <name…> [key=value…]
//! event <span> <time> <name> [key=value…]
//! log <span or -> <service> <time> <level or -> <message…> [key=value…]
//! ```
//!
//! Ids are hexadecimal, times milliseconds after the start of 2024. A value may stand in quotes, with `\n`,
//! `\t` and `\"` in it. On a span `kind`, `status` and `message` (of the status) are what they say; every other
//! key is an attribute, a whole number where it reads as one.

use std::sync::Arc;

use spandrel_store::otlp::{AnyValue, KeyValue, LogRecord, Resource, Span, Status, Value, span};
use spandrel_store::{Flags, Level, NewRecord, Receiver, Record, RecordBody, RecordId, ResourceContext};
use spandrel_store::{SpanId, TraceId, UnixNanos};

pub(super) const TRACE: TraceId =
    TraceId(*b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36");

const EPOCH_MS: u64 = 1_704_067_200_000;

pub(super) struct Written {
    pub(super) records: Vec<Arc<Record>>,
}

pub(super) fn read(text: &str) -> Written {
    in_trace(text, TRACE)
}

pub(super) fn in_trace(text: &str, trace: TraceId) -> Written {
    let mut spans: Vec<(String, Span)> = Vec::new();
    let mut logs: Vec<(String, Option<Level>, LogRecord)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (words, pairs) = words_and_pairs(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["span", id, parent, service, times, name @ ..] => {
                spans.push(((*service).to_owned(), span(trace, id, parent, times, &name.join(" "), pairs)));
            }
            ["event", of, time, name] => {
                let id = span_id(of);
                let span = spans.iter_mut().rev().find(|(_, span)| span.span_id == id).unwrap();
                span.1.events.push(span::Event {
                    time_unix_nano: nanos(time),
                    name: (*name).to_owned(),
                    attributes: attributes(pairs),
                    dropped_attributes_count: 0,
                });
            }
            ["log", span, service, time, level, message @ ..] => {
                let log = log(trace, span, time, &message.join(" "), pairs);
                logs.push(((*service).to_owned(), Level::from_text(level), log));
            }
            other => panic!("no record: {other:?}"),
        }
    }
    let spans = spans.into_iter().map(|(service, span)| {
        let id = RecordId::of_span(trace, SpanId::from_otlp(&span.span_id).unwrap());
        let failed = span.status.as_ref().is_some_and(|status| status.code == 2);
        let backwards = span.end_time_unix_nano < span.start_time_unix_nano;
        let flags = if backwards { Flags::END_BEFORE_START } else { Flags::NONE };
        record(id, &service, failed.then_some(Level::Error), flags, RecordBody::Span(Box::new(span)))
    });
    let logs = logs.into_iter().enumerate().map(|(index, (service, level, log))| {
        let id = RecordId::of_log(1, 1, index as u32);
        record(id, &service, level, Flags::NONE, RecordBody::Log(Box::new(log)))
    });
    Written { records: spans.chain(logs).collect() }
}

fn span(trace: TraceId, id: &str, parent: &str, times: &str, name: &str, pairs: Pairs) -> Span {
    let (start, end) = times.split_once("..").unwrap();
    let take = |key: &str| pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone());
    let kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"];
    let kind = take("kind").map_or(0, |kind| kinds.iter().position(|k| *k == kind).unwrap() as i32);
    let status = take("status").map(|status| Status {
        code: ["unset", "ok", "error"].iter().position(|s| *s == status).unwrap() as i32,
        message: take("message").unwrap_or_default(),
    });
    let rest = pairs.into_iter().filter(|(key, _)| !["kind", "status", "message"].contains(&key.as_str()));
    Span {
        trace_id: trace.0.to_vec(),
        span_id: span_id(id),
        parent_span_id: if parent == "-" { Vec::new() } else { span_id(parent) },
        name: name.to_owned(),
        kind,
        start_time_unix_nano: nanos(start),
        end_time_unix_nano: nanos(end),
        attributes: attributes(rest.collect()),
        status,
        ..Span::default()
    }
}

fn log(trace: TraceId, span: &str, time: &str, message: &str, pairs: Pairs) -> LogRecord {
    LogRecord {
        trace_id: trace.0.to_vec(),
        span_id: if span == "-" { Vec::new() } else { span_id(span) },
        time_unix_nano: nanos(time),
        body: Some(AnyValue { value: Some(Value::StringValue(message.to_owned())) }),
        attributes: attributes(pairs),
        ..LogRecord::default()
    }
}

pub(super) fn record(
    id: RecordId,
    service: &str,
    level: Option<Level>,
    flags: Flags,
    body: RecordBody,
) -> Arc<Record> {
    let attributes = attributes(vec![("service.name".to_owned(), service.to_owned())]);
    let resource = Some(Resource { attributes, ..Resource::default() });
    let new = NewRecord {
        resource: Arc::new(ResourceContext { resource, schema_url: String::new() }),
        scope: Arc::default(),
        body,
        level,
        flags,
        original: None,
    };
    Arc::new(Record::new(id, Receiver::OtlpHttp, UnixNanos(EPOCH_MS * 1_000_000), new))
}

type Pairs = Vec<(String, String)>;

/// The words of a line up to its first `key=value`, and the pairs. Quotes hold spaces together, and make a
/// word no pair.
fn words_and_pairs(line: &str) -> (Vec<String>, Pairs) {
    let (mut words, mut pairs) = (Vec::new(), Pairs::new());
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let plain = rest.find([' ', '"']).unwrap_or(rest.len());
        let (word, quoted, after) = match rest[plain..].strip_prefix('"') {
            Some(inside) if plain == 0 || rest[..plain].ends_with('=') => {
                let (value, length) = unquoted(inside);
                (&rest[..plain], Some(value), &inside[length..])
            }
            _ => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (&rest[..end], None, &rest[end..])
            }
        };
        match (word.split_once('='), quoted) {
            (Some((key, value)), quoted) => pairs.push((key.to_owned(), quoted.unwrap_or(value.to_owned()))),
            (None, quoted) => words.push(quoted.unwrap_or(word.to_owned())),
        }
        rest = after.trim_start();
    }
    (words, pairs)
}

/// The text up to the closing quote, with its escapes undone, and how much of the line it took.
fn unquoted(inside: &str) -> (String, usize) {
    let (mut value, mut escaped) = (String::new(), false);
    for (place, c) in inside.char_indices() {
        match c {
            'n' if escaped => value.push('\n'),
            't' if escaped => value.push('\t'),
            '"' if !escaped => return (value, place + 1),
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            c => value.push(c),
        }
        escaped = false;
    }
    panic!("no closing quote: {inside}")
}

fn attributes(pairs: Pairs) -> Vec<KeyValue> {
    let value = |text: String| match text.parse() {
        Ok(number) => Value::IntValue(number),
        Err(_) => Value::StringValue(text),
    };
    let pair =
        |(key, text)| KeyValue { key, value: Some(AnyValue { value: Some(value(text)) }), key_strindex: 0 };
    pairs.into_iter().map(pair).collect()
}

fn span_id(hex: &str) -> Vec<u8> {
    u64::from_str_radix(hex, 16).unwrap().to_be_bytes().to_vec()
}

fn nanos(milliseconds: &str) -> u64 {
    (EPOCH_MS + milliseconds.parse::<u64>().unwrap()) * 1_000_000
}
