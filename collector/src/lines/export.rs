//! Lines that are requests of OTLP in JSON, `{"resourceLogs": […]}`: what the Collector's file exporter writes, and
//! exporters of SDKs to standard output, whose lines stand in a container's log file.
//!
//! Only looked at here; whether such a line can be read as what it seems to be is found out by who reads it.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::{cri, docker};

/// The field's name stands within so many bytes, also where a container's own line begins behind a prefix.
const START_BYTES_MAX: usize = 128;
const FIELD: &str = "resourceLogs";

/// Made once: to make it takes longer than to look for it.
static FIELD_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(FIELD));

/// The request that a line seems to be.
pub(crate) fn request(line: &[u8]) -> Option<Cow<'_, str>> {
    // Of nearly every line this is all that is looked at.
    FIELD_FINDER.find(&line[..line.len().min(START_BYTES_MAX)])?;
    let own = own_text(line)?;
    let begins_so = |text: &str| {
        let name = text.trim_start().strip_prefix('{')?.trim_start().strip_prefix('"')?;
        name.strip_prefix(FIELD)?.strip_prefix('"').map(drop)
    };
    begins_so(&own).map(|()| own)
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
