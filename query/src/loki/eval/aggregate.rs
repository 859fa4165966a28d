//! Numbers over time and what is calculated with them: aggregations and operators between vectors.

use std::collections::{BTreeMap, HashMap};

use regex::Regex;
use spandrel_config::ByteSize;

use super::window::{bytes_of, grouped, quantile_of};
use crate::language::logql::{
    Aggregation, At, Binary, Grouping, Matching, Measured, Metric, Operator, RangeFunction, Side, Vectors,
};

pub type Labels = BTreeMap<String, String>;

/// Series: their labels, and their numbers by step, ascending.
pub type Vector = Vec<(Labels, Vec<(usize, f64)>)>;

/// The times at which a question is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    pub start_ns: u64,
    pub step_ns: u64,
    pub count: usize,
}

impl Steps {
    /// The times at which a function is evaluated: those of the question, or the one that it names.
    pub fn of(self, measured: &Measured) -> Steps {
        let start_ns = match measured.at {
            None => return self,
            Some(At::Time(nanos)) => nanos,
            Some(At::Start) => self.start_ns,
            Some(At::End) => self.time_ns(self.count.saturating_sub(1)),
        };
        Steps { start_ns, step_ns: 1, count: 1 }
    }

    /// What was found at the one time that a function names, at every step.
    pub fn spread(self, measured: &Measured, mut vector: Vector) -> Vector {
        if measured.at.is_some() {
            for (_, points) in &mut vector {
                let number = points.first().map(|(_, number)| *number);
                *points = number
                    .map_or_else(Vec::new, |number| (0..self.count).map(|step| (step, number)).collect());
            }
        }
        vector
    }

    pub fn time_ns(&self, step: usize) -> u64 {
        self.start_ns.saturating_add(self.step_ns.saturating_mul(step as u64))
    }
}

/// The functions over ranges of a question, in the order in which [`evaluate`] takes their numbers. With each,
/// the labels that it may be grouped by already: those of a sum around it.
pub fn leaves(metric: &Metric) -> Vec<(&Measured, Option<Grouping>)> {
    let mut found = Vec::new();
    visit(metric, None, &mut found);
    found
}

fn visit<'m>(metric: &'m Metric, sum: Option<&Grouping>, found: &mut Vec<(&'m Measured, Option<Grouping>)>) {
    match metric {
        Metric::Range(measured) => {
            use RangeFunction::{Bytes, BytesRate, Count, Rate, Sum};
            let adds_up = matches!(measured.function, Count | Rate | Bytes | BytesRate | Sum);
            let sum = sum.filter(|_| adds_up).cloned();
            found.push((measured, sum.or_else(|| measured.grouping.clone())));
        }
        Metric::Aggregate { aggregation: Aggregation::Sum, grouping, inner } => {
            let all = Grouping { without: false, labels: Vec::new() };
            visit(inner, Some(grouping.as_ref().unwrap_or(&all)), found);
        }
        Metric::Aggregate { inner, .. } | Metric::LabelReplace { inner, .. } => visit(inner, None, found),
        Metric::Binary(binary) => {
            visit(&binary.left, None, found);
            visit(&binary.right, None, found);
        }
        Metric::Number(_) | Metric::Vector(_) => {}
    }
}

/// A number for every step, or series.
enum Value {
    Number(f64),
    Vector(Vector),
}

/// The series that the question answers with, given those of its leaves. `Err` where series cannot be told
/// apart, or where their labels would have more than `names_max`. A lone number is a series without labels.
pub fn evaluate(
    metric: &Metric,
    leaves: Vec<Vector>,
    steps: Steps,
    names_max: ByteSize,
) -> Result<Vector, String> {
    let mut leaves = leaves.into_iter();
    Ok(match of(metric, &mut leaves, steps, names_max)? {
        Value::Vector(vector) => vector,
        Value::Number(number) => constant(number, steps),
    })
}

fn constant(number: f64, steps: Steps) -> Vector {
    vec![(Labels::new(), (0..steps.count).map(|step| (step, number)).collect())]
}

