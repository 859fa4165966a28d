//! What the user's configuration adds to the understanding of lines: `logs`.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use spandrel_config::{Logs, Pattern};
use spandrel_store::id::notation::Digits;
use spandrel_store::otlp::{KeyValue, Value};

use super::names::{Folded, Role, Scale};
use crate::normalise::attribute;

/// Made once at the start, from a configuration that is known to be right.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(super) zone: TimeZone,
    pub(super) time_formats: Vec<String>,
    patterns: Vec<Pattern>,
    /// Whether it is noted where things were found.
    pub(super) explains: bool,
    /// Folded names.
    roles: HashMap<Vec<u8>, Role>,
}

impl Rules {
    pub(crate) fn of(logs: &Logs) -> Rules {
        let fields = &logs.fields;
        let named = [
            (&fields.trace_id, Role::TraceId(Digits::Hex)),
            (&fields.span_id, Role::SpanId(Digits::Hex)),
            (&fields.level, Role::Level(Scale::Usual)),
            (&fields.time, Role::Time),
            (&fields.message, Role::Message),
            (&fields.service, Role::Service),
        ];
        let mut roles = HashMap::new();
        for (names, role) in named {
            for name in names {
                roles.extend(Folded::of(&[name]).map(|name| (name.as_bytes().to_vec(), role)));
            }
        }
        let (zone, time_formats) = (logs.timezone.0.clone(), logs.time_formats.clone());
        Rules { zone, time_formats, patterns: logs.patterns.clone(), explains: false, roles }
    }

    /// The same rules, noting where things are found.
    pub(crate) fn explaining(self) -> Rules {
        Rules { explains: true, ..self }
    }

    /// The role that the user gave to a field.
    pub(super) fn role(&self, path: &[&str]) -> Option<Role> {
        if self.roles.is_empty() {
            return None;
        }
        self.roles.get(Folded::of(path)?.as_bytes()).copied()
    }

    /// The named groups of the first pattern that fits a line.
    pub(super) fn groups(&self, line: &str) -> Option<Vec<KeyValue>> {
        self.patterns.iter().find_map(|Pattern(pattern)| {
            let found = pattern.captures(line)?;
            let named = pattern.capture_names().flatten();
            let groups = named.filter_map(|name| Some((name, found.name(name)?.as_str())));
            Some(groups.map(|(name, text)| attribute(name, Value::StringValue(text.to_owned()))).collect())
        })
    }
}
