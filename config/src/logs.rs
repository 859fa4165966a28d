//! `logs`: what is to be known of lines that Spandrel does not understand by itself, or not as they are meant.

mod grok;

use jiff::civil::{DateTime, date};
use jiff::fmt::strtime::{self, BrokenDownTime};
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
        self.read_patterns(section);
        section.set("time_formats", &mut self.time_formats);
        for (index, format) in self.time_formats.iter().enumerate() {
            if let Err(why) = check_time_format(format) {
                let message = format!("`{format}` is no strptime format of a date and a time: {why}");
                section.fail(&format!("time_formats.{index}"), message);
            }
        }
    }

    fn read_patterns(&mut self, section: &mut Section<'_, '_>) {
        let mut texts = PatternTexts::default();
        section.set("patterns", &mut texts);
        for (index, text) in texts.0.iter().enumerate() {
            match Pattern::parse(text) {
                Ok(pattern) => self.patterns.push(pattern),
                Err(why) => {
                    let message =
                        format!("`{text}` is no regular expression or grok with named groups: {why}");
                    section.fail(&format!("patterns.{index}"), message);
                }
            }
        }
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

#[derive(Default)]
struct PatternTexts(Vec<String>);

impl Setting for PatternTexts {
    const EXPECTED: &'static str = "a list of regular expressions or grok patterns with named groups, such as ['^(?<level>\\w+) (?<message>.*)', '%{WORD:level} %{GREEDYDATA:message}']";

    fn read(given: Given<'_>) -> Option<PatternTexts> {
        Vec::read(given).map(PatternTexts)
    }
}

impl Pattern {
    /// An error says why it cannot be compiled, or that it names no group: then it would find nothing.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let expanded = grok::expand(text)?;
        let regex = regex::RegexBuilder::new(&expanded).size_limit(PATTERN_BYTES_MAX).build();
        let regex = regex.map_err(|error| in_a_line(&error))?;
        match regex.capture_names().flatten().next() {
            Some(_) => Ok(Pattern(regex)),
            None => Err("it names no group, so that nothing would be found".to_owned()),
        }
    }
}

/// The last line says what is wrong; those before show the whole expression again.
fn in_a_line(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(max) => format!("compiled it takes more than {max} bytes"),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    }
}

/// Whether a time written in a format is read back by it: then the format is one, and says enough.
fn check_time_format(format: &str) -> Result<(), String> {
    // No field has a zero in front, which a format may leave out.
    const SAMPLE: DateTime = date(2026, 11, 23).at(22, 33, 44, 123_456_789);
    let sample = SAMPLE.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
    let text = strtime::format(format, &sample).map_err(|error| error.to_string())?;
    let mut read = BrokenDownTime::parse(format, &text).map_err(|error| error.to_string())?;
    if read.offset().is_some() {
        return read.to_timestamp().map(drop).map_err(|error| error.to_string());
    }
    // A year that is not there is the one nearest to the arrival.
    if read.year().is_none() {
        read.set_year(Some(SAMPLE.year())).map_err(|error| error.to_string())?;
    }
    read.to_datetime().map(drop).map_err(|error| error.to_string())
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

#[cfg(test)]
mod tests;
