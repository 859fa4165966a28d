//! What is found in lines, and where: for `spandrel try-log`.
//!
//! The same splitting, joining and understanding as on the way in, so that what is shown is what would be kept.

use serde_json::{Map, Value as Json};
use spandrel_config::Config;
use spandrel_store::record::{log_message, value};
use spandrel_store::{Level, SpanId, TraceId, UnixNanos};

use crate::json_log::{LineReader, Rules};
use crate::lines::ChunkLimits;
use crate::lines::body::BodyLines;
use crate::normalise::{Cuts, RecordLimits};

/// One record, as it would be kept.
#[derive(Debug)]
pub struct Explained {
    /// Lines of the input that it is made of.
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
    let rules = Rules::of(&config.logs).explaining();
    let (limits, join) = (RecordLimits::of(&config.limits), ChunkLimits::of(&config.limits).join);
    let mut cuts = Cuts::default();
    let mut reader = LineReader { limits: &limits, rules: &rules, cuts: &mut cuts };
    for line in BodyLines::of(input.into(), limits.line_bytes_max, join) {
        let understood = reader.understand(&line.bytes, received);
        let log = understood.log;
        let time = (log.time_unix_nano != 0).then_some(UnixNanos(log.time_unix_nano));
        let level = Level::from_severity_number(log.severity_number);
        let explained = Explained {
            lines: line.bytes.split(|byte| *byte == b'\n').count(),
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
        };
        if !each(explained) {
            return;
        }
    }
}
