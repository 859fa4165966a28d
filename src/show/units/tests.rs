//! Durations in few digits.

use super::{count, duration, offset};

#[test]
fn durations_have_the_unit_that_keeps_them_short() {
    let cases: [(i128, &str); 12] = [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1 µs"),
        (84_130, "84.1 µs"),
        (12_345_678, "12.3 ms"),
        (840_000_000, "840 ms"),
        (1_284_000_000, "1.28 s"),
        (59_000_000_000, "59 s"),
        (125_000_000_000, "2 min 5 s"),
        (11_220_000_000_000, "3 h 7 min"),
        (-1_500_000, "-1.5 ms"),
        (i128::from(u64::MAX), "5124095 h 34 min"),
    ];
    for (ns, text) in cases {
        assert_eq!(duration(ns), text, "{ns} ns");
    }
}

#[test]
fn offsets_carry_their_sign() {
    assert_eq!(offset(12_000_000), "+12 ms");
    assert_eq!(offset(-12_000_000), "-12 ms");
}

#[test]
fn numbers_agree_with_their_nouns() {
    assert_eq!(count(0, "span", "spans"), "no spans");
    assert_eq!(count(1, "span", "spans"), "1 span");
    assert_eq!(count(2, "span", "spans"), "2 spans");
}
