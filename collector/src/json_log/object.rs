//! A JSON object as attributes, read within the limits of count and nesting.
//!
//! Recursion stops at the nesting limit; what lies deeper is skipped without it. Behind as many attributes as there may be,
//! the fields that every log has are still read: a level is one wherever it stands.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use spandrel_store::otlp::{AnyValue, ArrayValue, KeyValue, KeyValueList, Value};

use super::fields::PATH_MAX;
use super::names;
use super::rules::Rules;
use crate::lenient::{mended, with_quoted_numbers};
use crate::normalise::{Allowance, Cuts, RecordLimits};

#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) fields: Vec<KeyValue>,
    /// So many fields are within the limit. Those behind are there to be understood, and are no attributes.
    pub(super) within: usize,
    /// Fields that were not read, of those that are not counted yet.
    pub(super) left_out: u64,
    /// Attributes or nesting were cut.
    pub(super) cut: bool,
}

/// Fewer bytes of JSON hold no field of its own on the average, nor does a logger write more fields than this.
const FIELD_BYTES: usize = 20;
const FIELDS: usize = 16;

/// Fields behind the limit that are read; there are not so many names that every log has.
const KNOWN_MAX: usize = 256;

/// Reads a text that is one JSON object; `None` for any other. With rules, fields that have a role are read wherever they
/// stand.
pub(super) fn read(
    text: &str,
    limits: &RecordLimits,
    cuts: &mut Cuts,
    rules: Option<&Rules>,
) -> Option<Object> {
    if !text.starts_with('{') {
        return None;
    }
    once(text, limits, cuts, rules).or_else(|| {
        let whole = mended(text);
        let read = with_quoted_numbers(&whole);
        let differs = matches!(whole, Cow::Owned(_)) || matches!(read, Cow::Owned(_));
        differs.then(|| once(&read, limits, cuts, rules))?
    })
}

fn once(text: &str, limits: &RecordLimits, cuts: &mut Cuts, rules: Option<&Rules>) -> Option<Object> {
    let before = *cuts;
    let mut json = serde_json::Deserializer::from_str(text);
    let mut state = State {
        limits,
        cuts,
        allowance: Allowance::of(limits),
        fields_expected: Some((text.len() / FIELD_BYTES).min(FIELDS)),
        rules,
        behind: Vec::new(),
        behind_left: KNOWN_MAX,
    };
    // The line itself is no level of nesting.
    let read =
        ValueSeed { state: &mut state, depth: 0, place: Some(Place::default()) }.deserialize(&mut json);
    let value = read.and_then(|value| json.end().map(|()| value));
    let behind = state.behind;
    match value.ok().and_then(|value| value.value) {
        Some(Value::KvlistValue(map)) => {
            let (within, mut fields) = (map.values.len(), map.values);
            fields.extend(behind);
            Some(Object { fields, within, left_out: 0, cut: *cuts != before })
        }
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
    rules: Option<&'a Rules>,
    /// What has a role and stands behind the limit, in the objects that it stands in.
    behind: Vec<KeyValue>,
    behind_left: usize,
}

impl State<'_> {
    fn has_role(&self, place: Place<'_>) -> bool {
        let keys = place.keys();
        self.rules.is_some_and(|rules| rules.role(keys).is_some()) || names::role(keys).is_some()
    }

    fn keep_behind(&mut self, place: Place<'_>, value: Value) {
        // A field that is understood is not cut; one that is not taken is counted later.
        if place.length == 1 {
            self.cuts.attributes -= 1;
        }
        self.behind_left -= 1;
        insert(&mut self.behind, place.keys(), AnyValue { value: Some(value) });
    }
}

/// Where a field stands: the keys to it, as many as fields are looked for.
#[derive(Debug, Clone, Copy, Default)]
struct Place<'p> {
    all: [&'p str; PATH_MAX],
    length: usize,
}

impl<'p> Place<'p> {
    fn keys(&self) -> &[&'p str] {
        &self.all[..self.length]
    }

    /// `None` where it is too deep to be looked for.
    fn with<'k>(self, key: &'k str) -> Option<Place<'k>>
    where
        'p: 'k,
    {
        let mut place: Place<'k> = self;
        *place.all.get_mut(place.length)? = key;
        place.length += 1;
        Some(place)
    }
}

