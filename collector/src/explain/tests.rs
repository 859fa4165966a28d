use super::*;

#[test]
fn each_record_of_a_request_of_otlp_is_shown_as_of_its_line() {
    let request = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"payment"}}]},"scopeLogs":[{"logRecords":[{"severityNumber":17,"body":{"stringValue":"failed"}},{"body":{"stringValue":"again"}}]}]}]}"#;
    let mut shown = Vec::new();
    explain(&Config::default(), format!("{request}\nplain\n").into(), UnixNanos::now(), |record| {
        shown.push((record.lines, record.message, record.service, record.level));
        true
    });
    let payment = Some("payment".to_owned());
    let expected = [
        (0, "failed".to_owned(), payment.clone(), Some(Level::Error)),
        (1, "again".to_owned(), payment, None),
        (1, "plain".to_owned(), None, None),
    ];
    assert_eq!(shown, expected);
}

fn found_in(line: &str) -> Vec<(&'static str, String)> {
    let mut shown = Vec::new();
    explain(&Config::default(), line.as_bytes().to_vec(), UnixNanos::now(), |record| {
        shown.push(record.found_in);
        true
    });
    assert_eq!(shown.len(), 1);
    shown.remove(0)
}

#[test]
fn of_each_part_of_a_line_it_is_said_where_it_stood() {
    let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let in_text = |text: &str| format!("`{text}` in the text");
    let whole = ("message", "the whole line".to_owned());
    let cases = [
        (
            format!("I1122 16:59:11.5 1 a.go:1] [shop,{trace},{span}] x"),
            vec![
                ("trace and span id", in_text(&format!("[shop,{trace},{span}]"))),
                ("level", in_text("I")),
                ("time", in_text("1122 16:59:11.5")),
                whole.clone(),
            ],
        ),
        (
            format!("x 00-{trace}-{span}-01"),
            vec![("trace and span id", in_text(&format!("00-{trace}-{span}-01"))), whole.clone()],
        ),
        // The inner record's level goes before the journal's; of the journal is what the inner one does not say.
        (
            format!(
                r#"{{"PRIORITY":"6","__REALTIME_TIMESTAMP":"1700000000000000","MESSAGE":"{{\"level\":\"error\",\"msg\":\"m\",\"trace_id\":\"{trace}\"}}"}}"#
            ),
            vec![
                ("trace id", "trace_id in MESSAGE".to_owned()),
                ("level", "level in MESSAGE".to_owned()),
                ("message", "msg in MESSAGE".to_owned()),
                ("time", "__REALTIME_TIMESTAMP".to_owned()),
            ],
        ),
        (
            r#"{"log":"10:00 WARN low\n","stream":"stdout","time":"2023-11-22T10:00:00Z"}"#.to_owned(),
            vec![("level", in_text("WARN")), whole.clone(), ("time", "Docker's time".to_owned())],
        ),
        (
            r#"127.0.0.1 - - [22/Nov/2023:10:00:00 +0000] "GET / HTTP/1.1" 200 2"#.to_owned(),
            vec![whole.clone(), ("time", "the text".to_owned())],
        ),
        (
            r#"{"@t":"2023-11-22T10:00:00Z","@m":"hello"}"#.to_owned(),
            vec![
                ("time", "@t".to_owned()),
                ("message", "@m".to_owned()),
                ("level", "@l, which is not there".to_owned()),
            ],
        ),
        (
            "panic: no funds\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:7 +0x1d".to_owned(),
            vec![
                ("level", in_text("panic")),
                whole.clone(),
                ("exception.type", "the text".to_owned()),
                ("exception.message", "the text".to_owned()),
                ("exception.stacktrace", "the text".to_owned()),
            ],
        ),
        (r#"{"order":7}"#.to_owned(), vec![whole]),
    ];
    for (line, expected) in cases {
        assert_eq!(found_in(&line), expected, "{line}");
    }
}

#[test]
fn the_flags_are_those_of_the_record_that_would_be_kept() {
    let mut config = Config::default();
    config.limits.line_bytes_max = spandrel_config::ByteSize(32);
    let long = "x".repeat(100);
    let mut shown = Vec::new();
    explain(&config, format!("{{\"msg\":\"m\"}}\n{long}\n").into(), UnixNanos::now(), |record| {
        shown.push(record.flags);
        true
    });
    assert_eq!(shown, [vec!["no_time"], vec!["no_time", "cut", "not_json"]]);
}
