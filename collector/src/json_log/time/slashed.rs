//! `11/23/2026 04:00:00 AM` and its relatives: month and day before the year, parted by slashes.
//!
//! So .NET writes a time where no culture is set, Windows in the United States, and `toLocaleString` in JavaScript, and with
//! it NestJS. Others write the day first. Where one of the two numbers is no month it is the day; where both may be, the
//! first is the month, for those who write it first are many more among loggers (`logs.time_formats` goes before this).

use super::iso::{self, Moment};

/// The moment that the text begins with, and its length.
pub(super) fn at_start(text: &[u8]) -> Option<(Moment, usize)> {
    let (first, at) = short(text, 0)?;
    let at = behind(text, at, b'/')?;
    let (second, at) = short(text, at)?;
    let at = behind(text, at, b'/')?;
    let (year, at) = (iso::digits(text, at, 4)? as i16, at + 4);
    let (month, day) = if first > 12 { (second, first) } else { (first, second) };
    if !(1..=12).contains(&month) || !(1..=iso::days_of(year, month)).contains(&day) {
        return None;
    }
    let (hour, at) = short(text, between(text, at)?)?;
    let at = behind(text, at, b':')?;
    let (minute, at) = (iso::digits(text, at, 2)? as i8, at + 2);
    let has_seconds = text.get(at) == Some(&b':');
    let (second, at) = match behind(text, at, b':') {
        // A leap second is the last one of its minute: nobody else knows of it.
        Some(at) => ((iso::digits(text, at, 2)? as i8).min(59), at + 2),
        None => (0, at),
    };
    let (subsec_ns, at) = iso::fraction(text, at);
    let (hour, at) = match half_of_day(text, at) {
        Some((half, at)) if (1..=12).contains(&hour) => (hour % 12 + half, at),
        Some(_) => return None,
        None => (hour, at),
    };
    if hour > 23 || minute > 59 || text.get(at).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let (offset_s, end) = iso::offset(text, at);
    Some((Moment { year, month, day, hour, minute, second, has_seconds, subsec_ns, offset_s }, end))
}

/// A number of one digit or two, and what stands behind it.
fn short(text: &[u8], at: usize) -> Option<(i8, usize)> {
    let two = iso::digits(text, at, 2).map(|number| (number, at + 2));
    let (number, end) = two.or_else(|| Some((iso::digits(text, at, 1)?, at + 1)))?;
    Some((number as i8, end))
}

fn behind(text: &[u8], at: usize, mark: u8) -> Option<usize> {
    (text.get(at) == Some(&mark)).then_some(at + 1)
}

/// A blank between date and time, with a comma in front of it or not.
fn between(text: &[u8], at: usize) -> Option<usize> {
    let at = behind(text, at, b',').unwrap_or(at);
    behind(text, at, b' ')
}

/// Hours to be added for ` AM` or ` PM`. Newer libraries have a narrow blank in front of it.
fn half_of_day(text: &[u8], at: usize) -> Option<(i8, usize)> {
    const NARROW: &[u8] = "\u{202f}".as_bytes();
    let rest = &text[at.min(text.len())..];
    let word = rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(NARROW)).unwrap_or(rest);
    let half = match word.get(..2)? {
        [b'A' | b'a', b'M' | b'm'] => 0,
        [b'P' | b'p', b'M' | b'm'] => 12,
        _ => return None,
    };
    Some((half, at + rest.len() - word.len() + 2))
}
