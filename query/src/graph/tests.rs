use std::collections::BTreeMap;

use proptest::prelude::*;
use spandrel_store::otlp::{AnyValue, KeyValue, Resource, Span, Status, Value};
use spandrel_store::{
    Filter, Flags, Level, NewRecord, Receiver, Record, RecordBody, RecordId, ResourceContext, ScopeContext,
    SpanId, TraceId,
};

use super::*;

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// Span ids are `trace` and `number` together; parents are of the same trace.
#[derive(Debug, Clone)]
struct Made {
    trace: u64,
    number: u8,
    parent: Option<u8>,
    service: &'static str,
    kind: i32,
    failed: bool,
    duration_ns: u64,
    attributes: Vec<KeyValue>,
}

fn made(number: u8, parent: Option<u8>, service: &'static str, kind: i32) -> Made {
    let attributes = Vec::new();
    Made { trace: 1, number, parent, service, kind, failed: false, duration_ns: 1_000, attributes }
}

impl Made {
    fn record(&self) -> Record {
        let trace_id = TraceId(u128::from(self.trace).to_be_bytes());
        let id = |number: u8| SpanId([number; 8]);
        let resource =
            Resource { attributes: vec![text("service.name", self.service)], ..Resource::default() };
        let span = Span {
            trace_id: trace_id.0.to_vec(),
            span_id: id(self.number).0.to_vec(),
            parent_span_id: self.parent.map_or(Vec::new(), |parent| id(parent).0.to_vec()),
            kind: self.kind,
            start_time_unix_nano: 1_000_000,
            end_time_unix_nano: 1_000_000 + self.duration_ns,
            status: self.failed.then(|| Status { code: 2, ..Status::default() }),
            attributes: self.attributes.clone(),
            ..Span::default()
        };
        let new = NewRecord {
            resource: Arc::new(ResourceContext { resource: Some(resource), schema_url: String::new() }),
            scope: Arc::new(ScopeContext::default()),
            body: RecordBody::Span(Box::new(span)),
            level: self.failed.then_some(Level::Error),
            flags: Flags::NONE,
            original: None,
        };
        Record::new(RecordId::of_span(trace_id, id(self.number)), Receiver::OtlpHttp, UnixNanos(1), new)
    }
}

fn gathered(spans: &[Made], spans_max: usize, ends_max: usize) -> PartialGraph {
    let mut gathering = Gathering::new(Filter::All, spans_max);
    spans.iter().for_each(|made| gathering.add(&made.record()));
    gathering.finish(ends_max)
}

fn calls(graph: &ServiceGraph) -> BTreeMap<(String, String), (u64, u64)> {
    let named = |call: &CallCounts| (call.from.to_string(), call.to.to_string());
    graph.calls.iter().map(|call| (named(call), (call.counts.count, call.counts.errors))).collect()
}

/// A shop: orders calls payment, which calls a database and a service that nobody watches.
fn shop() -> Vec<Made> {
    let mut database = made(5, Some(4), "payment", CLIENT);
    database.attributes = vec![text("db.system", "postgresql"), text("db.namespace", "ledger")];
    let mut bank = made(6, Some(4), "payment", CLIENT);
    bank.attributes = vec![text("http.request.method", "POST"), text("server.address", "bank.example.org")];
    bank.failed = true;
    vec![
        made(1, None, "orders", SERVER),
        made(2, Some(1), "orders", 1),
        made(3, Some(2), "orders", CLIENT),
        Made { failed: true, duration_ns: 5_000_000, ..made(4, Some(3), "payment", SERVER) },
        database,
        bank,
    ]
}

#[test]
fn calls_are_found_with_both_ends_here_and_with_each_in_another_sidecar() {
    let expected = BTreeMap::from(
        [("orders", "payment", 1, 1), ("payment", "ledger", 1, 0), ("payment", "bank.example.org", 1, 1)]
            .map(|(from, to, count, errors)| ((from.to_owned(), to.to_owned()), (count, errors))),
    );
    let together = join(&[gathered(&shop(), 100, 100)]);
    assert_eq!(calls(&together), expected);
    let of = |service: &str| {
        let own: Vec<Made> = shop().into_iter().filter(|made| made.service == service).collect();
        gathered(&own, 100, 100)
    };
    let apart = join(&[of("payment"), of("orders")]);
    assert_eq!(apart, together);
    let nodes = together.nodes.iter().map(|node| (node.name.as_ref(), node.kind, node.served.count));
    assert_eq!(
        nodes.collect::<Vec<_>>(),
        [
            ("bank.example.org", NodeKind::Service, 1),
            ("ledger", NodeKind::Database, 1),
            ("orders", NodeKind::Service, 1),
            ("payment", NodeKind::Service, 1),
        ]
    );
    let to_payment = together.calls.iter().find(|call| call.to.as_ref() == "payment").unwrap();
    let middle = to_payment.counts.durations.quantile_ns(0.5);
    assert!(middle.abs_diff(5_000_000) < 5_000_000 / 16, "{middle}");
}

