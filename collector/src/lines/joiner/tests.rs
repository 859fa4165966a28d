mod apart;

use bytes::Bytes;
use proptest::prelude::*;

use super::{JoinLimits, Joiner, RawLine};

const LIMITS: JoinLimits = JoinLimits { lines_max: 100, bytes_max: 10_000 };

fn records_within(text: &str, limits: JoinLimits) -> Vec<String> {
    let mut joiner = Joiner::new(limits);
    let mut records = Vec::new();
    let mut keep = |line: RawLine| records.push(String::from_utf8(line.bytes.to_vec()).unwrap());
    for line in text.lines() {
        joiner.push(RawLine::up_to_feed(Bytes::copy_from_slice(line.as_bytes()), false), &mut keep);
    }
    joiner.flush(keep);
    records
}

/// Records are parted by lines of `--`, which are taken out.
fn check(text: &str) {
    let expected: Vec<String> =
        text.split("\n--\n").map(|record| record.trim_end_matches('\n').to_owned()).collect();
    assert_eq!(records_within(&text.replace("\n--\n", "\n"), LIMITS), expected);
}

#[test]
fn the_line_ends_of_windows_stay_inside_a_record() {
    let records = |lines: &[&str]| {
        let mut joiner = Joiner::new(LIMITS);
        let mut records = Vec::new();
        let mut keep = |line: RawLine| records.push(String::from_utf8(line.bytes.to_vec()).unwrap());
        for line in lines {
            joiner.push(RawLine::up_to_feed(Bytes::copy_from_slice(line.as_bytes()), false), &mut keep);
        }
        joiner.flush(keep);
        records
    };
    let trace =
        ["it failed\r", "System.X: y\r", "   at A.B() in /a.cs:line 1\r", "\r", "   at C.D()\r", "next\r"];
    let joined = "System.X: y\r\n   at A.B() in /a.cs:line 1\r\n\r\n   at C.D()";
    assert_eq!(records(&trace).join("\r\n"), format!("it failed\r\n{joined}\r\nnext"));
    assert_eq!(records(&["{\r", "  \"a\": 1\r", "}\r"]), ["{\r\n  \"a\": 1\r\n}"]);
    assert_eq!(records(&["{\r", "  a\r"]), ["{", "  a"]);
    assert_eq!(records(&["{\r", "  a\r\r", "  b\r\r"]), ["{", "  a\r", "  b\r"]);
}

#[test]
fn a_trace_joins_the_line_that_it_follows() {
    check(
        "2026-11-22 10:00:00 ERROR it failed\na.BException: x\n\tat a.B.c(B.java:1)\nCaused by: y\n\t... 1 more\n--\n2026-11-22 10:00:01 INFO next",
    );
    check(
        "ERROR:shop:it failed\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2\nValueError: y\n--\nINFO:shop:next\n--\nplain",
    );
    check("it failed Boom: x\n    at f (a.js:1:2)\n    at g (a.js:3:4)\n--\nnext");
    check("Unhandled exception. System.X: y\n   at A.B() in /a.cs:line 1\n--\nnext");
}

#[test]
fn the_fields_of_nodes_error_belong_to_it_up_to_their_brace() {
    check("TypeError: x\n    at f (a.js:1:2) {\n  code: 'E1'\n}\n--\nnext\n--\n}");
    check(
        "ERROR it failed\n    at f (a.js:1:2) {\n  [cause]: Error: y\n      at g (b.js:1:2) {\n    n: 1\n  }\n}\n--\n}",
    );
    check("TypeError: x\n    at f (a.js:1:2) {\n  code: 'E1'\n--\nnext");
    let text = "TypeError: x\n    at f (a.js:1:2) {\n  code: 'E1'\n}";
    assert_eq!(records_within(text, JoinLimits { lines_max: 3, bytes_max: 1_000 }).len(), 2);
}

#[test]
fn a_crash_stands_by_itself_where_the_line_before_is_not_about_it() {
    check(
        "listening\n--\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'\n--\nnext",
    );
    check("listening\n--\npanic: x\n\ngoroutine 1 [running]:\nmain.f()\n\t/a.go:1 +0xcf\nexit status 2");
    check(
        "listening\n--\nthread 'main' panicked at src/main.rs:1:2:\nboom\nnote: run with `RUST_BACKTRACE=1`\n--\nnext",
    );
}

#[test]
fn a_line_of_blanks_is_a_record_and_an_empty_one_is_none() {
    check("one\n\n--\n  \n--\n\t\n--\ntwo");
    assert_eq!(records_within("one\n\n\n\ntwo\n \nthree\n ", LIMITS), ["one", "two", " ", "three", " "]);
    check("INFO x\n--\n  \n--\n{\"a\":1}\n--\n  \n--\n{\n--\n  \n--\n x");
    check("Boom: x\n\n   \n    at f (a.js:1:2)\n--\n  ");
}

