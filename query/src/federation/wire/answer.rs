//! Answers on the wire: what each kind of answer is cut into, put together from, and joined with.

use std::collections::HashSet;
use std::sync::Arc;

use spandrel_store::snapshot::{FieldInfo, Gap, GapReason, Series, TraceRecords, ValueKind, Values};
use spandrel_store::{Record, TimeRange, UnixNanos};

use super::filter::{place, place_number, trace_id};
use super::record::{Chunks, Contexts};
use super::{
    Absence, Beyond, Counts, End, Extent, Fields, Garbage, Key, Match, Matches, Overviews, Part, Position,
    Range,
};
use crate::render::time::Rfc3339;
use crate::source::{Description, Overview, Peer, Reply, TraceMatch};
use crate::trace::summary::{Root, TraceSummary};
use crate::{coverage, source};

/// Items of the smaller kinds in one chunk.
pub(super) const CHUNK_ITEMS: usize = 1_000;

/// The parts that an answer is sent in.
pub(crate) type Parts = Box<dyn Iterator<Item = Part> + Send>;

/// One kind of answer.
pub(crate) trait Body: Default + Send + 'static {
    fn into_parts(self) -> Parts;
    fn read(&mut self, part: Part, contexts: &mut Contexts) -> Result<(), Garbage>;
    /// Adds another sidecar's answer to the same question, of which at most `limit` items are wanted.
    fn join(&mut self, other: Self, limit: usize);

    fn truncated(&self) -> bool {
        false
    }

    fn set_truncated(&mut self) {}
}

/// An answer in the making at the asker.
#[derive(Debug, Default)]
pub(crate) struct Reading<T> {
    body: T,
    contexts: Contexts,
}

impl<T: Body> Reading<T> {
    /// The whole answer, once its end has come.
    pub(crate) fn read(&mut self, part: Part) -> Result<Option<Reply<T>>, Garbage> {
        let end = match part {
            Part::End(end) => end,
            part => return self.body.read(part, &mut self.contexts).map(|()| None),
        };
        let mut body = std::mem::take(&mut self.body);
        if end.truncated {
            body.set_truncated();
        }
        let gaps = end.gaps.into_iter().map(read_gap).collect();
        let unknown: Result<Vec<_>, Garbage> = end.unknown.iter().map(super::Field::read).collect();
        let beyond = end.beyond.map(Beyond::read);
        Ok(Some(Reply { body, is_cut: end.truncated, gaps, unknown: unknown?, beyond, ..Reply::default() }))
    }
}

impl End {
    pub(crate) fn of<T: Body>(reply: &Reply<T>) -> End {
        End {
            truncated: reply.body.truncated() || reply.is_cut,
            gaps: reply.gaps.iter().map(gap).collect(),
            unknown: reply.unknown.iter().map(super::Field::from).collect(),
            beyond: reply.beyond.as_ref().map(Beyond::of),
        }
    }
}

fn chunked<T, U: Send + 'static>(
    items: Vec<T>,
    wire: impl Fn(T) -> U + Send + 'static,
    part: impl Fn(Vec<U>) -> Part + Send + 'static,
) -> Parts
where
    T: Send + 'static,
{
    let mut items = items.into_iter().map(wire);
    Box::new(std::iter::from_fn(move || {
        let chunk: Vec<U> = items.by_ref().take(CHUNK_ITEMS).collect();
        (!chunk.is_empty()).then(|| part(chunk))
    }))
}

pub(super) const UNEXPECTED: Garbage = Garbage("a part of another kind of answer");

impl Body for TraceRecords {
    fn into_parts(self) -> Parts {
        Box::new(Chunks::new(self.records.into_iter()).map(Part::Records))
    }

    fn read(&mut self, part: Part, contexts: &mut Contexts) -> Result<(), Garbage> {
        self.records.read(part, contexts)
    }

    /// The asker merges and cuts: of a trace nothing may be lost on the way.
    fn join(&mut self, other: TraceRecords, _: usize) {
        self.records.extend(other.records);
        self.truncated |= other.truncated;
    }

    fn truncated(&self) -> bool {
        self.truncated
    }

    fn set_truncated(&mut self) {
        self.truncated = true;
    }
}

impl Body for Vec<Arc<Record>> {
    fn into_parts(self) -> Parts {
        Box::new(Chunks::new(self.into_iter()).map(Part::Records))
    }

    fn read(&mut self, part: Part, contexts: &mut Contexts) -> Result<(), Garbage> {
        let Part::Records(chunk) = part else { return Err(UNEXPECTED) };
        self.extend(contexts.read(chunk)?);
        Ok(())
    }

