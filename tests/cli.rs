//! The command line against a sidecar that has the demo's traffic.

use std::io::{BufRead as _, BufReader};
use std::process::{Output, Stdio};

use spandrel_testing::{Demo, Port, Sidecar};

const SEED: u64 = 42;
const UNKNOWN: &str = "0123456789abcdef0123456789abcdef";

fn with_demo() -> (Sidecar, Demo) {
    let sidecar = Sidecar::of(env!("CARGO_BIN_EXE_spandrel")).start();
    let demo = Demo::send(&sidecar, SEED, 12);
    (sidecar, demo)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_demo_is_taken_whole_and_its_failures_are_found() {
    let (sidecar, demo) = with_demo();
    let services = sidecar.get("/api/v1/services").json().to_string();
    for service in ["gateway", "bank-adapter", "notifications", "invoices", "recommendations"] {
        assert!(services.contains(service), "{service} is not in {services}");
    }

    let errors = sidecar.cli(["errors", demo.failed_trace()]);
    assert_eq!(errors.status.code(), Some(0), "{}", said(&errors));
    let shown = text(&errors);
    assert!(shown.starts_with("Root cause: payment"), "{shown}");
    assert!(shown.contains("connection pool exhausted"), "{shown}");
    assert!(shown.contains("PoolTimeoutError"), "{shown}");
    let at = |name: &str| shown.find(name).unwrap_or_else(|| panic!("{name} is not in:\n{shown}"));
    assert!(
        at("pool.acquire") < at("orders · ") && at("orders · ") < at("gateway · POST /checkout"),
        "{shown}"
    );

    let trace = sidecar.cli(["trace", demo.failed_trace()]);
    assert_eq!(trace.status.code(), Some(0), "{}", said(&trace));
    for part in ["gateway POST /checkout", "✗", "█", "waiting for a connection"] {
        assert!(text(&trace).contains(part), "{part} is not in:\n{}", text(&trace));
    }
}

#[test]
fn a_failure_that_only_a_log_tells_of_is_found_too() {
    let (sidecar, demo) = with_demo();
    let failed: Vec<&str> = demo
        .worth_a_look
        .iter()
        .filter(|(command, _)| command == "errors")
        .map(|(_, id)| id.as_str())
        .collect();
    let shown = text(&sidecar.cli(["errors", failed[1]]));
    assert!(shown.starts_with("Root cause: shipping"), "{shown}");
    assert!(shown.contains("CarrierException"), "{shown}");
}

#[test]
fn a_call_that_failed_without_a_status_is_marked_in_the_waterfall() {
    let sidecar = Sidecar::of(env!("CARGO_BIN_EXE_spandrel")).start();
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0123456789abcdef0123456789abcdef",
        "spanId":"0123456789abcdef","name":"GET /pay","kind":2,"startTimeUnixNano":"1700000000000000000",
        "endTimeUnixNano":"1700000000005000000",
        "attributes":[{"key":"http.response.status_code","value":{"intValue":500}}]}]}]}]}"#;
    assert_eq!(sidecar.post("/v1/traces", "application/json", body).status, 200);
    let shown = text(&sidecar.cli(["trace", UNKNOWN]));
    assert!(shown.contains('✗') && shown.contains("1 error"), "{shown}");
}

#[test]
fn a_query_may_begin_with_a_dash() {
    let (sidecar, _) = with_demo();
    let found = sidecar.cli(["search", "-status:error kind:span", "--limit", "3"]);
    assert_eq!(found.status.code(), Some(0), "{}", said(&found));
    assert_eq!(text(&found).lines().count(), 3);
    for command in ["search", "tail"] {
        let mistyped = sidecar.cli([command, "--require-complet"]);
        assert_eq!(mistyped.status.code(), Some(2), "{command}: {}", said(&mistyped));
    }
}

#[test]
fn the_same_seed_sends_the_same_traces() {
    let (sidecar, first) = with_demo();
    let second = Demo::send(&sidecar, SEED, 12);
    assert_eq!(first.worth_a_look, second.worth_a_look);
}