#[test]
fn the_name_of_an_exception_joins_a_line_with_a_level_if_frames_follow() {
    check("ERROR it failed\nshop.CardDeclined: no funds\n\tat shop.Pay.charge(Pay.java:3)\n--\nINFO next");
    check(
        "ERROR it failed\nshop.CardDeclined: no\n  funds\nleft\n\tat shop.Pay.charge(Pay.java:3)\n--\nnext",
    );
    check("ERROR it failed\nTypeError: no\nfunds\n    at f (a.js:1:2)\n--\nnext");
    check("INFO it starts\n--\nOrderService: ready\n--\nCartService: ready\n--\nINFO next");
    check("INFO it starts\n--\nOrderService: ready\n  on port 80\n--\nINFO next");
    let many: Vec<String> = (0..40).map(|number| format!("OrderService: {number}")).collect();
    check(&format!("INFO it starts\n--\n{}", many.join("\n--\n")));
}

#[test]
fn a_stack_behind_a_json_line_that_tells_of_an_error_joins_it() {
    let error = r#"{"level":"ERROR","msg":"it failed"}"#;
    check(&format!(
        "{error}\nshop.CardDeclined: no funds\n\tat a.B.c(B.java:1)\nCaused by: y\n\t... 1 more\n--\nnext"
    ));
    check(&format!(
        "{error}\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'\n--\n{error}"
    ));
    check(&format!("{error}\ngoroutine 1 [running]:\nmain.f()\n\t/a.go:1 +0xcf\n--\n{error}\n--\n{error}"));
    check(&format!("{error}\n    at f (a.js:1:2)\n    at g (a.js:1:2)\n--\nnext"));
    check(&format!("{error}\n--\nError: stopped\n--\nnext\n--\n{error}\n--\nCaused by: what\n--\n{error}"));
    check("{\"level\":\"info\"}\n--\nBoom: x\n    at f (a.js:1:2)");
}

#[test]
fn what_node_shows_of_an_error_that_nobody_caught_is_one_record() {
    let thrown = "CardDeclined: no funds\n    at f (/app/pay.js:1:7) {\n  code: 'E1'\n}\n\nNode.js v22.11.0";
    check(&format!(
        "listening\n--\n/app/pay.js:1\nthrow new CardDeclined('no funds')\n^\n\n{thrown}\n--\nnext"
    ));
    check(&format!(
        "/app/pay.js:10\n    throw new CardDeclined('no funds')\n          ^\n\n{thrown}\n--\nNode.js vendors"
    ));
    check(
        "node:internal/process/promises:394\n      triggerUncaughtException(err, true /* fromPromise */);\n      ^\n\n[UnhandledPromiseRejection: x] {\n  code: 'ERR'\n}\n\nNode.js v22.11.0",
    );
    check(
        "/var/log/shop:10\n--\nnext\n--\n{\"a\":1}\n--\n/var/log/shop:11\n--\nnext\n--\nthe third\n--\nNode.js v22 is used",
    );
}

#[test]
fn a_message_of_several_lines_belongs_to_its_crash_if_something_behind_it_does() {
    check(
        "thread 'main' panicked at src/main.rs:1:2:\nno funds\nfor order 7\nnote: run with `RUST_BACKTRACE=1`\n--\nnext",
    );
    check("thread 'main' panicked at src/main.rs:1:2:\nboom\n--\nnext\n--\nand next");
    check(
        "Traceback (most recent call last):\n  File \"a.py\", line 1\npydantic.ValidationError: 1 error\nprice\n  Field required\n--\nnext\n--\nand next",
    );
    check(
        "ERROR:shop:it failed\nTraceback (most recent call last):\n  File \"a.py\", line 1\nshop.Declined: no\nfunds\n--\nINFO:shop:next\n--\nplain",
    );
    check(
        "2026/11/22 10:00:00 http: panic serving 10.0.0.1:5: no funds\ngoroutine 19 [running]:\nnet/http.(*conn).serve.func1()\n\t/go/server.go:1898 +0xbe\ncreated by net/http.(*Server).Serve\n--\n2026/11/22 10:00:01 next",
    );
    check("goroutines: 5\n--\nmain.f()");
}

#[test]
fn what_dotnets_console_exporter_prints_of_a_log_is_one_record() {
    let one = "LogRecord.Timestamp:               2026-11-22T10:00:00.0000000Z\nLogRecord.TraceId:                 4bf92f3577b34da6a3ce929d0e0e4736\nLogRecord.Attributes (Key:Value):\n    Id: 7\n[Scope.0]:a: b\nLogRecord.Exception:               Shop.Declined: x\n   at Shop.Pay()\n\nResource associated with LogRecord:\nservice.name: shop";
    check(&format!("listening\n--\n{one}\n\n--\n{one}\n\n--\nnext: x"));
}

#[test]
fn what_follows_a_dated_line_without_a_date_belongs_to_it() {
    check("2026-11-22T10:00:00Z INFO first\nsecond\n--\n2026-11-22T10:00:00Z INFO third");
    check(
        "Nov 22, 2026 5:01:37 PM shop.Pay charge\nINFO: order\n--\nNov 22, 2026 5:01:38 PM shop.Pay charge\nSEVERE: x\na.BException: y\n\tat a.B.c(B.java:1)",
    );
    check("INFO first\n--\nsecond");
}

