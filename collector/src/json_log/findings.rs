//! What is found in a line, gathered from wherever it stands, until it becomes a record.
//!
//! Which goes before which is decided here: a record inside a record before the one around it, a text before the fields
//! behind it, a line's own time before that of who passed it on.

use spandrel_store::otlp::{AnyValue, KeyValue, LogRecord, Value};
use spandrel_store::{Flags, Level, SpanId, TraceId, UnixNanos};

use super::exception::{self, Exception};
use super::level::LineLevel;
use super::time::Sent;
use super::{Understood, text};

/// What was found in a line, before it becomes a record.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) trace_id: Option<TraceId>,
    pub(super) span_id: Option<SpanId>,
    /// A trace id was given and is none.
    pub(super) bad_trace_id: bool,
    pub(super) bad_span_id: bool,
    pub(super) level: Option<LineLevel>,
    /// The level is a syslog priority, which whoever passes lines on makes up: the line's own goes before it.
    pub(super) level_is_of_syslog: bool,
    /// The level is what a field says that may be for something else.
    pub(super) level_is_of_status: bool,
    /// The text is an exception or a panic from its beginning on: the level of a record that has none.
    pub(super) level_of_crash: Option<Level>,
    pub(super) time: Option<UnixNanos>,
    /// The time stood in a plain text and does not say its offset.
    pub(super) time_is_of_text: bool,
    pub(super) message: Option<String>,
    pub(super) service: Option<String>,
    pub(super) exception: Option<Exception>,
    pub(super) attributes: Vec<KeyValue>,
    /// A text whose parts were all understood.
    pub(super) structured: bool,
    pub(super) flags: Flags,
    pub(super) form: &'static str,
    /// Whether it is noted where things were found.
    pub(super) explains: bool,
    pub(super) trail: Vec<(&'static str, String)>,
}

/// What is found, by name, in the trail.
pub(super) const TRACE_ID: &str = "trace id";
pub(super) const SPAN_ID: &str = "span id";
/// One field had both.
pub(super) const BOTH_IDS: &str = "trace and span id";
pub(super) const LEVEL: &str = "level";
pub(super) const TIME: &str = "time";
pub(super) const MESSAGE: &str = "message";

/// Where all that stands in a text was found of which nothing better is known.
pub(super) const IN_TEXT: &str = "the text";

impl Findings {
    /// Notes where something was found, if anybody wants to know.
    pub(super) fn note(&mut self, what: &'static str, from: impl FnOnce() -> String) {
        if self.explains {
            self.trail.push((what, from()));
        }
    }

    pub(super) fn has_noted(&self, what: &str) -> bool {
        self.trail.iter().any(|(noted, _)| *noted == what)
    }

    /// The whole line is its message.
    pub(super) fn take_whole(&mut self, line: &str) {
        self.message = Some(line.to_owned());
        self.note(MESSAGE, || "the whole line".to_owned());
    }

    /// Looks in a text for the ids that no field has told.
    pub(super) fn find_missing_ids(&mut self, text: &str) {
        if self.trace_id.is_none() && text::may_have_ids(text) {
            // Its form says where the level is.
            let _named_level = text::find_ids(text, self);
        }
    }

    /// The same in a line that may hold addresses: the trace that a request asks for is not the one it belongs to.
    pub(super) fn find_ids_beside_requests(&mut self, line: &str) {
        if self.trace_id.is_none() && text::may_have_ids(line) {
            let words = line.split(' ').filter(|word| !word.contains('?'));
            self.find_missing_ids(&words.collect::<Vec<_>>().join(" "));
        }
    }

    pub(super) fn take_level_of_text(&mut self, level: LineLevel) {
        self.note(LEVEL, || format!("`{}` in the text", level.text));
        self.level = Some(level);
    }

    /// The time of who passed the line on, which says its offset, as a text's own often doesn't. The line's own goes
    /// before it where it does.
    pub(super) fn take_relays_time(&mut self, time: Sent, from: &str) {
        if self.time.is_some() && (!self.time_is_of_text || time == Sent::Absurd) {
            return;
        }
        if self.take_time(time) {
            self.trail.retain(|(what, _)| *what != TIME);
            self.note(TIME, || from.to_owned());
        }
    }

