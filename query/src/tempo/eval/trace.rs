//! A trace's spans as a tree, numbered from left to right.
//!
//! A span whose parent is not among them is a top like a root, so that a trace without its root still has
//! children, descendants and siblings. Spans that descend from themselves are broken open at the earliest.

use std::collections::HashMap;
use std::sync::Arc;

use spandrel_store::record::SpanExt;
use spandrel_store::{Record, SpanId, TraceId, UnixNanos};

pub struct Trace {
    pub trace_id: TraceId,
    /// Spans alone, in the order of their times.
    pub spans: Vec<Node>,
    /// Parents come before their children.
    pub order: Vec<usize>,
}

pub struct Node {
    pub record: Arc<Record>,
    pub parent: Option<usize>,
    pub children: Vec<usize>,
    /// Numbers of a walk through the tree: what is below a span lies between its two.
    pub left: i64,
    pub right: i64,
}

impl Trace {
    /// The logs among the records are left out.
    pub fn of(trace_id: TraceId, records: &[Arc<Record>]) -> Trace {
        let spans = records.iter().filter(|record| record.span().is_some());
        let node = |record: &Arc<Record>| Node {
            record: record.clone(),
            parent: None,
            children: Vec::new(),
            left: 0,
            right: 0,
        };
        let mut trace = Trace { trace_id, spans: spans.map(node).collect(), order: Vec::new() };
        trace.link();
        trace.number();
        trace
    }

    fn link(&mut self) {
        let mut by_id: HashMap<SpanId, usize> = HashMap::with_capacity(self.spans.len());
        for (index, node) in self.spans.iter().enumerate() {
            if let Some(id) = node.record.span_id() {
                by_id.entry(id).or_insert(index);
            }
        }
        for index in 0..self.spans.len() {
            let parent = self.parent_id(index).and_then(|id| by_id.get(&id)).copied();
            self.spans[index].parent = parent.filter(|parent| *parent != index);
        }
        self.break_cycles();
        for index in 0..self.spans.len() {
            if let Some(parent) = self.spans[index].parent {
                self.spans[parent].children.push(index);
            }
        }
    }

    fn break_cycles(&mut self) {
        // 0: not looked at; the number of the walk that passed here otherwise.
        let mut walked = vec![0; self.spans.len()];
        for start in 0..self.spans.len() {
            let (walk, mut at) = (start + 1, start);
            while walked[at] == 0 {
                walked[at] = walk;
                match self.spans[at].parent {
                    Some(parent) if walked[parent] == walk => {
                        self.spans[parent].parent = None;
                        break;
                    }
                    Some(parent) => at = parent,
                    None => break,
                }
            }
        }
    }

    fn number(&mut self) {
        let mut number = 0;
        let tops: Vec<usize> =
            (0..self.spans.len()).filter(|index| self.spans[*index].parent.is_none()).collect();
        for top in tops {
            // A span, and how many of its children were walked.
            let mut path = vec![(top, 0)];
            while let Some((at, child)) = path.last_mut() {
                let at = *at;
                if *child == 0 {
                    number += 1;
                    self.spans[at].left = number;
                    self.order.push(at);
                }
                match self.spans[at].children.get(*child) {
                    Some(next) => {
                        let next = *next;
                        *child += 1;
                        path.push((next, 0));
                    }
                    None => {
                        number += 1;
                        self.spans[at].right = number;
                        path.pop();
                    }
                }
            }
        }
    }

    /// The parent that a span names, be it there or not.
    pub fn parent_id(&self, index: usize) -> Option<SpanId> {
        self.spans[index].record.span().and_then(|span| span.parent())
    }

    /// The earliest span without a parent.
    pub fn root(&self) -> Option<&Node> {
        (0..self.spans.len()).find(|index| self.parent_id(*index).is_none()).map(|index| &self.spans[index])
    }

    pub fn start(&self) -> UnixNanos {
        self.spans.iter().map(|node| node.record.time()).min().unwrap_or_default()
    }

    /// From the first start to the last end.
    pub fn duration_ns(&self) -> u64 {
        let ends = self.spans.iter().map(|node| end_of(&node.record));
        ends.max().unwrap_or(0).saturating_sub(self.start().0)
    }
}

fn end_of(record: &Record) -> u64 {
    record.time().0.saturating_add(record.span().map_or(0, |span| span.duration_ns()))
}
