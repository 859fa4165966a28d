//! Ids, a level and a time in a line of plain text.
//!
//! Ids are found after their names (`TraceID: 95c0… SpanID: …`, `trace_id=…`, `[dd.trace_id=… …]`,
//! `traceparent=00-…`), in Spring's brackets (`[orders,4bf9…,00f0…]`) and as a bare traceparent; a level after
//! its name (`level=warn`) or as a word in capitals or brackets near the start, whichever stands first, as syslog's
//! `<34>`, glog's `E0102` or logrus' `WARN[0013]`. A time stands at the start, or behind the level. One pass,
//! whatever the line.

use std::borrow::Cow;

use spandrel_store::id::notation::{Digits, TraceContext};
use spandrel_store::{Level, SpanId};

use super::Findings;
use super::level::{self, LineLevel};
use super::names::{self, Role, Scale};
use super::time::{self, Clock, Sent};

/// A level's word stands among this many first words.
const LEVEL_WORDS_MAX: usize = 8;

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

/// A level, and where in its line it stands.
pub(super) struct PlacedLevel<'l> {
    level: LineLevel,
    place: usize,
    /// The name that it stands behind, if it does.
    name: Option<&'l str>,
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

/// Takes the level's word near the start, or the one behind a name where that stands before it: further on, a name is
/// one of what is told, as in `INFO setting level=debug`.
pub(super) fn take_level(line: &str, named: Option<PlacedLevel<'_>>, findings: &mut Findings) {
    let first = match (standing_alone(line), named) {
        (Some(word), Some(named)) if named.place < word.place => Some(named),
        (word, named) => word.or(named),
    };
    let Some(PlacedLevel { level, name, .. }) = first else { return };
    // Whoever passed the line on is not believed any more.
    findings.trail.retain(|(what, _)| *what != super::LEVEL);
    match name {
        Some(name) => {
            findings.note(super::LEVEL, || format!("`{name}` in the text"));
            findings.level = Some(level);
        }
        None => findings.take_level_of_text(level),
    }
}

/// A level that stands by itself: on the first line, or on the second where java.util.logging writes it.
pub(super) fn level_of(line: &str) -> Option<LineLevel> {
    standing_alone(line).map(|found| found.level)
}

fn standing_alone(line: &str) -> Option<PlacedLevel<'static>> {
    let (first, rest) = line.split_once('\n').unwrap_or((line, ""));
    level_at_start(&first[..first.floor_char_boundary(START_BYTES_MAX)]).or_else(|| {
        let (word, _) = rest.split('\n').next()?.split_once(": ")?;
        let level = level::of_word(word)?;
        Some(PlacedLevel { level: LineLevel::new(Some(level), word), place: first.len(), name: None })
    })
}

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

/// A level behind its name. `priority=1` and `severity: 2` are said of jobs and alerts, so there only words count.
fn named_level(value: &str, scale: Scale) -> Option<LineLevel> {
    if matches!(scale, Scale::Syslog | Scale::Priority | Scale::GoogleCloud)
        && value.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let value = spandrel_store::otlp::Value::StringValue(value.to_owned());
    level::of_value(&value, scale).filter(|level| level.severity_number != 0)
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
                findings.note(super::BOTH_IDS, || format!("`[{group}]` in the text"));
                return;
            }
        }
    }
}

fn level_at_start(line: &str) -> Option<PlacedLevel<'static>> {
    let placed = |level, place| PlacedLevel { level, place, name: None };
    let begin = line.trim_start();
    if let Some(level) = syslog(begin) {
        // It is made up by whoever passes lines on, so every name goes before it.
        return Some(placed(level, usize::MAX));
    }
    if let Some(level) = glog(begin).or_else(|| logrus(begin)) {
        return Some(placed(level, 0));
    }
    let mut words = line.split_whitespace().take(LEVEL_WORDS_MAX).peekable();
    while let Some(word) = words.next() {
        if let Some(level) = level_of_word(word, words.peek().copied().unwrap_or_default()) {
            // The word is a part of the line.
            let place = (word.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
            return Some(placed(level, place));
        }
    }
    None
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
    let level = level::of_letter(letter).filter(|level| *level >= Level::Info)?;
    Some(LineLevel::new(Some(level), letter))
}

