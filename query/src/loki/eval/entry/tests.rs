use super::holds_otlp;

#[test]
fn a_line_that_holds_a_request_of_otlp_is_told_from_one_that_mentions_it() {
    for line in [
        r#"{"resourceLogs":[]}"#,
        r#" { "resourceLogs" : []}"#,
        r#"{"log":"{\"resourceLogs\":[]}\n","stream":"stdout"}"#,
        r#"2026-11-22T10:00:00.1Z stdout F {"resourceLogs":[]}"#,
    ] {
        assert!(holds_otlp(line.as_bytes()), "{line}");
    }
    for line in [
        "",
        "resourceLogs",
        r#"{"msg":"no resourceLogs"}"#,
        r#"{"a":1,"resourceLogs":[]}"#,
        "{\"msg\":\"x\"}",
    ] {
        assert!(!holds_otlp(line.as_bytes()), "{line}");
    }
}
