//! The stage that knows who the peers are.
//!
//! In come the lists of peers ([`Discovery`]) and what their links find out; out goes the engine's roster,
//! replaced as a whole whenever one of them changes. A peer that is this very sidecar is not asked, nor is one
//! that is there under another name already: who is who is told by identity, not by name. Who was there and is
//! not any more is remembered ([`Remembered`]) and missing.
//!
//! Its tasks: one that publishes, one that looks up who is listed, and one for each link, which probes. At
//! shutdown all of them end at once; nothing waits for a peer. What is remembered is written then, and now and
//! then before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use spandrel_store::{TimeRange, UnixNanos};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Identity;
use super::discovery::{Discovery, Listed};
use super::fan::Fan;
use super::link::{Asker, Health, Link, REFRESH, State};
use super::metrics::Metrics;
use super::remembered::{Remembered, WRITE_EVERY};
use super::wire::Visited;
use crate::coverage::Absence;
use crate::source::{Aside, Peer, Roster, Source};

/// Changes that come this close together are published as one.
const SETTLE: Duration = Duration::from_millis(10);

/// The state of another process with an identity that is asked already, and the reason why it is missing.
const COPY: &str = "copy";

/// What the stage is given.
pub(crate) struct Surroundings {
    /// This sidecar's own store; `None` in a gateway.
    pub(crate) local: Option<Arc<dyn Source>>,
    pub(crate) asker: Asker,
    pub(crate) metrics: Metrics,
    pub(crate) remembered: Remembered,
}

pub(crate) struct Peers {
    around: Surroundings,
    discovery: Option<Discovery>,
    /// Told by the discovery.
    listed: watch::Receiver<Listed>,
    tell: Option<watch::Sender<Listed>>,
    members: BTreeMap<String, Member>,
    roster: Arc<ArcSwap<Roster>>,
    links: Arc<ArcSwap<Links>>,
    tasks: TaskTracker,
    written: Instant,
    /// Why the last writing failed.
    trouble: Option<String>,
}

/// The links that questions go over at a moment.
#[derive(Default)]
pub(crate) struct Links {
    pub(crate) asked: Vec<Arc<Link>>,
    pub(crate) absent: Vec<Absence>,
}

struct Member {
    link: Arc<Link>,
    watched: bool,
    stop: CancellationToken,
}

impl Peers {
    pub(crate) fn new(around: Surroundings, discovery: Discovery) -> Peers {
        let (tell, listed) = watch::channel(discovery.listed());
        let mut peers = Peers {
            around,
            discovery: Some(discovery),
            listed,
            tell: Some(tell),
            members: BTreeMap::new(),
            roster: Arc::default(),
            links: Arc::default(),
            tasks: TaskTracker::new(),
            written: Instant::now(),
            trouble: None,
        };
        peers.publish();
        peers
    }

    /// What the engine asks.
    pub(crate) fn roster(&self) -> Arc<ArcSwap<Roster>> {
        self.roster.clone()
    }

    /// Whom a gateway asks when it is asked.
    pub(crate) fn links(&self) -> Arc<ArcSwap<Links>> {
        self.links.clone()
    }

