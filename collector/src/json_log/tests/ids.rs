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