#[test]
fn json_lines_and_web_servers_lines_stand_by_themselves() {
    check(
        "{\"a\":1}\n--\n{\"a\":2}\n--\n1.2.3.4 - - [x] \"GET /\" 200 1\n--\n1.2.3.4 - - [x] \"GET /\" 200 1\n--\nlevel=info msg=x\n--\nlevel=info msg=y",
    );
    check("{\n  \"a\": {\n    \"b\": 1\n  }\n}\n--\n{\n  \"a\": 2\n}");
}

#[test]
fn an_object_that_is_never_closed_is_lines() {
    check("{\n--\n  \"a\": 1\n--\nnext");
    check("{\n--\n  \"cut off");
}

#[test]
fn a_containers_own_lines_are_joined_and_its_pieces_put_together() {
    let (out, err) = ("2026-11-22T10:00:00.1Z stdout F ", "2026-11-22T10:00:00.1Z stderr F ");
    let piece = "2026-11-22T10:00:00.1Z stdout P ";
    check(&format!(
        "{out}2026-11-22 10:00:00 ERROR it failed\n{out}a.BException: x\n{out}\tat a.B.c(B.java:1)\n--\n{out}2026-11-22 10:00:01 INFO next"
    ));
    check(&format!("{out}listening\n--\n{out}{{\"a\":1}}\n--\n{err}  indented elsewhere"));
    check(&format!("{piece}{{\"a\":\n{piece}\"b\n{out}c\"}}\n--\n{out}next"));
}

#[test]
fn a_record_is_bounded_in_lines_and_bytes() {
    let text = "2026-11-22T10:00:00Z x\n\tat a\n\tat b\n\tat c\n\tat d";
    assert_eq!(records_within(text, JoinLimits { lines_max: 3, bytes_max: 1_000 }).len(), 2);
    assert_eq!(records_within(text, JoinLimits { lines_max: 100, bytes_max: 35 }).len(), 2);
}

proptest! {
    #[test]
    fn no_line_is_lost_added_or_moved(lines in proptest::collection::vec(prop_oneof![
        "\\PC{0,12}",
        proptest::sample::select(vec![
            "{", "}", "{\"a\":1}", "  indented", "\tat x", "Traceback (most recent call last):", "KeyError: x",
            "2026-11-22 10:00:00 INFO x", "INFO x", "panic: x", "goroutine 1", "thread 'a' panicked at b:", "",
            "Nov 22, 2026 5:01:37 PM shop", "During handling of the above", "2026-11-22T10:00:00Z stdout P {", "2026-11-22T10:00:00Z stderr F x", "2026-11-22T10:00:00Z stdout F", "\u{1b}[31mERROR\u{1b}[0m x",
            "  ", "/app/a.js:1", "^", "shop.Declined: x", "{\"level\":\"error\"}", "goroutine 1 [running]:", "LogRecord.Timestamp: x", "Resource associated with LogRecord:",
        ]).prop_map(str::to_owned),
    ], 0..40)) {
        let text = lines.join("\n");
        let joined = records_within(&text, LIMITS).join("\n");
        let kept = |text: &str| text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(kept(&joined), kept(&text));
    }
}

#[test]
fn a_trace_in_dockers_lines_joins_the_line_that_it_follows() {
    let docker = |text: &str, stream: &str| {
        serde_json::json!({"log": text, "stream": stream, "time": "2026-11-22T10:00:00Z"}).to_string()
    };
    let lines = [
        docker("2026-11-22 10:00:00 ERROR it failed\n", "stderr"),
        docker("Traceback (most recent call last):\n", "stderr"),
        docker("  File \"a.py\", line 1\n", "stderr"),
        docker("KeyError: 'x'\n", "stderr"),
        docker("\n", "stderr"),
        docker("During handling of the above exception, another exception occurred:\n", "stderr"),
        docker("ValueError: y\n", "stderr"),
    ];
    let record = lines.join("\n");
    let next = docker("{\"level\":\"info\"}\n", "stderr");
    check(&format!("{record}\n--\n{next}"));
}

#[test]
fn pieces_of_one_of_dockers_lines_are_put_together() {
    let docker = |text: &str| serde_json::json!({"log": text, "stream": "stdout", "time": "t"}).to_string();
    check(&format!("{}\n{}\n--\n{}", docker("{\"a\":"), docker("1}\n"), docker("next\n")));
}

#[test]
fn pieces_of_a_containers_line_join_but_not_a_line_of_its_own() {
    let docker = |text: &str| {
        serde_json::json!({"log": text, "stream": "stdout", "time": "2026-11-22T10:00:00Z"}).to_string()
    };
    let (first, rest) = (docker("2026-11-22 10:00:00 INFO a long"), docker(" line\n"));
    check(&format!("{first}\n{rest}"));
    check(&format!("{first}\n--\n{}", docker("2026-11-22 10:00:01 INFO next\n")));
}
