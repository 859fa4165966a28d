//! Service graphs on the wire: cut into pieces that add up, each with its own names.

use std::collections::HashMap;
use std::sync::Arc;

use super::answer::{Body, Parts, UNEXPECTED};
use super::record::Contexts;
use super::{Callee, Caller, Calls, Extent, Garbage, Graph, Part};
use crate::graph::{self, Called, Counts, NodeKind, PartialGraph, Place};

/// Ends of calls in one piece.
const PIECE_ENDS: usize = 4_000;

impl Body for Vec<PartialGraph> {
    fn into_parts(self) -> Parts {
        Box::new(self.into_iter().flat_map(pieces).map(|piece| Part::Graph(write(&piece))))
    }

    fn read(&mut self, part: Part, _: &mut Contexts) -> Result<(), Garbage> {
        let Part::Graph(piece) = part else { return Err(UNEXPECTED) };
        self.push(read(piece)?);
        Ok(())
    }

    /// The asker joins.
    fn join(&mut self, other: Vec<PartialGraph>, _: usize) {
        self.extend(other);
    }
}

/// The same graph, a part of its ends in each piece.
fn pieces(mut whole: PartialGraph) -> impl Iterator<Item = PartialGraph> {
    let mut callers = std::mem::take(&mut whole.callers).into_iter();
    let mut callees = std::mem::take(&mut whole.callees).into_iter();
    let thinned = PartialGraph {
        calls_thinned: whole.calls_thinned,
        ends_thinned: whole.ends_thinned,
        ..PartialGraph::default()
    };
    let ends = std::iter::from_fn(move || {
        let piece = PartialGraph {
            callers: callers.by_ref().take(PIECE_ENDS).collect(),
            callees: callees.by_ref().take(PIECE_ENDS).collect(),
            ..thinned.clone()
        };
        (!piece.callers.is_empty() || !piece.callees.is_empty()).then_some(piece)
    });
    std::iter::once(whole).chain(ends)
}

pub(super) fn write(piece: &PartialGraph) -> Graph {
    let mut names = Names::default();
    let mut number = |name: &Arc<str>| names.number(name);
    let services = piece.services.iter().map(|(name, counts)| {
        let name = number(name);
        calls(name, name, counts)
    });
    let services = services.collect();
    let calls =
        piece.calls.iter().map(|(from, to, counts)| calls(number(from), number(to), counts)).collect();
    let callers = piece.callers.iter().map(|caller| {
        let own = Caller {
            trace: caller.place.trace,
            span: caller.place.span,
            service: number(&caller.service),
            ..Caller::default()
        };
        let Some(called) = &caller.called else { return own };
        let (error, duration_ns) = (called.error, called.duration_ns);
        Caller { called_kind: called.kind as u32, called: number(&called.name), error, duration_ns, ..own }
    });
    let callers = callers.collect();
    let callees = piece.callees.iter().map(|callee| Callee {
        trace: callee.parent.trace,
        parent: callee.parent.span,
        service: number(&callee.service),
        error: callee.error,
        duration_ns: callee.duration_ns,
    });
    let callees = callees.collect();
    let (calls_thinned, ends_thinned) = (piece.calls_thinned, piece.ends_thinned);
    let extent = piece.extent.map(Extent::from);
    let names = names.all;
    Graph { names, extent, services, calls, calls_thinned, ends_thinned, callers, callees }
}

fn calls(from: u32, to: u32, counts: &Counts) -> Calls {
    let (buckets, each) =
        counts.durations.buckets().map(|(bucket, count)| (u32::from(bucket), count)).unzip();
    Calls { from, to, count: counts.count, errors: counts.errors, buckets, counts: each }
}

fn read(piece: Graph) -> Result<PartialGraph, Garbage> {
    let names: Vec<Arc<str>> = piece.names.into_iter().map(Arc::from).collect();
    let name = |number: u32| names.get(number as usize).cloned().ok_or(Garbage("a name that is not there"));
    let services = piece.services.iter().map(|calls| Ok((name(calls.to)?, read_counts(calls)?)));
    let calls = piece.calls.iter().map(|calls| Ok((name(calls.from)?, name(calls.to)?, read_counts(calls)?)));
    let callers = piece.callers.iter().map(|caller| {
        let kind = NodeKind::ALL.into_iter().find(|kind| *kind as u32 == caller.called_kind);
        let called = match kind {
            None if caller.called_kind == 0 => None,
            None => return Err(Garbage("no such kind of node")),
            Some(kind) => {
                let (error, duration_ns) = (caller.error, caller.duration_ns);
                Some(Called { name: name(caller.called)?, kind, error, duration_ns })
            }
        };
        let place = Place { trace: caller.trace, span: caller.span };
        Ok(graph::Caller { place, service: name(caller.service)?, called })
    });
    let callees = piece.callees.iter().map(|callee| {
        let parent = Place { trace: callee.trace, span: callee.parent };
        let (error, duration_ns) = (callee.error, callee.duration_ns);
        Ok(graph::Callee { parent, service: name(callee.service)?, error, duration_ns })
    });
    Ok(PartialGraph {
        extent: piece.extent.map(Extent::read),
        services: services.collect::<Result<_, Garbage>>()?,
        calls: calls.collect::<Result<_, Garbage>>()?,
        calls_thinned: piece.calls_thinned,
        callers: callers.collect::<Result<_, Garbage>>()?,
        callees: callees.collect::<Result<_, Garbage>>()?,
        ends_thinned: piece.ends_thinned,
    })
}

fn read_counts(calls: &Calls) -> Result<Counts, Garbage> {
    let mut counts = Counts { count: calls.count, errors: calls.errors, ..Counts::default() };
    for (bucket, count) in calls.buckets.iter().zip(&calls.counts) {
        let bucket = u16::try_from(*bucket).map_err(|_| Garbage("no such duration"))?;
        counts.durations.add_to(bucket, *count);
    }
    Ok(counts)
}

#[derive(Default)]
struct Names {
    numbers: HashMap<Arc<str>, u32>,
    all: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &Arc<str>) -> u32 {
        *self.numbers.entry(name.clone()).or_insert_with(|| {
            self.all.push(name.to_string());
            self.all.len() as u32 - 1
        })
    }
}
