//! A gateway as a source: a question to all its peers, their answers as one.
//!
//! For a gateway that another gateway asks. Answers are joined, not merged: the asker's engine merges, so that
//! there is one place that does. What is missing travels along with its names. A gateway keeps a part of the
//! time it was given to itself, so that a peer of its own that hangs does not make it late.

use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::stream::select_all;
use spandrel_store::snapshot::{FieldInfo, Series, TraceRecords, Values};
use spandrel_store::{Filter, Record, UnixNanos};
use tokio::time::Instant;

use super::link::Link;
use super::peer::PeerSource;
use super::peers::Links;
use super::wire::{Body, Visited};
use crate::coverage::Absence;
use crate::graph::PartialGraph;
use crate::source::{
    Answering, Beyond, CountQuestion, Description, FieldsQuestion, GraphQuestion, Overview, OverviewQuestion,
    PageQuestion, Peer, PeerFault, Question, Reply, Source, SourceError, Tailing, TraceMatch, TraceQuestion,
    ValuesQuestion,
};

/// Services named in a description.
const SERVICES_MAX: usize = 1_000;

pub(super) struct Fan {
    peers: Vec<PeerSource>,
    absent: Vec<Absence>,
}

impl Fan {
    pub(super) fn new(links: &Links, visited: &Visited) -> Fan {
        let peers = links.asked.iter().map(|link| PeerSource::new(link.clone(), visited.clone()));
        Fan { peers: peers.collect(), absent: links.absent.clone() }
    }

    /// Whom a gateway asks, one by one.
    pub(super) fn sources(links: &[Arc<Link>], visited: &Visited) -> Vec<Arc<dyn Source>> {
        let source =
            |link: &Arc<Link>| Arc::new(PeerSource::new(link.clone(), visited.clone())) as Arc<dyn Source>;
        links.iter().map(source).collect()
    }

    fn all<'s, T: Body>(
        &'s self,
        limit: usize,
        ask: impl Fn(&'s PeerSource) -> Answering<'s, T> + Send + 's,
    ) -> Answering<'s, T> {
        let asking: Vec<_> = self.peers.iter().map(ask).collect();
        Box::pin(async move {
            let answers = join_all(asking).await;
            let mut beyond = Beyond { missing: self.absent.clone(), ..Beyond::default() };
            let (mut joined, mut first, mut all_answered) = (Reply::<T>::default(), true, true);
            let mut rejected = None;
            for (peer, answer) in self.peers.iter().zip(answers) {
                match answer {
                    Ok(reply) => {
                        beyond.add(peer.peer(), &reply);
                        joined.held.extend(reply.held);
                        joined.body.join(reply.body, limit);
                        match std::mem::take(&mut first) {
                            true => joined.unknown = reply.unknown,
                            false => joined.unknown.retain(|field| reply.unknown.contains(field)),
                        }
                    }
                    Err(SourceError::Itself) => {}
                    Err(error) => {
                        if matches!(error, SourceError::Rejected(_)) {
                            rejected.get_or_insert_with(|| error.clone());
                        }
                        beyond.asked += 1;
                        beyond.missing.push(Absence::of_error(peer.peer(), &error));
                        all_answered = false;
                    }
                }
            }
            // A peer may have limits of its own; what nobody answers is the question's fault.
            if let Some(rejected) = rejected.filter(|_| first) {
                return Err(rejected);
            }
            // Who did not answer may have them.
            if !all_answered {
                joined.unknown.clear();
            }
            joined.beyond = Some(beyond);
            Ok(joined)
        })
    }
}

impl Beyond {
    fn add<T>(&mut self, peer: Peer, reply: &Reply<T>) {
        self.missing.extend(reply.gaps.iter().map(|gap| Absence::of_gap(peer.clone(), gap.clone())));
        let (asked, answered) = match &reply.beyond {
            None => (1, 1),
            Some(further) => {
                self.missing.extend(further.missing.iter().cloned());
                (further.asked, further.answered)
            }
        };
        self.asked = self.asked.saturating_add(asked);
        self.answered = self.answered.saturating_add(answered);
    }
}