    /// The trail of a record inside this one goes before what this one's own says, where it found something.
    pub(super) fn put_trail_inside(&mut self, inner: Vec<(&'static str, String)>, level_is_inner: bool) {
        let within = self.trail.iter().find(|(what, _)| *what == MESSAGE).map(|(_, from)| from.clone());
        let within = within.unwrap_or_else(|| "the message".to_owned());
        let inner = inner.into_iter().filter(|(what, _)| *what != LEVEL || level_is_inner);
        let mut trail: Vec<_> = inner.map(|(what, from)| (what, format!("{from} in {within}"))).collect();
        let has_ids = trail.iter().any(|(what, _)| matches!(*what, TRACE_ID | BOTH_IDS));
        let is_inner =
            |what: &str| has_ids && what == BOTH_IDS || trail.iter().any(|(found, _)| *found == what);
        let outer = std::mem::take(&mut self.trail).into_iter();
        let outer: Vec<_> = outer.filter(|(what, _)| !is_inner(what)).collect();
        trail.extend(outer);
        self.trail = trail;
    }

    /// What a record inside this one says goes before what this one does.
    pub(super) fn put_inside(&mut self, inner: Findings, message: String) {
        self.trace_id = inner.trace_id.or(self.trace_id);
        self.span_id = inner.span_id.or(self.span_id);
        self.bad_trace_id = (self.bad_trace_id || inner.bad_trace_id) && self.trace_id.is_none();
        self.bad_span_id = (self.bad_span_id || inner.bad_span_id) && self.span_id.is_none();
        let outer_is_surer = inner.level_is_of_status && self.level.is_some();
        self.level = inner.level.filter(|_| !outer_is_surer).or(self.level.take());
        self.level_of_crash = inner.level_of_crash.or(self.level_of_crash);
        self.time = inner.time.or(self.time);
        self.service = inner.service.or(self.service.take());
        self.exception = inner.exception.or(self.exception.take());
        self.message = inner.message.or(Some(message));
        self.attributes.extend(inner.attributes);
        self.put_trail_inside(inner.trail, !outer_is_surer);
        self.flags.insert(inner.flags);
    }

    /// What fields beside a text say is taken where the text itself says nothing.
    pub(super) fn add(&mut self, fields: Findings) {
        let of_use = |what: &str| match what {
            TRACE_ID => self.trace_id.is_none(),
            SPAN_ID => self.span_id.is_none(),
            BOTH_IDS => self.trace_id.is_none() || self.span_id.is_none(),
            LEVEL => self.level.is_none(),
            TIME => self.time.is_none(),
            // It is the text, whatever the fields have.
            MESSAGE => false,
            _ => true,
        };
        let trail: Vec<_> = fields.trail.into_iter().filter(|(what, _)| of_use(what)).collect();
        self.trail.extend(trail);
        if self.time.is_none() {
            self.flags.0 |= fields.flags.0 & Flags::ABSURD_TIME.0;
        }
        self.flags.0 |= fields.flags.0 & Flags::CUT.0;
        self.trace_id = self.trace_id.or(fields.trace_id);
        self.span_id = self.span_id.or(fields.span_id);
        self.level = self.level.take().or(fields.level);
        self.time = self.time.or(fields.time);
        self.exception = self.exception.take().or(fields.exception);
        self.service = self.service.take().or(fields.service);
        self.attributes.extend(fields.attributes);
    }

    /// What was found and not noted stood somewhere in the text.
    pub(super) fn complete_trail(&mut self) {
        let said = |part: &Option<String>| part.is_some();
        let exception = self.exception.as_ref();
        let ids_noted = self.has_noted(BOTH_IDS);
        let found = [
            (TRACE_ID, self.trace_id.is_some() && !ids_noted),
            (SPAN_ID, self.span_id.is_some() && !ids_noted),
            (LEVEL, self.level.is_some() || self.level_of_crash.is_some()),
            (TIME, self.time.is_some()),
            (exception::TYPE, exception.is_some_and(|known| said(&known.exception_type))),
            (exception::MESSAGE, exception.is_some_and(|known| said(&known.message))),
            (exception::STACKTRACE, exception.is_some_and(|known| said(&known.stacktrace))),
        ];
        for (what, _) in found.into_iter().filter(|(_, is_found)| *is_found) {
            if !self.has_noted(what) {
                self.trail.push((what, IN_TEXT.to_owned()));
            }
        }
        if self.message.is_none() {
            self.trail.push((MESSAGE, "the whole line".to_owned()));
        }
    }

    pub(super) fn into_record(mut self, line: &str, received: UnixNanos) -> Understood {
        if self.explains {
            self.complete_trail();
        }
        let mut flags = self.flags;
        if self.bad_trace_id {
            flags.insert(Flags::BAD_TRACE_ID);
        }
        if self.bad_span_id {
            flags.insert(Flags::BAD_SPAN_ID);
        }
        // An object without a message is shown, and searched, as it stands.
        let message = self.message.unwrap_or_else(|| line.trim().to_owned());
        let of_crash = || self.level_of_crash.map(|level| LineLevel::new(Some(level), ""));
        let level = self.level.or_else(of_crash).unwrap_or_default();
        let mut attributes = self.attributes;
        if let Some(exception) = self.exception {
            exception.add_to(&mut attributes);
        }
        let log = LogRecord {
            time_unix_nano: self.time.unwrap_or_default().0,
            observed_time_unix_nano: received.0,
            severity_number: level.severity_number,
            severity_text: level.text,
            body: Some(AnyValue { value: Some(Value::StringValue(message)) }),
            attributes,
            trace_id: self.trace_id.map(|id| id.0.to_vec()).unwrap_or_default(),
            span_id: self.span_id.map(|id| id.0.to_vec()).unwrap_or_default(),
            ..LogRecord::default()
        };
        Understood { log, flags, service: self.service, form: self.form, trail: self.trail }
    }
}
