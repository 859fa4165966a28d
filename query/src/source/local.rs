//! This sidecar's own store as a source.
//!
//! A snapshot's calls block, so each question runs on the blocking pool with one of `limits.queries_max`
//! turns, but the commonest, for a trace that is not here. Those that wait for a turn give up at their deadline. A question that nobody waits for any more is told to
//! stop; it holds its turn until it has, so that no more ever run at once.
//!
//! An answer is charged to `limits.answers_bytes_max` (of its own kind: peers' answers have as much) once it is there,
//! and until it is written. One for which there is no room waits for it for a moment, with its turn, and gives up.
//! Small ones take less than the way to their reader does, and are not charged, so that they wait for no large one that
//! is read slowly. A page of records ends at `limits.answer_bytes_max`, so that no more of it is read than is told.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use prometheus::{IntCounter, Registry};
use spandrel_config::{ByteSize, Limits};
use spandrel_store::filter::{Field, Test};
use spandrel_store::snapshot::{Counting, FieldInfo, Position, Scan, Series, TraceRecords, Values};
use spandrel_store::{Filter, Record, Snapshot, Stop, Store, TimeRange, TraceIdMatch, UnixNanos};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::Instant;

use crate::graph::{Gathering, PartialGraph};

use super::footprint::{Footprint, record_bytes};
use super::room::Room;
use super::{
    Answering, CountQuestion, Description, FieldsQuestion, GraphQuestion, HalvesQuestion, Overview,
    OverviewQuestion, PageQuestion, Peer, Question, Reply, Source, SourceError, TailEvent, Tailing,
    TraceMatch, TraceQuestion, ValuesQuestion,
};
use crate::span_metrics::{Offered, SpanMetrics};

/// Attributes of one question that are looked up for the warning about unknown fields.
const UNKNOWN_FIELDS_MAX: usize = 16;

/// What may be found out in this time is not worth a thread of its own.
const AT_ONCE: Duration = Duration::from_micros(40);

/// Answers up to this are not charged.
pub(crate) const UNCHARGED_BYTES_MAX: usize = 64 << 10;

/// Services named in a description.
const SERVICES_MAX: usize = 1_000;

pub struct LocalSource {
    store: Store,
    name: String,
    turns: Arc<Semaphore>,
    room: Room,
    /// Of one page of records.
    page_bytes_max: usize,
    /// Questions that found no turn in time, or no room for their answer.
    busy: IntCounter,
    /// The service with the most records when last described.
    service: Mutex<Option<String>>,
    span_metrics: Option<Arc<SpanMetrics>>,
}

impl LocalSource {
    /// `name` is the query endpoint, `queries_max` how many questions run at once.
    pub fn new(store: Store, name: String, queries_max: usize) -> LocalSource {
        let busy = IntCounter::new(
            "spandrel_query_busy_total",
            "Questions to this sidecar's records that found none of limits.queries_max turns, or no room among \
             limits.answers_bytes_max for their answer, in time",
        );
        let limits = Limits::default();
        LocalSource {
            store,
            name,
            turns: Arc::new(Semaphore::new(queries_max)),
            room: Room::of(limits.answers_bytes_max, limits.admission_wait),
            page_bytes_max: limits.answer_bytes_max.as_usize(),
            busy: busy.expect("a metric of a fixed, valid name"),
            service: Mutex::default(),
            span_metrics: None,
        }
    }

    /// Holds no more answers at once than there is room for.
    pub fn within(mut self, room: Room) -> LocalSource {
        self.room = room;
        self
    }

    /// Ends pages of records at so many bytes.
    pub fn with_pages_of(mut self, bytes_max: ByteSize) -> LocalSource {
        self.page_bytes_max = bytes_max.as_usize();
        self
    }

    /// Tells the halves of calls that these numbers have no other half of.
    pub fn telling_of(mut self, span_metrics: Arc<SpanMetrics>) -> LocalSource {
        self.span_metrics = Some(span_metrics);
        self
    }

