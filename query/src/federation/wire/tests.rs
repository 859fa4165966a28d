use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use spandrel_config::Limits;
use spandrel_store::filter::{Comparison, Field, Operand, Test};
use spandrel_store::otlp::{AnyValue, InstrumentationScope, KeyValue, LogRecord, Resource, Span, Value};
use spandrel_store::snapshot::{
    FieldInfo, Gap, GapReason, Position, Series, TraceRecords, ValueKind, Values,
};
use spandrel_store::{
    Filter, Flags, Level, NewRecord, Receiver, Record, RecordBody, RecordId, ResourceContext, ScopeContext,
    SpanId, TimeRange, TraceId, TraceIdMatch, UnixNanos,
};
use tokio::time::Instant;

use super::answer::{Body, Reading};
use super::record::Contexts;
use super::*;
use crate::federation::Identity;
use crate::graph::{self, PartialGraph};
use crate::source::{
    Beyond, CountQuestion, Description, FieldsQuestion, GraphQuestion, HalvesQuestion, OverviewQuestion,
    PageQuestion, Peer, Question, Reply, TraceMatch, TraceQuestion, ValuesQuestion,
};
use crate::span_metrics::{Connection, Cursor, Half, Offered, Place, Side};
use crate::{coverage, source};

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn record(number: u8, body: RecordBody, resource: &Arc<ResourceContext>) -> Arc<Record> {
    let scope = InstrumentationScope { name: "shop".to_owned(), ..InstrumentationScope::default() };
    let new = NewRecord {
        resource: resource.clone(),
        scope: Arc::new(ScopeContext { scope: Some(scope), schema_url: "https://x".to_owned() }),
        body,
        level: Some(Level::Error),
        flags: Flags::CUT,
        original: Some(Bytes::from_static(b"as it came\xff")),
    };
    let id = match (new.body.trace_id(), new.body.span_id()) {
        (Some(trace), Some(span)) if matches!(new.body, RecordBody::Span(_)) => {
            RecordId::of_span(trace, span)
        }
        _ => RecordId::of_log(7, 9, number.into()),
    };
    Arc::new(Record::new(id, Receiver::Stdin, UnixNanos(u64::from(number)), new))
}

fn records(count: u8) -> Vec<Arc<Record>> {
    let resource = Resource { attributes: vec![attribute("service.name", "payment")], ..Resource::default() };
    let resource = Arc::new(ResourceContext { resource: Some(resource), schema_url: String::new() });
    let body = |number: u8| match number % 2 {
        0 => RecordBody::Log(Box::new(LogRecord {
            time_unix_nano: 5,
            attributes: vec![attribute("order.id", &number.to_string())],
            ..LogRecord::default()
        })),
        _ => RecordBody::Span(Box::new(Span {
            trace_id: vec![1; 16],
            span_id: vec![number; 8],
            name: "charge ".repeat(20_000),
            ..Span::default()
        })),
    };
    (1..=count).map(|number| record(number, body(number), &resource)).collect()
}

/// Over the wire and back, as bytes.
fn sent<T: Body>(reply: Reply<T>) -> Reply<T> {
    let end = Part::End(End::of(&reply));
    let parts = reply.body.into_parts().chain(std::iter::once(end));
    let mut reading = Reading::<T>::default();
    for part in parts {
        let bytes = Chunk::from(part).encode_to_vec();
        let part = Chunk::decode(bytes.as_slice()).unwrap().part.unwrap();
        if let Some(reply) = reading.read(part).unwrap() {
            return reply;
        }
    }
    panic!("no end");
}

fn of<T: Default>(body: T) -> Reply<T> {
    Reply { body, ..Reply::default() }
}

fn same(one: &Record, other: &Record) -> bool {
    one.id == other.id
        && one.body == other.body
        && one.resource == other.resource
        && one.scope == other.scope
        && (one.level, one.flags, one.receiver, one.received)
            == (other.level, other.flags, other.receiver, other.received)
        && one.original == other.original
}

