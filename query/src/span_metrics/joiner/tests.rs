use super::*;
use crate::span_metrics::half::Connection;

fn half(number: u64, side: Side) -> Half {
    let mut trace = [1; 16];
    trace[..8].copy_from_slice(&number.to_be_bytes());
    Half {
        place: Place { trace, span: [1; 8] },
        side,
        connection: Connection::Direct,
        service: "cart".into(),
        namespace: "".into(),
        peer: None,
        seconds: 0.1,
        failed: false,
    }
}

#[test]
fn halves_that_are_joined_leave_nothing_behind_while_another_waits() {
    let (mut joiner, now) = (Joiner::new(Duration::from_secs(10), 20_000), Instant::now());
    assert_eq!(joiner.add(half(0, Side::Client), now), None);
    for number in 1..100_000 {
        assert_eq!(joiner.add(half(number, Side::Client), now), None);
        assert!(joiner.add(half(number, Side::Server), now).is_some());
        assert_eq!(joiner.next_expired(now), None);
    }
    assert_eq!(joiner.waiting.len(), 1);
    assert!(joiner.order.len() <= 2 + JOINED_MAX && joiner.order.capacity() <= 4 * JOINED_MAX);
    let end = now + Duration::from_secs(10);
    assert_eq!(joiner.next_expired(end), Some(half(0, Side::Client)));
    assert_eq!(joiner.next_expired(end), None);
}

#[test]
fn the_room_of_a_burst_is_given_back_once_few_wait() {
    let (mut joiner, now) = (Joiner::new(Duration::from_secs(10), 100_000), Instant::now());
    for number in 0..100_000 {
        assert_eq!(joiner.add(half(number, Side::Client), now), None);
    }
    joiner.shrink();
    assert!(joiner.waiting.capacity() >= 100_000, "they all wait");
    while joiner.next_expired(now + Duration::from_secs(10)).is_some() {}
    joiner.shrink();
    assert!(joiner.waiting.capacity() <= 8 * ROOM_MIN && joiner.order.capacity() <= 8 * ROOM_MIN);
}