fn of(
    metric: &Metric,
    leaves: &mut dyn Iterator<Item = Vector>,
    steps: Steps,
    names_max: ByteSize,
) -> Result<Value, String> {
    Ok(match metric {
        Metric::Number(number) => Value::Number(*number),
        Metric::Vector(number) => Value::Vector(constant(*number, steps)),
        Metric::Range(_) => Value::Vector(leaves.next().unwrap_or_default()),
        Metric::Aggregate { aggregation, grouping, inner } => match of(inner, leaves, steps, names_max)? {
            Value::Vector(vector) => Value::Vector(aggregate(*aggregation, grouping.as_ref(), vector)),
            number => number,
        },
        Metric::LabelReplace { inner, to, replacement, from, pattern } => {
            match of(inner, leaves, steps, names_max)? {
                Value::Vector(mut vector) => {
                    let mut bytes = 0;
                    for (labels, _) in &mut vector {
                        label_replace(labels, to, replacement, from, pattern.regex(), names_max)?;
                        bytes += bytes_of(labels);
                        if bytes > names_max.as_usize() {
                            return Err(too_long(names_max));
                        }
                    }
                    Value::Vector(vector)
                }
                number => number,
            }
        }
        Metric::Binary(binary) => {
            let left = of(&binary.left, leaves, steps, names_max)?;
            let right = of(&binary.right, leaves, steps, names_max)?;
            operate(binary, left, right, steps)?
        }
    })
}

fn label_replace(
    labels: &mut Labels,
    to: &str,
    replacement: &str,
    from: &str,
    pattern: &Regex,
    names_max: ByteSize,
) -> Result<(), String> {
    let value = labels.get(from).cloned().unwrap_or_default();
    let Some(captures) = pattern.captures(&value) else { return Ok(()) };
    // No capture is longer than the value.
    let times = replacement.bytes().filter(|byte| *byte == b'$').count();
    if replacement.len() + times.saturating_mul(value.len()) > names_max.as_usize() {
        return Err(too_long(names_max));
    }
    let mut replaced = String::new();
    captures.expand(replacement, &mut replaced);
    match replaced.is_empty() {
        true => labels.remove(to),
        false => labels.insert(to.to_owned(), replaced),
    };
    Ok(())
}

fn too_long(names_max: ByteSize) -> String {
    format!("label_replace would make labels of more than {names_max} (limits.answer_bytes_max)")
}

fn aggregate(aggregation: Aggregation, grouping: Option<&Grouping>, vector: Vector) -> Vector {
    match aggregation {
        Aggregation::Top(count) => best(vector, grouping, count, true),
        Aggregation::Bottom(count) => best(vector, grouping, count, false),
        Aggregation::Sort | Aggregation::SortDescending => {
            let mut vector = vector;
            let last = |points: &[(usize, f64)]| points.last().map_or(f64::NAN, |(_, number)| *number);
            vector.sort_by(|(_, a), (_, b)| last(a).total_cmp(&last(b)));
            if aggregation == Aggregation::SortDescending {
                vector.reverse();
            }
            vector
        }
        aggregation => {
            let none = Grouping { without: false, labels: Vec::new() };
            let grouping = grouping.unwrap_or(&none);
            let mut groups: BTreeMap<Labels, BTreeMap<usize, Vec<f64>>> = BTreeMap::new();
            for (labels, points) in vector {
                let group = groups.entry(grouped(labels.into_iter().collect(), Some(grouping))).or_default();
                points.into_iter().for_each(|(step, number)| group.entry(step).or_default().push(number));
            }
            let combined = groups.into_iter().map(|(labels, points)| {
                (
                    labels,
                    points
                        .into_iter()
                        .map(|(step, numbers)| (step, combine(aggregation, &numbers)))
                        .collect(),
                )
            });
            combined.collect()
        }
    }
}

