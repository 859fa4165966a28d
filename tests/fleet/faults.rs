//! What networks and peers do: for each, what the answer holds, whom it names, and that it came in time.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use spandrel_testing::Sidecar;

use super::proxy::{Mood, Proxy};
use super::records::TRACE;
use crate::{PEER_TIMEOUT, SHOP, SLACK, addresses, fleet, gateway, path, reasons, services, timed, when};

/// Logs of the last service that make its part of the trace large, and do not compress.
const HEAVY_LOGS: usize = 400;

/// Five sidecars and a gateway; the last one is behind a proxy.
struct Fleet {
    sidecars: Vec<Sidecar>,
    proxy: Proxy,
    gateway: Sidecar,
}

impl Fleet {
    fn new() -> Fleet {
        let sidecars = fleet(&SHOP);
        let proxy = Proxy::to(sidecars[4].query());
        let mut peers = addresses(&sidecars);
        peers[4] = proxy.address();
        let gateway = gateway(&peers).start();
        when(&gateway, "/api/v1/peers", |answer| answer["coverage"]["complete"] == true);
        Fleet { sidecars, proxy, gateway }
    }

    /// The last sidecar's part of the trace is so large that it takes a while.
    fn heavy() -> Fleet {
        let fleet = Fleet::new();
        make_heavy(&fleet.sidecars[4]);
        fleet
    }

    fn others() -> BTreeSet<String> {
        SHOP[..4].iter().map(|service| (*service).to_owned()).collect()
    }

    /// The trace without the last sidecar's part, in time, with one of these reasons.
    fn check_missing(&self, mood: Mood, reasons_of_it: &[&str]) {
        let (answer, time) = timed(&self.gateway, &path());
        assert_eq!(services(&answer), Fleet::others(), "{mood:?}: {answer}");
        assert!(time < PEER_TIMEOUT + SLACK, "{mood:?}: {time:?}");
        let missing = reasons(&answer);
        assert_eq!(missing.len(), 1, "{mood:?}: {answer}");
        assert_eq!(missing[0].0, self.proxy.address());
        assert!(reasons_of_it.contains(&missing[0].1.as_str()), "{mood:?}: {answer}");
        assert_eq!((&answer["coverage"]["asked"], &answer["coverage"]["answered"]), (&5.into(), &4.into()));
    }

    /// Whatever it was is over.
    fn check_recovers(&self) {
        self.proxy.set(Mood::Pass);
        let whole = |answer: &Value| answer["coverage"]["complete"] == true && services(answer).len() == 5;
        when(&self.gateway, &path(), whole);
    }
}

fn make_heavy(sidecar: &Sidecar) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut lines = String::new();
    for _ in 0..HEAVY_LOGS {
        let noise: String = std::iter::repeat_with(|| random.alphanumeric()).take(500).collect();
        let _ = writeln!(lines, "{{\"msg\":\"{noise}\",\"trace_id\":\"{TRACE}\"}}");
    }
    let target = "/v1/json-logs?service.name=stock";
    assert_eq!(sidecar.post(target, "application/x-ndjson", lines.as_bytes()).status, 200);
}

/// What a peer behind a proxy in this mood is named as; everything that the others hold comes in time.
fn check_fault(fleet: &Fleet, mood: Mood, reasons_of_it: &[&str]) {
    fleet.proxy.set(mood);
    for _ in 0..3 {
        fleet.check_missing(mood, reasons_of_it);
    }
    // Known to be down, it is not waited for any more.
    let is_down = |peer: &Value| peer["peer"] == fleet.proxy.address() && peer["state"] != "up";
    let down = |answer: &Value| answer["peers"].as_array().unwrap().iter().any(is_down);
    when(&fleet.gateway, "/api/v1/peers", down);
    let (answer, time) = timed(&fleet.gateway, &path());
    assert!(time < PEER_TIMEOUT && answer["coverage"]["complete"] == false, "{mood:?}: {time:?}");
    assert_eq!(fleet.gateway.get(&format!("{}?require=complete", path())).status, 503);
    assert_eq!(fleet.gateway.get("/readyz").status, 200, "a gateway is ready whatever its peers are");
    fleet.check_recovers();
}

