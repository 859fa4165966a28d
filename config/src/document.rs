//! A configuration document as it is put together: the file's text, then each `--set` over it.
//!
//! Maps merge key by key, everything else is replaced. Reading is bounded: in bytes, in nodes, in depth and in
//! what aliases may unfold to, so no text takes more than a moment or a few megabytes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::complaint;
use crate::section::join;

/// A configuration is written by people.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 20;
const NODES_MAX: usize = 20_000;
pub(crate) const DEPTH_MAX: usize = 32;

/// The original text of scalars that YAML read as something other than text, by dotted path.
pub(crate) type Texts = BTreeMap<String, String>;

#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) root: Value,
    pub(crate) texts: Texts,
}

impl Document {
    /// Reads the text of a file; an empty one is an empty document.
    pub(crate) fn read(text: &str) -> Result<Document, String> {
        Ok(Document { root: read_yaml(text)?, texts: Texts::new() })
    }

    /// Merges one `a.b.c=VALUE` over the document.
    pub(crate) fn set(&mut self, assignment: &str) -> Result<(), String> {
        let (path, text) =
            assignment.split_once('=').ok_or("expected KEY=VALUE, such as query.endpoint=:7317")?;
        let path = path.trim();
        let names: Vec<&str> = path.split('.').collect();
        if names.iter().any(|name| name.is_empty()) {
            return Err(format!("`{path}` is no key; expected one such as query.endpoint"));
        }
        if names.len() > DEPTH_MAX {
            return Err(format!("expected a key of at most {DEPTH_MAX} parts"));
        }
        // `[::1]:4317` is no YAML, yet there is no doubt about what is meant.
        let value = read_yaml(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        if is_typed_scalar(&value) {
            self.texts.insert(path.to_owned(), text.to_owned());
        }
        merge(&mut self.root, nest(&names, value));
        Ok(())
    }
}

/// Whether a value is a scalar whose text may say more than the value does.
pub(crate) fn is_typed_scalar(value: &Value) -> bool {
    matches!(value, Value::Number(_) | Value::Bool(_))
}

/// One YAML document as a tree, or the reason why it is none.
pub(crate) fn read_yaml(text: &str) -> Result<Value, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("the text has {} bytes, more than the {TEXT_BYTES_MAX} allowed", text.len()));
    }
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| complaint::in_words(&error))
}

fn options() -> serde_saphyr::Options {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_events = NODES_MAX * 4;
    budget.max_nodes = NODES_MAX;
    budget.max_depth = DEPTH_MAX;
    budget.max_documents = 1;
    budget.max_total_scalar_bytes = TEXT_BYTES_MAX * 4;
    budget.max_recorded_anchor_bytes = TEXT_BYTES_MAX * 4;
    let mut options = serde_saphyr::Options::default();
    options.budget = Some(budget);
    options.alias_limits.max_total_replayed_events = NODES_MAX;
    // `level: off` is a level and `no` is Norway.
    options.strict_booleans = true;
    options.with_snippet = false;
    options
}

fn nest(names: &[&str], value: Value) -> Value {
    names.iter().rev().fold(value, |inner, name| Value::Object(Map::from_iter([((*name).to_owned(), inner)])))
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Calls `change` on every text of a tree, with its path.
pub(crate) fn visit_texts(value: &mut Value, path: &str, change: &mut dyn FnMut(&str, &mut Value)) {
    match value {
        Value::String(_) => change(path, value),
        Value::Array(items) => items.iter_mut().enumerate().for_each(|(index, item)| {
            visit_texts(item, &join(path, &index.to_string()), change);
        }),
        Value::Object(entries) => entries.iter_mut().for_each(|(name, item)| {
            visit_texts(item, &join(path, name), change);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
