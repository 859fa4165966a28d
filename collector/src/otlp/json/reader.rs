//! How messages and lists of them are read, with the allowance of attributes and the nesting limit at hand.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use spandrel_store::Flags;

use super::scalar::Scalar;
use crate::normalise::{Allowance, Normaliser};
use crate::otlp::Signal;
use crate::refusal::Refusal;

/// A protobuf message, read field by field.
pub(super) trait Message: Default {
    /// As an element of a list it counts towards `limits.attributes_max`.
    const COUNTED: bool = false;
    /// It has an allowance of attributes of its own.
    const CARRIER: bool = false;

    /// Reads the value of the field `name`, in lowerCamelCase; skips it where the name is not known.
    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error>;

    /// Called when all fields were read.
    fn finish(&mut self, _reader: &mut Reader<'_>) {}
}

/// The state of reading one request.
pub(super) struct Reader<'n> {
    pub(super) signal: Signal,
    normaliser: &'n mut Normaliser,
    allowance: Allowance,
    depth: usize,
    /// What is odd about the record being read.
    pub(super) flags: Flags,
    /// Why reading was broken off, where it is not the JSON's fault.
    pub(super) refusal: Option<Refusal>,
}

impl<'n> Reader<'n> {
    pub(super) fn new(signal: Signal, normaliser: &'n mut Normaliser) -> Reader<'n> {
        let allowance = Allowance::of(&normaliser.limits);
        Reader { signal, normaliser, allowance, depth: 0, flags: Flags::NONE, refusal: None }
    }

    /// Charges for what is about to be held.
    fn charge<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.normaliser.charge(bytes).map_err(|refusal| {
            self.refusal = Some(refusal);
            E::custom("beyond the memory budget")
        })
    }

    fn take_element(&mut self) -> bool {
        let taken = self.allowance.take(&mut self.normaliser.cuts);
        if !taken {
            self.flags.insert(Flags::CUT);
        }
        taken
    }
}

/// Skips a value, however deep.
pub(super) fn skip<'de, M: MapAccess<'de>>(map: &mut M) -> Result<(), M::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// A number, a truth value, text or null.
pub(super) fn scalar<'de, M: MapAccess<'de>>(
    map: &mut M,
    reader: &mut Reader<'_>,
) -> Result<Scalar, M::Error> {
    let scalar: Scalar = map.next_value()?;
    reader.charge(scalar.heap_bytes())?;
    Ok(scalar)
}

/// A message; its default where null.
pub(super) fn message<'de, T: Message, M: MapAccess<'de>>(
    map: &mut M,
    reader: &mut Reader<'_>,
) -> Result<T, M::Error> {
    map.next_value_seed(MessageSeed::new(reader))
}

/// A message; none where null.
pub(super) fn optional<'de, T: Message, M: MapAccess<'de>>(
    map: &mut M,
    reader: &mut Reader<'_>,
) -> Result<Option<T>, M::Error> {
    map.next_value_seed(OptionalSeed(MessageSeed::new(reader)))
}

/// Appends the texts of an array, each counted as an attribute.
pub(super) fn texts<'de, M: MapAccess<'de>>(
    list: &mut Vec<String>,
    map: &mut M,
    reader: &mut Reader<'_>,
) -> Result<(), M::Error> {
    map.next_value_seed(TextsSeed { list, reader })
}

/// A map or an array inside a value; `None` where it would be nested too deep.
pub(super) fn nested<'de, T: Message, M: MapAccess<'de>>(
    map: &mut M,
    reader: &mut Reader<'_>,
) -> Result<Option<T>, M::Error> {
    if reader.depth >= reader.normaliser.limits.nesting_max {
        reader.normaliser.cuts.nesting += 1;
        reader.flags.insert(Flags::CUT);
        skip(map)?;
        return Ok(None);
    }
    reader.depth += 1;
    let read = message(map, reader);
    reader.depth -= 1;
    read.map(Some)
}

/// Appends the messages of an array to `list`; null is an empty one.
pub(super) fn extend<'de, T: Message, M: MapAccess<'de>>(
    list: &mut Vec<T>,
    map: &mut M,
    reader: &mut Reader<'_>,
) -> Result<(), M::Error> {
    map.next_value_seed(ListSeed { list, reader })
}

