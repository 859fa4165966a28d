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

#[test]
fn ids_are_found_down_to_five_keys_and_those_further_out_go_first() {
    let deep = format!(
        r#"{{"kubernetes":{{"annotations":{{"application":{{"requestcontext":{{"trace_id":"{TRACE}"}}}}}}}}}}"#
    );
    assert_eq!(found(&deep).0, TRACE);
    assert_eq!(found(&format!(r#"{{"a":{{"b":{{"c":{{"d":{{"e":{{"trace_id":"{TRACE}"}}}}}}}}}}}}"#)).0, "");
    let other = "0123456789abcdef0123456789abcdef";
    let two = format!(r#"{{"a":{{"b":{{"trace_id":"{other}"}}}},"c":{{"trace_id":"{TRACE}"}}}}"#);
    assert_eq!(found(&two).0, TRACE);
}

#[test]
fn a_decimal_of_128_bits_is_an_id_under_any_name() {
    let decimal = "100985939111033328018442752961257817910";
    for line in [format!(r#"{{"trace_id":"{decimal}","msg":"m"}}"#), format!("trace_id={decimal} it failed")]
    {
        assert_eq!(found(&line).0, TRACE, "{line}");
    }
    let too_much = understand(r#"{"trace_id":"999985939111033328018442752961257817910","msg":"m"}"#);
    assert!(too_much.flags.contains(Flags::BAD_TRACE_ID));
}

#[test]
fn the_headers_of_jaeger_and_xray_are_read_in_fields_and_in_text() {
    let jaeger = format!("{TRACE}:{SPAN}:0:1");
    let xray = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";
    for line in [
        format!(r#"{{"uber-trace-id":"{jaeger}","msg":"m"}}"#),
        format!(r#"{{"uber-trace-id":"{}","msg":"m"}}"#, jaeger.replace(':', "%3A")),
        format!("GET /orders uber-trace-id: {jaeger}, done"),
        format!(r#"{{"X-Amzn-Trace-Id":"{xray}","msg":"m"}}"#),
        format!("GET /orders X-Amzn-Trace-Id: {xray} done"),
        format!("GET /orders {xray}"),
        format!(r#"GET /orders "Self=1-67891234-12456789abcdef012345678;{xray}" done"#),
    ] {
        assert_eq!(found(&line), (TRACE.into(), SPAN.into(), 0), "{line}");
    }
    for line in [
        "Root=1-of-3 done",
        "Root=1 done",
        "uber-trace-id: none",
        "Root = 1-4bf92f35-77b34da6a3ce929d0e0e4736",
    ] {
        assert_eq!(found(line).0, "", "{line}");
    }
}

#[test]
fn an_empty_message_gives_way_to_one_that_says_something() {
    assert_eq!(message(&understand(r#"{"message":"","msg":"it failed"}"#)), "it failed");
    assert_eq!(message(&understand(r#"{"message":" ","event":"it failed"}"#)), "it failed");
    assert_eq!(message(&understand(r#"{"message":"","order":7}"#)), "");
}

#[test]
fn logfmt_of_more_pairs_than_there_may_be_has_its_level_time_and_ids() {
    let many: Vec<String> = (0..2_000).map(|number| format!("k{number}=v")).collect();
    let line =
        format!("{} time=2023-11-14T22:13:20Z level=error msg=failed trace_id={TRACE}", many.join(" "));
    let understood = understand(&line);
    assert_eq!((message(&understood), understood.flags), ("failed", Flags::CUT));
    assert_eq!((hex(&understood.log.trace_id), understood.log.severity_number), (TRACE.into(), 17));
    assert_eq!((understood.log.time_unix_nano, understood.log.attributes.len()), (RECEIVED.0, 1_024));
}
