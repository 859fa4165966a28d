//! A pipeline over one trace: spansets in, spansets out.

use std::collections::BTreeMap;

use super::expression::{calculate, holds, texts, values};
use super::subject::Subject;
use super::trace::Trace;
use super::value::Value;
use crate::language::traceql::{
    Aggregate, Compared, Expr, Pipeline, Relation, Scalar, ScalarFilter, Spanset, Stage, Union,
};

/// Spans that belong together in an answer, in the order of their times; never none.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Places in [`Trace::spans`].
    pub spans: Vec<usize>,
    /// What the spans were grouped by, with its value.
    pub groups: Vec<(String, Option<String>)>,
}

/// The spansets that the pipeline answers with.
pub fn spans(pipeline: &Pipeline, trace: &Trace) -> Vec<Found> {
    let all = Found { spans: (0..trace.spans.len()).collect(), groups: Vec::new() };
    run(pipeline, trace, vec![all])
}

fn run(pipeline: &Pipeline, trace: &Trace, mut sets: Vec<Found>) -> Vec<Found> {
    for stage in &pipeline.0 {
        sets.retain(|set| !set.spans.is_empty());
        sets = match stage {
            Stage::Spanset(spanset) => sets
                .into_iter()
                .map(|set| Found { spans: select(spanset, trace, &set.spans), groups: set.groups })
                .collect(),
            Stage::Scalar(filter) => {
                sets.retain(|set| passes(filter, trace, &set.spans));
                sets
            }
            Stage::By(expr) => sets.into_iter().flat_map(|set| grouped(expr, trace, set)).collect(),
            Stage::Coalesce => coalesced(sets),
            Stage::Select(_) => sets,
        };
    }
    sets.retain(|set| !set.spans.is_empty());
    sets
}

/// The spans among `of` that the spanset expression selects, ascending.
fn select(spanset: &Spanset, trace: &Trace, of: &[usize]) -> Vec<usize> {
    match spanset {
        Spanset::Filter(expr) => {
            let selected =
                |index: &usize| Subject::in_trace(trace, *index).is_some_and(|subject| holds(expr, &subject));
            of.iter().copied().filter(selected).collect()
        }
        Spanset::Pipeline(pipeline) => {
            let sets = run(pipeline, trace, vec![Found { spans: of.to_vec(), groups: Vec::new() }]);
            merged(sets.into_iter().flat_map(|set| set.spans))
        }
        Spanset::Operation { relation, union, left, right } => {
            let (left, right) = (select(left, trace, of), select(right, trace, of));
            operate(*relation, *union, trace, &left, &right)
        }
    }
}

fn merged(spans: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut spans: Vec<usize> = spans.collect();
    spans.sort_unstable();
    spans.dedup();
    spans
}

fn operate(relation: Relation, union: Union, trace: &Trace, left: &[usize], right: &[usize]) -> Vec<usize> {
    let both = || merged(left.iter().chain(right).copied());
    match relation {
        Relation::And if left.is_empty() || right.is_empty() => return Vec::new(),
        Relation::And | Relation::Or => return both(),
        _ => {}
    }
    let related = related(relation, trace, left);
    let stands = |index: &&usize| related[**index];
    match union {
        Union::Right => right.iter().filter(stands).copied().collect(),
        Union::Not => right.iter().filter(|index| !related[**index]).copied().collect(),
        Union::Both => {
            // Whoever is related to a span on the right, seen from there.
            let back = related_back(relation, trace, right);
            let left = left.iter().filter(|index| back[**index]);
            merged(left.chain(right.iter().filter(stands)).copied())
        }
    }
}

