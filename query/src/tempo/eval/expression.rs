//! The values of an expression for one span.
//!
//! An attribute may have several values: an array's, several events'. A comparison holds if it holds for any
//! of them; `!=` and `!~` hold if they do for all. Values of different types cannot be compared, and
//! nothing but `!= nil`, `= nil` holds for what is not there.

use std::cmp::Ordering;

use super::subject::Subject;
use super::value::Value;
use crate::language::pattern::{OfData, Pattern};
use crate::language::traceql::{Attribute, Binary, Compared, Expr, Static};

type Visit<'v> = &'v mut dyn FnMut(Value<'_>) -> bool;

/// Whether the expression is true for the span.
pub fn holds(expr: &Expr, subject: &Subject<'_>) -> bool {
    match expr {
        Expr::Binary(Binary::And, left, right) => holds(left, subject) && holds(right, subject),
        Expr::Binary(Binary::Or, left, right) => holds(left, subject) || holds(right, subject),
        Expr::Not(inner) => negation(inner, subject),
        Expr::Binary(Binary::Compare(compared), left, right) => compare(*compared, left, right, subject),
        Expr::Matches { negated, value, pattern } => matches(*negated, value, pattern, subject),
        Expr::MatchesOwn { negated, value, pattern, compiled } => {
            matches_own(*negated, value, pattern, compiled, subject)
        }
        expr => visit(expr, subject, &mut |value| value == Value::Bool(true)),
    }
}

/// All values of an expression; nil alone where there is none.
pub fn values(expr: &Expr, subject: &Subject<'_>) -> Vec<Value<'static>> {
    let mut values = Vec::new();
    visit(expr, subject, &mut |value| {
        values.push(value.into_owned());
        false
    });
    values
}

/// The values of an expression in one text; `None` for nil.
pub fn texts(expr: &Expr, subject: &Subject<'_>) -> Option<String> {
    let mut values = values(expr, subject);
    values.retain(|value| *value != Value::Nil);
    match values.as_slice() {
        [] => None,
        [one] => Some(one.to_string()),
        many => Some(many.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn visit(expr: &Expr, subject: &Subject<'_>, visitor: Visit<'_>) -> bool {
    match expr {
        Expr::Static(value) => visitor(Value::of_static(value)),
        Expr::Attribute(attribute) => subject.visit(attribute, visitor),
        Expr::Negative(inner) => visit(inner, subject, &mut |value| {
            visitor(match value {
                Value::Int(int) => Value::Int(int.saturating_neg()),
                Value::Duration(nanos) => Value::Duration(nanos.saturating_neg()),
                Value::Float(float) => Value::Float(-float),
                _ => Value::Nil,
            })
        }),
        Expr::Binary(
            binary @ (Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Mod | Binary::Pow),
            left,
            right,
        ) => visit(left, subject, &mut |left| {
            visit(right, subject, &mut |right| visitor(arithmetic(*binary, &left, &right)))
        }),
        condition => visitor(Value::Bool(holds(condition, subject))),
    }
}

fn arithmetic(binary: Binary, left: &Value<'_>, right: &Value<'_>) -> Value<'static> {
    let (Some(left), Some(right)) = (left.number(), right.number()) else { return Value::Nil };
    Value::Float(calculate(binary, left, right))
}

pub(super) fn calculate(binary: Binary, left: f64, right: f64) -> f64 {
    match binary {
        Binary::Add => left + right,
        Binary::Sub => left - right,
        Binary::Mul => left * right,
        Binary::Div => left / right,
        Binary::Mod => left % right,
        Binary::Pow => left.powf(right),
        Binary::And | Binary::Or | Binary::Compare(_) => f64::NAN,
    }
}

/// What is not there is neither true nor false.
fn negation(inner: &Expr, subject: &Subject<'_>) -> bool {
    match inner {
        Expr::Attribute(_) => visit(inner, subject, &mut |value| value == Value::Bool(false)),
        inner => !holds(inner, subject),
    }
}

fn compare(compared: Compared, left: &Expr, right: &Expr, subject: &Subject<'_>) -> bool {
    if compared == Compared::NotEqual {
        return differs(left, right, subject);
    }
    visit(left, subject, &mut |left| {
        visit(right, subject, &mut |right| match (&left, &right) {
            (Value::Nil, Value::Nil) => compared == Compared::Equal,
            (Value::Nil, _) | (_, Value::Nil) => false,
            (left, right) => left.compare(right).is_some_and(|ordering| compared.holds(ordering)),
        })
    })
}

/// There is a value to compare with, and no two are equal. `!= nil` asks whether there is a value at all.
fn differs(left: &Expr, right: &Expr, subject: &Subject<'_>) -> bool {
    let (left_nil, right_nil) = (is_nil(left), is_nil(right));
    if left_nil || right_nil {
        let there = |expr: &Expr| visit(expr, subject, &mut |value| value != Value::Nil);
        return (!left_nil && there(left)) || (!right_nil && there(right));
    }
    let mut comparable = false;
    let equal = visit(left, subject, &mut |left| {
        visit(right, subject, &mut |right| {
            let ordering = left.compare(&right);
            comparable |= ordering.is_some();
            ordering == Some(Ordering::Equal)
        })
    });
    comparable && !equal
}

fn is_nil(expr: &Expr) -> bool {
    matches!(expr, Expr::Static(Static::Nil))
}

fn matches(negated: bool, value: &Expr, pattern: &Pattern, subject: &Subject<'_>) -> bool {
    let mut any_text = false;
    let matched = visit(value, subject, &mut |value| match value {
        Value::Text(text) => {
            any_text = true;
            pattern.matches(&text)
        }
        _ => false,
    });
    if negated { any_text && !matched } else { matched }
}

/// Any of the span's expressions; `!~` holds if there is one, and none matches.
fn matches_own(
    negated: bool,
    value: &Expr,
    pattern: &Attribute,
    compiled: &OfData,
    subject: &Subject<'_>,
) -> bool {
    let mut any = false;
    let matched = visit(value, subject, &mut |value| {
        let Value::Text(value) = value else { return false };
        subject.visit(pattern, &mut |pattern| {
            let Value::Text(pattern) = pattern else { return false };
            let matched = compiled.matches(&pattern, &value);
            any |= matched.is_some();
            matched == Some(true)
        })
    });
    if negated { any && !matched } else { matched }
}