/// `WARN[0013] …`, logrus on a terminal: a level, of four letters unless told otherwise, and the seconds since the start, or
/// the time.
fn logrus(line: &str) -> Option<LineLevel> {
    let (word, rest) = line.split_once('[')?;
    let (time, _) = rest.split_once(']')?;
    if !time.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let level = match word {
        "TRAC" | "TRACE" => Level::Trace,
        "DEBU" | "DEBUG" => Level::Debug,
        "INFO" => Level::Info,
        "WARN" | "WARNING" => Level::Warn,
        "ERRO" | "ERROR" => Level::Error,
        "FATA" | "FATAL" | "PANI" | "PANIC" => Level::Fatal,
        _ => return None,
    };
    Some(LineLevel::new(Some(level), word))
}

/// A level's word in capitals, in brackets, or with a colon behind it; `next` is the word that follows.
fn level_of_word(word: &str, next: &str) -> Option<LineLevel> {
    // Monolog's `shop.WARNING:`
    let plain = match word.strip_suffix(':').and_then(|word| word.rsplit_once('.')) {
        Some((_, level)) if level.bytes().all(|byte| byte.is_ascii_uppercase()) => level,
        _ => word,
    };
    // What stands before it are marks and the digits of a time: `[INFO][main]`, `12:00:01|WARN|main`.
    let start = plain.find(|c: char| c.is_ascii_alphabetic())?;
    if let Some(level) = level::of_slog(plain) {
        return Some(LineLevel::new(Some(level), plain));
    }
    if let Some(level) = by_what_follows(plain, next) {
        return Some(level);
    }
    // `"GET /ERROR HTTP/1.1"`
    if plain[..start].ends_with('/') {
        return None;
    }
    let (part, behind) = plain[start..]
        .split_at(plain[start..].find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(plain.len() - start));
    let ends = behind.is_empty() || behind.starts_with(BEHIND_LEVEL) || start == 0 && names_process(behind);
    if !ends || !level::is_level_word(part) || names_an_id(plain, part, behind, next) {
        return None;
    }
    let capital = part.len() > 1 && part.bytes().all(|byte| byte.is_ascii_uppercase());
    // `[warn worker] …` names somebody; structlog has blanks before the closing mark.
    let opened = plain.starts_with(OPENING);
    let closed = !behind.is_empty() || next.starts_with(CLOSING);
    let marked = opened && closed || plain.starts_with('|') || plain.ends_with(':');
    (capital || marked).then(|| level::of_word(part).map(|level| LineLevel::new(Some(level), part)))?
}

/// Words that are levels only in front of what their loggers write behind them.
fn by_what_follows(word: &str, next: &str) -> Option<LineLevel> {
    let inside = next.split_once('[');
    let number_inside = |end: fn(char) -> bool| {
        let digits = inside.map_or("", |(_, inside)| inside);
        let behind = digits.trim_start_matches(|c: char| c.is_ascii_digit());
        behind.len() < digits.len() && behind.starts_with(end)
    };
    let level = match word {
        // .NET's console, in front of a category and the number of the event: `fail: Shop.Payment[0]`.
        "trce:" if next.ends_with(']') && number_inside(|c| c == ']') => Level::Trace,
        "dbug:" if next.ends_with(']') && number_inside(|c| c == ']') => Level::Debug,
        "fail:" if next.ends_with(']') && number_inside(|c| c == ']') => Level::Error,
        // semantic_logger, in front of process and thread: `E [7:main pay.rb:12]`.
        "T" | "D" | "I" | "W" | "E" | "F" if next.starts_with('[') && number_inside(|c| c == ':') => {
            level::of_letter(word)?
        }
        _ => return None,
    };
    Some(LineLevel::new(Some(level), word.trim_end_matches(':')))
}

