//! Blocks to documents: everything that is written into a partition's index goes through here.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::io::Write as _;
use std::sync::Arc;

use tantivy::TantivyDocument;

use super::Hasher;
use super::block::{Finished, Interner, decode_rest};
use super::schema::{Fields as SchemaFields, Key, NAME_BYTES_MAX, beginning, origin_term, push_value};
use super::spans;
use crate::filter::{Place, attribute_lists, kind_of, span_messages};
use crate::otlp::{AnyValue, KeyValue, LogRecord};
use crate::record::value::{to_text, visit_all_leaves};
use crate::record::{RecordBody, log_message};
use crate::snapshot::{FieldInfo, ValueKind};
use crate::stored::{Context, Undecodable};
use crate::text::visit_words;
use crate::wire::{Fields, Value as WireValue};

use prost::Message as _;

/// Contexts of one partition at most; more close it. What a hostile sender can make a partition hold in
/// memory is bounded by this.
pub(super) const CONTEXTS_MAX: usize = 4096;

/// What the terms of a block usually take; more is found for more.
const DOCUMENT_BYTES: usize = 12 << 10;

/// Turns the blocks of one partition into documents, giving each new context a number and a document.
pub(super) struct DocumentWriter {
    fields: SchemaFields,
    /// In the order of their numbers.
    contexts: Vec<Arc<Context>>,
    /// Their numbers by their encoded form.
    numbers: HashMap<Vec<u8>, u32, Hasher>,
    /// Attributes already in the catalog, as hashes: a collision costs an entry in a list of names.
    catalogued: HashSet<u64, Hasher>,
    hasher: Hasher,
    /// The words of the document so far.
    words: Interner,
    /// What the document adds to the catalog.
    new_in_catalog: Vec<String>,
    term: Vec<u8>,
    lower: String,
}

impl DocumentWriter {
    /// `contexts` are those that the partition has committed.
    pub fn new(fields: SchemaFields, contexts: Vec<Arc<Context>>) -> DocumentWriter {
        let numbers = (0..).zip(&contexts).map(|(number, context)| (context.encode(), number)).collect();
        DocumentWriter {
            fields,
            contexts,
            numbers,
            catalogued: HashSet::default(),
            hasher: Hasher::default(),
            words: Interner::default(),
            new_in_catalog: Vec::new(),
            lower: String::new(),
            term: Vec::new(),
        }
    }

    pub fn contexts(&self) -> &[Arc<Context>] {
        &self.contexts
    }

    /// The number of a context, and its document if it is new.
    pub fn context(&mut self, context: &Arc<Context>) -> (u32, Option<TantivyDocument>) {
        let encoded = context.encode();
        if let Some(number) = self.numbers.get(&encoded) {
            return (*number, None);
        }
        let number = self.contexts.len() as u32;
        let mut document = TantivyDocument::new();
        self.new_in_catalog.clear();
        let lists =
            [(Place::Resource, context.resource.attributes()), (Place::Scope, context.scope.attributes())];
        for (place, list) in lists {
            visit_all_leaves(list, &mut |name, value| {
                if let Some(kind) = kind_of(value) {
                    self.catalogue(place, name, kind);
                }
            });
        }
        self.new_in_catalog.iter().for_each(|term| document.add_bytes(self.fields.catalog, term.as_bytes()));
        document.add_bytes(self.fields.stored, &encoded);
        document.add_u64(self.fields.context_definition, u64::from(number));
        self.contexts.push(context.clone());
        self.numbers.insert(encoded, number);
        (number, Some(document))
    }

    /// The document of a block.
    pub fn document(&mut self, block: &Finished<'_>) -> Result<TantivyDocument, Undecodable> {
        let fields = self.fields.clone();
        let mut document = TantivyDocument::with_capacity(block.bytes.len() + DOCUMENT_BYTES);
        self.words.clear();
        self.new_in_catalog.clear();
        document.add_u64(fields.least, block.least);
        document.add_u64(fields.greatest, block.greatest);
        for word in spans::filter(block.span_ids) {
            document.add_u64(fields.spans, word);
        }
        for origin in block.origins {
            document.add_u64(fields.origin, origin_term(origin.context, origin.facets));
        }
        for (trace, _) in block.traces.iter().filter(|(trace, _)| *trace != [0; 16]) {
            document.add_u64(fields.trace, u128::from_be_bytes(*trace) as u64);
        }
        for name in block.names.iter().filter(|name| !name.is_empty()) {
            let name = std::str::from_utf8(name).map_err(|_| Undecodable::new("a name is not UTF-8"))?;
            self.add_value(Key::Name, name, &mut document);
        }
        for attribute in block.attributes.iter() {
            self.add_attribute(attribute, &mut document)?;
        }
        for body in block.bodies.iter() {
            if let Some(Leaf::Text(text)) = leaf(body) {
                self.add_words(text);
                continue;
            }
            let log = LogRecord { body: Some(AnyValue::decode(body)?), ..LogRecord::default() };
            self.add_rest(&RecordBody::Log(Box::new(log)), &mut document);
        }
        for rest in block.rests.iter().filter(|rest| rest.len() > 1) {
            self.add_rest(&decode_rest(rest)?, &mut document);
        }
        self.new_in_catalog.iter().for_each(|term| document.add_bytes(fields.catalog, term.as_bytes()));
        self.words.iter().for_each(|word| document.add_bytes(fields.words, word));
        document.add_bytes(fields.stored, block.bytes);
        Ok(document)
    }

