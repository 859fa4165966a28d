//! A peer as a source: every question becomes one call over its link.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use spandrel_store::snapshot::{FieldInfo, Series, TraceRecords, Values};
use spandrel_store::{Filter, Record, UnixNanos};
use tokio::time::Instant;

use super::link::{self, Link};
use super::wire::{Ask, Body, Garbage, Part, Visited, read_alone};
use crate::coverage::Absence;
use crate::graph::PartialGraph;
use crate::source::{
    Answering, CountQuestion, Description, FieldsQuestion, GraphQuestion, HalvesQuestion, Overview,
    OverviewQuestion, PageQuestion, Peer, Source, SourceError, Standing, TailEvent, Tailing, TraceMatch,
    TraceQuestion, ValuesQuestion,
};
use crate::span_metrics::Offered;

/// Pause before a tail that broke off is taken up again.
const TAIL_PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(crate) struct PeerSource {
    link: Arc<Link>,
    /// Whom questions to it have passed through.
    visited: Visited,
}

impl PeerSource {
    pub(crate) fn new(link: Arc<Link>, visited: Visited) -> PeerSource {
        PeerSource { link, visited }
    }

    fn ask<T: Body>(&self, ask: Ask, deadline: Instant) -> Answering<'_, T> {
        Box::pin(self.link.ask(ask, &self.visited, deadline))
    }
}

impl Source for PeerSource {
    fn peer(&self) -> Peer {
        Peer { name: self.link.name().to_owned(), service: self.link.service(), local: false }
    }

    fn trace(&self, ask: TraceQuestion) -> Answering<'_, TraceRecords> {
        self.ask(Ask::trace(&ask), ask.deadline)
    }

    fn search(&self, ask: PageQuestion) -> Answering<'_, Vec<Arc<Record>>> {
        self.ask(Ask::search(&ask), ask.about.deadline)
    }

    fn matching_traces(&self, ask: PageQuestion) -> Answering<'_, Vec<TraceMatch>> {
        self.ask(Ask::matching_traces(&ask), ask.about.deadline)
    }

    fn overviews(&self, ask: OverviewQuestion) -> Answering<'_, Vec<Overview>> {
        self.ask(Ask::overviews(&ask), ask.about.deadline)
    }

    fn histogram(&self, ask: CountQuestion) -> Answering<'_, Vec<Series>> {
        self.ask(Ask::histogram(&ask), ask.about.deadline)
    }

    fn graph(&self, ask: GraphQuestion) -> Answering<'_, Vec<PartialGraph>> {
        self.ask(Ask::graph(&ask), ask.about.deadline)
    }

    fn fields(&self, ask: FieldsQuestion) -> Answering<'_, Vec<FieldInfo>> {
        self.ask(Ask::fields(&ask), ask.deadline)
    }

    fn values(&self, ask: ValuesQuestion) -> Answering<'_, Values> {
        self.ask(Ask::values(&ask), ask.about.deadline)
    }

    fn extent(&self, deadline: Instant) -> Answering<'_, Option<(UnixNanos, UnixNanos)>> {
        self.ask(Ask::extent(), deadline)
    }

    fn describe(&self, deadline: Instant) -> Answering<'_, Description> {
        self.ask(Ask::describe(), deadline)
    }

    fn halves(&self, ask: HalvesQuestion) -> Answering<'_, Offered> {
        self.ask(Ask::halves(&ask), ask.deadline)
    }

    fn tail(&self, filter: Filter) -> Tailing {
        let tail = Tail { source: self.clone(), filter, state: Following::Not { told: false } };
        let events = stream::unfold(tail, |mut tail| async {
            let events = tail.next().await;
            Some((stream::iter(events), tail))
        });
        Box::pin(events.flatten())
    }

    fn standing(&self) -> Option<Standing> {
        Some(self.link.health().standing)
    }
}

/// A tail over a connection that may break: it is taken up again, and both are told.
struct Tail {
    source: PeerSource,
    filter: Filter,
    state: Following,
}

enum Following {
    /// `told`: that its records are missing.
    Not {
        told: bool,
    },
    Records(Box<link::Followed>),
    /// It is the asker itself: there is nothing to follow, ever.
    Nothing,
}

impl Tail {
    async fn next(&mut self) -> Vec<TailEvent> {
        match &mut self.state {
            Following::Nothing => std::future::pending().await,
            Following::Not { told } => {
                let told = *told;
                self.follow(told).await
            }
            Following::Records(records) => match next_events(records).await {
                Ok(events) => events,
                Err(error) => self.lost(&error),
            },
        }
    }

    async fn follow(&mut self, told: bool) -> Vec<TailEvent> {
        if told {
            tokio::time::sleep(TAIL_PAUSE).await;
        }
        match self.source.link.follow(Ask::tail(&self.filter), &self.source.visited).await {
            Ok(stream) => {
                self.state = Following::Records(Box::new(stream));
                if told { vec![TailEvent::Back(self.source.peer())] } else { Vec::new() }
            }
            Err(SourceError::Itself) => {
                self.state = Following::Nothing;
                Vec::new()
            }
            Err(_) if told => Vec::new(),
            Err(error) => self.lost(&error),
        }
    }

    fn lost(&mut self, error: &SourceError) -> Vec<TailEvent> {
        self.state = Following::Not { told: true };
        vec![TailEvent::Lost(Absence::of_error(self.source.peer(), error))]
    }
}

async fn next_events(records: &mut link::Followed) -> Result<Vec<TailEvent>, SourceError> {
    match records.next().await? {
        Part::Records(records) => Ok(read_alone(records)?.into_iter().map(TailEvent::Record).collect()),
        Part::Lagged(missed) => Ok(vec![TailEvent::Lagged(missed)]),
        Part::Lost(absence) => Ok(vec![TailEvent::Lost(absence.read())]),
        Part::Back(name) => Ok(vec![TailEvent::Back(Peer { name, service: None, local: false })]),
        _ => Err(Garbage("not a part of a tail").into()),
    }
}
