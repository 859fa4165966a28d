//! Which failure came first: the rule, and the path from there to the entry.
//!
//! The rule is simple and says so (`rule` in answers). Failures are taken together by the span they belong
//! to. A log belongs to the span it names; one that names none to its service, which is the span of that
//! service that was running then, or the service by itself where it has no spans. A span is a candidate when
//! it failed and nothing below it did. The deepest candidate is the cause, of equally deep ones the one that
//! failed first. Failures on spans that were declared a success count only where there are no others.
//!
//! `score` is the share of the failing spans that the cause explains: itself and those above it.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use serde::{Serialize, Serializer};
use spandrel_store::{Record, RecordId, UnixNanos};
use utoipa::ToSchema;

use super::errors::exception::Exception;
use super::errors::{Evidence, Place, TraceError};
use super::{TraceView, end_of};
use crate::render::Text;

/// The rule's name in answers.
const RULE: &str = "deepest_error";

/// A failure with nothing failing below it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RootCause<'a> {
    pub service: &'a str,
    #[schema(required)]
    pub operation: Option<&'a str>,
    #[schema(required)]
    pub span_id: Option<String>,
    /// What it is known by.
    pub kind: Evidence,
    /// The rule that named it: `deepest_error`.
    pub rule: &'static str,
    /// The share, 0 to 1, of the trace's failing spans that it explains.
    pub score: f64,
    pub message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<Exception<'a>>,
    /// The ids of the records that tell of it.
    #[serde(serialize_with = "ids_text")]
    #[schema(value_type = Vec<String>)]
    pub records: Vec<RecordId>,
}

/// One span on the way from the cause to the entry.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PathStep<'a> {
    pub service: &'a str,
    #[schema(required)]
    pub operation: Option<&'a str>,
    #[schema(required)]
    pub span_id: Option<String>,
}

pub(super) struct Verdict<'a> {
    pub(super) root_cause: Option<RootCause<'a>>,
    pub(super) path: Vec<PathStep<'a>>,
    pub(super) contributing: Vec<RootCause<'a>>,
}

/// The failures of one place, by their indices, in the order of the errors.
struct Unit<'a> {
    place: Place<'a>,
    failures: Vec<usize>,
}

pub(super) fn judge<'a>(trace: &'a TraceView, errors: &[TraceError<'a>]) -> Verdict<'a> {
    let units = units(errors);
    let spread = Spread::of(trace, &units);
    let mut candidates: Vec<&Unit<'a>> = units.iter().filter(|unit| spread.is_lowest(unit.place)).collect();
    // Units stand in the order of their first failures, and the sort is stable.
    candidates.sort_by_key(|unit| Reverse(depth(trace, unit.place)));
    let path = candidates.first().map(|unit| path(trace, unit.place)).unwrap_or_default();
    let total = units.len();
    let mut causes = candidates.into_iter().map(|unit| {
        let explained = spread.failing_above(unit.place) + 1;
        root_cause(trace, errors, unit, explained as f64 / total as f64)
    });
    Verdict { root_cause: causes.next(), contributing: causes.collect(), path }
}

/// The failures by place. Handled ones only where there are no others.
fn units<'a>(errors: &[TraceError<'a>]) -> Vec<Unit<'a>> {
    let all_handled = errors.iter().all(|error| error.handled);
    let mut units: Vec<Unit<'a>> = Vec::new();
    let mut unit_of: HashMap<Place<'a>, usize> = HashMap::new();
    for (index, error) in errors.iter().enumerate() {
        if error.handled && !all_handled {
            continue;
        }
        let unit = *unit_of.entry(error.place).or_insert_with(|| {
            units.push(Unit { place: error.place, failures: Vec::new() });
            units.len() - 1
        });
        units[unit].failures.push(index);
    }
    units
}

/// For every span, what fails around it.
struct Spread {
    failing_below: Vec<bool>,
    failing_above: Vec<usize>,
}

