//! A level in a line of text: a word near its start, or behind a name.

use spandrel_store::Level;
use spandrel_store::otlp::Value;

use super::super::level::{self, LineLevel};
use super::super::names::Scale;
use super::super::{Findings, LEVEL};
use super::{START_BYTES_MAX, head, is_long_enough};

/// A level's word stands among this many first words.
const LEVEL_WORDS_MAX: usize = 8;

/// A level, and where in its line it stands.
pub(in crate::json_log) struct PlacedLevel<'l> {
    pub(super) level: LineLevel,
    pub(super) place: usize,
    /// The name that it stands behind, if it does.
    pub(super) name: Option<&'l str>,
}

/// Takes the level's word near the start, or the one behind a name where that stands before it: further on, a name is
/// one of what is told, as in `INFO setting level=debug`.
pub(in crate::json_log) fn take_level(line: &str, named: Option<PlacedLevel<'_>>, findings: &mut Findings) {
    let first = match (standing_alone(line), named) {
        (Some(word), Some(named)) if named.place < word.place => Some(named),
        (word, named) => word.or(named),
    };
    let Some(PlacedLevel { level, name, .. }) = first else { return };
    // Whoever passed the line on is not believed any more.
    findings.trail.retain(|(what, _)| *what != LEVEL);
    match name {
        Some(name) => {
            findings.note(LEVEL, || format!("`{name}` in the text"));
            findings.level = Some(level);
        }
        None => findings.take_level_of_text(level),
    }
}

/// A level that stands by itself: on the first line, or on the second where java.util.logging writes it.
pub(in crate::json_log) fn level_of(line: &str) -> Option<LineLevel> {
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

/// A level behind its name. `priority=1`, `severity: 2` and `level: 40` are said of jobs, alerts and batteries, so there only
/// words count.
pub(super) fn named_level(value: &str, scale: Scale) -> Option<LineLevel> {
    if !matches!(scale, Scale::OpenTelemetry | Scale::Python)
        && value.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let value = Value::StringValue(value.to_owned());
    level::of_value(&value, scale).filter(|level| level.severity_number != 0)
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
        // The word is a part of the line.
        let place = (word.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
        let next = words.peek().copied().unwrap_or_default();
        if let Some(level) = level_of_word(&line[..place], word, next) {
            return Some(placed(level, place));
        }
    }
    None
}

/// Whether the last word is a level, or `<34>`.
pub(super) fn ends_with_level(line: &str) -> bool {
    let line = line.trim_end_matches(|c: char| c.is_whitespace() || OPENING.contains(&c) || c == '|');
    let start = line.rfind(char::is_whitespace).map_or(0, |place| place + 1);
    let (before, word) = line.split_at(line.ceil_char_boundary(start));
    syslog(word).is_some() || level_of_word(before, word, "").is_some()
}

/// Where the message begins behind the level, if nothing is said before it; else at the start.
pub(in crate::json_log) fn behind_level(line: &str) -> usize {
    let start = &line[..line.floor_char_boundary(START_BYTES_MAX)];
    let place = level_at_start(start).map_or(usize::MAX, |level| level.place);
    let Some((before, rest)) = line.split_at_checked(place) else { return 0 };
    let word = rest.find(char::is_whitespace).unwrap_or(0);
    if head::is_head(before) { line.len() - rest[word..].trim_start().len() } else { 0 }
}

/// Whether these are a time or a level, and behind it nothing but numbers and brackets.
pub(super) fn ends_with_head(line: &str) -> bool {
    let is_level = |word: &str| level::is_level_word(word.trim_matches(|c: char| !c.is_ascii_alphabetic()));
    line.len() <= START_BYTES_MAX
        && (head::begins_with_time(line) || level_at_start(line).is_some())
        && head::ends_with_head(line, is_level)
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
    let (letter, rest) = line.split_at_checked(1)?;
    let (date, clock) = rest.split_once(' ')?;
    if date.len() != 4 || !is_day(date.parse().ok()?) || !is_clock(clock.trim_start().as_bytes()) {
        return None;
    }
    let level = level::of_letter(letter).filter(|level| *level >= Level::Info)?;
    Some(LineLevel::new(Some(level), letter))
}

/// `0102`, the second of January.
fn is_day(date: u16) -> bool {
    (1..=12).contains(&(date / 100)) && (1..=31).contains(&(date % 100))
}

/// `15:04:05`
pub(super) fn is_clock(text: &[u8]) -> bool {
    text.get(..8).is_some_and(|clock| {
        clock.iter().enumerate().all(|(place, byte)| match place {
            2 | 5 => *byte == b':',
            _ => byte.is_ascii_digit(),
        })
    })
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

/// A level's word in capitals, in brackets, or with a colon behind it where nothing is said before it; `next` is the word
/// that follows.
fn level_of_word(before: &str, word: &str, next: &str) -> Option<LineLevel> {
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
    if let Some(level) = by_what_follows(before, plain, next) {
        return Some(level);
    }
    // `"GET /ERROR HTTP/1.1"`, `WHERE level = 'ERROR'`
    if plain[..start].ends_with(['/', '\'']) {
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
    let marked = opened && closed || plain.starts_with('|');
    let marked = marked || !capital && plain.ends_with(':') && head::is_head(before);
    (capital || marked).then(|| level::of_word(part).map(|level| LineLevel::new(Some(level), part)))?
}

/// Words that are levels only in front of what their loggers write behind them.
fn by_what_follows(before: &str, word: &str, next: &str) -> Option<LineLevel> {
    let inside = next.split_once('[');
    let number_inside = |end: fn(char) -> bool| {
        let digits = inside.map_or("", |(_, inside)| inside);
        let behind = digits.trim_start_matches(|c: char| c.is_ascii_digit());
        behind.len() < digits.len() && behind.starts_with(end)
    };
    let level = match word {
        // .NET's console, in front of a category and the number of the event: `fail: Shop.Payment[0]`.
        "trce:" | "dbug:" | "fail:"
            if next.ends_with(']') && number_inside(|c| c == ']') && head::is_head(before) =>
        {
            match word {
                "trce:" => Level::Trace,
                "dbug:" => Level::Debug,
                _ => Level::Error,
            }
        }
        // semantic_logger, in front of process and thread: `E [7:main pay.rb:12]`.
        "T" | "D" | "I" | "W" | "E" | "F"
            if next.starts_with('[')
                && number_inside(|c| c == ':')
                && !holds_clock(next)
                && head::is_time_or_nothing(before) =>
        {
            level::of_letter(word)?
        }
        _ => return None,
    };
    Some(LineLevel::new(Some(level), word.trim_end_matches(':')))
}

/// `[12:40]`, `[9:15:30`: the hour at a gate or on a course.
fn holds_clock(word: &str) -> bool {
    let Some((hour, rest)) = word.trim_start_matches('[').split_once(':') else { return false };
    let minute = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
    let behind = &rest[minute.len()..];
    hour.len() <= 2 && minute.len() == 2 && (behind.is_empty() || behind.starts_with([']', ':']))
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
