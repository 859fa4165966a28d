//! A trace in one line, made of parts that add up: each source tells of its own fragment.

use std::collections::BTreeSet;

use spandrel_store::record::SpanExt;
use spandrel_store::snapshot::{Position, TraceRecords};
use spandrel_store::{Level, Record, TraceId, UnixNanos};

/// What one source, or all of them together, know of a trace. A span that two sources hold counts twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    pub trace_id: TraceId,
    /// The newest record that the question matches, where one does.
    pub newest_match: Option<Position>,
    /// The earliest span without a parent.
    pub root: Option<Root>,
    pub services: BTreeSet<String>,
    pub start: UnixNanos,
    pub end: UnixNanos,
    pub spans: u64,
    pub logs: u64,
    /// Records of level error and above.
    pub errors: u64,
    /// There are more records than were counted.
    pub truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub time: UnixNanos,
    pub service: String,
    pub name: String,
}

impl Overview {
    /// `None` if there are no records.
    pub fn of(found: &TraceRecords, newest_match: Option<Position>) -> Option<Overview> {
        let first = found.records.first()?;
        let mut overview = Overview {
            trace_id: first.trace_id()?,
            newest_match,
            root: None,
            services: BTreeSet::new(),
            start: first.time(),
            end: first.time(),
            spans: 0,
            logs: 0,
            errors: 0,
            truncated: found.truncated,
        };
        found.records.iter().for_each(|record| overview.count(record));
        Some(overview)
    }

    fn count(&mut self, record: &Record) {
        let time = record.time();
        let end = record.span().map_or(time, |span| UnixNanos(time.0.saturating_add(span.duration_ns())));
        self.start = self.start.min(time);
        self.end = self.end.max(end);
        self.spans += u64::from(record.span().is_some());
        self.logs += u64::from(record.log().is_some());
        self.errors += u64::from(record.level >= Some(Level::Error));
        if !record.service().is_empty() && !self.services.contains(record.service()) {
            self.services.insert(record.service().to_owned());
        }
        if let Some(span) = record.span().filter(|span| span.parent().is_none()) {
            let root = Root { time, service: record.service().to_owned(), name: span.name.clone() };
            self.root_candidate(root);
        }
    }

    fn root_candidate(&mut self, root: Root) {
        if self.root.as_ref().is_none_or(|known| root.time < known.time) {
            self.root = Some(root);
        }
    }

    /// Adds another source's part of the same trace.
    pub fn merge(&mut self, other: Overview) {
        let key = |position: &Position| (position.time, position.id);
        self.newest_match = self.newest_match.into_iter().chain(other.newest_match).max_by_key(key);
        other.root.into_iter().for_each(|root| self.root_candidate(root));
        self.services.extend(other.services);
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.spans += other.spans;
        self.logs += other.logs;
        self.errors += other.errors;
        self.truncated |= other.truncated;
    }
}