#[test]
fn the_filter_says_which_spans_count_and_not_who_called() {
    let mut gathering = Gathering::new(Filter::equals(spandrel_store::filter::Field::Level, "error"), 100);
    shop().iter().for_each(|made| gathering.add(&made.record()));
    let graph = join(&[gathering.finish(100)]);
    let found: Vec<(String, String)> = calls(&graph).into_keys().collect();
    let named = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(found, [named("orders", "payment"), named("payment", "bank.example.org")]);
}

#[test]
fn a_service_that_is_named_by_its_caller_and_sends_spans_is_one_node() {
    let mut client = made(2, Some(1), "orders", CLIENT);
    client.attributes = vec![text("peer.service", "payment")];
    // The called span is of another trace: nobody answers to this client.
    let other = Made { trace: 2, ..made(3, None, "payment", SERVER) };
    let graph = join(&[gathered(&[made(1, None, "orders", SERVER), client, other], 100, 100)]);
    assert_eq!(graph.nodes.len(), 2, "{graph:?}");
    assert_eq!(graph.calls.len(), 1);
}

/// Many traces of one call each, the ends in two sidecars of which one has more to tell.
#[test]
fn where_there_are_too_many_the_same_traces_stand_for_all() {
    let traces = 1..20_001u64;
    let client = |trace| Made { trace, ..made(1, None, "orders", CLIENT) };
    let server = |trace| Made { trace, failed: trace % 4 == 0, ..made(2, Some(1), "payment", SERVER) };
    let clients: Vec<Made> = traces.clone().map(client).collect();
    let servers: Vec<Made> = traces.map(server).collect();
    let (few, some) = (gathered(&clients, 100_000, 1_000), gathered(&servers, 5_000, 100_000));
    assert!(few.callers.len() <= 1_000 && some.callees.len() <= 5_000);
    let graph = join(&[few, some]);
    assert!(graph.one_in >= 32, "{}", graph.one_in);
    let (count, errors) = calls(&graph).into_values().next().unwrap();
    assert!(count.abs_diff(20_000) < 4_000, "{count}");
    assert!(errors.abs_diff(count / 4) < 1_500, "{errors}");
    let payment = graph.nodes.iter().find(|node| node.name.as_ref() == "payment").unwrap();
    assert_eq!(payment.served.count, 20_000, "services are counted whole");
}

proptest! {
    #[test]
    fn quantiles_are_near(mut durations in proptest::collection::vec(0u64..10_000_000_000, 1..200), share in 0.01f64..1.0) {
        let mut counted = Durations::default();
        durations.iter().for_each(|duration| counted.add(*duration, 1));
        durations.sort_unstable();
        let wanted = durations[((durations.len() as f64 * share).ceil() as usize).max(1) - 1];
        let found = counted.quantile_ns(share);
        prop_assert!(found.abs_diff(wanted) <= wanted / 16 + 1, "{} for {}", found, wanted);
    }

    #[test]
    fn no_bucket_panics(bucket: u16, count: u64, duration: u64) {
        let mut counted = Durations::default();
        counted.add_to(bucket, count);
        counted.add(duration, u64::MAX);
        let _ = counted.quantile_ns(0.99);
    }

    /// However the spans are divided among sidecars, the graph is the same.
    #[test]
    fn it_does_not_matter_who_holds_what(
        parents in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..4, 0i32..6, 0usize..3), 1..40),
    ) {
        const SERVICES: [&str; 4] = ["a", "b", "c", "d"];
        let spans: Vec<(Made, usize)> = parents.iter().enumerate().map(|(number, (parent, service, kind, part))| {
            let parent = (number > 0).then(|| parent.index(number) as u8);
            // A span that serves and calls others itself is seen as a caller only where it has no children of its own.
            let kind = if *kind == SERVER || *kind == 5 || *kind == 1 { CLIENT } else { *kind };
            (made(number as u8, parent, SERVICES[*service], kind), *part)
        }).collect();
        let whole: Vec<Made> = spans.iter().map(|(made, _)| made.clone()).collect();
        let part = |number: usize| -> Vec<Made> {
            spans.iter().filter(|(_, part)| *part == number).map(|(made, _)| made.clone()).collect()
        };
        let parts: Vec<PartialGraph> = (0..3).map(|number| gathered(&part(number), 1_000, 1_000)).collect();
        prop_assert_eq!(join(&parts), join(&[gathered(&whole, 1_000, 1_000)]));
    }
}
