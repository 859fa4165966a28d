//! One trace whole, and the list of the traces that match.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use spandrel_store::snapshot::{Position, TraceRecords};
use spandrel_store::{Record, TimeRange, TraceId, TraceIdMatch, UnixNanos};

use super::gather::{Asking, Share, overlap};
use super::overview::Overview;
use super::shown::Lookup;
use super::{About, Answer, Engine, Rejected, Shown, TraceFound, TracesPlace, before, closed_range};
use crate::source::{OverviewQuestion, PageQuestion, TraceMatch, TraceQuestion};

/// A fragment this much older or newer than what was found of a trace may still belong to it: what is
/// missing from that time on makes the trace's coverage incomplete.
const TRACE_SPREAD_NS: u64 = 15 * 60 * 1_000_000_000;

/// Some traces of a list, and where to go on.
#[derive(Debug)]
pub struct TracesPage {
    pub items: Vec<Overview>,
    pub next: Option<TracesPlace>,
}

impl Engine {
    /// Everything that is held of a trace, whatever `about` asks for: what a trace is, and what failed first in
    /// it, does not depend on which of its records are shown.
    ///
    /// What is missing matters if it lies near the trace's own time, or, while nothing of it is found, at
    /// any time that was asked for: the trace may have been there.
    pub async fn trace(&self, id: &TraceIdMatch, about: &About) -> Result<Answer<TraceFound>, Rejected> {
        let records_max = self.limits.trace_records_max;
        let mut asking = self.asking(about.scope).await;
        let question = |deadline| TraceQuestion { id: id.clone(), records_max, deadline };
        let gathered = asking.gather(Share::All, |source, deadline| source.trace(question(deadline))).await?;
        let found = merge_trace(gathered.bodies, id, records_max, &mut asking.warnings);
        let extent = extent_with_spread(&found.records);
        asking.absent_where(gathered.absent, |absence| {
            let range = &absence.range;
            overlap(&about.range, range) && extent.is_none_or(|extent| overlap(&extent, range))
        });
        Ok(asking.answer(found))
    }

    /// The traces with a matching record, ordered by the newest of those, summed up over all sources.
    ///
    /// A trace belongs to the page on which its newest match lies, as far as that was known then: what earlier
    /// pages have shown is remembered.
    pub async fn traces(
        &self,
        about: &About,
        place: Option<TracesPlace>,
        limit: usize,
    ) -> Result<Answer<TracesPage>, Rejected> {
        let mut asking = self.asking(about.scope).await;
        let (mut after, shown) =
            place.map_or((None, Shown::default()), |place| (Some(place.after), place.shown));
        let mut earlier = shown.lookup();
        let (wanted, mut reached) = (limit + 1, None);
        let mut items: Vec<(Position, Overview)> = Vec::new();
        let mut exhausted = false;
        while items.len() < wanted && !exhausted && !asking.out_of_time() {
            let candidates = matching_traces(&mut asking, about, after, wanted).await?;
            exhausted = candidates.len() < wanted;
            let Some(last) = candidates.last().map(|found| found.newest) else { break };
            let overviews = self.overviews(&mut asking, about, &candidates).await?;
            if overviews.is_empty() {
                // Nobody was left to tell of them: a cursor behind them would pass them over.
                break;
            }
            items.extend(first_shown(candidates, overviews, after, &mut earlier));
            after = Some(last);
            reached = after;
        }
        let next = match items.len() > limit {
            true => items.get(limit - 1).map(|(position, _)| *position),
            false => reached.filter(|_| !exhausted),
        };
        items.truncate(limit);
        let items: Vec<Overview> = items.into_iter().map(|(_, overview)| overview).collect();
        if items.iter().any(|overview| overview.truncated) {
            let max = self.limits.trace_records_max;
            asking.warnings.push(format!("some traces have more than {max} records; not all were counted"));
        }
        let shown = shown.and(items.iter().map(|overview| overview.trace_id));
        let next = next.map(|after| TracesPlace { after, shown });
        Ok(asking.answer(TracesPage { items, next }))
    }

    async fn overviews(
        &self,
        asking: &mut Asking,
        about: &About,
        candidates: &[TraceMatch],
    ) -> Result<HashMap<TraceId, Overview>, Rejected> {
        let ids: Vec<TraceId> = candidates.iter().map(|found| found.trace_id).collect();
        let records_max = self.limits.trace_records_max;
        let ask = |about| OverviewQuestion { about, ids: ids.clone(), records_max };
        let bodies =
            asking.gather_about(Share::Half, about, |source, about| source.overviews(ask(about))).await?;
        let mut merged: HashMap<TraceId, Overview> = HashMap::new();
        for overview in bodies.into_iter().flatten() {
            match merged.get_mut(&overview.trace_id) {
                Some(known) => known.merge(overview),
                None => _ = merged.insert(overview.trace_id, overview),
            }
        }
        Ok(merged)
    }
}

/// The next `limit` traces after a place, over all sources.
pub(super) async fn matching_traces(
    asking: &mut Asking,
    about: &About,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<TraceMatch>, Rejected> {
    let ask = |about| PageQuestion { about, after, limit };
    let bodies =
        asking.gather_about(Share::Half, about, |source, about| source.matching_traces(ask(about))).await?;
    let mut newest: HashMap<TraceId, Position> = HashMap::new();
    for found in bodies.into_iter().flatten() {
        let known = newest.entry(found.trace_id).or_insert(found.newest);
        if before(found.newest, *known) {
            *known = found.newest;
        }
    }
    let mut found: Vec<TraceMatch> =
        newest.into_iter().map(|(trace_id, newest)| TraceMatch { trace_id, newest }).collect();
    found.sort_by_key(|found| Reverse((found.newest.time, found.newest.id)));
    found.truncate(limit);
    Ok(found)
}

/// The candidates that no earlier page has shown, each at its place in the order.
fn first_shown(
    candidates: Vec<TraceMatch>,
    mut overviews: HashMap<TraceId, Overview>,
    after: Option<Position>,
    earlier: &mut Lookup,
) -> Vec<(Position, Overview)> {
    let is_before = |overview: &Overview| match (overview.newest_match, after) {
        (Some(newest), Some(after)) => !before(after, newest),
        _ => false,
    };
    let first = candidates.into_iter().filter_map(|found| {
        let overview = overviews.remove(&found.trace_id)?;
        if earlier.has(found.trace_id, is_before(&overview)) {
            return None;
        }
        earlier.add(found.trace_id);
        Some((found.newest, overview))
    });
    first.collect()
}

/// One trace out of all fragments. Ids with the same low half are one trace, as 64-bit and 128-bit systems
/// know it. An id that was typed in digits alone may fit two that are not: the reading that comes first is
/// taken, and the other is named.
pub(super) fn merge_trace(
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
    let mut seen = HashSet::with_capacity(records.len());
    records.retain(|record| seen.insert(record.id));
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