/// Celery's `ERROR/MainProcess]`, behind the level.
fn names_process(behind: &str) -> bool {
    let name = behind.strip_prefix('/').and_then(|name| name.strip_suffix(']'));
    name.is_some_and(|name| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

const OPENING: [char; 3] = ['[', '<', '('];
const CLOSING: [char; 3] = [']', '>', ')'];

/// What may stand behind a level's word: anything else makes it a part of a longer name, as in `[error-handler-1]`
/// and `[trace_id=…]`.
const BEHIND_LEVEL: [char; 11] = [']', '>', ')', '|', ':', ',', ';', '!', '*', '"', '\''];

/// `[trace: 4bf9…]`, `[trace 4bf9…]`, `trace:4bf9…`: a level's word that is the name of an id.
fn names_an_id(word: &str, part: &str, behind: &str, next: &str) -> bool {
    let (opened, named) = (word.starts_with(OPENING), behind.starts_with(':'));
    if !part.eq_ignore_ascii_case("trace") || behind.starts_with(CLOSING) || !(opened || named) {
        return false;
    }
    let value = behind.trim_start_matches(':');
    let value = if value.is_empty() { next } else { value };
    opened && named || is_long_enough(value)
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

/// The time among the first words, and its text: `2026-… INFO`, `[2026-…]`, `I, [2026-… #1]`, `INFO 2026-…`, `I1122 16:59:11.5`.
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
    for _ in 0..TIME_WORDS_MAX {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '[' | '(' | '|' | '<'));
        if let Some((time, length)) = clock.at_start(rest) {
            return Some((time, &rest[..length]));
        }
        rest = rest.get(rest.find(|c: char| c.is_whitespace() || matches!(c, '[' | '>'))?..)?;
        rest = rest.strip_prefix('>').unwrap_or(rest);
    }
    None
}

/// A time stands among so many first words.
const TIME_WORDS_MAX: usize = 4;

/// Whether a line begins with a date, or a time of day: maybe in brackets, maybe behind a level's word.
pub(super) fn begins_with_time(line: &str) -> bool {
    let opened = |text: &str| looks_like_time(text.trim_start_matches(['[', '(', ' ', '|']).as_bytes());
    opened(line) || line.split_once(' ').is_some_and(|(first, rest)| first.len() <= 12 && opened(rest))
}

/// The shape alone: `2026-11-22`, `2026/11/22`, `16:59:11`, `22/Nov/2026`, `11/22/2026`, `Nov 22`, `Fri Nov 22`.
fn looks_like_time(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    match (digits, text.get(digits)) {
        (4, Some(b'-' | b'/' | b'.')) => is_digit(5) && is_digit(6),
        (2, Some(b':')) => is_digit(3) && is_digit(4) && text.get(5) == Some(&b':'),
        (1 | 2, Some(b'/')) if is_digit(digits + 1) => {
            let rest = &text[digits + 1..];
            let second = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let year = rest.get(second + 1..).unwrap_or_default();
            second <= 2
                && rest.get(second) == Some(&b'/')
                && year.iter().take(4).filter(|byte| byte.is_ascii_digit()).count() == 4
        }
        (2, Some(b'/' | b' ' | b'-')) => is_month(&text[3..]),
        (0, Some(_)) if is_month(text) => text.get(3) == Some(&b' ') && (is_digit(4) || is_digit(5)),
        (0, Some(_)) if is_weekday(text) => text.get(3..).is_some_and(|rest| {
            let rest = rest.trim_ascii_start();
            is_month(rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start()) || rest.starts_with(b",")
        }),
        _ => false,
    }
}

fn is_month(text: &[u8]) -> bool {
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    text.get(..3).is_some_and(|start| MONTHS.contains(&start))
}

fn is_weekday(text: &[u8]) -> bool {
    const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    text.get(..3).is_some_and(|start| DAYS.contains(&start))
}