#[test]
fn records_come_back_field_for_field_in_chunks_with_each_context_once() {
    let kept = records(9);
    let chunks: Vec<Part> = Body::into_parts(kept.clone()).collect();
    assert!(chunks.len() > 1, "half a megabyte is more than one chunk");
    let contexts = chunks.iter().map(|part| match part {
        Part::Records(records) => records.contexts.len(),
        _ => 0,
    });
    assert_eq!(contexts.sum::<usize>(), 1);
    let found = sent(of(kept.clone())).body;
    assert_eq!(found.len(), kept.len());
    assert!(found.iter().zip(&kept).all(|(one, other)| same(one, other)));
    assert!(found.iter().all(|record| Arc::ptr_eq(&record.resource, &found[0].resource)));
}

#[test]
fn chunks_of_a_tail_are_read_alone() {
    let chunks: Vec<Records> = tail_chunks(records(9)).collect();
    let found: Vec<Arc<Record>> =
        chunks.into_iter().rev().flat_map(|chunk| read_alone(chunk).unwrap()).collect();
    assert_eq!(found.len(), 9);
}

/// A graph that was cut into pieces.
fn join_pieces(pieces: Vec<PartialGraph>) -> PartialGraph {
    let joined = pieces.into_iter().reduce(|mut joined, piece| {
        joined.callers.extend(piece.callers);
        joined.callees.extend(piece.callees);
        joined
    });
    joined.unwrap_or_default()
}

#[test]
fn a_graph_comes_back_in_pieces_that_add_up() {
    let mut whole = partial_graph();
    let (caller, callee) = (whole.callers[0].clone(), whole.callees[0].clone());
    whole.callers = vec![caller; 9_000];
    whole.callees = vec![callee; 5_000];
    let pieces = sent(of(vec![whole.clone()])).body;
    assert!(pieces.len() > 2);
    assert_eq!(join_pieces(pieces), whole);
    let garbage = Graph { callees: vec![Callee { service: 9, ..Callee::default() }], ..Graph::default() };
    assert!(Vec::<PartialGraph>::default().read(Part::Graph(garbage), &mut Contexts::default()).is_err());
}

#[test]
fn every_kind_of_answer_comes_back() {
    let trace = sent(of(TraceRecords { records: records(3), truncated: true })).body;
    assert_eq!((trace.records.len(), trace.truncated), (3, true));
    let key = vec![Some("payment".to_owned()), None];
    let series = vec![Series { key, points: vec![(UnixNanos(5), 6), (UnixNanos(u64::MAX), 1)] }];
    assert_eq!(sent(of(series.clone())).body, series);
    let place = spandrel_store::filter::Place::Event;
    let fields = vec![FieldInfo { name: "a.b".to_owned(), place, kind: ValueKind::Map }];
    assert_eq!(sent(of(fields.clone())).body, fields);
    let values = Values { values: vec![("x".to_owned(), 3)], truncated: true };
    assert_eq!(sent(of(Values { values: values.values.clone(), truncated: true })).body, values);
    let extent = Some((UnixNanos(1), UnixNanos(2)));
    assert_eq!(sent(of(extent)).body, extent);
    assert_eq!(sent(of(None::<(UnixNanos, UnixNanos)>)).body, None);
    let services = vec!["payment".to_owned()];
    let half = Half {
        place: Place { trace: [3; 16], span: [4; 8] },
        side: Side::Server,
        connection: Connection::Messaging,
        service: "payment".into(),
        namespace: "shop".into(),
        peer: Some("kafka".into()),
        seconds: 0.25,
        failed: true,
    };
    let (from, next) = (Cursor { run: 7, number: 1 }, Cursor { run: 7, number: 3 });
    let halves = vec![half.clone(), Half { side: Side::Client, peer: None, ..half }];
    let offered = Offered { from, next, lost: 9, halves };
    assert_eq!(sent(of(offered.clone())).body, offered);
    let described = Description { version: "1".to_owned(), services, record_count: 4, extent };
    assert_eq!(sent(of(described.clone())).body, described);
}

