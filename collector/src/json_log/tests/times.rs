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
fn a_time_at_which_nothing_can_have_happened_is_flagged_and_stays_as_it_was_sent() {
    let times = [
        json!("1980-01-01T00:00:00Z"),
        json!("2100-01-01T00:00:00Z"),
        json!("1970-01-01T00:00:00Z"),
        json!("1999-12-31 23:59:59,999"),
        json!(315_532_800),
        json!(4_102_444_800_000_i64),
        json!("2023-11-16T00:00:00Z"),
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
    // Within a day the clocks of two machines may differ.
    let tomorrow = understand(r#"{"ts":"2023-11-15T22:00:00Z"}"#);
    assert_eq!((tomorrow.flags, tomorrow.log.time_unix_nano), (Flags::NONE, 1_700_085_600_000_000_000));
}

#[test]
fn an_absurd_time_in_a_text_is_not_taken() {
    for line in [
        "1980-01-01T00:00:00Z INFO started",
        "[2100-01-01 00:00:00,000] INFO started",
        "time=1980-01-01T00:00:00Z level=info msg=started",
        r#"127.0.0.1 - - [01/Jan/1980:00:00:00 +0000] "GET / HTTP/1.1" 200 2"#,
        r#"started {"time":"1980-01-01T00:00:00Z","level":"info"}"#,
        "01/01/1980 00:00:00 INFO started",
    ] {
        let understood = understand(line);
        assert!(understood.flags.contains(Flags::ABSURD_TIME), "{line}");
        assert_eq!(understood.log.time_unix_nano, 0, "{line}");
        assert_eq!(understood.log.observed_time_unix_nano, RECEIVED.0, "{line}");
    }
}

#[test]
fn in_place_of_an_absurd_time_counts_that_of_who_passed_the_line_on() {
    let lines = [
        r#"{"log":"{\"time\":\"1980-01-01T00:00:00Z\",\"msg\":\"m\"}\n","stream":"stdout","time":"2023-11-14T22:13:20Z"}"#,
        r#"{"log":"1980-01-01T00:00:00Z m\n","stream":"stdout","time":"2023-11-14T22:13:20Z"}"#,
        r#"2023-11-14T22:13:20Z stdout F {"time":"2100-01-01T00:00:00Z","msg":"m"}"#,
        "2023-11-14T22:13:20Z stdout F 1980-01-01T00:00:00Z m",
        r#"{"__REALTIME_TIMESTAMP":"1700000000000000","MESSAGE":"{\"time\":\"1980-01-01T00:00:00Z\",\"msg\":\"m\"}"}"#,
    ];
    for line in lines {
        let understood = understand(line);
        assert_eq!(understood.log.time_unix_nano, RECEIVED.0, "{line}");
        assert!(understood.flags.contains(Flags::ABSURD_TIME), "{line}");
    }
    let neither =
        understand(r#"{"log":"1980-01-01T00:00:00Z m\n","stream":"stdout","time":"2100-11-14T22:13:20Z"}"#);
    assert_eq!(neither.log.time_unix_nano, 0);
    // One clock that is wrong is no reason to doubt a line that says its time.
    let sane =
        understand(r#"{"log":"2023-11-14 22:13:20 m\n","stream":"stdout","time":"1980-11-14T22:13:20Z"}"#);
    assert_eq!((sane.log.time_unix_nano, sane.flags), (RECEIVED.0, Flags::NONE));
}

#[test]
fn dates_with_the_month_first_are_read_and_with_the_day_first_where_it_is_no_month() {
    let times = [
        ("11/14/2023 22:13:20", RECEIVED.0),
        ("11/14/2023 10:13:20 PM", RECEIVED.0),
        ("11/14/2023, 10:13:20 PM", RECEIVED.0),
        ("11/14/2023, 10:13:20\u{202f}PM", RECEIVED.0),
        ("11/14/2023 22:13:20 +00:00", RECEIVED.0),
        ("11/14/2023 23:13:20.000 +01:00", RECEIVED.0),
        ("14/11/2023 22:13:20", RECEIVED.0),
        ("14/11/2023 10:13:20 pm", RECEIVED.0),
        ("11/14/2023 12:00:00 AM", 1_699_920_000_000_000_000),
        ("11/14/2023 12:30 PM", 1_699_965_000_000_000_000),
        ("3/4/2023 5:06:07 AM", 1_677_906_367_000_000_000),
        ("14/Nov/2023:22:13:20 +0000", RECEIVED.0),
    ];
    for (text, time) in times {
        assert_eq!(understand(&json!({"time": text}).to_string()).log.time_unix_nano, time, "{text}");
        assert_eq!(understand(&format!("{text} it started")).log.time_unix_nano, time, "{text}");
    }
    let nest = understand("[Nest] 1234  - 11/14/2023, 10:13:20 PM     LOG [NestFactory] Starting");
    assert_eq!(nest.log.time_unix_nano, RECEIVED.0);
    for text in [
        "13/14/2023 22:13:20",
        "02/30/2023 22:13:20",
        "11/14/2023 13:00:00 PM",
        "11/14/2023 0:00:00 AM",
        "11/14/2023 24:00:00",
        "11/14/23 22:13:20",
        "1/2/2023",
        "11/14/2023 22:13:201",
    ] {
        assert_eq!(understand(&json!({"time": text}).to_string()).log.time_unix_nano, 0, "{text}");
    }
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
fn zones_are_known_by_names_that_have_one_meaning() {
    let times = [
        "Tue, 14 Nov 2023 22:13:20 GMT",
        "Tue, 14 Nov 2023 22:13:20 +0000",
        "Tue, 14 Nov 2023 17:13:20 EST",
        "Tue Nov 14 23:13:20 CET 2023",
        "Tue Nov 14 22:13:20 UTC 2023",
        "14 Nov 2023 23:13:20.000 CET",
        "2023-11-14 17:13:20 EST",
        "2023-11-15T00:13:20,000 CEST",
        "11/14/2023 22:13:20 GMT",
        "11/14/2023 05:13:20 PM EST",
    ];
    for text in times {
        assert_eq!(understand(&json!({"time": text}).to_string()).log.time_unix_nano, RECEIVED.0, "{text}");
        assert_eq!(understand(&format!("{text} it started")).log.time_unix_nano, RECEIVED.0, "{text}");
        assert_eq!(understand(&format!("[{text}] it started")).log.time_unix_nano, RECEIVED.0, "{text}");
    }
    for text in ["2023-11-14 22:13:20 CST", "2023-11-14 22:13:20 IST", "Tue, 14 Nov 2023 22:13:20 PST"] {
        assert_eq!(understand(&json!({"time": text}).to_string()).log.time_unix_nano, 0, "{text}");
    }
    // The zone's name is a word of the message, and the time is a local one.
    for text in [
        "2023-11-14 22:13:20 EST-worker began",
        "2023-11-14 22:13:20 ESTABLISHED",
        "2023-11-14 22:13:20 WEST is down",
    ] {
        assert_eq!(understand(text).log.time_unix_nano, RECEIVED.0, "{text}");
    }
}

#[test]
fn a_time_without_seconds_is_one() {
    for line in [
        r#"{"time":"2023-11-14 22:13"}"#,
        r#"{"time":"2023-11-14T22:13Z"}"#,
        "2023-11-14 22:13 INFO x",
        "[2023-11-14 22:13] x",
    ] {
        assert_eq!(understand(line).log.time_unix_nano, 1_699_999_980_000_000_000, "{line}");
    }
}

#[test]
fn a_text_may_begin_with_a_number_that_is_a_time() {
    let lines = [
        ("1700000000 INFO x", RECEIVED.0),
        ("1700000000.500 x", RECEIVED.0 + 500_000_000),
        ("[1700000000.5] x", RECEIVED.0 + 500_000_000),
        ("[1700000000.000000] x", RECEIVED.0),
        ("[1700000000] x", RECEIVED.0),
        ("1700000000000 x", RECEIVED.0),
        ("1700000000000.500 x", RECEIVED.0 + 500_000),
        ("1700000000000000|INFO|x", RECEIVED.0),
        ("1700000000000000000\tx", RECEIVED.0),
        // An order's number, an amount of money, a telephone's number, what is to come, what is glued to more.
        ("1234567890 orders", 0),
        ("[1500000000] x", 0),
        ("1500000000.250 x", 0),
        ("1700000000.5 x", 0),
        ("4930123456 called", 0),
        ("1800000000 x", 0),
        ("1700000000: x", 0),
        ("1700000000-7 x", 0),
        ("17000000001 x", 0),
        ("order 1700000000 x", 0),
        ("1.2.3.4 x", 0),
        ("1700000000", 0),
    ];
    for (line, time) in lines {
        assert_eq!(understand(line).log.time_unix_nano, time, "{line}");
        assert!(!understand(line).flags.contains(Flags::ABSURD_TIME), "{line}");
    }
}

#[test]
fn numbers_that_are_far_from_a_time_are_absurd_and_durations_and_dates_are_none() {
    for time in [json!(0), json!(1), json!(86_400), json!("0"), json!(1.0)] {
        let understood = understand(&json!({"time": time, "msg": "m"}).to_string());
        assert_eq!(understood.flags, Flags::ABSURD_TIME, "{time}");
        assert_eq!(attributes(&understood)["time"], time);
    }
    for time in [json!(0.25), json!(20_231_114), json!("5ms"), json!("")] {
        assert_eq!(understand(&json!({"time": time, "msg": "m"}).to_string()).flags, Flags::NONE, "{time}");
    }
    assert_eq!(understand(r#"{"time":0,"@timestamp":"2023-11-14T22:13:20Z"}"#).flags, Flags::NONE);
}

#[test]
fn a_time_without_a_year_is_the_nearest_that_is_not_to_come() {
    let of = |line: &str| understand(line).log.time_unix_nano;
    // Arrival is in November 2023.
    assert_eq!(of("Jan  2 00:00:00 host x"), 1_672_617_600_000_000_000);
    assert_eq!(of("Nov 15 00:00:00 host x"), 1_700_006_400_000_000_000);
    let new_year = UnixNanos(1_704_063_000_000_000_000);
    let ahead = understand_at(b"Jan  1 00:00:10 host x", new_year);
    assert_eq!(ahead.log.time_unix_nano, 1_704_067_210_000_000_000, "of the next year, by half an hour");
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
