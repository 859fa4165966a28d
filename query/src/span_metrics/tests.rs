use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message as _;
use spandrel_config::Limits;
use spandrel_store::otlp::{AnyValue, KeyValue, Resource, Span, Status, Value};
use spandrel_store::{Flags, NewBody, NewRecord, RecordBody, ResourceContext, ScopeContext};

use super::look::Looked;
use super::*;

const CLIENT: i32 = 3;
const SERVER: i32 = 2;

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// A span of 5 ms; `parent` 0 is none.
fn span(kind: i32, id: u8, parent: u8, failed: bool, attributes: &[(&str, &str)]) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![id; 8],
        parent_span_id: if parent == 0 { Vec::new() } else { vec![parent; 8] },
        name: format!("op {kind}"),
        kind,
        start_time_unix_nano: 1_000_000_000,
        end_time_unix_nano: 1_005_000_000,
        attributes: attributes.iter().map(|(key, value)| attribute(key, value)).collect(),
        status: failed.then(|| Status { code: 2, ..Status::default() }),
        ..Span::default()
    }
}

fn record(service: &str, body: NewBody) -> NewRecord<NewBody> {
    let attributes = vec![attribute("service.name", service), attribute("service.namespace", "shop")];
    let resource = Some(Resource { attributes, ..Resource::default() });
    NewRecord {
        resource: Arc::new(ResourceContext { resource, schema_url: String::new() }),
        scope: Arc::new(ScopeContext { scope: None, schema_url: String::new() }),
        body,
        level: None,
        flags: Flags::NONE,
        original: None,
    }
}

fn encoded(service: &str, span: &Span) -> NewRecord<NewBody> {
    record(service, NewBody::Span(span.encode_to_vec().into()))
}

fn sidecar() -> Arc<SpanMetrics> {
    let limits = Limits::default();
    Arc::new(SpanMetrics::new(&limits, Graph::new(&limits, JOINED_WITHIN, true), None))
}

fn count(metrics: &SpanMetrics, records: &[NewRecord<NewBody>], now: Instant) {
    metrics.count(Looked::at(records), now);
}

/// Lines of a metric, without what is zero: its labels and its number.
fn lines(metrics: &Arc<SpanMetrics>, name: &str, now: Instant) -> BTreeMap<String, String> {
    let text = metrics.text(now).unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let of = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    of.filter_map(|rest| rest.split_once("} "))
        .map(|(labels, number)| (labels.to_owned(), number.to_owned()))
        .collect()
}

const TOTAL: &str = "traces_service_graph_request_total";
const UNPAIRED: &str = "traces_service_graph_unpaired_spans_total";

fn edge(client: &str, server: &str, connection: &str) -> String {
    let namespace = |name: &str| if ["cart", "pay"].contains(&name) { "shop" } else { "" };
    format!(
        "client=\"{client}\",server=\"{server}\",connection_type=\"{connection}\",client_service_namespace=\"{}\",\
         server_service_namespace=\"{}\"",
        namespace(client),
        namespace(server)
    )
}

#[test]
fn spans_in_bytes_say_the_same_as_decoded_ones() {
    let spans = [
        span(CLIENT, 1, 9, true, &[("x", "y"), ("db.system", "postgresql"), ("db.name", "orders")]),
        span(CLIENT, 2, 1, false, &[("peer.service", "stripe")]),
        span(SERVER, 3, 2, false, &[]),
        span(SERVER, 4, 0, false, &[]),
        span(4, 5, 4, false, &[("messaging.system", "kafka")]),
        span(5, 6, 5, false, &[]),
        span(1, 7, 6, false, &[]),
        span(77, 8, 0, false, &[]),
    ];
    let in_bytes: Vec<_> = spans.iter().map(|span| encoded("pay", span)).collect();
    let decoded = spans.iter().map(|span| NewBody::Decoded(RecordBody::Span(Box::new(span.clone()))));
    let decoded: Vec<_> = decoded.map(|body| record("pay", body)).collect();
    let (a, b) = (Looked::at(&in_bytes), Looked::at(&decoded));
    assert_eq!(a.operations, b.operations);
    assert_eq!(a.halves, b.halves);
    assert_eq!((a.calls.len(), b.calls.len()), (8, 8));
    assert_eq!(a.halves.len(), 6);
}