#[test]
fn what_an_answer_says_besides_comes_back() {
    let gap = Gap {
        reason: GapReason::Deleted,
        range: TimeRange { start: UnixNanos(3), end: UnixNanos(4) },
        detail: "gone".to_owned(),
    };
    let absence = coverage::Absence {
        peer: Peer { name: "a:1".to_owned(), service: Some("a".to_owned()), local: false },
        reason: "timeout".into(),
        range: TimeRange::ALL,
        detail: String::new(),
    };
    let beyond = Beyond { asked: 3, answered: 2, missing: vec![absence] };
    let attribute = Field::Attribute { place: spandrel_store::filter::Place::Any, name: "x".to_owned() };
    let (gaps, unknown) = (vec![gap], vec![attribute, Field::Flag]);
    let reply = Reply { body: Vec::<Series>::new(), gaps: gaps.clone(), ..Reply::default() };
    let found = sent(Reply { unknown: unknown.clone(), beyond: Some(beyond.clone()), ..reply });
    assert_eq!((found.gaps, found.unknown, found.beyond), (gaps, unknown, Some(beyond)));
}

#[test]
fn a_part_of_another_kind_is_garbage() {
    let mut reading = Reading::<Vec<Series>>::default();
    assert!(reading.read(Part::Values(super::Values::default())).is_err());
    let record = super::Record { context: 4, ..super::Record::default() };
    let chunk = Records { contexts: Vec::new(), records: vec![record] };
    assert!(Reading::<TraceRecords>::default().read(Part::Records(chunk)).is_err());
}

#[test]
fn a_question_that_passed_through_somebody_does_not_come_back_to_him() {
    let (one, other) = (Identity::random(), Identity::random());
    let ask = Ask::extent().passed_through(&Visited::by(one));
    let visited = ask.visited().unwrap().and(other).unwrap();
    assert_eq!(Ask::extent().passed_through(&visited).visited().unwrap(), visited);
    assert_eq!(visited.clone().and(one), None);
    assert_eq!(visited.and(other), None);
    let long = (0..20).try_fold(Visited::default(), |visited, _| visited.and(Identity::random()));
    assert_eq!(long, None);
}

#[test]
fn a_traces_question_is_read_as_it_was_asked() {
    let id = TraceIdMatch { exact: vec![TraceId([3; 16])], low64: vec![9] };
    let deadline = Instant::now() + std::time::Duration::from_secs(3_600);
    let ask = TraceQuestion { id: id.clone(), records_max: 12, deadline };
    let ask = Ask::trace(&ask).within(std::time::Duration::from_secs(5));
    let Asked::Trace(found) = ask.read(deadline).unwrap() else { panic!() };
    assert_eq!((found.id, found.records_max), (id, 12));
    assert!(found.deadline < deadline, "the asker's patience counts");
}

#[test]
fn filters_that_are_no_tree_are_garbage() {
    let and = |holds| Node { kind: 3, holds, ..Node::default() };
    let all = Node { kind: 1, ..Node::default() };
    for nodes in
        [vec![], vec![and(1)], vec![all.clone(), all.clone()], vec![and(u32::MAX), all], vec![and(1); 5_000]]
    {
        assert!(super::Filter { nodes }.read().is_err());
    }
    let not = Node { kind: 5, ..Node::default() };
    assert!(super::Filter { nodes: vec![not; 19_000] }.read().is_err());
}