#[test]
fn exit_statuses_tell_found_from_nothing_from_an_error() {
    let (sidecar, demo) = with_demo();
    let cases: [(&[&str], i32); 9] = [
        (&["trace", UNKNOWN], 1),
        (&["errors", UNKNOWN], 1),
        (&["errors", UNKNOWN, "--json"], 1),
        (&["search", "level:error"], 0),
        (&["search", "service:nobody"], 1),
        (&["search", "level:(error"], 2),
        (&["trace", "not-an-id"], 2),
        (&["peers"], 0),
        (&["healthcheck"], 0),
    ];
    for (arguments, status) in cases {
        let output = sidecar.cli(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}{}", text(&output), said(&output));
    }
    let slow = &demo.worth_a_look[3].1;
    assert_eq!(sidecar.cli(["errors", slow]).status.code(), Some(1), "a slow trace has no errors");
}

#[test]
fn what_was_not_found_is_not_called_unknown_while_somebody_did_not_answer() {
    let sidecar =
        Sidecar::of(env!("CARGO_BIN_EXE_spandrel")).set("federation.peers=[\"127.0.0.1:1\"]").start();
    for (command, told) in
        [("trace", "Nothing of trace 0123456789abcdef"), ("errors", "No errors of trace 0123456789abcdef")]
    {
        let output = sidecar.cli([command, UNKNOWN]);
        assert_eq!(output.status.code(), Some(1), "{command}: {}", said(&output));
        let shown = text(&output);
        assert!(shown.starts_with(told) && shown.contains("in what could be looked at"), "{shown}");
        assert!(shown.contains("1 of 2 sidecars answered; missing: 127.0.0.1:1 ("), "{shown}");
    }
    for command in ["trace", "errors", "search"] {
        let output = sidecar.cli([command, UNKNOWN, "--require-complete"]);
        assert_eq!((output.status.code(), text(&output).as_str()), (Some(2), ""), "{command}");
        assert!(said(&output).contains("missing: 127.0.0.1:1 ("), "{}", said(&output));
        assert_eq!(sidecar.cli([command, UNKNOWN, "--require-complete", "--local"]).status.code(), Some(1));
    }
}

#[test]
fn a_mistake_in_a_query_is_shown_with_its_reason() {
    let sidecar = Sidecar::of(env!("CARGO_BIN_EXE_spandrel")).start();
    let output = sidecar.cli(["search", "level:(error"]);
    assert!(said(&output).starts_with("spandrel: ") && said(&output).contains("400"), "{}", said(&output));
}

#[test]
fn json_is_the_answer_as_it_is() {
    let (sidecar, demo) = with_demo();
    let path = format!("/api/v1/traces/{}", demo.failed_trace());
    let printed = sidecar.cli(["trace", "--json", demo.failed_trace()]);
    let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(printed["spans"], sidecar.get(&path).json()["spans"]);
}

#[test]
fn search_prints_a_line_per_record_newest_first() {
    let (sidecar, _) = with_demo();
    let found = text(&sidecar.cli(["search", "kind:log level:error", "--limit", "3", "--start", "-1h"]));
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 3, "{found}");
    assert!(lines.iter().all(|line| line.contains("Z error ")), "{found}");
    assert!(lines.is_sorted_by(|a, b| a[..24] >= b[..24]), "{found}");
}

