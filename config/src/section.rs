//! The walk over a configuration document: each section asks for its keys by name and type.
//!
//! What is asked for is the schema: the walk notes every key as it is asked for, present or not, so the list of
//! all keys ([`Walk::keys`]) needs no second description, and what nobody asked for is an unknown key. A value
//! of the wrong type leaves the default in place and is noted; the walk always goes on to the end.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::ByteSize;
use crate::document::Texts;
use crate::error::ConfigError;
use crate::setting::{Given, Setting};
use crate::suggest::suggestions;
use crate::surroundings::Surroundings;

type Entries = Map<String, Value>;

/// What a walk needs and what it finds.
pub(crate) struct Walk<'a> {
    pub(crate) texts: &'a Texts,
    pub(crate) around: &'a Surroundings<'a>,
    /// Every key that has a value of its own, dotted, in the order of the walk.
    pub(crate) keys: Vec<String>,
    pub(crate) errors: Vec<ConfigError>,
    unknown: Vec<Unknown>,
}

struct Unknown {
    parent: String,
    name: String,
    siblings: Vec<String>,
}

/// One map of the document, while it is read.
pub(crate) struct Section<'w, 'a> {
    walk: &'w mut Walk<'a>,
    path: String,
    /// `None` where the document has no such section, or has nothing under it.
    entries: Option<&'a Entries>,
    asked: Vec<String>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(texts: &'a Texts, around: &'a Surroundings<'a>) -> Walk<'a> {
        Walk { texts, around, keys: Vec::new(), errors: Vec::new(), unknown: Vec::new() }
    }

    /// Reads the document from its root.
    pub(crate) fn root(&mut self, root: &'a Value, read: impl FnOnce(&mut Section<'_, 'a>)) {
        self.visit(String::new(), Some(root), read);
        self.report_unknown();
    }

    fn visit(&mut self, path: String, value: Option<&'a Value>, read: impl FnOnce(&mut Section<'_, 'a>)) {
        let entries = match value {
            None | Some(Value::Null) => None,
            Some(Value::Object(entries)) => Some(entries),
            Some(other) => {
                let message = format!("expected a section (`key: value` lines), found {}", shown(other));
                self.errors.push(ConfigError { path: path.clone(), message });
                None
            }
        };
        let mut section = Section { walk: self, path, entries, asked: Vec::new() };
        read(&mut section);
        section.close();
    }

    fn report_unknown(&mut self) {
        for Unknown { parent, name, siblings } in std::mem::take(&mut self.unknown) {
            let near = suggestions(&parent, &name, &siblings, &self.keys);
            let message = match near.is_empty() {
                false => format!("unknown key; did you mean `{}`?", near.join("` or `")),
                true => format!("unknown key; expected one of: {}", siblings.join(", ")),
            };
            self.errors.push(ConfigError { path: join(&parent, &name), message });
        }
    }
}

impl<'a> Section<'_, 'a> {
    /// Reads one value into its place, which holds the default.
    pub(crate) fn set<T: Setting>(&mut self, key: &str, place: &mut T) {
        let path = self.ask(key);
        let value = self.value(key);
        if let Some(value) = value {
            let text = self.walk.texts.get(&path).map(String::as_str);
            match T::read(Given { value, text, around: self.walk.around }) {
                Some(read) => *place = read,
                None => {
                    let found = if T::SECRET { "something else".to_owned() } else { shown(value) };
                    self.note(&path, format!("expected {}, found {found}", T::EXPECTED));
                }
            }
        }
        self.walk.keys.push(path);
    }

    /// Reads a duration that cannot be nothing.
    pub(crate) fn set_above_zero(&mut self, key: &str, place: &mut Duration) {
        self.set(key, place);
        if place.is_zero() {
            self.fail(key, "expected a duration above zero");
        }
    }

    /// Reads a section within this one. It is read when absent too, for its keys.
    pub(crate) fn section(&mut self, key: &str, read: impl FnOnce(&mut Section<'_, 'a>)) {
        let path = self.ask(key);
        let value = self.value(key);
        self.walk.visit(path, value, read);
    }

