//! Times as loggers write them: text in RFC 3339 and its relatives, or numbers since the epoch.
//!
//! What says its own offset is taken by it. What doesn't is read in the configured zone, `logs.timezone`. What
//! has no date is no time, and what has no year is taken for the one that is nearest to the arrival and not ahead of it.
//! A time at which nothing can have happened is told from one that can be believed; what then counts is up to the caller.

mod iso;
mod slashed;
mod zone;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{Offset, TimeZone};
use spandrel_store::UnixNanos;
use spandrel_store::otlp::Value;

use crate::normalise::is_absurd;

/// No notation of a time is longer.
const TEXT_BYTES_MAX: usize = 64;

const SECOND_NS: i128 = 1_000_000_000;

/// A time that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    At(UnixNanos),
    /// Before 2000 or more than a day after the arrival, also where nanoseconds since the epoch, as OTLP has them, cannot
    /// say it.
    Absurd,
}

impl Sent {
    /// Nanoseconds since the epoch.
    pub(super) fn from_utc(nanoseconds: i128) -> Sent {
        u64::try_from(nanoseconds).map_or(Sent::Absurd, |nanos| Sent::At(UnixNanos(nanos)))
    }

    /// The time, unless nothing can have happened then.
    pub(super) fn judged(self, received: UnixNanos) -> Sent {
        match self {
            Sent::At(time) if time.0 == 0 || is_absurd(time, received) => Sent::Absurd,
            sent => sent,
        }
    }
}

/// A time that a text begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) sent: Sent,
    /// In bytes.
    pub(super) length: usize,
    /// Formats of the user's own count as if they did.
    pub(super) has_seconds: bool,
}

/// What is needed to read a time that says less than all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock<'a> {
    pub(super) zone: &'a TimeZone,
    pub(super) received: UnixNanos,
    /// Formats of the user's own, as `strptime` has them; tried first.
    pub(super) formats: &'a [String],
}

