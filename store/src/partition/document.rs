//! Records to documents: everything that is written into a partition's index goes through here.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tantivy::TantivyDocument;

use super::schema::{Facets, Fields, Key, beginning};
use crate::filter::{Place, attribute_lists, kind_of, span_messages};
use crate::record::value::{to_text, visit_all_leaves};
use crate::record::{Record, RecordBody, SpanExt, log_message};
use crate::snapshot::{FieldInfo, ValueKind};
use crate::stored::{Context, encode_record};

/// Contexts of one partition at most; more close it. What a hostile sender can make a partition hold in
/// memory is bounded by this.
pub(super) const CONTEXTS_MAX: usize = 4096;

/// Turns the records of one partition into documents, giving each new context a number and a document.
#[derive(Debug)]
pub(super) struct DocumentWriter {
    fields: Fields,
    /// In the order of their numbers.
    contexts: Vec<Arc<Context>>,
    /// Their numbers by their encoded form.
    numbers: HashMap<Vec<u8>, u32>,
    /// The one last asked for: the records of a request follow one another.
    latest: Option<(Context, u32)>,
    /// Attributes already in the catalog, as hashes: a collision costs an entry in a list of names.
    catalogued: HashSet<u64>,
    hasher: RandomState,
}

impl DocumentWriter {
    /// `contexts` are those that the partition has committed.
    pub fn new(fields: Fields, contexts: Vec<Arc<Context>>) -> DocumentWriter {
        let numbers = (0..).zip(&contexts).map(|(number, context)| (context.encode(), number)).collect();
        let (catalogued, hasher) = (HashSet::new(), RandomState::new());
        DocumentWriter { fields, contexts, numbers, latest: None, catalogued, hasher }
    }

    pub fn contexts(&self) -> &[Arc<Context>] {
        &self.contexts
    }

    /// The document of a record, and before it that of its context if it is new.
    pub fn documents(&mut self, record: &Record) -> (Option<TantivyDocument>, TantivyDocument) {
        let (context, definition) = self.context_of(record);
        (definition, self.document(record, context))
    }

    fn context_of(&mut self, record: &Record) -> (u32, Option<TantivyDocument>) {
        if let Some((context, number)) = &self.latest
            && Arc::ptr_eq(&context.resource, &record.resource)
            && Arc::ptr_eq(&context.scope, &record.scope)
        {
            return (*number, None);
        }
        let context = Context::of(record);
        let encoded = context.encode();
        let known = self.numbers.get(&encoded).copied();
        let number = known.unwrap_or(self.contexts.len() as u32);
        self.latest = Some((context.clone(), number));
        if known.is_some() {
            return (number, None);
        }
        let mut document = TantivyDocument::new();
        document.add_u64(self.fields.context_definition, u64::from(number));
        document.add_bytes(self.fields.stored, &encoded);
        self.contexts.push(Arc::new(context));
        self.numbers.insert(encoded, number);
        (number, Some(document))
    }

    fn document(&mut self, record: &Record, context: u32) -> TantivyDocument {
        let fields = &self.fields;
        let mut document = TantivyDocument::new();
        if let Some(trace) = record.trace_id() {
            document.add_u64(fields.trace, trace.low64());
        }
        if let Some(span) = record.span_id() {
            document.add_u64(fields.span, u64::from_be_bytes(span.0));
        }
        document.add_u64(fields.time, record.time().0);
        document.add_u64(fields.facets, Facets::of(record).pack());
        document.add_u64(fields.context, u64::from(context));
        self.add_own_fields(record, &mut document);
        self.add_attributes(record, &mut document);
        document.add_bytes(self.fields.stored, &encode_record(record, context));
        document
    }

    fn add_own_fields(&self, record: &Record, document: &mut TantivyDocument) {
        let fields = &self.fields;
        let mut term = |key: Key<'_>, text: &str| {
            if !text.is_empty() {
                document.add_text(fields.terms, key.term_text(text));
            }
        };
        match &record.body {
            RecordBody::Span(span) => {
                term(Key::Name, &span.name);
                span.events.iter().for_each(|event| term(Key::EventName, &event.name));
                document.add_u64(fields.duration, span.duration_ns());
                span_messages(record).for_each(|message| document.add_text(fields.words, message));
            }
            RecordBody::Log(log) => {
                term(Key::SeverityText, &log.severity_text);
                term(Key::EventName, &log.event_name);
                document.add_text(fields.words, log_message(log));
            }
        }
    }

    /// Terms of the record's own attributes; those of its context are found through the context. Names and
    /// kinds of both go into the catalog, with the first record that shows them.
    fn add_attributes(&mut self, record: &Record, document: &mut TantivyDocument) {
        for (place, list) in attribute_lists(record, Place::Any) {
            let own = !matches!(place, Place::Resource | Place::Scope);
            visit_all_leaves(list, &mut |name, value| {
                if own {
                    document.add_text(self.fields.terms, Key::Attribute(name).term_text(&to_text(value)));
                }
                let Some(kind) = kind_of(value) else { return };
                if self.catalogued.insert(self.hasher.hash_one((place as u8, kind as u8, name))) {
                    document.add_text(self.fields.catalog, catalog_term(place, kind, name));
                }
            });
        }
    }
}

/// `place kind name`, a character each for the first two, sorted by name within both.
pub(super) fn catalog_term(place: Place, kind: ValueKind, name: &str) -> String {
    format!("{}{}{}", digit(place as u8), digit(kind as u8), beginning(name))
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
