//! Bars start and end where they should.

use super::bar;

#[test]
fn a_bar_stands_for_its_part_of_the_whole() {
    assert_eq!(bar(0, 100, 100, 10), "██████████");
    assert_eq!(bar(50, 50, 100, 10), "     █████");
    assert_eq!(bar(25, 50, 100, 10), "  ▐████▌");
}

#[test]
fn something_too_short_to_see_is_still_there() {
    assert_eq!(bar(30, 0, 100, 10), "   ▏");
    assert_eq!(bar(100, 0, 100, 10), "         ▏");
}

#[test]
fn times_outside_of_the_trace_stay_inside_of_the_drawing() {
    assert_eq!(bar(-50, 500, 100, 4), "████");
    assert_eq!(bar(500, 10, 100, 4), "   ▏");
    assert_eq!(bar(10, -5, 100, 4), "▏");
    assert_eq!(bar(i128::from(u64::MAX), i128::from(u64::MAX), 100, 4), "   ▏");
}

#[test]
fn a_trace_without_duration_is_no_division_by_zero() {
    assert_eq!(bar(0, 0, 0, 4), "▏");
}
