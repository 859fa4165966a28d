//! Spans of time, written as Go writes them: `72h`, `5s`, `250ms`, `1h30m`, `1.5s`; also `7d`.

use std::time::Duration;

/// A hundred years. Nothing is meant to last longer, and sums with the present time stay in range.
const SECONDS_MAX: f64 = 100.0 * 365.25 * 86_400.0;

/// `None` where the text is no duration. A unit is needed, except for `0`.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        seconds += number.parse::<f64>().ok()? * seconds_of(unit)?;
        rest = tail;
    }
    let sane = !text.is_empty() && seconds <= SECONDS_MAX;
    sane.then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

fn seconds_of(unit: &str) -> Option<f64> {
    match unit {
        "ns" => Some(1e-9),
        "us" | "µs" | "μs" => Some(1e-6),
        "ms" => Some(1e-3),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3_600.0),
        "d" => Some(86_400.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
