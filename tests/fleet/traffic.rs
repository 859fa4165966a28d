//! What travels between a gateway and a sidecar is in proportion to the answer, not to what the sidecar holds.

use std::fmt::Write as _;

use serde_json::Value;

use super::proxy::Proxy;
use crate::{gateway, sidecar, when};

const RECORDS: usize = 2_000;
const TRACES: usize = 100;
const LETTERS: usize = 200;
/// Of a small answer, with what the probes say meanwhile.
const SMALL_BYTES: u64 = 16 << 10;

#[test]
fn what_travels_is_in_proportion_to_the_answer() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut lines = String::new();
    for number in 0..RECORDS {
        let noise: String = std::iter::repeat_with(|| random.alphanumeric()).take(LETTERS).collect();
        let (trace, level) = (number % TRACES + 1, if number % 500 == 0 { "error" } else { "info" });
        let _ = writeln!(
            lines,
            "{{\"msg\":\"{noise}\",\"trace_id\":\"{trace:032x}\",\"level\":\"{level}\",\"shelf\":\"{}\"}}",
            number % 7
        );
    }
    let peer = sidecar().start();
    let answer = peer.post("/v1/json-logs?service.name=stock", "application/x-ndjson", lines.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let proxy = Proxy::to(peer.query());
    let gateway = gateway(&[proxy.address()]).start();
    when(&gateway, "/api/v1/peers", |answer| answer["coverage"]["complete"] == true);
    let ask = |question: &str| -> (Value, u64) {
        let before = proxy.bytes_back();
        let answer = gateway.get(question).json();
        assert_eq!(answer["coverage"]["complete"], true, "{question}: {answer}");
        (answer, proxy.bytes_back() - before)
    };
    // Everything is what everything takes: the noise does not compress below three quarters.
    let (answer, bytes) = ask(&format!("/api/v1/search?limit={RECORDS}"));
    assert_eq!(answer["records"].as_array().unwrap().len(), RECORDS);
    assert!(bytes > (RECORDS * LETTERS / 2) as u64, "{bytes}");

    let one = |trace: usize| format!("/api/v1/traces/{trace:032x}");
    let questions = [
        ("/api/v1/search?limit=5", "records", 5),
        ("/api/v1/search?q=level:error", "records", RECORDS / 500),
        ("/api/v1/search?q=level:error%20AND%20shelf:0", "records", 1),
        ("/api/v1/traces?limit=3", "traces", 3),
        ("/api/v1/histogram?by=level&step=1h", "series", 2),
        ("/api/v1/fields/shelf/values", "values", 7),
        ("/api/v1/services", "services", 1),
        ("/api/v1/graph", "edges", 0),
        (&one(7), "logs", RECORDS / TRACES),
    ];
    for (question, items, count) in questions {
        let (answer, bytes) = ask(question);
        assert_eq!(answer[items].as_array().map(Vec::len), Some(count), "{question}: {answer}");
        assert!(bytes > 0 && bytes < SMALL_BYTES, "{question}: {bytes} bytes");
    }
    let (_, bytes) = ask("/api/v1/fields");
    assert!(bytes < SMALL_BYTES, "{bytes}");
    let before = proxy.bytes_back();
    assert_eq!(gateway.get(&one(4_711)).status, 404);
    assert!(proxy.bytes_back() - before < 1_000, "of a trace that it has nothing of a peer says little");
}
