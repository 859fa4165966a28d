//! The process: starts, is ready, stops, refuses to start, loses nothing that it acknowledged.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use spandrel_testing::{Command, Sidecar, get, post, request, try_request};

/// For what nothing announces, so that it has to be looked for again and again.
const PATIENCE: Duration = Duration::from_secs(30);
const LOGS: &str = "/v1/json-logs?service.name=flusher";

fn sidecar() -> Command {
    Sidecar::of(env!("CARGO_BIN_EXE_spandrel"))
}

/// The messages of every record that a question finds.
fn messages(sidecar: &Sidecar, query: &str) -> Vec<String> {
    let found = sidecar.get(&format!("/api/v1/search?limit=10000&q={query}")).json();
    let records = found["records"].as_array().unwrap_or_else(|| panic!("no records: {found}")).clone();
    records.iter().map(|record| record["message"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn it_starts_ready_and_ends_on_sigterm_with_status_zero() {
    let mut sidecar = sidecar().start();
    assert_eq!(sidecar.get("/readyz").status, 200);
    assert_eq!(sidecar.get("/healthz").status, 200);
    assert!(sidecar.log().contains("ready") && sidecar.log().contains(sidecar.query()), "{}", sidecar.log());
    assert!(sidecar.terminate().success(), "{}", sidecar.log());
}

#[test]
fn it_ends_on_sigint_too() {
    let mut sidecar = sidecar().start();
    sidecar.signal(Signal::INT);
    assert!(sidecar.wait().success(), "{}", sidecar.log());
}

#[test]
fn while_it_lingers_it_is_not_ready_and_still_takes_the_last_flush() {
    let mut sidecar = sidecar().set("shutdown.linger=5s").start();
    sidecar.signal(Signal::TERM);
    // Every answer until the receivers close is a success; readiness is gone from some point on.
    let mut taken = 0;
    let begun = Instant::now();
    while sidecar.get("/readyz").status == 200 {
        assert!(begun.elapsed() < PATIENCE, "still ready: {}", sidecar.log());
        assert_eq!(sidecar.post(LOGS, "application/json", b"{\"msg\":\"early\"}").status, 200);
        taken += 1;
    }
    assert_eq!(sidecar.post(LOGS, "application/json", b"{\"msg\":\"late\"}").status, 200);
    assert_eq!(messages(&sidecar, "service:flusher").len(), taken + 1);
    assert!(sidecar.wait().success(), "{}", sidecar.log());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut sidecar = sidecar().set("shutdown.linger=5s").start();
    sidecar.signal(Signal::TERM);
    let begun = Instant::now();
    while sidecar.get("/readyz").status == 200 {
        assert!(begun.elapsed() < PATIENCE, "still ready: {}", sidecar.log());
    }
    sidecar.signal(Signal::TERM);
    assert_eq!(sidecar.wait().code(), Some(143));
}

#[test]
fn it_ends_within_fifteen_seconds_and_names_who_is_late() {
    let mut sidecar = sidecar().set("shutdown.linger=10s").start();
    // A client that stays connected, so that the receivers are never idle, and never sends the rest.
    let mut stalled = std::net::TcpStream::connect(sidecar.http()).unwrap();
    let head = format!(
        "POST {LOGS} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        sidecar.http()
    );
    stalled.write_all(head.as_bytes()).unwrap();
    assert_eq!(sidecar.post(LOGS, "application/json", b"{\"msg\":\"kept\"}").status, 200);
    let begun = Instant::now();
    assert!(sidecar.terminate().success(), "{}", sidecar.log());
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
    assert!(sidecar.log().contains("stage=\"collector\""), "{}", sidecar.log());
}

#[test]
fn what_was_acknowledged_before_and_during_the_end_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = sidecar().folder(folder.path()).set("shutdown.linger=300ms").start();
    let (acknowledged, first_ones) = sync_channel(1_000_000);
    let address = first.http().to_owned();
    let flusher = std::thread::spawn(move || {
        for number in 0.. {
            let line = format!("{{\"msg\":\"line {number}\"}}");
            let headers = [("content-type", "application/json")];
            match try_request(&address, "POST", LOGS, &headers, line.as_bytes()) {
                Ok(answer) if answer.status == 200 => acknowledged.send(format!("line {number}")).unwrap(),
                // The receivers have closed.
                _ => break,
            }
        }
    });
    let mut kept: BTreeSet<String> = (0..20).map(|_| first_ones.recv().unwrap()).collect();
    assert!(first.terminate().success(), "{}", first.log());
    flusher.join().unwrap();
    kept.extend(first_ones.iter());

    let mut second = sidecar().folder(folder.path()).start();
    let found = messages(&second, "service:flusher");
    let distinct: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!(found.len(), distinct.len(), "a record is there twice");
    assert!(distinct.is_superset(&kept), "lost: {:?}", kept.difference(&distinct).collect::<Vec<_>>());
    assert!(second.terminate().success());
}

#[test]
fn a_killed_sidecar_has_everything_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = sidecar().folder(folder.path()).start();
    assert_eq!(first.post(LOGS, "application/json", b"{\"msg\":\"kept\"}").status, 200);
    first.kill();
    let second = sidecar().folder(folder.path()).start();
    assert_eq!(messages(&second, "service:flusher"), ["kept"]);
}

#[test]
fn off_loopback_it_refuses_to_start_without_a_token() {
    let (status, said) = sidecar().set("query.endpoint=0.0.0.0:0").fail_to_start();
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("security"), "{said}");
}