/// Everything that two sidecars say to each other, each with its name.
fn conversation() -> Vec<(&'static str, Vec<u8>)> {
    let level = Test::Compare(Comparison::GreaterOrEqual, Operand::new("warn"));
    let not = Filter::Not(Box::new(Filter::is(Field::Level, level)));
    let attribute =
        Field::Attribute { place: spandrel_store::filter::Place::Any, name: "order.id".to_owned() };
    let filter = Filter::And(vec![
        Filter::equals(Field::Service, "a"),
        not,
        Filter::Or(vec![
            Filter::equals(attribute.clone(), "4711"),
            Filter::is(attribute.clone(), Test::Exists),
        ]),
    ]);
    let range = TimeRange { start: UnixNanos(1), end: UnixNanos(2) };
    let about = || Question { filter: filter.clone(), range, deadline: Instant::now() };
    let deadline = Instant::now();
    let id = RecordId::of_span(TraceId([1; 16]), SpanId([2; 8]));
    let newest = Position { time: UnixNanos(3), id };
    let after = Some(newest);
    let page = || PageQuestion { about: about(), after, limit: 5 };
    let visited = Visited::by(Identity::from_bytes(&[7; 16]).unwrap());
    let trace = TraceIdMatch { exact: vec![TraceId([3; 16])], low64: vec![9] };
    let count = CountQuestion {
        about: about(),
        step_ns: 60,
        origin_ns: 0,
        by: vec![Field::Service, attribute.clone()],
        groups_max: 9,
    };
    let stepped = CountQuestion { origin_ns: 5, ..count.clone() };
    let from = Cursor { run: 1, number: 2 };
    let halves = HalvesQuestion { after: Some(from), halves_max: 3, deadline };
    let overviews = OverviewQuestion { about: about(), ids: vec![TraceId([3; 16])], records_max: 8 };
    let questions = [
        ("ask trace", Ask::trace(&TraceQuestion { id: trace, records_max: 12, deadline })),
        ("ask search", Ask::search(&page())),
        ("ask matching traces", Ask::matching_traces(&page())),
        ("ask overviews", Ask::overviews(&overviews)),
        ("ask histogram", Ask::histogram(&count)),
        ("ask graph", Ask::graph(&GraphQuestion { about: about(), spans_max: 10, ends_max: 11 })),
        ("ask fields", Ask::fields(&FieldsQuestion { fields_max: 7, deadline })),
        ("ask values", Ask::values(&ValuesQuestion { about: about(), field: Field::Name, values_max: 6 })),
        ("ask extent", Ask::extent()),
        ("ask describe", Ask::describe()),
        ("ask tail", Ask::tail(&filter)),
        ("ask counts", Ask::histogram(&stepped)),
        ("ask halves", Ask::halves(&halves)),
    ];
    let patience = std::time::Duration::from_secs(1);
    let questions =
        questions.map(|(name, ask)| (name, ask.passed_through(&visited).within(patience).encode_to_vec()));
    let begun = Begun { protocol: VERSION, identity: vec![7; 16], run: 0 };
    let answers = [
        ("begun", Part::Begun(begun)),
        ("records", first_part(short_records())),
        ("matches", first_part(vec![TraceMatch { trace_id: TraceId([3; 16]), newest }])),
        ("overviews", first_part(vec![overview(after)])),
        (
            "counts",
            first_part(vec![Series {
                key: vec![Some("a".to_owned()), None],
                points: vec![(UnixNanos(5), 6)],
            }]),
        ),
        ("graph", Part::Graph(super::graph::write(&partial_graph()))),
        ("fields", first_part(vec![field()])),
        ("values", first_part(Values { values: vec![("x".to_owned(), 3)], truncated: true })),
        ("extent", first_part(Some((UnixNanos(1), UnixNanos(2))))),
        ("description", first_part(description())),
        ("end", Part::End(End::of(&everything_besides()))),
        ("lagged", Part::Lagged(3)),
        ("lost", Part::Lost(Absence::of(&absence()))),
        ("back", Part::Back("a:1".to_owned())),
        ("told", offered().into_parts().next().unwrap()),
        ("halves", offered().into_parts().nth(1).unwrap()),
    ];
    let answers = answers.map(|(name, part)| (name, Chunk::from(part).encode_to_vec()));
    questions.into_iter().chain(answers).collect()
}

fn first_part<T: Body>(body: T) -> Part {
    body.into_parts().next().unwrap()
}

/// One log and one span.
fn short_records() -> Vec<Arc<Record>> {
    let mut records = records(2);
    for record in &mut records {
        if let RecordBody::Span(span) = &mut Arc::make_mut(record).body {
            span.name = "charge".to_owned();
        }
    }
    records
}

fn overview(newest_match: Option<Position>) -> source::Overview {
    let root = Some(crate::trace::summary::Root { service: "a".to_owned(), name: "GET /".to_owned() });
    let summary = crate::trace::summary::TraceSummary {
        trace_id: TraceId([3; 16]).to_string(),
        root,
        services: vec!["a".to_owned(), "b".to_owned()],
        start: Some(crate::render::time::Rfc3339(UnixNanos(1))),
        duration_ns: 2,
        spans: 3,
        logs: 4,
        errors: 5,
    };
    source::Overview { trace_id: TraceId([3; 16]), newest_match, summary, truncated: true }
}