/// Puts a value where its keys say, behind what is there.
fn insert(fields: &mut Vec<KeyValue>, keys: &[&str], value: AnyValue) {
    let [key, inner @ ..] = keys else { return };
    let field = |value| KeyValue { key: (*key).to_owned(), value: Some(value), ..KeyValue::default() };
    if inner.is_empty() {
        return fields.push(field(value));
    }
    let is_open = fields.last().is_some_and(|last| {
        last.key == *key && matches!(&last.value, Some(AnyValue { value: Some(Value::KvlistValue(_)) }))
    });
    if !is_open {
        fields.push(field(AnyValue { value: Some(Value::KvlistValue(KeyValueList::default())) }));
    }
    if let Some(AnyValue { value: Some(Value::KvlistValue(map)) }) =
        fields.last_mut().and_then(|last| last.value.as_mut())
    {
        insert(&mut map.values, inner, value);
    }
}

struct ValueSeed<'s, 'a, 'p> {
    state: &'s mut State<'a>,
    depth: usize,
    /// `None` inside of arrays, and deeper than fields are looked for.
    place: Option<Place<'p>>,
}

impl ValueSeed<'_, '_, '_> {
    /// Whether a map or an array may stand here; counts the cut where not.
    fn nests(&mut self) -> bool {
        let fits = self.depth <= self.state.limits.nesting_max;
        self.state.cuts.nesting += u64::from(!fits);
        fits
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_, '_> {
    type Value = AnyValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<AnyValue, D::Error> {
        let value = deserializer.deserialize_any(self)?;
        Ok(AnyValue { value })
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, '_, '_> {
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

    fn visit_u64<E>(self, number: u64) -> Result<Option<Value>, E> {
        Ok(Some(of_u64(number)))
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
            seq.next_element_seed(ElementSeed { state: self.state, depth: self.depth + 1, place: None })?
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
            let place = self.place.and_then(|place| place.with(&key));
            let seed = ElementSeed { state: self.state, depth: self.depth + 1, place };
            if let Some(value) = map.next_value_seed(seed)? {
                values.push(KeyValue { key, value: Some(value), ..KeyValue::default() });
            }
        }
        Ok(Some(Value::KvlistValue(KeyValueList { values })))
    }
}

/// An element of an array or a value of a map; `None` where the allowance is used up.
struct ElementSeed<'s, 'a, 'p> {
    state: &'s mut State<'a>,
    depth: usize,
    place: Option<Place<'p>>,
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_, '_, '_> {
    type Value = Option<AnyValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<AnyValue>, D::Error> {
        let ElementSeed { state, depth, place } = self;
        if state.allowance.take(state.cuts) {
            return ValueSeed { state, depth, place }.deserialize(deserializer).map(Some);
        }
        match place.filter(|_| state.rules.is_some()) {
            Some(place) => BehindSeed { state, place }.deserialize(deserializer)?,
            None => drop(IgnoredAny::deserialize(deserializer).map_err(D::Error::custom)?),
        }
        Ok(None)
    }
}

/// A value behind the limit: kept if it is no list and has a role, looked into if it is an object.
struct BehindSeed<'s, 'a, 'p> {
    state: &'s mut State<'a>,
    place: Place<'p>,
}

impl BehindSeed<'_, '_, '_> {
    fn take(self, value: impl FnOnce() -> Value) {
        if self.state.behind_left > 0 && self.state.has_role(self.place) {
            self.state.keep_behind(self.place, value());
        }
    }
}

impl<'de> DeserializeSeed<'de> for BehindSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BehindSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.take(|| Value::IntValue(number));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.take(|| of_u64(number));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.take(|| Value::DoubleValue(number));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.take(|| Value::StringValue(text.to_owned()));
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(), S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let BehindSeed { state, place } = self;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match place.with(&key) {
                Some(place) => map.next_value_seed(BehindSeed { state, place })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// What does not fit stays exact as text: Datadog's ids are such numbers.
fn of_u64(number: u64) -> Value {
    i64::try_from(number).map_or_else(|_| Value::StringValue(number.to_string()), Value::IntValue)
}
