//! Bodies of Elasticsearch's bulk API: a line that says what to do, then, of what is to be kept, the document.
//!
//! ```text
//! {"create": {"_index": "logs-shop-default"}}
//! {"@timestamp": "2026-11-22T17:00:00Z", "message": "sold out", "trace": {"id": "…"}}
//! ```
//!
//! Documents are log lines in JSON and understood as such; nothing is indexed under a name, and nothing is replaced:
//! a document that is sent twice under one id is two records. What cannot be done with one item (an update, a
//! document that is no object) is that item's fault and not the body's.

pub(crate) mod answer;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use spandrel_store::Flags;
use spandrel_store::otlp::Value;

use crate::admission::Admission;
use crate::entries::{Entry, Gathering};
use crate::json_log::Beside;
use crate::normalise::attribute;
use crate::refusal::Refusal;

/// The attribute that says which index a document was meant for.
const INDEX: &str = "elasticsearch.index";

/// Of an item, beside its document and its id: itself, and its part of the answer.
const ITEM_BYTES: usize = size_of::<Item>() + 256;

/// One thing to do, and what came of it so far.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) verb: Verb,
    pub(crate) index: Arc<str>,
    pub(crate) id: Option<String>,
    /// The document, or why it is not to be kept.
    pub(crate) document: Result<Bytes, Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Index,
    Create,
    Update,
    Delete,
}

/// Why one item can never be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("only index and create are served here: what was kept is not changed")]
    Unsupported,
    #[error("a document is one JSON object on one line")]
    NoObject,
}

/// The first line of an item.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionLine<'a> {
    #[serde(borrow)]
    index: Option<Target<'a>>,
    #[serde(borrow)]
    create: Option<Target<'a>>,
    #[serde(borrow)]
    update: Option<Target<'a>>,
    #[serde(borrow)]
    delete: Option<Target<'a>>,
}

#[derive(Deserialize)]
struct Target<'a> {
    #[serde(borrow)]
    _index: Option<Cow<'a, str>>,
    /// A text or a number.
    #[serde(borrow)]
    _id: Option<&'a RawValue>,
}

/// Takes a body apart. `index` is the one that its path names.
pub(crate) fn items(
    body: &Bytes,
    index: Option<&str>,
    admission: &mut Admission,
) -> Result<Vec<Item>, Refusal> {
    let default: Arc<str> = index.unwrap_or_default().into();
    let (mut items, mut last) = (Vec::<Item>::new(), default.clone());
    let mut lines = Lines { body, at: 0, number: 0 };
    while let Some(line) = lines.next_line() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let number = lines.number;
        let malformed = || {
            Refusal::Undecodable(format!(
                "line {number} is no action, such as {{\"create\": {{\"_index\": \"logs\"}}}}"
            ))
        };
        let action: ActionLine<'_> = serde_json::from_slice(&line).map_err(|_| malformed())?;
        let (verb, target) = action.only().ok_or_else(malformed)?;
        let id = target._id.and_then(id_text);
        admission.grow_body(ITEM_BYTES + 2 * id.as_ref().map_or(0, String::len))?;
        let index = match target._index {
            None => default.clone(),
            Some(name) if *name == *last => last.clone(),
            Some(name) => {
                admission.grow_body(2 * name.len())?;
                name.into()
            }
        };
        last = index.clone();
        items.push(Item { verb, index, id, document: lines.document_of(verb) });
    }
    Ok(items)
}

impl<'a> ActionLine<'a> {
    /// The one action that the line names.
    fn only(self) -> Option<(Verb, Target<'a>)> {
        let ActionLine { index, create, update, delete } = self;
        let all =
            [(Verb::Index, index), (Verb::Create, create), (Verb::Update, update), (Verb::Delete, delete)];
        let mut named = all.into_iter().filter_map(|(verb, target)| Some((verb, target?)));
        let first = named.next()?;
        named.next().is_none().then_some(first)
    }
}

/// An id as text; anything but a text or a number is none.
fn id_text(id: &RawValue) -> Option<String> {
    match id.get().as_bytes().first()? {
        b'"' => serde_json::from_str(id.get()).ok(),
        b'0'..=b'9' | b'-' => Some(id.get().to_owned()),
        _ => None,
    }
}

struct Lines<'b> {
    body: &'b Bytes,
    at: usize,
    number: usize,
}

impl Lines<'_> {
    fn next_line(&mut self) -> Option<Bytes> {
        let rest = self.body.get(self.at..).filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = self.body.slice_ref(rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]));
        self.at += end + 1;
        self.number += 1;
        Some(line)
    }

    /// The document of an action that was just read. An update has one too; it goes with its action.
    fn document_of(&mut self, verb: Verb) -> Result<Bytes, Fault> {
        if verb == Verb::Delete {
            return Err(Fault::Unsupported);
        }
        let document = self.next_line().unwrap_or_default();
        if verb == Verb::Update {
            return Err(Fault::Unsupported);
        }
        let is_object = document.trim_ascii_start().starts_with(b"{")
            && serde_json::from_slice::<IgnoredAny>(&document).is_ok();
        if is_object { Ok(document) } else { Err(Fault::NoObject) }
    }
}

/// Turns documents into records.
pub(crate) fn gather(items: &[Item], gathering: &mut Gathering) -> Result<(), Refusal> {
    let owner = gathering.owner(Vec::new());
    for item in items {
        let Ok(document) = &item.document else { continue };
        let index = (!item.index.is_empty()).then(|| Value::StringValue(item.index.to_string()));
        gathering.entry(Entry {
            owner: &owner,
            line: document,
            original: Some(document),
            beside: Beside::default(),
            attributes: index.map(|index| attribute(INDEX, index)).into_iter().collect(),
            flags: Flags::NONE,
        })?;
    }
    Ok(())
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Verb::Index => "index",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Delete => "delete",
        }
    }
}

#[cfg(test)]
mod tests;