fn combine(aggregation: Aggregation, numbers: &[f64]) -> f64 {
    let (count, sum) = (numbers.len() as f64, numbers.iter().sum::<f64>());
    let variance = || numbers.iter().map(|number| (number - sum / count).powi(2)).sum::<f64>() / count;
    match aggregation {
        Aggregation::Sum => sum,
        Aggregation::Avg => sum / count,
        Aggregation::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        Aggregation::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Aggregation::Count => count,
        Aggregation::Stddev => variance().sqrt(),
        Aggregation::Stdvar => variance(),
        _ => quantile_of(numbers.to_vec(), 0.5),
    }
}

/// At each step the greatest or least of each group, with all their labels.
fn best(vector: Vector, grouping: Option<&Grouping>, count: usize, greatest: bool) -> Vector {
    let none = Grouping { without: false, labels: Vec::new() };
    let grouping = grouping.unwrap_or(&none);
    let mut groups: BTreeMap<(usize, Labels), Vec<(usize, f64)>> = BTreeMap::new();
    for (index, (labels, points)) in vector.iter().enumerate() {
        let group = grouped(labels.clone().into_iter().collect(), Some(grouping));
        for (step, number) in points {
            groups.entry((*step, group.clone())).or_default().push((index, *number));
        }
    }
    let mut kept: Vec<Vec<(usize, f64)>> = vec![Vec::new(); vector.len()];
    for ((step, _), mut numbers) in groups {
        numbers.sort_by(|(i, a), (j, b)| {
            let order = if greatest { b.total_cmp(a) } else { a.total_cmp(b) };
            order.then(i.cmp(j))
        });
        numbers.into_iter().take(count).for_each(|(index, number)| kept[index].push((step, number)));
    }
    let series = vector.into_iter().zip(kept).map(|((labels, _), points)| (labels, points));
    series.filter(|(_, points)| !points.is_empty()).collect()
}

fn operate(binary: &Binary, left: Value, right: Value, steps: Steps) -> Result<Value, String> {
    let keep = |left: f64, right: f64, kept: f64| -> Option<f64> {
        match binary.operator.compares(left, right) {
            Some(holds) if binary.as_bool => Some(f64::from(u8::from(holds))),
            Some(true) => Some(kept),
            Some(false) => None,
            None => Some(binary.operator.calculate(left, right)),
        }
    };
    Ok(match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            Value::Number(match binary.operator.compares(left, right) {
                Some(holds) => f64::from(u8::from(holds)),
                None => binary.operator.calculate(left, right),
            })
        }
        (Value::Vector(left), Value::Number(right)) => {
            Value::Vector(each(left, |number| keep(number, right, number)))
        }
        (Value::Number(left), Value::Vector(right)) => {
            Value::Vector(each(right, |number| keep(left, number, number)))
        }
        (Value::Vector(left), Value::Vector(right)) if binary.operator.is_set() => {
            Value::Vector(sets(binary, left, right, steps))
        }
        (Value::Vector(left), Value::Vector(right)) => Value::Vector(joined(binary, left, right, keep)?),
    })
}

fn each(vector: Vector, number: impl Fn(f64) -> Option<f64>) -> Vector {
    let series = vector.into_iter().map(|(labels, points)| {
        let points: Vec<(usize, f64)> =
            points.into_iter().filter_map(|(step, value)| Some((step, number(value)?))).collect();
        (labels, points)
    });
    series.filter(|(_, points)| !points.is_empty()).collect()
}

