//! What a partition's tantivy documents are made of. Nothing outside `partition/` knows.
//!
//! One document is one block of records, see `block.rs`. Its terms say what at least one of its records has, so
//! they only narrow a question down to blocks; which records match is decided inside the block. A resource and
//! scope, a *context*, stand in the partition once, in a document of their own, and blocks name them by number.

use tantivy::IndexSettings;
use tantivy::schema::{BytesOptions, FAST, Field, NumericOptions, STORED, Schema};
use tantivy::store::Compressor;

/// Longest value or word that stands in a term whole; of a longer one its beginning does.
pub(super) const TERM_TEXT_BYTES_MAX: usize = 256;
/// Longest name of an attribute that is listed whole: tantivy's terms end at 64 KiB.
pub(super) const NAME_BYTES_MAX: usize = 32 << 10;
/// Ends a term whose value or name was cut.
pub(super) const CUT_MARK: char = '\u{1}';
/// Blocks are stored as they are, compressed already, a few to a page.
const STORE_BLOCK_BYTES: usize = 8 << 10;

/// The name of the column of span ids' filters.
pub(super) const SPANS: &str = "spans";

/// The fields, by what they are for.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub schema: Schema,
    /// The least and greatest event time in nanoseconds; a context's document has none.
    pub least: Field,
    pub greatest: Field,
    /// A filter of the span ids, see `spans.rs`.
    pub spans: Field,
    /// The context and facets of a record, see [`origin_term`].
    pub origin: Field,
    /// Low halves of the trace ids.
    pub trace: Field,
    /// `key NUL value` for each attribute leaf of the records themselves, and a few fields of their own.
    pub terms: Field,
    /// What attributes there are: place, kind and name, once or a few times in a partition.
    pub catalog: Field,
    /// The words of the messages.
    pub words: Field,
    /// The block, or the context.
    pub stored: Field,
    /// On a context's document only: its number.
    pub context_definition: Field,
}

impl Fields {
    pub fn new() -> Fields {
        let mut schema = Schema::builder();
        let number = NumericOptions::default().set_indexed();
        let bytes = BytesOptions::default().set_indexed();
        Fields {
            // Values are added in this order, so that tantivy need not sort them.
            least: schema.add_u64_field("least", FAST),
            greatest: schema.add_u64_field("greatest", FAST),
            spans: schema.add_u64_field(SPANS, FAST),
            origin: schema.add_u64_field("origin", number.clone()),
            trace: schema.add_u64_field("trace", number.clone()),
            terms: schema.add_bytes_field("terms", bytes.clone()),
            catalog: schema.add_bytes_field("catalog", bytes.clone()),
            words: schema.add_bytes_field("words", bytes),
            stored: schema.add_bytes_field("stored", STORED),
            context_definition: schema.add_u64_field("context_definition", number),
            schema: schema.build(),
        }
    }
}

pub(super) fn index_settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::None,
        docstore_compress_dedicated_thread: false,
        docstore_blocksize: STORE_BLOCK_BYTES,
        ..IndexSettings::default()
    }
}

/// The number of a context and facets, as one term.
pub(super) fn origin_term(context: u32, facets: u16) -> u64 {
    u64::from(context) << 16 | u64::from(facets)
}

pub(super) fn read_origin_term(term: u64) -> (u32, u16) {
    ((term >> 16) as u32, term as u16)
}

/// The beginning of the terms that hold values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key<'a> {
    Name,
    SeverityText,
    EventName,
    Attribute(&'a str),
}

impl Key<'_> {
    /// Appends what every term of this key begins with.
    pub fn push_prefix(self, term: &mut Vec<u8>) {
        match self {
            Key::Name => term.extend_from_slice(b"\x01n\0"),
            Key::SeverityText => term.extend_from_slice(b"\x01s\0"),
            Key::EventName => term.extend_from_slice(b"\x01e\0"),
            Key::Attribute(name) => {
                term.push(2);
                push_value(term, name);
                term.push(0);
            }
        }
    }

    pub fn prefix(self) -> Vec<u8> {
        let mut prefix = Vec::new();
        self.push_prefix(&mut prefix);
        prefix
    }

    pub fn term(self, value: &str) -> Vec<u8> {
        let mut term = self.prefix();
        push_value(&mut term, value);
        term
    }
}

/// Appends a value, whole or cut. Cut ones of the same beginning share a term.
pub(super) fn push_value(term: &mut Vec<u8>, value: &str) {
    let kept = beginning(value);
    term.extend_from_slice(kept.as_bytes());
    if kept.len() < value.len() {
        term.push(CUT_MARK as u8);
    }
}

/// As much of a text as a term holds.
pub(super) fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(TERM_TEXT_BYTES_MAX)]
}
