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

pub(super) fn of_value(value: &Value) -> Option<UnixNanos> {
    match value {
        Value::StringValue(text) => of_text(text),
        Value::IntValue(number) => of_integer(u64::try_from(*number).ok()?),
        Value::DoubleValue(number) => of_double(*number),
        _ => None,
    }
}

pub(super) fn of_text(text: &str) -> Option<UnixNanos> {
    let text = text.trim();
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    if let Ok(number) = text.parse::<u64>() {
        return of_integer(number);
    }
    with_offset(text).or_else(|| without_offset(text)).and_then(nanos).or_else(|| {
        let number: f64 = text.parse().ok()?;
        of_double(number)
    })
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

pub(super) fn nanos(timestamp: Timestamp) -> Option<UnixNanos> {
    u64::try_from(timestamp.as_nanosecond()).ok().map(UnixNanos)
}

/// Seconds, milli-, micro- or nanoseconds, by magnitude: in each unit the years 1973 to 5138 are told apart.
fn of_integer(number: u64) -> Option<UnixNanos> {
    let factor = match number {
        0..100_000_000 => return None,
        100_000_000..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    number.checked_mul(factor).map(UnixNanos)
}

/// As integers, with a fraction. Doubles hold today's seconds to a quarter of a microsecond, so that the rest
/// is noise and rounded away.
fn of_double(number: f64) -> Option<UnixNanos> {
    if !(1e8..1e18).contains(&number) {
        return None;
    }
    let micros = match number {
        ..1e11 => number * 1e6,
        ..1e14 => number * 1e3,
        ..1e17 => number,
        _ => number / 1e3,
    };
    (micros.round() as u64).checked_mul(1_000).map(UnixNanos)
}
