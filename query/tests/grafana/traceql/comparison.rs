//! `compare`, counted as plainly as possible: of every span every attribute, once for its side. It shares no code
//! with the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use proptest::prelude::*;

use super::metrics::{INTERVAL_MS, INTERVALS};
use super::model::{KINDS, START, STATUSES, Span, Trace, Value};
use super::oracle::{Condition, Query, condition, query};

#[derive(Debug, Clone)]
pub struct Comparison {
    query: Query,
    selection: Condition,
    pub top: usize,
    /// Milliseconds after the start: the selection begins behind the first and ends with the last.
    within: Option<(u64, u64)>,
}

/// Counts by interval.
type Points = BTreeMap<u64, u64>;

/// By side, attribute and value; a total has no value.
pub type Counts = BTreeMap<(bool, String, Option<String>), Points>;

pub fn comparison() -> impl Strategy<Value = Comparison> {
    let top = prop::sample::select(vec![1, 2, 1_000]);
    let within = prop::option::weighted(0.3, (0u64..30, 1u64..30));
    (query(), condition(), top, within).prop_map(|(query, selection, top, within)| Comparison {
        query,
        selection,
        top,
        within: within.map(|(start, length)| (start, start + length)),
    })
}

impl Comparison {
    /// All that there is to count, whatever is shown of it.
    pub fn counts(&self, traces: &[Trace]) -> Counts {
        let mut counts = Counts::new();
        for trace in traces {
            for place in self.query.matched(trace) {
                let span = &trace[place];
                let interval = span.start_ms / INTERVAL_MS;
                assert!(interval < INTERVALS);
                let in_time =
                    self.within.is_none_or(|(start, end)| start < span.start_ms && span.start_ms <= end);
                let selected = in_time && self.selection.holds(trace, place);
                for (attribute, value) in attributes(span) {
                    for value in [None, Some(value)] {
                        let points = counts.entry((selected, attribute.clone(), value)).or_default();
                        *points.entry(interval).or_default() += 1;
                    }
                }
            }
        }
        counts
    }

    /// Why the answer is not what it has to be. Which of the values that are equally frequent are shown, is left open.
    pub fn fault(&self, traces: &[Trace], answered: &Counts) -> Option<String> {
        let all = self.counts(traces);
        for (series, points) in answered {
            if all.get(series) != Some(points) {
                return Some(format!("{series:?}: {points:?} instead of {:?}", all.get(series)));
            }
        }
        let total = |points: &Points| points.values().sum::<u64>();
        let missing = all.iter().filter(|(series, _)| !answered.contains_key(*series));
        for ((selected, attribute, value), points) in missing {
            let others = answered.iter().filter(|((side, name, value), other)| {
                side == selected && name == attribute && value.is_some() && total(other) >= total(points)
            });
            if value.is_none() || others.count() < self.top {
                return Some(format!("{selected} {attribute} {value:?} is missing"));
            }
        }
        // Whatever is shown is among the most frequent of a side.
        let shown: BTreeSet<(&String, &Option<String>)> =
            answered.keys().map(|(_, attribute, value)| (attribute, value)).collect();
        let too_many = shown.iter().find(|(attribute, _)| {
            shown.iter().filter(|(of, value)| of == attribute && value.is_some()).count() > 2 * self.top
        });
        too_many.map(|(attribute, _)| format!("more than {} values of {attribute} are shown", self.top))
    }
}

/// Of a span, what is compared: everything that it has, but for what nearly every span has another of.
fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::Int(int) => format!("{int} as int"),
        Value::Float(float) => format!("{float:?} as double"),
        Value::Text(text) => (*text).to_owned(),
        Value::Bool(flag) => format!("{flag} as bool"),
    };
    let mut all = BTreeMap::from([
        ("name".to_owned(), span.name.to_owned()),
        ("kind".to_owned(), KINDS[span.kind].to_owned()),
        ("status".to_owned(), STATUSES[span.status].to_owned()),
        ("statusMessage".to_owned(), String::new()),
        ("resource.service.name".to_owned(), span.service.to_owned()),
    ]);
    all.extend(span.attributes.iter().map(|(key, value)| (format!("span.{key}"), text(value))));
    all.extend(span.resource.iter().map(|(key, value)| (format!("resource.{key}"), text(value))));
    all.extend(span.events.first().map(|name| ("event:name".to_owned(), (*name).to_owned())));
    all
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | compare({{ {} }}, {}", self.query, self.selection, self.top)?;
        if let Some((start, end)) = self.within {
            write!(f, ", {}, {}", START + start * 1_000_000, START + end * 1_000_000)?;
        }
        write!(f, ")")
    }
}