fn partial_graph() -> PartialGraph {
    let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
    let mut counts = graph::Counts::default();
    counts.add(true, 1_000);
    let (error, duration_ns, kind) = (true, 5, graph::NodeKind::Database);
    let place = graph::Place { trace: 1, span: 2 };
    let called = Some(graph::Called { name: b.clone(), kind, error, duration_ns });
    PartialGraph {
        extent: Some((UnixNanos(1), UnixNanos(2))),
        services: vec![(a.clone(), counts.clone())],
        calls: vec![(a.clone(), b.clone(), counts)],
        calls_thinned: 3,
        callers: vec![graph::Caller { place, service: a.clone(), called }],
        callees: vec![graph::Callee { parent: place, service: b, error, duration_ns }],
        ends_thinned: 4,
    }
}

fn field() -> FieldInfo {
    let place = spandrel_store::filter::Place::Event;
    FieldInfo { name: "a.b".to_owned(), place, kind: ValueKind::Map }
}

fn description() -> Description {
    let extent = Some((UnixNanos(1), UnixNanos(2)));
    Description { version: "1".to_owned(), services: vec!["payment".to_owned()], record_count: 4, extent }
}

fn offered() -> Offered {
    let half = Half {
        place: Place { trace: [1; 16], span: [2; 8] },
        side: Side::Client,
        connection: Connection::Messaging,
        service: "a".into(),
        namespace: "shop".into(),
        peer: Some("b".into()),
        seconds: 0.5,
        failed: true,
    };
    let place = |number| Cursor { run: 1, number };
    Offered { from: place(2), next: place(3), lost: 4, halves: vec![half] }
}

fn absence() -> coverage::Absence {
    coverage::Absence {
        peer: Peer { name: "a:1".to_owned(), service: Some("a".to_owned()), local: false },
        reason: "timeout".into(),
        range: TimeRange { start: UnixNanos(3), end: UnixNanos(4) },
        detail: "late".to_owned(),
    }
}

fn everything_besides() -> Reply<Vec<Series>> {
    let range = TimeRange { start: UnixNanos(3), end: UnixNanos(4) };
    let gap = |reason| Gap { reason, range, detail: "gone".to_owned() };
    Reply {
        gaps: vec![gap(GapReason::Deleted), gap(GapReason::SetAside)],
        unknown: vec![Field::Flag],
        beyond: Some(Beyond { asked: 3, answered: 2, missing: vec![absence()] }),
        ..Reply::default()
    }
}

/// What version 1 says, as it was first released: a line for each message, its name and its bytes. Never to be changed:
/// a version that cannot read these lines, or writes others, is another version.
const VERSION_1: &str = include_str!("tests/version-1.txt");

fn kept() -> Vec<(&'static str, Vec<u8>)> {
    let byte = |digits: &str| u8::from_str_radix(digits, 16).unwrap();
    let line = |line: &'static str| {
        let (name, hex) = line.split_once(": ").unwrap();
        let bytes = (0..hex.len()).step_by(2).map(|at| byte(&hex[at..at + 2])).collect();
        (name, bytes)
    };
    VERSION_1.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

#[test]
fn what_is_said_is_what_was_released() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let said: Vec<String> =
        conversation().iter().map(|(name, bytes)| format!("{name}: {}", hex(bytes))).collect();
    let released: Vec<&str> = VERSION_1.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(said, released, "\n{}\n", said.join("\n"));
}