impl Clock<'_> {
    pub(super) fn of_value(self, value: &Value) -> Option<Sent> {
        let sent = match value {
            Value::StringValue(text) => self.of_text(text),
            Value::IntValue(number) => match u64::try_from(*number) {
                Ok(number) => of_integer(number),
                Err(_) => Some(Sent::Absurd),
            },
            Value::DoubleValue(number) => of_double(*number),
            _ => None,
        };
        sent.map(|sent| sent.judged(self.received))
    }

    /// A text that is a time and nothing else.
    pub(super) fn of_text(self, text: &str) -> Option<Sent> {
        let text = text.trim();
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return None;
        }
        if let Some((time, length)) = self.at_start(text)
            && length == text.len()
        {
            return Some(time);
        }
        let sent = if let Ok(number) = text.parse::<u64>() {
            of_integer(number)
        } else {
            let zoned = text.parse::<Timestamp>().ok().map(of_timestamp);
            zoned.or_else(|| of_double(text.parse().ok()?))
        };
        sent.map(|sent| sent.judged(self.received))
    }

    /// The time that a text begins with, and how many bytes of it that are.
    pub(super) fn at_start(self, text: &str) -> Option<(Sent, usize)> {
        self.read_start(text).map(|start| (start.sent, start.length))
    }

    /// The same, and whether it says seconds.
    pub(super) fn read_start(self, text: &str) -> Option<Start> {
        let start = self.any_at_start(text)?;
        Some(Start { sent: start.sent.judged(self.received), ..start })
    }

    fn any_at_start(self, text: &str) -> Option<Start> {
        let start = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
        let of_format = |(sent, length)| Start { sent, length, has_seconds: true };
        for format in self.formats {
            if let Some(found) = self.in_format(format, start) {
                return Some(of_format(found));
            }
        }
        let moment = iso::at_start(start.as_bytes()).or_else(|| slashed::at_start(start.as_bytes()));
        if let Some((moment, length)) = moment {
            let time = match moment.offset_s {
                Some(offset_s) => from_utc(moment.utc_ns() - i128::from(offset_s) * SECOND_NS),
                None => self.local_ns(moment)?,
            };
            return Some(Start { sent: time, length, has_seconds: moment.has_seconds });
        }
        FORMATS
            .iter()
            .filter(|(first, _)| first.fits(start))
            .find_map(|(_, form)| self.in_format(form, start))
            .map(of_format)
    }

    /// Reads as much of the text as the format takes.
    fn in_format(self, format: &str, text: &str) -> Option<(Sent, usize)> {
        let (mut parsed, length) = BrokenDownTime::parse_prefix(format, text).ok()?;
        if parsed.offset().is_some() {
            return Some((of_timestamp(parsed.to_timestamp().ok()?), length));
        }
        let (offset_s, end) = iso::offset(text.as_bytes(), length);
        if parsed.year().is_none() {
            // `Sun Nov 22 16:59:11 CET 2026`, as `date` and Java write it.
            let year = iso::digits(text.as_bytes(), end + 1, 4).filter(|_| offset_s.is_some());
            let Some(year) = year.filter(|_| text.as_bytes().get(end) == Some(&b' ')) else {
                return Some((self.in_nearest_year(&mut parsed)?, length));
            };
            parsed.set_year(Some(year as i16)).ok()?;
            return Some((at_offset(parsed.to_datetime().ok()?, offset_s?)?, end + 5));
        }
        let civil = parsed.to_datetime().ok()?;
        match offset_s {
            Some(offset_s) => Some((at_offset(civil, offset_s)?, end)),
            None => Some((self.in_zone(civil)?, length)),
        }
    }

    /// Seconds to nanoseconds since the epoch, as the first word of a text, and its length. Other things are counted
    /// too, orders and amounts of money: only what lies in the year before the arrival is believed, and a fraction only of
    /// three digits or in brackets.
    pub(super) fn of_epoch_at_start(self, text: &str) -> Option<(Sent, usize)> {
        let inner = text.strip_prefix('[').unwrap_or(text);
        let is_marked = inner.len() < text.len();
        let word = &inner[..inner.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(inner.len())];
        let (whole, fraction) =
            word.split_once('.').map_or((word, None), |(whole, rest)| (whole, Some(rest)));
        let behind = &inner[word.len()..];
        let ends = if is_marked { behind.starts_with(']') } else { behind.starts_with([' ', '\t', '|']) };
        if !ends || !matches!((whole.len(), fraction), (10 | 13, _) | (16 | 19, None)) {
            return None;
        }
        let nanos = match of_integer(whole.parse().ok()?)? {
            Sent::At(time) => time.0,
            Sent::Absurd => return None,
        };
        let unit_ns = if whole.len() == 10 { 1_000_000_000 } else { 1_000_000 };
        let nanos = nanos + fraction.map_or(Some(0), |fraction| fraction_ns(fraction, unit_ns))?;
        let sent = Sent::At(UnixNanos(nanos)).judged(self.received);
        let is_recent = nanos >= self.received.0.saturating_sub(YEAR_NS);
        let is_exact = is_marked || fraction.is_none_or(|fraction| fraction.len() >= 3);
        let is_believed = sent != Sent::Absurd && is_recent && is_exact;
        is_believed.then_some((sent, text.len() - inner.len() + word.len()))
    }

    /// Syslog's and glog's times have no year: of last, this and next year's the nearest to the arrival that is not more
    /// than a day ahead of it.
    fn in_nearest_year(self, parsed: &mut BrokenDownTime) -> Option<Sent> {
        let received = i64::try_from(self.received.0).ok()?;
        let now = Timestamp::from_nanosecond(i128::from(received)).ok()?;
        let this_year = now.to_zoned(self.zone.clone()).year();
        let mut of_year = |year: i16| {
            parsed.set_year(Some(year)).ok()?;
            self.in_zone(parsed.to_datetime().ok()?)
        };
        let years = [this_year.checked_sub(1)?, this_year, this_year.checked_add(1)?];
        let distance = |sent: &Sent| match sent {
            Sent::At(time) => time.0.abs_diff(self.received.0),
            Sent::Absurd => u64::MAX,
        };
        let of_year = |year| of_year(year).map(|sent| sent.judged(self.received));
        years.into_iter().filter_map(of_year).min_by_key(distance)
    }

    fn local_ns(self, moment: iso::Moment) -> Option<Sent> {
        if self.zone == &TimeZone::UTC {
            return Some(from_utc(moment.utc_ns()));
        }
        let date = Date::new(moment.year, moment.month, moment.day).ok()?;
        self.in_zone(date.at(moment.hour, moment.minute, moment.second, moment.subsec_ns))
    }

    fn in_zone(self, civil: DateTime) -> Option<Sent> {
        self.zone.to_timestamp(civil).ok().map(of_timestamp)
    }
}

