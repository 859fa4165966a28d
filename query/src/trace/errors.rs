//! What failed in a trace: every failure once, in order, and the answer that lists them.
//!
//! What counts, and what is one failure, is told to users in `docs/guide/errors-of-a-trace.md`:
//! * a span whose status is ERROR, with the exception that it recorded last: one failure;
//! * a span whose status is not set but whose HTTP or gRPC status tells of a failure, likewise;
//! * each further exception event of a span, unless it says the same as one already listed for that span;
//! * each log of level error or fatal, always: it is a record of its own.
//!
//! A failure's time is when it showed: an exception's or a log's own time, else the end of the span.
//! Borrows from the trace's records, so that long stack traces are not copied.

pub mod exception;
mod status;

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use spandrel_store::otlp::{LogRecord, Span};
use spandrel_store::record::{SpanExt, log_message};
use spandrel_store::{Level, Record, RecordId, UnixNanos};
use utoipa::ToSchema;

use self::exception::Exception;
use self::status::CallStatus;
use super::cause::{self, PathStep, RootCause};
use super::{SpanNode, TraceView, end_of};
use crate::render::Text;
use crate::render::time::Rfc3339;

/// Every error of a trace, the root cause, and the path from it to the entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct TraceErrors<'a> {
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: String,
    /// By time; of failures at once, the deepest first.
    pub errors: Vec<TraceError<'a>>,
    /// Null where there are no errors.
    #[schema(required)]
    pub root_cause: Option<RootCause<'a>>,
    /// From the cause's span up to where the trace, or what was found of it, begins.
    pub path: Vec<PathStep<'a>>,
    /// What else failed with nothing failing below it, most likely causes first.
    pub contributing: Vec<RootCause<'a>>,
    /// The trace has more records than the limit lets through; the cause may be among the others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub truncated: bool,
}

/// One failure.
#[derive(Debug, Serialize, ToSchema)]
pub struct TraceError<'a> {
    #[serde(rename = "type")]
    pub error_type: ErrorType,
    pub service: &'a str,
    /// The name of the span that failed, of a log its span's; null where there is none.
    #[schema(required)]
    pub operation: Option<&'a str>,
    /// When it showed.
    #[schema(value_type = String)]
    pub time: Rfc3339,
    /// `error` or `fatal`.
    #[serde(serialize_with = "level_text")]
    #[schema(value_type = String)]
    pub level: Level,
    pub message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<Exception<'a>>,
    /// The id of the span or log that tells of it.
    #[serde(serialize_with = "record_text")]
    #[schema(value_type = String)]
    pub record: RecordId,
    #[schema(required)]
    pub span_id: Option<String>,
    /// Where in the trace it belongs.
    #[serde(skip)]
    pub(super) place: Place<'a>,
    #[serde(skip)]
    pub(super) evidence: Evidence,
    /// The span was declared a success all the same.
    #[serde(skip)]
    pub(super) handled: bool,
}

/// What told of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ErrorType {
    /// A span with status ERROR.
    Span,
    /// An exception event.
    Exception,
    /// The HTTP status of a span.
    Http,
    /// The gRPC status of a span.
    Grpc,
    /// A log of level error or fatal.
    Log,
}

/// What a failure is known by, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    Exception,
    Grpc,
    Http,
    Log,
    Status,
}

/// Where a failure belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place<'a> {
    /// The span with this index.
    Span(usize),
    /// A service of which there is no span.
    Service(&'a str),
}

impl TraceView {
    pub fn errors(&self) -> TraceErrors<'_> {
        let errors = find(self);
        let verdict = cause::judge(self, &errors);
        TraceErrors {
            trace_id: self.trace_id.to_string(),
            errors,
            root_cause: verdict.root_cause,
            path: verdict.path,
            contributing: verdict.contributing,
            truncated: self.truncated,
        }
    }
}

/// Every failure of the trace once, in order.
pub(super) fn find(trace: &TraceView) -> Vec<TraceError<'_>> {
    let mut errors = Vec::new();
    for (place, node) in trace.spans.iter().enumerate() {
        of_span(node, place, &mut errors);
    }
    of_logs(trace, &mut errors);
    let depth = |error: &TraceError<'_>| match error.place {
        Place::Span(place) => trace.spans[place].depth,
        Place::Service(_) => 0,
    };
    errors.sort_by_key(|error| (error.time, std::cmp::Reverse(depth(error)), error.record));
    errors
}

