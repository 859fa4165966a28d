//! One trace whole, and the list of the traces that match.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use spandrel_store::snapshot::{Position, TraceRecords};
use spandrel_store::{Record, TimeRange, TraceId, TraceIdMatch, UnixNanos};
use tokio::time::Instant;

use super::gather::{Gathered, overlap};
use super::overview::Overview;
use super::{About, Answer, Engine, Page, Rejected, TraceFound, before, closed_range};
use crate::source::{OverviewQuestion, PageQuestion, TraceMatch, TraceQuestion};

/// A fragment this much older or newer than what was found of a trace may still belong to it: what is
/// missing from that time on makes the trace's coverage incomplete.
const TRACE_SPREAD_NS: u64 = 15 * 60 * 1_000_000_000;

/// A list of traces, whose records' coverage and warnings have been added to.
type TracePage = Page<Overview>;

impl Engine {
    /// Everything that is held of a trace; of its records, those in `about.range`.
    ///
    /// What is missing matters if it lies near the trace's own time, or, while nothing of it is found, at
    /// any time that was asked for: the trace may have been there.
    pub async fn trace(&self, id: &TraceIdMatch, about: &About) -> Result<Answer<TraceFound>, Rejected> {
        let (deadline, records_max) = (self.deadline(), self.limits.trace_records_max);
        let mut gathered = self
            .gather(about.scope, deadline, |source| {
                source.trace(TraceQuestion { id: id.clone(), records_max, deadline })
            })
            .await?;
        let fragments = std::mem::take(&mut gathered.bodies);
        let mut found = merge_trace(fragments, id, records_max, &mut gathered.warnings);
        let extent = extent_with_spread(&found.records);
        gathered.gaps_where(|gap| {
            overlap(&about.range, &gap.range) && extent.is_none_or(|extent| overlap(&extent, &gap.range))
        });
        found.records.retain(|record| about.range.contains(record.time()));
        Ok(gathered.answer(found))
    }

