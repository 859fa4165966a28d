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
fn what_only_mentions_one_is_none() {
    for line in [
        r#"{"msg":"no resourceLogs"}"#,
        r#"{"msg":"x","resourceLogs":[]}"#,
        r#"{"resourceLogsCount":1}"#,
        "resourceLogs: none",
        "{\"resourceSpans\":[]}",
    ] {
        assert_eq!(request(line.as_bytes()), None, "{line}");
    }
    assert_eq!(request(b"{\"resourceLogs\":\xff"), None);
}
