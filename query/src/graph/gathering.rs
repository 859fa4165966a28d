//! One sidecar's spans on their way into a partial graph.
//!
//! Holds 48 bytes for each span, for so many spans at most. When there are more, every second trace is let go of.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use spandrel_store::otlp::KeyValue;
use spandrel_store::record::value::text_attribute;
use spandrel_store::record::{SpanExt, attribute};
use spandrel_store::{Filter, Level, Record, SpanId, UnixNanos};

use super::{Called, Callee, Caller, Counts, NodeKind, PartialGraph, Place, is_chosen};
use crate::language::UNKNOWN_SERVICE;

/// Names of services and of what they call. Addresses can be without number; those beyond this are one.
const NAMES_MAX: usize = 5_000;
const FURTHER_NAMES: &str = "(others)";

pub struct Gathering {
    /// Which spans count as calls. Who called is told whatever it says.
    filter: Filter,
    spans_max: usize,
    names: Names,
    services: HashMap<u32, Counts>,
    spans: Vec<Seen>,
    thinned: u32,
    extent: Option<(UnixNanos, UnixNanos)>,
}

struct Seen {
    place: Place,
    parent: Option<u64>,
    service: u32,
    /// What it says it calls.
    called: Option<(u32, NodeKind)>,
    calls_others: bool,
    counts: bool,
    error: bool,
    duration_ns: u64,
}

#[derive(Default)]
struct Names {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Gathering {
    pub fn new(filter: Filter, spans_max: usize) -> Gathering {
        Gathering {
            filter,
            spans_max,
            names: Names::default(),
            services: HashMap::new(),
            spans: Vec::new(),
            thinned: 0,
            extent: None,
        }
    }

    /// Takes a span; anything else is passed over.
    pub fn add(&mut self, record: &Record) {
        let (Some(span), Some(trace_id), Some(span_id)) =
            (record.span(), record.trace_id(), record.span_id())
        else {
            return;
        };
        let (least, greatest) = self.extent.unwrap_or((record.time(), record.time()));
        self.extent = Some((least.min(record.time()), greatest.max(record.time())));
        let service = Some(record.service()).filter(|name| !name.is_empty()).unwrap_or(UNKNOWN_SERVICE);
        let service = self.names.number(service);
        let counts = self.filter == Filter::All || self.filter.matches(record);
        let (error, duration_ns) = (record.level >= Some(Level::Error), span.duration_ns());
        if counts && serves(span.kind, span.parent()) {
            self.services.entry(service).or_default().add(error, duration_ns);
        }
        let place = Place { trace: trace_id.low64(), span: number(span_id) };
        if !is_chosen(place.trace, self.thinned) {
            return;
        }
        let calls_others = calls_others(span.kind);
        let called = called(&span.attributes).filter(|_| calls_others);
        let called = called.map(|(name, kind)| (self.names.number(name), kind));
        let parent = span.parent().map(number);
        self.spans.push(Seen { place, parent, service, called, calls_others, counts, error, duration_ns });
        if self.spans.len() > self.spans_max {
            self.thin();
        }
    }

    fn thin(&mut self) {
        while self.spans.len() > self.spans_max && self.thinned < 63 {
            self.thinned += 1;
            self.spans.retain(|span| is_chosen(span.place.trace, self.thinned));
        }
    }

