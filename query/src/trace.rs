//! One trace, put together from its records: what hangs below what, and what is odd about it.
//!
//! Called with whatever was found of a trace, in any state: without a root, with parents that are nowhere,
//! spans twice, spans that descend from themselves, clocks that disagree, 200,000 records. Guarantees:
//! * every record is in the view once; a span that came twice is there as it came first, with a flag;
//! * the parents form a forest: a cycle is cut at its earliest span;
//! * no recursion, and time and memory grow with n log n at worst;
//! * times are shown as sent; what they contradict is a flag.
//!
//! Knows nothing of where records come from or of HTTP: everything here is a function of the records.

mod assembly;
pub mod cause;
pub mod errors;
mod skew;
pub mod summary;
pub mod timeline;

use serde::Serialize;
use spandrel_store::record::SpanExt;
use spandrel_store::snapshot::TraceRecords;
use spandrel_store::{Flags, Record, TraceId, TraceIdMatch, UnixNanos};
use utoipa::ToSchema;

use crate::render::RecordView;
use crate::render::schema;
use crate::render::time::Rfc3339;

/// A trace with its structure.
#[derive(Debug)]
pub struct TraceView {
    /// The trace's id; what was asked for, where nothing was found.
    pub trace_id: TraceId,
    /// There are more records than these.
    pub truncated: bool,
    /// By start; of those that start at once, parents before their children.
    spans: Vec<SpanNode>,
    /// By time.
    logs: Vec<LogNode>,
}

#[derive(Debug)]
struct SpanNode {
    view: RecordView,
    /// The index of the parent, never of a span below this one.
    parent: Option<usize>,
    /// Ancestors up to the top; one more where the top's own parent is missing.
    depth: usize,
}

#[derive(Debug)]
struct LogNode {
    view: RecordView,
    /// The index of the span that the log names, if it is there.
    span: Option<usize>,
}

/// Every span and log of a trace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Trace {
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: String,
    /// The first span's start, or the first log's time where there are no spans; null where there is
    /// nothing.
    #[schema(value_type = Option<String>, required)]
    pub start: Option<Rfc3339>,
    pub duration_ns: u64,
    /// Every service that has a record here, sorted.
    pub services: Vec<String>,
    /// By start, parents first; the tree is in their `parent_span_id`.
    #[schema(value_type = Vec<schema::Span>)]
    pub spans: Vec<RecordView>,
    /// By time.
    #[schema(value_type = Vec<schema::Log>)]
    pub logs: Vec<RecordView>,
    /// What is odd: `missing_root`, `truncated`, and every flag of a record (`missing_parent`,
    /// `clock_skew`, `duplicate`, …).
    pub flags: Vec<String>,
    /// There are more records than the limit lets through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub truncated: bool,
}

impl TraceView {
    /// Puts together what was found.
    pub fn assemble(asked: &TraceIdMatch, found: TraceRecords) -> TraceView {
        assembly::assemble(asked, found)
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty() && self.logs.is_empty()
    }

    /// The answer with every record.
    pub fn to_trace(&self) -> Trace {
        let extent = self.extent();
        Trace {
            trace_id: self.trace_id.to_string(),
            start: extent.map(|(start, _)| Rfc3339(start)),
            duration_ns: extent.map_or(0, |(start, end)| end.0 - start.0),
            services: self.services(),
            spans: self.spans.iter().map(|node| node.view.clone()).collect(),
            logs: self.logs.iter().map(|node| node.view.clone()).collect(),
            flags: self.flags().into_iter().map(str::to_owned).collect(),
            truncated: self.truncated,
        }
    }

    /// The records, spans first.
    pub fn records(&self) -> impl Iterator<Item = &RecordView> {
        self.spans.iter().map(|node| &node.view).chain(self.logs.iter().map(|node| &node.view))
    }

    /// The names of all services, sorted. Records that name none add none.
    pub fn services(&self) -> Vec<String> {
        let names = self.records().map(|view| view.record.service()).filter(|name| !name.is_empty());
        let names: std::collections::BTreeSet<&str> = names.collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// What is odd about the trace.
    pub fn flags(&self) -> Vec<&'static str> {
        let mut all = Flags::NONE;
        self.records().for_each(|view| all.insert(view.flags()));
        let mut names: Vec<&'static str> = all.names().collect();
        if self.root().is_none() && !self.is_empty() {
            names.push("missing_root");
        }
        if self.truncated {
            names.push("truncated");
        }
        names
    }

    /// The span that began it all: the earliest that names no parent.
    fn root(&self) -> Option<&SpanNode> {
        self.spans.iter().find(|node| node.span().parent().is_none())
    }

    /// The least start and the greatest end: of the spans, or of the logs where there are none. Times that
    /// cannot be right count only where there are no others.
    fn extent(&self) -> Option<(UnixNanos, UnixNanos)> {
        let credible = |view: &RecordView| !view.flags().contains(Flags::ABSURD_TIME);
        let spans = || self.spans.iter().map(|node| &node.view);
        let logs = || self.logs.iter().map(|node| &node.view);
        extent_of(spans().filter(|view| credible(view)))
            .or_else(|| extent_of(spans()))
            .or_else(|| extent_of(logs().filter(|view| credible(view))))
            .or_else(|| extent_of(logs()))
    }
}

impl SpanNode {
    fn span(&self) -> &spandrel_store::otlp::Span {
        self.view.record.span().expect("a span node is only made of a span")
    }
}

fn extent_of<'a>(views: impl Iterator<Item = &'a RecordView>) -> Option<(UnixNanos, UnixNanos)> {
    views
        .map(|view| (view.record.time(), end_of(&view.record)))
        .reduce(|(start, end), (other_start, other_end)| (start.min(other_start), end.max(other_end)))
}

/// When a record ends: a span at its end, which is never before its start here, a log at its time.
fn end_of(record: &Record) -> UnixNanos {
    let duration_ns = record.span().map_or(0, |span| span.duration_ns());
    UnixNanos(record.time().0.saturating_add(duration_ns))
}

#[cfg(test)]
mod tests;
