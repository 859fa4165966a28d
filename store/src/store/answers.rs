//! Memory and partitions answer the same, and what the filter means: random questions to stores that hold the same
//! records in memory, in partitions, and half in each.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;

use super::tests::{append, ids, later, open, scan, trace};
use super::*;
use crate::filter::{Comparison, Field, Filter, Operand, Place, Test};
use crate::id::{RecordId, SpanId, TraceId, TraceIdMatch};
use crate::record::RecordBody;
use crate::snapshot::{Counting, Position, Scan};
use crate::testing::{self, EPOCH, SERVICES, shop, shop_from};
use crate::text::{Glob, words};
use crate::time::{TimeRange, UnixNanos};

/// What one store shows that has everything in memory, one that has half in memory and half in a partition, and one that
/// has all in partitions.
struct Three {
    snapshots: Vec<Snapshot>,
    _kept: Vec<(tempfile::TempDir, Store)>,
}

const RECORDS: u64 = 300;
const HALF: u64 = RECORDS / 2;
/// The index commits what is in memory after a second: a machine too busy to be quicker gets so many chances.
const CHANCES: usize = 100;

fn three() -> Three {
    let first_half = |folder: &Path| {
        let store = open(folder);
        append(&store, shop(HALF));
        store
    };
    let second_half = |store: Store| {
        append(&store, shop_from(HALF, HALF));
        store
    };
    let reopened = |folder: &Path, store: Store| {
        store.close();
        drop(store);
        open(folder)
    };
    let made = [
        made(RECORDS, |folder| second_half(first_half(folder))),
        made(HALF, |folder| second_half(reopened(folder, first_half(folder)))),
        made(0, |folder| reopened(folder, second_half(first_half(folder)))),
    ];
    let (snapshots, kept) = made.into_iter().unzip();
    Three { snapshots, _kept: kept }
}

/// A store of which so many records are in memory, and what it shows.
fn made(in_memory: u64, make: impl Fn(&Path) -> Store) -> (Snapshot, (tempfile::TempDir, Store)) {
    for _ in 0..CHANCES {
        let folder = tempfile::tempdir().unwrap();
        let store = make(folder.path());
        let snapshot = store.snapshot();
        if snapshot.state.head.records().count() as u64 == in_memory {
            return (snapshot, (folder, store));
        }
    }
    panic!("{in_memory} records were never in memory");
}

fn attribute(place: Place, name: &str) -> Field {
    Field::Attribute { place, name: name.into() }
}

