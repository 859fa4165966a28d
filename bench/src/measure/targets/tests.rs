use super::*;

#[test]
fn a_bound_itself_is_met_and_beyond_it_is_missed() {
    assert_eq!(at_most("x", 4.8, 4.8).verdict, Verdict::Met);
    assert_eq!(at_most("x", 4.8, 4.81).verdict, Verdict::Missed);
    assert_eq!(at_least("x", 190_000.0, 190_000.0).verdict, Verdict::Met);
    assert_eq!(at_least("x", 190_000.0, 189_999.0).verdict, Verdict::Missed);
}

#[test]
fn a_slower_machine_is_allowed_for_in_times_and_in_rates() {
    assert_eq!(at_most("x", 0.5, 0.75).scaled(1.5).verdict, Verdict::MetScaled);
    assert_eq!(at_most("x", 0.5, 0.76).scaled(1.5).verdict, Verdict::Missed);
    assert_eq!(at_least("x", 100.0, 50.0).scaled(2.0).verdict, Verdict::MetScaled);
    assert_eq!(at_least("x", 100.0, 49.0).scaled(2.0).verdict, Verdict::Missed);
    // Met on a faster machine only.
    assert_eq!(at_least("x", 100.0, 120.0).scaled(0.5).verdict, Verdict::Missed);
    assert_eq!(at_least("x", 100.0, 220.0).scaled(0.5).verdict, Verdict::Met);
}

#[test]
fn a_table_says_of_each_target_what_was_wanted_and_whether_it_is() {
    let (disk, rate) = (at_most("disk, B", 60.0, 71.26), at_least("rate, /s", 1_000.0, 900.0));
    let table = targets_table(&[disk, rate.scaled(2.0)]);
    let rows: Vec<&str> = table.lines().skip(2).collect();
    let expected = [
        "| disk, B | ≤ 60.0 | 71.3 | – | **missed** |",
        "| rate, /s | ≥ 1,000 | 900.0 | 1,800 | met, scaled |",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn without_two_sizes_held_there_is_nothing_to_compare() {
    assert!(of_scale(&[], None).is_empty());
}
