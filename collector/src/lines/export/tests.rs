use super::request;

#[test]
fn a_request_is_found_as_it_is_and_in_lines_of_containers() {
    let plain = r#"{"resourceLogs":[{}]}"#;
    let quoted = plain.replace('"', "\\\"");
    let lines = [
        plain.to_owned(),
        format!(" {} ", plain.replace("{\"r", "{ \"r")),
        format!("2026-11-22T10:00:00.1Z stdout F {plain}"),
        "2026-11-22T10:00:00.1Z stdout P {\"resourceLogs\":\n2026-11-22T10:00:00.1Z stdout F [{}]}"
            .to_owned(),
        format!(r#"{{"log":"{quoted}\n","stream":"stdout","time":"2026-11-22T10:00:00.1Z"}}"#),
    ];
    for line in lines {
        let found = request(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(found.replace(' ', "").trim(), plain, "{line}");
    }
}

#[test]
fn a_request_in_pieces_that_end_within_a_character_is_found() {
    let request_text = r#"{"resourceLogs":[{"schemaUrl":"ü"}]}"#;
    let (start, end) = request_text.as_bytes().split_at(request_text.find('ü').unwrap() + 1);
    let (piece, last) =
        (&b"2026-11-22T10:00:00.1Z stdout P "[..], &b"\n2026-11-22T10:00:00.1Z stdout F "[..]);
    let line = [piece, start, last, end].concat();
    assert_eq!(request(&line).as_deref(), Some(request_text));
}

#[test]
fn a_request_may_have_other_fields_in_front_that_no_log_has() {
    for line in [
        r#"{"resourceSpans":[],"resourceLogs":[{}]}"#,
        r#"{"a":{"b":[1,2]},"c":"resourceLogs","resourceLogs":[{}]}"#,
    ] {
        assert_eq!(request(line.as_bytes()).as_deref(), Some(line));
    }
}

#[test]
fn what_javas_exporter_writes_is_the_only_resource_of_a_request() {
    let resource = r#"{"resource":{"attributes":[]},"scopeLogs":[{"logRecords":[{}]}]}"#;
    let logger = "Nov 22, 2026 5:01:37 PM io.opentelemetry.exporter.logging.otlp.OtlpJsonLoggingLogRecordExporter export\nINFO: ";
    for before in ["", logger] {
        let found = request(format!("{before}{resource}").as_bytes()).map(std::borrow::Cow::into_owned);
        assert_eq!(found, Some(format!(r#"{{"resourceLogs":[{resource}]}}"#)), "{before}");
    }
    assert_eq!(request(format!("INFO: {resource}").as_bytes()), None);
}

#[test]
fn what_only_mentions_one_is_none() {
    for line in [
        r#"{"msg":"no resourceLogs"}"#,
        r#"{"msg":"x","resourceLogs":[]}"#,
        r#"{"resourceLogsCount":1}"#,
        r#"{"level":"info","resource":"x","scopeLogs":[]}"#,
        r#"{"scopeLogs":[]}"#,
        r#"{"a":{"resourceLogs":[]}}"#,
        "resourceLogs: none",
        "{\"resourceSpans\":[]}",
    ] {
        assert_eq!(request(line.as_bytes()), None, "{line}");
    }
    assert_eq!(request(b"{\"resourceLogs\":\xff"), None);
}
