//! Times and durations as people read them.

use jiff::Timestamp;

/// `512 ns`, `84.1 µs`, `12.3 ms`, `1.284 s`, `2 min 5 s`, `3 h 7 min`: at most three or four digits.
pub fn duration(ns: i128) -> String {
    if ns < 0 {
        return format!("-{}", duration(-ns));
    }
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => scaled(ns, 1_000, "µs"),
        1_000_000..1_000_000_000 => scaled(ns, 1_000_000, "ms"),
        1_000_000_000..60_000_000_000 => scaled(ns, 1_000_000_000, "s"),
        _ => long(ns / 1_000_000_000),
    }
}

/// Time since the start of a trace: `+12.3 ms`.
pub fn offset(ns: i128) -> String {
    if ns < 0 { duration(ns) } else { format!("+{}", duration(ns)) }
}

/// `2026-11-22 13:56:58.123 UTC`.
pub fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S.%3f UTC").to_string()
}

/// `2026-11-22T13:56:58.123Z`: fit for copying into `--start`.
pub fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// `1 span`, `2 spans`, `no spans`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

/// Three significant digits, trailing zeros of a fraction left away.
fn scaled(ns: i128, unit_ns: i128, unit: &str) -> String {
    let value = ns as f64 / unit_ns as f64;
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}

fn long(seconds: i128) -> String {
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, rest) {
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, rest) => format!("{minutes} min {rest} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests;
