//! What a partition's tantivy documents are made of. Nothing outside `partition/` knows.
//!
//! One document is one record. Its resource and scope, a *context*, stand in the partition once, in a
//! document of their own; records name them by number. Terms only narrow a question down: the answer is
//! always verified on the stored record, unless the term says all there is to know.

use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{IndexSettings, Term};

use crate::level::Level;
use crate::otlp::Span;
use crate::record::{Record, RecordBody, SpanExt};
use crate::text;

/// Longest value or word that stands in a term whole; of a longer one its beginning does.
pub(super) const TERM_TEXT_BYTES_MAX: usize = 256;
/// Ends a term whose value was cut.
pub(super) const CUT_MARK: char = '\u{1}';
const WORDS: &str = "spandrel_words";

/// The fields, by what they are for.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub schema: Schema,
    /// Low half of the trace id.
    pub trace: Field,
    pub span: Field,
    /// Event time in nanoseconds.
    pub time: Field,
    /// A span's duration in nanoseconds.
    pub duration: Field,
    /// Type, level, kind and status in one number, see [`Facets`].
    pub facets: Field,
    /// The number of the context.
    pub context: Field,
    /// `key NUL value` for each attribute leaf of the record itself, and a few fields of its own.
    pub terms: Field,
    /// The words of the message.
    pub words: Field,
    /// What attributes there are: place, kind and name, once or a few times in a partition.
    pub catalog: Field,
    /// The stored record, or the stored context.
    pub stored: Field,
    /// On a context's document only: its number.
    pub context_definition: Field,
}

impl Fields {
    pub fn new() -> Fields {
        let mut schema = Schema::builder();
        let raw = TextOptions::default().set_indexing_options(indexing("raw"));
        let words = TextOptions::default().set_indexing_options(indexing(WORDS));
        Fields {
            trace: schema.add_u64_field("trace", INDEXED),
            span: schema.add_u64_field("span", INDEXED),
            time: schema.add_u64_field("time", FAST),
            duration: schema.add_u64_field("duration", FAST),
            facets: schema.add_u64_field("facets", INDEXED | FAST),
            context: schema.add_u64_field("context", INDEXED | FAST),
            terms: schema.add_text_field("terms", raw.clone()),
            words: schema.add_text_field("words", words),
            catalog: schema.add_text_field("catalog", raw),
            stored: schema.add_bytes_field("stored", STORED),
            context_definition: schema.add_u64_field("context_definition", INDEXED),
            schema: schema.build(),
        }
    }
}

fn indexing(tokenizer: &str) -> TextFieldIndexing {
    TextFieldIndexing::default()
        .set_tokenizer(tokenizer)
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false)
}

pub(super) fn index_settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor { compression_level: Some(1) }),
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

/// tantivy's tokenizers with ours for words.
pub(super) fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::default();
    manager.register(WORDS, TextAnalyzer::builder(Words).build());
    manager
}

/// What of a record takes few values, packed so that one term and one column serve them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facets {
    pub is_span: bool,
    pub level: Option<Level>,
    /// OTLP's number, 0 to 5; larger ones are kept as 0.
    pub kind: u8,
    /// OTLP's number, 0 to 2; larger ones are kept as 0.
    pub status: u8,
}

impl Facets {
    pub fn of(record: &Record) -> Facets {
        let (is_span, kind, status) = match &record.body {
            RecordBody::Span(span) => (true, span.kind, span.status.as_ref().map_or(0, |status| status.code)),
            RecordBody::Log(_) => (false, 0, 0),
        };
        let small = |number: i32, max: u8| u8::try_from(number).ok().filter(|n| *n <= max).unwrap_or(0);
        Facets { is_span, level: record.level, kind: small(kind, 5), status: small(status, 2) }
    }

    pub fn pack(self) -> u64 {
        let level = self.level.map_or(0, |level| level as u64);
        u64::from(self.is_span) | level << 1 | u64::from(self.kind) << 4 | u64::from(self.status) << 7
    }

    pub fn unpack(packed: u64) -> Facets {
        Facets {
            is_span: packed & 1 == 1,
            level: Level::from_repr((packed >> 1 & 7) as u8),
            kind: (packed >> 4 & 7) as u8,
            status: (packed >> 7 & 3) as u8,
        }
    }

    /// The names that a record with these facets shows: of its type, kind and status.
    pub fn names(self) -> (&'static str, &'static str, &'static str) {
        let status = crate::otlp::Status { code: i32::from(self.status), message: String::new() };
        let span = Span { kind: i32::from(self.kind), status: Some(status), ..Span::default() };
        (if self.is_span { "span" } else { "log" }, span.kind_name(), span.status_name())
    }
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
    /// What every term of this key begins with.
    pub fn prefix(self) -> String {
        match self {
            Key::Name => "\u{1}n\0".to_owned(),
            Key::SeverityText => "\u{1}s\0".to_owned(),
            Key::EventName => "\u{1}e\0".to_owned(),
            Key::Attribute(name) => format!("\u{2}{name}\0"),
        }
    }

    pub fn term_text(self, value: &str) -> String {
        let mut term = self.prefix();
        push_value(&mut term, value);
        term
    }
}

/// Appends a value, whole or cut. Cut ones of the same beginning share a term.
fn push_value(term: &mut String, value: &str) {
    let kept = beginning(value);
    term.push_str(kept);
    if kept.len() < value.len() {
        term.push(CUT_MARK);
    }
}

/// As much of a text as a term holds.
pub(super) fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(TERM_TEXT_BYTES_MAX)]
}

/// Whether a value or word is held whole.
pub(super) fn fits(text: &str) -> bool {
    text.len() <= TERM_TEXT_BYTES_MAX
}

pub(super) fn text_term(field: Field, text: &str) -> Term {
    Term::from_field_text(field, text)
}

/// [`text::words`], cut to what a term holds.
#[derive(Clone)]
struct Words;

struct WordStream {
    words: std::vec::IntoIter<String>,
    token: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream {
        let words: Vec<String> = text::words(text).collect();
        WordStream { words: words.into_iter(), token: Token::default() }
    }
}

impl TokenStream for WordStream {
    fn advance(&mut self) -> bool {
        let Some(word) = self.words.next() else { return false };
        self.token.text.clear();
        self.token.text.push_str(beginning(&word));
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
