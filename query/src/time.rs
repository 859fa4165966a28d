//! Times and durations as people and programs write them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use spandrel_store::UnixNanos;

/// A point in time: RFC 3339 (or a date alone, meant in UTC), seconds, milli-, micro- or nanoseconds since
/// 1970 (told apart by their size), or relative to `now`: `-15m`, `now-15m`, `now`.
pub fn parse_time(text: &str, now: UnixNanos) -> Option<UnixNanos> {
    let text = text.trim();
    relative(text, now).or_else(|| epoch(text)).or_else(|| calendar(text))
}

fn relative(text: &str, now: UnixNanos) -> Option<UnixNanos> {
    let offset = text.strip_prefix("now").unwrap_or(text);
    if offset.is_empty() {
        return (!text.is_empty()).then_some(now);
    }
    let sign = offset.chars().next().filter(|sign| matches!(sign, '-' | '+'))?;
    let offset = &offset[1..];
    if offset.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let nanos = parse_duration(offset)?;
    Some(UnixNanos(match sign {
        '-' => now.0.saturating_sub(nanos),
        _ => now.0.saturating_add(nanos),
    }))
}

/// Each unit's range ends where the next one would mean the year 5138.
fn epoch(text: &str) -> Option<UnixNanos> {
    let scale = |whole: u64| match whole {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number = digits(whole)?;
    let unit: u64 = scale(number);
    let fraction = if fraction.is_empty() { 0 } else { fraction_of(fraction, unit)? };
    Some(UnixNanos(number.saturating_mul(unit).saturating_add(fraction)))
}

fn calendar(text: &str) -> Option<UnixNanos> {
    let parse = |text: &str| text.parse::<Timestamp>().ok();
    let utc = |time: DateTime| Offset::UTC.to_timestamp(time).ok();
    // A `+` that was not encoded in a URL has become a space.
    let encoded = || text.rsplit_once(' ').and_then(|(time, offset)| parse(&format!("{time}+{offset}")));
    let time = parse(text)
        .or_else(encoded)
        .or_else(|| utc(text.parse::<DateTime>().ok()?))
        .or_else(|| utc(text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight())))?;
    u64::try_from(time.as_nanosecond()).ok().map(UnixNanos)
}

/// A duration in nanoseconds: a number with a unit (`250ms`, `1.5s`, `1h30m`), or a bare number of
/// nanoseconds.
pub fn parse_duration(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Some(nanos) = digits(text) {
        return Some(nanos);
    }
    let (mut rest, mut total) = (text, 0u64);
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        total = total.checked_add(scaled(number, unit_nanos(unit)?)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

/// The length of a step in nanoseconds: a duration with its unit, or seconds, as Prometheus has them.
pub fn parse_step(text: &str) -> Option<u64> {
    let text = text.trim();
    let is_bare = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let step = if is_bare { parse_duration(&format!("{text}s")) } else { parse_duration(text) };
    step.filter(|step| *step > 0)
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "w" => 604_800_000_000_000,
        _ => return None,
    })
}

fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    digits(whole)?.checked_mul(unit)?.checked_add(fraction_of(fraction, unit)?)
}

/// `0.<digits>` of a unit, rounded down.
fn fraction_of(fraction: &str, unit: u64) -> Option<u64> {
    const DIGITS_MAX: usize = 18;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = &fraction[..fraction.len().min(DIGITS_MAX)];
    let part = u128::from(digits(kept)?) * u128::from(unit) / 10u128.pow(kept.len() as u32);
    u64::try_from(part).ok()
}

/// Decimal digits and nothing else.
fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
