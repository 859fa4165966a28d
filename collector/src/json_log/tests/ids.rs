//! Trace and span ids: their names, their notations, and what is none.

use super::*;

#[test]
fn ids_are_found_under_every_common_name() {
    let names = [
        ("trace_id", "span_id"),
        ("traceId", "spanId"),
        ("TraceId", "SpanId"),
        ("traceid", "spanid"),
        ("trace-id", "span-id"),
        ("trace.id", "span.id"),
        ("otelTraceID", "otelSpanID"),
        ("X-B3-TraceId", "X-B3-SpanId"),
        ("logging.googleapis.com/trace", "logging.googleapis.com/spanId"),
    ];
    for (trace, span) in names {
        let line = format!(r#"{{"{trace}":"{TRACE}","{span}":"{SPAN}","message":"m"}}"#);
        assert_eq!(found(&line), (TRACE.into(), SPAN.into(), 0), "{line}");
        assert_eq!(attributes(&understand(&line)), serde_json::json!({}), "{line}");
    }
}

#[test]
fn ids_are_found_inside_nested_objects() {
    let lines = [
        format!(r#"{{"trace":{{"id":"{TRACE}"}},"span":{{"id":"{SPAN}"}}}}"#),
        format!(r#"{{"context":{{"trace_id":"{TRACE}","span_id":"{SPAN}"}}}}"#),
        format!(r#"{{"mdc":{{"traceId":"{TRACE}","spanId":"{SPAN}"}}}}"#),
        format!(r#"{{"record":{{"extra":{{"trace_id":"{TRACE}","span_id":"{SPAN}"}}}}}}"#),
    ];
    for line in lines {
        assert_eq!(found(&line), (TRACE.into(), SPAN.into(), 0), "{line}");
    }
}

#[test]
fn other_notations_are_read_and_stay_as_attributes() {
    let upper = understand(&format!(r#"{{"trace_id":"{}","msg":"m"}}"#, TRACE.to_uppercase()));
    assert_eq!(hex(&upper.log.trace_id), TRACE);
    assert_eq!(attributes(&upper), serde_json::json!({"trace_id": TRACE.to_uppercase()}));
    let parent = format!(r#"{{"traceparent":"00-{TRACE}-{SPAN}-01"}}"#);
    assert_eq!(found(&parent), (TRACE.into(), SPAN.into(), 0));
    let xray = r#"{"xray_trace_id":"1-5759e988-bd862e3fe1be46a994272793"}"#;
    assert_eq!(found(xray).0, "5759e988bd862e3fe1be46a994272793");
    let datadog = r#"{"dd.trace_id":12345678901234567890,"dd.span_id":"9876543210"}"#;
    assert_eq!(found(datadog), ("0000000000000000ab54a98ceb1f0ad2".into(), "000000024cb016ea".into(), 0));
    let nested = r#"{"dd":{"trace_id":"1234567890123456789","span_id":"1","service":"cart"}}"#;
    assert_eq!(found(nested).0, "0000000000000000112210f47de98115");
    assert_eq!(understand(nested).service.as_deref(), Some("cart"));
    let google = format!(r#"{{"logging.googleapis.com/trace":"projects/p/traces/{TRACE}"}}"#);
    assert_eq!(found(&google).0, TRACE);
}

#[test]
fn an_id_that_is_none_is_flagged_and_kept_and_an_empty_one_is_not() {
    let bad = understand(r#"{"trace_id":"nonsense!","msg":"m"}"#);
    assert!(bad.flags.contains(Flags::BAD_TRACE_ID));
    assert_eq!(attributes(&bad), serde_json::json!({"trace_id": "nonsense!"}));
    for none in ["", "0", "00000000000000000000000000000000"] {
        let line = understand(&format!(r#"{{"trace_id":"{none}","msg":"m"}}"#));
        assert_eq!(line.flags, Flags::NONE);
        assert!(line.log.trace_id.is_empty());
    }
}

#[test]
fn everyday_words_are_no_ids_and_no_levels() {
    let line =
        r#"{"trace":"Traceback: line 1","span":5,"transaction_id":"4711","priority":"high","msg":"m"}"#;
    let understood = understand(line);
    assert_eq!(understood.flags, Flags::NONE);
    assert_eq!(found(line), (String::new(), String::new(), 0));
    assert_eq!(understood.log.attributes.len(), 4);
    let ids = format!(r#"{{"trace":"{TRACE}","span":"{SPAN}","PRIORITY":"3"}}"#);
    assert_eq!(found(&ids), (TRACE.into(), SPAN.into(), 17));
}

#[test]
fn the_trace_of_google_clouds_log_entries_is_found() {
    let line = format!(
        r#"{{"trace":"projects/p/traces/{TRACE}","spanId":"{SPAN}","severity":"ERROR","jsonPayload":{{"message":"it failed"}}}}"#
    );
    assert_eq!(found(&line), (TRACE.into(), SPAN.into(), 17));
    assert_eq!(message(&understand(&line)), "it failed");
    let other = understand(r#"{"trace":"projects/p/traces/unknown","msg":"m"}"#);
    assert_eq!((other.log.trace_id.len(), other.flags), (0, Flags::NONE));
}

/// Lines that tell both ids somewhere in their text.
fn texts() -> [String; 5] {
    [
        format!("2026-11-23T07:40:00Z  INFO 1 --- [shop] [main] [{TRACE}-{SPAN}] c.e.A : ok"),
        format!("GET /orders headers: 00-{TRACE}-{SPAN}-01 done"),
        format!("\u{1b}[36mtrace_id\u{1b}[0m={TRACE} \u{1b}[36mspan_id\u{1b}[0m={SPAN}"),
        format!("INFO [orders,{TRACE},{SPAN}] ok"),
        format!("ok trace_id={TRACE} span_id={SPAN}"),
    ]
}

#[test]
fn a_text_inside_json_has_the_ids_that_it_has_by_itself() {
    for text in texts() {
        let plain = found(&text);
        assert_eq!((plain.0.as_str(), plain.1.as_str()), (TRACE, SPAN), "{text}");
        for line in [
            json!({"message": text, "@timestamp": "2026-11-23T07:40:00Z"}),
            json!({"MESSAGE": text, "__REALTIME_TIMESTAMP": "1700000000000000"}),
            json!({"log": text, "kubernetes": {"pod_name": "shop"}}),
        ] {
            assert_eq!(found(&line.to_string()), plain, "{line}");
        }
    }
    for no_id in
        ["order 12345678901234567890 paid", "sum deadbeefdeadbeefdeadbeefdeadbeef", "0123456789abcde"]
    {
        assert_eq!(found(&json!({"message": no_id}).to_string()).0, "", "{no_id}");
    }
}

#[test]
fn the_message_of_logfmt_and_the_lines_of_web_servers_and_patterns_have_ids_too() {
    let access = r#"203.0.113.7 - - [23/Nov/2026:07:40:00 +0000] "GET /orders HTTP/1.1" 200 2326"#;
    let error = r#"2026/11/23 07:40:00 [error] 31#31: *7 it failed"#;
    let request = r#"client: 203.0.113.7, server: shop, request: "GET / HTTP/1.1", host: "shop""#;
    let parent = format!("00-{TRACE}-{SPAN}-01");
    for line in [
        format!(r#"{access} "-" "curl/8" trace_id={TRACE} span_id={SPAN}"#),
        format!(r#"{access} "-" "curl/8" "{parent}""#),
        format!(r#"{access} "{parent}""#),
        format!(r#"{access} "https://shop/?trace_id={SPAN}{SPAN}" "curl/8" traceparent={parent}"#),
        format!(r#"{error} traceparent={parent}, {request}"#),
        format!(r#"{error}, {request}, traceparent: "{parent}""#),
        format!(r#"level=info msg="handled trace_id={TRACE} span_id={SPAN}""#),
        format!(r#"level=info msg="handled {parent}" took=3"#),
    ] {
        let understood = understand(&line);
        let ids = (hex(&understood.log.trace_id), hex(&understood.log.span_id));
        assert_eq!(ids, (TRACE.into(), SPAN.into()), "{line}");
        assert_ne!(understood.form, "text", "{line}");
        let referer = &attributes(&understood)["http.request.header.referer"];
        assert!(!referer.to_string().contains(&parent), "{line}");
    }
    for line in [
        format!(r#"1.2.3.4 - - [23/Nov/2026:07:40:00 +0000] "GET /x?trace_id={TRACE} HTTP/1.1" 200 5"#),
        format!(r#"{error}, client: 1.2.3.4, request: "GET /x?trace_id={TRACE} HTTP/1.1""#),
    ] {
        assert_eq!(found(&line).0, "", "another trace is asked for: {line}");
    }
    assert_eq!(
        understand(&format!("level=warn msg=\"set level=debug trace_id={TRACE}\"")).log.severity_number,
        13
    );
}

#[test]
fn a_line_of_the_users_own_pattern_has_the_ids_that_its_groups_do_not_tell() {
    let text = r"logs: { patterns: ['^(?<level>\w+)/(?<module>\S+) (?<message>.*)$'] }";
    let config = spandrel_config::Config::from_yaml(text, &[], &|_| None).unwrap();
    let (limits, rules) = (RecordLimits::of(&config.limits), Rules::of(&config.logs));
    let line = format!("warn/cart stock is low trace_id={TRACE} span_id={SPAN}");
    let mut cuts = Cuts::default();
    let mut reader = LineReader { limits: &limits, rules: &rules, cuts: &mut cuts };
    let understood = reader.understand(line.as_bytes(), RECEIVED);
    assert_eq!(understood.form, "a pattern of logs.patterns");
    assert_eq!((hex(&understood.log.trace_id), hex(&understood.log.span_id)), (TRACE.into(), SPAN.into()));
    assert_eq!(understood.log.severity_number, 13);
}
