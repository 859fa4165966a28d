//! Understanding a log line, JSON or text, from whichever logger it came.
//!
//! In comes one line, or several that belong together; out goes an OpenTelemetry log record: trace and span id,
//! level, time, message and exception are looked for under the names that loggers use ([`names`]), what remains
//! of a JSON object becomes attributes with their types. JSON inside a JSON string is opened: a line as Docker's
//! json-file driver or containerd wrote it, or a whole record under `message`. A line that is no JSON object is logfmt, a web
//! server's, or text, in which ids, a level and a time are looked for ([`text`]).
//!
//! Invariants: any bytes give a record, nothing panics, and what is consumed as a field stays in the line's
//! `original`, which the caller keeps. To know more loggers, add to the tables of `names`; `tests/loggers` has
//! what the real ones write.

mod access;
mod beside;
mod console;
mod docker;
mod exception;
mod fields;
mod findings;
mod journal;
mod level;
mod logfmt;
mod names;
mod object;
mod rules;
mod text;
mod time;

use std::borrow::Cow;

use spandrel_store::otlp::{KeyValue, LogRecord, Value};
use spandrel_store::{Flags, UnixNanos};

pub(crate) use self::beside::Beside;
use self::findings::{BOTH_IDS, Findings, LEVEL, MESSAGE, SPAN_ID, TIME, TRACE_ID};
use self::object::Object;
pub(crate) use self::rules::Rules;
use self::time::Clock;
use crate::cri::{self, CriLine};
use crate::normalise::{Cuts, RecordLimits, attribute};

/// JSON inside a JSON string is opened so many times: a logger's record, in a collector's, in Docker's.
const WRAPPINGS_MAX: usize = 3;

/// The last of OpenTelemetry's numbers for `info`.
const SEVERITY_INFO_MAX: i32 = 12;

/// A line as a log record.
#[derive(Debug, Default)]
pub(crate) struct Understood {
    pub(crate) log: LogRecord,
    pub(crate) flags: Flags,
    /// The service that the line itself names.
    pub(crate) service: Option<String>,
    /// What kind of line it is.
    pub(crate) form: &'static str,
    /// Where what was found, where that is asked for: `("level", "log.level")`.
    pub(crate) trail: Vec<(&'static str, String)>,
}

/// Reads lines within the limits; counts what it cuts.
#[derive(Debug)]
pub(crate) struct LineReader<'a> {
    pub(crate) limits: &'a RecordLimits,
    pub(crate) rules: &'a Rules,
    pub(crate) cuts: &'a mut Cuts,
}

