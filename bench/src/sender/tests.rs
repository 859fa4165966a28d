use super::*;
use crate::load::ServiceIndex;

#[test]
fn a_quantile_is_one_of_the_values() {
    let latencies: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
    assert_eq!(quantile(&latencies, 0.5), Duration::from_millis(50));
    assert_eq!(quantile(&latencies, 0.99), Duration::from_millis(99));
    assert_eq!(quantile(&latencies, 1.0), Duration::from_millis(100));
    assert_eq!(quantile(&[], 0.5), Duration::ZERO);
}

#[test]
fn a_rate_spreads_the_requests_by_their_records() {
    let request = |records| {
        let (signal, service, body) = (Signal::Spans, ServiceIndex(0), bytes::Bytes::new());
        Request { signal, service, records, body }
    };
    let due = due_times(&[request(500), request(250), request(10)], Some(1_000.0));
    assert_eq!(due, [0, 500, 750].map(Duration::from_millis));
    assert!(due_times(&[request(1)], None).is_empty());
}