    /// What can be told, with `ends_max` ends at most.
    pub fn finish(self, ends_max: usize) -> PartialGraph {
        let mut places: HashMap<Place, usize> = HashMap::with_capacity(self.spans.len());
        for (index, span) in self.spans.iter().enumerate() {
            places.insert(span.place, index);
        }
        let mut has_child = vec![false; self.spans.len()];
        let mut calls: HashMap<(u32, u32), Counts> = HashMap::new();
        let mut callees: Vec<&Seen> = Vec::new();
        for span in &self.spans {
            let Some(parent) = span.parent_place() else { continue };
            let Some(parent) = places.get(&parent).copied() else {
                callees.extend(span.counts.then_some(span));
                continue;
            };
            let caller = self.spans[parent].service;
            has_child[parent] = true;
            if caller != span.service && span.counts {
                calls.entry((caller, span.service)).or_default().add(span.error, span.duration_ns);
            }
        }
        // A server's span without children here may have some elsewhere: not everybody has spans for clients.
        let may_call = |(span, has_child): &(&Seen, bool)| span.calls_others || !has_child;
        let mut callers: Vec<(&Seen, bool)> = self.spans.iter().zip(has_child).filter(may_call).collect();
        let mut ends_thinned = self.thinned;
        while callers.len() + callees.len() > ends_max && ends_thinned < 63 {
            ends_thinned += 1;
            callers.retain(|(span, _)| is_chosen(span.place.trace, ends_thinned));
            callees.retain(|span| is_chosen(span.place.trace, ends_thinned));
        }
        let name = |number: u32| self.names.name(number);
        let callers = callers.into_iter().map(|(span, has_child)| {
            let called = span.called.filter(|_| !has_child && span.counts);
            let (error, duration_ns) = (span.error, span.duration_ns);
            let called = called.map(|(called, kind)| Called { name: name(called), kind, error, duration_ns });
            Caller { place: span.place, service: name(span.service), called }
        });
        let callees = callees.into_iter().filter_map(|span| {
            let (error, duration_ns) = (span.error, span.duration_ns);
            Some(Callee { parent: span.parent_place()?, service: name(span.service), error, duration_ns })
        });
        PartialGraph {
            extent: self.extent,
            services: self
                .services
                .iter()
                .map(|(service, counts)| (name(*service), counts.clone()))
                .collect(),
            calls: calls.into_iter().map(|((from, to), counts)| (name(from), name(to), counts)).collect(),
            calls_thinned: self.thinned,
            callers: callers.collect(),
            callees: callees.collect(),
            ends_thinned,
        }
    }
}

impl Seen {
    fn parent_place(&self) -> Option<Place> {
        self.parent.map(|span| Place { trace: self.place.trace, span })
    }
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        let is_full = self.names.len() >= NAMES_MAX && !self.numbers.contains_key(name);
        let name = if is_full { FURTHER_NAMES } else { name };
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let name: Arc<str> = name.into();
        let number = self.names.len() as u32;
        match self.numbers.entry(name.clone()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                self.names.push(name);
                *place.insert(number)
            }
        }
    }

    fn name(&self, number: u32) -> Arc<str> {
        self.names[number as usize].clone()
    }
}

fn number(id: SpanId) -> u64 {
    u64::from_be_bytes(id.0)
}

/// Kinds by OTLP's numbers: server and consumer serve, and so does what begins a trace.
fn serves(kind: i32, parent: Option<SpanId>) -> bool {
    matches!(kind, 2 | 5) || parent.is_none()
}

/// Clients, producers, and spans that do not say what they are.
fn calls_others(kind: i32) -> bool {
    matches!(kind, 0 | 3 | 4)
}

/// Whom a span says it calls, in the words of OpenTelemetry's conventions, newer ones first.
fn called(attributes: &[KeyValue]) -> Option<(&str, NodeKind)> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| text_attribute(attributes, key));
    if let Some(name) = text(&["peer.service", "service.peer.name"]) {
        return Some((name, NodeKind::Service));
    }
    if let Some(system) = text(&["db.system.name", "db.system"]) {
        let name = text(&["db.namespace", "db.name"]).unwrap_or(system);
        return Some((name, NodeKind::Database));
    }
    if let Some(system) = text(&["messaging.system"]) {
        let name = text(&["messaging.destination.name", "messaging.destination"]).unwrap_or(system);
        return Some((name, NodeKind::Queue));
    }
    let is_call = ["http.request.method", "http.method", "rpc.system", "rpc.system.name"];
    is_call.iter().find_map(|key| attribute(attributes, key))?;
    text(&["server.address", "net.peer.name", "http.host"]).map(|name| (name, NodeKind::Service))
}
