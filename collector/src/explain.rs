//! What is found in lines, and where: for `spandrel try-log`.
//!
//! The same splitting, joining and understanding as on the way in, so that what is shown is what would be kept.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};
use spandrel_config::Config;
use spandrel_store::record::{log_message, value};
use spandrel_store::{
    Flags, Level, MemoryBudget, NewBody, NewRecord, RecordBody, SpanId, TraceId, UnixNanos,
};

use crate::admission::Admission;
use crate::entries::Gathering;
use crate::json_log::{LineReader, Rules, Understood};
use crate::lines::body::BodyLines;
use crate::lines::{ChunkLimits, LineOwner, RawLine};
use crate::normalise::{Cuts, Normaliser, RecordLimits};

/// One record, as it would be kept.
#[derive(Debug)]
pub struct Explained {
    /// Lines of the input that it is made of; 0 where the next record is of the same line.
    pub lines: usize,
    /// JSON, logfmt, text and so on.
    pub form: &'static str,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    pub level: Option<Level>,
    /// As it was written.
    pub severity_text: String,
    pub time: Option<UnixNanos>,
    pub message: String,
    pub service: Option<String>,
    pub attributes: Map<String, Json>,
    pub flags: Vec<&'static str>,
    /// What was found in which field; nothing of what stood in plain text.
    pub found_in: Vec<(&'static str, String)>,
}

/// Understands a whole input that arrived at `received`, record by record, until `each` says that it is enough.
pub fn explain(
    config: &Config,
    input: Vec<u8>,
    received: UnixNanos,
    mut each: impl FnMut(Explained) -> bool,
) {
    let rules = Arc::new(Rules::of(&config.logs).explaining());
    let (limits, join) = (RecordLimits::of(&config.limits), ChunkLimits::of(&config.limits).join);
    let mut cuts = Cuts::default();
    let mut reader = LineReader { limits: &limits, rules: &rules, cuts: &mut cuts };
    for line in BodyLines::of(input.into(), limits.line_bytes_max, join) {
        let (mut all, flags) = kept(config, &rules, &line, received);
        if all.is_empty() {
            let mut understood = reader.understand(&line.bytes, received);
            understood.flags = flags.unwrap_or(understood.flags);
            all.push(understood);
        }
        let last = all.len() - 1;
        for (number, understood) in all.into_iter().enumerate() {
            let lines = line.bytes.split(|byte| *byte == b'\n').count();
            if !each(explained(if number == last { lines } else { 0 }, understood)) {
                return;
            }
        }
    }
}

/// What would be kept: the records of a line that is a request of OTLP in JSON, or the flags of any other's.
fn kept(
    config: &Config,
    rules: &Arc<Rules>,
    line: &RawLine,
    received: UnixNanos,
) -> (Vec<Understood>, Option<Flags>) {
    let budget = MemoryBudget::new(config.limits.request_bytes_max.as_usize());
    let Some(admission) = Admission::new(&budget, Duration::ZERO) else { return (Vec::new(), None) };
    let normaliser = Normaliser::new(received, RecordLimits::of(&config.limits), admission);
    let mut gathering = Gathering::new(normaliser, rules.clone(), 0);
    let whose = LineOwner::new(&[], Vec::new(), None, &mut gathering);
    let Ok(is_request) = whose.take_request(line, &mut gathering) else { return (Vec::new(), None) };
    if !is_request {
        let taken = whose.take(line, &mut gathering);
        let record = taken.ok().and_then(|()| gathering.finish().records.pop());
        return (Vec::new(), record.map(|record| record.flags));
    }
    let understood = |record: NewRecord<NewBody>| {
        let NewBody::Decoded(RecordBody::Log(log)) = record.body else { return None };
        let service = value::text_attribute(record.resource.attributes(), "service.name");
        let (service, form) = (service.map(str::to_owned), "a request of OTLP in JSON");
        Some(Understood { log: *log, flags: record.flags, service, form, trail: Vec::new() })
    };
    (gathering.finish().records.into_iter().filter_map(understood).collect(), None)
}

fn explained(lines: usize, understood: Understood) -> Explained {
    let log = understood.log;
    let time = (log.time_unix_nano != 0).then_some(UnixNanos(log.time_unix_nano));
    let level = Level::from_severity_number(log.severity_number);
    Explained {
        lines,
        form: understood.form,
        trace_id: TraceId::from_otlp(&log.trace_id),
        span_id: SpanId::from_otlp(&log.span_id),
        level: level
            .or_else(|| Level::from_text(&log.severity_text).filter(|_| !log.severity_text.is_empty())),
        time,
        message: log_message(&log).into_owned(),
        service: understood.service,
        attributes: value::attributes_to_json(&log.attributes),
        severity_text: log.severity_text,
        flags: understood.flags.names().collect(),
        found_in: understood.trail,
    }
}

#[cfg(test)]
mod tests;
