//! Ids, a level and a time in a line of plain text.
//!
//! Ids are found after their names (`TraceID: 95c0… SpanID: …`, `trace_id=…`, `[dd.trace_id=… …]`,
//! `traceparent=00-…`), in Spring's brackets (`[orders,4bf9…,00f0…]`) and as a bare traceparent; a level after
//! its name (`level=warn`), as a word in capitals or brackets near the start, as syslog's `<34>` or glog's
//! `E0102`. A time is taken only where it says its offset: of any other nobody knows how far it is from UTC,
//! and the time of arrival is nearer. One pass, whatever the line.

use spandrel_store::id::notation::{Digits, TraceContext};
use spandrel_store::{Level, SpanId};

use super::Findings;
use super::level::{self, LineLevel};
use super::names::{self, Role};
use super::time::{self, Sent};

/// A level's word stands among this many first words.
const LEVEL_WORDS_MAX: usize = 8;

/// Shorter numbers after a name like `trace id` are no ids in text.
const ID_DIGITS_MIN: usize = 15;

/// An id's longest notation is X-Ray's header.
const ID_BYTES_MAX: usize = 128;

pub(super) fn find(line: &str) -> Findings {
    let mut findings = Findings::default();
    find_named(line, &mut findings);
    if findings.trace_id.is_none() {
        find_bracketed(line, &mut findings);
    }
    if findings.level.is_none() {
        findings.level = level_at_start(line);
    }
    if let Some(time) = time_at_start(line) {
        findings.take_time(time);
    }
    findings
}

/// Everything of the form name, separator, value.
fn find_named(line: &str, findings: &mut Findings) {
    let mut rest = line;
    let mut before = "";
    while let Some(start) = rest.find(is_name_char) {
        rest = &rest[start..];
        let name = &rest[..rest.find(|c| !is_name_char(c)).unwrap_or(rest.len())];
        rest = &rest[name.len()..];
        if findings.trace_id.is_none() && name.len() == TRACEPARENT_BYTES && name.starts_with("00-") {
            find_context(name, findings);
        }
        if let Some((role, _)) = role_of(before, name) {
            find_value(role, rest, findings);
        }
        before = name;
    }
}

const TRACEPARENT_BYTES: usize = 55;

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@')
}

/// The role of a name; `trace` and `id` may be two words. Names that are everyday words have none here.
fn role_of(before: &str, name: &str) -> Option<(Role, usize)> {
    if name.len() < 2 {
        return None;
    }
    let found = match name {
        "id" | "ID" | "Id" => names::role(&[before, name]),
        _ => names::role(&[name]).or_else(|| names::role(&["", name.rsplit('.').next()?])),
    };
    found.filter(|(role, _)| {
        matches!(role, Role::TraceId(_) | Role::SpanId(_) | Role::Context | Role::Level(_))
    })
}

fn find_value(role: Role, rest: &str, findings: &mut Findings) {
    let Some(value) = value_after(rest) else { return };
    match role {
        Role::TraceId(digits) if findings.trace_id.is_none() && is_long_enough(value) => {
            if let Ok(context) = TraceContext::from_text(value, digits) {
                findings.trace_id = Some(context.trace_id);
                findings.span_id = findings.span_id.or(context.span_id);
            }
        }
        Role::SpanId(digits) if findings.span_id.is_none() && is_long_enough(value) => {
            findings.span_id = SpanId::from_text(value, digits).ok();
        }
        Role::Context if findings.trace_id.is_none() => find_context(value, findings),
        // In prose "level" is a word like any other, so it needs its `=` or `:` right behind it.
        Role::Level(scale) if findings.level.is_none() && !rest.starts_with(' ') => {
            let value = spandrel_store::otlp::Value::StringValue(value.to_owned());
            findings.level = level::of_value(&value, scale).filter(|level| level.severity_number != 0);
        }
        _ => {}
    }
}

/// What stands behind a name's separator: `=`, `:`, quotes and blanks around them.
fn value_after(rest: &str) -> Option<&str> {
    let value = rest.trim_start_matches(['"', '\'', '=', ':', ' ', '\\']);
    let separator = rest.len() - value.len();
    if !(1..=6).contains(&separator) {
        return None;
    }
    let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
    let value = &value[..end.unwrap_or(value.len())];
    (1..=ID_BYTES_MAX).contains(&value.len()).then_some(value)
}

fn is_long_enough(value: &str) -> bool {
    value.bytes().filter(u8::is_ascii_hexdigit).count() >= ID_DIGITS_MIN
}

