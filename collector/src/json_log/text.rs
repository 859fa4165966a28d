//! Ids, a level and a time in a line of plain text.
//!
//! Ids are found after their names (`TraceID: 95c0… SpanID: …`, `trace_id=…`, `[dd.trace_id=… …]`,
//! `traceparent=00-…`), in Spring's brackets (`[orders,4bf9…,00f0…]`) and as a bare traceparent; a level after
//! its name (`level=warn`) or as a word in capitals or brackets near the start, whichever stands first, as syslog's
//! `<34>`, glog's `E0102` or logrus' `WARN[0013]`. A time stands at the start, or behind the level. One pass,
//! whatever the line.

mod head;
mod level;

use std::borrow::Cow;

use spandrel_store::SpanId;
use spandrel_store::id::notation::{Digits, TraceContext};

pub(super) use self::head::begins_with_time;
use self::level::{PlacedLevel, named_level};
pub(super) use self::level::{behind_level, level_of, take_level};
use super::Findings;
use super::names::{self, Role, Scale};
use super::time::{self, Clock, Sent};

/// Shorter numbers after a name like `trace id` are no ids in text.
const ID_DIGITS_MIN: usize = 15;

/// An id's longest notation is X-Ray's header.
const ID_BYTES_MAX: usize = 128;

/// A level stands within so many bytes, and a time too.
const START_BYTES_MAX: usize = 256;

/// All that can be found in a line without the escape sequences that colour it.
pub(super) fn find(line: &str, clock: Clock<'_>, explains: bool) -> Findings {
    let mut findings = Findings { explains, ..Findings::default() };
    let named = find_ids(line, &mut findings);
    take_level(line, named, &mut findings);
    if let Some((time, text)) = time_at_start(line, clock) {
        findings.note(super::TIME, || format!("`{text}` in the text"));
        findings.take_time(time);
    }
    findings
}

/// Only the ids; the first level that is named is told, and not taken.
pub(super) fn find_ids<'l>(line: &'l str, findings: &mut Findings) -> Option<PlacedLevel<'l>> {
    let named = find_named(line, findings);
    if findings.trace_id.is_none() {
        find_bracketed(line, findings);
    }
    named
}

/// Cheap to ask of every text: whether it is worth looking for ids.
pub(super) fn may_have_ids(text: &str) -> bool {
    ["race", "RACE"].iter().any(|part| text.contains(part)) || has_digits_of_id(text.as_bytes())
}

/// Whether so many hexadecimal digits follow one another as the shortest id has that is found without its name.
fn has_digits_of_id(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(digits) = rest.get(..BARE_ID_DIGITS) {
        // Nothing that ends before the last other byte is long enough.
        match digits.iter().rposition(|byte| !byte.is_ascii_hexdigit()) {
            Some(place) => rest = &rest[place + 1..],
            None => return true,
        }
    }
    false
}

const BARE_ID_DIGITS: usize = 16;

/// Everything of the form name, separator, value; of levels the first.
fn find_named<'l>(line: &'l str, findings: &mut Findings) -> Option<PlacedLevel<'l>> {
    let mut level = None;
    let mut rest = line;
    let mut before = "";
    while let Some(start) = rest.find(is_name_char) {
        rest = &rest[start..];
        let name = &rest[..rest.find(|c| !is_name_char(c)).unwrap_or(rest.len())];
        rest = &rest[name.len()..];
        if findings.trace_id.is_none() && is_traceparent(name) {
            find_context(name, findings);
        }
        match role_of(before, name) {
            // In prose "level" is a word like any other, so it needs its `=` or `:` right behind it.
            Some((Role::Level(scale), _)) if level.is_none() && !rest.starts_with(' ') => {
                let place = line.len() - rest.len() - name.len();
                level = value_after(rest)
                    .and_then(|value| named_level(value, scale))
                    .map(|level| PlacedLevel { level, place, name: Some(name) });
            }
            Some((role, _)) => find_value(role, name, rest, findings),
            // X-Ray's header where only its value was written.
            None if matches!(name, "Root" | "Self")
                && rest.starts_with("=1-")
                && findings.trace_id.is_none() =>
            {
                let start = line.len() - rest.len() - name.len();
                find_context(whole_header(&line[start..]), findings);
            }
            None => {}
        }
        before = name;
    }
    level
}

const TRACEPARENT_BYTES: usize = 55;

/// Whether a text has the look of a traceparent, and of nothing else.
pub(super) fn is_traceparent(text: &str) -> bool {
    text.len() == TRACEPARENT_BYTES && text.starts_with("00-")
}

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
        // `status=failure` is somebody's order as often as a level.
        !matches!(role, Role::Level(Scale::Status))
            && matches!(role, Role::TraceId(_) | Role::SpanId(_) | Role::Context | Role::Level(_))
    })
}