/// Of each span, whether it stands in the relation to any of `left`.
fn related(relation: Relation, trace: &Trace, left: &[usize]) -> Vec<bool> {
    let mut within = vec![false; trace.spans.len()];
    left.iter().for_each(|index| within[*index] = true);
    let parent = |index: usize| trace.spans[index].parent;
    let mut related = vec![false; trace.spans.len()];
    match relation {
        Relation::Child => {
            (0..related.len()).for_each(|index| related[index] = parent(index).is_some_and(|p| within[p]));
        }
        Relation::Descendant => {
            for index in &trace.order {
                related[*index] = parent(*index).is_some_and(|p| within[p] || related[p]);
            }
        }
        Relation::Parent => {
            left.iter().filter_map(|index| parent(*index)).for_each(|parent| related[parent] = true);
        }
        Relation::Ancestor => {
            for index in trace.order.iter().rev() {
                if (within[*index] || related[*index])
                    && let Some(parent) = parent(*index)
                {
                    related[parent] = true;
                }
            }
        }
        Relation::Sibling => {
            // By the parent that they name, be it there or not.
            let mut of_parent: BTreeMap<_, Vec<usize>> = BTreeMap::new();
            for index in left {
                if let Some(id) = trace.parent_id(*index) {
                    of_parent.entry(id).or_default().push(*index);
                }
            }
            for (index, related) in related.iter_mut().enumerate() {
                let siblings = trace.parent_id(index).and_then(|id| of_parent.get(&id));
                *related = siblings.is_some_and(|all| all.iter().any(|other| *other != index));
            }
        }
        Relation::And | Relation::Or => {}
    }
    related
}

fn related_back(relation: Relation, trace: &Trace, right: &[usize]) -> Vec<bool> {
    let back = match relation {
        Relation::Child => Relation::Parent,
        Relation::Parent => Relation::Child,
        Relation::Descendant => Relation::Ancestor,
        Relation::Ancestor => Relation::Descendant,
        same => same,
    };
    related(back, trace, right)
}

fn grouped(expr: &Expr, trace: &Trace, set: Found) -> Vec<Found> {
    let mut groups: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
    for index in set.spans {
        let value = Subject::in_trace(trace, index).and_then(|subject| texts(expr, &subject));
        groups.entry(value).or_default().push(index);
    }
    let name = match expr {
        Expr::Attribute(attribute) => format!("by({})", attribute.written),
        _ => "by()".to_owned(),
    };
    let found = groups.into_iter().map(|(value, spans)| {
        let mut groups = set.groups.clone();
        groups.push((name.clone(), value));
        Found { spans, groups }
    });
    found.collect()
}

fn coalesced(sets: Vec<Found>) -> Vec<Found> {
    let spans = merged(sets.into_iter().flat_map(|set| set.spans));
    vec![Found { spans, groups: Vec::new() }]
}

fn passes(filter: &ScalarFilter, trace: &Trace, spans: &[usize]) -> bool {
    let (left, right) = (scalar(&filter.left, trace, spans), scalar(&filter.right, trace, spans));
    let (Some(left), Some(right)) = (left, right) else { return false };
    match filter.compared {
        Compared::NotEqual => left != right,
        compared => left.partial_cmp(&right).is_some_and(|ordering| compared.holds(ordering)),
    }
}

/// `None` where no span has a number to say.
fn scalar(of: &Scalar, trace: &Trace, spans: &[usize]) -> Option<f64> {
    match of {
        Scalar::Static(value) => Value::of_static(value).number(),
        Scalar::Aggregate(Aggregate::Count, _) | Scalar::Aggregate(_, None) => Some(spans.len() as f64),
        Scalar::Aggregate(aggregate, Some(expr)) => {
            let subjects = spans.iter().filter_map(|index| Subject::in_trace(trace, *index));
            let numbers: Vec<f64> = subjects
                .flat_map(|subject| values(expr, &subject))
                .filter_map(|value| value.number())
                .collect();
            if numbers.is_empty() {
                return None;
            }
            let sum = || numbers.iter().sum::<f64>();
            Some(match aggregate {
                Aggregate::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                Aggregate::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
                Aggregate::Avg => sum() / numbers.len() as f64,
                Aggregate::Sum | Aggregate::Count => sum(),
            })
        }
        Scalar::Arithmetic(binary, left, right) => {
            Some(calculate(*binary, scalar(left, trace, spans)?, scalar(right, trace, spans)?))
        }
    }
}