/// Where pages that end early are joined, the asker could not tell where each of them ends.
fn uncut<T: Send + 'static>(page: Answering<'_, T>) -> Answering<'_, T> {
    let detail = "its page has more than limits.answer_bytes_max there; ask for fewer records at once";
    let too_large = || SourceError::Peer(PeerFault::TooLarge, detail.to_owned());
    Box::pin(
        async move { page.await.and_then(|reply| if reply.is_cut { Err(too_large()) } else { Ok(reply) }) },
    )
}

/// The time until which peers may answer.
fn earlier(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) * 4 / 5
}

fn sooner(about: Question) -> Question {
    Question { deadline: earlier(about.deadline), ..about }
}

impl Source for Fan {
    fn peer(&self) -> Peer {
        Peer { name: String::new(), service: None, local: true }
    }

    fn trace(&self, ask: TraceQuestion) -> Answering<'_, TraceRecords> {
        let ask = TraceQuestion { deadline: earlier(ask.deadline), ..ask };
        self.all(usize::MAX, move |peer| peer.trace(ask.clone()))
    }

    fn search(&self, ask: PageQuestion) -> Answering<'_, Vec<Arc<Record>>> {
        let ask = PageQuestion { about: sooner(ask.about), ..ask };
        self.all(ask.limit, move |peer| uncut(peer.search(ask.clone())))
    }

    fn matching_traces(&self, ask: PageQuestion) -> Answering<'_, Vec<TraceMatch>> {
        let ask = PageQuestion { about: sooner(ask.about), ..ask };
        self.all(ask.limit, move |peer| peer.matching_traces(ask.clone()))
    }

    fn overviews(&self, ask: OverviewQuestion) -> Answering<'_, Vec<Overview>> {
        let ask = OverviewQuestion { about: sooner(ask.about), ..ask };
        self.all(usize::MAX, move |peer| peer.overviews(ask.clone()))
    }

    fn histogram(&self, ask: CountQuestion) -> Answering<'_, Vec<Series>> {
        let ask = CountQuestion { about: sooner(ask.about), ..ask };
        self.all(usize::MAX, move |peer| peer.histogram(ask.clone()))
    }

    fn graph(&self, ask: GraphQuestion) -> Answering<'_, Vec<PartialGraph>> {
        let ends_max = ask.ends_max / self.peers.len().max(1);
        let ask = GraphQuestion { about: sooner(ask.about), ends_max, ..ask };
        self.all(usize::MAX, move |peer| peer.graph(ask.clone()))
    }

    fn fields(&self, ask: FieldsQuestion) -> Answering<'_, Vec<FieldInfo>> {
        let ask = FieldsQuestion { deadline: earlier(ask.deadline), ..ask };
        self.all(ask.fields_max, move |peer| peer.fields(ask.clone()))
    }

    fn values(&self, ask: ValuesQuestion) -> Answering<'_, Values> {
        let ask = ValuesQuestion { about: sooner(ask.about), ..ask };
        self.all(usize::MAX, move |peer| peer.values(ask.clone()))
    }

    fn extent(&self, deadline: Instant) -> Answering<'_, Option<(UnixNanos, UnixNanos)>> {
        self.all(usize::MAX, move |peer| peer.extent(earlier(deadline)))
    }

    fn describe(&self, deadline: Instant) -> Answering<'_, Description> {
        Box::pin(async move {
            let mut reply = self.all(SERVICES_MAX, move |peer| peer.describe(earlier(deadline))).await?;
            env!("CARGO_PKG_VERSION").clone_into(&mut reply.body.version);
            Ok(reply)
        })
    }

    fn tail(&self, filter: Filter) -> Tailing {
        Box::pin(select_all(self.peers.iter().map(|peer| peer.tail(filter.clone()))))
    }
}
