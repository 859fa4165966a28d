//! Answers as JSON or as lines, written piece by piece.
//!
//! An answer is a head of single values, lists of items, and the coverage. As JSON it is one object; as
//! ndjson every item is a line and the rest is the last one. Items are rendered while the body is sent, so
//! that a long trace never exists as text in memory.

use std::collections::VecDeque;
use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use tokio::sync::OwnedSemaphorePermit;

use super::asked::{Asked, Format};
use super::cursor::Cursor;
use super::problem::Problem;
use crate::coverage::Coverage;
use crate::engine;

/// Bytes that a piece of a body has at least, the last one apart.
const PIECE_BYTES: usize = 64 << 10;

/// Something that is written as one JSON value.
pub(super) trait Item: Send {
    fn write(&self, to: &mut Vec<u8>) -> serde_json::Result<()>;
}

impl<T: Serialize + Send> Item for T {
    fn write(&self, to: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(to, self)
    }
}

type Items = Box<dyn Iterator<Item = Box<dyn Item>> + Send>;

pub(super) struct Answer {
    head: Map<String, Json>,
    lists: Vec<(&'static str, Items)>,
    next: Option<Cursor>,
    coverage: Coverage,
    warnings: Vec<String>,
    /// Whether nothing but a complete answer will do.
    complete_only: bool,
    held: Vec<OwnedSemaphorePermit>,
}

/// Marks the response of an answer that is not complete, for the metrics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incomplete;

impl Answer {
    /// What an engine's answer says besides its body.
    pub(super) fn to<T>(asked: &Asked, answer: engine::Answer<T>) -> (Answer, T) {
        let warnings = asked.warnings.iter().cloned().chain(answer.warnings).collect();
        let (head, lists) = (Map::new(), Vec::new());
        let written = Answer {
            head,
            lists,
            next: None,
            coverage: answer.coverage,
            warnings,
            complete_only: asked.complete_only,
            held: answer.held,
        };
        (written, answer.body)
    }

    pub(super) fn with(mut self, key: &str, value: impl Serialize) -> Answer {
        // Fails for maps with keys that are not text alone, and no answer has such.
        self.head.insert(key.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    pub(super) fn list<T: Item + 'static>(
        mut self,
        key: &'static str,
        items: impl IntoIterator<Item = T, IntoIter: Send + 'static>,
    ) -> Answer {
        let items = items.into_iter().map(|item| Box::new(item) as Box<dyn Item>);
        self.lists.push((key, Box::new(items)));
        self
    }

    pub(super) fn warn(mut self, warning: Option<String>) -> Answer {
        self.warnings.extend(warning);
        self
    }

    pub(super) fn next(mut self, next: Option<Cursor>) -> Answer {
        self.next = next;
        self
    }

    pub(super) fn respond(self, format: Format) -> Result<Response, Problem> {
        let incomplete = !self.coverage.complete;
        if incomplete && self.complete_only {
            return Err(Problem::incomplete(self.coverage));
        }
        let (content_type, pieces) = match format {
            Format::Json => ("application/json", self.into_object()),
            Format::Ndjson => ("application/x-ndjson", self.into_lines()),
            Format::Otlp => {
                return Err(Problem::parameter(
                    "format",
                    "`otlp` is a format of `/api/v1/traces/{trace_id}`",
                ));
            }
        };
        let mut response = body(pieces).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if incomplete {
            response.extensions_mut().insert(Incomplete);
        }
        Ok(response)
    }

    /// What comes after the lists.
    fn tail(&mut self) -> Map<String, Json> {
        let mut tail = Map::new();
        if let Some(next) = &self.next {
            tail.insert("next_cursor".to_owned(), next.encode().into());
        }
        if !self.warnings.is_empty() {
            tail.insert("warnings".to_owned(), std::mem::take(&mut self.warnings).into());
        }
        let coverage = serde_json::to_value(&self.coverage).unwrap_or_default();
        tail.insert("coverage".to_owned(), coverage);
        tail
    }

    fn into_object(mut self) -> Pieces {
        let tail = self.tail();
        let mut pieces = Pieces { _held: self.held, ..Pieces::default() };
        pieces.text("{");
        for (key, value) in self.head {
            pieces.text(&format!("{}:{value},", Json::from(key)));
        }
        for (key, items) in self.lists {
            pieces.text(&format!("\"{key}\":["));
            pieces.parts.push_back(Part::Items { items, separator: ",", first: true });
            pieces.text("],");
        }
        let tail = Json::Object(tail).to_string();
        pieces.text(&tail[1..]);
        pieces
    }

    fn into_lines(mut self) -> Pieces {
        let tail = self.tail();
        let mut pieces = Pieces { _held: self.held, ..Pieces::default() };
        for (_, items) in self.lists {
            pieces.parts.push_back(Part::Items { items, separator: "\n", first: true });
            pieces.parts.push_back(Part::NewLine);
        }
        self.head.extend(tail);
        pieces.text(&format!("{}\n", Json::Object(self.head)));
        pieces
    }
}

/// A body in the making.
#[derive(Default)]
struct Pieces {
    parts: VecDeque<Part>,
    /// Something was written to the present line.
    in_line: bool,
    /// The memory granted to the answer, until it is written.
    _held: Vec<OwnedSemaphorePermit>,
}

enum Part {
    Text(String),
    Items {
        items: Items,
        separator: &'static str,
        first: bool,
    },
    /// Ends a line that has something in it.
    NewLine,
}

impl Pieces {
    fn text(&mut self, text: &str) {
        match self.parts.back_mut() {
            Some(Part::Text(before)) => before.push_str(text),
            _ => self.parts.push_back(Part::Text(text.to_owned())),
        }
    }

    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = Vec::new();
        while piece.len() < PIECE_BYTES {
            match self.parts.front_mut() {
                None => break,
                Some(Part::Text(text)) => piece.extend_from_slice(text.as_bytes()),
                Some(Part::NewLine) => {
                    if std::mem::take(&mut self.in_line) {
                        piece.push(b'\n');
                    }
                }
                Some(Part::Items { items, separator, first }) => {
                    if let Some(item) = items.next() {
                        if !std::mem::take(first) {
                            piece.extend_from_slice(separator.as_bytes());
                        }
                        item.write(&mut piece)?;
                        self.in_line = true;
                        continue;
                    }
                }
            }
            self.parts.pop_front();
        }
        Ok(piece)
    }
}

impl Iterator for Pieces {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        match self.piece() {
            Ok(piece) if piece.is_empty() => None,
            Ok(piece) => Some(Ok(piece.into())),
            Err(error) => {
                self.parts.clear();
                Some(Err(error))
            }
        }
    }
}

/// A short body whole, with its length; a long one in pieces.
fn body(mut pieces: Pieces) -> Body {
    match pieces.piece() {
        Ok(piece) if pieces.parts.is_empty() => Body::from(piece),
        first => {
            let first = std::iter::once(first.map(Bytes::from));
            Body::from_stream(stream::iter(first.chain(pieces)))
        }
    }
}
