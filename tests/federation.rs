//! A fleet of real processes: sidecars that hold one service each, and a gateway that answers for all.

#![allow(clippy::unwrap_used, reason = "clippy takes only functions marked #[test] for tests")]

mod fleet {
    mod credentials;
    mod demo;
    mod faults;
    mod membership;
    mod missing;
    pub mod names;
    pub mod network;
    pub mod proxy;
    pub mod records;
    mod tail;
    mod traffic;
}

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fleet::proxy::{Mood, Proxy};
use fleet::records::{Span, TRACE, trace};
use rustix::process::Signal;
use serde_json::Value;
use spandrel_testing::{Command, Port, Sidecar};

/// For what is told in the background.
const PATIENCE: Duration = Duration::from_secs(30);
/// `limits.peer_timeout` in these tests: far more than an answer takes on a machine that is busy with others.
const PEER_TIMEOUT: Duration = Duration::from_secs(2);
/// What an answer may take beyond the deadline of its peers, on such a machine.
const SLACK: Duration = Duration::from_secs(2);

fn sidecar() -> Command {
    Sidecar::of(env!("CARGO_BIN_EXE_spandrel"))
}

fn gateway(peers: &[&str]) -> Command {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/config/gateway.yaml");
    sidecar()
        .argument("--config")
        .argument(config)
        .set(format!("limits.peer_timeout={}ms", PEER_TIMEOUT.as_millis()))
        .set(format!("federation.peers={}", serde_json::to_string(peers).unwrap()))
}

/// One sidecar for each of these services, with the service's part of one trace.
fn fleet(services: &[&str]) -> Vec<Sidecar> {
    let whole = trace(services);
    services.iter().map(|service| sidecar_with(&whole, service)).collect()
}

fn sidecar_with(whole: &[Span], service: &str) -> Sidecar {
    let sidecar = sidecar().start();
    keep(&sidecar, whole, service);
    sidecar
}

