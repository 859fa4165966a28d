//! Validation and normalisation: decoded spans and logs in, records for the store out.
//!
//! Refused: spans without a valid trace and span id. Kept with a flag: whatever is odd and harmless. Cut and
//! counted: what is beyond the limits. What is within them is never altered, and a level is derived beside
//! the fields it comes from, never in place of them.

mod inspect;
mod limits;

use std::sync::Arc;

use bytes::Bytes;
use spandrel_store::otlp::{
    AnyValue, InstrumentationScope, KeyValue, LogRecord, Resource, Span, StatusCode, Value,
};
use spandrel_store::{
    Flags, Level, NewBody, NewRecord, Permit, RecordBody, ResourceContext, ScopeContext, SpanId, TraceId,
    UnixNanos,
};

use self::inspect::Inspector;
pub(crate) use self::limits::{Allowance, Cuts, RecordLimits};
use crate::admission::Admission;
use crate::otlp::protobuf::{PlainLog, PlainSpan};
use crate::refusal::{Reason, Refusal};

/// A log's trace id that is none; the attribute keeps what was sent.
pub(crate) const ORIGINAL_TRACE_ID: &str = "spandrel.original.trace_id";
/// A log's span id that is none; the attribute keeps what was sent.
pub(crate) const ORIGINAL_SPAN_ID: &str = "spandrel.original.span_id";
/// An absurd time that a protocol has beside a line, in nanoseconds since the epoch.
pub(crate) const ORIGINAL_TIME: &str = "spandrel.original.time";

/// Gathers the records of one request.
#[derive(Debug)]
pub(crate) struct Normaliser {
    pub(crate) received: UnixNanos,
    pub(crate) limits: RecordLimits,
    pub(crate) records: Vec<NewRecord<NewBody>>,
    pub(crate) refused: Refused,
    pub(crate) cuts: Cuts,
    /// Metrics' data points, which are counted only.
    pub(crate) data_points: u64,
    admission: Admission,
}

/// Records that were read and are refused, by reason.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) bad_trace_id: u64,
    pub(crate) bad_span_id: u64,
}

/// A resource, with the flags that all of its records get.
#[derive(Debug, Clone)]
pub(crate) struct SharedResource {
    context: Arc<ResourceContext>,
    flags: Flags,
}

/// What the records of one scope group share.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    resource: Arc<ResourceContext>,
    scope: Arc<ScopeContext>,
    flags: Flags,
}

impl Refused {
    pub(crate) fn total(self) -> u64 {
        self.bad_trace_id + self.bad_span_id
    }

    pub(crate) fn by_reason(self) -> [(Reason, u64); 2] {
        [(Reason::BadTraceId, self.bad_trace_id), (Reason::BadSpanId, self.bad_span_id)]
    }

    /// For the sender: how many were refused, and why. Empty where none were.
    pub(crate) fn message(self) -> String {
        let part = |count: u64, what: &str| (count > 0).then(|| format!("{count} with {what}"));
        let trace = part(self.bad_trace_id, "an empty, all-zero or wrong-length trace id");
        let span = part(self.bad_span_id, "an empty, all-zero or wrong-length span id");
        let parts: Vec<String> = trace.into_iter().chain(span).collect();
        if parts.is_empty() { String::new() } else { format!("refused spans: {}", parts.join(", ")) }
    }
}

impl Normaliser {
    pub(crate) fn new(received: UnixNanos, limits: RecordLimits, admission: Admission) -> Normaliser {
        Normaliser {
            received,
            limits,
            records: Vec::new(),
            refused: Refused::default(),
            cuts: Cuts::default(),
            data_points: 0,
            admission,
        }
    }