#[test]
fn off_loopback_the_token_is_asked_for_and_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "s3cret-s3cret-s3cret\n").unwrap();
    let setting = format!("security.token_file={}", file.display());
    let sidecar = sidecar().set("query.endpoint=0.0.0.0:0").set(setting).start();
    let port = sidecar.query().rsplit_once(':').unwrap().1;
    let address = format!("127.0.0.1:{port}");

    assert_eq!(get(&address, "/api/v1/services").status, 401);
    let wrong = [("authorization", "Bearer wrong")];
    assert_eq!(request(&address, "GET", "/api/v1/services", &wrong, b"").status, 401);
    let right = [("authorization", "Bearer s3cret-s3cret-s3cret")];
    assert_eq!(request(&address, "GET", "/api/v1/services", &right, b"").status, 200);
    assert_eq!(get(&address, "/readyz").status, 200);

    let url = format!("http://{address}");
    let without = sidecar.cli(["peers", "--url", &url]);
    assert_eq!(without.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&without.stderr).contains("--token-file"));
    let with = sidecar.cli(["peers", "--url", &url, "--token-file", file.to_str().unwrap()]);
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stderr));
    // While tokens are changed the file has several; the first is the one to say.
    std::fs::write(&file, "\ns3cret-s3cret-s3cret\nthe-one-before\n").unwrap();
    let with = sidecar.cli(["peers", "--url", &url, "--token-file", file.to_str().unwrap()]);
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stderr));
    assert!(!sidecar.log().contains("s3cret"), "the token is in the log");
}

#[test]
fn every_mistake_of_the_configuration_is_told_and_nothing_is_started() {
    let (status, said) = sidecar().set("storage.durabilty=fsync").set("limits.memory=much").fail_to_start();
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("storage.durabilty") && said.contains("limits.memory"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named_with_its_key() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let setting = format!("receivers.otlp.protocols.http.endpoint={address}");
    let folder = tempfile::tempdir().unwrap();
    let (status, said) = sidecar().folder(folder.path()).set(setting).fail_to_start();
    assert_eq!(status.code(), Some(2));
    assert!(said.contains(&address.to_string()), "{said}");
    assert!(said.contains("receivers.otlp.protocols.http.endpoint"), "{said}");
    assert_eq!(said.matches("Address already in use").count(), 1, "{said}");

    // It leaves a data folder behind that is as good as new.
    let next = sidecar().folder(folder.path()).start();
    assert!(!next.log().contains("ERROR"), "{}", next.log());
    assert_eq!(next.get("/api/v1/search?q=*").json()["coverage"]["complete"], true);
}

#[test]
fn a_data_folder_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = sidecar().folder(folder.path()).start();
    let (status, said) = sidecar().folder(folder.path()).fail_to_start();
    assert_eq!(status.code(), Some(2));
    assert!(said.contains(&folder.path().display().to_string()), "{said}");
    drop(first);
}

