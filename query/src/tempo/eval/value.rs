//! One value of an expression.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use spandrel_store::otlp::{self, AnyValue};
use spandrel_store::record::value::to_text;

use crate::language::traceql::{Kind, Static, Status};

#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Nil,
    Int(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    Text(Cow<'a, str>),
    Bool(bool),
    Status(Status),
    Kind(Kind),
}

impl<'a> Value<'a> {
    /// An attribute's value; what TraceQL has no type for is its text.
    pub fn of_attribute(value: &'a AnyValue) -> Value<'a> {
        match &value.value {
            None => Value::Nil,
            Some(otlp::Value::StringValue(text)) => Value::Text(Cow::Borrowed(text)),
            Some(otlp::Value::BoolValue(flag)) => Value::Bool(*flag),
            Some(otlp::Value::IntValue(int)) => Value::Int(*int),
            Some(otlp::Value::DoubleValue(float)) => Value::Float(*float),
            Some(_) => Value::Text(to_text(value)),
        }
    }

    pub fn of_static(value: &'a Static) -> Value<'a> {
        match value {
            Static::Nil => Value::Nil,
            Static::Int(int) => Value::Int(*int),
            Static::Float(float) => Value::Float(*float),
            Static::Text(text) => Value::Text(Cow::Borrowed(text)),
            Static::Bool(flag) => Value::Bool(*flag),
            Static::Duration(nanos) => Value::Duration(*nanos),
            Static::Status(status) => Value::Status(*status),
            Static::Kind(kind) => Value::Kind(*kind),
        }
    }

    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Nil => Value::Nil,
            Value::Int(int) => Value::Int(int),
            Value::Float(float) => Value::Float(float),
            Value::Duration(nanos) => Value::Duration(nanos),
            Value::Bool(flag) => Value::Bool(flag),
            Value::Status(status) => Value::Status(status),
            Value::Kind(kind) => Value::Kind(kind),
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Int(int) | Value::Duration(int) => Some(*int as f64),
            Value::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// How two values stand; `None` where they are not alike enough to be compared.
    pub fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Value::Int(a) | Value::Duration(a), Value::Int(b) | Value::Duration(b)) => Some(a.cmp(b)),
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::Status(a), Value::Status(b)) => Some(a.cmp(b)),
            (Value::Kind(a), Value::Kind(b)) => Some(a.cmp(b)),
            (a, b) => a.number()?.partial_cmp(&b.number()?),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nil => f.write_str("nil"),
            Value::Int(int) => write!(f, "{int}"),
            Value::Float(float) => write!(f, "{float}"),
            Value::Duration(nanos) => f.write_str(&duration_text(*nanos)),
            Value::Text(text) => f.write_str(text),
            Value::Bool(flag) => write!(f, "{flag}"),
            Value::Status(status) => write!(f, "{status}"),
            Value::Kind(kind) => write!(f, "{kind}"),
        }
    }
}

/// A duration as Go writes it: `1h2m3.5s`, `250ms`, `1.5µs`, `0s`.
pub fn duration_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let in_unit = |unit: u64| {
        let (whole, rest) = (nanos / unit, nanos % unit);
        let digits = unit.ilog10() as usize;
        let fraction = if digits == 0 { String::new() } else { format!(".{rest:0digits$}") };
        format!("{whole}{}", fraction.trim_end_matches('0').trim_end_matches('.'))
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{nanos}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", in_unit(1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", in_unit(1_000_000)),
        _ => {
            let seconds = nanos / 1_000_000_000;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let rest = nanos - (hours * 3600 + minutes * 60) * 1_000_000_000;
            let fraction = format!(".{:09}", rest % 1_000_000_000);
            let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
            let seconds = format!("{}{fraction}s", rest / 1_000_000_000);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{seconds}"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}"),
            }
        }
    }
}