fn keep(sidecar: &Sidecar, whole: &[Span], service: &str) {
    let part = fleet::records::of_service(whole, service);
    let answer = sidecar.post("/v1/traces", "application/json", part.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn addresses(sidecars: &[Sidecar]) -> Vec<&str> {
    sidecars.iter().map(Sidecar::query).collect()
}

/// An answer, and the time it took.
fn timed(sidecar: &Sidecar, path: &str) -> (Value, Duration) {
    let begun = Instant::now();
    let answer = sidecar.get(path).json();
    (answer, begun.elapsed())
}

fn when(sidecar: &Sidecar, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = sidecar.get(path).json();
        if wanted(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer}");
    }
}

fn reasons(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let missing = answer["coverage"]["missing"].as_array().unwrap();
    missing.iter().map(|missing| (text(&missing["peer"]), text(&missing["reason"]))).collect()
}

fn services(answer: &Value) -> BTreeSet<String> {
    let spans = answer["spans"].as_array().unwrap();
    spans.iter().map(|span| span["service"].as_str().unwrap().to_owned()).collect()
}

fn path() -> String {
    format!("/api/v1/traces/{TRACE}")
}

/// The trace, but for what is each answer's own.
fn without_coverage(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("coverage");
    answer
}

const SHOP: [&str; 5] = ["gateway", "orders", "payment", "ledger", "stock"];

#[test]
fn a_gateway_gives_the_trace_that_one_sidecar_with_everything_gives() {
    let sidecars = fleet(&SHOP);
    let all = sidecar().start();
    SHOP.iter().for_each(|service| keep(&all, &trace(&SHOP), service));
    let mut gateway = gateway(&addresses(&sidecars)).start();
    let answer = gateway.get(&path()).json();
    let whole = serde_json::json!({"complete": true, "asked": 5, "answered": 5, "missing": []});
    assert_eq!(answer["coverage"], whole);
    assert_eq!(without_coverage(answer), without_coverage(all.get(&path()).json()));
    for question in [
        "/api/v1/search?q=level:error",
        "/api/v1/search?q=service:(payment%20OR%20stock)&limit=3",
        "/api/v1/traces?q=level:error",
        "/api/v1/histogram?by=service&step=1s",
        "/api/v1/fields",
        "/api/v1/fields/name/values",
        "/api/v1/services",
        "/api/v1/graph",
        "/api/v1/graph?q=level:error",
    ] {
        let [one, other] = [&gateway, &all].map(|asked| without_coverage(asked.get(question).json()));
        assert_eq!(one, other, "{question}");
    }
    let errors = gateway.get(&format!("{}/errors", path())).json();
    assert_eq!(errors["root_cause"]["service"], "stock", "{errors}");

    assert_eq!(gateway.get("/readyz").status, 200);
    let peers = gateway.cli(["peers"]);
    let shown = String::from_utf8_lossy(&peers.stdout).into_owned();
    assert!(peers.status.success() && sidecars.iter().all(|peer| shown.contains(peer.query())), "{shown}");
    assert!(gateway.get("/metrics").text().contains("spandrel_peer_up"));
    assert!(gateway.terminate().success(), "{}", gateway.log());
}

#[test]
fn pages_follow_each_other_over_all_sidecars_also_while_one_fails_and_comes_back() {
    let mut sidecars = fleet(&SHOP);
    let proxy = Proxy::to(sidecars[2].query());
    let mut peers = addresses(&sidecars);
    peers[2] = proxy.address();
    let gateway = gateway(&peers).start();
    let ids = |answer: &Value| -> Vec<String> {
        let records = answer["records"].as_array().unwrap();
        records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
    };
    let whole = ids(&gateway.get("/api/v1/search?limit=1000").json());
    assert_eq!(whole.len(), trace(&SHOP).len());

    // Page by page, with the third sidecar away for some of them.
    let (mut seen, mut cursor, mut page) = (Vec::new(), String::new(), 0);
    loop {
        match page {
            2 => proxy.set(Mood::Refuse),
            4 => {
                proxy.set(Mood::Pass);
                when(&gateway, "/api/v1/search?limit=1", |answer| answer["coverage"]["complete"] == true);
            }
            _ => {}
        }
        let answer = gateway.get(&format!("/api/v1/search?limit=3{cursor}")).json();
        assert_eq!(answer["coverage"]["complete"], !(2..4).contains(&page), "page {page}: {answer}");
        seen.extend(ids(&answer));
        let Some(next) = answer["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        page += 1;
    }
    let distinct: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "a record was on two pages");
    // What is lacking is the failed sidecar's, in the time of two pages.
    let lost: Vec<&String> = whole.iter().filter(|id| !distinct.contains(id)).collect();
    assert!(lost.len() <= 6 && seen.len() + lost.len() == whole.len(), "lost {lost:?}");
    let in_order: Vec<&String> = whole.iter().filter(|id| distinct.contains(id)).collect();
    assert_eq!(seen.iter().collect::<Vec<_>>(), in_order);
    sidecars.clear();
}

#[test]
fn a_stopped_process_a_killed_one_and_one_that_lost_its_data_are_named() {
    let (whole, port) = (trace(&SHOP[..3]), Port::reserve());
    let at_port = || sidecar().set(format!("query.endpoint={}", port.address())).start();
    let mut sidecars = [sidecar().start(), at_port(), sidecar().start()];
    sidecars.iter().zip(SHOP).for_each(|(sidecar, service)| keep(sidecar, &whole, service));
    let gateway = gateway(&addresses(&sidecars)).start();
    when(&gateway, "/api/v1/peers", |answer| {
        let peers = answer["peers"].as_array().unwrap();
        peers.iter().all(|peer| peer["service"].is_string())
    });
    let [stopped, killed] = [0, 1].map(|number| sidecars[number].query().to_owned());

    sidecars[0].freeze();
    let (answer, time) = timed(&gateway, &path());
    assert_eq!(reasons(&answer), [(stopped.clone(), "timeout".to_owned())]);
    assert_eq!(services(&answer).len(), 2);
    assert!(time >= PEER_TIMEOUT / 2 && time < PEER_TIMEOUT + SLACK, "{time:?}");
    sidecars[0].signal(Signal::CONT);
    when(&gateway, &path(), |answer| answer["coverage"]["complete"] == true);

    sidecars[1].kill();
    let (answer, time) = timed(&gateway, &path());
    assert_eq!(services(&answer).len(), 2, "{answer}");
    assert_eq!(reasons(&answer)[0].0, killed);
    assert!(time < PEER_TIMEOUT + SLACK, "{time:?}");

    // In its place one that has nothing: what was there is gone as long as the question is about its time.
    let _empty = at_port();
    let gone = |answer: &Value| reasons(answer) == [(killed.clone(), "gone".to_owned())];
    let answer = when(&gateway, &path(), gone);
    assert_eq!((&answer["coverage"]["asked"], &answer["coverage"]["answered"]), (&3.into(), &3.into()));
    assert_eq!(answer["coverage"]["missing"][0]["service"], SHOP[1]);
    let elsewhen = gateway.get("/api/v1/search?end=2001-01-01T00:00:00Z").json();
    assert_eq!(elsewhen["coverage"]["complete"], true, "{elsewhen}");
}

#[test]
fn a_gateway_that_is_started_anew_knows_who_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("peers");
    let sidecars = fleet(&SHOP[..2]);
    let write = |names: &[&str]| std::fs::write(&list, names.join("\n")).unwrap();
    write(&addresses(&sidecars));
    let listed = || {
        let file = format!("federation.file={}", list.display());
        gateway(&[]).set(file).set("federation.refresh=50ms").folder(&folder.path().join("data")).start()
    };
    let mut first = listed();
    when(&first, "/api/v1/peers", |answer| {
        let peers = answer["peers"].as_array().unwrap();
        peers.len() == 2 && peers.iter().all(|peer| peer["service"].is_string())
    });
    // A pod is deleted: whoever lists the peers forgets it.
    let gone = [(sidecars[1].query().to_owned(), "gone".to_owned())];
    write(&[sidecars[0].query()]);
    let answer = when(&first, &path(), |answer| reasons(answer) == gone);
    assert_eq!(services(&answer).len(), 1);
    assert!(first.terminate().success());
    let second = listed();
    when(&second, &path(), |answer| reasons(answer) == gone);
    // It is back, and nothing is missing.
    write(&addresses(&sidecars));
    let answer = when(&second, &path(), |answer| answer["coverage"]["complete"] == true);
    assert_eq!(services(&answer).len(), 2);
}

