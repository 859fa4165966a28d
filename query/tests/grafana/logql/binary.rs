//! Operators between numbers over time, evaluated step by step as plainly as possible: at each time there is a list
//! of labelled numbers, and every pair of them is looked at.

use std::fmt;

use proptest::prelude::*;

use super::oracle::{Labels, Line, Question, counting};

#[derive(Debug, Clone)]
pub enum Expr {
    Leaf(Question),
    Vector(i64),
    WithNumber { inner: Box<Expr>, operator: &'static str, as_bool: bool, number: i64, on_left: bool },
    Both { left: Box<Expr>, right: Box<Expr>, operator: &'static str, as_bool: bool, matching: Matching },
}

#[derive(Debug, Clone)]
pub struct Matching {
    /// `on` or `ignoring`, with its labels.
    by: Option<(bool, Vec<&'static str>)>,
    /// `group_left` or `group_right`, with what is taken over.
    many: Option<(bool, Vec<&'static str>)>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ambiguous;

type Sample = (Labels, f64);

const LABELS: [&str; 3] = ["a", "b", "service_name"];
const ARITHMETIC: [&str; 5] = ["+", "-", "*", "/", "%"];
const COMPARISONS: [&str; 6] = ["==", "!=", ">", ">=", "<", "<="];
const SETS: [&str; 3] = ["and", "or", "unless"];

fn pick<T: Clone + fmt::Debug + 'static>(of: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(of.to_vec())
}

fn labels() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(LABELS.to_vec(), 0..=3)
}

fn matching() -> impl Strategy<Value = Matching> {
    let by = prop::option::weighted(0.6, (any::<bool>(), labels()));
    let many = prop::option::weighted(0.4, (any::<bool>(), prop::sample::subsequence(vec!["a", "b"], 0..=1)));
    (by, many).prop_map(|(by, many)| Matching { many: many.filter(|_| by.is_some()), by })
}

fn operator() -> impl Strategy<Value = (&'static str, bool)> {
    prop_oneof![
        3 => pick(&ARITHMETIC).prop_map(|operator| (operator, false)),
        2 => (pick(&COMPARISONS), any::<bool>()),
    ]
}

pub fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        6 => labels().prop_flat_map(counting).prop_map(Expr::Leaf),
        1 => (0i64..3).prop_map(Expr::Vector),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        let with_number = (inner.clone(), operator(), 0i64..4, any::<bool>()).prop_map(
            |(inner, (operator, as_bool), number, on_left)| Expr::WithNumber {
                inner: Box::new(inner),
                operator,
                as_bool,
                number,
                on_left,
            },
        );
        let both = (inner.clone(), inner.clone(), operator(), matching()).prop_map(
            |(left, right, (operator, as_bool), matching)| Expr::Both {
                left: Box::new(left),
                right: Box::new(right),
                operator,
                as_bool,
                matching,
            },
        );
        let sets =
            (inner.clone(), inner, pick(&SETS), matching()).prop_map(|(left, right, operator, matching)| {
                let matching = Matching { many: None, ..matching };
                Expr::Both {
                    left: Box::new(left),
                    right: Box::new(right),
                    operator,
                    as_bool: false,
                    matching,
                }
            });
        prop_oneof![1 => with_number, 3 => both, 1 => sets]
    })
}

impl Expr {
    /// The numbers at every step.
    pub fn numbers(&self, lines: &[Line], step: u64, end: u64) -> Result<Vec<(u64, Vec<Sample>)>, Ambiguous> {
        let at = (0..=end).step_by(step as usize);
        at.map(|at| Ok((at, self.at(lines, at, step, end)?))).collect()
    }

    fn at(&self, lines: &[Line], at: u64, step: u64, end: u64) -> Result<Vec<Sample>, Ambiguous> {
        Ok(match self {
            Expr::Leaf(question) => {
                let numbers = question.numbers(lines, step, end).into_iter();
                let here = numbers.filter_map(|(labels, points)| {
                    let number = points.iter().find(|(time, _)| *time == at)?.1.parse().unwrap();
                    Some((labels, number))
                });
                here.collect()
            }
            Expr::Vector(number) => vec![(Labels::new(), *number as f64)],
            Expr::WithNumber { inner, operator, as_bool, number, on_left } => {
                let mut found = Vec::new();
                for (labels, own) in inner.at(lines, at, step, end)? {
                    let (left, right) = if *on_left { (*number as f64, own) } else { (own, *number as f64) };
                    found.extend(result(operator, *as_bool, left, right, own).map(|value| (labels, value)));
                }
                found
            }
            Expr::Both { left, right, operator, as_bool, matching } => {
                let left = left.at(lines, at, step, end)?;
                let right = right.at(lines, at, step, end)?;
                match SETS.contains(operator) {
                    true => set(operator, matching, left, right),
                    false => pairs(operator, *as_bool, matching, left, right)?,
                }
            }
        })
    }
}

