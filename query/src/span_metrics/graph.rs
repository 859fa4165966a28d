//! Who calls whom: edges between services, with rates, failures and latencies of both sides.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use foldhash::fast::RandomState;
use spandrel_config::Limits;

use super::calls::{Latency, OVERFLOW, TraceLabel, latency};
use super::half::{Connection, Half, Side};
use super::joiner::{Joined, Joiner};
use super::offers::{Cursor, Offered, Offers};

#[derive(Debug)]
pub(super) struct Graph {
    edges: HashMap<Ends, Edge, RandomState>,
    edges_max: usize,
    joiner: Joiner,
    /// Not of a gateway.
    offers: Option<Offers>,
    /// Halves without another, by the service that told them.
    unpaired: HashMap<(Arc<str>, Side), u64>,
    /// Halves that were not kept long enough for this gateway to come for them.
    lost: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ends {
    pub client: Arc<str>,
    pub server: Arc<str>,
    pub connection: Connection,
    pub client_namespace: Arc<str>,
    pub server_namespace: Arc<str>,
}

#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub total: u64,
    pub failed: u64,
    pub client: Arc<Latency>,
    pub server: Arc<Latency>,
}

impl Graph {
    pub fn new(limits: &Limits, patience: Duration, offers: bool) -> Graph {
        Graph {
            edges: HashMap::default(),
            edges_max: limits.span_series_max,
            joiner: Joiner::new(patience, limits.half_edges_max),
            offers: offers.then(|| Offers::new(limits.half_edges_max)),
            unpaired: HashMap::new(),
            lost: 0,
        }
    }

    pub fn add(&mut self, halves: Vec<Half>, now: Instant) {
        for half in halves {
            if half.is_whole() {
                self.alone(&half);
            } else if let Some(joined) = self.joiner.add(half, now) {
                self.joined(&joined);
            }
        }
        self.settle(now);
    }

    pub fn lost(&mut self, halves: u64) {
        self.lost += halves;
    }

    pub fn offer(&mut self, after: Option<Cursor>, halves_max: usize, now: Instant) -> Offered {
        self.settle(now);
        self.offers.as_mut().map(|offers| offers.tell(after, halves_max)).unwrap_or_default()
    }

    /// Goes on with the halves whose time is over: to the gateways, or to what one half alone tells.
    pub fn settle(&mut self, now: Instant) {
        while let Some(half) = self.joiner.next_expired(now) {
            match &mut self.offers {
                Some(offers) => offers.push(half, now),
                None => self.unmatched(&half),
            }
        }
        while let Some((half, untold)) = self.offers.as_mut().and_then(|offers| offers.next_expired(now)) {
            if untold {
                self.unmatched(&half);
            }
        }
        self.joiner.shrink();
        if let Some(offers) = &mut self.offers {
            offers.shrink();
        }
    }

    /// A call to something that sends no spans, or a half of which nobody has the other.
    fn unmatched(&mut self, half: &Half) {
        match half.peer {
            Some(_) => self.alone(&Half { connection: Connection::Virtual, ..half.clone() }),
            None => {
                let key = (half.service.clone(), half.side);
                let is_full = self.unpaired.len() >= self.edges_max && !self.unpaired.contains_key(&key);
                let key = if is_full { (OVERFLOW.into(), half.side) } else { key };
                *self.unpaired.entry(key).or_default() += 1;
            }
        }
    }

    fn alone(&mut self, half: &Half) {
        let peer: Arc<str> = half.peer.as_deref().unwrap_or("unknown").into();
        let none: Arc<str> = "".into();
        let (own, own_namespace) = (half.service.clone(), half.namespace.clone());
        let ends = match half.side {
            Side::Client => Ends {
                client: own,
                server: peer,
                connection: half.connection,
                client_namespace: own_namespace,
                server_namespace: none,
            },
            Side::Server => Ends {
                client: peer,
                server: own,
                connection: half.connection,
                client_namespace: none,
                server_namespace: own_namespace,
            },
        };
        self.count(ends, half, half);
    }

    fn joined(&mut self, Joined { client, server }: &Joined) {
        let ends = Ends {
            client: client.service.clone(),
            server: server.service.clone(),
            connection: client.connection.max(server.connection),
            client_namespace: client.namespace.clone(),
            server_namespace: server.namespace.clone(),
        };
        self.count(ends, client, server);
    }

    fn count(&mut self, ends: Ends, client: &Half, server: &Half) {
        let is_known = self.edges.contains_key(&ends);
        let ends = if is_known || self.edges.len() < self.edges_max { ends } else { Ends::overflow() };
        let edge = self.edges.entry(ends).or_insert_with(|| Edge {
            total: 0,
            failed: 0,
            client: Arc::new(latency()),
            server: Arc::new(latency()),
        });
        edge.total += 1;
        edge.failed += u64::from(client.failed || server.failed);
        let (trace, now) = (Some(TraceLabel(client.place.trace)), Some(SystemTime::now()));
        edge.client.observe(client.seconds, trace, now);
        edge.server.observe(server.seconds, trace, now);
    }

    pub fn edges(&self) -> Vec<(Ends, Edge)> {
        let mut edges: Vec<_> = self.edges.iter().map(|(ends, edge)| (ends.clone(), edge.clone())).collect();
        edges.sort_by(|(a, _), (b, _)| a.cmp(b));
        edges
    }

    /// Halves without another: the service on the client's side, on the server's, and how many.
    pub fn unpaired(&self) -> Vec<([Arc<str>; 2], u64)> {
        let mut all: Vec<_> = self
            .unpaired
            .iter()
            .map(|((service, side), count)| match side {
                Side::Client => ([service.clone(), "".into()], *count),
                Side::Server => (["".into(), service.clone()], *count),
            })
            .collect();
        all.sort();
        all
    }

    pub fn lost_halves(&self) -> u64 {
        self.lost
    }
}

impl Ends {
    fn overflow() -> Ends {
        Ends {
            client: OVERFLOW.into(),
            server: OVERFLOW.into(),
            connection: Connection::Direct,
            client_namespace: "".into(),
            server_namespace: "".into(),
        }
    }
}
