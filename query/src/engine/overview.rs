//! A trace in one line, made of parts that add up: each source tells of its own fragment.

use spandrel_store::snapshot::{Position, TraceRecords};
use spandrel_store::{TraceId, TraceIdMatch, UnixNanos};

use crate::render::time::Rfc3339;
use crate::trace::TraceView;
use crate::trace::summary::TraceSummary;

/// What one source, or all of them together, know of a trace. A span that two sources hold counts twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    pub trace_id: TraceId,
    /// The newest record that the question matches, where one does.
    pub newest_match: Option<Position>,
    pub summary: TraceSummary,
    /// There are more records than were counted.
    pub truncated: bool,
}

impl Overview {
    /// `None` if there are no records.
    pub fn of(found: TraceRecords, newest_match: Option<Position>) -> Option<Overview> {
        let trace_id = found.records.first()?.trace_id()?;
        let truncated = found.truncated;
        let summary = TraceView::assemble(&TraceIdMatch::exactly(trace_id), found).summary();
        Some(Overview { trace_id, newest_match, summary, truncated })
    }

    /// Adds another source's part of the same trace.
    pub fn merge(&mut self, other: Overview) {
        let key = |position: &Position| (position.time, position.id);
        self.newest_match = self.newest_match.into_iter().chain(other.newest_match).max_by_key(key);
        self.truncated |= other.truncated;
        add(&mut self.summary, other.summary);
    }
}

/// The root is that of the fragment that has one, of the earlier if both have. Times are those of the
/// spans; logs count only where there are no spans at all.
fn add(sum: &mut TraceSummary, other: TraceSummary) {
    let (first, second) = (extent(sum), extent(&other));
    let extent = match (sum.spans > 0, other.spans > 0) {
        (true, false) => first,
        (false, true) => second,
        _ => first.into_iter().chain(second).reduce(|(a, b), (c, d)| (a.min(c), b.max(d))),
    };
    if sum.root.is_none() || (other.root.is_some() && other.start < sum.start) {
        sum.root = other.root.or(sum.root.take());
    }
    if let Some((start, end)) = extent {
        sum.start = Some(Rfc3339(start));
        sum.duration_ns = end.0.saturating_sub(start.0);
    }
    sum.services.extend(other.services);
    sum.services.sort();
    sum.services.dedup();
    sum.spans += other.spans;
    sum.logs += other.logs;
    sum.errors += other.errors;
}

fn extent(summary: &TraceSummary) -> Option<(UnixNanos, UnixNanos)> {
    let start = summary.start?.0;
    Some((start, UnixNanos(start.0.saturating_add(summary.duration_ns))))
}
