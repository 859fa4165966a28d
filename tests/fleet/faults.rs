//! What networks and peers do: for each, what the answer holds, whom it names, and that it came in time.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use spandrel_testing::Sidecar;

use super::network::{self, Network, THERE};
use super::proxy::{Mood, Proxy};
use super::records::{TRACE, trace};
use crate::{
    PEER_TIMEOUT, SHOP, SLACK, addresses, fleet, gateway, keep, path, reasons, services, sidecar, timed, when,
};

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

/// A server of HTTP/1.1 alone says something that is no HTTP/2: whoever reads of it is told what it may be.
#[test]
fn a_server_of_older_http_is_named_as_one() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // The question has come too, behind what begins a connection.
            let mut begun = [0; 120];
            let _ = std::io::Read::read_exact(&mut stream, &mut begun);
            let refusal = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            let _ = std::io::Write::write_all(&mut stream, refusal);
            // Held until the other side goes, so that it reads the answer and no broken connection.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    let gateway = gateway(&[&address]).start();
    let answer = gateway.get(&path()).json();
    let missing = &answer["coverage"]["missing"][0];
    assert_eq!(missing["reason"], "garbage", "{answer}");
    assert!(missing["detail"].as_str().unwrap().contains("HTTP/1.1"), "{answer}");
}

#[test]
fn somebody_else_who_listens_at_a_peers_address_is_named_as_of_another_version() {
    let sidecars = fleet(&SHOP[..2]);
    // Its receivers speak HTTP and gRPC, and know nothing of peers.
    let strangers = [sidecars[1].http(), sidecars[1].grpc()];
    let gateway = gateway(&[sidecars[0].query(), strangers[0], strangers[1]]).start();
    for _ in 0..2 {
        let (answer, time) = timed(&gateway, &path());
        assert!(time < PEER_TIMEOUT + SLACK, "{time:?}");
        assert_eq!(services(&answer), BTreeSet::from([SHOP[0].to_owned()]), "{answer}");
        let missing: BTreeSet<_> = reasons(&answer).into_iter().collect();
        let expected = strangers.map(|stranger| (stranger.to_owned(), "version".to_owned()));
        assert_eq!(missing, BTreeSet::from(expected), "{answer}");
        assert_eq!((&answer["coverage"]["asked"], &answer["coverage"]["answered"]), (&3.into(), &1.into()));
    }
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

#[test]
fn the_kernels_own_faults_over_a_real_cable() {
    const NAME: &str = "fleet::faults::the_kernels_own_faults_over_a_real_cable";
    if network::is_inside() {
        check_cable();
    } else if !network::run_inside(NAME) {
        network::say("network namespaces are not permitted here: the proxy alone stands for the cable");
    }
}

/// A gateway here, a sidecar here, and one at the other end of a cable.
fn check_cable() {
    let network = Network::new();
    let whole = trace(&SHOP[..2]);
    let near = sidecar().start();
    keep(&near, &whole, SHOP[0]);
    let folder = tempfile::tempdir().unwrap();
    let far = |port: &str| {
        let command = sidecar()
            .through(network.prefix())
            .folder(&folder.path().join("data"))
            .set(format!("query.endpoint={THERE}:{port}"))
            .set(format!("receivers.otlp.protocols.http.endpoint={THERE}:0"))
            .set("security.insecure=true");
        command.start()
    };
    let mut peer = far("0");
    keep(&peer, &whole, SHOP[1]);
    make_heavy(&peer);
    let peer_address = peer.query().to_owned();
    let gateway = gateway(&[near.query(), &peer_address]).start();
    let complete =
        |answer: &Value| answer["coverage"]["complete"] == true && services(answer).contains("orders");
    when(&gateway, &path(), complete);
    let check_without_it = |what: &str| {
        let (answer, time) = timed(&gateway, &path());
        assert!(time < PEER_TIMEOUT + SLACK, "{what}: {time:?}");
        assert_eq!(services(&answer), BTreeSet::from([SHOP[0].to_owned()]), "{what}: {answer}");
        let missing = reasons(&answer);
        assert_eq!(missing.len(), 1, "{what}: {answer}");
        assert_eq!(missing[0].0, peer_address, "{what}");
        let reasons_of_it = ["timeout", "unreachable", "refused"];
        assert!(reasons_of_it.contains(&missing[0].1.as_str()), "{what}: {answer}");
        let counts = (&answer["coverage"]["asked"], &answer["coverage"]["answered"]);
        assert_eq!(counts, (&2.into(), &1.into()), "{what}: {answer}");
    };

    if network.treat(&["netem", "delay", "200ms", "loss", "5%"]) {
        for _ in 0..3 {
            let (answer, time) = timed(&gateway, &path());
            assert!(time < PEER_TIMEOUT + SLACK, "netem: {time:?}");
            let found = services(&answer).len();
            assert_eq!(answer["coverage"]["complete"] == true, found == 2, "netem: {answer}");
        }
        network.leave_alone();
        when(&gateway, &path(), complete);
    }

    // So slow that the part of the trace which is there takes minutes.
    if network.treat(&["tbf", "rate", "8kbit", "burst", "1600", "latency", "400ms"]) {
        check_without_it("1 KiB/s");
        network.leave_alone();
        when(&gateway, &path(), complete);
    }

    // The cable is pulled out in the middle of the answer, when the first bytes of it have come.
    let is_slow = network.treat(&["tbf", "rate", "800kbit", "burst", "3200", "latency", "400ms"]);
    let before = network.received();
    std::thread::scope(|scope| {
        let ask = || check_without_it("a cable pulled out in the middle");
        let asking = is_slow.then(|| scope.spawn(ask));
        while asking.as_ref().is_some_and(|asking| !asking.is_finished())
            && network.received() < before + 20_000
        {
            std::thread::yield_now();
        }
        network.pull_out();
        asking.into_iter().for_each(|asking| asking.join().unwrap());
    });
    check_without_it("a cable that is out");

    // Meanwhile the other side dies, and nobody here hears of it: the connection is open on this side alone.
    peer.kill();
    network.leave_alone();
    network.plug_in();
    check_without_it("a connection that is half open");
    let port = peer_address.rsplit_once(':').unwrap().1.to_owned();
    let _peer = far(&port);
    when(&gateway, &path(), complete);
}
