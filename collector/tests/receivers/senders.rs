//! What senders write that could not be had here, byte for byte as their sources say, and what they go on with.
//!
//! Fluent Bit, Vector, Filebeat and logstash: none of them is in a package registry that can be installed from. The
//! requests are written out whole, with the headers that each sets itself; where each comes from stands above it.

use rmp::encode::{
    write_array_len, write_bin, write_ext_meta, write_map_len, write_sint, write_str, write_u64,
};
use serde_json::{Value, json};
use spandrel_config::Config;
use spandrel_store::{Level, Receiver, SpanId, TraceId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Harness, gzip};

mod otlp;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const NANOS: u64 = 1_700_000_000_123_456_789;

/// A response as it came.
struct Wire {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Wire {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Writes a request and reads its response: `head` without the line ends, `Host` or length.
async fn send(harness: &Harness, head: &[&str], body: &[u8]) -> Wire {
    let mut stream = TcpStream::connect(harness.http).await.unwrap();
    let (request, headers) = head.split_first().unwrap();
    let mut bytes = format!("{request} HTTP/1.1\r\nHost: {}\r\n", harness.http);
    for header in headers {
        bytes.push_str(&format!("{header}\r\n"));
    }
    if !body.is_empty() {
        bytes.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    bytes.push_str("\r\n");
    stream.write_all(&[bytes.as_bytes(), body].concat()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.filter(|_| !request.starts_with("HEAD ")).map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    Wire { status: head[9..12].parse().unwrap(), head, body }
}

/// The one record that is kept has the ids, the level, the message and the time that were sent.
fn assert_understood(harness: &Harness, receiver: Receiver) {
    let records = harness.records();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record.receiver, receiver);
    assert_eq!(record.trace_id(), TraceId::from_text(TRACE, HEX).ok());
    assert_eq!(record.span_id(), SpanId::from_text(SPAN, HEX).ok());
    assert_eq!(record.level, Some(Level::Error));
    let log = record.log().unwrap();
    assert_eq!(spandrel_store::record::log_message(log), "sold out");
    assert_eq!(record.time().0 / 1_000_000, NANOS / 1_000_000);
}

const HEX: spandrel_store::id::notation::Digits = spandrel_store::id::notation::Digits::Hex;

/// Fluent Bit's `es`, defaults with `Suppress_Type_Name On`, then with `Compress gzip` and a `Pipeline`, which it
/// writes behind a slash: `plugins/out_es/es.c` (`elasticsearch_format`, `cb_es_flush`), `es_bulk.h`, `es_conf.c`.
#[tokio::test]
async fn fluent_bits_es_output() {
    let headers = ["User-Agent: Fluent-Bit", "Content-Type: application/x-ndjson"];
    let document = format!(
        "{{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"level\":\"error\",\"msg\":\"sold out\",\
         \"trace_id\":\"{TRACE}\",\"span_id\":\"{SPAN}\"}}"
    );
    for action in [
        "{\"create\":{\"_index\":\"fluent-bit\"}}",
        "{\"create\":{\"_index\":\"fluent-bit\",\"_type\":\"_doc\"}}",
    ] {
        let harness = Harness::start().await;
        let body = format!("{action}\n{document}\n");
        let answer = send(&harness, &[&["POST /_bulk"], &headers[..]].concat(), body.as_bytes()).await;
        // It looks for `"errors":false`, `errors` being the second key: `elasticsearch_error_check`.
        assert_eq!((answer.status, &answer.json()["errors"]), (200, &json!(false)));
        assert_understood(&harness, Receiver::ElasticsearchBulk);
    }
    let harness = Harness::start().await;
    let body = gzip(format!("{{\"create\":{{\"_index\":\"fluent-bit\"}}}}\n{document}\n").as_bytes());
    let head = [&["POST /_bulk/?pipeline=shop"], &headers[..], &["Content-Encoding: gzip"]].concat();
    assert_eq!(send(&harness, &head, &body).await.json()["errors"], false);
    assert_understood(&harness, Receiver::ElasticsearchBulk);
}

/// Vector's `elasticsearch`: the health check and, for `api_version = "auto"`, the version
/// (`src/sinks/elasticsearch/common.rs`), then what `encoder.rs`, `request_builder.rs` and `service.rs` write.
#[tokio::test]
async fn vectors_elasticsearch_sink() {
    let harness = Harness::start().await;
    assert_eq!(send(&harness, &["GET /_cluster/health"], b"").await.status, 200);
    assert_eq!(send(&harness, &["GET /"], b"").await.json()["version"]["number"], "8.19.0");
    let body = format!(
        "{{\"index\":{{\"_index\":\"vector-2023.11.14\"}}}}\n{{\"host\":\"a\",\"level\":\"error\",\"message\":\"sold out\",\
         \"span_id\":\"{SPAN}\",\"timestamp\":\"2023-11-14T22:13:20.123456789Z\",\"trace_id\":\"{TRACE}\"}}\n"
    );
    let head = [
        "POST /_bulk?timeout=60s",
        "content-type: application/x-ndjson",
        "content-encoding: gzip",
        "accept-encoding: zstd,gzip,deflate,br",
    ];
    let answer = send(&harness, &head, &gzip(body.as_bytes())).await;
    assert_eq!((answer.status, &answer.json()["errors"]), (200, &json!(false)));
    assert_understood(&harness, Receiver::ElasticsearchBulk);
}

/// Vector's `loki`: `src/sinks/loki/healthcheck.rs`, then `service.rs` with its default `compression = "snappy"`, which
/// is protocol buffers without a word of an encoding, and `"gzip"`, which is JSON.
#[tokio::test]
async fn vectors_loki_sink() {
    let harness = Harness::start().await;
    let answer = send(&harness, &["GET /ready"], b"").await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"ready\n"[..]));
    let line = format!(
        "{{\"level\":\"error\",\"message\":\"sold out\",\"trace_id\":\"{TRACE}\",\"span_id\":\"{SPAN}\"}}"
    );
    let push = push_in_protobuf("{agent=\"vector\"}", &line);
    let body = snap::raw::Encoder::new().compress_vec(&push).unwrap();
    let head = ["POST /loki/api/v1/push", "content-type: application/x-protobuf"];
    assert_eq!(send(&harness, &head, &body).await.status, 204);
    assert_understood(&harness, Receiver::LokiPush);

