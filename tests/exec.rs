//! `spandrel exec`: the service does not notice that it is wrapped, and nothing that it says is lost.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use spandrel_testing::Sidecar;

const SETTINGS: [&str; 4] = [
    "receivers.otlp.protocols.grpc.endpoint=127.0.0.1:0",
    "receivers.otlp.protocols.http.endpoint=127.0.0.1:0",
    "query.endpoint=127.0.0.1:0",
    "logs.timezone=UTC",
];

fn exec(data: &Path, script: &str) -> Command {
    wrapping(data, &["sh", "-c", script].map(OsStr::new))
}

fn wrapping(data: &Path, wrapped: &[&OsStr]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spandrel"));
    command.arg("exec");
    SETTINGS.iter().for_each(|setting| _ = command.args(["--set", setting]));
    command.arg("--set").arg(format!("storage.directory={}", data.display()));
    command.arg("--").args(wrapped);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT").env_remove("OTEL_SERVICE_NAME");
    command
}

/// What a sidecar on the same folder finds.
fn kept(data: &Path, query: &str) -> Vec<serde_json::Value> {
    let sidecar = Sidecar::of(env!("CARGO_BIN_EXE_spandrel")).folder(data).start();
    let found = sidecar.get(&format!("/api/v1/search?limit=1000&q={query}")).json();
    found["records"].as_array().unwrap_or_else(|| panic!("no records: {found}")).clone()
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process has a number");
    kill_process(pid, signal).expect("it can be signalled");
}

#[test]
fn output_passes_through_untouched_and_is_kept_to_the_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"printf 'plain \001 \377 out\r\n\nlast without an end'; printf '{"level":"warn","msg":"on err"}\n' >&2; exit 3"#;
    let output = exec(folder.path(), script).output().unwrap();
    assert_eq!(output.stdout, b"plain \x01 \xff out\r\n\nlast without an end");
    assert_eq!(output.stderr, b"{\"level\":\"warn\",\"msg\":\"on err\"}\n");
    assert_eq!(output.status.code(), Some(3));
    let records = kept(folder.path(), "service:sh%20AND%20source:exec");
    assert_eq!(records.len(), 3, "{records:#?}");
    let on_err = records.iter().find(|record| record["message"] == "on err").unwrap();
    assert_eq!((&on_err["level"], &on_err["attributes"]["log.iostream"]), (&"warn".into(), &"stderr".into()));
    assert!(records.iter().any(|record| record["message"] == "last without an end"), "{records:#?}");
}

#[test]
fn a_command_that_cannot_be_started_ends_as_in_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, "exit 3").unwrap();
    for (command, status) in [(folder.path().join("nobody"), 127), (script, 126)] {
        let output = wrapping(&folder.path().join("data"), &[command.as_os_str()]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{told}");
        assert!(told.starts_with("spandrel: start ") && told.contains(command.to_str().unwrap()), "{told}");
    }
}

#[test]
fn the_service_finds_its_sidecar_in_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo $OTEL_EXPORTER_OTLP_ENDPOINT $OTEL_EXPORTER_OTLP_PROTOCOL $OTEL_SERVICE_NAME";
    let output = exec(folder.path(), script).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words[0].starts_with("http://127.0.0.1:") && words[1..] == ["http/protobuf", "sh"], "{text}");
}

#[test]
fn signals_go_to_the_service_and_its_status_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        "trap 'echo asked; exit 7' TERM; trap 'echo again' HUP; echo ready; while :; do sleep 0.05; done";
    let mut child = exec(folder.path(), script).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    signal(&child, Signal::HUP);
    assert_eq!(lines.next().unwrap().unwrap(), "again");
    signal(&child, Signal::TERM);
    assert_eq!(lines.next().unwrap().unwrap(), "asked");
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(kept(folder.path(), "service:sh").len(), 3);
}

#[test]
fn a_service_that_a_signal_ends_is_told_as_a_shell_tells_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = exec(folder.path(), "kill -KILL $$").output().unwrap();
    assert_eq!(output.status.code(), Some(137));
}

#[test]
fn ten_thousand_lines_before_the_end_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let output = exec(folder.path(), "seq -f 'line %g' 10000").output().unwrap();
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 10_000);
    let sidecar = Sidecar::of(env!("CARGO_BIN_EXE_spandrel")).folder(folder.path()).start();
    let found = sidecar.get("/api/v1/histogram?q=service:sh").json();
    let series = found["series"][0]["points"].as_array().unwrap();
    let count: u64 = series.iter().map(|point| point[1].as_u64().unwrap()).sum();
    assert_eq!(count, 10_000, "{found}");
}
