use jiff::Timestamp;
use proptest::prelude::*;

use super::at_start;

fn utc_ns(text: &str) -> Option<(i128, Option<i32>, usize)> {
    at_start(text.as_bytes()).map(|(moment, length)| (moment.utc_ns(), moment.offset_s, length))
}

#[test]
fn the_usual_forms_are_read_up_to_their_end() {
    let whole = 1_700_000_000_000_000_000;
    let cases = [
        ("2023-11-14T22:13:20Z rest", whole, Some(0), 20),
        ("2023-11-14 22:13:20,123 INFO", whole + 123_000_000, None, 23),
        ("2023/11/14 22:13:20 main", whole, None, 19),
        ("2023-11-14T22:13:20.123456789+01:00]", whole + 123_456_789, Some(3_600), 35),
        ("2023-11-14 22:13:20.5 +0530", whole + 500_000_000, Some(19_800), 27),
        ("2023-11-14 22:13:20 -12 items", whole, None, 19),
        ("2023-11-14 22:13:20 UTC", whole, Some(0), 23),
        ("2023-11-14 22:13:20 CET", whole, Some(3_600), 23),
        ("2023-11-14 22:13:20,000 EST] x", whole, Some(-18_000), 27),
        ("2023-11-14 22:13:20 EST-5", whole, None, 19),
        ("2023-11-14 22:13:20 CST", whole, None, 19),
        ("2023-11-14 22:13:20 ESTATE", whole, None, 19),
        ("2023-11-14 22:13", whole - 20_000_000_000, None, 16),
        ("2023-11-14T22:13Z", whole - 20_000_000_000, Some(0), 17),
        ("2023-11-14 22:13, it began", whole - 20_000_000_000, None, 16),
        ("2023-11-14T22:13:20.1234567891Z", whole + 123_456_789, Some(0), 31),
    ];
    for (text, ns, offset, length) in cases {
        assert_eq!(utc_ns(text), Some((ns, offset, length)), "{text}");
    }
}

#[test]
fn what_is_near_to_a_time_is_none() {
    for text in [
        "2023-11-14",
        "2023-13-14 22:13:20",
        "2023-02-29 22:13:20",
        "2023-11-14 25:13:20",
        "2023-11-14 22:1",
        "2023-11-14 22:13.5",
        "2023-11-14 22:131",
        "2023-11-14 22:13:",
        "20231114T221320Z",
        "2023-11-14 22:13:201",
    ] {
        assert_eq!(utc_ns(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_looked_at(text in proptest::collection::vec(any::<u8>(), 0..60)) {
        at_start(&text);
    }

    #[test]
    fn every_timestamp_is_read_as_jiff_reads_it(seconds in -30_000_000_000_i64..200_000_000_000, subsec in 0_i32..1_000_000_000) {
        let time = Timestamp::new(seconds, subsec).unwrap();
        let text = format!("{time:.9}");
        let (ns, offset, length) = utc_ns(&text).unwrap();
        prop_assert_eq!((ns, offset, length), (time.as_nanosecond(), Some(0), text.len()));
    }
}
