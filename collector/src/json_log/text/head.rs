//! What stands in front of a message: a time, things in brackets, the prefix that syslog gives a line.
//!
//! The shape alone is looked at. What is only near to a time, as `1500.00 EUR`, `May 5 customers` or `Sun, sea and
//! sand`, is none.

use super::super::{level, time};

/// Whether a line begins with a date, or a time of day: maybe in brackets, maybe behind a level's word. Behind another word,
/// which may be a service's name, it has seconds: `Appointment 2026-11-20 10:00` is no log's date.
pub(in crate::json_log) fn begins_with_time(line: &str) -> bool {
    let opened = |text: &str| looks_like_time(text.trim_start_matches(['[', '(', ' ', '|']).as_bytes());
    let is_word = |first: &str| first.bytes().all(|byte| byte.is_ascii_alphabetic());
    let behind = |(first, rest): (&str, &str)| {
        first.len() <= 12
            && opened(rest)
            && (!is_word(first) || level::is_level_word(first) || has_seconds(rest.as_bytes()))
    };
    opened(line) || line.split_once(' ').is_some_and(behind)
}

/// Whether `16:59:11` stands where a date ends.
fn has_seconds(text: &[u8]) -> bool {
    text[..text.len().min(DATE_BYTES_MAX)].windows(8).any(super::level::is_clock)
}

/// A date and the time of day in any of the usual forms, and marks in front.
const DATE_BYTES_MAX: usize = 40;

/// Whether nothing stands here, or a time and nothing else.
pub(super) fn is_time_or_nothing(before: &str) -> bool {
    let before = before.trim();
    before.is_empty()
        || looks_like_time(before.trim_start_matches(['[', '(']).as_bytes())
            && before.split_whitespace().all(is_of_time)
}

/// Whether nothing is said yet: nothing but a time, numbers, brackets, and syslog's host and program, or the name that a
/// supervisor puts before a bar. PHP and Go have a word of theirs before `error:`.
pub(super) fn is_head(before: &str) -> bool {
    let before = before.rsplit_once("| ").map_or(before, |(_, behind)| behind);
    let mut names = words_outside_brackets(before).filter(|word| !is_of_time(word));
    match (names.next(), names.next(), names.next()) {
        (None, ..) => true,
        (Some(name), None, _) => is_process(name) || BEFORE_ERROR.contains(&name),
        (Some("PHP"), Some(kind), None) => BEFORE_ERROR.contains(&kind),
        (Some(_), Some(program), None) => program.ends_with(':') && begins_with_date(before),
        _ => false,
    }
}

/// Whether a bracket stands right behind the time or the level: nothing but brackets and numbers between.
pub(super) fn ends_with_head(before: &str, is_level: impl Fn(&str) -> bool) -> bool {
    words_outside_brackets(before).all(|word| is_of_time(word) || is_level(word))
}

/// `PHP Warning:`, `PHP Fatal error:`, `Parse error:`, `fatal error:`.
const BEFORE_ERROR: [&str; 4] = ["PHP", "Fatal", "Parse", "fatal"];

/// `app[5]:`
fn is_process(word: &str) -> bool {
    word.ends_with("]:") && word.find('[').is_some_and(|place| place > 0)
}

fn begins_with_date(text: &str) -> bool {
    let text = text.trim_start();
    looks_like_time(text.as_bytes()) && text.as_bytes().get(2) != Some(&b':')
}

fn words_outside_brackets(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.split_whitespace().filter(move |word| {
        let is_part = inside || word.starts_with(['[', '(', '<']);
        inside = is_part && !word.contains([']', ')', '>']);
        !is_part
    })
}

/// A word of a time, or one without a letter.
fn is_of_time(word: &str) -> bool {
    let word = word.trim_matches(['[', ']', '(', ')', ',', ':', '|']);
    let is_alone = || word.len() == 3 && (is_month(word.as_bytes()) || is_weekday(word.as_bytes()));
    !word.contains(char::is_alphabetic)
        || matches!(word, "AM" | "PM" | "am" | "pm")
        || is_alone()
        || time::is_zone(word)
        || looks_like_time(word.as_bytes())
}

/// The shape alone: `2026-11-22`, `2026/11/22`, `16:59:11`, `22/Nov/2026`, `11/22/2026`, `Nov 22 16:59`, `Nov 22, 2026`,
/// `Fri Nov 22 16:59`, `Fri, 22 Nov`.
fn looks_like_time(text: &[u8]) -> bool {
    let digits = digits_at(text, 0);
    match (digits, text.get(digits)) {
        (4, Some(mark @ (b'-' | b'/' | b'.'))) => {
            digits_at(text, 5) == 2 && text.get(7) == Some(mark) && digits_at(text, 8) >= 2
        }
        (2, Some(b':')) => digits_at(text, 3) == 2 && text.get(5) == Some(&b':'),
        (1 | 2, Some(b'/')) if digits_at(text, digits + 1) > 0 => {
            let second = digits + 1 + digits_at(text, digits + 1);
            second <= digits + 3 && text.get(second) == Some(&b'/') && digits_at(text, second + 1) >= 4
        }
        (2, Some(b'/' | b' ' | b'-')) => {
            let behind = text.get(6..).unwrap_or_default();
            is_month(&text[3..])
                && behind.first().is_some_and(|mark| b"/ -".contains(mark))
                && begins_with_year_or_clock(&behind[1..])
        }
        (0, Some(_)) if is_month(text) => is_day_of_month(&text[3..]),
        (0, Some(_)) if is_weekday(text) => is_day_of_week(&text[3..]),
        _ => false,
    }
}

/// Behind a month: ` 22 16:59`, ` 22, 2026`, ` 22 2026`.
fn is_day_of_month(text: &[u8]) -> bool {
    let day = text.trim_ascii_start();
    let digits = digits_at(day, 0);
    let behind = &day[digits..];
    let behind = behind.strip_prefix(b",").unwrap_or(behind);
    day.len() < text.len()
        && (1..=2).contains(&digits)
        && behind.first() == Some(&b' ')
        && begins_with_year_or_clock(behind.trim_ascii_start())
}

/// Behind a weekday: ` Nov 22 16:59`, `, 22 Nov 2026`, ` 22 Nov 16:59`.
fn is_day_of_week(text: &[u8]) -> bool {
    let behind = text.strip_prefix(b",").unwrap_or(text);
    let date = behind.trim_ascii_start();
    let digits = digits_at(date, 0);
    let month = date.get(digits + 1..).unwrap_or_default();
    match digits {
        _ if text.first().is_none_or(|mark| !b", ".contains(mark)) => false,
        0 => is_month(date) && is_day_of_month(&date[3..]),
        1 | 2 => is_month(month) && month.get(3).is_none_or(|mark| !mark.is_ascii_alphabetic()),
        _ => false,
    }
}

/// `2026`, `16:59`
fn begins_with_year_or_clock(text: &[u8]) -> bool {
    match digits_at(text, 0) {
        4 => text.starts_with(b"19") || text.starts_with(b"20"),
        1 | 2 => {
            let digits = digits_at(text, 0);
            text.get(digits) == Some(&b':') && digits_at(text, digits + 1) == 2
        }
        _ => false,
    }
}

fn digits_at(text: &[u8], at: usize) -> usize {
    text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
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
