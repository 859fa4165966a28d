//! What a template calculates with.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

use super::date;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Nil,
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Nanoseconds since 1970.
    Time(i64),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// As Go sees it: nothing, zero and what is empty are false.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Text(text) => !text.is_empty(),
            Value::Int(int) => *int != 0,
            Value::Float(float) => *float != 0.0,
            Value::Bool(flag) => *flag,
            Value::Time(_) => true,
            Value::List(items) => !items.is_empty(),
            Value::Map(map) => !map.is_empty(),
        }
    }

    pub(super) fn float(&self) -> f64 {
        match self {
            Value::Text(text) => text.trim().parse().unwrap_or(0.0),
            Value::Int(int) | Value::Time(int) => *int as f64,
            Value::Float(float) => *float,
            Value::Bool(flag) => f64::from(u8::from(*flag)),
            Value::Nil | Value::List(_) | Value::Map(_) => 0.0,
        }
    }

    pub(super) fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::Int(a) | Value::Time(a), Value::Int(b) | Value::Time(b)) => Some(a.cmp(b)),
            (Value::Nil, Value::Nil) => Some(Ordering::Equal),
            (Value::Nil | Value::List(_) | Value::Map(_), _)
            | (_, Value::Nil | Value::List(_) | Value::Map(_)) => (self == other).then_some(Ordering::Equal),
            (a, b) => a.float().partial_cmp(&b.float()),
        }
    }

    /// What stands at a path within maps; nothing where there is no such place.
    pub(super) fn at(&self, path: &[String]) -> Value {
        let found = path.iter().try_fold(self, |value, key| match value {
            Value::Map(map) => map.get(key),
            _ => None,
        });
        found.cloned().unwrap_or(Value::Nil)
    }

    pub(super) fn of_json(json: Json) -> Value {
        match json {
            Json::Null => Value::Nil,
            Json::Bool(flag) => Value::Bool(flag),
            Json::Number(number) => match number.as_i64() {
                Some(int) => Value::Int(int),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::Text(text),
            Json::Array(items) => Value::List(items.into_iter().map(Value::of_json).collect()),
            Json::Object(map) => {
                Value::Map(map.into_iter().map(|(key, value)| (key, Value::of_json(value))).collect())
            }
        }
    }
}

/// As Go prints it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nil => f.write_str("<no value>"),
            Value::Text(text) => f.write_str(text),
            Value::Int(int) => write!(f, "{int}"),
            Value::Float(float) => write!(f, "{float}"),
            Value::Bool(flag) => write!(f, "{flag}"),
            Value::Time(nanos) => {
                f.write_str(&date::format("2006-01-02 15:04:05.999999999 -0700 MST", *nanos))
            }
            Value::List(items) => {
                let texts: Vec<String> = items.iter().map(Value::to_string).collect();
                write!(f, "[{}]", texts.join(" "))
            }
            Value::Map(map) => {
                let texts: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                write!(f, "map[{}]", texts.join(" "))
            }
        }
    }
}
