//! `spandrel try-log`: shows what would be found, and keeps nothing.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn try_log(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spandrel"));
    command.args(["try-log", "--set", "logs.timezone=UTC"]).args(arguments).arg("-");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads its input");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

#[test]
fn it_shows_each_record_and_where_things_stood() {
    let json = r#"{"level":"error","ctx":{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"},"msg":"\u001b[31mfailed","order":7}"#;
    let input = format!("{json}\n2023-11-22 10:00:00 WARN slow\n  at home\n");
    let output = try_log(&[], &input);
    assert!(output.status.success());
    let expected = "\
line 1: JSON
  trace id  4bf92f3577b34da6a3ce929d0e0e4736  from ctx.trace_id
  level     error  from level
  message   \\u{1b}[31mfailed  from msg
  order     7
  flags     no_time
lines 2 to 3: text
  level     warn  from `WARN` in the text
  time      2023-11-22T10:00:00Z  from `2023-11-22 10:00:00` in the text
  message   2023-11-22 10:00:00 WARN slow\\n  at home  from the whole line
  flags     not_json
";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn it_says_where_the_parts_of_a_text_stood() {
    let input = "\
2023-11-22T10:00:00Z error charge {\"msg\":\"no funds\",\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"order\":7}
[1980-01-01 00:00:00] level=warn TraceID: 4bf92f3577b34da6a3ce929d0e0e4736 SpanID: 00f067aa0ba902b7 slow
";
    let expected = "\
line 1: text
  trace id  4bf92f3577b34da6a3ce929d0e0e4736  from `trace_id` in the text
  time      2023-11-22T10:00:00Z  from `2023-11-22T10:00:00Z` in the text
  message   2023-11-22T10:00:00Z error charge {\"msg\":\"no funds\",\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"order\":7}  from the whole line
  order     7
  flags     not_json
line 2: text
  trace id  4bf92f3577b34da6a3ce929d0e0e4736  from `TraceID` in the text
  span id   00f067aa0ba902b7  from `SpanID` in the text
  level     warn  from `level` in the text
  message   [1980-01-01 00:00:00] level=warn TraceID: 4bf92f3577b34da6a3ce929d0e0e4736 SpanID: 00f067aa0ba902b7 slow  from the whole line
  flags     absurd_time, not_json
";
    let output = try_log(&[], input);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn it_answers_programs_in_json_and_uses_the_configuration() {
    let setting = r"logs.patterns=['^(?<level>\w+)/(?<message>.*)$']";
    let output = try_log(&["--json", "--set", setting], "warn/low stock\n");
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&record["level"], &record["message"]), (&"warn".into(), &"low stock".into()));
    assert_eq!(record["found_in"]["level"], "level");
}

#[test]
fn of_a_file_that_is_too_large_it_says_that_it_reads_the_beginning() {
    let limit = ["--set", "limits.request_bytes_max=8"];
    let (whole, cut) = (try_log(&limit, "one\ntwo\n"), try_log(&limit, "one\ntwo\nthree\n"));
    assert_eq!((whole.stdout, String::from_utf8(whole.stderr).unwrap()), (cut.stdout, String::new()));
    let said = String::from_utf8(cut.stderr).unwrap();
    assert!(said.contains("limits.request_bytes_max"), "{said}");
}

#[test]
fn nothing_in_it_is_a_status_of_its_own() {
    assert_eq!(try_log(&[], "\n\n").status.code(), Some(1));
    assert_eq!(try_log(&["--set", "logs.timezone=Nowhere"], "x").status.code(), Some(2));
}