fn any_field() -> impl Strategy<Value = Field> {
    let names = [
        "order.id",
        "http.response.status_code",
        "ratio",
        "http.route",
        "cached",
        "tags",
        "user.id",
        "user",
        "exception.type",
        "service.name",
        "k8s.pod.name",
        "n",
        "message",
        "nowhere",
    ];
    let places = [Place::Any, Place::Record, Place::Resource, Place::Scope, Place::Event, Place::Body];
    prop_oneof![
        prop::sample::select(vec![
            Field::Type,
            Field::Service,
            Field::Name,
            Field::SpanKind,
            Field::Status,
            Field::StatusMessage,
            Field::Level,
            Field::Message,
            Field::EventName,
            Field::SeverityText,
            Field::SeverityNumber,
            Field::Source,
            Field::Flag,
            Field::Duration,
            Field::Time,
            Field::ScopeName,
            Field::ScopeVersion,
            Field::TraceId,
            Field::SpanId,
            Field::ParentSpanId,
        ]),
        (prop::sample::select(places.to_vec()), prop::sample::select(names.to_vec()))
            .prop_map(|(place, name)| attribute(place, name)),
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    let span = SpanId(8u64.to_be_bytes()).to_string();
    let trace = TraceId::from_otlp(&testing::trace_bytes(10)).unwrap().to_string();
    let texts = [
        "3",
        "3.0",
        "0",
        "-0.0",
        "0.5",
        "1",
        "500",
        "error",
        "warn",
        "server",
        "span",
        "log",
        "ok",
        "GET /orders",
        "/pay",
        "true",
        "a",
        "PoolTimeout",
        "connection",
        "pool",
        "connection pool",
        "card 7 was refused",
        "cut",
        "otlp_http",
        "WARNING",
        "device.booted",
        "exception",
        "gateway",
        "gateway.lib",
        "1.2",
        "orders-7d9f",
        "x",
        "100000000",
        "1700000000100000000",
        "",
        "structured pool",
        "NaN",
        "Infinity",
    ];
    let mut texts: Vec<String> = texts.map(str::to_owned).to_vec();
    texts.extend([span, trace]);
    texts.extend(SERVICES.map(str::to_owned));
    prop::sample::select(texts)
}

fn any_test() -> impl Strategy<Value = Test> {
    let comparisons =
        [Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual].to_vec();
    prop_oneof![
        Just(Test::Exists),
        any_text().prop_map(|text| Test::Equals(Operand::new(&text))),
        (prop::sample::select(comparisons), any_text())
            .prop_map(|(c, text)| Test::Compare(c, Operand::new(&text))),
        prop::sample::select(vec!["*", "G*", "*e*", "?", "gate*", "/orders/*", "3*", ""])
            .prop_map(|glob| Test::Glob(Glob::new(glob))),
        any_text().prop_map(|text| Test::Phrase(words(&text).collect())),
        prop::sample::select(vec!["conn*", "p?ol", "*"]).prop_map(|glob| Test::WordGlob(Glob::new(glob))),
        (0..RECORDS).prop_map(|n| Test::TraceId(trace(n))),
        (0..RECORDS).prop_map(|n| Test::TraceId(TraceIdMatch { exact: vec![], low64: vec![n] })),
    ]
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        1 => Just(Filter::All),
        1 => Just(Filter::Nothing),
        12 => (any_field(), any_test()).prop_map(|(field, test)| Filter::is(field, test)),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

fn any_range() -> impl Strategy<Value = TimeRange> {
    let time = || (0..1000u64).prop_map(|ms| UnixNanos(EPOCH + ms * 1_000_000));
    prop_oneof![Just(TimeRange::ALL), (time(), time()).prop_map(|(start, end)| TimeRange { start, end })]
}

type Counted = BTreeMap<(Vec<Option<String>>, u64), u64>;

fn counted(snapshot: &Snapshot, scan: &Scan, by: &[Field]) -> Counted {
    let counting = Counting { step_ns: 100_000_000, origin_ns: 0, by: by.to_vec(), groups_max: 10_000 };
    let series = snapshot.count(scan, &counting).unwrap();
    let points = |series: crate::snapshot::Series| {
        series.points.into_iter().map(move |(start, count)| ((series.key.clone(), start.0), count))
    };
    series.into_iter().flat_map(points).collect()
}

#[test]
fn head_and_partitions_give_the_same_answers_and_the_right_ones() {
    let three = three();
    let snapshots = &three.snapshots;
    let by = prop::collection::vec(any_field(), 0..3);
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(filter in any_filter(), range in any_range(), by in by, field in any_field())| {
        let scan = Scan { range, ..scan(filter.clone()) };
        // What the filter means, by its definition, over everything there is.
        let records: Vec<Arc<Record>> = snapshots[0].state.head.records().collect();
        let matching = records.iter().filter(|r| range.contains(r.time()) && filter.matches(r));
        let mut expected: Vec<(UnixNanos, RecordId)> = matching.map(|r| (r.time(), r.id)).collect();
        expected.sort_by(|a, b| b.cmp(a));
        // Logs' ids hold the store's own number: times and spans' ids are compared.
        let shown = |snapshot: &Snapshot| {
            let mut shown = Vec::new();
            snapshot.scan(&scan, &mut |record| {
                shown.push((record.time(), record.span().map(|_| record.id), format!("{:?}", record.body)));
                ControlFlow::Continue(())
            }).unwrap();
            shown
        };
        let first = shown(&snapshots[0]);
        prop_assert_eq!(first.iter().map(|r| r.0).collect::<Vec<_>>(), expected.iter().map(|r| r.0).collect::<Vec<_>>());
        let set = |all: Vec<(UnixNanos, Option<RecordId>, String)>| all.into_iter().collect::<BTreeSet<_>>();
        let (counts, values) = (counted(&snapshots[0], &scan, &by), snapshots[0].values(&field, &scan, 1000).unwrap());
        for other in &snapshots[1..] {
            let found = shown(other);
            prop_assert_eq!(found.len(), first.len());
            prop_assert!(found.is_sorted_by(|a, b| a.0 >= b.0));
            prop_assert_eq!(set(found), set(first.clone()));
            prop_assert_eq!(&counted(other, &scan, &by), &counts);
            prop_assert_eq!(&other.values(&field, &scan, 1000).unwrap(), &values);
        }
        prop_assert_eq!(counts.values().sum::<u64>(), expected.len() as u64);
    });
}

#[test]
fn a_name_of_any_length_is_listed_and_asked_for_the_same_from_memory_and_from_partitions() {
    let long = format!("key.{}", "k".repeat(300));
    let longest = "x".repeat(70_000);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut records = shop(2);
    let RecordBody::Span(span) = &mut records[1].body else { panic!("the second is a span") };
    span.attributes = vec![testing::text(&long, "here"), testing::text(&longest, "there")];
    append(&store, records);
    let listed = |store: &Store| {
        let fields = store.snapshot().fields(1000, later()).unwrap();
        fields.into_iter().map(|field| field.name).filter(|name| name.len() == long.len()).collect::<Vec<_>>()
    };
    let found = |store: &Store, name: &str, value: &str| {
        ids(&store.snapshot(), &scan(Filter::equals(attribute(Place::Any, name), value))).len()
    };
    let all = |store: &Store| {
        (
            listed(store),
            found(store, &long, "here"),
            found(store, &longest, "there"),
            found(store, &long, "x"),
        )
    };
    let in_memory = all(&store);
    store.close();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.snapshot().state.head.len(), 0);
    assert_eq!(in_memory, (vec![long.clone()], 1, 1, 0));
    assert_eq!(all(&store), in_memory);
}