#[test]
fn operations_are_counted_with_their_outcome_their_latency_and_an_example() {
    let (metrics, now) = (sidecar(), Instant::now());
    let server = |failed| encoded("pay", &span(SERVER, 3, 2, failed, &[]));
    count(&metrics, &[server(false), server(false), server(true)], now);
    let labels = |status| {
        format!(
            "service=\"pay\",span_name=\"op 2\",span_kind=\"SPAN_KIND_SERVER\",status_code=\"STATUS_CODE_{status}\""
        )
    };
    let calls = lines(&metrics, "traces_spanmetrics_calls_total", now);
    assert_eq!(calls, BTreeMap::from([(labels("ERROR"), "1".to_owned()), (labels("UNSET"), "2".to_owned())]));
    let buckets = lines(&metrics, "traces_spanmetrics_latency_bucket", now);
    let bucket = |le: &str| buckets[&format!("le=\"{le}\",{}", labels("UNSET"))].clone();
    assert_eq!(bucket("0.004"), "0");
    assert!(
        bucket("0.008").starts_with("2 # {trace_id=\"01010101010101010101010101010101\"} 0.005 "),
        "{}",
        bucket("0.008")
    );
    assert_eq!(bucket("+Inf"), "2");
    let sums = lines(&metrics, "traces_spanmetrics_latency_sum", now);
    assert_eq!(sums[&labels("UNSET")], "0.01");
}

#[test]
fn a_sidecar_joins_what_it_has_both_halves_of() {
    let (metrics, now) = (sidecar(), Instant::now());
    count(&metrics, &[encoded("pay", &span(SERVER, 2, 1, true, &[]))], now);
    assert_eq!(lines(&metrics, TOTAL, now), BTreeMap::new());
    let records = [
        encoded("cart", &span(CLIENT, 1, 9, false, &[])),
        encoded("pay", &span(CLIENT, 3, 2, false, &[("db.system", "postgresql"), ("db.name", "ledger")])),
        encoded("cart", &span(SERVER, 9, 0, false, &[])),
    ];
    count(&metrics, &records, now);
    let expected =
        [edge("cart", "pay", ""), edge("pay", "ledger", "database"), edge("user", "cart", "virtual_node")];
    let edges = lines(&metrics, TOTAL, now);
    assert_eq!(edges.keys().cloned().collect::<Vec<_>>(), expected);
    let failed = lines(&metrics, "traces_service_graph_request_failed_total", now);
    assert_eq!(failed[&edge("cart", "pay", "")], "1");
    assert_eq!(failed[&edge("pay", "ledger", "database")], "0");
    // Joined halves are not offered.
    let offered = metrics.offer(None, 10, now + JOINED_WITHIN);
    assert_eq!(offered.halves, []);
}

#[test]
fn a_gateway_joins_halves_of_two_sidecars_once() {
    let (cart, pay, now) = (sidecar(), sidecar(), Instant::now());
    let gateway = SpanMetrics::gathering(&Limits::default());
    count(&cart, &[encoded("cart", &span(CLIENT, 1, 9, false, &[]))], now);
    count(&pay, &[encoded("pay", &span(SERVER, 2, 1, false, &[]))], now);
    // Not before their own sidecars have given up on them.
    assert_eq!(cart.offer(None, 10, now).halves, []);
    let later = now + JOINED_WITHIN;
    let gather = |at: Instant| {
        for (name, sidecar) in [("cart", &cart), ("pay", &pay)] {
            let offered = sidecar.offer(gateway.told_by(name), 10, at);
            gateway.gathered(name, offered.clone(), at);
            // The same answer again, of a scrape that ran at the same time.
            gateway.gathered(name, offered, at);
        }
    };
    gather(later);
    gather(later);
    let expected = BTreeMap::from([(edge("cart", "pay", ""), "1".to_owned())]);
    assert_eq!(lines(&gateway, TOTAL, later), expected);
    // Whoever was told of a half does not count it, whatever comes of it.
    let end = later + KEPT_FOR;
    assert_eq!(lines(&cart, UNPAIRED, end), BTreeMap::new());
    assert_eq!(lines(&gateway, TOTAL, end), expected);
    assert_eq!(lines(&gateway, UNPAIRED, end), BTreeMap::new());
}