    /// Lets its counter be seen.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.busy.clone()))
    }

    /// One of the turns, or none before the deadline.
    async fn turn(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, SourceError> {
        match tokio::time::timeout_at(deadline, self.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(self.too_busy()),
        }
    }

    fn too_busy(&self) -> SourceError {
        self.busy.inc();
        SourceError::Busy
    }

    fn no_room(&self) -> SourceError {
        self.busy.inc();
        SourceError::NoRoom
    }

    /// The answer if there is nothing of a trace, and if that is found out at once: it needs no turn and no thread of
    /// its own, which cost more than the looking. Of a fleet that is asked for a trace, most sidecars have nothing of it.
    fn nothing_of(&self, id: &TraceIdMatch) -> Option<Reply<TraceRecords>> {
        let snapshot = self.store.snapshot();
        let nothing = snapshot.has_nothing_of(id, std::time::Instant::now() + AT_ONCE);
        nothing.then(|| Reply { gaps: snapshot.gaps(), ..Reply::default() })
    }

    /// Runs `question` on a snapshot taken when its turn comes. The fields of `filter` that nothing has are
    /// named in the reply.
    async fn ask<T: Default + Footprint + Send + 'static>(
        &self,
        deadline: Instant,
        filter: Filter,
        question: impl FnOnce(&Snapshot, &Stop) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<Reply<T>, SourceError> {
        let turn = self.turn(deadline).await?;
        let store = self.store.clone();
        let waiting = Waiting(Stop::default());
        let stop = waiting.0.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let snapshot = store.snapshot();
            let body = question(&snapshot, &stop)?;
            let unknown = unknown_fields(&snapshot, &filter);
            let bytes = body.bytes();
            let reply = Reply { body, gaps: snapshot.gaps(), unknown, ..Reply::default() };
            Ok::<_, SourceError>((reply, bytes, turn))
        });
        let broke_off = |error| SourceError::Failed(format!("the question broke off: {error}"));
        let (mut reply, bytes, _turn) = answer.await.map_err(broke_off)??;
        if bytes > UNCHARGED_BYTES_MAX {
            let room = self.room.wait(bytes, deadline).await;
            reply.held.push(room.ok_or_else(|| self.no_room())?);
        }
        Ok(reply)
    }
}

/// Dropped by whoever waits for an answer, also by going away before it is there.
struct Waiting(Stop);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.set();
    }
}

impl Source for LocalSource {
    fn peer(&self) -> Peer {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Peer { name: self.name.clone(), service, local: true }
    }