impl Spread {
    fn of(trace: &TraceView, units: &[Unit<'_>]) -> Spread {
        let mut failing = vec![false; trace.spans.len()];
        for unit in units {
            if let Place::Span(place) = unit.place {
                failing[place] = true;
            }
        }
        let mut failing_below = vec![false; failing.len()];
        for place in trace.bottom_up() {
            if let Some(parent) = trace.spans[place].parent {
                failing_below[parent] |= failing[place] || failing_below[place];
            }
        }
        let mut failing_above = vec![0; failing.len()];
        for place in trace.top_down() {
            if let Some(parent) = trace.spans[place].parent {
                failing_above[place] = failing_above[parent] + usize::from(failing[parent]);
            }
        }
        Spread { failing_below, failing_above }
    }

    fn is_lowest(&self, place: Place<'_>) -> bool {
        match place {
            Place::Span(place) => !self.failing_below[place],
            Place::Service(_) => true,
        }
    }

    fn failing_above(&self, place: Place<'_>) -> usize {
        match place {
            Place::Span(place) => self.failing_above[place],
            Place::Service(_) => 0,
        }
    }
}

fn depth(trace: &TraceView, place: Place<'_>) -> usize {
    match place {
        Place::Span(place) => trace.spans[place].depth,
        Place::Service(_) => 0,
    }
}

fn root_cause<'a>(
    trace: &'a TraceView,
    errors: &[TraceError<'a>],
    unit: &Unit<'a>,
    score: f64,
) -> RootCause<'a> {
    let failures = || unit.failures.iter().map(|index| &errors[*index]);
    let telling = failures().min_by_key(|error| error.evidence);
    let mut records: Vec<RecordId> = failures().map(|error| error.record).collect();
    let mut seen = std::collections::HashSet::new();
    records.retain(|id| seen.insert(*id));
    let step = step(trace, unit.place);
    RootCause {
        service: step.service,
        operation: step.operation,
        span_id: step.span_id,
        kind: telling.map_or(Evidence::Status, |error| error.evidence),
        rule: RULE,
        score: (score * 1000.0).round() / 1000.0,
        message: telling.map(|error| error.message.clone()).unwrap_or_default(),
        exception: telling.and_then(|error| error.exception),
        records,
    }
}

/// From a place up to the top; the parents form a forest, so this ends.
fn path<'a>(trace: &'a TraceView, place: Place<'a>) -> Vec<PathStep<'a>> {
    match place {
        Place::Service(_) => vec![step(trace, place)],
        Place::Span(place) => {
            let up = std::iter::successors(Some(place), |place| trace.spans[*place].parent);
            up.map(|place| step(trace, Place::Span(place))).collect()
        }
    }
}

fn step<'a>(trace: &'a TraceView, place: Place<'a>) -> PathStep<'a> {
    match place {
        Place::Service(service) => PathStep { service, operation: None, span_id: None },
        Place::Span(place) => {
            let record = &trace.spans[place].view.record;
            PathStep {
                service: record.service(),
                operation: Some(&trace.spans[place].span().name),
                span_id: record.span_id().map(|id| id.to_string()),
            }
        }
    }
}

/// The span that each of these logs, in the order of their times, belongs to, though it names none that is
/// here: of its service's spans that were running then the one that started last; else the last that had
/// started, else the first; none where the service has no spans.
pub(super) fn homes<'a>(trace: &'a TraceView, logs: impl Iterator<Item = &'a Record>) -> Vec<Option<usize>> {
    let mut logs = logs.peekable();
    if logs.peek().is_none() {
        return Vec::new();
    }
    let mut services: HashMap<&str, Running> = HashMap::new();
    for (place, node) in trace.spans.iter().enumerate() {
        services.entry(node.view.record.service()).or_default().spans.push(place);
    }
    logs.map(|log| services.get_mut(log.service())?.at(trace, log.time())).collect()
}

/// The spans of one service, swept over once as time goes on.
#[derive(Default)]
struct Running {
    /// All, by start.
    spans: Vec<usize>,
    started: usize,
    /// Those that may still run, the last to start on top. Indices are in the order of starts.
    open: BinaryHeap<usize>,
}

impl Running {
    fn at(&mut self, trace: &TraceView, time: UnixNanos) -> Option<usize> {
        while let Some(place) =
            self.spans.get(self.started).filter(|p| trace.spans[**p].view.record.time() <= time)
        {
            self.open.push(*place);
            self.started += 1;
        }
        while let Some(place) = self.open.peek().copied() {
            if end_of(&trace.spans[place].view.record) >= time {
                return Some(place);
            }
            self.open.pop();
        }
        self.spans.get(self.started.saturating_sub(1)).copied()
    }
}

fn ids_text<S: Serializer>(ids: &[RecordId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(Text))
}
