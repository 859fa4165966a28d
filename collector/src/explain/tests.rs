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
