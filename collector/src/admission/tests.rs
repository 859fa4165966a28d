use super::*;

#[test]
fn small_requests_share_half_of_the_budget_and_a_large_one_may_use_all() {
    let budget = MemoryBudget::new(1_000);
    let request =
        || Admission::new(&budget, std::time::Duration::ZERO).expect("an empty permit is to be had");
    let (mut first, mut second, mut third) = (request(), request(), request());
    first.grow_body(250).expect("there is room");
    second.grow_body(240).expect("there is room");
    assert!(matches!(third.grow_body(150), Err(Refusal::Overloaded { .. })));
    second.grow_records(300).expect("it is large by itself");
    assert!(matches!(second.grow_records(600), Err(Refusal::TooLarge { .. })));
    drop(second);
    third.grow_body(100).expect("there is room again");
}

#[test]
fn a_body_that_is_thrown_away_holds_nothing() {
    let budget = MemoryBudget::new(1 << 20);
    let mut admission =
        Admission::new(&budget, std::time::Duration::ZERO).expect("an empty permit is to be had");
    admission.grow_body(500_000).expect("there is room");
    admission.release_body();
    assert_eq!(budget.bytes_used(), 0);
}

#[test]
fn a_part_of_a_large_request_finds_room_beside_it() {
    let budget = MemoryBudget::new(1_000);
    let mut request = Admission::new(&budget, std::time::Duration::ZERO).expect("there is room");
    request.grow_body(600).expect("it is large by itself");
    let mut other = Admission::new(&budget, std::time::Duration::ZERO).expect("an empty permit");
    assert!(matches!(other.grow_records(100), Err(Refusal::Overloaded { .. })));
    let mut part = request.for_part().expect("an empty permit");
    part.grow_records(300).expect("the rest of the budget is for the large one");
    assert!(matches!(part.grow_records(200), Err(Refusal::TooLarge { .. })));
}

#[tokio::test]
async fn what_was_reserved_is_had_however_much_others_hold_by_then() {
    let budget = MemoryBudget::new(1_000);
    let mut request = Admission::new(&budget, std::time::Duration::ZERO).expect("there is room");
    request.reserve_records_patiently(200).await.expect("there is room");
    let mut large = Admission::new(&budget, std::time::Duration::ZERO).expect("there is room");
    large.grow_body(700).expect("it is large by itself");
    request.grow_records(150).expect("it is reserved");
    assert!(
        matches!(request.grow_records(60), Err(Refusal::Overloaded { .. })),
        "that is more than was reserved"
    );
}