#[test]
fn lines_on_standard_input_are_logs() {
    let setting = "receivers.stdin.enabled=true";
    let mut sidecar = sidecar().with_stdin().set(setting).start();
    let mut stdin = sidecar.stdin();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    writeln!(stdin, "{{\"level\":\"error\",\"msg\":\"from a pipe\",\"trace_id\":\"{trace}\"}}").unwrap();
    writeln!(stdin, "not JSON at all").unwrap();
    drop(stdin);
    // Nothing acknowledges standard input, so look until it is there.
    let begun = Instant::now();
    let mut found = Vec::new();
    while found.len() < 2 {
        assert!(begun.elapsed() < PATIENCE, "only {found:?} arrived");
        found = messages(&sidecar, "kind:log");
    }
    found.sort();
    assert_eq!(found, ["from a pipe", "not JSON at all"]);
    let errors = sidecar.get(&format!("/api/v1/traces/{trace}/errors")).json();
    assert_eq!(errors["errors"][0]["message"], "from a pipe", "{errors}");
    assert!(sidecar.terminate().success(), "the end of standard input is not the end of the sidecar");
}

#[test]
fn metrics_tell_what_is_running() {
    let sidecar = sidecar().start();
    post(sidecar.http(), LOGS, "application/json", b"{\"msg\":\"counted\"}");
    let metrics = sidecar.get("/metrics").text();
    let build = format!("spandrel_build_info{{arch=\"{}\"", std::env::consts::ARCH);
    for name in [&build, "process_resident_memory_bytes ", "process_open_fds ", "process_cpu_seconds_total "]
    {
        assert!(metrics.contains(name), "{name} is not in:\n{metrics}");
    }
}

#[test]
fn logs_are_json_where_configured_and_hold_no_payload() {
    let mut sidecar = sidecar().set("telemetry.logs.format=json").set("telemetry.logs.level=debug").start();
    assert_eq!(sidecar.post(LOGS, "application/json", b"{\"msg\":\"private-matter\"}").status, 200);
    assert_eq!(sidecar.post(LOGS, "application/json", b"{\"msg\":\"private-matter").status, 200);
    assert_eq!(sidecar.get("/api/v1/search?q=private-matter").status, 200);
    assert!(sidecar.terminate().success());
    let log = sidecar.log();
    for line in log.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert!(!log.contains("private-matter"), "{log}");
}

#[test]
fn its_own_traces_go_where_configured_and_tell_of_questions() {
    let other = sidecar().start();
    let setting = format!("telemetry.traces.endpoint=http://{}", other.grpc());
    let mut traced = sidecar().set(setting).start();
    assert_eq!(traced.post(LOGS, "application/json", b"{\"msg\":\"x\"}").status, 200);
    assert_eq!(traced.get("/api/v1/search?q=secret-question").status, 200);
    assert_eq!(traced.get("/metrics").status, 200);
    // The last ones are sent before it ends.
    assert!(traced.terminate().success(), "{}", traced.log());

    let found = other.get("/api/v1/search?q=service:spandrel").json();
    let spans = found["records"].as_array().unwrap();
    let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["GET /api/v1/search"], "{found}");
    assert_eq!(spans[0]["kind"], "server");
    assert!(!found.to_string().contains("secret-question"), "{found}");
}

#[test]
fn a_limit_of_the_folder_that_the_volume_cannot_hold_is_warned_of_once() {
    let sidecar = sidecar().set("storage.retention.max_bytes=1048576GiB").start();
    let log = sidecar.log();
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("storage.retention.max_bytes")).collect();
    assert!(warned.len() == 1 && warned[0].contains("1048576GiB"), "{log}");
    assert!(warned[0].contains("has ") && warned[0].contains("in all"), "{log}");
}

#[test]
fn a_request_that_no_deletion_makes_room_for_is_refused_for_good() {
    let sidecar = sidecar().set("storage.retention.max_bytes=8MiB").start();
    let logs = |count: usize| {
        let record = format!(r#"{{"body":{{"stringValue":"{}"}}}}"#, "x".repeat(2_000));
        let records = vec![record; count].join(",");
        let body = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#);
        sidecar.post("/v1/logs", "application/json", body.as_bytes())
    };
    let refused = logs(2_500);
    assert_eq!(refused.status, 413, "{}", refused.text());
    assert!(refused.text().contains("storage.retention.max_bytes"), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), None);
    // What there can be room for is taken, again and again.
    for _ in 0..5 {
        let begun = Instant::now();
        while logs(1_000).status != 200 {
            assert!(begun.elapsed() < PATIENCE, "{}", sidecar.log());
        }
    }
}
