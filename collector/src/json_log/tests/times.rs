//! Times in every unit and form, and those that cannot be told.

use super::*;

#[test]
fn times_are_found_in_every_unit() {
    let ns = 1_700_000_000_123_456_789;
    let cases = [
        (r#"{"timestamp":"2023-11-14T22:13:20.123456789Z"}"#, ns),
        (r#"{"@timestamp":"2023-11-14T23:13:20.123456789+01:00"}"#, ns),
        (r#"{"time":"2023-11-14 22:13:20.123456789"}"#, ns),
        (r#"{"asctime":"2023-11-14 22:13:20,123"}"#, 1_700_000_000_123_000_000),
        (r#"{"ts":1700000000}"#, 1_700_000_000_000_000_000),
        (r#"{"ts":1700000000.123456}"#, 1_700_000_000_123_456_000),
        (r#"{"time":1700000000123}"#, 1_700_000_000_123_000_000),
        (r#"{"time":"1700000000123456"}"#, 1_700_000_000_123_456_000),
        (r#"{"time_unix_nano":1700000000123456789}"#, ns),
        (r#"{"time":"14/Nov/2023:22:13:20 +0000"}"#, 1_700_000_000_000_000_000),
        (r#"{"time":"yesterday"}"#, 0),
        (r#"{"date":"2023-11-14"}"#, 0),
    ];
    for (line, time) in cases {
        assert_eq!(understand(line).log.time_unix_nano, time, "{line}");
    }
    assert_eq!(understand(r#"{"ts":1}"#).log.observed_time_unix_nano, RECEIVED.0);
}

#[test]
fn a_time_that_cannot_be_told_is_flagged_and_stays_as_it_was_sent() {
    let times = [
        json!("2999-01-01T00:00:00Z"),
        json!("1969-12-31T23:59:59Z"),
        json!("9999-12-31T23:59:59Z"),
        json!("2999-01-01 00:00:00"),
        json!(-62_135_596_800_i64),
        json!(-1.5),
        json!("-1"),
        json!(1e30),
    ];
    for time in times {
        let understood = understand(&json!({"time": time, "msg": "m"}).to_string());
        assert_eq!(understood.flags, Flags::ABSURD_TIME, "{time}");
        assert_eq!(understood.log.time_unix_nano, 0, "{time}");
        assert_eq!(attributes(&understood)["time"], time);
    }
    let text = understand("2999-01-01T00:00:00Z started");
    assert_eq!(text.flags, Flags(Flags::ABSURD_TIME.0 | Flags::NOT_JSON.0));
    // One that can be told goes before it.
    let both = understand(r#"{"timestamp":"2999-01-01T00:00:00Z","ts":1700000000}"#);
    assert_eq!((both.flags, both.log.time_unix_nano), (Flags::NONE, 1_700_000_000_000_000_000));
    let nanoseconds = understand(r#"{"ts":1.7e18}"#);
    assert_eq!(nanoseconds.log.time_unix_nano, 1_700_000_000_000_000_000);
    // Far off, but a time.
    let later = understand(r#"{"ts":"2500-01-01T00:00:00Z"}"#);
    assert_eq!(later.log.time_unix_nano, 16_725_225_600_000_000_000);
}

#[test]
fn a_text_lines_time_is_found_near_its_start() {
    let lines = [
        "2023-11-14T22:13:20Z INFO hello",
        "2023-11-14 22:13:20 INFO hello",
        "[2023-11-14T23:13:20+01:00] hello",
        "INFO  2023-11-14 22:13:20,000 hello",
        "I, [2023-11-14T22:13:20.000000 #1]  INFO -- : hello",
        "\u{1b}[2m2023-11-14T22:13:20Z\u{1b}[0m hello",
        "Nov 14, 2023 10:13:20 PM shop.Pay charge\nINFO: hello",
        "<14>Nov 14 22:13:20 host app: hello",
        "Nov 14 22:13:20 host app[1]: hello",
        "I1114 22:13:20.000000   32710 main.go:147] hello",
        "14/Nov/2023:22:13:20 +0000 hello",
        "Tue Nov 14 22:13:20 2023 hello",
    ];
    for line in lines {
        assert_eq!(understand(line).log.time_unix_nano, RECEIVED.0, "{line}");
    }
    for line in ["22:13:20 hello", "order 2023-11-14 hello", "at some time later than 2023-11-14 22:13:20"] {
        assert_eq!(understand(line).log.time_unix_nano, 0, "{line}");
    }
}

#[test]
fn a_time_without_a_year_is_the_nearest() {
    let of = |line: &str| understand(line).log.time_unix_nano;
    // Arrival is in November 2023.
    assert_eq!(of("Jan  2 00:00:00 host x"), 1_704_153_600_000_000_000);
    assert_eq!(of("Oct  2 00:00:00 host x"), 1_696_204_800_000_000_000);
}

#[test]
fn a_time_without_its_offset_is_read_in_the_configured_zone() {
    let limits = RecordLimits::of(&spandrel_config::Limits::default());
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(1));
    let rules =
        Rules::of(&spandrel_config::Logs { timezone: spandrel_config::Zone(zone), ..Default::default() });
    let mut cuts = Cuts::default();
    let mut reader = LineReader { limits: &limits, rules: &rules, cuts: &mut cuts };
    for line in [
        r#"{"time":"2023-11-14 23:13:20"}"#,
        "2023-11-14 23:13:20 x",
        "Nov 14 23:13:20 host x",
        r#"{"time":"2023-11-14T22:13:20Z"}"#,
    ] {
        assert_eq!(reader.understand(line.as_bytes(), RECEIVED).log.time_unix_nano, RECEIVED.0, "{line}");
    }
}