impl LineReader<'_> {
    /// Understands a line that arrived at `received`.
    pub(crate) fn understand(&mut self, line: &[u8], received: UnixNanos) -> Understood {
        self.understand_with(line, Beside::default(), received)
    }

    /// The same for a line beside which something is said.
    pub(crate) fn understand_with(&mut self, line: &[u8], beside: Beside, received: UnixNanos) -> Understood {
        // Nearly every line is UTF-8, which is found out several times as fast by itself.
        let text = std::str::from_utf8(line).map_or_else(|_| text_of(line), Cow::Borrowed);
        let mut findings = self.findings(&text, received, 0);
        if matches!(&text, Cow::Owned(text) if text.contains(char::REPLACEMENT_CHARACTER)) {
            findings.flags.insert(Flags::INVALID_UTF8);
        }
        beside.add_to(&mut findings, received);
        findings.into_record(&text, received)
    }

    fn findings(&mut self, line: &str, received: UnixNanos, wrappings: usize) -> Findings {
        // Windows puts a mark before the first line of a file.
        let trimmed = line.trim_start_matches('\u{feff}').trim();
        if let Some(object) = self.object(trimmed) {
            return match docker::open(object, self.clock(received)) {
                Ok(wrapped) => self.findings_in_docker_line(wrapped, received, wrappings),
                Err(object) => self.findings_in_object(object, received, wrappings),
            };
        }
        if wrappings < WRAPPINGS_MAX
            && trimmed.starts_with('"')
            && let Ok(inner) = serde_json::from_str::<String>(trimmed)
        {
            let mut findings = self.findings(&inner, received, wrappings + 1);
            findings.flags.0 &= !Flags::NOT_JSON.0;
            findings.form = "JSON in a JSON string";
            return findings;
        }
        if wrappings < WRAPPINGS_MAX
            && let Some((first, content)) = crate::docker::content(trimmed)
            && let Some(first) = self.object(first)
            && let Some(wrapped) = docker::open_several(first, content, self.clock(received))
        {
            return self.findings_in_docker_line(wrapped, received, wrappings);
        }
        if let Some(findings) = self.findings_with_stack(trimmed, received, wrappings) {
            return findings;
        }
        if wrappings < WRAPPINGS_MAX
            && let Some((first, content)) = cri::content(trimmed)
        {
            return self.findings_in_container_line(first, &content, received, wrappings);
        }
        let mut findings = self.findings_in_text(line, received);
        if is_json(trimmed) {
            findings.flags.0 &= !Flags::NOT_JSON.0;
        }
        findings
    }

    fn clock(&self, received: UnixNanos) -> Clock<'_> {
        Clock { zone: &self.rules.zone, received, formats: &self.rules.time_formats }
    }

    fn object(&mut self, text: &str) -> Option<Object> {
        object::read(text, self.limits, self.cuts, Some(self.rules))
    }

    fn find_in(&mut self, object: Object, received: UnixNanos) -> Findings {
        let left_out = object.left_out;
        let (findings, cut) = fields::find_in(object, self.clock(received), self.rules);
        self.cuts.attributes += cut + left_out;
        findings
    }

    fn findings_in_object(&mut self, object: Object, received: UnixNanos, wrappings: usize) -> Findings {
        let mut object = object;
        journal::texts_of_bytes(&mut object.fields);
        let mut findings = self.find_in(object, received);
        findings.form = "JSON";
        self.look_into_message(&mut findings, received, wrappings);
        findings
    }

    /// An object behind which its logger has printed a stack.
    fn findings_with_stack(&mut self, text: &str, received: UnixNanos, wrappings: usize) -> Option<Findings> {
        let (first, stack) = text.split_once('\n').filter(|(first, _)| first.starts_with('{'))?;
        let read = exception::behind_record(stack)?;
        let object = self.object(first.trim_end())?;
        let mut findings = self.findings_in_object(object, received, wrappings);
        findings.exception.get_or_insert_default().complete_with(read);
        findings.form = "JSON with a stack behind it";
        Some(findings)
    }

    /// The message may be a record of its own, or a text that says what the fields don't.
    fn look_into_message(&mut self, findings: &mut Findings, received: UnixNanos, wrappings: usize) {
        let Some(message) = findings.message.take() else { return };
        let trimmed = message.trim();
        let may_be_record = wrappings < WRAPPINGS_MAX && trimmed.starts_with('{') && trimmed.ends_with('}');
        if may_be_record && let Some(object) = self.object(trimmed) {
            let inner = self.findings_in_object(object, received, wrappings + 1);
            findings.put_inside(inner, message);
            return;
        }
        let plain = text::without_colours(&message);
        let looks = findings.trace_id.is_none() && text::may_have_ids(&plain);
        let named = looks.then(|| text::find_ids(&plain, findings)).flatten();
        if findings.level.is_none() {
            text::take_level(&plain, named, findings);
        } else if findings.level_is_of_syslog {
            text::take_level(&plain, None, findings);
        }
        if findings.level.is_none() {
            findings.level_of_crash = exception::level_of_crash(&message, exception::in_text(&message));
        }
        findings.message = Some(message);
    }

    /// What the inner text tells goes before what Docker says of it.
    fn findings_in_docker_line(
        &mut self,
        wrapped: docker::Wrapped,
        received: UnixNanos,
        wrappings: usize,
    ) -> Findings {
        let mut findings = self.findings(&wrapped.text, received, wrappings + 1);
        findings.flags.0 &= !Flags::NOT_JSON.0;
        findings.form = "a line of Docker's";
        if findings.message.is_none() {
            findings.take_whole(&wrapped.text);
        }
        if let Some(time) = wrapped.time {
            findings.take_relays_time(time, "Docker's time");
        }
        findings.attributes.extend(wrapped.attributes);
        if wrapped.cut {
            findings.flags.insert(Flags::CUT);
        }
        findings
    }

    /// The same for containerd's lines and CRI-O's.
    fn findings_in_container_line(
        &mut self,
        line: CriLine<'_>,
        content: &str,
        received: UnixNanos,
        wrappings: usize,
    ) -> Findings {
        let mut findings = self.findings(content, received, wrappings + 1);
        findings.form = "a line of containerd's";
        let time = self.clock(received).of_text(line.time);
        if let Some(time) = time {
            findings.take_relays_time(time, "containerd's time");
        }
        let stream = Value::StringValue(line.stream.to_owned());
        findings.attributes.push(attribute("log.iostream", stream));
        if line.partial {
            // Its other pieces did not come with it.
            findings.flags.insert(Flags::CUT);
        }
        findings
    }

    fn findings_in_text(&mut self, line: &str, received: UnixNanos) -> Findings {
        let line = line.trim_end_matches(['\r', '\n']);
        let plain = text::without_colours(line);
        let mut findings = self.findings_in_pairs(&plain, received);
        if let Some(findings) = &mut findings
            && (findings.message.is_some() || findings.structured)
        {
            if findings.message.is_none() {
                // A web server says it in a place of its own, and its requests have any words.
                if findings.level.is_none()
                    && findings.form != access::FORM
                    && let Some(level) = text::level_of(&plain)
                {
                    findings.take_level_of_text(level);
                }
                findings.take_whole(line);
            }
            return std::mem::take(findings);
        }
        if let Some(dump) = console::read(&plain) {
            return self.findings_in_dump(dump, &plain, line, received);
        }
        let mut findings = text::find(&plain, self.clock(received), self.rules.explains);
        findings.time_is_of_text = true;
        if let Some(object) = self.object_at_end(&plain) {
            findings.add(self.find_in(object, received));
        } else if let Some(pairs) = self.pairs_at_end(&plain) {
            findings.add(self.find_in(pairs, received));
        }
        let read = exception::in_text(&plain);
        if findings.level.is_none() {
            findings.level_of_crash = exception::level_of_crash(&plain, read);
        }
        if let Some(read) = read {
            findings.exception.get_or_insert_default().complete_with(read);
        }
        findings.take_whole(line);
        findings.form = "text";
        findings.flags.insert(Flags::NOT_JSON);
        findings
    }

    /// What a console exporter prints; what its parts don't tell may stand in front of them.
    fn findings_in_dump(
        &mut self,
        dump: console::Dump<'_>,
        plain: &str,
        line: &str,
        received: UnixNanos,
    ) -> Findings {
        let mut findings = fields::find(dump.fields, self.clock(received), self.rules);
        findings.add(text::find(plain, self.clock(received), self.rules.explains));
        if let Some(read) = dump.exception.and_then(exception::in_text) {
            findings.exception.get_or_insert_default().complete_with(read);
        }
        if findings.message.is_none() {
            findings.take_whole(line);
        }
        findings.form = "a console exporter's";
        findings.flags.insert(Flags::NOT_JSON);
        findings
    }

    /// A line in a form that says which of its parts is what.
    fn findings_in_pairs(&mut self, plain: &str, received: UnixNanos) -> Option<Findings> {
        let clock = self.clock(received);
        if let Some(groups) = self.rules.groups(plain) {
            let mut findings = fields::find(groups, clock, self.rules);
            findings.find_ids_beside_requests(plain);
            findings.structured = true;
            findings.form = "a pattern of logs.patterns";
            return Some(findings);
        }
        if let Some(pairs) = logfmt::read(plain, self.limits.attributes_max) {
            let mut findings = self.find_in(pairs, received);
            // The other pairs have names, which say what is in them.
            if let Some(message) = findings.message.take() {
                findings.find_missing_ids(&message);
                findings.message = Some(message);
            }
            findings.structured = true;
            findings.form = "logfmt";
            return Some(findings);
        }
        access::find(plain, clock).map(|found| {
            let mut findings = Findings { explains: self.rules.explains, ..found };
            findings.find_ids_beside_requests(plain);
            findings
        })
    }

    /// The pairs behind the name of a process: `2023-11-14T22:13:20+00:00 heroku[router]: at=info method=GET …`.
    fn pairs_at_end(&self, plain: &str) -> Option<Object> {
        let (head, pairs) = plain.split_once("]: ")?;
        let process = head.split_ascii_whitespace().last()?;
        let is_process = process.find('[').is_some_and(|place| place > 0);
        is_process.then(|| logfmt::read(pairs, self.limits.attributes_max))?
    }

    /// The JSON object that a text ends with, as zap's console encoder, Monolog and winston write the fields.
    fn object_at_end(&mut self, plain: &str) -> Option<Object> {
        let first_line = plain.split('\n').next().unwrap_or_default();
        let start = first_line.find("{\"")?;
        let rest = &first_line[start..];
        let end = rest.rfind('}')? + 1;
        // Monolog appends what else there is.
        if !rest[end..].trim().trim_matches(['[', ']', ' ']).is_empty() {
            return None;
        }
        self.object(&rest[..end])
    }
}