#[test]
fn pages_join_without_a_gap_or_a_repeat() {
    let three = three();
    for snapshot in &three.snapshots {
        let whole = ids(snapshot, &scan(Filter::All));
        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let mut page = Vec::new();
            let mut visit = |record: Arc<Record>| {
                page.push(Position { time: record.time(), id: record.id });
                if page.len() == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            snapshot.scan(&Scan { after, ..scan(Filter::All) }, &mut visit).unwrap();
            after = page.last().copied().or(after);
            paged.extend(page.iter().map(|position| position.id));
            if page.len() < 7 {
                break;
            }
        }
        assert_eq!(paged, whole);
    }
}

#[test]
fn fields_are_listed_the_same_from_memory_and_from_partitions() {
    let three = three();
    let fields = |snapshot: &Snapshot| snapshot.fields(1000, later()).unwrap();
    let first = fields(&three.snapshots[0]);
    assert!(first.iter().any(|field| field.name == "order.id" && field.place == Place::Record));
    for snapshot in &three.snapshots {
        assert_eq!(fields(snapshot), first);
        for info in &first {
            assert!(snapshot.knows(&attribute(info.place, &info.name)));
            assert!(snapshot.knows(&attribute(Place::Any, &info.name)));
        }
        assert!(!snapshot.knows(&attribute(Place::Any, "nowhere")));
    }
}

#[test]
fn a_trace_beyond_the_limit_is_cut_and_says_so() {
    let three = three();
    for snapshot in &three.snapshots {
        let whole = snapshot.trace(&trace(20), 100, later()).unwrap();
        let cut = snapshot.trace(&trace(20), 2, later()).unwrap();
        assert!(!whole.truncated && whole.records.len() > 2);
        assert!(cut.truncated && cut.records.len() == 2);
    }
}

#[test]
fn a_passed_deadline_ends_a_question() {
    let three = three();
    for snapshot in &three.snapshots {
        let late = Scan { deadline: Instant::now() - Duration::from_secs(1), ..scan(Filter::All) };
        let ended = snapshot.scan(&late, &mut |_| ControlFlow::Continue(()));
        assert!(matches!(ended, Err(crate::ReadError::Deadline)));
    }
}

#[test]
fn a_question_that_nobody_waits_for_ends_in_the_middle() {
    let three = three();
    for snapshot in &three.snapshots {
        let (left, mut visited) = (scan(Filter::All), 0);
        let ended = snapshot.scan(&left, &mut |_| {
            visited += 1;
            left.stop.set();
            ControlFlow::Continue(())
        });
        assert!(matches!(ended, Err(crate::ReadError::Stopped)) && visited < snapshot.record_count());
        let counting = Counting { step_ns: 1, origin_ns: 0, by: Vec::new(), groups_max: usize::MAX };
        assert!(matches!(snapshot.count(&left, &counting), Err(crate::ReadError::Stopped)));
        let values = snapshot.values(&Field::Service, &left, 10);
        assert!(matches!(values, Err(crate::ReadError::Stopped)));
    }
}