    /// The traces with a matching record, ordered by the newest of those, summed up over all sources.
    ///
    /// A trace belongs to the page on which its newest match lies. So what was found after `after` is held
    /// against the newest match of the whole trace, and dropped if an earlier page has shown it.
    pub async fn traces(
        &self,
        about: &About,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Answer<TracePage>, Rejected> {
        let deadline = self.deadline();
        let wanted = limit + 1;
        let (mut items, mut after) = (Vec::<(Position, Overview)>::new(), after);
        let mut answer: Option<Gathered<()>> = None;
        while items.len() < wanted {
            let mut found = self.matching_traces(about, after, wanted, deadline).await?;
            let candidates = std::mem::take(&mut found.bodies);
            let Some(last) = candidates.last().map(|found| found.newest) else {
                join(&mut answer, found);
                break;
            };
            let exhausted = candidates.len() < wanted;
            let mut details = self.overviews(about, &candidates, deadline).await?;
            let overviews = std::mem::take(&mut details.bodies);
            join(&mut answer, found);
            join(&mut answer, details);
            items.extend(first_shown(candidates, overviews, after));
            after = Some(last);
            if exhausted || Instant::now() >= deadline {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|(position, _)| *position);
        let items: Vec<Overview> = items.into_iter().map(|(_, overview)| overview).collect();
        let mut answer = answer.unwrap_or_else(|| Gathered::nothing(self.sources.len()));
        if items.iter().any(|overview| overview.truncated) {
            let max = self.limits.trace_records_max;
            answer.warnings.push(format!("some traces have more than {max} records; not all were counted"));
        }
        Ok(answer.answer(Page { items, next }))
    }

    /// The next `limit` traces after a place, over all sources.
    async fn matching_traces(
        &self,
        about: &About,
        after: Option<Position>,
        limit: usize,
        deadline: Instant,
    ) -> Result<Gathered<TraceMatch>, Rejected> {
        let ask = PageQuestion { about: self.question(about, deadline), after, limit };
        let mut gathered =
            self.gather(about.scope, deadline, |source| source.matching_traces(ask.clone())).await?;
        gathered.gaps_in(about);
        let mut newest: HashMap<TraceId, Position> = HashMap::new();
        for found in gathered.bodies.drain(..).flatten() {
            let known = newest.entry(found.trace_id).or_insert(found.newest);
            if before(found.newest, *known) {
                *known = found.newest;
            }
        }
        let mut found: Vec<TraceMatch> =
            newest.into_iter().map(|(trace_id, newest)| TraceMatch { trace_id, newest }).collect();
        found.sort_by_key(|found| Reverse((found.newest.time, found.newest.id)));
        found.truncate(limit);
        Ok(gathered.with_bodies(found))
    }

    async fn overviews(
        &self,
        about: &About,
        candidates: &[TraceMatch],
        deadline: Instant,
    ) -> Result<Gathered<Overview>, Rejected> {
        let ask = OverviewQuestion {
            about: self.question(about, deadline),
            ids: candidates.iter().map(|found| found.trace_id).collect(),
            records_max: self.limits.trace_records_max,
        };
        let mut gathered = self.gather(about.scope, deadline, |source| source.overviews(ask.clone())).await?;
        gathered.gaps_in(about);
        let mut merged: HashMap<TraceId, Overview> = HashMap::new();
        for overview in gathered.bodies.drain(..).flatten() {
            match merged.get_mut(&overview.trace_id) {
                Some(known) => known.merge(overview),
                None => _ = merged.insert(overview.trace_id, overview),
            }
        }
        Ok(gathered.with_bodies(merged.into_values().collect()))
    }
}

/// The candidates that no earlier page has shown, each at its place in the order.
fn first_shown(
    candidates: Vec<TraceMatch>,
    overviews: Vec<Overview>,
    after: Option<Position>,
) -> Vec<(Position, Overview)> {
    let mut overviews: HashMap<TraceId, Overview> =
        overviews.into_iter().map(|overview| (overview.trace_id, overview)).collect();
    let shown = |overview: &Overview| match (overview.newest_match, after) {
        (Some(newest), Some(after)) => !before(after, newest),
        _ => false,
    };
    let first = candidates.into_iter().filter_map(|found| {
        let overview = overviews.remove(&found.trace_id)?;
        (!shown(&overview)).then_some((found.newest, overview))
    });
    first.collect()
}

/// Adds a further question's coverage and warnings to what there is.
fn join<T>(answer: &mut Option<Gathered<()>>, more: Gathered<T>) {
    let more = more.with_bodies(Vec::new());
    match answer {
        None => *answer = Some(more),
        Some(answer) => {
            answer.coverage.merge(more.coverage);
            let fresh = more.warnings.into_iter().filter(|warning| !answer.warnings.contains(warning));
            let fresh: Vec<String> = fresh.collect();
            answer.warnings.extend(fresh);
        }
    }
}

/// One trace out of all fragments. Ids with the same low half are one trace, as 64-bit and 128-bit systems
/// know it. An id that was typed in digits alone may fit two that are not: the reading that comes first is
/// taken, and the other is named.
fn merge_trace(
    fragments: Vec<TraceRecords>,
    id: &TraceIdMatch,
    records_max: usize,
    warnings: &mut Vec<String>,
) -> TraceFound {
    let mut truncated = fragments.iter().any(|fragment| fragment.truncated);
    let mut traces: BTreeMap<(usize, u64), Vec<Arc<Record>>> = BTreeMap::new();
    for record in fragments.into_iter().flat_map(|fragment| fragment.records) {
        if let Some(trace_id) = record.trace_id() {
            let low64 = trace_id.low64();
            let reading = id.exact.iter().position(|exact| exact.low64() == low64).unwrap_or(usize::MAX);
            traces.entry((reading, low64)).or_default().push(record);
        }
    }
    let Some((_, mut records)) = traces.pop_first() else { return TraceFound::default() };
    let others = traces.values().filter_map(|others| others.first()?.trace_id());
    warnings.extend(others.map(|other| format!("the id also fits the trace {other}")));
    records.sort_by_key(|record| (record.time(), record.id));
    records.dedup_by_key(|record| record.id);
    truncated |= records.len() > records_max;
    records.truncate(records_max);
    if truncated {
        warnings.push(format!("the trace has more than {records_max} records; the answer is cut"));
    }
    TraceFound { records, truncated }
}

fn extent_with_spread(records: &[Arc<Record>]) -> Option<TimeRange> {
    let times = || records.iter().map(|record| record.time().0);
    let (least, greatest) = (times().min()?, times().max()?);
    let least = UnixNanos(least.saturating_sub(TRACE_SPREAD_NS));
    Some(closed_range(least, UnixNanos(greatest.saturating_add(TRACE_SPREAD_NS))))
}

impl<T> Gathered<T> {
    fn with_bodies<U>(self, bodies: Vec<U>) -> Gathered<U> {
        Gathered { bodies, coverage: self.coverage, warnings: self.warnings, gaps: self.gaps }
    }
}

impl Gathered<()> {
    fn nothing(asked: usize) -> Gathered<()> {
        Gathered {
            bodies: Vec::new(),
            coverage: crate::coverage::Coverage::new(asked),
            warnings: Vec::new(),
            gaps: Vec::new(),
        }
    }
}
