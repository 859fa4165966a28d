//! The stage that knows who the peers are.
//!
//! In come the configured peers and what their links find out; out goes the engine's roster, replaced as a
//! whole whenever one of them changes. Its tasks: one that publishes, and one for each link, which probes. A
//! peer that is this very sidecar is not asked, nor is one that is there under another name already: who is who
//! is told by identity, not by name. At shutdown all tasks end at once; nothing waits for a peer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Identity;
use super::link::{Asker, Health, Link, State};
use super::metrics::Metrics;
use super::peer::PeerSource;
use super::wire::Visited;
use crate::coverage::Absence;
use crate::source::{Aside, Peer, Roster, Source};

/// What the stage is given.
pub(crate) struct Surroundings {
    /// This sidecar's own store; `None` in a gateway.
    pub(crate) local: Option<Arc<dyn Source>>,
    pub(crate) asker: Asker,
    pub(crate) metrics: Metrics,
}

pub(crate) struct Peers {
    around: Surroundings,
    members: BTreeMap<String, Member>,
    roster: Arc<ArcSwap<Roster>>,
    links: Arc<ArcSwap<Links>>,
    tasks: TaskTracker,
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
    pub(crate) fn new(around: Surroundings, listed: &[String]) -> Peers {
        let (roster, links) = (Arc::default(), Arc::default());
        let members = BTreeMap::new();
        let mut peers = Peers { around, members, roster, links, tasks: TaskTracker::new() };
        peers.list(listed);
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
        loop {
            self.watch(&shutdown);
            self.publish();
            tokio::select! {
                () = self.around.asker.changed.notified() => {}
                () = shutdown.cancelled() => break,
            }
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Makes the members those that are listed.
    fn list(&mut self, listed: &[String]) {
        let gone: Vec<String> = self.members.keys().filter(|name| !listed.contains(name)).cloned().collect();
        for name in gone {
            if let Some(member) = self.members.remove(&name) {
                member.stop.cancel();
            }
        }
        for name in listed {
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

    fn publish(&self) {
        let known: Vec<(Arc<Link>, Health)> =
            self.members.values().map(|member| (member.link.clone(), member.link.health())).collect();
        let (asked, aside) = sort_out(known, self.around.asker.identity);
        let visited = Visited::by(self.around.asker.identity);
        let source = |link: &Arc<Link>| -> Arc<dyn Source> {
            Arc::new(PeerSource::new(link.clone(), visited.clone()))
        };
        let sources = self.around.local.iter().cloned().chain(asked.iter().map(source)).collect();
        self.roster.store(Arc::new(Roster { sources, absent: Vec::new(), aside }));
        self.links.store(Arc::new(Links { asked, absent: Vec::new() }));
    }
}

/// Who is asked, and who is not because he is asked already.
fn sort_out(known: Vec<(Arc<Link>, Health)>, own: Identity) -> (Vec<Arc<Link>>, Vec<Aside>) {
    // Of several names of one sidecar, the one that answers counts.
    let mut names: HashMap<Identity, String> = HashMap::new();
    let up = known.iter().filter(|(_, health)| health.state == State::Up);
    for (link, health) in up {
        if let Some(identity) = health.identity {
            names.entry(identity).or_insert_with(|| link.name().to_owned());
        }
    }
    let (mut asked, mut aside) = (Vec::new(), Vec::new());
    for (link, health) in known {
        let name = health.identity.and_then(|identity| names.get(&identity));
        let peer = || Peer { name: link.name().to_owned(), service: health.service(), local: false };
        if health.state == State::Itself || health.identity == Some(own) {
            let detail = "this very sidecar".to_owned();
            aside.push(Aside { peer: peer(), state: "itself", detail });
        } else if let Some(name) = name.filter(|name| *name != link.name()) {
            let detail = format!("the same sidecar as {name}");
            aside.push(Aside { peer: peer(), state: "duplicate", detail });
        } else {
            asked.push(link);
        }
    }
    (asked, aside)
}
