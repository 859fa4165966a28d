//! Questions on the wire.

use std::time::Duration;

use spandrel_store::filter::Field;
use spandrel_store::{Filter, TimeRange, TraceId, UnixNanos};
use tokio::time::Instant;

use super::filter::{trace_id, trace_id_match};
use super::{
    Ask, CountAsk, Cursor, FieldsAsk, Garbage, GraphAsk, HalvesAsk, Kind, Nothing, OverviewAsk, PageAsk,
    Position, Range, TraceAsk, VERSION, ValuesAsk,
};
use crate::federation::identity::Identity;
use crate::source::{
    CountQuestion, FieldsQuestion, GraphQuestion, HalvesQuestion, OverviewQuestion, PageQuestion, Question,
    TraceQuestion, ValuesQuestion,
};

/// Gateways that a question may pass through on its way to a sidecar.
const HOPS_MAX: usize = 8;

/// Whom a question has passed through, so that it never comes back to one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Visited(Vec<Identity>);

/// A question as it was received.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Trace(TraceQuestion),
    Search(PageQuestion),
    MatchingTraces(PageQuestion),
    Overviews(OverviewQuestion),
    Histogram(CountQuestion),
    Graph(GraphQuestion),
    Fields(FieldsQuestion),
    Values(ValuesQuestion),
    Extent(Instant),
    Describe(Instant),
    Halves(HalvesQuestion),
    Tail(Filter),
}

impl Visited {
    pub(crate) fn by(identity: Identity) -> Visited {
        Visited(vec![identity])
    }

    /// `None` where it is a loop, or as good as one.
    pub(crate) fn and(mut self, identity: Identity) -> Option<Visited> {
        if self.0.contains(&identity) || self.0.len() > HOPS_MAX {
            return None;
        }
        self.0.push(identity);
        Some(self)
    }
}

impl Ask {
    fn new(kind: Kind) -> Ask {
        Ask { protocol: VERSION, kind: Some(kind), ..Ask::default() }
    }

    fn about(about: &Question, kind: Kind) -> Ask {
        let range = Range::from(about.range);
        Ask { filter: Some(super::Filter::of(&about.filter)), range: Some(range), ..Ask::new(kind) }
    }

    pub(crate) fn trace(ask: &TraceQuestion) -> Ask {
        let exact = ask.id.exact.iter().map(|id| id.0.to_vec()).collect();
        let low64 = ask.id.low64.clone();
        Ask::new(Kind::Trace(TraceAsk { exact, low64, records_max: ask.records_max as u64 }))
    }

    pub(crate) fn search(ask: &PageQuestion) -> Ask {
        Ask::about(&ask.about, Kind::Search(page(ask)))
    }

    pub(crate) fn matching_traces(ask: &PageQuestion) -> Ask {
        Ask::about(&ask.about, Kind::MatchingTraces(page(ask)))
    }

    pub(crate) fn overviews(ask: &OverviewQuestion) -> Ask {
        let ids = ask.ids.iter().map(|id| id.0.to_vec()).collect();
        let kind = Kind::Overviews(OverviewAsk { ids, records_max: ask.records_max as u64 });
        Ask::about(&ask.about, kind)
    }

    pub(crate) fn histogram(ask: &CountQuestion) -> Ask {
        let by = ask.by.iter().map(super::Field::from).collect();
        let (step_ns, origin_ns) = (ask.step_ns, ask.origin_ns);
        let count = CountAsk { step_ns, by, groups_max: ask.groups_max as u64, origin_ns };
        let kind = if origin_ns == 0 { Kind::Histogram(count) } else { Kind::Counts(count) };
        Ask::about(&ask.about, kind)
    }

    pub(crate) fn graph(ask: &GraphQuestion) -> Ask {
        let (spans_max, ends_max) = (ask.spans_max as u64, ask.ends_max as u64);
        Ask::about(&ask.about, Kind::Graph(GraphAsk { spans_max, ends_max }))
    }

    pub(crate) fn fields(ask: &FieldsQuestion) -> Ask {
        Ask::new(Kind::Fields(FieldsAsk { fields_max: ask.fields_max as u64 }))
    }

    pub(crate) fn values(ask: &ValuesQuestion) -> Ask {
        let field = Some(super::Field::from(&ask.field));
        Ask::about(&ask.about, Kind::Values(ValuesAsk { field, values_max: ask.values_max as u64 }))
    }

    pub(crate) fn extent() -> Ask {
        Ask::new(Kind::Extent(Nothing {}))
    }

    pub(crate) fn describe() -> Ask {
        Ask::new(Kind::Describe(Nothing {}))
    }

    pub(crate) fn halves(ask: &HalvesQuestion) -> Ask {
        let halves_max = ask.halves_max as u64;
        Ask::new(Kind::Halves(HalvesAsk { after: ask.after.map(Cursor::from), halves_max }))
    }

    pub(crate) fn tail(filter: &Filter) -> Ask {
        Ask { filter: Some(super::Filter::of(filter)), ..Ask::new(Kind::Tail(Nothing {})) }
    }

    pub(crate) fn passed_through(mut self, visited: &Visited) -> Ask {
        self.visited = visited.0.iter().map(|identity| identity.to_bytes().to_vec()).collect();
        self
    }