    let harness = Harness::start().await;
    let body = json!({"streams": [{"stream": {"agent": "vector"}, "values": [[NANOS.to_string(), line]]}]});
    let head = ["POST /loki/api/v1/push", "content-type: application/json", "content-encoding: gzip"];
    assert_eq!(send(&harness, &head, &gzip(body.to_string().as_bytes())).await.status, 204);
    assert_understood(&harness, Receiver::LokiPush);
}

/// Fluent Bit's `loki`: `plugins/out_loki/loki.c`, `loki_compose_payload` with its default label, and its `line_format
/// key_value`, which quotes texts.
#[tokio::test]
async fn fluent_bits_loki_output() {
    let in_json = format!(
        "{{\\\"level\\\":\\\"error\\\",\\\"msg\\\":\\\"sold out\\\",\\\"trace_id\\\":\\\"{TRACE}\\\",\\\"span_id\\\":\\\"{SPAN}\\\"}}"
    );
    let key_value =
        format!("level=\\\"error\\\" msg=\\\"sold out\\\" trace_id=\\\"{TRACE}\\\" span_id=\\\"{SPAN}\\\" ");
    for line in [in_json, key_value] {
        let harness = Harness::start().await;
        let body = format!(
            "{{\"streams\":[{{\"stream\":{{\"job\":\"fluent-bit\"}},\"values\":[[\"{NANOS}\",\"{line}\"]]}}]}}"
        );
        let head = [
            "POST /loki/api/v1/push",
            "User-Agent: Fluent-Bit",
            "Content-Type: application/json",
            "X-Scope-OrgID: shop",
        ];
        assert_eq!(send(&harness, &head, body.as_bytes()).await.status, 204);
        assert_understood(&harness, Receiver::LokiPush);
    }
}

/// Filebeat's `output.elasticsearch`, nothing switched off: `libbeat/esleg/eslegclient` (`connection.go`, `enc.go`,
/// `bulkapi.go`), the licence check of `x-pack/libbeat/licenser`, templates and lifecycle of `libbeat/template` and
/// `libbeat/idxmgmt`.
#[tokio::test]
async fn filebeats_elasticsearch_output() {
    let harness = Harness::start().await;
    let accept = "Accept: application/json";
    let agent = "User-Agent: Elastic-Filebeat/8.17.0 (linux; amd64)";
    let about = send(&harness, &["GET /", agent, accept, "X-Elastic-Product-Origin: beats"], b"").await;
    assert!(about.head.contains("x-elastic-product: elasticsearch"));
    assert_eq!(about.json()["version"]["build_flavor"], "default");
    let license = send(&harness, &["GET /_license?human=false", agent, accept], b"").await.json();
    assert_eq!(
        (&license["license"]["type"], &license["license"]["status"]),
        (&json!("basic"), &json!("active"))
    );
    let json_type = "Content-Type: application/json; charset=UTF-8";
    for (method, path, status) in [
        ("GET", "/_ilm/policy/filebeat", 404),
        ("PUT", "/_ilm/policy/filebeat", 200),
        ("HEAD", "/_index_template/filebeat-8.17.0", 404),
        ("PUT", "/_index_template/filebeat-8.17.0", 200),
        ("GET", "/_data_stream/filebeat-8.17.0", 404),
        ("PUT", "/_data_stream/filebeat-8.17.0", 200),
        ("PUT", "/_ingest/pipeline/filebeat-8.17.0-nginx-access-pipeline", 200),
        ("PUT", "/%3Cfilebeat-7.17.0-%7Bnow%2Fd%7D-000001%3E", 200),
    ] {
        let body: &[u8] = if method == "PUT" { b"{}" } else { b"" };
        let answer = send(&harness, &[&format!("{method} {path}"), agent, accept, json_type], body).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    let body = format!(
        "{{\"create\":{{\"_index\":\"filebeat-8.17.0\"}}}}\n{{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\
         \"log\":{{\"offset\":0,\"file\":{{\"path\":\"/var/log/shop.log\"}}}},\"input\":{{\"type\":\"filestream\"}},\
         \"ecs\":{{\"version\":\"8.0.0\"}},\"host\":{{\"name\":\"a\"}},\"agent\":{{\"type\":\"filebeat\",\"version\":\"8.17.0\"}},\
         \"message\":\"{{\\\"level\\\":\\\"error\\\",\\\"msg\\\":\\\"sold out\\\",\\\"trace_id\\\":\\\"{TRACE}\\\",\
         \\\"span_id\\\":\\\"{SPAN}\\\"}}\"}}\n"
    );
    let length = format!("X-Elastic-Uncompressed-Request-Length: {}", body.len());
    let head = [
        "POST /_bulk?filter_path=errors%2Citems.%2A.error%2Citems.%2A.status",
        agent,
        accept,
        json_type,
        "Content-Encoding: gzip",
        "X-Elastic-Event-Count: 1",
        &length,
    ];
    let answer = send(&harness, &head, &gzip(body.as_bytes())).await.json();
    assert_eq!((&answer["errors"], &answer["items"]), (&json!(false), &json!([{"create": {"status": 201}}])));
    assert_understood(&harness, Receiver::ElasticsearchBulk);
}

/// logstash's `elasticsearch` output with `sniffing`: `lib/logstash/outputs/elasticsearch/http_client/pool.rb` (health
/// check, version, licence, nodes), `template_manager.rb`, then `http_client.rb`'s bulk.
#[tokio::test]
async fn logstashs_elasticsearch_output() {
    let harness = Harness::start().await;
    let own = [
        "User-Agent: logstash/8.17.0",
        "Content-Type: application/json",
        "x-elastic-product-origin: logstash-output-elasticsearch",
    ];
    let ask = async |request: &str, body: &[u8]| send(&harness, &[&[request], &own[..]].concat(), body).await;
    assert_eq!(ask("HEAD /", b"").await.status, 200);
    let about = ask("GET /", b"").await;
    assert!(about.head.contains("x-elastic-product: elasticsearch"));
    assert_eq!(about.json()["tagline"], "You Know, for Search");
    assert_eq!(ask("GET /_license", b"").await.json()["license"]["status"], "active");
    let nodes = ask("GET /_nodes/http", b"").await.json();
    assert_eq!(nodes["nodes"]["spandrel"]["http"]["publish_address"], harness.http.to_string());
    assert_eq!(ask("HEAD /_index_template/ecs-logstash", b"").await.status, 404);
    assert_eq!(ask("PUT /_index_template/ecs-logstash", b"{\"index_patterns\":[]}").await.status, 200);
    let body = format!(
        "{{\"create\":{{\"_index\":\"logs-generic-default\",\"routing\":null}}}}\n{{\"@version\":\"1\",\
         \"@timestamp\":\"2023-11-14T22:13:20.123456Z\",\"log\":{{\"level\":\"error\"}},\"message\":\"sold out\",\
         \"trace\":{{\"id\":\"{TRACE}\"}},\"span\":{{\"id\":\"{SPAN}\"}},\"data_stream\":{{\"type\":\"logs\",\
         \"dataset\":\"generic\",\"namespace\":\"default\"}}}}\n"
    );
    let answer = ask("POST /_bulk?filter_path=errors,items.*.error,items.*.status", body.as_bytes()).await;
    assert_eq!((answer.status, &answer.json()["errors"]), (200, &json!(false)));
    assert_understood(&harness, Receiver::ElasticsearchBulk);
}

/// What nobody here knows of is refused in Elasticsearch's form, with what can be done about it.
#[tokio::test]
async fn other_paths_of_elasticsearch_say_what_to_switch_off() {
    let harness = Harness::start().await;
    for request in ["POST /_monitoring/bulk?system_id=filebeat", "GET /_cat/indices", "POST /_search"] {
        let answer = send(&harness, &[request], b"").await;
        assert_eq!(answer.status, 404, "{request}");
        assert!(answer.head.contains("x-elastic-product: elasticsearch"));
        assert!(answer.json()["error"]["reason"].as_str().unwrap().contains("switch off"));
    }
    assert_eq!(harness.requests_refused("elasticsearch_bulk", "unknown_path"), 3);
    // A name alone is the Collector's to know, or nobody's.
    assert_eq!(send(&harness, &["GET /shop"], b"").await.status, 404);
    assert_eq!(harness.requests_refused("otlp_http", "unknown_path"), 1);
}

/// Fluent Bit's `forward` in its ways of writing: an array of entries, the same compressed, times as integers; with and
/// without options, and with the metadata that it may keep: `plugins/out_forward/forward.c` (`flush_forward_mode`) and
/// `forward_format.c` (`append_options`).
#[tokio::test]
async fn fluent_bits_forward_output() {
    let event_time = |bytes: &mut Vec<u8>| {
        write_ext_meta(bytes, 8, 0).unwrap();
        bytes.extend_from_slice(&((NANOS / 1_000_000_000) as u32).to_be_bytes());
        bytes.extend_from_slice(&((NANOS % 1_000_000_000) as u32).to_be_bytes());
    };
    let with_time = |time: &dyn Fn(&mut Vec<u8>)| {
        let mut event = Vec::new();
        write_array_len(&mut event, 2).unwrap();
        time(&mut event);
        write_map_len(&mut event, 1).unwrap();
        write_str(&mut event, "log").unwrap();
        let line = format!(
            "{{\"level\":\"error\",\"msg\":\"sold out\",\"trace_id\":\"{TRACE}\",\"span_id\":\"{SPAN}\"}}"
        );
        write_str(&mut event, &line).unwrap();
        event
    };
    let plain = with_time(&event_time);
    let with_metadata = with_time(&|bytes| {
        write_array_len(bytes, 2).unwrap();
        event_time(bytes);
        write_map_len(bytes, 0).unwrap();
    });
    let in_seconds = with_time(&|bytes| write_u64(bytes, NANOS / 1_000_000_000).unwrap());
    let array = |event: &[u8]| [&[0x91], event].concat();
    let mut compressed = Vec::new();
    write_bin(&mut compressed, &gzip(&plain)).unwrap();
    for (entries, options) in [
        (array(&plain), None),
        (array(&plain), Some(&[][..])),
        (array(&with_metadata), Some(&[][..])),
        (array(&in_seconds), Some(&[][..])),
        (compressed, Some(&[("compressed", "gzip")][..])),
    ] {
        let harness = Harness::with(forward_on).await;
        let mut stream = TcpStream::connect(harness.forward.unwrap()).await.unwrap();
        stream.write_all(&message(&entries, options)).await.unwrap();
        if options.is_some() {
            let acknowledged = [&[0x81, 0xa3], &b"ack"[..], &[0xd9, 32], CHUNK.as_bytes()].concat();
            let mut answer = vec![0; acknowledged.len()];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, acknowledged);
        } else {
            stream.shutdown().await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        }
        let time = harness.records()[0].time().0;
        assert!(time == NANOS || time == NANOS / 1_000_000_000 * 1_000_000_000);
        let record = harness.records().remove(0);
        assert_eq!(record.trace_id(), TraceId::from_text(TRACE, HEX).ok());
        assert_eq!((record.receiver, record.level), (Receiver::FluentForward, Some(Level::Error)));
    }
}

/// 16 bytes of a SHA-512 in hexadecimal.
const CHUNK: &str = "8f434346648f6b96df89dda901c5176b";

/// Of one entry, with the options of `require_ack_response` if there are any.
fn message(entries: &[u8], options: Option<&[(&str, &str)]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_array_len(&mut bytes, if options.is_some() { 3 } else { 2 }).unwrap();
    write_str(&mut bytes, "shop.orders").unwrap();
    bytes.extend_from_slice(entries);
    let Some(options) = options else { return bytes };
    write_map_len(&mut bytes, u32::try_from(options.len()).unwrap() + 3).unwrap();
    for (key, value) in [&[("chunk", CHUNK)], options].concat() {
        write_str(&mut bytes, key).unwrap();
        write_str(&mut bytes, value).unwrap();
    }
    for (key, number) in [("size", 1), ("fluent_signal", 0)] {
        write_str(&mut bytes, key).unwrap();
        write_sint(&mut bytes, number).unwrap();
    }
    bytes
}

fn forward_on(config: &mut Config) {
    config.receivers.fluentforward.enabled = true;
    config.receivers.fluentforward.endpoint = ([127, 0, 0, 1], 0).into();
}

/// `PushRequest { streams: [{ labels, entries: [{ timestamp, line }] }] }`, as Loki's `pkg/push/push.proto` has it.
fn push_in_protobuf(labels: &str, line: &str) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| {
        let mut field = vec![tag << 3 | 2];
        prost::encoding::encode_varint(bytes.len() as u64, &mut field);
        [&field[..], bytes].concat()
    };
    let mut time = vec![1 << 3];
    prost::encoding::encode_varint(NANOS / 1_000_000_000, &mut time);
    time.push(2 << 3);
    prost::encoding::encode_varint(NANOS % 1_000_000_000, &mut time);
    let entry = [field(1, &time), field(2, line.as_bytes())].concat();
    field(1, &[field(1, labels.as_bytes()), field(2, &entry)].concat())
}
