//! A stream's labels: how they are written, and what they are as attributes of a resource.
//!
//! What Loki refuses is refused: a name that is none (`[a-zA-Z_][a-zA-Z0-9_]*`, `ParseLabels` in its `pkg/logql/syntax`), and
//! a name that is there twice (`ValidateLabels` in its `pkg/distributor`), but for an object in JSON, of which the last counts
//! (`LabelSet` in its `pkg/loghttp`). A stream without labels is taken, as Loki does that finds the service by itself.

use std::collections::HashSet;

use spandrel_store::otlp::{KeyValue, Value};
use spandrel_store::record::streams::STREAM_ATTRIBUTES;

use crate::normalise::attribute;
use crate::refusal::Refusal;

/// Where a stream has no `service_name`, Loki takes the first of these.
const SERVICES: [&str; 13] = [
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];

/// What an object of labels says, as Loki has it: of a name that is there twice the last counts, and names are those of
/// Prometheus.
pub(super) fn of_object(labels: Vec<(String, String)>) -> Result<Vec<(String, String)>, Refusal> {
    if let Some((name, _)) = labels.iter().find(|(name, _)| !is_name(name)) {
        let shown: String = name.chars().take(NAME_CHARS_SHOWN).collect();
        return Err(Refusal::Undecodable(format!(
            "`{}` is no name of a label: letters, digits and _, and no digit first",
            shown.escape_debug()
        )));
    }
    let mut seen = HashSet::new();
    let mut last: Vec<(String, String)> =
        labels.into_iter().rev().filter(|(name, _)| seen.insert(name.clone())).collect();
    last.reverse();
    Ok(last)
}

const NAME_CHARS_SHOWN: usize = 64;

/// The attributes that labels stand for. Empty values are no labels, in Loki too.
pub(super) fn resource(labels: Vec<(String, String)>) -> Vec<KeyValue> {
    let value = |name: &str| labels.iter().find(|(known, value)| known == name && !value.is_empty());
    let service = match value("service_name") {
        Some(_) => None,
        None => SERVICES.iter().find_map(|name| value(name)).map(|(_, value)| value.clone()),
    };
    let service = service.map(|value| ("service.name".to_owned(), value));
    let all = service.into_iter().chain(labels.into_iter().filter(|(_, value)| !value.is_empty()));
    all.map(|(name, value)| attribute(attribute_name(&name), Value::StringValue(value))).collect()
}

/// The attribute that Loki makes the label of by default; a label of any other name is an attribute of that name.
fn attribute_name(label: &str) -> &str {
    let stands_for =
        |attribute: &&str| attribute.len() == label.len() && attribute.replace('.', "_") == label;
    STREAM_ATTRIBUTES.into_iter().find(stands_for).unwrap_or(label)
}

/// `{job="orders", zone="a\"b"}`, with the escapes of Go's strings, or `` `…` `` without any.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let labels = read(text).ok_or_else(|| {
        Refusal::undecodable(
            "labels of a stream are written {name=\"value\", …}, with \" and \\ in values escaped",
        )
    })?;
    let mut seen = HashSet::new();
    if labels.iter().all(|(name, _)| seen.insert(name.as_str())) {
        return Ok(labels);
    }
    Err(Refusal::undecodable("a label of a stream is there twice"))
}

fn read(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.trim().strip_prefix('{')?.trim_start();
    let mut labels = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return after.is_empty().then_some(labels);
        }
        let (name, value) = rest.split_once('=')?;
        let name = name.trim();
        let (value, after) = quoted(value.trim_start())?;
        if !is_name(name) {
            return None;
        }
        labels.push((name.to_owned(), value));
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if rest.starts_with('}') => rest,
            None => return None,
        };
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The text that a quoted one stands for, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        let (value, rest) = raw.split_once('`')?;
        return Some((value.to_owned(), rest));
    }
    let mut value = String::new();
    let mut rest = text.strip_prefix('"')?;
    loop {
        let stop = rest.find(['"', '\\'])?;
        value.push_str(&rest[..stop]);
        let escaped = rest[stop..].strip_prefix('\\');
        match escaped {
            None => return Some((value, &rest[stop + 1..])),
            Some(escape) => rest = unescape(escape, &mut value)?,
        }
    }
}

/// Go's escapes but for those of single bytes, which need not be text.
fn unescape<'t>(escape: &'t str, value: &mut String) -> Option<&'t str> {
    let mut chars = escape.chars();
    let digits = match chars.next()? {
        'n' => return plain(value, '\n', chars.as_str()),
        't' => return plain(value, '\t', chars.as_str()),
        'r' => return plain(value, '\r', chars.as_str()),
        c @ ('"' | '\\' | '\'') => return plain(value, c, chars.as_str()),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let (number, rest) = chars.as_str().split_at_checked(digits)?;
    let number = number.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(number)?;
    plain(value, char::from_u32(u32::from_str_radix(number, 16).ok()?)?, rest)
}

fn plain<'t>(value: &mut String, c: char, rest: &'t str) -> Option<&'t str> {
    value.push(c);
    Some(rest)
}
