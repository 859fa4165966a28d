//! Stages that find labels in a line.

use serde_json::Value as Json;

use super::entry::{Entry, MADE_BYTES_MAX, mangled};
use crate::language::logql::{PathPart, PatternPart};
use crate::language::pattern::Pattern;

/// Labels that one line gives at most.
const LABELS_MAX: usize = 1_000;

/// The names of the labels that say what went wrong.
pub const ERROR: &str = "__error__";
pub const ERROR_DETAILS: &str = "__error_details__";

/// Notes what went wrong; the entry goes on.
pub fn fail(entry: &mut Entry, error: &str, details: impl Into<String>) {
    entry.fail(error, details.into());
}

/// All values of a JSON object, or those at the paths.
pub fn json(entry: &mut Entry, fields: &[(String, Vec<PathPart>)]) {
    let parsed: Json = match serde_json::from_str(&entry.line) {
        Ok(parsed @ Json::Object(_)) => parsed,
        Ok(_) => {
            return fail(
                entry,
                "JSONParserErr",
                "Value looks like object, but can't find closing '}' symbol",
            );
        }
        Err(error) => return fail(entry, "JSONParserErr", error.to_string()),
    };
    if fields.is_empty() {
        let mut found = Vec::new();
        flatten("", &parsed, &mut found, &mut 0);
        found.into_iter().for_each(|(name, value)| entry.extract(&name, value));
        return;
    }
    for (label, path) in fields {
        let mut at = Some(&parsed);
        for part in path {
            at = match part {
                PathPart::Key(key) => at.and_then(|json| json.get(key)),
                PathPart::Index(index) => at.and_then(|json| json.get(index)),
            };
        }
        entry.extract(label, at.map(text_of).unwrap_or_default());
    }
}

fn text_of(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

/// Values under the names of their keys, joined by underscores; arrays are left out. A long key is in the names of all
/// that is below it, so that `bytes` are counted as they are made.
fn flatten(before: &str, json: &Json, found: &mut Vec<(String, String)>, bytes: &mut usize) {
    let Json::Object(map) = json else { return };
    for (key, value) in map {
        if found.len() >= LABELS_MAX || *bytes > MADE_BYTES_MAX {
            return;
        }
        let name = mangled(key);
        let name = if before.is_empty() { name } else { format!("{before}_{name}") };
        match value {
            Json::Object(_) => flatten(&name, value, found, bytes),
            Json::Array(_) | Json::Null => {}
            value => {
                let value = text_of(value);
                *bytes += name.len() + value.len();
                found.push((name, value));
            }
        }
    }
}

pub fn logfmt(entry: &mut Entry, strict: bool, keep_empty: bool, fields: &[(String, String)]) {
    let line = entry.line.clone();
    let (pairs, error) = logfmt_pairs(&line);
    if let Some(error) = error.filter(|_| strict) {
        return fail(entry, "LogfmtParserErr", error);
    }
    if fields.is_empty() {
        let kept = pairs.into_iter().filter(|(_, value)| keep_empty || !value.is_empty());
        kept.take(LABELS_MAX).for_each(|(key, value)| entry.extract(&mangled(key), value));
        return;
    }
    for (label, key) in fields {
        let found = pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
        entry.extract(label, found.unwrap_or_default());
    }
}

/// `key=value key="a value"`, and the first thing that is neither; words without a value have none.
fn logfmt_pairs(line: &str) -> (Vec<(&str, String)>, Option<String>) {
    let (mut rest, mut pairs, mut error) = (line.trim_start(), Vec::new(), None);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace() || c == '"').unwrap_or(rest.len());
        let key = &rest[..end];
        rest = &rest[end..];
        if key.is_empty() || rest.starts_with('"') {
            let place = line.len() - rest.len();
            error.get_or_insert_with(|| format!("logfmt syntax error at pos {place} : unexpected character"));
            rest = rest.trim_start_matches(|c: char| !c.is_whitespace()).trim_start();
            continue;
        }
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            rest = after;
            match crate::language::quoted(&mut rest) {
                Some(text) => value = text,
                None => {
                    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                    value = rest[..end].to_owned();
                    rest = &rest[end..];
                }
            }
        }
        pairs.push((key, value));
        rest = rest.trim_start();
    }
    (pairs, error)
}

pub fn regexp(entry: &mut Entry, pattern: &Pattern) {
    let line = entry.line.clone();
    let Some(captures) = pattern.regex().captures(&line) else { return };
    for name in pattern.regex().capture_names().flatten() {
        if let Some(found) = captures.name(name) {
            entry.extract(name, found.as_str().to_owned());
        }
    }
}

pub fn pattern(entry: &mut Entry, parts: &[PatternPart]) {
    let line = entry.line.clone();
    for (name, value) in captures(parts, &line) {
        entry.extract(name, value.to_owned());
    }
}

/// What the named captures of a pattern are in the line; those up to the first literal that is missing.
fn captures<'p, 'l>(parts: &'p [PatternPart], line: &'l str) -> Vec<(&'p str, &'l str)> {
    let (mut rest, mut found) = (line, Vec::new());
    let mut parts = parts.iter().peekable();
    if let Some(PatternPart::Literal(first)) = parts.peek() {
        let Some(after) = rest.strip_prefix(first.as_str()) else { return found };
        rest = after;
        parts.next();
    }
    while let Some(part) = parts.next() {
        let PatternPart::Capture(name) = part else { continue };
        let value = match parts.peek() {
            Some(PatternPart::Literal(literal)) => {
                let Some((value, after)) = rest.split_once(literal.as_str()) else {
                    return found;
                };
                rest = after;
                value
            }
            _ => std::mem::take(&mut rest),
        };
        found.extend(name.as_deref().map(|name| (name, value)));
    }
    found
}

/// Whether a line has all literals of a pattern in their order, the first and last of them at its ends unless
/// a wildcard is there.
pub fn is_like(parts: &[PatternPart], line: &str) -> bool {
    let mut rest = line;
    for (index, part) in parts.iter().enumerate() {
        let PatternPart::Literal(literal) = part else { continue };
        let (first, last) = (index == 0, index + 1 == parts.len());
        let after = match (first, last) {
            (true, true) => return line == literal,
            (true, false) => rest.strip_prefix(literal.as_str()),
            (false, true) => return rest.ends_with(literal.as_str()),
            (false, false) => rest.split_once(literal.as_str()).map(|(_, after)| after),
        };
        let Some(after) = after else { return false };
        rest = after;
    }
    matches!(parts.last(), Some(PatternPart::Capture(_))) || rest.is_empty()
}

/// Labels that were packed into a JSON line, and the line that they were packed with.
pub fn unpack(entry: &mut Entry) {
    let parsed: Json = match serde_json::from_str(&entry.line) {
        Ok(parsed) => parsed,
        Err(error) => return fail(entry, "JSONParserErr", error.to_string()),
    };
    let Json::Object(map) = parsed else {
        return fail(entry, "JSONParserErr", "expecting json object, but it is not");
    };
    for (key, value) in map {
        let Json::String(value) = value else { continue };
        match key.as_str() {
            "_entry" => entry.line = value,
            key => entry.extract(&mangled(key), value),
        }
    }
}

/// A line without the sequences that colour a terminal.
pub fn decolorized(line: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(line.len()), line);
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        let sequence = after.strip_prefix('[').and_then(|after| {
            let end = after.find(|c: char| !c.is_ascii_digit() && !";:?".contains(c))?;
            let command = after[end..].chars().next()?;
            Some(&after[end + command.len_utf8()..])
        });
        match sequence {
            Some(after) => rest = after,
            None => {
                out.push('\u{1b}');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