/// The text of a line that is not UTF-8 as it stands: a container's pieces may end within a character.
fn text_of(line: &[u8]) -> Cow<'_, str> {
    match cri::put_together(line).map(String::from_utf8) {
        Some(Ok(whole)) => Cow::Owned(whole),
        Some(Err(error)) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        None => String::from_utf8_lossy(line),
    }
}

/// A number, a list, `null`: JSON, though no object.
fn is_json(text: &str) -> bool {
    let may_be =
        text.starts_with(|c: char| matches!(c, '[' | '"' | '-' | 't' | 'f' | 'n') || c.is_ascii_digit());
    may_be && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The fields of a text that is one JSON object, and whether something of them was cut; `None` for any other text.
pub(crate) fn json_object(
    text: &str,
    limits: &RecordLimits,
    cuts: &mut Cuts,
) -> Option<(Vec<KeyValue>, bool)> {
    object::read(text.trim(), limits, cuts, None).map(|object| (object.fields, object.cut))
}

/// Whether a line begins with a date or a time of day.
pub(crate) fn begins_with_time(line: &str) -> bool {
    text::begins_with_time(line)
}

/// Whether a level stands near the start of a line.
pub(crate) fn begins_with_level(line: &str) -> bool {
    text::level_of(line).is_some()
}

/// Whether a line says near its start that its level is `info` or below.
pub(crate) fn says_no_error(line: &str) -> bool {
    let mut findings = Findings::default();
    let named = text::find_ids(line, &mut findings);
    text::take_level(line, named, &mut findings);
    findings.level.is_some_and(|level| (1..=SEVERITY_INFO_MAX).contains(&level.severity_number))
}

/// Whether a line begins what .NET's console exporter prints of a log or a span.
pub(crate) fn begins_dump(line: &[u8]) -> bool {
    console::begins(line)
}

/// Whether a line begins with the name of an exception, and its message or nothing.
pub(crate) fn names_exception(line: &str) -> bool {
    exception::named_first(line).is_some()
}

/// Whether every log may have a field of this name.
pub(crate) fn is_field_of_logs(key: &str) -> bool {
    names::role(&[key]).is_some()
}

/// Whether a line begins with what could be the name of an exception.
pub(crate) fn may_name_exception(line: &str) -> bool {
    exception::may_be_named_first(line)
}

/// `/app/server.js:10`, with which Node begins what nobody caught.
pub(crate) fn is_place_in_source(line: &str) -> bool {
    exception::is_place_in_source(line)
}

pub(crate) fn without_colours(line: &str) -> Cow<'_, str> {
    text::without_colours(line)
}

#[cfg(test)]
mod tests;