fn of_span<'a>(node: &'a SpanNode, place: usize, errors: &mut Vec<TraceError<'a>>) {
    let (record, span) = (&*node.view.record, node.span());
    let mut exceptions = exception::of_events(&span.events, end_of(record));
    let handled = span.status_name() == "ok";
    if let Some((error_type, call)) = span_failure(span, handled) {
        let exception = exceptions.pop();
        let time = exception.as_ref().map_or(end_of(record), |(time, _)| *time);
        let exception = exception.map(|(_, exception)| exception);
        let error = TraceError {
            message: span_message(span, exception.as_ref(), call.as_ref()),
            evidence: match &call {
                _ if exception.is_some() => Evidence::Exception,
                Some(call) => call.evidence(),
                None => Evidence::Status,
            },
            exception,
            ..span_error(record, span, error_type, time, place)
        };
        errors.push(error);
    }
    for (time, exception) in exceptions {
        let error = TraceError {
            message: Cow::Borrowed(exception.summary()),
            evidence: Evidence::Exception,
            exception: Some(exception),
            handled,
            ..span_error(record, span, ErrorType::Exception, time, place)
        };
        errors.push(error);
    }
}

/// How the span itself failed, if it did. One that was declared a success is not judged by its call's
/// status.
fn span_failure(span: &Span, declared_ok: bool) -> Option<(ErrorType, Option<CallStatus<'_>>)> {
    if declared_ok {
        return None;
    }
    let call = CallStatus::failed(span);
    match &call {
        _ if span.is_error() => Some((ErrorType::Span, call)),
        Some(CallStatus::Http(_)) => Some((ErrorType::Http, call)),
        Some(CallStatus::Grpc(_)) => Some((ErrorType::Grpc, call)),
        None => None,
    }
}

fn span_error<'a>(
    record: &'a Record,
    span: &'a Span,
    error_type: ErrorType,
    time: UnixNanos,
    place: usize,
) -> TraceError<'a> {
    TraceError {
        error_type,
        service: record.service(),
        operation: Some(&span.name),
        time: Rfc3339(time),
        level: Level::Error,
        message: Cow::Borrowed(""),
        exception: None,
        record: record.id,
        span_id: record.span_id().map(|id| id.to_string()),
        place: Place::Span(place),
        evidence: Evidence::Status,
        handled: false,
    }
}

/// What the span says itself, else its exception, else the call's status, else `error.type`.
fn span_message<'a>(
    span: &'a Span,
    exception: Option<&Exception<'a>>,
    call: Option<&CallStatus<'a>>,
) -> Cow<'a, str> {
    let said = Some(span.status_message()).filter(|message| !message.is_empty());
    let thrown = exception.map(Exception::summary).filter(|message| !message.is_empty());
    match (said.or(thrown), call) {
        (Some(message), _) => Cow::Borrowed(message),
        (None, Some(call)) => Cow::Owned(call.to_string()),
        (None, None) => Cow::Borrowed(
            exception::find_text(&span.attributes, "error.type").unwrap_or("the span's status is error"),
        ),
    }
}

fn of_logs<'a>(trace: &'a TraceView, errors: &mut Vec<TraceError<'a>>) {
    let failing = trace.logs.iter().filter(|node| node.view.record.level >= Some(Level::Error));
    let (at_home, homeless): (Vec<_>, Vec<_>) = failing.partition(|node| node.span.is_some());
    let homes = super::cause::homes(trace, homeless.iter().map(|node| &*node.view.record));
    let homeless = homeless.into_iter().zip(homes);
    let at_home = at_home.into_iter().map(|node| (node, node.span));
    for (node, span) in at_home.chain(homeless) {
        let record = &*node.view.record;
        let (Some(log), Some(level)) = (record.log(), record.level) else { continue };
        errors.push(log_error(record, log, level, span.map(|place| (place, &trace.spans[place]))));
    }
}

fn log_error<'a>(
    record: &'a Record,
    log: &'a LogRecord,
    level: Level,
    span: Option<(usize, &'a SpanNode)>,
) -> TraceError<'a> {
    let message = log_message(log);
    let exception = exception::of_log(log);
    let message = match &exception {
        Some(exception) if message.is_empty() => Cow::Borrowed(exception.summary()),
        _ => message,
    };
    TraceError {
        error_type: ErrorType::Log,
        service: record.service(),
        operation: span.map(|(_, node)| node.span().name.as_str()),
        time: Rfc3339(record.time()),
        level,
        message,
        evidence: if exception.is_some() { Evidence::Exception } else { Evidence::Log },
        exception,
        record: record.id,
        span_id: record.span_id().map(|id| id.to_string()),
        place: span.map_or(Place::Service(record.service()), |(place, _)| Place::Span(place)),
        handled: false,
    }
}

fn level_text<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.as_str())
}

fn record_text<S: Serializer>(id: &RecordId, serializer: S) -> Result<S::Ok, S::Error> {
    Text(id).serialize(serializer)
}
