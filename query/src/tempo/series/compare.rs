//! `compare`: how the attributes of a selection of spans are distributed, beside those of all the others.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_store::record::value::visit_all_leaves;

use super::super::eval::{Subject, Value, holds};
use super::super::search::{AnyValue, KeyValue};
use super::{Intervals, Series, one_value};
use crate::language::traceql::{self, Function};

/// Intrinsics that are compared like attributes: those with few values.
const INTRINSICS: [&str; 6] =
    ["name", "status", "kind", "statusMessage", "event:name", "instrumentation:name"];

/// Attributes that are compared; further ones are not.
const ATTRIBUTES_MAX: usize = 1_000;

/// Values of one attribute; more, and it is told that there are too many.
const VALUES_MAX: usize = 1_000;

/// Counts by interval.
type Counts = BTreeMap<usize, u64>;

pub(super) struct Comparing {
    cells_left: usize,
    attributes: BTreeMap<String, Distribution>,
}

#[derive(Default)]
struct Distribution {
    /// By the value as text: its typed form, counts of the others, counts of the selection.
    values: BTreeMap<String, (Option<AnyValue>, [Counts; 2])>,
    totals: [Counts; 2],
    too_many: bool,
}

const SIDES: [(&str, &str); 2] = [("baseline", "baseline_total"), ("selection", "selection_total")];

impl Comparing {
    pub(super) fn new(cells_max: usize) -> Comparing {
        Comparing { cells_left: cells_max, attributes: BTreeMap::new() }
    }

    pub(super) fn observe(&mut self, function: &Function, subject: &Subject<'_>, interval: usize) {
        let Function::Compare { selection, range, .. } = function else { return };
        let in_time = range.is_none_or(|(start, end)| {
            let time = i64::try_from(subject.record.time().0).unwrap_or(i64::MAX);
            // As Tempo has it: without its start, with its end.
            start < time && time <= end
        });
        let side = usize::from(in_time && holds(selection, subject));
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for name in INTRINSICS {
            if let Some(value) = one_value(&traceql::attribute(name), subject) {
                self.count(name.to_owned(), value, side, interval);
            }
        }
        let lists = [
            ("span", subject.span.attributes.as_slice()),
            ("resource", subject.record.resource.attributes()),
            ("instrumentation", subject.record.scope.attributes()),
        ];
        let events = subject.span.events.iter().map(|event| ("event", event.attributes.as_slice()));
        for (scope, list) in lists.into_iter().chain(events) {
            visit_all_leaves(list, &mut |name, value| {
                let key = format!("{scope}.{name}");
                // Of several values the first counts, so that a span counts once.
                if seen.insert(key.clone()) {
                    self.count(key, AnyValue::of(&Value::of_attribute(value)), side, interval);
                }
            });
        }
    }

    fn count(&mut self, attribute: String, value: AnyValue, side: usize, interval: usize) {
        if self.attributes.len() >= ATTRIBUTES_MAX && !self.attributes.contains_key(&attribute) {
            return;
        }
        let distribution = self.attributes.entry(attribute).or_default();
        *distribution.totals[side].entry(interval).or_default() += 1;
        let text = format!("{value:?}");
        let full = distribution.values.len() >= VALUES_MAX || self.cells_left == 0;
        if full && !distribution.values.contains_key(&text) {
            distribution.too_many = true;
            return;
        }
        let (typed, counts) = distribution.values.entry(text).or_default();
        typed.get_or_insert(value);
        let cells = counts[side].len();
        *counts[side].entry(interval).or_default() += 1;
        self.cells_left = self.cells_left.saturating_sub(counts[side].len() - cells);
    }

    pub(super) fn into_series(self, intervals: &Intervals, top: usize) -> Vec<Series> {
        let mut series = Vec::new();
        for (attribute, distribution) in self.attributes {
            let shown = distribution.most_frequent(top);
            for (side, (kind, total)) in SIDES.into_iter().enumerate() {
                if distribution.totals[side].is_empty() {
                    continue;
                }
                for (_, (value, counts)) in
                    distribution.values.iter().filter(|(text, _)| shown.contains(*text))
                {
                    let label = value.clone().map(|value| KeyValue { key: attribute.clone(), value });
                    if !counts[side].is_empty() {
                        series.extend(label.map(|label| of_counts(intervals, kind, label, &counts[side])));
                    }
                }
                let nil = KeyValue::text(&attribute, "nil");
                series.push(of_counts(intervals, total, nil.clone(), &distribution.totals[side]));
                if distribution.too_many {
                    let mut error = of_counts(intervals, kind, nil, &Counts::new());
                    error.labels.push(KeyValue::text("__meta_error", "__too_many_values__"));
                    series.push(error);
                }
            }
        }
        series
    }
}

impl Distribution {
    /// The most frequent values of both sides.
    fn most_frequent(&self, top: usize) -> BTreeSet<String> {
        let mut shown = BTreeSet::new();
        for side in 0..SIDES.len() {
            let total = |counts: &[Counts; 2]| counts[side].values().sum::<u64>();
            let mut values: Vec<(&String, u64)> =
                self.values.iter().map(|(text, (_, counts))| (text, total(counts))).collect();
            values.retain(|(_, total)| *total > 0);
            values.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
            shown.extend(values.into_iter().take(top).map(|(text, _)| text.clone()));
        }
        shown
    }
}

fn of_counts(intervals: &Intervals, kind: &str, label: KeyValue, counts: &Counts) -> Series {
    let points = counts.iter().map(|(index, count)| (intervals.start(*index), *count as f64));
    Series {
        labels: vec![KeyValue::text("__meta_type", kind), label],
        points: points.collect(),
        exemplars: Vec::new(),
    }
}