    /// Charges the request's admission for what a reader is about to hold.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.admission.grow_records(bytes)
    }

    /// What the request holds.
    pub(crate) fn admission(&mut self) -> &mut Admission {
        &mut self.admission
    }

    pub(crate) fn resource(
        &mut self,
        resource: Option<Resource>,
        schema_url: String,
        flags: Flags,
    ) -> SharedResource {
        let mut context = ResourceContext { resource, schema_url };
        let mut inspector = self.inspector(flags);
        inspector.text(&mut context.schema_url);
        if let Some(resource) = &mut context.resource {
            inspector.attributes(&mut resource.attributes);
        }
        // Only what was cut concerns every record; a NaN of the resource is not the record's.
        let flags = Flags(inspector.flags.0 & Flags::CUT.0);
        SharedResource { context: Arc::new(context), flags }
    }

    pub(crate) fn scope(
        &mut self,
        resource: &SharedResource,
        scope: Option<InstrumentationScope>,
        schema_url: String,
        flags: Flags,
    ) -> Context {
        let mut context = ScopeContext { scope, schema_url };
        let mut inspector = self.inspector(flags);
        inspector.text(&mut context.schema_url);
        if let Some(scope) = &mut context.scope {
            inspector.text(&mut scope.name);
            inspector.text(&mut scope.version);
            inspector.attributes(&mut scope.attributes);
        }
        let mut flags = Flags(inspector.flags.0 & Flags::CUT.0);
        flags.insert(resource.flags);
        Context { resource: resource.context.clone(), scope: Arc::new(context), flags }
    }

    /// Keeps a span, or counts it as refused. `flags` are those that its reader has set.
    pub(crate) fn span(&mut self, context: &Context, span: Span, flags: Flags) -> Result<(), Refusal> {
        if TraceId::from_otlp(&span.trace_id).is_none() {
            self.refused.bad_trace_id += 1;
            return Ok(());
        }
        if SpanId::from_otlp(&span.span_id).is_none() {
            self.refused.bad_span_id += 1;
            return Ok(());
        }
        let mut span = span;
        let mut inspector = self.inspector(flags);
        inspector.span(&mut span);
        let mut flags = inspector.flags;
        if !matches!(span.parent_span_id.len(), 0 | 8) {
            flags.insert(Flags::BAD_PARENT_ID);
        }
        let events = span.events.iter().map(|event| event.time_unix_nano);
        self.flag_times_of_span(span.start_time_unix_nano, span.end_time_unix_nano, events, &mut flags);
        let failed = span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32);
        self.keep(context, decoded_span(span), failed.then_some(Level::Error), flags, None)
    }

    /// Keeps a span as it was sent.
    pub(crate) fn plain_span(
        &mut self,
        context: &Context,
        span: &PlainSpan,
        bytes: Bytes,
    ) -> Result<(), Refusal> {
        self.charge(bytes.len())?;
        let mut flags = span.flags;
        self.flag_times_of_span(span.start, span.end, <[u64; 2]>::from(span.events).into_iter(), &mut flags);
        self.keep(context, NewBody::Span(bytes), span.failed.then_some(Level::Error), flags, None)
    }

    /// Keeps a log as it was sent.
    pub(crate) fn plain_log(
        &mut self,
        context: &Context,
        log: &PlainLog<'_>,
        bytes: Bytes,
    ) -> Result<(), Refusal> {
        self.charge(bytes.len())?;
        let mut flags = log.flags;
        self.flag_times_of_log(log.time, log.observed, &mut flags);
        let level = level_of(log.severity_number, log.severity_text);
        self.keep(context, NewBody::Log(bytes), level, flags, None)
    }

    /// Keeps a log. `original` is a text input's line, whose times are those of the log already: what was absurd or
    /// absent in it has its flag.
    pub(crate) fn log(
        &mut self,
        context: &Context,
        log: LogRecord,
        flags: Flags,
        original: Option<Bytes>,
    ) -> Result<(), Refusal> {
        let mut log = log;
        let mut inspector = self.inspector(flags);
        inspector.log(&mut log);
        let mut flags = inspector.flags;
        set_aside_bad_ids(&mut log, &mut flags);
        let (time, observed) = (log.time_unix_nano, log.observed_time_unix_nano);
        self.flag_times_of_log(time, observed, &mut flags);
        let level = level_of(log.severity_number, &log.severity_text);
        self.keep(context, NewBody::Decoded(RecordBody::Log(Box::new(log))), level, flags, original)
    }

    /// The records so far, with the permit for them.
    pub(crate) fn take_records(&mut self) -> (Vec<NewRecord<NewBody>>, Option<Permit>) {
        (std::mem::take(&mut self.records), self.admission.take_records())
    }

    fn keep(
        &mut self,
        context: &Context,
        body: NewBody,
        level: Option<Level>,
        flags: Flags,
        original: Option<Bytes>,
    ) -> Result<(), Refusal> {
        self.charge(size_of::<NewRecord<NewBody>>() + original.as_ref().map_or(0, Bytes::len))?;
        let mut flags = flags;
        flags.insert(context.flags);
        let (resource, scope) = (context.resource.clone(), context.scope.clone());
        self.records.push(NewRecord { resource, scope, body, level, flags, original });
        Ok(())
    }

    fn inspector(&mut self, flags: Flags) -> Inspector<'_> {
        Inspector::new(self.limits.string_bytes_max, &mut self.cuts, flags)
    }

    fn flag_times_of_span(&self, start: u64, end: u64, events: impl Iterator<Item = u64>, flags: &mut Flags) {
        if start == 0 {
            flags.insert(Flags::NO_TIME);
        }
        if end != 0 && end < start {
            flags.insert(Flags::END_BEFORE_START);
        }
        if [start, end].into_iter().chain(events).any(|time| self.is_absurd(time)) {
            flags.insert(Flags::ABSURD_TIME);
        }
    }

    fn flag_times_of_log(&self, time: u64, observed: u64, flags: &mut Flags) {
        if time == 0 && observed == 0 {
            flags.insert(Flags::NO_TIME);
        }
        if self.is_absurd(time) || self.is_absurd(observed) {
            flags.insert(Flags::ABSURD_TIME);
        }
    }

    fn is_absurd(&self, time: u64) -> bool {
        is_absurd(UnixNanos(time), self.received)
    }
}