fn find_value(role: Role, name: &str, rest: &str, findings: &mut Findings) {
    let Some(value) = value_after(rest) else { return };
    let named = || format!("`{name}` in the text");
    match role {
        Role::TraceId(digits) if findings.trace_id.is_none() && is_long_enough(value) => {
            if let Ok(context) = TraceContext::from_text(value, digits) {
                findings.trace_id = Some(context.trace_id);
                findings.note(super::TRACE_ID, named);
                if findings.span_id.is_none() && context.span_id.is_some() {
                    findings.span_id = context.span_id;
                    findings.note(super::SPAN_ID, named);
                }
            }
        }
        Role::SpanId(digits) if findings.span_id.is_none() && is_long_enough(value) => {
            findings.span_id = SpanId::from_text(value, digits).ok();
            if findings.span_id.is_some() {
                findings.note(super::SPAN_ID, named);
            }
        }
        Role::Context if findings.trace_id.is_none() => {
            let header = whole_header(&rest[value.as_ptr() as usize - rest.as_ptr() as usize..]);
            find_context(header, findings);
        }
        _ => {}
    }
}

/// A propagation header up to its end: Jaeger's has colons in it, X-Ray's equals signs and semicolons, Google Cloud's a slash.
fn whole_header(text: &str) -> &str {
    let is_of_header =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '=' | ';' | '/' | '%');
    let header = &text[..text.find(|c| !is_of_header(c)).unwrap_or(text.len())];
    header[..header.len().min(ID_BYTES_MAX)].trim_end_matches([':', ';', '=', '/', '-'])
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
        findings.note(super::BOTH_IDS, || format!("`{value}` in the text"));
    }
}

/// Spring's `[application,trace,span]` and `[trace-span]`.
fn find_bracketed(line: &str, findings: &mut Findings) {
    let groups = line.match_indices('[').filter_map(|(place, _)| {
        let (group, _) = line[place + 1..].split_once(']')?;
        Some((&line[..place], group))
    });
    for (before, group) in groups.filter(|(_, group)| group.len() <= 2 * ID_BYTES_MAX) {
        let parts: Vec<&str> = group.split(',').map(str::trim).collect();
        let pairs = parts.windows(2).map(|pair| (pair[0], pair[1]));
        let dashed = parts.iter().map(|part| part.split_once('-'));
        let dashed = dashed.enumerate().filter_map(|(place, pair)| Some((place, pair?)));
        for (place, (trace, span)) in pairs.enumerate().chain(dashed) {
            if matches!(trace.len(), 16 | 32)
                && span.len() == 16
                && (trace.len() == 32 || is_short_pair(trace, span, place > 0, before))
                && let Ok(context) = TraceContext::from_text(trace, Digits::Hex)
                && let Ok(span_id) = SpanId::from_text(span, Digits::Hex)
            {
                findings.trace_id = Some(context.trace_id);
                findings.span_id = Some(span_id);
                findings.note(super::BOTH_IDS, || format!("`[{group}]` in the text"));
                return;
            }
        }
    }
}

/// Two numbers of 16 digits are orders or cards as well, so one of them needs a letter, and they need an application's
/// name in front of them or a place right behind the time or the level.
fn is_short_pair(trace: &str, span: &str, is_behind_name: bool, before: &str) -> bool {
    let has_letter = |id: &str| id.bytes().any(|byte| byte.is_ascii_alphabetic());
    (has_letter(trace) || has_letter(span)) && (is_behind_name || level::ends_with_head(before))
}

/// A line without the escape sequences that colour it.
pub(super) fn without_colours(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return Cow::Borrowed(line);
    }
    let mut plain = String::with_capacity(line.len());
    let mut parts = line.split('\u{1b}');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let sequence = part
            .strip_prefix('[')
            .map(|rest| rest.trim_start_matches(|c: char| matches!(c, '0'..='9' | ';')));
        // What ends a sequence is its last character.
        plain.push_str(match sequence {
            Some(rest) => rest.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest),
            None => part,
        });
    }
    Cow::Owned(plain)
}

/// The time among the first words, and its text; one without seconds only as the first, or right behind a level:
/// `2026-… INFO`, `[2026-…]`, `I, [2026-… #1]`, `INFO 2026-…`, `I1122 16:59:11.5`.
pub(super) fn time_at_start<'l>(line: &'l str, clock: Clock<'_>) -> Option<(Sent, &'l str)> {
    let line = &line[..line.floor_char_boundary(START_BYTES_MAX)];
    if let Some(rest) = line.strip_prefix(['I', 'W', 'E', 'F', 'D'])
        && rest.starts_with(|c: char| c.is_ascii_digit())
    {
        return time::of_glog(rest, clock).map(|(time, length)| (time, &rest[..length]));
    }
    if let Some((time, length)) = clock.of_epoch_at_start(line) {
        return Some((time, &line[..length]));
    }
    let mut rest = line;
    for word in 0..TIME_WORDS_MAX {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '[' | '(' | '|' | '<'));
        if let Some(start) = clock.read_start(rest) {
            // Without seconds it is an appointment as often.
            let before = &line[..line.len() - rest.len()];
            let counts = start.has_seconds || word == 0 || level::ends_with_level(before);
            return counts.then(|| (start.sent, &rest[..start.length]));
        }
        rest = rest.get(rest.find(|c: char| c.is_whitespace() || matches!(c, '[' | '>'))?..)?;
        rest = rest.strip_prefix('>').unwrap_or(rest);
    }
    None
}

/// A time stands among so many first words.
const TIME_WORDS_MAX: usize = 4;