/// How many elements an array has.
pub(super) fn count<'de, M: MapAccess<'de>>(map: &mut M) -> Result<u64, M::Error> {
    Ok(map.next_value::<Option<CountedElements>>()?.map_or(0, |counted| counted.0))
}

/// Reads one message.
pub(super) struct MessageSeed<'r, 'n, T> {
    reader: &'r mut Reader<'n>,
    message: PhantomData<T>,
}

impl<'r, 'n, T> MessageSeed<'r, 'n, T> {
    pub(super) fn new(reader: &'r mut Reader<'n>) -> Self {
        MessageSeed { reader, message: PhantomData }
    }
}

impl<'de, T: Message> DeserializeSeed<'de> for MessageSeed<'_, '_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Message> Visitor<'de> for MessageSeed<'_, '_, T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<T, M::Error> {
        let reader = self.reader;
        let fresh = Allowance::of(&reader.normaliser.limits);
        let outer = T::CARRIER.then(|| std::mem::replace(&mut reader.allowance, fresh));
        let mut message = T::default();
        while let Some(name) = map.next_key::<FieldName<'de>>()? {
            message.field(&name.0, &mut map, reader)?;
        }
        message.finish(reader);
        if let Some(outer) = outer {
            reader.allowance = outer;
        }
        Ok(message)
    }
}

/// Reads one message, or null.
struct OptionalSeed<'r, 'n, T>(MessageSeed<'r, 'n, T>);

impl<'de, T: Message> DeserializeSeed<'de> for OptionalSeed<'_, '_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Message> Visitor<'de> for OptionalSeed<'_, '_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_none<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }
}

struct ListSeed<'l, 'r, 'n, T> {
    list: &'l mut Vec<T>,
    reader: &'r mut Reader<'n>,
}

impl<'de, T: Message> DeserializeSeed<'de> for ListSeed<'_, '_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Message> Visitor<'de> for ListSeed<'_, '_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(), S::Error> {
        let ListSeed { list, reader } = self;
        while let Some(element) = seq.next_element_seed(ElementSeed { reader, message: PhantomData })? {
            list.extend(element);
        }
        Ok(())
    }
}

/// One element of a list; `None` where the allowance is used up.
struct ElementSeed<'r, 'n, T> {
    reader: &'r mut Reader<'n>,
    message: PhantomData<T>,
}

impl<'de, T: Message> DeserializeSeed<'de> for ElementSeed<'_, '_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        if T::COUNTED && !self.reader.take_element() {
            IgnoredAny::deserialize(deserializer)?;
            return Ok(None);
        }
        // A vector that grows holds up to twice what is in it.
        self.reader.charge(2 * size_of::<T>())?;
        MessageSeed::new(self.reader).deserialize(deserializer).map(Some)
    }
}

struct TextsSeed<'l, 'r, 'n> {
    list: &'l mut Vec<String>,
    reader: &'r mut Reader<'n>,
}

impl<'de> DeserializeSeed<'de> for TextsSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextsSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of text")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(), S::Error> {
        while let Some(text) = seq.next_element::<String>()? {
            if self.reader.take_element() {
                self.reader.charge(2 * size_of::<String>() + text.len())?;
                self.list.push(text);
            }
        }
        Ok(())
    }
}

/// A field's name in lowerCamelCase, whichever way it was written.
struct FieldName<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for FieldName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FieldNameVisitor)
    }
}

struct FieldNameVisitor;

impl<'de> Visitor<'de> for FieldNameVisitor {
    type Value = FieldName<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<FieldName<'de>, E> {
        Ok(FieldName(if name.contains('_') { camel(name).into() } else { name.into() }))
    }

    fn visit_str<E>(self, name: &str) -> Result<FieldName<'de>, E> {
        Ok(FieldName(camel(name).into()))
    }
}

fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                camel.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    camel
}

struct CountedElements(u64);

impl<'de> serde::Deserialize<'de> for CountedElements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(CountVisitor)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = CountedElements;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<CountedElements, S::Error> {
        let mut count = 0;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(CountedElements(count))
    }
}
