//! OTLP attribute values as plain JSON, without building a tree of it first.
//!
//! Says the same as `spandrel_store::record::value::to_json`: NaN and the infinities are text, bytes base64,
//! a repeated key has its last value, and what is nested too deep is an ellipsis.

use std::collections::HashMap;
use std::fmt;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use spandrel_store::otlp::{AnyValue, KeyValue, Value};
use spandrel_store::record::value::{DEPTH_MAX, base64};

/// Attributes as an object.
pub(crate) struct Attributes<'a>(pub(crate) &'a [KeyValue]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_map(self.0, 0, serializer)
    }
}

/// One value.
pub(super) struct Json<'a> {
    value: &'a AnyValue,
    depth: usize,
}

impl<'a> Json<'a> {
    pub(super) fn new(value: &'a AnyValue) -> Json<'a> {
        Json { value, depth: 0 }
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.depth > DEPTH_MAX {
            return serializer.serialize_str("…");
        }
        match &self.value.value {
            Some(Value::StringValue(text)) => serializer.serialize_str(text),
            Some(Value::BoolValue(flag)) => serializer.serialize_bool(*flag),
            Some(Value::IntValue(number)) => serializer.serialize_i64(*number),
            Some(Value::DoubleValue(number)) => serialize_double(*number, serializer),
            Some(Value::BytesValue(bytes)) => serializer.serialize_str(&base64(bytes)),
            Some(Value::ArrayValue(array)) => {
                let mut seq = serializer.serialize_seq(Some(array.values.len()))?;
                for value in &array.values {
                    seq.serialize_element(&Json { value, depth: self.depth + 1 })?;
                }
                seq.end()
            }
            Some(Value::KvlistValue(list)) => serialize_map(&list.values, self.depth, serializer),
            None | Some(Value::StringValueStrindex(_)) => serializer.serialize_unit(),
        }
    }
}

/// A number, or its name where JSON has no such number; OTLP/JSON's names.
pub(super) fn serialize_double<S: Serializer>(number: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.is_finite() {
        serializer.serialize_f64(number)
    } else if number.is_nan() {
        serializer.serialize_str("NaN")
    } else {
        serializer.serialize_str(if number > 0.0 { "Infinity" } else { "-Infinity" })
    }
}

fn serialize_map<S: Serializer>(list: &[KeyValue], depth: usize, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    let repeated = Repeated::of(list);
    for (index, kv) in list.iter().enumerate() {
        if !repeated.later(list, index) {
            let value = kv.value.as_ref().map(|value| Json { value, depth: depth + 1 });
            map.serialize_entry(&kv.key, &value)?;
        }
    }
    map.end()
}

/// Tells whether a key comes again: by looking ahead in a short list, by an index in a long one.
enum Repeated<'a> {
    Short,
    Long(HashMap<&'a str, usize>),
}

const SHORT_MAX: usize = 32;

impl<'a> Repeated<'a> {
    fn of(list: &'a [KeyValue]) -> Repeated<'a> {
        if list.len() <= SHORT_MAX {
            return Repeated::Short;
        }
        Repeated::Long(list.iter().enumerate().map(|(index, kv)| (kv.key.as_str(), index)).collect())
    }

    fn later(&self, list: &[KeyValue], index: usize) -> bool {
        let key = list[index].key.as_str();
        match self {
            Repeated::Short => list[index + 1..].iter().any(|kv| kv.key == key),
            Repeated::Long(last) => last.get(key).is_some_and(|last| *last > index),
        }
    }
}

/// Bytes in lower-case hexadecimal, however many there are.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
