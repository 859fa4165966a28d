//! All sidecars' partial graphs as one: ends find each other by their places.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use spandrel_store::UnixNanos;

use super::{Called, Counts, NodeKind, PartialGraph, Place, is_chosen};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceGraph {
    /// The least and the greatest start of the spans that were looked at.
    pub extent: Option<(UnixNanos, UnixNanos)>,
    /// By name.
    pub nodes: Vec<ServiceNode>,
    /// By their names.
    pub calls: Vec<CallCounts>,
    /// Calls are estimated from one trace in so many; 1: from all.
    pub one_in: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNode {
    pub name: Arc<str>,
    pub kind: NodeKind,
    /// Requests that a service served; calls to something that sends no spans.
    pub served: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCounts {
    pub from: Arc<str>,
    pub to: Arc<str>,
    pub counts: Counts,
}

type Calls = BTreeMap<(Arc<str>, Arc<str>), Counts>;

/// Somebody who calls, and whether a called one was found.
struct Waiting<'a> {
    service: &'a Arc<str>,
    called: Option<&'a Called>,
    is_answered: bool,
}

/// Adds up what all tell.
pub fn join(parts: &[PartialGraph]) -> ServiceGraph {
    // A choice of traces that all of them have made: the choice of one in 2n is within that of one in n.
    let thinned = parts.iter().map(|part| part.ends_thinned).max().unwrap_or_default();
    let mut services: BTreeMap<Arc<str>, Counts> = BTreeMap::new();
    let mut calls = Calls::new();
    for part in parts {
        for (name, counts) in &part.services {
            services.entry(name.clone()).or_default().merge(counts, 0);
        }
        for (from, to, counts) in &part.calls {
            calls.entry((from.clone(), to.clone())).or_default().merge(counts, part.calls_thinned);
        }
    }
    let senders = senders(parts);
    let mut waiting = waiting(parts, thinned);
    for callee in parts.iter().flat_map(|part| &part.callees) {
        let Some(caller) =
            waiting.get_mut(&callee.parent).filter(|_| is_chosen(callee.parent.trace, thinned))
        else {
            continue;
        };
        caller.is_answered = true;
        if *caller.service != callee.service {
            let mut one = Counts::default();
            one.add(callee.error, callee.duration_ns);
            let call = (caller.service.clone(), callee.service.clone());
            calls.entry(call).or_default().merge(&one, thinned);
        }
    }
    let mut others: BTreeMap<Arc<str>, (NodeKind, Counts)> = BTreeMap::new();
    for caller in waiting.values().filter(|caller| !caller.is_answered) {
        let Some(called) = caller.called.filter(|called| called.name != *caller.service) else { continue };
        let mut one = Counts::default();
        one.add(called.error, called.duration_ns);
        calls.entry((caller.service.clone(), called.name.clone())).or_default().merge(&one, thinned);
        if !senders.contains(&called.name) {
            let other = others.entry(called.name.clone()).or_insert((called.kind, Counts::default()));
            other.0 = other.0.min(called.kind);
            other.1.merge(&one, thinned);
        }
    }
    senders.into_iter().for_each(|name| _ = services.entry(name).or_default());
    calls.keys().for_each(|(from, _)| _ = services.entry(from.clone()).or_default());
    let service = |(name, served)| ServiceNode { name, kind: NodeKind::Service, served };
    let other = |(name, (kind, served))| ServiceNode { name, kind, served };
    let mut nodes: Vec<ServiceNode> =
        services.into_iter().map(service).chain(others.into_iter().map(other)).collect();
    nodes.sort_by(|one, next| (&one.name, one.kind).cmp(&(&next.name, next.kind)));
    let calls = calls.into_iter().map(|((from, to), counts)| CallCounts { from, to, counts }).collect();
    let extents = parts.iter().filter_map(|part| part.extent);
    let extent = extents.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
    let most = parts.iter().map(|part| part.calls_thinned).max().unwrap_or_default().max(thinned);
    ServiceGraph { extent, nodes, calls, one_in: 1 << most.min(63) }
}

/// Whoever has sent a span that is told of.
fn senders(parts: &[PartialGraph]) -> HashSet<Arc<str>> {
    let mut senders: HashSet<Arc<str>> = HashSet::new();
    let mut note = |name: &Arc<str>| {
        if !senders.contains(name) {
            senders.insert(name.clone());
        }
    };
    for part in parts {
        part.services.iter().for_each(|(name, _)| note(name));
        part.calls.iter().for_each(|(from, to, _)| [from, to].into_iter().for_each(&mut note));
        part.callers.iter().for_each(|caller| note(&caller.service));
        part.callees.iter().for_each(|callee| note(&callee.service));
    }
    senders
}

fn waiting(parts: &[PartialGraph], thinned: u32) -> HashMap<Place, Waiting<'_>> {
    let callers = parts.iter().flat_map(|part| &part.callers);
    let chosen = callers.filter(|caller| is_chosen(caller.place.trace, thinned));
    let waiting = chosen.map(|caller| {
        let (service, called) = (&caller.service, caller.called.as_ref());
        (caller.place, Waiting { service, called, is_answered: false })
    });
    waiting.collect()
}