    /// Watches the peers until told to stop.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        if let (Some(discovery), Some(tell)) = (self.discovery.take(), self.tell.take()) {
            self.tasks.spawn(discovery.run(tell, shutdown.clone()));
        }
        // Its own identity is kept before anybody else can have learned it.
        self.write().await;
        loop {
            self.publish();
            self.watch(&shutdown);
            if self.around.remembered.is_urgent() || self.written.elapsed() >= WRITE_EVERY {
                self.write().await;
            }
            tokio::select! {
                () = self.around.asker.changed.notified() => {}
                Ok(()) = self.listed.changed() => {}
                () = tokio::time::sleep(REFRESH) => {}
                () = shutdown.cancelled() => break,
            }
            // Many peers that change at once make one change.
            tokio::time::sleep(SETTLE).await;
        }
        self.write().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Makes the members those that are listed.
    fn list(&mut self, listed: &Listed) {
        let unlisted = |name: &&String| !listed.names.contains(name);
        let gone: Vec<String> = self.members.keys().filter(unlisted).cloned().collect();
        for name in gone {
            if let Some(member) = self.members.remove(&name) {
                tracing::info!(peer = name, "a peer is not listed any more");
                member.stop.cancel();
            }
        }
        for name in &listed.names {
            if self.members.contains_key(name) {
                continue;
            }
            let metrics = self.around.metrics.of(name);
            match Link::new(name.clone(), self.around.asker.clone(), metrics) {
                Ok(link) => {
                    let (link, stop) = (Arc::new(link), CancellationToken::new());
                    self.members.insert(name.clone(), Member { link, watched: false, stop });
                }
                Err(error) => tracing::error!(peer = name, %error, "not an address; the peer is not asked"),
            }
        }
    }

    fn watch(&mut self, shutdown: &CancellationToken) {
        for member in self.members.values_mut().filter(|member| !member.watched) {
            member.watched = true;
            let (link, stop, shutdown) = (member.link.clone(), member.stop.clone(), shutdown.clone());
            self.tasks.spawn(async move {
                tokio::select! {
                    () = link.watch(stop) => {}
                    () = shutdown.cancelled() => {}
                }
            });
        }
    }

    fn publish(&mut self) {
        let listed = self.listed.borrow_and_update().clone();
        self.list(&listed);
        let known: Vec<(Arc<Link>, Health)> =
            self.members.values().map(|member| (member.link.clone(), member.link.health())).collect();
        let mut absent = self.remember(&known);
        self.around.metrics.gone.set(i64::try_from(absent.len()).unwrap_or(i64::MAX));
        absent.extend(listed.absent);
        let own = self.around.asker.identity;
        let (asked, aside) = sort_out(known, own);
        absent.extend(aside.iter().filter(|aside| aside.state == COPY).map(absence_of_copy));
        let visited = Visited::by(own);
        let sources = self.around.local.iter().cloned().chain(Fan::sources(&asked, &visited)).collect();
        self.roster.store(Arc::new(Roster { identity: Some(own), sources, absent: absent.clone(), aside }));
        self.links.store(Arc::new(Links { asked, absent }));
    }

    /// Notes who is there; what is gone.
    fn remember(&mut self, known: &[(Arc<Link>, Health)]) -> Vec<Absence> {
        let (now, own) = (UnixNanos::now(), self.around.asker.identity);
        let remembered = &mut self.around.remembered;
        for (link, health) in known.iter().filter(|(_, health)| health.state == State::Up && !health.gateway)
        {
            if let (Some(identity), Some(description)) = (health.identity, &health.description) {
                let peer = Peer { name: link.name().to_owned(), service: health.service(), local: false };
                remembered.saw(identity, peer, description, now);
            }
        }
        remembered.gone(now, |identity, name| {
            // A peer that has not answered since this sidecar started is itself missing: who it is, is open.
            let unsure = |link: &Link, health: &Health| health.identity.is_none() && link.name() == name;
            let is_there = |(link, health): &(Arc<Link>, Health)| {
                health.identity == Some(identity) || unsure(link, health)
            };
            identity == own || known.iter().any(is_there)
        })
    }

    async fn write(&mut self) {
        self.written = Instant::now();
        let Some(write) = self.around.remembered.write() else { return };
        let written = tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| Err(error.into()));
        let trouble = written.err().map(|error| error.to_string());
        if trouble.is_some() && trouble != self.trouble {
            tracing::warn!(error = trouble, "the peers that were seen cannot be written down");
        }
        self.trouble = trouble;
    }
}

/// What it took in since the copy was made has the ids of other records, so that it is not asked, and is missing.
fn absence_of_copy(copy: &Aside) -> Absence {
    Absence {
        peer: copy.peer.clone(),
        reason: COPY.into(),
        range: TimeRange::ALL,
        detail: copy.detail.clone(),
    }
}

/// Who is asked, and who is not because he is asked already.
fn sort_out(known: Vec<(Arc<Link>, Health)>, own: Identity) -> (Vec<Arc<Link>>, Vec<Aside>) {
    // Of several names of one sidecar, the one that answers counts.
    let mut names: HashMap<Identity, (String, Health)> = HashMap::new();
    let up = known.iter().filter(|(_, health)| health.state == State::Up);
    for (link, health) in up {
        if let Some(identity) = health.identity {
            names.entry(identity).or_insert_with(|| (link.name().to_owned(), health.clone()));
        }
    }
    let (mut asked, mut aside) = (Vec::new(), Vec::new());
    for (link, health) in known {
        let first = health.identity.and_then(|identity| names.get(&identity));
        let peer = || Peer { name: link.name().to_owned(), service: health.service(), local: false };
        if health.state == State::Itself || health.identity == Some(own) {
            let detail = "this very sidecar".to_owned();
            aside.push(Aside { peer: peer(), state: "itself", detail });
        } else if let Some((name, first)) = first.filter(|(name, _)| name != link.name()) {
            let (state, detail) = match health.is_beside(first) {
                true => (
                    COPY,
                    format!("runs on a copy of the data folder of {name}; start it with one of its own"),
                ),
                false => ("duplicate", format!("the same sidecar as {name}")),
            };
            aside.push(Aside { peer: peer(), state, detail });
        } else {
            asked.push(link);
        }
    }
    (asked, aside)
}
