//! Lines that are requests of OTLP in JSON, `{"resourceLogs": […]}`: what the Collector's file exporter writes, and
//! exporters of SDKs to standard output, whose lines stand in a container's log file. Java's `logging-otlp` exporter writes
//! what would stand in that list, a `{"resource": …, "scopeLogs": […]}`, also through java.util.logging.
//!
//! Only looked at here; whether such a line can be read as what it seems to be is found out by who reads it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::de::IgnoredAny;

use crate::{cri, docker, json_log};

const REQUEST: &str = "resourceLogs";
const RESOURCE: &str = "scopeLogs";

/// Both end so. Made once: to make it takes longer than to look for it.
static FIELD_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("eLogs"));

/// Java's logger of what the exporter says stands in front of it where its layout is the usual one.
const JAVA: &str = "io.opentelemetry.exporter.logging.otlp.";

/// The request that a line seems to be.
pub(crate) fn request(line: &[u8]) -> Option<Cow<'_, str>> {
    // Of nearly every line this is all that is looked at.
    FIELD_FINDER.find(line)?;
    let own = without_logger(own_text(line)?);
    if begins_with(&own, REQUEST) {
        return Some(own);
    }
    // The value is not looked at, so that this is done with a line at the speed of its bytes.
    let keys: HashMap<Cow<'_, str>, IgnoredAny> = serde_json::from_str(own.trim()).ok()?;
    // A log may tell of a request, too.
    if keys.keys().any(|key| json_log::is_field_of_logs(key)) {
        return None;
    }
    if keys.contains_key(REQUEST) {
        return Some(own);
    }
    let is_resource = keys.contains_key(RESOURCE) && keys.contains_key("resource");
    is_resource.then(|| Cow::Owned(format!("{{\"{REQUEST}\":[{}]}}", own.trim())))
}

fn begins_with(text: &str, field: &str) -> bool {
    let name = || text.trim_start().strip_prefix('{')?.trim_start().strip_prefix('"');
    name().and_then(|name| name.strip_prefix(field)).is_some_and(|rest| rest.starts_with('"'))
}

/// `Nov 22, 2026 5:01:37 PM io.opentelemetry.exporter.logging.otlp.… export`, and on the next line `INFO: {…}`.
fn without_logger(own: Cow<'_, str>) -> Cow<'_, str> {
    let place = own.find('{').filter(|place| own[..*place].contains(JAVA));
    match (place, own) {
        (Some(place), Cow::Borrowed(text)) => Cow::Borrowed(&text[place..]),
        (Some(place), Cow::Owned(text)) => Cow::Owned(text[place..].to_owned()),
        (None, own) => own,
    }
}

/// What a container wrote, of its log file's lines; any other text as it is. `None` where that is no text.
fn own_text(record: &[u8]) -> Option<Cow<'_, str>> {
    let Ok(text) = std::str::from_utf8(record) else {
        let whole = String::from_utf8(cri::put_together(record)?).ok()?;
        return cri::content(&whole).map(|(_, content)| Cow::Owned(content));
    };
    if let Some((_, content)) = cri::content(text) {
        return Some(Cow::Owned(content));
    }
    if let Some((_, content)) = docker::content(text) {
        return Some(Cow::Owned(content));
    }
    Some(docker::read(record).map_or(Cow::Borrowed(text), |line| line.text))
}

#[cfg(test)]
mod tests;