#[test]
fn halves_without_another_are_counted_in_the_end() {
    let now = Instant::now();
    let (alone, gateway) = (sidecar(), SpanMetrics::gathering(&Limits::default()));
    let records = [
        encoded("cart", &span(CLIENT, 1, 9, false, &[])),
        encoded("cart", &span(CLIENT, 2, 9, false, &[("peer.service", "stripe")])),
        encoded("cart", &span(SERVER, 3, 8, false, &[])),
    ];
    count(&alone, &records, now);
    let given_up = now + JOINED_WITHIN;
    alone.with_graph(|graph| graph.settle(given_up));
    let end = given_up + KEPT_FOR;
    let client = "client=\"cart\",server=\"\"".to_owned();
    let server = "client=\"\",server=\"cart\"".to_owned();
    let unpaired = BTreeMap::from([(client, "1".to_owned()), (server, "1".to_owned())]);
    let virtual_edge = BTreeMap::from([(edge("cart", "stripe", "virtual_node"), "1".to_owned())]);
    assert_eq!(lines(&alone, UNPAIRED, end), unpaired);
    assert_eq!(lines(&alone, TOTAL, end), virtual_edge);

    let told = sidecar();
    count(&told, &records, now);
    gateway.gathered("cart", told.offer(None, 10, given_up), given_up);
    assert_eq!(lines(&gateway, UNPAIRED, end), unpaired);
    assert_eq!(lines(&gateway, TOTAL, end), virtual_edge);
    assert_eq!(lines(&told, UNPAIRED, end), BTreeMap::new());
}

#[test]
fn what_is_beyond_the_limits_is_counted_as_one_and_nothing_grows() {
    let limits = Limits { span_series_max: 2, half_edges_max: 3, ..Limits::default() };
    let graph = Graph::new(&limits, JOINED_WITHIN, true);
    let (metrics, now) = (Arc::new(SpanMetrics::new(&limits, graph, None)), Instant::now());
    for number in 0..20u8 {
        let mut server = span(SERVER, number + 1, 0, false, &[]);
        server.name = format!("op {number}");
        let client = span(CLIENT, number + 100, 1, false, &[]);
        let service = format!("service {number}");
        count(&metrics, &[encoded(&service, &server), encoded(&service, &client)], now);
    }
    let calls = lines(&metrics, "traces_spanmetrics_calls_total", now);
    assert_eq!(calls.len(), 3);
    let overflow = calls.iter().find(|(labels, _)| labels.contains("__overflow__")).unwrap();
    assert_eq!(overflow.1, "38");
    let edges = lines(&metrics, TOTAL, now);
    assert_eq!(edges.len(), 3);
    assert_eq!(edges[&edge("__overflow__", "__overflow__", "")], "18");
    // Three wait, three are offered, the others are counted.
    assert_eq!(metrics.offer(None, 100, now).halves.len(), 3);
    let counted: u64 =
        lines(&metrics, UNPAIRED, now).values().map(|count| count.parse::<u64>().unwrap()).sum();
    assert_eq!(counted, 14);
}

#[test]
fn a_sidecar_that_was_started_anew_is_told_from_its_beginning() {
    let now = Instant::now();
    let (before, after) = (sidecar(), sidecar());
    let client = |id| encoded("cart", &span(CLIENT, id, 9, false, &[]));
    count(&before, &[client(1), client(2)], now);
    let at = now + JOINED_WITHIN;
    let first = before.offer(None, 1, at);
    assert_eq!((first.halves.len(), first.lost), (1, 0));
    let second = before.offer(Some(first.next), 1, at);
    assert_eq!((second.halves.len(), second.from), (1, first.next));
    assert_eq!(before.offer(Some(second.next), 1, at).halves, []);
    count(&after, &[client(3)], now);
    let again = after.offer(Some(second.next), 10, at);
    assert_eq!((again.halves.len(), again.lost), (1, 0));
    // A gateway that comes too late is told how many it missed.
    let late = before.offer(Some(first.next), 10, at + KEPT_FOR + Duration::from_secs(1));
    assert_eq!((late.halves.len(), late.lost), (0, 1));
}
