use super::*;

#[test]
fn a_body_that_is_thrown_away_holds_nothing() {
    let budget = MemoryBudget::new(1 << 20);
    let mut admission =
        Admission::new(&budget, std::time::Duration::ZERO).expect("an empty permit is to be had");
    admission.grow_body(500_000).expect("there is room");
    admission.release_body();
    assert_eq!(budget.bytes_used(), 0);
}
