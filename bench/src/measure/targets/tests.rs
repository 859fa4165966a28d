use super::*;

#[test]
fn a_bound_itself_is_met_and_beyond_it_is_missed() {
    assert!(at_most("x", 4.8, 4.8).met && !at_most("x", 4.8, 4.81).met);
    assert!(at_least("x", 190_000.0, 190_000.0).met && !at_least("x", 190_000.0, 189_999.0).met);
}

#[test]
fn a_table_says_of_each_target_what_was_wanted_and_whether_it_is() {
    let table = targets_table(&[at_most("disk, B", 60.0, 71.26), at_least("rate, /s", 1_000.0, 1_234.5)]);
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(rows, ["| disk, B | ≤ 60.0 | 71.3 | **missed** |", "| rate, /s | ≥ 1,000 | 1,234 | met |"]);
}

#[test]
fn without_two_sizes_held_there_is_nothing_to_compare() {
    assert!(of_scale(&[], None).is_empty());
}