    fn trace(&self, ask: TraceQuestion) -> Answering<'_, TraceRecords> {
        if let Some(nothing) = self.nothing_of(&ask.id) {
            return Box::pin(std::future::ready(Ok(nothing)));
        }
        Box::pin(self.ask(ask.deadline, Filter::All, move |snapshot, _| {
            Ok(snapshot.trace(&ask.id, ask.records_max, ask.deadline.into_std())?)
        }))
    }

    fn search(&self, ask: PageQuestion) -> Answering<'_, Vec<Arc<Record>>> {
        let bytes_max = self.page_bytes_max;
        let page = self.ask(ask.about.deadline, ask.about.filter.clone(), move |snapshot, stop| {
            let (mut found, mut bytes) = (Vec::new(), 0);
            snapshot.scan(&scan(ask.about, ask.after, stop), &mut |record| {
                bytes += record_bytes(&record);
                found.push(record);
                go_on(found.len() < ask.limit && bytes < bytes_max)
            })?;
            let is_cut = found.len() < ask.limit && bytes >= bytes_max;
            Ok((found, is_cut))
        });
        Box::pin(async move {
            let reply = page.await?;
            let is_cut = reply.body.1;
            Ok(Reply { is_cut, ..reply.map(|(found, _)| found) })
        })
    }

    fn matching_traces(&self, ask: PageQuestion) -> Answering<'_, Vec<TraceMatch>> {
        Box::pin(self.ask(ask.about.deadline, ask.about.filter.clone(), move |snapshot, stop| {
            let (mut seen, mut found) = (HashSet::new(), Vec::new());
            let mut scan = scan(ask.about, ask.after, stop);
            scan.filter = scan.filter.and(Filter::is(Field::TraceId, Test::Exists));
            snapshot.scan(&scan, &mut |record| {
                if let Some(trace_id) = record.trace_id().filter(|id| seen.insert(*id)) {
                    found.push(TraceMatch { trace_id, newest: position(&record) });
                }
                go_on(found.len() < ask.limit)
            })?;
            Ok(found)
        }))
    }

    fn overviews(&self, ask: OverviewQuestion) -> Answering<'_, Vec<Overview>> {
        Box::pin(self.ask(ask.about.deadline, Filter::All, move |snapshot, stop| {
            let overviews = ask.ids.iter().map(|id| {
                if stop.is_set() {
                    return Err(SourceError::Deadline);
                }
                let id = TraceIdMatch::exactly(*id);
                let found = snapshot.trace(&id, ask.records_max, ask.about.deadline.into_std())?;
                let newest = match found.truncated {
                    true => newest_match(snapshot, &id, &ask.about, stop)?,
                    false => newest_of(&found.records, &ask.about.filter, ask.about.range),
                };
                Ok(Overview::of(found, newest))
            });
            let overviews: Result<Vec<Option<Overview>>, SourceError> = overviews.collect();
            Ok(overviews?.into_iter().flatten().collect())
        }))
    }

    fn histogram(&self, ask: CountQuestion) -> Answering<'_, Vec<Series>> {
        let fields = ask.by.iter().map(|field| Filter::is(field.clone(), Test::Exists));
        let asked = fields.fold(ask.about.filter.clone(), Filter::and);
        Box::pin(self.ask(ask.about.deadline, asked, move |snapshot, stop| {
            // What nothing has tells no records apart, and need not be looked for in each.
            let known: Vec<bool> = ask.by.iter().map(|field| snapshot.knows(field)).collect();
            let by = ask.by.into_iter().zip(&known).filter(|(_, known)| **known).map(|(field, _)| field);
            let counting = Counting {
                step_ns: ask.step_ns,
                origin_ns: ask.origin_ns,
                by: by.collect(),
                groups_max: ask.groups_max,
            };
            let mut counted = snapshot.count(&scan(ask.about, None, stop), &counting)?;
            for series in &mut counted {
                let mut values = std::mem::take(&mut series.key).into_iter();
                series.key =
                    known.iter().map(|known| if *known { values.next().flatten() } else { None }).collect();
            }
            Ok(counted)
        }))
    }

    fn graph(&self, ask: GraphQuestion) -> Answering<'_, Vec<PartialGraph>> {
        Box::pin(self.ask(ask.about.deadline, ask.about.filter.clone(), move |snapshot, stop| {
            let mut gathering = Gathering::new(ask.about.filter.clone(), ask.spans_max);
            let mut scan = scan(ask.about, None, stop);
            scan.filter = Filter::equals(Field::Type, "span");
            snapshot.scan(&scan, &mut |record| {
                gathering.add(&record);
                ControlFlow::Continue(())
            })?;
            Ok(vec![gathering.finish(ask.ends_max)])
        }))
    }

    fn fields(&self, ask: FieldsQuestion) -> Answering<'_, Vec<FieldInfo>> {
        Box::pin(self.ask(ask.deadline, Filter::All, move |snapshot, _| {
            Ok(snapshot.fields(ask.fields_max, ask.deadline.into_std())?)
        }))
    }

    fn values(&self, mut ask: ValuesQuestion) -> Answering<'_, Values> {
        let with_value = Filter::is(ask.field.clone(), Test::Exists);
        ask.about.filter = ask.about.filter.and(with_value);
        Box::pin(self.ask(ask.about.deadline, ask.about.filter.clone(), move |snapshot, stop| {
            Ok(snapshot.values(&ask.field, &scan(ask.about, None, stop), ask.values_max)?)
        }))
    }

    fn extent(&self, deadline: Instant) -> Answering<'_, Option<(UnixNanos, UnixNanos)>> {
        Box::pin(self.ask(deadline, Filter::All, |snapshot, _| Ok(snapshot.extent())))
    }

    fn describe(&self, deadline: Instant) -> Answering<'_, Description> {
        Box::pin(async move {
            let reply = self.ask(deadline, Filter::All, |snapshot, _| Ok(describe(snapshot))).await?;
            let most = reply.body.services.first().cloned();
            *self.service.lock().unwrap_or_else(PoisonError::into_inner) = most;
            Ok(reply)
        })
    }

    fn halves(&self, ask: HalvesQuestion) -> Answering<'_, Offered> {
        let now = std::time::Instant::now();
        let offered = self.span_metrics.as_ref().map(|metrics| metrics.offer(ask.after, ask.halves_max, now));
        Box::pin(std::future::ready(Ok(Reply { body: offered.unwrap_or_default(), ..Reply::default() })))
    }

    fn tail(&self, filter: Filter) -> Tailing {
        let batches = stream::unfold(self.store.subscribe(), |mut batches| async {
            match batches.recv().await {
                Ok(batch) => Some((Ok(batch), batches)),
                Err(broadcast::error::RecvError::Lagged(missed)) => Some((Err(missed), batches)),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        });
        Box::pin(batches.flat_map(move |batch| {
            let events: Vec<TailEvent> = match batch {
                Ok(batch) => {
                    let matching = batch.iter().filter(|record| filter.matches(record));
                    matching.cloned().map(TailEvent::Record).collect()
                }
                Err(missed) => vec![TailEvent::Lagged(missed)],
            };
            stream::iter(events)
        }))
    }
}