#[test]
fn a_peer_that_refuses_connections_is_named() {
    check_fault(&Fleet::new(), Mood::Refuse, &["unreachable", "refused"]);
}

#[test]
fn a_peer_that_hangs_is_waited_for_until_its_deadline() {
    check_fault(&Fleet::new(), Mood::Hang, &["timeout"]);
}

#[test]
fn a_peer_that_answers_with_garbage_is_named() {
    check_fault(&Fleet::new(), Mood::Garbage, &["garbage", "unreachable"]);
}

#[test]
fn a_peer_that_trickles_delays_nothing_past_its_deadline() {
    // So slow that not even a small answer is through in time.
    check_fault(&Fleet::new(), Mood::Slow { bytes_per_second: 16 }, &["timeout", "unreachable"]);
}

#[test]
fn a_peer_whose_connection_breaks_in_the_middle_of_an_answer_is_named() {
    check_fault(&Fleet::new(), Mood::Cut { after_bytes: 300 }, &["unreachable"]);
}

#[test]
fn a_peer_that_lost_the_connection_without_a_word_is_named() {
    check_fault(&Fleet::new(), Mood::HalfOpen, &["timeout", "unreachable"]);
}

#[test]
fn a_network_that_comes_apart_in_the_middle_of_an_answer_delays_nothing_past_the_deadline() {
    check_fault(&Fleet::heavy(), Mood::Part { after_bytes: 20_000 }, &["timeout", "unreachable"]);
}

#[test]
fn a_large_answer_at_a_kibibyte_a_second_is_given_up_and_the_peer_goes_on_answering_small_ones() {
    let fleet = Fleet::heavy();
    fleet.proxy.set(Mood::Slow { bytes_per_second: 1 << 10 });
    for _ in 0..2 {
        fleet.check_missing(Mood::Slow { bytes_per_second: 1 << 10 }, &["timeout", "unreachable"]);
    }
    fleet.check_recovers();
}

#[test]
fn a_peer_that_is_far_away_is_waited_for_and_complete() {
    let fleet = Fleet::new();
    fleet.proxy.set(Mood::Late(Duration::from_millis(200)));
    when(&fleet.gateway, &path(), |answer| answer["coverage"]["complete"] == true);
    check_far_away(&fleet);
}

#[test]
fn a_peer_that_is_far_away_over_a_network_that_loses_packets_is_waited_for_and_complete() {
    let fleet = Fleet::new();
    fleet.proxy.set(Mood::Lossy(Duration::from_millis(200)));
    when(&fleet.gateway, &path(), |answer| answer["coverage"]["complete"] == true);
    check_far_away(&fleet);
}

/// Five answers: each in time, and each either whole or without the far one, and then it says so.
fn check_far_away(fleet: &Fleet) {
    let mut whole = 0;
    for _ in 0..5 {
        let (answer, time) = timed(&fleet.gateway, &path());
        assert!(time < PEER_TIMEOUT + SLACK, "{time:?}");
        let complete = answer["coverage"]["complete"] == true;
        let expected = if complete { 5 } else { 4 };
        assert_eq!(services(&answer).len(), expected, "{answer}");
        assert!(complete || reasons(&answer)[0].1 == "timeout", "{answer}");
        whole += usize::from(complete);
    }
    assert!(whole > 0, "it is far away, and not gone");
}

#[test]
fn a_reader_that_does_not_read_holds_up_nobody_else() {
    let fleet = Fleet::heavy();
    let request = format!("GET {} HTTP/1.0\r\n\r\n", path());
    // More of them than there are answers that fit into what sockets hold.
    let unread: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(fleet.gateway.query()).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            // Its answer has begun.
            stream.read_exact(&mut [0; 12]).unwrap();
            stream
        })
        .collect();
    for _ in 0..3 {
        let (answer, time) = timed(&fleet.gateway, &path());
        assert_eq!(answer["coverage"]["complete"], true, "{}", answer["coverage"]);
        assert!(time < PEER_TIMEOUT + SLACK, "{time:?}");
    }
    drop(unread);
}