/// Read with today's program and written again, nothing of it is lost.
#[test]
fn what_was_released_is_understood() {
    let deadline = Instant::now() + std::time::Duration::from_secs(60);
    for (name, bytes) in kept() {
        if name.starts_with("ask ") {
            let ask = Ask::decode(bytes.as_slice()).unwrap();
            assert_eq!(ask.encode_to_vec(), bytes, "{name}");
            assert_eq!(ask.visited().unwrap(), Visited::by(Identity::from_bytes(&[7; 16]).unwrap()));
            let again = match ask.read(deadline).unwrap_or_else(|error| panic!("{name}: {error}")) {
                Asked::Trace(asked) => Ask::trace(&asked),
                Asked::Search(asked) => Ask::search(&asked),
                Asked::MatchingTraces(asked) => Ask::matching_traces(&asked),
                Asked::Overviews(asked) => Ask::overviews(&asked),
                Asked::Histogram(asked) => Ask::histogram(&asked),
                Asked::Graph(asked) => Ask::graph(&asked),
                Asked::Fields(asked) => Ask::fields(&asked),
                Asked::Values(asked) => Ask::values(&asked),
                Asked::Halves(ask) => Ask::halves(&ask),
                Asked::Extent(_) => Ask::extent(),
                Asked::Describe(_) => Ask::describe(),
                Asked::Tail(filter) => Ask::tail(&filter),
            };
            let again = again.passed_through(&ask.visited().unwrap());
            assert_eq!(Ask { timeout_ms: ask.timeout_ms, ..again }.encode_to_vec(), bytes, "{name}");
            continue;
        }
        let part = Chunk::decode(bytes.as_slice()).unwrap().part.unwrap();
        let again = match name {
            "records" => again::<Vec<Arc<Record>>>(part),
            "matches" => again::<Vec<TraceMatch>>(part),
            "overviews" => again::<Vec<source::Overview>>(part),
            "counts" => again::<Vec<Series>>(part),
            "graph" => {
                let mut body: Vec<PartialGraph> = Vec::new();
                body.read(part, &mut Contexts::default()).unwrap();
                assert_eq!(body, [partial_graph()]);
                Part::Graph(super::graph::write(&body[0]))
            }
            "fields" => again::<Vec<FieldInfo>>(part),
            "values" => again::<Values>(part),
            "extent" => again::<Option<(UnixNanos, UnixNanos)>>(part),
            "description" => again::<Description>(part),
            "told" => again::<Offered>(part),
            "halves" => {
                let mut body = Offered::default();
                body.read(part, &mut Contexts::default()).unwrap();
                assert_eq!(body.halves, offered().halves);
                body.into_parts().nth(1).unwrap()
            }
            "end" => {
                let reply = Reading::<Vec<Series>>::default().read(part).unwrap().unwrap();
                Part::End(End::of(&reply))
            }
            "lost" => match part {
                Part::Lost(lost) => Part::Lost(Absence::of(&lost.read())),
                other => panic!("{other:?}"),
            },
            _ => part,
        };
        assert_eq!(Chunk::from(again).encode_to_vec(), bytes, "{name}");
    }
}

fn again<T: Body>(part: Part) -> Part {
    let mut body = T::default();
    body.read(part, &mut Contexts::default()).unwrap();
    first_part(body)
}

fn question() -> impl Strategy<Value = String> {
    let clause = proptest::sample::select(vec![
        "level:>=warn",
        "trace_id:4bf92f3577b34da6a3ce929d0e0e4736",
        "trace_id:12345",
        "\"pool exhausted\"",
        "name:GET*",
        "user.id:*",
        "resource.host.name:a?b",
        "duration:>250ms",
        "-status:ok",
        "service:(a OR b)",
        "order.id:4711",
        "NOT kind:log",
        "exh*",
        "attr.x:3.5",
    ]);
    proptest::collection::vec(clause, 1..12)
        .prop_map(|clauses| clauses.join(" OR (") + &")".repeat(clauses.len() - 1))
}

proptest! {
    #[test]
    fn filters_come_back_as_they_were(text in question()) {
        let filter = crate::language::parse(&text, &Limits::default(), UnixNanos(0)).unwrap();
        let bytes = super::Filter::of(&filter).encode_to_vec();
        prop_assert_eq!(super::Filter::decode(bytes.as_slice()).unwrap().read().unwrap(), filter);
    }

    #[test]
    fn pages_come_back_as_they_were(time: u64, limit in 0..100_000usize, span: [u8; 8]) {
        let id = RecordId::of_span(TraceId([1; 16]), SpanId(span));
        let after = Some(Position { time: UnixNanos(time), id });
        let deadline = Instant::now();
        let range = TimeRange { start: UnixNanos(1), end: UnixNanos(time) };
        let about = Question { filter: Filter::All, range, deadline };
        let ask = Ask::search(&PageQuestion { about, after, limit });
        let Asked::Search(found) = ask.read(deadline).unwrap() else { panic!() };
        prop_assert_eq!((found.after, found.limit, found.about.range), (after, limit, range));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(ask) = Ask::decode(bytes.as_slice()) {
            let _ = (ask.visited(), ask.read(Instant::now()));
        }
        if let Ok(Chunk { part: Some(part) }) = Chunk::decode(bytes.as_slice()) {
            let _ = Reading::<Vec<Arc<Record>>>::default().read(part.clone());
            let _ = Reading::<Values>::default().read(part.clone());
            let _ = Reading::<Vec<PartialGraph>>::default().read(part);
        }
    }
}
