//! OTLP attribute values as text, as JSON and as the leaves that questions compare with.

use std::borrow::Cow;

use base64::Engine as _;
use serde_json::{Map, Value as Json};

use crate::otlp::{AnyValue, KeyValue, Value};

/// Values nested deeper than this are not looked into; the collector cuts far above it.
pub const DEPTH_MAX: usize = 64;

/// The text under a key, if there is one and it is text.
pub fn text_attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match super::attribute(attributes, key)?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// A value as people write it: text as it is, numbers and booleans in their usual form, the rest as JSON.
pub fn to_text(value: &AnyValue) -> Cow<'_, str> {
    match &value.value {
        Some(Value::StringValue(text)) => Cow::Borrowed(text),
        _ => match to_json(value) {
            Json::String(text) => Cow::Owned(text),
            Json::Null => Cow::Borrowed(""),
            json => Cow::Owned(json.to_string()),
        },
    }
}

/// A value as JSON: NaN and the infinities become text, bytes base64, a repeated key its last value.
pub fn to_json(value: &AnyValue) -> Json {
    json_at(value, 0)
}

/// Attributes as a JSON object.
pub fn attributes_to_json(attributes: &[KeyValue]) -> Map<String, Json> {
    map_at(attributes, 0)
}

fn map_at(attributes: &[KeyValue], depth: usize) -> Map<String, Json> {
    let json = |kv: &KeyValue| kv.value.as_ref().map_or(Json::Null, |value| json_at(value, depth + 1));
    attributes.iter().map(|kv| (kv.key.clone(), json(kv))).collect()
}

fn json_at(value: &AnyValue, depth: usize) -> Json {
    if depth > DEPTH_MAX {
        return Json::String("…".to_owned());
    }
    match &value.value {
        None => Json::Null,
        Some(Value::StringValue(text)) => Json::String(text.clone()),
        Some(Value::BoolValue(flag)) => Json::Bool(*flag),
        Some(Value::IntValue(number)) => Json::from(*number),
        Some(Value::DoubleValue(number)) => double_to_json(*number),
        Some(Value::BytesValue(bytes)) => Json::String(base64(bytes)),
        Some(Value::ArrayValue(array)) => array.values.iter().map(|v| json_at(v, depth + 1)).collect(),
        Some(Value::KvlistValue(list)) => Json::Object(map_at(&list.values, depth)),
        // An index into a string table, which only the profiles signal has.
        Some(Value::StringValueStrindex(_)) => Json::Null,
    }
}

fn double_to_json(number: f64) -> Json {
    match serde_json::Number::from_f64(number) {
        Some(number) => Json::Number(number),
        None if number.is_nan() => Json::from("NaN"),
        None if number > 0.0 => Json::from("Infinity"),
        None => Json::from("-Infinity"),
    }
}

/// Standard base64 with padding, as OTLP/JSON writes bytes.
pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Visits every leaf under `name`: the values of an array one by one, and inside maps along the dots of the
/// name. `visit` returns true to stop; so does this. A map under the very name counts as a leaf.
pub fn visit_leaves(attributes: &[KeyValue], name: &str, visit: &mut dyn FnMut(&AnyValue) -> bool) -> bool {
    leaves_at(attributes, name, visit, 0)
}

fn leaves_at(list: &[KeyValue], name: &str, visit: &mut dyn FnMut(&AnyValue) -> bool, depth: usize) -> bool {
    list.iter().filter(|_| depth <= DEPTH_MAX).any(|kv| {
        let Some(value) = &kv.value else { return false };
        if kv.key == name {
            return leaf_or_elements(value, visit, depth + 1);
        }
        let rest = name.strip_prefix(kv.key.as_str()).and_then(|rest| rest.strip_prefix('.'));
        rest.is_some_and(|rest| inside(value, rest, visit, depth + 1))
    })
}

fn leaf_or_elements(value: &AnyValue, visit: &mut dyn FnMut(&AnyValue) -> bool, depth: usize) -> bool {
    match &value.value {
        Some(Value::ArrayValue(array)) if depth <= DEPTH_MAX && !array.values.is_empty() => {
            array.values.iter().any(|element| leaf_or_elements(element, visit, depth + 1))
        }
        _ => visit(value),
    }
}

fn inside(value: &AnyValue, rest: &str, visit: &mut dyn FnMut(&AnyValue) -> bool, depth: usize) -> bool {
    match &value.value {
        Some(Value::KvlistValue(map)) => leaves_at(&map.values, rest, visit, depth),
        Some(Value::ArrayValue(array)) if depth <= DEPTH_MAX => {
            array.values.iter().any(|element| inside(element, rest, visit, depth + 1))
        }
        _ => false,
    }
}

/// Visits every leaf of every attribute with its full dotted name; the same pairs that [`visit_leaves`]
/// finds one by one.
pub fn visit_all_leaves(attributes: &[KeyValue], visit: &mut dyn FnMut(&str, &AnyValue)) {
    let mut name = String::new();
    all_leaves_at(attributes, &mut name, visit, 0);
}

fn all_leaves_at(list: &[KeyValue], name: &mut String, visit: &mut dyn FnMut(&str, &AnyValue), depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    for kv in list {
        let Some(value) = &kv.value else { continue };
        let before = name.len();
        if depth > 0 {
            name.push('.');
        }
        name.push_str(&kv.key);
        all_leaves_of(value, name, visit, depth + 1);
        name.truncate(before);
    }
}

fn all_leaves_of(value: &AnyValue, name: &mut String, visit: &mut dyn FnMut(&str, &AnyValue), depth: usize) {
    match &value.value {
        Some(Value::ArrayValue(array)) if depth <= DEPTH_MAX && !array.values.is_empty() => {
            for element in &array.values {
                all_leaves_of(element, name, visit, depth + 1);
            }
        }
        Some(Value::KvlistValue(map)) => {
            visit(name, value);
            all_leaves_at(&map.values, name, visit, depth);
        }
        _ => visit(name, value),
    }
}