/// The labels by which series find each other.
fn signature(labels: &Labels, vectors: Option<&Vectors>) -> Labels {
    let kept = |name: &String| match vectors.map(|vectors| &vectors.matching) {
        None => true,
        Some(Matching::On(on)) => on.contains(name),
        Some(Matching::Ignoring(ignored)) => !ignored.contains(name),
    };
    labels.iter().filter(|(name, _)| kept(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn sets(binary: &Binary, left: Vector, right: Vector, steps: Steps) -> Vector {
    let there = |vector: &Vector| {
        let mut there: HashMap<Labels, Vec<bool>> = HashMap::new();
        for (labels, points) in vector {
            let of = there.entry(signature(labels, binary.vectors.as_ref()));
            let of = of.or_insert_with(|| vec![false; steps.count]);
            points.iter().for_each(|(step, _)| of[*step] = true);
        }
        there
    };
    let kept = |vector: Vector, others: &HashMap<Labels, Vec<bool>>, wanted: bool| -> Vector {
        let series = vector.into_iter().map(|(labels, mut points)| {
            let of = others.get(&signature(&labels, binary.vectors.as_ref()));
            points.retain(|(step, _)| of.is_some_and(|there| there[*step]) == wanted);
            (labels, points)
        });
        series.filter(|(_, points)| !points.is_empty()).collect()
    };
    match binary.operator {
        Operator::And => kept(left, &there(&right), true),
        Operator::Unless => kept(left, &there(&right), false),
        _ => {
            let in_left = there(&left);
            let mut all = left;
            for (labels, points) in kept(right, &in_left, false) {
                match all.iter_mut().find(|(known, _)| *known == labels) {
                    Some((_, known)) => {
                        known.extend(points);
                        known.sort_by_key(|(step, _)| *step);
                    }
                    None => all.push((labels, points)),
                }
            }
            all
        }
    }
}

/// A series of the side that has one for each of the other: its labels, and its numbers by step.
type One = (Labels, BTreeMap<usize, f64>);

fn joined(
    binary: &Binary,
    left: Vector,
    right: Vector,
    keep: impl Fn(f64, f64, f64) -> Option<f64>,
) -> Result<Vector, String> {
    let vectors = binary.vectors.as_ref();
    let many = vectors.and_then(|vectors| vectors.many.as_ref());
    let right_is_many = matches!(many, Some((Side::Right, _)));
    let (many_side, one_side) = if right_is_many { (right, left) } else { (left, right) };
    let mut ones: HashMap<Labels, Vec<One>> = HashMap::new();
    for (labels, points) in one_side {
        let points: BTreeMap<usize, f64> = points.into_iter().collect();
        let others = ones.entry(signature(&labels, vectors)).or_default();
        // Two may have their times one after the other.
        if others.iter().any(|(_, known)| points.keys().any(|step| known.contains_key(step))) {
            return Err(
                "many-to-many matching not allowed: matching labels must be unique on one side".to_owned()
            );
        }
        others.push((labels, points));
    }
    let mut answer: BTreeMap<Labels, BTreeMap<usize, f64>> = BTreeMap::new();
    for (labels, points) in many_side {
        let signature = signature(&labels, vectors);
        let Some(ones) = ones.get(&signature) else { continue };
        for (one_labels, one_points) in ones {
            let into = answer.entry(result_labels(many, &labels, &signature, one_labels)).or_default();
            for (step, number) in &points {
                let Some(one) = one_points.get(step) else { continue };
                let (left, right) = if right_is_many { (*one, *number) } else { (*number, *one) };
                let Some(value) = keep(left, right, left) else { continue };
                if into.insert(*step, value).is_some() {
                    return Err("multiple matches for labels: many-to-one matching must be explicit \
                                (group_left/group_right)"
                        .to_owned());
                }
            }
        }
    }
    let series = answer.into_iter().map(|(labels, points)| (labels, points.into_iter().collect::<Vec<_>>()));
    Ok(series.filter(|(_, points)| !points.is_empty()).collect())
}

/// The labels of a pair: what it was found by, or those of the many with what they take over from the one.
fn result_labels(
    many: Option<&(Side, Vec<String>)>,
    labels: &Labels,
    signature: &Labels,
    one_labels: &Labels,
) -> Labels {
    let Some((_, taken)) = many else { return signature.clone() };
    let mut result = labels.clone();
    for name in taken {
        match one_labels.get(name) {
            Some(value) => result.insert(name.clone(), value.clone()),
            None => result.remove(name),
        };
    }
    result
}
