//! What a protocol says beside the line that it carries, and which of the two is believed.
//!
//! Ids and levels that stand beside a line were put there by somebody who knew, so they go before what the line
//! says; so does Loki's time, which is the one that Loki would answer with. A relay's own level or time, as syslog
//! and Fluentd have them, is taken where the line says none, or none with an offset. A time at which nothing can have
//! happened is taken from neither: the other's is, and where that is no better, the arrival.

use spandrel_store::otlp::{KeyValue, Value};
use spandrel_store::record::value::text_attribute;
use spandrel_store::{Flags, SpanId, TraceId, UnixNanos};

use super::level::{self, LineLevel};
use super::time::{Clock, Sent};
use super::{Findings, Rules, fields};
use crate::normalise::{ORIGINAL_TIME, attribute};

/// Nothing by default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
    bad_trace_id: bool,
    bad_span_id: bool,
    level: Option<LineLevel>,
    /// Whether the line's own level goes first.
    level_is_a_relays: bool,
    time: Option<Sent>,
    /// The same as it was sent, where it was a number.
    nanoseconds: Option<i128>,
    /// Whether the line's own time goes first.
    time_is_a_relays: bool,
}

impl Beside {
    /// Ids and level among fields, whatever their names. The fields themselves stay as they are.
    pub(crate) fn of_fields(fields: &[KeyValue], received: UnixNanos, rules: &Rules) -> Beside {
        if fields.is_empty() {
            return Beside::default();
        }
        let clock = Clock { zone: &rules.zone, received, formats: &[] };
        let found = fields::find(fields.to_vec(), clock, rules);
        let Findings { trace_id, span_id, bad_trace_id, bad_span_id, level, .. } = found;
        // What a `status` says may be of something else.
        let level_is_a_relays = found.level_is_of_status;
        Beside { trace_id, span_id, bad_trace_id, bad_span_id, level, level_is_a_relays, ..Beside::default() }
    }

    /// The time of the entry, in nanoseconds since the epoch; 0 is none.
    pub(crate) fn at(self, nanoseconds: i128) -> Beside {
        let nanoseconds = Some(nanoseconds).filter(|nanoseconds| *nanoseconds != 0);
        Beside { time: nanoseconds.map(Sent::from_utc), nanoseconds, time_is_a_relays: false, ..self }
    }

    /// When a relay took the line.
    pub(crate) fn relayed_at(self, nanoseconds: i128) -> Beside {
        Beside { time_is_a_relays: true, ..self.at(nanoseconds) }
    }

    /// A time as a relay writes it, if that is one: how many bytes of the text it takes.
    pub(crate) fn relayed_at_text(
        &mut self,
        text: &str,
        received: UnixNanos,
        rules: &Rules,
    ) -> Option<usize> {
        let clock = Clock { zone: &rules.zone, received, formats: &[] };
        let (time, length) = clock.at_start(text)?;
        // What is absurd in it stays in the text.
        (self.time, self.nanoseconds, self.time_is_a_relays) = (Some(time), None, true);
        Some(length)
    }

    /// Syslog's severity, 0 to 7, and its name.
    pub(crate) fn of_syslog(self, severity: u8, name: &str) -> Beside {
        let level = LineLevel::new(level::of_syslog(i64::from(severity)), name);
        Beside { level: Some(level), level_is_a_relays: true, ..self }
    }

    /// What this does not say is taken from the other.
    pub(crate) fn or(self, other: &Beside) -> Beside {
        let level_is_other = self.level.is_none();
        Beside {
            trace_id: self.trace_id.or(other.trace_id),
            span_id: self.span_id.or(other.span_id),
            bad_trace_id: self.bad_trace_id || other.bad_trace_id,
            bad_span_id: self.bad_span_id || other.bad_span_id,
            level: self.level.or_else(|| other.level.clone()),
            level_is_a_relays: if level_is_other { other.level_is_a_relays } else { self.level_is_a_relays },
            time: self.time.or(other.time),
            nanoseconds: if self.time.is_some() { self.nanoseconds } else { other.nanoseconds },
            time_is_a_relays: if self.time.is_some() {
                self.time_is_a_relays
            } else {
                other.time_is_a_relays
            },
        }
    }

    /// The fields without the ids that were found, where they are written as answers write them: the record has
    /// these as its own.
    pub(crate) fn without_ids(&self, fields: Vec<KeyValue>) -> Vec<KeyValue> {
        let mut fields = fields;
        let ids = [
            ("trace_id", self.trace_id.map(|id| id.to_string())),
            ("span_id", self.span_id.map(|id| id.to_string())),
        ];
        for (name, id) in ids {
            let Some(id) = id else { continue };
            fields.retain(|field| text_attribute(std::slice::from_ref(field), name) != Some(&id));
        }
        fields
    }

    pub(super) fn add_to(self, findings: &mut Findings, received: UnixNanos) {
        findings.trace_id = self.trace_id.or(findings.trace_id);
        findings.span_id = self.span_id.or(findings.span_id);
        findings.bad_trace_id = (findings.bad_trace_id || self.bad_trace_id) && findings.trace_id.is_none();
        findings.bad_span_id = (findings.bad_span_id || self.bad_span_id) && findings.span_id.is_none();
        match (self.level, self.level_is_a_relays) {
            (Some(level), false) => findings.level = Some(level),
            (Some(level), true) if findings.level.is_none() || findings.level_is_of_syslog => {
                findings.level = Some(level);
            }
            _ => {}
        }
        let Some(time) = self.time.map(|time| time.judged(received)) else { return };
        if self.time_is_a_relays && findings.time.is_some() && !findings.time_is_of_text {
            return;
        }
        match time {
            Sent::At(time) if self.time_is_a_relays => findings.time = Some(time),
            Sent::At(time) => {
                findings.time = Some(time);
                // The line's own was not asked for.
                findings.flags.0 &= !Flags::ABSURD_TIME.0;
            }
            Sent::Absurd => {
                findings.flags.insert(Flags::ABSURD_TIME);
                let text = self.nanoseconds.map(|nanoseconds| Value::StringValue(nanoseconds.to_string()));
                findings.attributes.extend(text.map(|text| attribute(ORIGINAL_TIME, text)));
            }
        }
    }
}