fn describe(snapshot: &Snapshot) -> Description {
    let mut services = snapshot.services();
    services.truncate(SERVICES_MAX);
    Description {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        services,
        record_count: snapshot.record_count(),
        extent: snapshot.extent(),
    }
}

fn scan(about: Question, after: Option<Position>, stop: &Stop) -> Scan {
    let (deadline, stop) = (about.deadline.into_std(), stop.clone());
    Scan { filter: about.filter, range: about.range, after, deadline, stop }
}

fn position(record: &Record) -> Position {
    Position { time: record.time(), id: record.id }
}

fn go_on(more: bool) -> ControlFlow<()> {
    if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Of the records of a trace, the newest that the question is about.
fn newest_of(records: &[Arc<Record>], filter: &Filter, range: TimeRange) -> Option<Position> {
    let matching = records.iter().filter(|record| range.contains(record.time()) && filter.matches(record));
    matching.map(|record| position(record)).max_by_key(|position| (position.time, position.id))
}

/// The same, from the index, for a trace that is too long to look at whole.
fn newest_match(
    snapshot: &Snapshot,
    id: &TraceIdMatch,
    about: &Question,
    stop: &Stop,
) -> Result<Option<Position>, SourceError> {
    let mut scan = scan(about.clone(), None, stop);
    scan.filter = Filter::is(Field::TraceId, Test::TraceId(id.clone())).and(scan.filter);
    let mut newest = None;
    snapshot.scan(&scan, &mut |record| {
        newest = Some(position(&record));
        ControlFlow::Break(())
    })?;
    Ok(newest)
}

/// The attributes of a question that no record has.
fn unknown_fields(snapshot: &Snapshot, filter: &Filter) -> Vec<Field> {
    let mut asked: Vec<&Field> = Vec::new();
    filter.visit_predicates(&mut |predicate| {
        let attribute = matches!(predicate.field, Field::Attribute { .. });
        if attribute && asked.len() < UNKNOWN_FIELDS_MAX && !asked.contains(&&predicate.field) {
            asked.push(&predicate.field);
        }
    });
    asked.into_iter().filter(|field| !snapshot.knows(field)).cloned().collect()
}

#[cfg(test)]
mod tests;
