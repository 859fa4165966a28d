//! Levels: words, numbers, crashes, and what only looks like one.

use super::*;

#[test]
fn levels_are_found_in_words_and_numbers() {
    let cases = [
        (r#"{"level":"INFO"}"#, 9),
        (r#"{"level":"warning"}"#, 13),
        (r#"{"lvl":"eror"}"#, 17),
        (r#"{"severity":"ERROR"}"#, 17),
        (r#"{"severity":500}"#, 17),
        (r#"{"log.level":"debug"}"#, 5),
        (r#"{"log":{"level":"error"},"message":"m"}"#, 17),
        (r#"{"levelname":"CRITICAL"}"#, 21),
        (r#"{"@l":"Fatal","@t":"2024-01-01T00:00:00Z"}"#, 21),
        (r#"{"@t":"2024-01-01T00:00:00Z","@m":"no level"}"#, 9),
        (r#"{"level":10}"#, 1),
        (r#"{"level":30}"#, 9),
        (r#"{"level":50}"#, 17),
        (r#"{"level":60}"#, 21),
        (r#"{"level":35}"#, 9),
        (r#"{"level":3}"#, 17),
        (r#"{"level":0}"#, 21),
        (r#"{"level":7}"#, 5),
        (r#"{"level":"40"}"#, 13),
        (r#"{"level":400}"#, 17),
        (r#"{"levelno":40}"#, 17),
        (r#"{"severity_number":18}"#, 18),
        (r#"{"level":"custom"}"#, 0),
        (r#"{"level":"custom","severity":"warning"}"#, 13),
    ];
    for (line, severity_number) in cases {
        assert_eq!(understand(line).log.severity_number, severity_number, "{line}");
    }
    assert_eq!(understand(r#"{"level":"Custom"}"#).log.severity_text, "Custom");
    assert_eq!(understand(r#"{"level":30}"#).log.severity_text, "30");
}

#[test]
fn a_name_that_begins_as_a_level_does_is_no_level() {
    let cases = [
        (format!("2026-11-23 02:00:00 [trace_id={TRACE}] ERROR happened"), 17),
        (format!("[trace_id={TRACE} span_id={SPAN}] ERROR happened"), 17),
        (format!("[trace-id: {TRACE}] ERROR happened"), 17),
        (format!("[trace={TRACE}] ERROR happened"), 17),
        (format!("[trace: {TRACE}] ERROR happened"), 17),
        (format!("[trace {TRACE}] ERROR happened"), 17),
        (format!("[TRACE {TRACE}] ERROR happened"), 17),
        (format!("trace: {TRACE} ERROR happened"), 17),
        (format!("TRACE {TRACE} happened"), 1),
        (format!("[TRACE] {TRACE} happened"), 1),
        ("[error-handler-1] INFO fine".to_owned(), 9),
        ("[error handler] INFO fine".to_owned(), 9),
        ("[info-service] ERROR".to_owned(), 17),
        ("[warn_worker] DEBUG x".to_owned(), 5),
        ("[error.handler] fine".to_owned(), 0),
        ("(warn/3) fine".to_owned(), 0),
        ("[error] x".to_owned(), 17),
        ("[info     ] x".to_owned(), 9),
        ("<warn>  [1700.1] x".to_owned(), 13),
        ("[INFO][main] x".to_owned(), 9),
        ("[INFO main] x".to_owned(), 9),
        ("ERROR:root:x".to_owned(), 17),
        ("12:00:01.5|WARN|main|x".to_owned(), 13),
        ("[drm:probe] *ERROR* x".to_owned(), 17),
    ];
    for (line, level) in cases {
        assert_eq!(found(&line).2, level, "{line}");
    }
}

#[test]
fn a_crash_without_a_level_is_an_error_and_a_panic_is_fatal() {
    let cases = [
        ("thread 'main' panicked at src/main.rs:2:5:\nno funds", 21),
        ("thread 'main' panicked at 'no funds', src/main.rs:2:5", 21),
        ("panic: no funds\n\ngoroutine 1 [running]:", 21),
        ("Exception in thread \"main\" java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)", 17),
        ("java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)", 17),
        ("TypeError: x\n    at f (a.js:1:2) {\n  code: 'E1'\n}", 17),
        ("CardDeclined: x\n    at f (a.js:1:2)", 17),
        ("Traceback (most recent call last):\n  File \"a.py\", line 1\nBoom: x", 17),
        ("Unhandled exception. System.X: y\n   at A.B() in /a.cs:line 1", 17),
        ("a.rb:1:in `<main>': no funds (CardDeclined)", 17),
        ("ValueError: x", 17),
        ("INFO a.BException: x\n\tat a.B.c(B.java:1)", 9),
        ("retried after a.BException: x\n\tat a.B.c(B.java:1)", 0),
        ("Note: the list\n    at home\n    at work", 0),
        ("no TypeError: x", 0),
        (
            "/app/pay.js:1\nthrow new Declined('x')\n^\n\nDeclined: x\n    at f (/app/pay.js:1:7)\n\nNode.js v22.11.0",
            17,
        ),
        ("/app/pay.js:1\nis read", 0),
        ("http: panic serving 10.0.0.1:5: no funds\ngoroutine 19 [running]:\nmain.f()", 17),
        ("http: panic serving nobody", 0),
    ];
    for (text, level) in cases {
        assert_eq!(found(text).2, level, "{text}");
        let docker = json!({"log": format!("{text}\n"), "stream": "stderr", "time": "2020-01-01T00:00:00Z"});
        assert_eq!(found(&docker.to_string()).2, level, "{docker}");
        assert_eq!(found(&json!({"message": text}).to_string()).2, level, "{text}");
    }
    assert_eq!(found(r#"{"PRIORITY":"6","MESSAGE":"TypeError: x"}"#).2, 9);
}

#[test]
fn a_status_is_the_level_where_it_is_a_word_for_one_and_no_other_field_is() {
    let cases = [
        (r#"{"status":"error","message":"dd"}"#, 17),
        (r#"{"status":"Emergency","message":"dd"}"#, 21),
        (r#"{"status":"error","level":"custom","message":"dd"}"#, 0),
        (r#"{"status":"error","level":"info","message":"dd"}"#, 9),
        (r#"{"status":"error","fields":{"level":"info"},"message":"dd"}"#, 9),
        (r#"{"level":"info","message":"{\"status\":\"error\",\"order\":7}"}"#, 9),
        (r#"{"status":"ok","message":"dd"}"#, 0),
        (r#"{"status":"shipped","message":"dd"}"#, 0),
        (r#"{"status":"d","message":"dd"}"#, 0),
        (r#"{"status":7,"message":"dd"}"#, 0),
        ("INFO order done status=error", 9),
        ("the order's status: error", 0),
    ];
    for (line, level) in cases {
        assert_eq!(found(line).2, level, "{line}");
    }
    assert_eq!(attributes(&understand(cases[0].0)), json!({"status": "error"}));
}

#[test]
fn the_levels_word_at_the_start_goes_before_names_further_on() {
    let cases = [
        ("2026-11-23 07:40:00 INFO job queued priority=1 for worker", 9),
        ("2026-11-23 07:40:00 INFO alert raised severity: 2 of 5", 9),
        ("2026-11-23 07:40:00 INFO setting level=debug for module x", 9),
        ("E0102 15:04:05.678 1 main.go:1] set level=debug", 17),
        ("INFO sent {\"level\":\"error\"}", 9),
        ("job queued priority=1 for worker", 0),
        ("alert raised severity: 2 of 5", 0),
        ("alert raised severity: error", 17),
        ("setting level=debug for module x", 5),
        ("2026-11-23 07:40:00 level=warn caught ERROR from x", 13),
        ("<14>Oct 11 22:14:15 host app: level=error it failed", 17),
    ];
    for (line, level) in cases {
        assert_eq!(found(line).2, level, "{line}");
    }
    let wrapped = json!({"message": format!("INFO set level=debug trace_id={TRACE}")}).to_string();
    assert_eq!(found(&wrapped), (TRACE.into(), String::new(), 9));
}

#[test]
fn loggers_for_go_have_their_levels_on_a_terminal_and_between_the_usual_ones() {
    let cases = [
        ("INFO[0000] started", 9),
        ("WARN[0013] stock is low                          order=7", 13),
        ("ERRO[0013] it failed", 17),
        ("DEBU[0013] x", 5),
        ("TRAC[0013] x", 1),
        ("PANI[0013] x", 21),
        ("INFO[2026-11-23T07:40:00Z] started", 9),
        ("\u{1b}[33mWARN\u{1b}[0m[0013] stock is low", 13),
        ("WARN[worker] x", 0),
        ("2026/11/23 07:40:00 INFO+1 started", 9),
        ("2026/11/23 07:40:00 DEBUG-4 started", 5),
        ("[INFO-service] x", 0),
        (r#"{"level":"INFO+1","msg":"x"}"#, 9),
        (r#"{"level":"DEBUG-4","msg":"x"}"#, 5),
        (r#"{"level":"ERROR+4","msg":"x"}"#, 17),
        ("time=2026-11-23T07:40:00Z level=WARN+2 msg=x", 13),
        (r#"{"level":"INFO-x","msg":"x"}"#, 0),
    ];
    for (line, level) in cases {
        assert_eq!(found(line).2, level, "{line}");
    }
    assert_eq!(understand(r#"{"level":"INFO+1","msg":"x"}"#).log.severity_text, "INFO+1");
}

#[test]
fn words_that_are_levels_only_in_their_loggers_place_are_read_there() {
    let cases = [
        ("fail: Shop.Payment[0]\n      it failed", 17),
        ("dbug: Shop.Payment[0]\n      it runs", 5),
        ("trce: Shop.Payment[12]\n      it runs", 1),
        ("crit: Shop.Payment[0]\n      it ends", 21),
        ("warn: Shop.Payment[0]\n      it is slow", 13),
        ("info: Microsoft.Hosting.Lifetime[14]\n      it starts", 9),
        ("16:59:11 fail: Shop.Payment[0] it failed", 17),
        ("fail: could not open it[3]", 0),
        ("it may fail: Shop", 0),
        ("[2026-11-23 07:40:00,123: ERROR/MainProcess] it failed", 17),
        ("[2026-11-23 07:40:00,123: WARNING/ForkPoolWorker-1] it is slow", 13),
        ("[see ERROR/INFO/x] it runs", 0),
        ("WARNING[0013] stock is low", 13),
        ("ERROR[0013] it failed", 17),
        ("ERROR[worker] it failed", 0),
        ("2026-11-23 07:40:00.123456 E [7:main pay.rb:12] Payment -- it failed", 17),
        ("2026-11-23 07:40:00.123456 W [7:main] Payment -- it is slow", 13),
        ("2026-11-23 07:40:00 plan E [part two]", 0),
        ("GET /ERROR done", 0),
        ("path /FATAL/x, then INFO x", 9),
    ];
    for (line, level) in cases {
        assert_eq!(found(line).2, level, "{line}");
    }
}

#[test]
fn a_priority_is_syslogs_level_where_a_journal_or_syslog_wrote_it() {
    let cases = [
        (r#"{"PRIORITY":3,"MESSAGE":"m"}"#, 17),
        (r#"{"PRIORITY":"6","MESSAGE":"m"}"#, 9),
        (r#"{"priority":3,"syslog_facility":1,"message":"m"}"#, 17),
        (r#"{"priority":4,"facility":"daemon","message":"m"}"#, 13),
        (r#"{"priority":"ERROR","message":"m"}"#, 17),
        (r#"{"priority":3,"message":"job queued"}"#, 0),
        (r#"{"priority":"3","message":"job queued"}"#, 0),
        (r#"{"job":{"priority":0},"message":"job queued"}"#, 0),
        (r#"{"priority":"critical","message":"a ticket"}"#, 0),
        (r#"{"priority":"high","message":"a ticket"}"#, 0),
        (r#"{"priority":1,"level":"info","message":"job queued"}"#, 9),
        ("ts=2026-11-23T07:40:00Z priority=2 msg=queued", 0),
    ];
    for (line, level) in cases {
        assert_eq!(found(line).2, level, "{line}");
    }
    assert_eq!(attributes(&understand(cases[5].0)), json!({"priority": 3}));
}

#[test]
fn the_path_of_a_request_is_no_level() {
    for line in [
        r#"203.0.113.7 - - [23/Nov/2026:07:40:00 +0000] "GET /ERROR HTTP/1.1" 200 2326"#,
        r#"203.0.113.7 - - [23/Nov/2026:07:40:00 +0000] "GET /a/FATAL HTTP/1.1" 500 2326 "-" "WARN""#,
        r#"203.0.113.7 "GET /ERROR HTTP/1.1" 200"#,
    ] {
        assert_eq!(found(line).2, 0, "{line}");
    }
}

#[test]
fn a_severity_is_opentelemetrys_number_where_it_can_be_no_other() {
    let of_model = |severity: u32| {
        format!(
            r#"{{"Timestamp":"2023-11-14T22:13:20Z","Severity":{severity},"SeverityText":"","Body":{{"Type":"String","Value":"it failed"}},"TraceID":"{TRACE}","SpanID":"{SPAN}"}}"#
        )
    };
    for (severity, level) in
        [(0, 0), (1, 1), (5, 5), (9, 9), (10, 10), (17, 17), (20, 20), (24, 24), (500, 17)]
    {
        let line = of_model(severity);
        assert_eq!(found(&line), (TRACE.into(), SPAN.into(), level), "{line}");
        assert_eq!(message(&understand(&line)), "it failed");
        assert!(attributes(&understand(&line)).get("Body").is_none(), "nor of what type it was");
    }
    for (severity, level) in
        [(3, 17), (7, 5), (9, 9), (10, 1), (17, 17), (20, 5), (30, 9), (200, 9), (500, 17)]
    {
        assert_eq!(found(&json!({"severity": severity, "message": "m"}).to_string()).2, level, "{severity}");
    }
}
