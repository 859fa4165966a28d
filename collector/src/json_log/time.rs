//! Times as loggers write them: text in RFC 3339 and its relatives, or numbers since the epoch.
//!
//! A time without an offset is taken as UTC, which is what containers run on.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use spandrel_store::UnixNanos;
use spandrel_store::otlp::Value;

/// No notation of a time is longer.
const TEXT_BYTES_MAX: usize = 64;

/// A time that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    At(UnixNanos),
    /// Before 1970 or after 2554: nanoseconds since the epoch, as OTLP has them, cannot say it.
    Uncountable,
}

pub(super) fn of_value(value: &Value) -> Option<Sent> {
    match value {
        Value::StringValue(text) => of_text(text),
        Value::IntValue(number) => match u64::try_from(*number) {
            Ok(number) => of_integer(number),
            Err(_) => Some(Sent::Uncountable),
        },
        Value::DoubleValue(number) => of_double(*number),
        _ => None,
    }
}

pub(super) fn of_text(text: &str) -> Option<Sent> {
    let text = text.trim();
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    if let Ok(number) = text.parse::<u64>() {
        return of_integer(number);
    }
    let date = with_offset(text).or_else(|| without_offset(text)).map(of_timestamp);
    date.or_else(|| beyond_the_calendar(text)).or_else(|| of_double(text.parse().ok()?))
}

/// A date alone is no time.
fn without_offset(text: &str) -> Option<Timestamp> {
    let time: DateTime = text.contains(':').then(|| text.parse().ok())??;
    TimeZone::UTC.to_timestamp(time).ok()
}

/// Only what says how far from UTC it is: RFC 3339, and the common log format's `10/Oct/2000:13:55:36 -0700`.
pub(super) fn with_offset(text: &str) -> Option<Timestamp> {
    const FORMATS: [&str; 2] = ["%d/%b/%Y:%H:%M:%S %z", "%Y-%m-%d %H:%M:%S%.f %z"];
    let relative = || FORMATS.iter().find_map(|format| Timestamp::strptime(format, text).ok());
    text.parse().ok().or_else(relative)
}

/// `9999-12-31T23:59:59Z`, which people write for "never", is later than any timestamp there is.
fn beyond_the_calendar(text: &str) -> Option<Sent> {
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    (pieces.time().is_some() && pieces.offset().is_some()).then_some(Sent::Uncountable)
}

pub(super) fn of_timestamp(timestamp: Timestamp) -> Sent {
    u64::try_from(timestamp.as_nanosecond()).map_or(Sent::Uncountable, |nanos| Sent::At(UnixNanos(nanos)))
}

/// Seconds, milli-, micro- or nanoseconds, by magnitude: in each unit the years 1973 to 5138 are told apart.
fn of_integer(number: u64) -> Option<Sent> {
    let factor = match number {
        0..100_000_000 => return None,
        100_000_000..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    Some(number.checked_mul(factor).map_or(Sent::Uncountable, |nanos| Sent::At(UnixNanos(nanos))))
}

/// As integers, with a fraction. Doubles hold today's seconds to a quarter of a microsecond, so that the rest
/// is noise and rounded away.
fn of_double(number: f64) -> Option<Sent> {
    let micros = match number {
        ..0.0 => return Some(Sent::Uncountable),
        ..1e8 => return None,
        ..1e11 => number * 1e6,
        ..1e14 => number * 1e3,
        ..1e17 => number,
        _ if number.is_nan() => return None,
        _ => number / 1e3,
    };
    let nanos = (micros.round() as u64).checked_mul(1_000);
    Some(nanos.map_or(Sent::Uncountable, |nanos| Sent::At(UnixNanos(nanos))))
}
