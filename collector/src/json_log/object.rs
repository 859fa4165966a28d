//! A JSON object as attributes, read within the limits of count and nesting.
//!
//! Recursion stops at the nesting limit; what lies deeper is skipped without it.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use spandrel_store::otlp::{AnyValue, ArrayValue, KeyValue, KeyValueList, Value};

use crate::lenient::{mended, with_quoted_numbers};
use crate::normalise::{Allowance, Cuts, RecordLimits};

#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) fields: Vec<KeyValue>,
    /// Attributes or nesting were cut.
    pub(super) cut: bool,
}

/// Fewer bytes of JSON hold no field of its own on the average, nor does a logger write more fields than this.
const FIELD_BYTES: usize = 20;
const FIELDS: usize = 16;

/// Reads a text that is one JSON object; `None` for any other.
pub(super) fn read(text: &str, limits: &RecordLimits, cuts: &mut Cuts) -> Option<Object> {
    if !text.starts_with('{') {
        return None;
    }
    once(text, limits, cuts).or_else(|| {
        let whole = mended(text);
        let read = with_quoted_numbers(&whole);
        let differs = matches!(whole, Cow::Owned(_)) || matches!(read, Cow::Owned(_));
        differs.then(|| once(&read, limits, cuts))?
    })
}

fn once(text: &str, limits: &RecordLimits, cuts: &mut Cuts) -> Option<Object> {
    let before = *cuts;
    let mut json = serde_json::Deserializer::from_str(text);
    let fields_expected = Some((text.len() / FIELD_BYTES).min(FIELDS));
    let mut state = State { limits, cuts, allowance: Allowance::of(limits), fields_expected };
    // The line itself is no level of nesting.
    let read = ValueSeed { state: &mut state, depth: 0 }.deserialize(&mut json);
    let value = read.and_then(|value| json.end().map(|()| value));
    match value.ok().and_then(|value| value.value) {
        Some(Value::KvlistValue(map)) => Some(Object { fields: map.values, cut: *cuts != before }),
        _ => {
            *cuts = before;
            None
        }
    }
}

struct State<'a> {
    limits: &'a RecordLimits,
    cuts: &'a mut Cuts,
    allowance: Allowance,
    /// Of the object itself; those inside it start small.
    fields_expected: Option<usize>,
}

struct ValueSeed<'s, 'a> {
    state: &'s mut State<'a>,
    depth: usize,
}

impl ValueSeed<'_, '_> {
    /// Whether a map or an array may stand here; counts the cut where not.
    fn nests(&mut self) -> bool {
        let fits = self.depth <= self.state.limits.nesting_max;
        self.state.cuts.nesting += u64::from(!fits);
        fits
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = AnyValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<AnyValue, D::Error> {
        let value = deserializer.deserialize_any(self)?;
        Ok(AnyValue { value })
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, '_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Option<Value>, E> {
        Ok(Some(Value::BoolValue(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<Value>, E> {
        Ok(Some(Value::IntValue(number)))
    }

    /// What does not fit stays exact as text: Datadog's ids are such numbers.
    fn visit_u64<E>(self, number: u64) -> Result<Option<Value>, E> {
        let fitting = i64::try_from(number).map(Value::IntValue);
        Ok(Some(fitting.unwrap_or_else(|_| Value::StringValue(number.to_string()))))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Option<Value>, E> {
        Ok(Some(Value::DoubleValue(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<Value>, E> {
        Ok(Some(Value::StringValue(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Option<Value>, E> {
        Ok(Some(Value::StringValue(text)))
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut seq: S) -> Result<Option<Value>, S::Error> {
        if !self.nests() {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        }
        let mut values = Vec::new();
        while let Some(element) =
            seq.next_element_seed(ElementSeed { state: self.state, depth: self.depth + 1 })?
        {
            values.extend(element);
        }
        Ok(Some(Value::ArrayValue(ArrayValue { values })))
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<Option<Value>, M::Error> {
        if !self.nests() {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(None);
        }
        let mut values = Vec::with_capacity(self.state.fields_expected.take().unwrap_or_default());
        while let Some(key) = map.next_key::<String>()? {
            let seed = ElementSeed { state: self.state, depth: self.depth + 1 };
            if let Some(value) = map.next_value_seed(seed)? {
                values.push(KeyValue { key, value: Some(value), ..KeyValue::default() });
            }
        }
        Ok(Some(Value::KvlistValue(KeyValueList { values })))
    }
}

/// An element of an array or a value of a map; `None` where the allowance is used up.
struct ElementSeed<'s, 'a> {
    state: &'s mut State<'a>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_, '_> {
    type Value = Option<AnyValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<AnyValue>, D::Error> {
        let ElementSeed { state, depth } = self;
        if !state.allowance.take(state.cuts) {
            IgnoredAny::deserialize(deserializer).map_err(D::Error::custom)?;
            return Ok(None);
        }
        ValueSeed { state, depth }.deserialize(deserializer).map(Some)
    }
}
