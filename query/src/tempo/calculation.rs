//! Series out of series: arithmetic between metrics queries, as Tempo has it.
//!
//! Series find each other by their labels, their names aside; one without any others goes with every series of the
//! other side. A time counts where both sides have a number. A division by zero is no number.

use std::collections::BTreeMap;

use super::search::{AnyValue, KeyValue};
use super::series::{Series, second};
use crate::language::traceql::{Binary, Numbers, calculate};

const NAME: &str = "__name__";

/// The series of a calculation, given those of its queries in the order in which they stand.
pub(super) fn series(numbers: &Numbers, of_queries: Vec<Vec<Series>>) -> Vec<Series> {
    match of(numbers, &mut of_queries.into_iter()) {
        Value::Series(series) => series,
        // The parser lets no number stand alone.
        Value::Number(_) => Vec::new(),
    }
}

enum Value {
    Number(f64),
    Series(Vec<Series>),
}

fn of(numbers: &Numbers, queries: &mut dyn Iterator<Item = Vec<Series>>) -> Value {
    match numbers {
        Numbers::Of(_) => Value::Series(queries.next().unwrap_or_default()),
        Numbers::Number(number) => Value::Number(*number),
        Numbers::Arithmetic(binary, left, right) => {
            let left = of(left, queries);
            arithmetic(*binary, left, of(right, queries))
        }
        Numbers::Then(inner, stages) => match of(inner, queries) {
            Value::Series(series) => {
                Value::Series(stages.iter().fold(series, |series, stage| second(stage, series)))
            }
            number => number,
        },
    }
}

fn arithmetic(binary: Binary, left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(calculate(binary, left, right)),
        (Value::Series(series), Value::Number(number)) => {
            Value::Series(each(series, |value| calculate(binary, value, number)))
        }
        (Value::Number(number), Value::Series(series)) => {
            Value::Series(each(series, |value| calculate(binary, number, value)))
        }
        (Value::Series(left), Value::Series(right)) => Value::Series(joined(binary, &left, &right)),
    }
}

fn each(mut series: Vec<Series>, value: impl Fn(f64) -> f64) -> Vec<Series> {
    for one in &mut series {
        one.points.iter_mut().for_each(|(_, number)| *number = value(*number));
        one.exemplars.iter_mut().for_each(|example| example.value = value(example.value));
    }
    series
}

fn joined(binary: Binary, left: &[Series], right: &[Series]) -> Vec<Series> {
    let with_all = |side: &[Series]| side.iter().position(|series| key(series).is_empty());
    let find = |side: &[Series], wanted: &str| {
        side.iter().position(|series| key(series) == wanted).or_else(|| with_all(side))
    };
    // Whichever side has more labels says which series there are.
    let of_right = with_all(right).is_none();
    let keys: Vec<String> = if of_right { right } else { left }.iter().map(key).collect();
    let pairs = keys.iter().filter_map(|wanted| Some((find(left, wanted)?, find(right, wanted)?)));
    pairs.map(|(one, other)| pair(binary, &left[one], &right[other])).collect()
}

/// The labels by which series find each other.
fn key(series: &Series) -> String {
    let own: Vec<KeyValue> = series.labels.iter().filter(|label| label.key != NAME).cloned().collect();
    let mut labels: Vec<String> =
        own.iter().map(|label| format!("{:?}", (&label.key, &label.value))).collect();
    labels.sort();
    labels.concat()
}

fn pair(binary: Binary, left: &Series, right: &Series) -> Series {
    let others: BTreeMap<u64, f64> = right.points.iter().copied().collect();
    let points = left
        .points
        .iter()
        .filter_map(|(time, value)| Some((*time, calculate(binary, *value, *others.get(time)?))));
    let exemplars = match (key(left).is_empty(), key(right).is_empty()) {
        (true, false) => right.exemplars.clone(),
        (false, true) => left.exemplars.clone(),
        _ => left.exemplars.iter().chain(&right.exemplars).cloned().collect(),
    };
    Series { labels: labels(binary, left, right), points: points.collect(), exemplars }
}

/// Those of both. The name says what was calculated, where both have one.
fn labels(binary: Binary, left: &Series, right: &Series) -> Vec<KeyValue> {
    let mut labels: Vec<KeyValue> = left.labels.iter().filter(|label| label.key != NAME).cloned().collect();
    for label in right.labels.iter().filter(|label| label.key != NAME) {
        if !labels.iter().any(|known| known.key == label.key) {
            labels.push(label.clone());
        }
    }
    let name = |series: &Series| {
        let label = series.labels.iter().find(|label| label.key == NAME)?;
        match &label.value {
            AnyValue::Text(name) => Some(name.clone()),
            _ => None,
        }
    };
    if let (Some(left), Some(right)) = (name(left), name(right)) {
        let sign = match binary {
            Binary::Add => "+",
            Binary::Sub => "-",
            Binary::Mul => "*",
            _ => "/",
        };
        labels.insert(0, KeyValue::text(NAME, &format!("({left} {sign} {right})")));
    }
    labels
}
