use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;
use spandrel_store::UnixNanos;
use spandrel_store::record::value::attributes_to_json;

use super::super::Findings;
use super::super::time::Clock;

fn find(line: &str) -> Option<Findings> {
    let clock = Clock { zone: &TimeZone::UTC, received: UnixNanos(1_700_000_000_000_000_000), formats: &[] };
    super::find(line, clock)
}

fn attributes(findings: &Findings) -> serde_json::Value {
    attributes_to_json(&findings.attributes).into()
}

#[test]
fn the_combined_format_is_read() {
    let line = r#"203.0.113.7 - ada [14/Nov/2023:23:13:20 +0100] "GET /orders/7?full=1 HTTP/1.1" 503 2326 "https://shop/" "curl/8 \"x\"" "extra""#;
    let found = find(line).unwrap();
    assert_eq!(found.time, Some(UnixNanos(1_700_000_000_000_000_000)));
    assert!(found.level.is_none());
    let expected = json!({
        "client.address": "203.0.113.7", "user.name": "ada", "http.request.method": "GET",
        "url.path": "/orders/7", "url.query": "full=1", "network.protocol.version": "1.1",
        "http.response.status_code": 503, "http.response.body.size": 2326,
        "http.request.header.referer": "https://shop/", "user_agent.original": r#"curl/8 \"x\""#,
    });
    assert_eq!(attributes(&found), expected);
}

#[test]
fn the_common_format_is_read_and_a_bad_request_too() {
    let found = find(r#"::1 - - [14/Nov/2023:22:13:20 +0000] "\x16\x03\x01" 400 -"#).unwrap();
    assert_eq!(attributes(&found), json!({"client.address": "::1", "http.response.status_code": 400}));
}

#[test]
fn the_format_with_the_virtual_host_in_front_is_read() {
    let line = r#"shop.example:443 203.0.113.7 - ada [14/Nov/2023:22:13:20 +0000] "GET /x HTTP/1.1" 200 5 "-" "curl/8""#;
    let expected = json!({
        "server.address": "shop.example", "server.port": 443, "client.address": "203.0.113.7", "user.name": "ada",
        "http.request.method": "GET", "url.path": "/x", "network.protocol.version": "1.1",
        "http.response.status_code": 200, "http.response.body.size": 5, "user_agent.original": "curl/8",
    });
    assert_eq!(attributes(&find(line).unwrap()), expected);
}

#[test]
fn error_logs_are_read() {
    let nginx = r#"2023/11/14 22:13:20 [error] 31#32: *7 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.7, server: shop, request: "POST /pay HTTP/1.1", upstream: "http://10.0.0.1:80/pay", host: "shop""#;
    let found = find(nginx).unwrap();
    assert_eq!(found.level.as_ref().map(|level| level.severity_number), Some(17));
    assert_eq!(found.time, Some(UnixNanos(1_700_000_000_000_000_000)));
    let expected = json!({
        "process.pid": 31, "thread.id": 32, "client.address": "203.0.113.7", "server.address": "shop",
        "nginx.upstream": "http://10.0.0.1:80/pay", "http.request.header.host": "shop",
        "http.request.method": "POST", "url.path": "/pay", "network.protocol.version": "1.1",
    });
    assert_eq!(attributes(&found), expected);
    let apache = "[Tue Nov 14 22:13:20.000001 2023] [core:warn] [pid 35708:tid 43] [client 203.0.113.7:51] File does not exist: /x";
    let found = find(apache).unwrap();
    assert_eq!(found.level.as_ref().map(|level| level.severity_number), Some(13));
    assert_eq!(found.time, Some(UnixNanos(1_700_000_000_000_001_000)));
    let expected = json!({"apache.module": "core", "process.pid": 35708, "client.address": "203.0.113.7"});
    assert_eq!(attributes(&found), expected);
}

#[test]
fn other_text_is_none_of_them() {
    for line in
        ["2023/11/14 22:13:20 [error] said", "GET / HTTP/1.1", "[main] [x] y", "1 - - [x] \"y\" 200 1", ""]
    {
        assert!(find(line).is_none(), "{line}");
    }
}

proptest! {
    #[test]
    fn any_text_is_looked_at(line in "[0-9\\[]\\PC{0,80}") {
        find(&line);
    }

    #[test]
    fn any_order_of_the_parts_is_looked_at(parts in proptest::collection::vec(proptest::sample::select(vec![
        "1.2.3.4 ", "- ", "[14/Nov/2023:22:13:20 +0000] ", "[error] ", "\"GET / HTTP/1.1\" ", "200 ", "\"", "] [", "[Tue Nov 14 22:13:20 2023] ", "31#32: ", "2023/11/14 22:13:20 ", "\\", ", request: \"", "é",
    ]), 0..12)) {
        find(&parts.concat());
    }
}