/// What one pair of numbers comes to; nothing where a comparison does not hold.
fn result(operator: &str, as_bool: bool, left: f64, right: f64, kept: f64) -> Option<f64> {
    let holds = match operator {
        "+" => return Some(left + right),
        "-" => return Some(left - right),
        "*" => return Some(left * right),
        "/" => return Some(if right == 0.0 { f64::NAN } else { left / right }),
        "%" => return Some(if right == 0.0 { f64::NAN } else { left % right }),
        "==" => left == right,
        "!=" => left != right,
        ">" => left > right,
        ">=" => left >= right,
        "<" => left < right,
        _ => left <= right,
    };
    match as_bool {
        true => Some(f64::from(u8::from(holds))),
        false => holds.then_some(kept),
    }
}

impl Matching {
    fn signature(&self, labels: &Labels) -> Labels {
        let mut signature = labels.clone();
        if let Some((on, by)) = &self.by {
            signature.retain(|name, _| by.contains(&name.as_str()) == *on);
        }
        signature
    }
}

fn set(operator: &str, matching: &Matching, left: Vec<Sample>, right: Vec<Sample>) -> Vec<Sample> {
    let is_in = |labels: &Labels, side: &[Sample]| {
        side.iter().any(|(other, _)| matching.signature(other) == matching.signature(labels))
    };
    match operator {
        "and" => left.into_iter().filter(|(labels, _)| is_in(labels, &right)).collect(),
        "unless" => left.into_iter().filter(|(labels, _)| !is_in(labels, &right)).collect(),
        _ => {
            let more: Vec<Sample> = right.into_iter().filter(|(labels, _)| !is_in(labels, &left)).collect();
            left.into_iter().chain(more).collect()
        }
    }
}

fn pairs(
    operator: &str,
    as_bool: bool,
    matching: &Matching,
    left: Vec<Sample>,
    right: Vec<Sample>,
) -> Result<Vec<Sample>, Ambiguous> {
    let right_is_many = matches!(matching.many, Some((true, _)));
    let (many, one) = if right_is_many { (&right, &left) } else { (&left, &right) };
    for (index, (labels, _)) in one.iter().enumerate() {
        if one[..index].iter().any(|(other, _)| matching.signature(other) == matching.signature(labels)) {
            return Err(Ambiguous);
        }
    }
    let mut found: Vec<Sample> = Vec::new();
    for (labels, number) in many {
        for (others, other) in one {
            if matching.signature(labels) != matching.signature(others) {
                continue;
            }
            let (left, right) = if right_is_many { (*other, *number) } else { (*number, *other) };
            let Some(value) = result(operator, as_bool, left, right, left) else { continue };
            let mut own = match &matching.many {
                None => matching.signature(labels),
                Some(_) => labels.clone(),
            };
            for name in matching.many.iter().flat_map(|(_, taken)| taken) {
                match others.get(*name) {
                    Some(value) => own.insert((*name).to_owned(), value.clone()),
                    None => own.remove(*name),
                };
            }
            if found.iter().any(|(known, _)| *known == own) {
                return Err(Ambiguous);
            }
            found.push((own, value));
        }
    }
    Ok(found)
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |operator: &str, as_bool: &bool| {
            if *as_bool { format!("{operator} bool") } else { operator.to_owned() }
        };
        match self {
            Expr::Leaf(question) => write!(f, "{}", question.metric()),
            Expr::Vector(number) => write!(f, "vector({number})"),
            Expr::WithNumber { inner, operator, as_bool, number, on_left: true } => {
                write!(f, "({number} {} {inner})", sign(operator, as_bool))
            }
            Expr::WithNumber { inner, operator, as_bool, number, on_left: false } => {
                write!(f, "({inner} {} {number})", sign(operator, as_bool))
            }
            Expr::Both { left, right, operator, as_bool, matching } => {
                write!(f, "({left} {}{matching} {right})", sign(operator, as_bool))
            }
        }
    }
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((on, labels)) = &self.by {
            write!(f, " {} ({})", if *on { "on" } else { "ignoring" }, labels.join(", "))?;
        }
        if let Some((right, labels)) = &self.many {
            write!(f, " {} ({})", if *right { "group_right" } else { "group_left" }, labels.join(", "))?;
        }
        Ok(())
    }
}