    /// The names under a key whose names are the user's own.
    pub(crate) fn names(&mut self, key: &str) -> Vec<String> {
        let path = self.ask(key);
        let names = match self.value(key) {
            None => Vec::new(),
            Some(Value::Object(entries)) => entries.keys().cloned().collect(),
            Some(other) => {
                self.note(&path, format!("expected a map, found {}", shown(other)));
                Vec::new()
            }
        };
        self.walk.keys.push(path);
        names
    }

    /// Reads the section `name`, a user's own name, under `key`. Its keys are no part of the schema.
    pub(crate) fn free_section(&mut self, key: &str, name: &str, read: impl FnOnce(&mut Section<'_, 'a>)) {
        let path = join(&join(&self.path, key), name);
        let value = self.value(key).and_then(|names| names.get(name));
        let known = self.walk.keys.len();
        self.walk.visit(path, value, read);
        self.walk.keys.truncate(known);
    }

    /// Reads a map from the user's own names to texts. Maps within are names with dots: `service: {name: x}` is
    /// `service.name: x`, which is also what `--set` makes of such a name.
    pub(crate) fn texts(&mut self, key: &str, place: &mut Vec<(String, String)>) {
        let path = self.ask(key);
        match self.value(key) {
            None => {}
            Some(Value::Object(entries)) => {
                place.clear();
                self.flatten(&path, "", entries, place);
            }
            Some(other) => self.note(&path, format!("expected a map of texts, found {}", shown(other))),
        }
        self.walk.keys.push(path);
    }

    fn flatten(&mut self, path: &str, prefix: &str, entries: &Entries, place: &mut Vec<(String, String)>) {
        for (name, value) in entries {
            let (path, name) = (join(path, name), join(prefix, name));
            if let Value::Object(inner) = value {
                self.flatten(&path, &name, inner, place);
                continue;
            }
            let text = self.walk.texts.get(&path).map(String::as_str);
            match String::read(Given { value, text, around: self.walk.around }) {
                Some(text) => place.push((name, text)),
                None => self.note(&path, format!("expected {}, found {}", String::EXPECTED, shown(value))),
            }
        }
    }

    /// Whether the document says nothing about this section.
    pub(crate) fn is_absent(&self) -> bool {
        self.entries.is_none()
    }

    /// The memory that the cgroup allows.
    pub(crate) fn memory_max(&self) -> Option<ByteSize> {
        self.walk.around.memory_max
    }

    /// The keys that nobody asked for so far.
    pub(crate) fn unread(&self) -> Vec<String> {
        let names = self.entries.into_iter().flat_map(|entries| entries.keys());
        names.filter(|name| !self.asked.contains(name)).cloned().collect()
    }

    /// Refuses a key that is no part of the schema, with its own reason.
    pub(crate) fn refuse(&mut self, key: &str, reason: impl Into<String>) {
        self.asked.push(key.to_owned());
        self.fail(key, reason);
    }

    /// Notes a mistake under a key of this section.
    pub(crate) fn fail(&mut self, key: &str, message: impl Into<String>) {
        let path = join(&self.path, key);
        self.note(&path, message.into());
    }

    fn ask(&mut self, key: &str) -> String {
        self.asked.push(key.to_owned());
        join(&self.path, key)
    }

    /// What stands under a key; `null` stands for the default, as `grpc:` with nothing after it does.
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.entries.and_then(|entries| entries.get(key)).filter(|value| !value.is_null())
    }

    fn note(&mut self, path: &str, message: String) {
        self.walk.errors.push(ConfigError { path: path.to_owned(), message });
    }

    fn close(self) {
        for name in self.unread() {
            let siblings = self.asked.clone();
            self.walk.unknown.push(Unknown { parent: self.path.clone(), name, siblings });
        }
    }
}

pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A value as it is quoted in a message: short, on one line.
fn shown(value: &Value) -> String {
    const CHARS_MAX: usize = 60;
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        scalar => {
            let text = scalar.to_string();
            match text.char_indices().nth(CHARS_MAX) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}
