//! Times as Go writes and reads them: by an example, `2006-01-02T15:04:05Z07:00`.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Pieces of a layout; of those that begin alike the longer first.
const PIECES: [&str; 31] = [
    "January", "Monday", "2006", "-07:00", "Z07:00", "-0700", "Z0700", "MST", "Jan", "Mon", "002", "01",
    "02", "03", "04", "05", "06", "15", "_2", "PM", "pm", "-07", "1", "2", "3", "4", "5", ".", ",", "Z07",
    "0",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A time in UTC by its layout.
pub(super) fn format(layout: &str, nanos: i64) -> String {
    let Ok(time) = Timestamp::from_nanosecond(i128::from(nanos)) else { return String::new() };
    let time = time.to_zoned(TimeZone::UTC);
    let (mut out, mut rest) = (String::new(), layout);
    while !rest.is_empty() {
        if let Some((piece, after)) = fraction(rest) {
            out.push_str(&written_fraction(piece, time.subsec_nanosecond()));
            rest = after;
            continue;
        }
        let piece = PIECES.into_iter().find(|piece| rest.starts_with(piece)).filter(|piece| *piece != "0");
        let Some(piece) = piece else {
            let mut chars = rest.chars();
            out.extend(chars.next());
            rest = chars.as_str();
            continue;
        };
        out.push_str(&written(piece, &time));
        rest = &rest[piece.len()..];
    }
    out
}

/// `.000` or `,999`, with a digit or more and none behind them.
fn fraction(layout: &str) -> Option<(&str, &str)> {
    let after = layout.strip_prefix(['.', ','])?;
    let digit = after.chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let count = after.chars().take_while(|c| *c == digit).count();
    let next_is_digit = after[count..].starts_with(|c: char| c.is_ascii_digit());
    (!next_is_digit && count <= 9).then(|| layout.split_at(count + 1))
}

fn written_fraction(piece: &str, nanos: i32) -> String {
    let digits = &format!("{nanos:09}")[..piece.len() - 1];
    match piece.contains('9') {
        true if digits.trim_end_matches('0').is_empty() => String::new(),
        true => format!("{}{}", &piece[..1], digits.trim_end_matches('0')),
        false => format!("{}{digits}", &piece[..1]),
    }
}

fn written(piece: &str, time: &Zoned) -> String {
    let month = MONTHS[usize::from(time.month().unsigned_abs().clamp(1, 12)) - 1];
    let day = DAYS[usize::from(time.weekday().to_monday_zero_offset().unsigned_abs().min(6))];
    let hour12 = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    match piece {
        "2006" => format!("{:04}", time.year()),
        "06" => format!("{:02}", time.year().rem_euclid(100)),
        "January" => month.to_owned(),
        "Jan" => month[..3].to_owned(),
        "01" => format!("{:02}", time.month()),
        "1" => time.month().to_string(),
        "Monday" => day.to_owned(),
        "Mon" => day[..3].to_owned(),
        "02" => format!("{:02}", time.day()),
        "_2" => format!("{:2}", time.day()),
        "2" => time.day().to_string(),
        "002" => format!("{:03}", time.day_of_year()),
        "15" => format!("{:02}", time.hour()),
        "03" => format!("{hour12:02}"),
        "3" => hour12.to_string(),
        "04" => format!("{:02}", time.minute()),
        "4" => time.minute().to_string(),
        "05" => format!("{:02}", time.second()),
        "5" => time.second().to_string(),
        "PM" => if time.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
        "pm" => if time.hour() >= 12 { "pm" } else { "am" }.to_owned(),
        "MST" => "UTC".to_owned(),
        "Z07:00" | "Z0700" | "Z07" => "Z".to_owned(),
        "-07:00" => "+00:00".to_owned(),
        "-0700" => "+0000".to_owned(),
        "-07" => "+00".to_owned(),
        other => other.to_owned(),
    }
}

/// The time that a text says by a layout, in nanoseconds since 1970. `zone` is that of texts that name none.
pub(super) fn parse(layout: &str, zone: &str, text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no time as `{layout}` has it");
    let mut read = Read { year: 1, month: 1, day: 1, ..Read::default() };
    let (mut layout_rest, mut rest) = (layout, text);
    while !layout_rest.is_empty() {
        if let Some((_, after)) = fraction(layout_rest) {
            layout_rest = after;
            if let Some(digits) = rest.strip_prefix(['.', ',']) {
                let count = digits.chars().take_while(char::is_ascii_digit).count();
                let digits_text = &digits[..count.min(9)];
                read.nanos = format!("{digits_text:0<9}").parse().map_err(|_| wrong())?;
                rest = &digits[count..];
            }
            continue;
        }
        let piece = PIECES.into_iter().find(|piece| layout_rest.starts_with(piece));
        match piece.filter(|piece| !matches!(*piece, "." | "," | "0")) {
            Some(piece) => {
                rest = read.piece(piece, rest).ok_or_else(wrong)?;
                layout_rest = &layout_rest[piece.len()..];
            }
            None => {
                let mut chars = layout_rest.chars();
                let wanted = chars.next().ok_or_else(wrong)?;
                rest = rest.strip_prefix(wanted).ok_or_else(wrong)?;
                layout_rest = chars.as_str();
            }
        }
        // Go reads a fraction behind seconds whether the layout has one or not.
        if let Some(digits) = rest.strip_prefix('.')
            && fraction(layout_rest).is_none()
            && !layout_rest.starts_with('.')
            && digits.starts_with(|c: char| c.is_ascii_digit())
            && read.has_seconds
        {
            let count = digits.chars().take_while(char::is_ascii_digit).count();
            read.nanos = format!("{:0<9}", &digits[..count.min(9)]).parse().map_err(|_| wrong())?;
            rest = &digits[count..];
        }
    }
    if !rest.is_empty() {
        return Err(wrong());
    }
    read.time(zone).ok_or_else(wrong)
}

#[derive(Default)]
struct Read {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    afternoon: Option<bool>,
    offset_seconds: Option<i32>,
    has_seconds: bool,
}

impl Read {
    /// Reads one piece of a layout and returns what is behind it.
    fn piece<'t>(&mut self, piece: &str, text: &'t str) -> Option<&'t str> {
        let number = |text: &'t str, least: usize, most: usize| -> Option<(i32, &'t str)> {
            let count = text.chars().take(most).take_while(char::is_ascii_digit).count();
            (count >= least).then(|| Some((text[..count].parse().ok()?, &text[count..])))?
        };
        let named = |names: &[&str], short: bool| -> Option<(i8, &'t str)> {
            let of = |name: &str| if short { name[..3].to_owned() } else { name.to_owned() };
            let at = names.iter().position(|name| {
                text.get(..of(name).len()).is_some_and(|begin| begin.eq_ignore_ascii_case(&of(name)))
            })?;
            Some((at as i8, &text[of(names[at]).len()..]))
        };
        let rest;
        match piece {
            "2006" => (self.year, rest) = number(text, 4, 4).map(|(year, rest)| (year as i16, rest))?,
            "06" => {
                (self.year, rest) = number(text, 2, 2)
                    .map(|(year, rest)| (if year >= 69 { 1900 + year } else { 2000 + year } as i16, rest))?;
            }
            "01" | "1" => {
                (self.month, rest) = number(text, piece.len(), 2).map(|(month, rest)| (month as i8, rest))?;
            }
            "January" => (self.month, rest) = named(&MONTHS, false).map(|(at, rest)| (at + 1, rest))?,
            "Jan" => (self.month, rest) = named(&MONTHS, true).map(|(at, rest)| (at + 1, rest))?,
            "Monday" => (_, rest) = named(&DAYS, false)?,
            "Mon" => (_, rest) = named(&DAYS, true)?,
            "02" | "2" => {
                (self.day, rest) = number(text, piece.len(), 2).map(|(day, rest)| (day as i8, rest))?
            }
            "_2" => {
                (self.day, rest) = number(text.trim_start(), 1, 2).map(|(day, rest)| (day as i8, rest))?
            }
            "15" => (self.hour, rest) = number(text, 2, 2).map(|(hour, rest)| (hour as i8, rest))?,
            "03" | "3" => {
                (self.hour, rest) = number(text, piece.len(), 2).map(|(hour, rest)| (hour as i8, rest))?;
            }
            "04" | "4" => {
                (self.minute, rest) =
                    number(text, piece.len(), 2).map(|(minute, rest)| (minute as i8, rest))?;
            }
            "05" | "5" => {
                (self.second, rest) =
                    number(text, piece.len(), 2).map(|(second, rest)| (second as i8, rest))?;
                self.has_seconds = true;
            }
            "PM" | "pm" => {
                self.afternoon = Some(text.get(..2)?.eq_ignore_ascii_case("pm"));
                rest = &text[2..];
            }
            "MST" => rest = text.trim_start_matches(|c: char| c.is_ascii_uppercase()),
            "Z07:00" | "Z0700" | "Z07" | "-07:00" | "-0700" | "-07" => rest = self.offset(text)?,
            _ => return None,
        }
        Some(rest)
    }

    /// `Z`, `+01:00`, `+0100` or `+01`.
    fn offset<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z') {
            self.offset_seconds = Some(0);
            return Some(rest);
        }
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let rest = text.strip_prefix(['+', '-'])?;
        let hours: i32 = rest.get(..2)?.parse().ok()?;
        let rest = &rest[2..];
        let minutes = rest.strip_prefix(':').unwrap_or(rest);
        let (minutes, rest) = match minutes.get(..2).and_then(|two| two.parse::<i32>().ok()) {
            Some(two) => (two, &minutes[2..]),
            None => (0, rest),
        };
        self.offset_seconds = Some(sign * (hours * 3_600 + minutes * 60));
        Some(rest)
    }

    fn time(&self, zone: &str) -> Option<i64> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let time = jiff::civil::DateTime::new(
            self.year,
            self.month,
            self.day,
            hour,
            self.minute,
            self.second,
            self.nanos,
        )
        .ok()?;
        let zone = match self.offset_seconds {
            Some(seconds) => TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).ok()?),
            None if matches!(zone, "" | "UTC" | "Local") => TimeZone::UTC,
            None => TimeZone::get(zone).ok()?,
        };
        i64::try_from(time.to_zoned(zone).ok()?.timestamp().as_nanosecond()).ok()
    }
}
