//! The rows of a waterfall: spans as a tree, with logs and children of each in the order of their times.
//!
//! Any set of spans gives rows, each span one: without a root, with parents that are not here, with cycles,
//! a hundred thousand deep (nothing here recurses).

use std::collections::{HashMap, HashSet};

use crate::answer::{Log, Span, Trace};

#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) what: What<'a>,
    pub(super) depth: usize,
    /// The row of the span that this one belongs to.
    pub(super) parent: Option<usize>,
    /// Of a span at the top that names a parent, where that is.
    pub(super) parent_of_top: ParentOfTop,
    /// A log that its span's service wrote, so that the name need not be repeated.
    pub(super) under_own_service: bool,
}

/// Why a span that names a parent stands at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParentOfTop {
    /// It names none, or stands below it.
    None,
    /// The parent is not in the answer.
    Missing,
    /// The parent is the span itself or one below it.
    Below,
}

#[derive(Debug)]
pub(super) enum What<'a> {
    Span(&'a Span),
    Log(&'a Log),
    /// Why the span above failed: its status or an exception.
    Failure(String),
    /// The heading over logs of no span.
    Loose,
    Folded {
        spans: usize,
        logs: usize,
    },
}

#[derive(Debug, Clone, Copy)]
enum Item {
    Span(usize),
    Log(usize),
}

struct Tree<'a> {
    trace: &'a Trace,
    /// The ids of all spans.
    spans: HashSet<&'a str>,
    /// What belongs to each span, by its place in the answer.
    content: Vec<Vec<Item>>,
    roots: Vec<usize>,
    loose: Vec<usize>,
}

/// Something to put out next, and below which row.
struct Next {
    item: Item,
    depth: usize,
    parent: Option<usize>,
}

pub(super) fn rows(trace: &Trace) -> Vec<Row<'_>> {
    let tree = Tree::new(trace);
    let mut rows = Vec::with_capacity(trace.spans.len() + trace.logs.len());
    let mut seen = vec![false; trace.spans.len()];
    for root in tree.roots.iter().copied().chain(0..trace.spans.len()) {
        tree.descend(root, &mut seen, &mut rows);
    }
    if !tree.loose.is_empty() && !trace.spans.is_empty() {
        rows.push(row(What::Loose, 0, None));
    }
    let depth = usize::from(!trace.spans.is_empty());
    rows.extend(tree.loose.iter().map(|log| row(What::Log(&trace.logs[*log]), depth, None)));
    rows
}

impl<'a> Tree<'a> {
    fn new(trace: &'a Trace) -> Tree<'a> {
        let ids: HashMap<&str, usize> =
            trace.spans.iter().enumerate().map(|(index, span)| (span.span_id.as_str(), index)).collect();
        let mut tree = Tree {
            trace,
            spans: ids.keys().copied().collect(),
            content: vec![Vec::new(); trace.spans.len()],
            roots: Vec::new(),
            loose: Vec::new(),
        };
        for (index, span) in trace.spans.iter().enumerate() {
            match ids.get(span.parent_span_id.as_str()) {
                Some(parent) if *parent != index => tree.content[*parent].push(Item::Span(index)),
                _ => tree.roots.push(index),
            }
        }
        for (index, log) in trace.logs.iter().enumerate() {
            match ids.get(log.span_id.as_str()) {
                Some(span) => tree.content[*span].push(Item::Log(index)),
                None => tree.loose.push(index),
            }
        }
        tree.sort();
        tree
    }

    fn sort(&mut self) {
        let trace = self.trace;
        let time = |item: &Item| match item {
            Item::Span(index) => trace.spans[*index].start,
            Item::Log(index) => trace.logs[*index].time,
        };
        self.content.iter_mut().for_each(|items| items.sort_by_key(time));
        self.roots.sort_by_key(|index| trace.spans[*index].start);
        self.loose.sort_by_key(|index| trace.logs[*index].time);
    }

    fn descend(&self, root: usize, seen: &mut [bool], rows: &mut Vec<Row<'a>>) {
        let mut stack = vec![Next { item: Item::Span(root), depth: 0, parent: None }];
        while let Some(Next { item, depth, parent }) = stack.pop() {
            match item {
                Item::Log(index) => rows.push(self.log(index, depth, parent, rows)),
                Item::Span(index) if seen[index] => {}
                Item::Span(index) => {
                    seen[index] = true;
                    let at = rows.len();
                    self.span(index, depth, parent, rows);
                    let below = |item: &Item| Next { item: *item, depth: depth + 1, parent: Some(at) };
                    stack.extend(self.content[index].iter().rev().map(below));
                }
            }
        }
    }

    fn span(&self, index: usize, depth: usize, parent: Option<usize>, rows: &mut Vec<Row<'a>>) {
        let span = &self.trace.spans[index];
        let at = rows.len();
        let parent_of_top = match parent {
            None if !span.parent_span_id.is_empty() => self.parent_of_top(span),
            _ => ParentOfTop::None,
        };
        rows.push(Row { parent_of_top, ..row(What::Span(span), depth, parent) });
        for text in self.failures(index) {
            rows.push(row(What::Failure(text), depth + 1, Some(at)));
        }
    }

    fn parent_of_top(&self, span: &Span) -> ParentOfTop {
        match self.spans.contains(span.parent_span_id.as_str()) {
            true => ParentOfTop::Below,
            false => ParentOfTop::Missing,
        }
    }

    fn log(&self, index: usize, depth: usize, parent: Option<usize>, rows: &[Row<'_>]) -> Row<'a> {
        let log = &self.trace.logs[index];
        let service = parent.and_then(|parent| match rows[parent].what {
            What::Span(span) => Some(span.service.as_str()),
            _ => None,
        });
        Row { under_own_service: service == Some(&log.service), ..row(What::Log(log), depth, parent) }
    }

    /// What the span says of its failure and none of its logs does, each once.
    fn failures(&self, index: usize) -> Vec<String> {
        let span = &self.trace.spans[index];
        let exceptions: Vec<String> = span.events.iter().filter_map(|event| event.exception()).collect();
        let is_logged = |text: &str| {
            let message = |item: &Item| match item {
                Item::Log(log) => Some(self.trace.logs[*log].message.as_str()),
                Item::Span(_) => None,
            };
            self.content[index].iter().filter_map(message).any(|message| message.contains(text))
        };
        let status = span.status_message.as_str();
        let is_told = |text: &str| text.is_empty() || is_logged(text);
        let status_is_told = is_told(status) || exceptions.iter().any(|exception| exception.contains(status));
        let status = (!status_is_told).then(|| format!("status: {status}"));
        let is_news = |text: &String| {
            !is_told(text) && !text.split_once(": ").is_some_and(|(_, message)| is_logged(message))
        };
        status.into_iter().chain(exceptions.into_iter().filter(is_news)).collect()
    }
}

fn row<'a>(what: What<'a>, depth: usize, parent: Option<usize>) -> Row<'a> {
    Row { what, depth, parent, parent_of_top: ParentOfTop::None, under_own_service: false }
}

#[cfg(test)]
mod tests;