    fn join(&mut self, other: Vec<Arc<Record>>, limit: usize) {
        self.extend(other);
        self.sort_by_key(|record| std::cmp::Reverse((record.time(), record.id)));
        let mut seen = HashSet::new();
        self.retain(|record| seen.insert(record.id));
        self.truncate(limit);
    }
}

impl Body for Vec<TraceMatch> {
    fn into_parts(self) -> Parts {
        let wire = |found: TraceMatch| Match {
            trace_id: found.trace_id.0.to_vec(),
            newest: Some(Position::from(found.newest)),
        };
        chunked(self, wire, |matches| Part::Matches(Matches { matches }))
    }

    fn read(&mut self, part: Part, _: &mut Contexts) -> Result<(), Garbage> {
        let Part::Matches(chunk) = part else { return Err(UNEXPECTED) };
        for found in chunk.matches {
            let newest = found.newest.ok_or(Garbage("a trace without a match"))?.read()?;
            self.push(TraceMatch { trace_id: trace_id(&found.trace_id)?, newest });
        }
        Ok(())
    }

    fn join(&mut self, other: Vec<TraceMatch>, limit: usize) {
        self.extend(other);
        self.sort_by_key(|found| std::cmp::Reverse((found.newest.time, found.newest.id)));
        let mut seen = HashSet::new();
        self.retain(|found| seen.insert(found.trace_id));
        self.truncate(limit);
    }
}

impl Body for Vec<Overview> {
    fn into_parts(self) -> Parts {
        let wire = |overview: Overview| super::Overview {
            trace_id: overview.trace_id.0.to_vec(),
            newest: overview.newest_match.map(Position::from),
            truncated: overview.truncated,
            root: overview.summary.root.map(|root| super::Root { service: root.service, name: root.name }),
            services: overview.summary.services,
            start: overview.summary.start.map(|start| start.0.0),
            duration_ns: overview.summary.duration_ns,
            spans: overview.summary.spans,
            logs: overview.summary.logs,
            errors: overview.summary.errors,
        };
        chunked(self, wire, |overviews| Part::Overviews(Overviews { overviews }))
    }

    fn read(&mut self, part: Part, _: &mut Contexts) -> Result<(), Garbage> {
        let Part::Overviews(chunk) = part else { return Err(UNEXPECTED) };
        for wire in chunk.overviews {
            let trace_id = trace_id(&wire.trace_id)?;
            let summary = TraceSummary {
                trace_id: trace_id.to_string(),
                root: wire.root.map(|root| Root { service: root.service, name: root.name }),
                services: wire.services,
                start: wire.start.map(|start| Rfc3339(UnixNanos(start))),
                duration_ns: wire.duration_ns,
                spans: wire.spans,
                logs: wire.logs,
                errors: wire.errors,
            };
            let newest_match = wire.newest.as_ref().map(Position::read).transpose()?;
            self.push(Overview { trace_id, newest_match, summary, truncated: wire.truncated });
        }
        Ok(())
    }

    /// The asker adds up the parts of a trace.
    fn join(&mut self, other: Vec<Overview>, _: usize) {
        self.extend(other);
    }
}

impl Body for Vec<Series> {
    fn into_parts(self) -> Parts {
        let wire = |series: Series| {
            let key = series.key.into_iter().map(|value| Key { value }).collect();
            let (times, counts) = series.points.into_iter().map(|(time, count)| (time.0, count)).unzip();
            super::Series { key, times, counts }
        };
        chunked(self, wire, |series| Part::Counts(Counts { series }))
    }

    fn read(&mut self, part: Part, _: &mut Contexts) -> Result<(), Garbage> {
        let Part::Counts(chunk) = part else { return Err(UNEXPECTED) };
        self.extend(chunk.series.into_iter().map(|wire| {
            let points = wire.times.into_iter().map(UnixNanos).zip(wire.counts).collect();
            Series { key: wire.key.into_iter().map(|key| key.value).collect(), points }
        }));
        Ok(())
    }

    /// The asker sums.
    fn join(&mut self, other: Vec<Series>, _: usize) {
        self.extend(other);
    }
}

impl Body for Vec<FieldInfo> {
    fn into_parts(self) -> Parts {
        let wire = |field: FieldInfo| super::FieldInfo {
            name: field.name,
            place: place_number(field.place),
            kind: field.kind as u32,
        };
        chunked(self, wire, |fields| Part::Fields(Fields { fields }))
    }

    fn read(&mut self, part: Part, _: &mut Contexts) -> Result<(), Garbage> {
        let Part::Fields(chunk) = part else { return Err(UNEXPECTED) };
        for wire in chunk.fields {
            let kind = ValueKind::ALL.into_iter().find(|kind| *kind as u32 == wire.kind);
            let kind = kind.ok_or(Garbage("no such kind of value"))?;
            self.push(FieldInfo { name: wire.name, place: place(wire.place)?, kind });
        }
        Ok(())
    }

