//! `2026-11-22T16:59:11.454Z` and everything near it, read from the start of a text.
//!
//! Nearly every logger writes one of these, so this is a reader of its own: one pass, nothing allocated. The
//! date's parts may be parted by `-`, `/` or `.`, date and time by `T`, a blank or an underscore, the fraction
//! by `.` or `,`; an offset may follow at once or after one blank. Seconds may be left out.

use super::zone;

/// A point in time by the calendar; each part is in its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) year: i16,
    pub(super) month: i8,
    pub(super) day: i8,
    pub(super) hour: i8,
    pub(super) minute: i8,
    pub(super) second: i8,
    /// Whether the text says the second.
    pub(super) has_seconds: bool,
    pub(super) subsec_ns: i32,
    /// East of UTC; `None` where the text doesn't say.
    pub(super) offset_s: Option<i32>,
}

impl Moment {
    /// As if it were UTC.
    pub(super) fn utc_ns(self) -> i128 {
        let days = days_since_epoch(i64::from(self.year), i64::from(self.month), i64::from(self.day));
        let seconds = days * 86_400
            + i64::from(self.hour) * 3_600
            + i64::from(self.minute) * 60
            + i64::from(self.second);
        i128::from(seconds) * 1_000_000_000 + i128::from(self.subsec_ns)
    }
}

/// The moment that the text begins with, and its length.
pub(super) fn at_start(text: &[u8]) -> Option<(Moment, usize)> {
    let parted = |at: usize, by: &[u8]| text.get(at).is_some_and(|byte| by.contains(byte));
    if !(parted(4, b"-/.") && parted(7, b"-/.") && parted(10, b"T t_") && parted(13, b":")) {
        return None;
    }
    let two = |at: usize| digits(text, at, 2).map(|number| number as i8);
    let year = digits(text, 0, 4)? as i16;
    let (month, day, hour, minute) = (two(5)?, two(8)?, two(11)?, two(14)?);
    let has_seconds = parted(16, b":");
    // A leap second is the last one of its minute: nobody else knows of it.
    let second = if has_seconds { two(17)?.min(59) } else { 0 };
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    let (subsec_ns, end) = if has_seconds { fraction(text, 19) } else { (0, 16) };
    // No fraction of a minute.
    if !has_seconds && parted(16, b".,") && text.get(17).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let (offset_s, end) = offset(text, end);
    // `2024-01-01 12:00:001`: no time ends in the middle of a number.
    if offset_s.is_none() && text.get(end).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((Moment { year, month, day, hour, minute, second, has_seconds, subsec_ns, offset_s }, end))
}

pub(super) fn digits(text: &[u8], at: usize, count: usize) -> Option<u32> {
    text.get(at..at + count)?.iter().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u32::from(digit))
    })
}

/// Nanoseconds; digits beyond the ninth are dropped.
pub(super) fn fraction(text: &[u8], at: usize) -> (i32, usize) {
    if !text.get(at).is_some_and(|byte| matches!(byte, b'.' | b',')) {
        return (0, at);
    }
    let found = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if found == 0 {
        return (0, at);
    }
    let kept = text[at + 1..].iter().take(found.min(9));
    let number = kept.fold(0, |number: i32, byte| number * 10 + i32::from(byte - b'0'));
    let missing = 9 - found.min(9) as u32;
    (number * 10_i32.pow(missing), at + 1 + found)
}

/// `Z`, ` UTC` and other zones by name, `+02:00`, `+0200` or `+02`.
pub(super) fn offset(text: &[u8], at: usize) -> (Option<i32>, usize) {
    let rest = &text[at.min(text.len())..];
    let ends = |length: usize| !rest.get(length).is_some_and(u8::is_ascii_alphanumeric);
    if rest.first().is_some_and(|byte| matches!(byte, b'Z' | b'z')) && ends(1) {
        return (Some(0), at + 1);
    }
    if (rest.starts_with(b" UTC") || rest.starts_with(b" GMT")) && ends(4) {
        return (Some(0), at + 4);
    }
    let blank = usize::from(rest.first() == Some(&b' '));
    if blank == 1
        && let Some((offset_s, length)) = zone::named(&rest[1..])
    {
        return (Some(offset_s), at + 1 + length);
    }
    let sign = match rest.get(blank) {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return (None, at),
    };
    let Some(hours) = digits(rest, blank + 1, 2).filter(|hours| *hours <= 25) else { return (None, at) };
    let colon = usize::from(rest.get(blank + 3) == Some(&b':'));
    let minutes = digits(rest, blank + 3 + colon, 2).filter(|minutes| *minutes < 60);
    // ` -12` behind a blank is a number of its own, and so is ` +1500`: no zone is further off than fourteen hours, and all
    // are by quarters.
    let is_of_zone = |minutes: u32| hours * 60 + minutes <= 14 * 60 && minutes.is_multiple_of(15);
    let (minutes, length) = match minutes {
        Some(minutes) if blank == 1 && colon == 0 && !is_of_zone(minutes) => return (None, at),
        Some(minutes) => (minutes, blank + 5 + colon),
        None if blank == 0 && colon == 0 => (0, 3),
        None => return (None, at),
    };
    if !ends(length) {
        return (None, at);
    }
    (Some(sign * (hours * 3_600 + minutes * 60) as i32), at + length)
}

pub(super) fn days_of(year: i16, month: i8) -> i8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The proleptic Gregorian calendar, by Howard Hinnant's `days_from_civil`.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests;