    pub(crate) fn within(mut self, time: Duration) -> Ask {
        self.timeout_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self
    }

    pub(crate) fn visited(&self) -> Result<Visited, Garbage> {
        let visited: Option<Vec<Identity>> =
            self.visited.iter().map(|bytes| Identity::from_bytes(bytes)).collect();
        Ok(Visited(visited.ok_or(Garbage("not an identity"))?))
    }

    /// The question itself; it may take until `deadline` at most.
    pub(crate) fn read(&self, deadline: Instant) -> Result<Asked, Garbage> {
        let patience = Instant::now().checked_add(Duration::from_millis(self.timeout_ms));
        let deadline = patience.map_or(deadline, |patience| patience.min(deadline));
        let about = || self.read_about(deadline);
        Ok(match self.kind.as_ref().ok_or(Garbage("no question"))? {
            Kind::Trace(ask) => {
                let id = trace_id_match(&ask.exact, &ask.low64)?;
                Asked::Trace(TraceQuestion { id, records_max: size(ask.records_max), deadline })
            }
            Kind::Search(ask) => Asked::Search(read_page(ask, about()?)?),
            Kind::MatchingTraces(ask) => Asked::MatchingTraces(read_page(ask, about()?)?),
            Kind::Overviews(ask) => {
                let ids: Result<Vec<TraceId>, Garbage> = ask.ids.iter().map(|id| trace_id(id)).collect();
                let records_max = size(ask.records_max);
                Asked::Overviews(OverviewQuestion { about: about()?, ids: ids?, records_max })
            }
            Kind::Histogram(ask) | Kind::Counts(ask) => {
                let by: Result<Vec<Field>, Garbage> = ask.by.iter().map(super::Field::read).collect();
                let (step_ns, groups_max) = (ask.step_ns.max(1), size(ask.groups_max));
                Asked::Histogram(CountQuestion {
                    about: about()?,
                    step_ns,
                    origin_ns: ask.origin_ns,
                    by: by?,
                    groups_max,
                })
            }
            Kind::Graph(ask) => {
                let (spans_max, ends_max) = (size(ask.spans_max), size(ask.ends_max));
                Asked::Graph(GraphQuestion { about: about()?, spans_max, ends_max })
            }
            Kind::Fields(ask) => Asked::Fields(FieldsQuestion { fields_max: size(ask.fields_max), deadline }),
            Kind::Values(ask) => {
                let field = ask.field.as_ref().ok_or(Garbage("values of no field"))?.read()?;
                Asked::Values(ValuesQuestion { about: about()?, field, values_max: size(ask.values_max) })
            }
            Kind::Extent(_) => Asked::Extent(deadline),
            Kind::Describe(_) => Asked::Describe(deadline),
            Kind::Halves(ask) => {
                let (after, halves_max) = (ask.after.map(Cursor::read), size(ask.halves_max));
                Asked::Halves(HalvesQuestion { after, halves_max, deadline })
            }
            Kind::Tail(_) => Asked::Tail(self.read_filter()?),
        })
    }

    fn read_about(&self, deadline: Instant) -> Result<Question, Garbage> {
        let range = self.range.ok_or(Garbage("a question about no time"))?.read();
        Ok(Question { filter: self.read_filter()?, range, deadline })
    }

    fn read_filter(&self) -> Result<Filter, Garbage> {
        self.filter.as_ref().ok_or(Garbage("a question without a filter"))?.read()
    }
}

impl Asked {
    /// The most that is asked for of anything, to be held against this sidecar's own limits.
    pub(crate) fn wants(&self) -> Wants {
        let none = Wants::default();
        match self {
            Asked::Trace(ask) => Wants { records: ask.records_max, ..none },
            Asked::Search(ask) | Asked::MatchingTraces(ask) => Wants { items: ask.limit, ..none },
            Asked::Overviews(ask) => Wants { items: ask.ids.len(), records: ask.records_max, ..none },
            Asked::Histogram(ask) => Wants { groups: ask.groups_max, ..none },
            Asked::Fields(ask) => Wants { items: ask.fields_max, ..none },
            Asked::Values(ask) => Wants { items: ask.values_max, ..none },
            Asked::Halves(ask) => Wants { records: ask.halves_max, ..none },
            Asked::Graph(_) | Asked::Extent(_) | Asked::Describe(_) | Asked::Tail(_) => none,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wants {
    pub(crate) records: usize,
    pub(crate) items: usize,
    pub(crate) groups: usize,
}

fn page(ask: &PageQuestion) -> PageAsk {
    PageAsk { after: ask.after.map(Position::from), limit: ask.limit as u64 }
}

fn read_page(ask: &PageAsk, about: Question) -> Result<PageQuestion, Garbage> {
    let after = ask.after.as_ref().map(Position::read).transpose()?;
    Ok(PageQuestion { about, after, limit: size(ask.limit) })
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl From<TimeRange> for Range {
    fn from(range: TimeRange) -> Range {
        Range { start: range.start.0, end: range.end.0 }
    }
}

impl Range {
    pub(super) fn read(self) -> TimeRange {
        TimeRange { start: UnixNanos(self.start), end: UnixNanos(self.end) }
    }
}
