//! Questions as trees that write themselves as TraceQL and that are evaluated as plainly as possible: every
//! relation by walking, every set as a set. It shares no code with the program.

use std::collections::BTreeSet;
use std::fmt;

use proptest::prelude::*;

use super::model::{KEYS, KINDS, NAMES, SERVICES, STATUSES, Span, Trace, Value, value};

#[derive(Debug, Clone)]
pub enum Query {
    Filter(Condition),
    Operation(&'static str, Box<Query>, Box<Query>),
    /// Only traces with more spans than this in the spanset.
    Counted(Box<Query>, usize),
    /// Filtered again.
    Then(Box<Query>, Condition),
}

#[derive(Debug, Clone)]
pub enum Condition {
    True,
    Compare(Field, &'static str, Value),
    Status(&'static str, usize),
    Kind(&'static str, usize),
    Service(&'static str, &'static str),
    Name(&'static str, &'static str),
    /// Milliseconds.
    Duration(&'static str, u64),
    TraceDuration(&'static str, u64),
    Root,
    Event(&'static str),
    There(Field),
    Absent(Field),
    Matches(Field, &'static str),
    /// `=~` or `!~` with an expression that each span has its own of.
    MatchesOwn(Field, &'static str, Field),
    ParentCompare(Field, &'static str, Value),
    ParentStatus(&'static str, usize),
    /// Whether a parent is named, be it there or not.
    ParentNamed(bool),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

#[derive(Debug, Clone, Copy)]
pub enum Field {
    Any(&'static str),
    Span(&'static str),
    Resource(&'static str),
}

const ORDERS: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];
const RELATIONS: [&str; 17] =
    ["&&", "||", ">", "<", ">>", "<<", "~", "!>", "!<", "!>>", "!<<", "!~", "&>", "&<", "&>>", "&<<", "&~"];

fn pick<T: Clone + fmt::Debug + 'static>(of: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(of.to_vec())
}

fn field() -> impl Strategy<Value = Field> {
    (0..3, pick(&KEYS)).prop_map(|(scope, key)| match scope {
        0 => Field::Any(key),
        1 => Field::Span(key),
        _ => Field::Resource(key),
    })
}

fn compared() -> impl Strategy<Value = (Field, &'static str, Value)> {
    let is_equality = |order: &str| ["=", "!="].contains(&order);
    (field(), pick(&ORDERS), value()).prop_filter("booleans have no order", move |(_, order, value)| {
        !matches!(value, Value::Bool(_)) || is_equality(order)
    })
}

pub fn condition() -> impl Strategy<Value = Condition> {
    let equality = || pick(&["=", "!="]);
    let durations = || (pick(&ORDERS), 0u64..4).prop_map(|(order, hundreds)| (order, hundreds * 100));
    let leaf = prop_oneof![
        1 => Just(Condition::True),
        4 => compared().prop_map(|(field, order, value)| Condition::Compare(field, order, value)),
        1 => compared().prop_map(|(field, order, value)| Condition::ParentCompare(field, order, value)),
        1 => (equality(), 0usize..3).prop_map(|(order, status)| Condition::ParentStatus(order, status)),
        1 => any::<bool>().prop_map(Condition::ParentNamed),
        2 => (equality(), 0usize..3).prop_map(|(order, status)| Condition::Status(order, status)),
        1 => (equality(), 0usize..6).prop_map(|(order, kind)| Condition::Kind(order, kind)),
        2 => (equality(), pick(&SERVICES)).prop_map(|(order, service)| Condition::Service(order, service)),
        1 => (pick(&ORDERS), pick(&NAMES)).prop_map(|(order, name)| Condition::Name(order, name)),
        2 => durations().prop_map(|(order, ms)| Condition::Duration(order, ms)),
        1 => durations().prop_map(|(order, ms)| Condition::TraceDuration(order, ms)),
        1 => Just(Condition::Root),
        1 => pick(&["exception", "retry"]).prop_map(Condition::Event),
        1 => field().prop_map(Condition::There),
        1 => field().prop_map(Condition::Absent),
        1 => (field(), pick(&["x|xy", "x.*", "10|"])).prop_map(|(field, regex)| Condition::Matches(field, regex)),
        1 => (field(), pick(&["=~", "!~"]), field())
            .prop_map(|(field, sign, own)| Condition::MatchesOwn(field, sign, own)),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Condition::And(Box::new(a), Box::new(b))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Condition::Or(Box::new(a), Box::new(b))),
            inner.prop_map(|a| Condition::Not(Box::new(a))),
        ]
    })
}

pub fn query() -> impl Strategy<Value = Query> {
    condition().prop_map(Query::Filter).prop_recursive(3, 6, 2, |inner| {
        let two = (pick(&RELATIONS), inner.clone(), inner.clone());
        prop_oneof![
            3 => two.prop_map(|(relation, a, b)| Query::Operation(relation, Box::new(a), Box::new(b))),
            1 => (inner.clone(), 0usize..4).prop_map(|(of, count)| Query::Counted(Box::new(of), count)),
            1 => (inner, condition()).prop_map(|(of, then)| Query::Then(Box::new(of), then)),
        ]
    })
}

impl Query {
    /// Places of the spans that the question answers with.
    pub fn matched(&self, trace: &Trace) -> BTreeSet<usize> {
        self.among(trace, &(0..trace.len()).collect())
    }

    fn among(&self, trace: &Trace, of: &BTreeSet<usize>) -> BTreeSet<usize> {
        match self {
            Query::Filter(condition) => {
                of.iter().copied().filter(|span| condition.holds(trace, *span)).collect()
            }
            Query::Counted(inner, count) => {
                let found = inner.among(trace, of);
                if found.len() > *count { found } else { BTreeSet::new() }
            }
            Query::Then(inner, condition) => {
                let found = inner.among(trace, of).into_iter();
                found.filter(|span| condition.holds(trace, *span)).collect()
            }
            Query::Operation(relation, left, right) => {
                operate(relation, trace, left.among(trace, of), right.among(trace, of))
            }
        }
    }
}

fn operate(relation: &str, trace: &Trace, left: BTreeSet<usize>, right: BTreeSet<usize>) -> BTreeSet<usize> {
    let both = left.union(&right).copied().collect();
    match relation {
        "&&" if left.is_empty() || right.is_empty() => return BTreeSet::new(),
        "&&" | "||" => return both,
        _ => {}
    }
    let (sign, plain) = match relation.as_bytes()[0] {
        b'!' => ('!', &relation[1..]),
        b'&' => ('&', &relation[1..]),
        _ => (' ', relation),
    };
    let stands = |l: usize, r: usize| match plain {
        ">" => present_parent(trace, r) == Some(l),
        "<" => present_parent(trace, l) == Some(r),
        ">>" => ancestors(trace, r).contains(&l),
        "<<" => ancestors(trace, l).contains(&r),
        _ => l != r && trace[l].parent.is_some() && trace[l].parent == trace[r].parent,
    };
    let on_the_right = |r: &usize| left.iter().any(|l| stands(*l, *r));
    match sign {
        '!' => right.iter().copied().filter(|r| !on_the_right(r)).collect(),
        '&' => {
            let lefts = left.iter().copied().filter(|l| right.iter().any(|r| stands(*l, *r)));
            lefts.chain(right.iter().copied().filter(on_the_right)).collect()
        }
        _ => right.iter().copied().filter(on_the_right).collect(),
    }
}

fn present_parent(trace: &Trace, span: usize) -> Option<usize> {
    trace[span].parent.filter(|parent| *parent < trace.len())
}

fn ancestors(trace: &Trace, span: usize) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut at = span;
    while let Some(parent) = present_parent(trace, at) {
        all.insert(parent);
        at = parent;
    }
    all
}

impl Field {
    fn of(self, span: &Span) -> Option<&Value> {
        match self {
            Field::Span(key) => span.attributes.get(key),
            Field::Resource(key) => span.resource.get(key),
            Field::Any(key) => span.attributes.get(key).or_else(|| span.resource.get(key)),
        }
    }
}

/// The sign of the comparison; nothing for values of different types.
fn order(a: &Value, b: &Value) -> Option<i8> {
    let number = |value: &Value| match value {
        Value::Int(int) => Some(*int as f64),
        Value::Float(float) => Some(*float),
        _ => None,
    };
    let sign = |ordering: std::cmp::Ordering| ordering as i8;
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Some(sign(a.cmp(b))),
        (Value::Bool(a), Value::Bool(b)) => Some(sign(a.cmp(b))),
        (a, b) => number(a)?.partial_cmp(&number(b)?).map(sign),
    }
}

fn in_order(operator: &str, sign: i8) -> bool {
    match operator {
        "=" => sign == 0,
        "!=" => sign != 0,
        "<" => sign < 0,
        "<=" => sign <= 0,
        ">" => sign > 0,
        _ => sign >= 0,
    }
}

impl Condition {
    pub fn holds(&self, trace: &Trace, at: usize) -> bool {
        let span = &trace[at];
        let parent = present_parent(trace, at);
        let number = |operator: &str, a: u64, b: u64| in_order(operator, a.cmp(&b) as i8);
        match self {
            Condition::True => true,
            Condition::Compare(field, operator, value) => {
                let sign = field.of(span).and_then(|own| order(own, value));
                sign.is_some_and(|sign| in_order(operator, sign))
            }
            Condition::ParentCompare(field, operator, value) => parent.is_some_and(|parent| {
                Condition::Compare(*field, operator, value.clone()).holds(trace, parent)
            }),
            Condition::ParentStatus(operator, status) => {
                parent.is_some_and(|parent| Condition::Status(operator, *status).holds(trace, parent))
            }
            Condition::ParentNamed(named) => span.parent.is_some() == *named,
            Condition::Status(operator, status) => in_order(operator, i8::from(span.status != *status)),
            Condition::Kind(operator, kind) => in_order(operator, i8::from(span.kind != *kind)),
            Condition::Service(operator, service) => in_order(operator, i8::from(span.service != *service)),
            Condition::Name(operator, name) => in_order(operator, span.name.cmp(name) as i8),
            Condition::Duration(operator, ms) => number(operator, span.duration_ms, *ms),
            Condition::TraceDuration(operator, ms) => {
                let first = trace.iter().map(|span| span.start_ms).min().unwrap();
                let last = trace.iter().map(|span| span.start_ms + span.duration_ms).max().unwrap();
                number(operator, last - first, *ms)
            }
            Condition::Root => span.parent.is_none(),
            Condition::Event(name) => span.events.contains(name),
            Condition::There(field) => field.of(span).is_some(),
            Condition::Absent(field) => field.of(span).is_none(),
            Condition::Matches(field, regex) => match field.of(span) {
                Some(Value::Text(text)) => match *regex {
                    "x|xy" => ["x", "xy"].contains(text),
                    "x.*" => text.starts_with('x'),
                    _ => ["10", ""].contains(text),
                },
                _ => false,
            },
            Condition::MatchesOwn(field, sign, own) => match (field.of(span), own.of(span)) {
                // No regular expression at all.
                (_, Some(Value::Text("["))) => false,
                (Some(Value::Text(text)), Some(Value::Text(own))) => {
                    let matched = match *own {
                        "x." => text.len() == 2 && text.starts_with('x'),
                        plain => *text == plain,
                    };
                    matched == (*sign == "=~")
                }
                _ => false,
            },
            Condition::And(a, b) => a.holds(trace, at) && b.holds(trace, at),
            Condition::Or(a, b) => a.holds(trace, at) || b.holds(trace, at),
            Condition::Not(inner) => !inner.holds(trace, at),
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Query::Filter(condition) => write!(f, "{{ {condition} }}"),
            Query::Operation(relation, left, right) => write!(f, "({left}) {relation} ({right})"),
            Query::Counted(inner, count) => write!(f, "({inner} | count() > {count})"),
            Query::Then(inner, condition) => write!(f, "({inner} | {{ {condition} }})"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Any(key) => write!(f, ".\"{key}\""),
            Field::Span(key) => write!(f, "span.{key}"),
            Field::Resource(key) => write!(f, "resource.{key}"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::True => write!(f, "true"),
            Condition::Compare(field, operator, value) => match value {
                Value::Int(int) => write!(f, "{field} {operator} {int}"),
                Value::Float(float) => write!(f, "{field} {operator} {float:?}"),
                Value::Text(text) => write!(f, "{field} {operator} \"{text}\""),
                Value::Bool(flag) => write!(f, "{field} {operator} {flag}"),
            },
            Condition::ParentCompare(field, operator, value) => {
                let own = Condition::Compare(*field, operator, value.clone()).to_string();
                // What is in any scope begins with its point.
                write!(f, "parent.{}", own.trim_start_matches('.'))
            }
            Condition::ParentStatus(operator, status) => {
                write!(f, "parent.status {operator} {}", STATUSES[*status])
            }
            Condition::ParentNamed(true) => write!(f, "parent != nil"),
            Condition::ParentNamed(false) => write!(f, "nil = parent"),
            Condition::Status(operator, status) => write!(f, "status{operator}{}", STATUSES[*status]),
            Condition::Kind(operator, kind) => write!(f, "kind {operator} {}", KINDS[*kind]),
            Condition::Service(operator, service) => {
                write!(f, "resource.service.name{operator}\"{service}\"")
            }
            Condition::Name(operator, name) => write!(f, "name {operator} `{name}`"),
            Condition::Duration(operator, ms) => write!(f, "duration {operator} {ms}ms"),
            Condition::TraceDuration(operator, ms) => write!(f, "traceDuration {operator} {ms}ms"),
            Condition::Root => write!(f, "nestedSetParent < 0"),
            Condition::Event(name) => write!(f, "event:name = \"{name}\""),
            Condition::There(field) => write!(f, "{field} != nil"),
            Condition::Absent(field) => write!(f, "{field} = nil"),
            Condition::Matches(field, regex) => write!(f, "{field} =~ \"{regex}\""),
            Condition::MatchesOwn(field, sign, own) => write!(f, "{field} {sign} {own}"),
            Condition::And(a, b) => write!(f, "({a} && {b})"),
            Condition::Or(a, b) => write!(f, "({a} || {b})"),
            Condition::Not(inner) => write!(f, "!({inner})"),
        }
    }
}
