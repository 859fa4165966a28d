//! From a heap of records to a forest of spans with their logs.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use spandrel_store::record::SpanExt;
use spandrel_store::snapshot::TraceRecords;
use spandrel_store::{Flags, Record, RecordId, SpanId, TraceId, TraceIdMatch};

use super::{LogNode, SpanNode, TraceView, skew};
use crate::render::RecordView;

pub(super) fn assemble(asked: &TraceIdMatch, found: TraceRecords) -> TraceView {
    let trace_id = trace_id(asked, &found.records);
    let views = each_once(found.records);
    let (mut spans, mut logs): (Vec<RecordView>, Vec<RecordView>) =
        views.into_iter().partition(|view| view.record.span().is_some());
    spans.sort_by_key(|view| (view.record.time(), view.record.id));
    logs.sort_by_key(|view| (view.record.time(), view.record.id));

    let mut parents = find_parents(&mut spans);
    cut_cycles(&mut spans, &mut parents);
    let depths = depths(&spans, &parents);
    let mut spans = parents_first(spans, &parents, &depths);
    skew::mark(&mut spans);
    let index = SpanIndex::new(spans.iter().map(|node| &node.view));
    let logs = logs.into_iter().map(|view| LogNode { span: index.span_of(&view), view }).collect();
    TraceView { trace_id, truncated: found.truncated, spans, logs }
}

/// The 128-bit id where a 64-bit question found one, since that is how the others know the trace.
fn trace_id(asked: &TraceIdMatch, records: &[Arc<Record>]) -> TraceId {
    let ids = || records.iter().filter_map(|record| record.trace_id());
    let long = ids().find(|id| *id != TraceId(u128::from(id.low64()).to_be_bytes()));
    long.or_else(|| ids().next()).or_else(|| asked.exact.first().copied()).unwrap_or_default()
}

/// The records without repetitions; of a span that is repeated the first, with a flag.
fn each_once(records: Vec<Arc<Record>>) -> Vec<RecordView> {
    let mut views: Vec<RecordView> = Vec::with_capacity(records.len());
    let mut places: HashMap<RecordId, usize> = HashMap::with_capacity(records.len());
    for record in records {
        match places.entry(record.id) {
            Entry::Vacant(place) => {
                place.insert(views.len());
                views.push(RecordView::new(record));
            }
            Entry::Occupied(place) if record.span().is_some() => {
                views[*place.get()].found.insert(Flags::DUPLICATE);
            }
            Entry::Occupied(_) => {}
        }
    }
    views
}

/// Finds spans by their ids: in the same trace first; else anywhere, since a 64-bit question may have found
/// both the 64-bit and the 128-bit part of one trace.
struct SpanIndex {
    in_trace: HashMap<(TraceId, SpanId), usize>,
    anywhere: HashMap<SpanId, usize>,
}

impl SpanIndex {
    fn new<'a>(spans: impl Iterator<Item = &'a RecordView>) -> SpanIndex {
        let mut index = SpanIndex { in_trace: HashMap::new(), anywhere: HashMap::new() };
        for (place, view) in spans.enumerate() {
            let Some(span_id) = view.record.span_id() else { continue };
            index.anywhere.entry(span_id).or_insert(place);
            if let Some(trace_id) = view.record.trace_id() {
                index.in_trace.insert((trace_id, span_id), place);
            }
        }
        index
    }

    fn find(&self, trace_id: Option<TraceId>, span_id: SpanId) -> Option<usize> {
        let in_trace = trace_id.and_then(|trace_id| self.in_trace.get(&(trace_id, span_id)));
        in_trace.or_else(|| self.anywhere.get(&span_id)).copied()
    }

    fn span_of(&self, log: &RecordView) -> Option<usize> {
        self.find(log.record.trace_id(), log.record.span_id()?)
    }
}

/// Each span's parent; flags the spans whose parent is nowhere and those that are their own.
fn find_parents(spans: &mut [RecordView]) -> Vec<Option<usize>> {
    let index = SpanIndex::new(spans.iter());
    let parent_of = |(place, view): (usize, &mut RecordView)| {
        let parent_id = view.record.span().and_then(|span| span.parent())?;
        match index.find(view.record.trace_id(), parent_id) {
            Some(parent) if parent == place => {
                view.found.insert(Flags::CYCLE);
                None
            }
            Some(parent) => Some(parent),
            None => {
                view.found.insert(Flags::MISSING_PARENT);
                None
            }
        }
    };
    spans.iter_mut().enumerate().map(parent_of).collect()
}

/// Flags every span of a cycle and takes the earliest one's parent away. Each span is walked over twice at
/// most.
fn cut_cycles(spans: &mut [RecordView], parents: &mut [Option<usize>]) {
    const NEW: usize = usize::MAX;
    let mut walked_by = vec![NEW; spans.len()];
    for walk in 0..spans.len() {
        let mut at = Some(walk);
        while let Some(place) = at.filter(|place| walked_by[*place] == NEW) {
            walked_by[place] = walk;
            at = parents[place];
        }
        let Some(entry) = at.filter(|place| walked_by[*place] == walk) else { continue };
        // The walk came back to a span of its own: everything from there around is a cycle.
        let (mut earliest, mut place) = (entry, entry);
        loop {
            spans[place].found.insert(Flags::CYCLE);
            earliest = earliest.min(place);
            match parents[place] {
                Some(parent) if parent != entry => place = parent,
                _ => break,
            }
        }
        parents[earliest] = None;
    }
}

/// How deep each span lies. A span whose parent is missing has at least that one above it.
fn depths(spans: &[RecordView], parents: &[Option<usize>]) -> Vec<usize> {
    let mut depths: Vec<Option<usize>> = vec![None; spans.len()];
    let mut path = Vec::new();
    for place in 0..spans.len() {
        let mut at = place;
        while depths[at].is_none() {
            path.push(at);
            match parents[at] {
                Some(parent) => at = parent,
                None => break,
            }
        }
        while let Some(place) = path.pop() {
            let above = parents[place].and_then(|parent| depths[parent]);
            let top = usize::from(spans[place].found.contains(Flags::MISSING_PARENT));
            depths[place] = Some(above.map_or(top, |depth| depth + 1));
        }
    }
    depths.into_iter().map(Option::unwrap_or_default).collect()
}

/// The nodes in their final order: by start, of equal starts the shallower first.
fn parents_first(spans: Vec<RecordView>, parents: &[Option<usize>], depths: &[usize]) -> Vec<SpanNode> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|place| (spans[*place].record.time(), depths[*place], *place));
    let mut new_place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, old)| new_place[*old] = new);
    let mut nodes: Vec<(usize, SpanNode)> = spans
        .into_iter()
        .enumerate()
        .map(|(old, view)| {
            let parent = parents[old].map(|parent| new_place[parent]);
            (new_place[old], SpanNode { view, parent, depth: depths[old] })
        })
        .collect();
    nodes.sort_by_key(|(place, _)| *place);
    nodes.into_iter().map(|(_, node)| node).collect()
}

impl TraceView {
    /// The spans' indices, every span before those below it.
    pub(super) fn top_down(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.spans.len()).collect();
        order.sort_by_key(|place| self.spans[*place].depth);
        order
    }

    /// The same, every span after those below it.
    pub(super) fn bottom_up(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.spans.len()).collect();
        order.sort_by_key(|place| Reverse(self.spans[*place].depth));
        order
    }
}
