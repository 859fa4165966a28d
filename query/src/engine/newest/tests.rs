use super::*;

#[test]
fn few_are_asked_for_all_of_a_page_and_many_for_some_times_their_share() {
    assert_eq!(first_of(101, 0), 101);
    assert_eq!(first_of(101, 1), 101);
    assert_eq!(first_of(101, SHARES), 101);
    assert_eq!(first_of(101, 15), 21);
    assert_eq!(first_of(101, 500), FIRST_MIN);
    assert_eq!(first_of(11, 15), 11);
}