#[test]
fn a_tail_follows_all_sidecars_and_tells_when_one_is_lost() {
    use std::io::BufRead as _;
    let mut sidecars = fleet(&SHOP[..2]);
    let gateway = gateway(&addresses(&sidecars)).start();
    let mut stream = std::net::TcpStream::connect(gateway.query()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /api/v1/tail?q=tailed HTTP/1.0\r\n\r\n").unwrap();
    let mut lines = std::io::BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"asked\":2")));
    // Nothing tells when a peer has begun to follow, so records are sent until one arrives.
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(0);
    let http = sidecars[1].http().to_owned();
    let sender = std::thread::spawn(move || {
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let body = b"{\"msg\":\"tailed\"}";
            spandrel_testing::post(&http, "/v1/json-logs?service.name=orders", "application/json", body);
        }
    });
    assert!(lines.any(|line| line.contains("\"message\":\"tailed\"")));
    drop(stop);
    sender.join().unwrap();
    sidecars[1].kill();
    let lost = lines.find(|line| line.contains("\"missing\":[{")).unwrap();
    assert!(lost.contains("\"complete\":false") && lost.contains("\"answered\":1"), "{lost}");
}

/// Certificates of one authority for `localhost`, in files of a folder.
fn certificates(folder: &std::path::Path) {
    let write = |file: &str, text: String| std::fs::write(folder.join(file), text).unwrap();
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    write("ca.pem", authority.self_signed(&authority_key).unwrap().pem());
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    write("cert.pem", certificate.signed_by(&key, &issuer).unwrap().pem());
    write("key.pem", key.serialize_pem());
}

#[test]
fn over_tls_the_commands_ask_a_gateway_and_the_gateway_its_sidecars() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let guarded = |command: Command| {
        ["cert", "key", "ca"].iter().fold(command, |command, name| {
            command.set(format!("security.tls.{name}_file={}", file(&format!("{name}.pem"))))
        })
    };
    std::fs::write(folder.path().join("token"), "a-long-secret\n").unwrap();
    let whole = trace(&SHOP[..1]);
    let peer = guarded(sidecar()).start();
    keep(&peer, &whole, SHOP[0]);
    let gateway = guarded(gateway(&[peer.query()]))
        .set("security.tls.server_name=localhost")
        .set(format!("security.token_file={}", file("token")))
        .start();
    let url = format!("https://localhost:{}", gateway.query().rsplit_once(':').unwrap().1);
    let ask = |arguments: &[&str]| {
        let output = gateway.cli_command(arguments).env("SPANDREL_URL", &url).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code().unwrap(), said)
    };
    let (ca, token) = (file("ca.pem"), file("token"));
    let (status, said) = ask(&["search", "service:gateway", "--ca-file", &ca, "--token-file", &token]);
    assert!(status == 0 && said.contains("gateway step 3") && !said.contains("missing"), "{said}");
    let (status, said) = ask(&["healthcheck", "--ca-file", &ca]);
    assert_eq!((status, said.as_str()), (0, "ok\n"));
    let (status, said) = ask(&["peers", "--ca-file", &ca]);
    assert!(status == 2 && said.contains("--token-file"), "{said}");
    let (status, said) = ask(&["peers", "--token-file", &token]);
    assert!(status == 2 && said.contains("--ca-file"), "{said}");
    // Without TLS its alert is no HTTP, and what to do is said.
    let plain = url.replace("https://", "http://");
    let output = gateway.cli_command(["peers"]).env("SPANDREL_URL", &plain).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("say https://"), "{said}");
    assert!(!gateway.log().contains("a-long-secret"));
}

#[test]
fn a_gateway_tells_the_calls_between_services_that_no_sidecar_can_tell_alone() {
    let sidecars = fleet(&SHOP);
    let gateway = gateway(&addresses(&sidecars)).start();
    let wanted = "traces_service_graph_request_total{client=\"gateway\",server=\"orders\"";
    let has_edge = |sidecar: &Sidecar| sidecar.get("/metrics/traces").text().contains(wanted);
    let begun = Instant::now();
    while !has_edge(&gateway) {
        assert!(begun.elapsed() < PATIENCE, "{}", gateway.get("/metrics/traces").text());
        std::thread::park_timeout(Duration::from_millis(200));
    }
    assert!(!sidecars.iter().any(has_edge));
    let of_orders = sidecars[1]
        .get("/metrics/traces")
        .text()
        .contains("traces_spanmetrics_calls_total{service=\"orders\"");
    assert!(of_orders);
}