#[test]
fn a_narrow_terminal_is_kept_to() {
    let (sidecar, demo) = with_demo();
    let output = sidecar.cli_command(["trace", demo.failed_trace()]).env("COLUMNS", "60").output().unwrap();
    let shown = text(&output);
    for line in shown.lines().filter(|line| line.contains('█')) {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn colours_come_when_asked_for_and_not_into_a_pipe() {
    let (sidecar, demo) = with_demo();
    assert!(!text(&sidecar.cli(["trace", demo.failed_trace()])).contains('\u{1b}'));
    assert!(text(&sidecar.cli(["trace", "--color", "always", demo.failed_trace()])).contains("\u{1b}[1;31m"));
}

#[test]
fn a_tail_shows_records_as_they_arrive() {
    let sidecar = Sidecar::of(env!("CARGO_BIN_EXE_spandrel")).start();
    let mut tail = sidecar.cli_command(["tail", "service:tailed"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let (first, arrived) = std::sync::mpsc::sync_channel(1);
    let reader = std::thread::spawn(move || first.send(lines.next().unwrap().unwrap()));
    // The tail is connected at some moment that it does not tell: write until it has shown something.
    let begun = std::time::Instant::now();
    let line = loop {
        assert!(begun.elapsed().as_secs() < 30, "the tail shows nothing");
        sidecar.post("/v1/json-logs?service.name=tailed", "application/json", b"{\"msg\":\"seen live\"}");
        if let Ok(line) = arrived.try_recv() {
            break line;
        }
    };
    assert!(line.ends_with("seen live"), "{line}");
    reader.join().unwrap().unwrap();
    let id = rustix::process::Pid::from_child(&tail);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(tail.wait().unwrap().code(), Some(0));
}

#[test]
fn a_sidecar_that_is_not_there_is_named_with_what_to_do() {
    let port = Port::reserve();
    let free = port.address();
    let run = |arguments: &[&str]| {
        let url = format!("http://{free}");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spandrel"));
        command.args(arguments).args(["--url", &url]).output().unwrap()
    };
    let output = run(&["errors", UNKNOWN]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("is `spandrel run` up?"), "{}", said(&output));
    // Docker reserves status 2 for itself.
    assert_eq!(run(&["healthcheck"]).status.code(), Some(1));
}

#[test]
fn check_config_lists_mistakes_with_their_paths() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spandrel.yaml");
    let check = |content: &str| {
        std::fs::write(&file, content).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spandrel"));
        command.arg("check-config").arg(&file).output().unwrap()
    };
    assert_eq!(check("storage:\n  durability: write\n").status.code(), Some(0));
    let wrong = check("storage:\n  durability: maybe\nquery:\n  endpiont: 127.0.0.1:1\n");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        said(&wrong).contains("storage.durability") && said(&wrong).contains("query.endpiont"),
        "{}",
        said(&wrong)
    );
}

#[test]
fn the_embedded_demo_needs_nothing_and_ends_by_itself() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spandrel"));
    let output = command.args(["demo", "--embedded", "--traces", "6"]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(text(&output).contains("Root cause: payment"), "{}", text(&output));
    // It is gone when this is read, says so, and names no address of its own.
    assert!(text(&output).contains("This sidecar ends here, as this is no terminal"), "{}", text(&output));
    assert!(!text(&output).contains("http://") && !text(&output).contains("--url"), "{}", text(&output));
}

#[test]
fn a_demo_without_requests_or_without_a_sidecar_says_what_to_do() {
    let demo = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spandrel"));
        command.arg("demo").args(arguments).output().unwrap()
    };
    assert_eq!(demo(&["--traces", "0"]).status.code(), Some(2));
    let port = Port::reserve();
    let free = port.address();
    let url = format!("http://{free}");
    let nobody = demo(&["--endpoint", &url, "--http-endpoint", &url]);
    assert_eq!(nobody.status.code(), Some(2));
    let told = format!(
        "nothing listens on {url}: is `spandrel run` up? (--endpoint and --http-endpoint send elsewhere)"
    );
    assert_eq!(said(&nobody), format!("spandrel: {told}\n"));
}

#[test]
fn every_command_explains_itself() {
    for command in [
        "run",
        "exec",
        "trace",
        "errors",
        "search",
        "tail",
        "peers",
        "demo",
        "try-log",
        "check-config",
        "healthcheck",
    ] {
        let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_spandrel"));
        let output = process.args([command, "--help"]).output().unwrap();
        assert!(output.status.success());
        assert!(text(&output).contains("xample"), "{command}: {}", text(&output));
    }
}