/// Whether a word is the name of a zone.
pub(super) fn is_zone(word: &str) -> bool {
    zone::named(word.as_bytes()).is_some_and(|(_, length)| length == word.len())
}

const YEAR_NS: u64 = 366 * 86_400 * 1_000_000_000;

/// Digits behind the point of a number of units.
fn fraction_ns(digits: &str, unit_ns: u64) -> Option<u64> {
    let kept = &digits[..digits.len().min(9)];
    let number: u64 = kept.parse().ok()?;
    Some(number * unit_ns / 10_u64.pow(kept.len() as u32))
}

/// A time by the calendar at an offset from UTC.
fn at_offset(civil: DateTime, offset_s: i32) -> Option<Sent> {
    let offset = Offset::from_seconds(offset_s).ok()?;
    offset.to_timestamp(civil).ok().map(of_timestamp)
}

/// What a text begins with in a format, so that most are not tried at all.
#[derive(Debug, Clone, Copy)]
enum First {
    Digit,
    Capital,
}

impl First {
    fn fits(self, text: &str) -> bool {
        text.bytes().next().is_some_and(|byte| match self {
            First::Digit => byte.is_ascii_digit(),
            First::Capital => byte.is_ascii_uppercase(),
        })
    }
}

/// Beside the ISO family, which has a reader of its own.
const FORMATS: &[(First, &str)] = &[
    // The common log format, nginx and Apache.
    (First::Digit, "%d/%b/%Y:%H:%M:%S %z"),
    (First::Digit, "%d/%b/%Y:%H:%M:%S"),
    (First::Digit, "%d %b %Y %H:%M:%S%.f"),
    (First::Digit, "%d-%b-%Y %H:%M:%S%.f"),
    (First::Digit, "%d.%m.%Y %H:%M:%S%.f"),
    // java.util.logging.
    (First::Capital, "%b %d, %Y %I:%M:%S %p"),
    // RFC 2822, HTTP's date, asctime and Apache's error log, then `date`, which has the year behind the zone.
    (First::Capital, "%a, %d %b %Y %H:%M:%S %z"),
    (First::Capital, "%a, %d %b %Y %H:%M:%S"),
    (First::Capital, "%a %b %d %H:%M:%S%.f %Y"),
    (First::Capital, "%a %b %d %H:%M:%S%.f"),
    (First::Capital, "%b %d %Y %H:%M:%S%.f"),
    (First::Capital, "%b %d %H:%M:%S%.f"),
];

/// `1122 16:59:11.543789`, as glog and klog write month, day and time behind the level's letter.
pub(super) fn of_glog(text: &str, clock: Clock<'_>) -> Option<(Sent, usize)> {
    let (time, length) = clock.in_format("%m%d %H:%M:%S%.f", text)?;
    Some((time.judged(clock.received), length))
}

fn of_timestamp(timestamp: Timestamp) -> Sent {
    from_utc(timestamp.as_nanosecond())
}

fn from_utc(nanoseconds: i128) -> Sent {
    Sent::from_utc(nanoseconds)
}

/// Seconds, milli-, micro- or nanoseconds, by magnitude: in each unit the years 1973 to 5138 are told apart. Less is no
/// time of anything that is logged, but eight digits may be a date.
fn of_integer(number: u64) -> Option<Sent> {
    let factor = match number {
        0..10_000_000 => return Some(Sent::Absurd),
        10_000_000..100_000_000 => return None,
        100_000_000..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    Some(number.checked_mul(factor).map_or(Sent::Absurd, |nanos| Sent::At(UnixNanos(nanos))))
}

/// As integers, with a fraction. Doubles hold today's seconds to a quarter of a microsecond, so that the rest
/// is noise and rounded away.
fn of_double(number: f64) -> Option<Sent> {
    let micros = match number {
        ..0.0 => return Some(Sent::Absurd),
        // `time: 0.25` is how long something took.
        ..1e7 if number.fract() == 0.0 => return Some(Sent::Absurd),
        ..1e8 => return None,
        ..1e11 => number * 1e6,
        ..1e14 => number * 1e3,
        ..1e17 => number,
        _ if number.is_nan() => return None,
        _ => number / 1e3,
    };
    let nanos = (micros.round() as u64).checked_mul(1_000);
    Some(nanos.map_or(Sent::Absurd, |nanos| Sent::At(UnixNanos(nanos))))
}