/// Whether nothing can have happened then: before 2000, or more than a day after the arrival. 0 is no time at all.
///
/// OTLP's times are kept as they were sent and only flagged. What was read in a line is not taken where this says so
/// (`json_log/time.rs`): the line itself still has it.
pub(crate) fn is_absurd(time: UnixNanos, received: UnixNanos) -> bool {
    const YEAR_2000_NS: u64 = 946_684_800_000_000_000;
    const DAY_NS: u64 = 86_400_000_000_000;
    time.0 != 0 && (time.0 < YEAR_2000_NS || time.0 > received.0.saturating_add(DAY_NS))
}

fn decoded_span(span: Span) -> NewBody {
    NewBody::Decoded(RecordBody::Span(Box::new(span)))
}

fn level_of(severity_number: i32, severity_text: &str) -> Option<Level> {
    Level::from_severity_number(severity_number)
        .or_else(|| Level::from_text(severity_text).filter(|_| !severity_text.is_empty()))
}

/// A log is kept without an id that is none; what was sent for it becomes an attribute.
fn set_aside_bad_ids(log: &mut LogRecord, flags: &mut Flags) {
    if !log.trace_id.is_empty() && TraceId::from_otlp(&log.trace_id).is_none() {
        flags.insert(Flags::BAD_TRACE_ID);
        set_aside(&mut log.attributes, ORIGINAL_TRACE_ID, std::mem::take(&mut log.trace_id));
    }
    if !log.span_id.is_empty() && SpanId::from_otlp(&log.span_id).is_none() {
        flags.insert(Flags::BAD_SPAN_ID);
        set_aside(&mut log.attributes, ORIGINAL_SPAN_ID, std::mem::take(&mut log.span_id));
    }
}

fn set_aside(attributes: &mut Vec<KeyValue>, key: &str, bytes: Vec<u8>) {
    attributes.push(attribute(key, Value::BytesValue(bytes)));
}

/// An attribute.
pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
