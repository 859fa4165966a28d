use proptest::prelude::*;

use super::*;
use crate::render::time::Rfc3339;

const NOW: UnixNanos = UnixNanos(1_767_268_800_000_000_000);

fn time(text: &str) -> Option<u64> {
    parse_time(text, NOW).map(|time| time.0)
}

#[test]
fn a_time_is_read_in_every_notation() {
    let noon = Some(NOW.0);
    for text in [
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00:00.000000000Z",
        "2026-01-01T14:00:00+02:00",
        "2026-01-01T14:00:00 02:00",
        "2026-01-01 12:00:00",
        "2026-01-01T12:00",
        "1767268800",
        "1767268800.0",
        "1767268800000",
        "1767268800000000",
        "1767268800000000000",
        "now",
        " now ",
    ] {
        assert_eq!(time(text), noon, "{text}");
    }
    assert_eq!(time("2026-01-01"), Some(NOW.0 - 12 * 3_600_000_000_000));
    assert_eq!(time("1767268800.25"), Some(NOW.0 + 250_000_000));
    assert_eq!(time("1767268800000.5"), Some(NOW.0 + 500_000));
}

#[test]
fn a_relative_time_counts_from_now() {
    assert_eq!(time("-15m"), Some(NOW.0 - 900_000_000_000));
    assert_eq!(time("now-1h30m"), Some(NOW.0 - 5_400_000_000_000));
    assert_eq!(time("+1s"), Some(NOW.0 + 1_000_000_000));
    assert_eq!(time("-20000w"), Some(0));
}

#[test]
fn what_is_no_time_is_none() {
    for text in
        ["", "-", "-15", "yesterday", "now15m", "12:00", "2026-13-01", "1e9", "-1969-01-01", "1..2", "-5x"]
    {
        assert_eq!(time(text), None, "{text}");
    }
    assert_eq!(time("1969-12-31T23:59:59Z"), None);
}

#[test]
fn a_duration_is_a_number_with_a_unit_or_nanoseconds() {
    assert_eq!(parse_duration("250ms"), Some(250_000_000));
    assert_eq!(parse_duration("1.5s"), Some(1_500_000_000));
    assert_eq!(parse_duration("1h30m"), Some(5_400_000_000_000));
    assert_eq!(parse_duration("3µs"), Some(3_000));
    assert_eq!(parse_duration("3us"), Some(3_000));
    assert_eq!(parse_duration("42"), Some(42));
    assert_eq!(parse_duration("0.3333333333333333333333333s"), Some(333_333_333));
    for text in ["", "s", "5 s", "5x", "1.2.3s", "-5s", "99999999999999w", "1.5", "ms5"] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}

#[test]
fn a_step_without_a_unit_counts_seconds() {
    assert_eq!(parse_step("60"), Some(60_000_000_000));
    assert_eq!(parse_step("0.5"), Some(500_000_000));
    assert_eq!(parse_step("60s"), parse_step("1m"));
    assert_eq!(parse_step("250ms"), Some(250_000_000));
    for text in ["", ".", "0", "0s", "-60", "1e3", "60 s", "18446744073709551615"] {
        assert_eq!(parse_step(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_time_in_an_answer_reads_back_as_itself(nanos in any::<u64>()) {
        let text = Rfc3339(UnixNanos(nanos)).to_string();
        prop_assert_eq!(parse_time(&text, NOW), Some(UnixNanos(nanos)));
    }

    #[test]
    fn no_text_breaks_the_readers(text in "\\PC*") {
        let _ = (parse_time(&text, NOW), parse_duration(&text));
    }

    #[test]
    fn no_number_breaks_the_readers(text in "[-+0-9.nusmhdw]{0,30}") {
        let _ = (parse_time(&text, NOW), parse_duration(&text));
    }
}