fn find_context(value: &str, findings: &mut Findings) {
    if let Ok(context) = TraceContext::from_text(value, Digits::Hex) {
        findings.trace_id = Some(context.trace_id);
        findings.span_id = findings.span_id.or(context.span_id);
    }
}

/// Spring's `[application,trace,span]` and `[trace-span]`.
fn find_bracketed(line: &str, findings: &mut Findings) {
    for group in line.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(group, _)| group) {
        if group.len() > 2 * ID_BYTES_MAX {
            continue;
        }
        let parts: Vec<&str> = group.split(',').map(str::trim).collect();
        let pairs = parts.windows(2).map(|pair| (pair[0], pair[1]));
        let dashed = parts.iter().filter_map(|part| part.split_once('-'));
        for (trace, span) in pairs.chain(dashed) {
            if matches!(trace.len(), 16 | 32)
                && span.len() == 16
                && let Ok(context) = TraceContext::from_text(trace, Digits::Hex)
                && let Ok(span_id) = SpanId::from_text(span, Digits::Hex)
            {
                findings.trace_id = Some(context.trace_id);
                findings.span_id = Some(span_id);
                return;
            }
        }
    }
}

fn level_at_start(line: &str) -> Option<LineLevel> {
    let line = line.trim_start();
    syslog(line)
        .or_else(|| glog(line))
        .or_else(|| line.split_whitespace().take(LEVEL_WORDS_MAX).find_map(level_of_word))
}

/// `<34>`: facility times eight plus severity.
fn syslog(line: &str) -> Option<LineLevel> {
    let (number, _) = line.strip_prefix('<')?.split_once('>')?;
    if number.len() > 3 {
        return None;
    }
    let number: u8 = number.parse().ok().filter(|number| *number <= 191)?;
    Some(LineLevel::new(level::of_syslog(i64::from(number % 8)), &number.to_string()))
}

/// `E0102 15:04:05.000000`: a letter, the month and the day.
fn glog(line: &str) -> Option<LineLevel> {
    let word = line.split_whitespace().next()?;
    let (letter, day) = word.split_at_checked(1)?;
    if day.len() != 4 || !day.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let level = match letter {
        "I" => Level::Info,
        "W" => Level::Warn,
        "E" => Level::Error,
        "F" => Level::Fatal,
        _ => return None,
    };
    Some(LineLevel::new(Some(level), letter))
}

/// A level's word in capitals, in brackets, or with a colon behind it.
fn level_of_word(word: &str) -> Option<LineLevel> {
    let plain = without_colours(word);
    let marked = plain.starts_with(['[', '<', '(', '|']) || plain.ends_with(':');
    // `[INFO][main]`, `ERROR:root:message`
    let mut parts = plain.split(|c: char| !c.is_ascii_alphabetic()).filter(|part| !part.is_empty());
    let part = parts.next()?;
    let rest_is_other = plain.starts_with(|c: char| c.is_ascii_alphabetic())
        && plain[part.len()..].starts_with(['.', '/', '_', '-', '(', '=', '#', '$', '@']);
    let capital = part.len() > 1 && part.bytes().all(|byte| byte.is_ascii_uppercase());
    if rest_is_other || !(capital || marked) || !is_level_word(part) {
        return None;
    }
    Some(LineLevel::new(Some(Level::from_text(part)?), part))
}

/// Words that are levels and nothing else; `OK`, `HTTP` or `DEFAULT` at the start of a text say something else.
fn is_level_word(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "trace",
        "trc",
        "debug",
        "dbg",
        "debg",
        "verbose",
        "info",
        "inf",
        "information",
        "notice",
        "warn",
        "warning",
        "wrn",
        "error",
        "err",
        "eror",
        "severe",
        "fatal",
        "ftl",
        "critical",
        "crit",
        "alert",
        "emerg",
        "panic",
    ];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// A word without the escape sequences that colour it.
fn without_colours(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    let mut parts = word.split('\u{1b}');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

fn time_at_start(line: &str) -> Option<Sent> {
    let start = line.trim_start().trim_start_matches('[');
    if !start.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut blanks = start.match_indices([' ', '\t']).map(|(place, _)| place).take(2);
    let first = blanks.next().unwrap_or(start.len());
    let second = blanks.next().unwrap_or(start.len());
    [first, second].into_iter().find_map(|end| {
        let text = start[..end].trim_end_matches([']', ',', ':']);
        time::with_offset(text).map(time::of_timestamp)
    })
}