    fn add_value(&mut self, key: Key<'_>, value: &str, document: &mut TantivyDocument) {
        self.term.clear();
        key.push_prefix(&mut self.term);
        push_value(&mut self.term, value);
        document.add_bytes(self.fields.terms, &self.term);
    }

    fn add_attribute(&mut self, bytes: &[u8], document: &mut TantivyDocument) -> Result<(), Undecodable> {
        let Some((name, value)) = plain_attribute(bytes) else {
            self.add_leaves(Place::Record, &[KeyValue::decode(bytes)?], document);
            return Ok(());
        };
        self.term.clear();
        Key::Attribute(name).push_prefix(&mut self.term);
        let kind = match value {
            Leaf::Text(text) => {
                push_value(&mut self.term, text);
                ValueKind::String
            }
            Leaf::Int(number) => {
                write!(self.term, "{number}").expect("writing to memory cannot fail");
                ValueKind::Int
            }
        };
        document.add_bytes(self.fields.terms, &self.term);
        self.catalogue(Place::Record, name, kind);
        Ok(())
    }

    fn add_leaves(&mut self, place: Place, list: &[KeyValue], document: &mut TantivyDocument) {
        visit_all_leaves(list, &mut |name, value| {
            self.add_value(Key::Attribute(name), &to_text(value), document);
            if let Some(kind) = kind_of(value) {
                self.catalogue(place, name, kind);
            }
        });
    }

    /// What is neither name nor attribute: messages, events, severities, structured bodies.
    fn add_rest(&mut self, body: &RecordBody, document: &mut TantivyDocument) {
        let record = super::select::pseudo_record(body.clone());
        for (place, list) in attribute_lists(&record, Place::Any) {
            self.add_leaves(place, list, document);
        }
        match body {
            RecordBody::Span(span) => {
                for event in span.events.iter().filter(|event| !event.name.is_empty()) {
                    self.add_value(Key::EventName, &event.name, document);
                }
                span_messages(&record).for_each(|message| self.add_words(message));
            }
            RecordBody::Log(log) => {
                for (key, text) in
                    [(Key::SeverityText, &log.severity_text), (Key::EventName, &log.event_name)]
                {
                    if !text.is_empty() {
                        self.add_value(key, text, document);
                    }
                }
                self.add_words(&log_message(log));
            }
        }
    }

    fn add_words(&mut self, text: &str) {
        let words = &mut self.words;
        visit_words(text, &mut self.lower, &mut |word| {
            words.intern(beginning(word).as_bytes());
        });
    }

    /// Puts an attribute into the catalog, with the first document that has it.
    fn catalogue(&mut self, place: Place, name: &str, kind: ValueKind) {
        if self.catalogued.insert(self.hasher.hash_one((place as u8, kind as u8, name))) {
            self.new_in_catalog.push(catalog_term(place, kind, name));
        }
    }
}

/// The values that nearly all attributes have.
#[derive(Debug, PartialEq, Eq)]
enum Leaf<'a> {
    Text(&'a str),
    Int(i64),
}

/// An encoded attribute of such a value, if it is one: a key, a value, and nothing else.
fn plain_attribute(attribute: &[u8]) -> Option<(&str, Leaf<'_>)> {
    let mut fields = Fields::of(attribute);
    let (1, Some(key)) = fields.next()?.ok()?.message() else { return None };
    let (2, Some(value)) = fields.next()?.ok()?.message() else { return None };
    match fields.next() {
        None => Some((std::str::from_utf8(key).ok()?, leaf(value)?)),
        Some(_) => None,
    }
}

/// An encoded value of that kind.
fn leaf(value: &[u8]) -> Option<Leaf<'_>> {
    let mut fields = Fields::of(value);
    let field = fields.next()?.ok()?;
    let leaf = match (field.tag, field.value) {
        (1, WireValue::Bytes(text)) => Leaf::Text(std::str::from_utf8(text).ok()?),
        (3, WireValue::Varint(number)) => Leaf::Int(number as i64),
        _ => return None,
    };
    fields.next().is_none().then_some(leaf)
}

/// `place kind name`, a character each for the first two, sorted by name within both.
pub(super) fn catalog_term(place: Place, kind: ValueKind, name: &str) -> String {
    let name = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
    format!("{}{}{name}", digit(place as u8), digit(kind as u8))
}

pub(super) fn read_catalog_term(term: &str) -> Option<FieldInfo> {
    let mut chars = term.chars();
    let place = Place::from_repr(number(chars.next()?)?)?;
    let kind = ValueKind::from_repr(number(chars.next()?)?)?;
    Some(FieldInfo { name: chars.as_str().to_owned(), place, kind })
}

fn digit(number: u8) -> char {
    char::from(b'0' + number)
}

fn number(digit: char) -> Option<u8> {
    u8::try_from(digit).ok()?.checked_sub(b'0')
}