    fn join(&mut self, other: Vec<FieldInfo>, limit: usize) {
        self.extend(other);
        self.sort();
        self.dedup();
        self.truncate(limit);
    }
}

impl Body for Values {
    fn into_parts(self) -> Parts {
        let wire = |(value, count)| super::Value { value, count };
        chunked(self.values, wire, |values| Part::Values(super::Values { values }))
    }

    fn read(&mut self, part: Part, _: &mut Contexts) -> Result<(), Garbage> {
        let Part::Values(chunk) = part else { return Err(UNEXPECTED) };
        self.values.extend(chunk.values.into_iter().map(|wire| (wire.value, wire.count)));
        Ok(())
    }

    /// The asker sums.
    fn join(&mut self, other: Values, _: usize) {
        self.values.extend(other.values);
        self.truncated |= other.truncated;
    }

    fn truncated(&self) -> bool {
        self.truncated
    }

    fn set_truncated(&mut self) {
        self.truncated = true;
    }
}

type Times = Option<(UnixNanos, UnixNanos)>;

impl Body for Times {
    fn into_parts(self) -> Parts {
        Box::new(self.map(|times| Part::Extent(times.into())).into_iter())
    }

    fn read(&mut self, part: Part, _: &mut Contexts) -> Result<(), Garbage> {
        let Part::Extent(extent) = part else { return Err(UNEXPECTED) };
        *self = Some(extent.read());
        Ok(())
    }

    fn join(&mut self, other: Times, _: usize) {
        *self = self.iter().chain(other.iter()).copied().reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
    }
}

impl Body for Description {
    fn into_parts(self) -> Parts {
        let wire = super::Description {
            version: self.version,
            services: self.services,
            record_count: self.record_count,
            extent: self.extent.map(Extent::from),
        };
        Box::new(std::iter::once(Part::Description(wire)))
    }

    fn read(&mut self, part: Part, _: &mut Contexts) -> Result<(), Garbage> {
        let Part::Description(wire) = part else { return Err(UNEXPECTED) };
        *self = Description {
            version: wire.version,
            services: wire.services,
            record_count: wire.record_count,
            extent: wire.extent.map(Extent::read),
        };
        Ok(())
    }

    fn join(&mut self, other: Description, limit: usize) {
        self.services.extend(other.services);
        self.services.sort();
        self.services.dedup();
        self.services.truncate(limit);
        self.record_count = self.record_count.saturating_add(other.record_count);
        Body::join(&mut self.extent, other.extent, limit);
    }
}

impl From<(UnixNanos, UnixNanos)> for Extent {
    fn from((least, greatest): (UnixNanos, UnixNanos)) -> Extent {
        Extent { least: least.0, greatest: greatest.0 }
    }
}

impl Extent {
    pub(super) fn read(self) -> (UnixNanos, UnixNanos) {
        (UnixNanos(self.least), UnixNanos(self.greatest))
    }
}

fn gap(gap: &Gap) -> super::Gap {
    let reason = match gap.reason {
        GapReason::SetAside => 1,
        GapReason::Deleted => 2,
    };
    super::Gap { reason, range: Some(gap.range.into()), detail: gap.detail.clone() }
}

fn read_gap(wire: super::Gap) -> Gap {
    let reason = if wire.reason == 2 { GapReason::Deleted } else { GapReason::SetAside };
    Gap { reason, range: wire.range.map_or(TimeRange::ALL, Range::read), detail: wire.detail }
}

impl Beyond {
    fn of(beyond: &source::Beyond) -> Beyond {
        let missing = beyond.missing.iter().map(Absence::of).collect();
        Beyond { asked: beyond.asked as u64, answered: beyond.answered as u64, missing }
    }

    fn read(self) -> source::Beyond {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let missing = self.missing.into_iter().map(Absence::read).collect();
        source::Beyond { asked: size(self.asked), answered: size(self.answered), missing }
    }
}

impl Absence {
    pub(crate) fn of(absence: &coverage::Absence) -> Absence {
        Absence {
            peer: absence.peer.name.clone(),
            service: absence.peer.service.clone(),
            reason: absence.reason.clone().into_owned(),
            range: Some(absence.range.into()),
            detail: absence.detail.clone(),
        }
    }

    pub(crate) fn read(self) -> coverage::Absence {
        coverage::Absence {
            peer: Peer { name: self.peer, service: self.service, local: false },
            reason: self.reason.into(),
            range: self.range.map_or(TimeRange::ALL, Range::read),
            detail: self.detail,
        }
    }
}
