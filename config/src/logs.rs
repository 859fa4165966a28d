//! `logs`: what is to be known of lines that Spandrel does not understand by itself, or not as they are meant.

mod grok;

use jiff::tz::{Offset, TimeZone};
use regex::Regex;

use crate::section::Section;
use crate::setting::{Given, Setting};

/// Bytes that a compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Logs {
    pub timezone: Zone,
    pub fields: LogFields,
    /// Tried on each line that is no JSON, in this order.
    pub patterns: Vec<Pattern>,
    /// Formats as `strptime` has them, tried before the known ones.
    pub time_formats: Vec<String>,
}

/// Names of fields that go before the known ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogFields {
    pub trace_id: Vec<String>,
    pub span_id: Vec<String>,
    pub level: Vec<String>,
    pub time: Vec<String>,
    pub message: Vec<String>,
    pub service: Vec<String>,
}

/// The zone of times that don't say theirs; this machine's by default.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone(pub TimeZone);

/// A regular expression, or grok, whose named groups are fields.
#[derive(Debug, Clone)]
pub struct Pattern(pub Regex);

impl Logs {
    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.set("timezone", &mut self.timezone);
        section.section("fields", |section| {
            let LogFields { trace_id, span_id, level, time, message, service } = &mut self.fields;
            section.set("trace_id", trace_id);
            section.set("span_id", span_id);
            section.set("level", level);
            section.set("time", time);
            section.set("message", message);
            section.set("service", service);
        });
        section.set("patterns", &mut self.patterns);
        section.set("time_formats", &mut self.time_formats);
    }
}

impl Default for Zone {
    fn default() -> Self {
        Zone(TimeZone::system())
    }
}

impl Setting for Zone {
    const EXPECTED: &'static str =
        "`local`, `UTC`, an offset such as +02:00, or a name such as Europe/Berlin";

    fn read(given: Given<'_>) -> Option<Zone> {
        let text = given.value.as_str()?;
        match text {
            "local" => Some(Zone::default()),
            "UTC" | "Z" => Some(Zone(TimeZone::UTC)),
            _ => offset(text).or_else(|| TimeZone::get(text).ok()).map(Zone),
        }
    }
}

/// `+02:00`
fn offset(text: &str) -> Option<TimeZone> {
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let sensible = (0..=23).contains(&hours) && (0..60).contains(&minutes);
    let seconds = sensible.then_some(sign * (hours * 3_600 + minutes * 60))?;
    Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
}

impl Setting for Vec<Pattern> {
    const EXPECTED: &'static str = "a list of regular expressions or grok patterns with named groups, such as ['^(?<level>\\w+) (?<message>.*)', '%{WORD:level} %{GREEDYDATA:message}']";

    fn read(given: Given<'_>) -> Option<Vec<Pattern>> {
        given.value.as_array()?.iter().map(|item| item.as_str().and_then(Pattern::parse)).collect()
    }
}

impl Pattern {
    /// `None` where it cannot be compiled, or names no group: then it would find nothing.
    pub fn parse(text: &str) -> Option<Pattern> {
        let expanded = grok::expand(text)?;
        let regex = regex::RegexBuilder::new(&expanded).size_limit(PATTERN_BYTES_MAX).build().ok()?;
        let names = regex.capture_names().flatten().next().is_some();
        names.then_some(Pattern(regex))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

#[cfg(test)]
mod tests;
