//! Pages of any size, put together, are the whole list: nothing twice, nothing left out.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use proptest::prelude::*;
use serde_json::Value as Json;
use spandrel_config::{ByteSize, Limits};
use spandrel_query::source::{LocalSource, Roster, Source};
use spandrel_store::otlp::{AnyValue, KeyValue, LogRecord, Span, Value};
use spandrel_store::{Flags, NewRecord, RecordBody, ResourceContext, ScopeContext};

use crate::fixture::{Sidecar, get, pick, router_over, router_over_roster};

/// A span or log: few traces and few times, so that ties and repetitions are common.
#[derive(Debug, Clone)]
struct Made {
    trace: u8,
    span: u8,
    time: u8,
    log: bool,
    marked: bool,
    there: bool,
}

fn made() -> impl Strategy<Value = Made> {
    (1u8..6, 1u8..20, 1u8..8, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(trace, span, time, log, marked, there)| Made { trace, span, time, log, marked, there })
}

impl Made {
    fn record(&self) -> NewRecord {
        let trace_id = [vec![0; 15], vec![self.trace]].concat();
        // Of one span id only one time, as of real spans.
        let time = 1_000_000 + u64::from(if self.log { self.time } else { self.span % 8 });
        let marked = if self.log { self.marked } else { self.span.is_multiple_of(2) };
        let mark = Value::StringValue(if marked { "yes" } else { "no" }.to_owned());
        let attributes = vec![KeyValue {
            key: "marked".to_owned(),
            value: Some(AnyValue { value: Some(mark) }),
            ..KeyValue::default()
        }];
        let body = match self.log {
            true => RecordBody::Log(Box::new(LogRecord {
                trace_id: if self.trace == 5 { Vec::new() } else { trace_id },
                time_unix_nano: time,
                attributes,
                ..LogRecord::default()
            })),
            false => RecordBody::Span(Box::new(Span {
                trace_id,
                span_id: [vec![0; 7], vec![self.span]].concat(),
                start_time_unix_nano: time,
                attributes,
                ..Span::default()
            })),
        };
        NewRecord {
            resource: Arc::new(ResourceContext::default()),
            scope: Arc::new(ScopeContext::default()),
            body,
            level: None,
            flags: Flags::NONE,
            original: None,
        }
    }
}

/// All pages of a list, and the whole list on one.
async fn pages(router: &axum::Router, list: &str, id: &str, limit: usize) -> (Vec<Json>, Vec<Json>) {
    let all = get(router, &format!("{list}&limit=1000")).await.json();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(router, &format!("{list}&limit={limit}{cursor}")).await.json();
        let ids = pick(&page, id).as_array().unwrap().clone();
        assert!(ids.len() <= limit);
        found.extend(ids);
        match page.get("next_cursor") {
            Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
            None => return (found, pick(&all, id).as_array().unwrap().clone()),
        }
    }
}

async fn check(all: Vec<Made>, limit: usize) {
    let (one, other) = (Sidecar::empty().await, Sidecar::empty().await);
    let (there, here): (Vec<&Made>, Vec<&Made>) = all.iter().partition(|made| made.there);
    one.keep(here.into_iter().map(Made::record).collect()).await;
    other.keep(there.into_iter().map(Made::record).collect()).await;
    let router = router_over([&one, &other].map(source).into(), Limits::default());
    for q in ["", "marked:yes", "kind:log marked:no"] {
        let q = q.replace(' ', "+");
        let (found, whole) = pages(&router, &format!("/api/v1/search?q={q}"), "/records/*/id", limit).await;
        assert_eq!(found, whole, "records of `{q}` in pages of {limit}");
        let list = format!("/api/v1/traces?q={q}");
        let (found, whole) = pages(&router, &list, "/traces/*/trace_id", limit).await;
        assert_eq!(found, whole, "traces of `{q}` in pages of {limit}");
        let mut once = found.clone();
        once.sort_by_key(Json::to_string);
        once.dedup();
        assert_eq!(once.len(), found.len());
    }
}

fn source(sidecar: &Sidecar) -> Arc<dyn Source> {
    Arc::new(LocalSource::new(sidecar.store.clone(), "here:7317".to_owned(), 4))
}

/// Pages while the second sidecar comes and goes: it is asked for page n where `there[n % len]` says so.
async fn check_coming_and_going(all: Vec<Made>, limit: usize, there: Vec<bool>) {
    let (one, other) = (Sidecar::empty().await, Sidecar::empty().await);
    let (of_other, of_one): (Vec<&Made>, Vec<&Made>) = all.iter().partition(|made| made.there);
    one.keep(of_one.into_iter().map(Made::record).collect()).await;
    other.keep(of_other.into_iter().map(Made::record).collect()).await;
    let roster: Arc<ArcSwap<Roster>> = Arc::default();
    let router = router_over_roster(roster.clone());
    for (list, items, id) in
        [("search", "/records", "id"), ("traces", "/traces", "trace_id")].map(|(list, items, id)| {
            (format!("/api/v1/{list}?q=marked:yes&limit="), items, format!("{items}/*/{id}"))
        })
    {
        let (mut found, mut cursor, mut page_number): (Vec<Json>, _, _) = (Vec::new(), String::new(), 0);
        loop {
            let both = there[page_number % there.len()];
            let sources = if both { vec![source(&one), source(&other)] } else { vec![source(&one)] };
            roster.store(Arc::new(Roster::of(sources)));
            let page = get(&router, &format!("{list}{limit}{cursor}")).await.json();
            found.extend(pick(&page, &id).as_array().unwrap().clone());
            page_number += 1;
            match page.get("next_cursor") {
                Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
                None => break,
            }
        }
        let distinct: HashSet<String> = found.iter().map(Json::to_string).collect();
        assert_eq!(distinct.len(), found.len(), "{items} shown twice: {found:?}");
        // What is always there is always shown, in its order; what comes and goes fits in between.
        let list = |sources| {
            roster.store(Arc::new(Roster::of(sources)));
            let (router, list, id) = (router.clone(), format!("{list}1000"), id.clone());
            async move { pick(&get(&router, &list).await.json(), &id).as_array().unwrap().clone() }
        };
        let of_one = list(vec![source(&one)]).await;
        let lost: Vec<&Json> = of_one.iter().filter(|id| !found.contains(id)).collect();
        assert!(lost.is_empty(), "{items} {lost:?} of a sidecar that was always there: {found:?}");
        if items == "/records" {
            let whole = list(vec![source(&one), source(&other)]).await;
            let in_order: Vec<Json> = whole.into_iter().filter(|id| found.contains(id)).collect();
            assert_eq!(found, in_order);
        }
    }
}

/// Pages that end early, because their records are large for them, against the whole list.
async fn check_cut(all: Vec<Made>, limit: usize, page_bytes: u64, answer_bytes: u64) {
    let (one, other) = (Sidecar::empty().await, Sidecar::empty().await);
    let (there, here): (Vec<&Made>, Vec<&Made>) = all.iter().partition(|made| made.there);
    one.keep(here.into_iter().map(Made::record).collect()).await;
    other.keep(there.into_iter().map(Made::record).collect()).await;
    let whole = router_over([&one, &other].map(source).into(), Limits::default());
    let whole = pick(&get(&whole, "/api/v1/search?limit=1000").await.json(), "/records/*/id");
    let cut = |sidecar: &Sidecar| cut_at(sidecar, ByteSize(page_bytes));
    let limits = Limits { answer_bytes_max: ByteSize(answer_bytes), ..Limits::default() };
    let router = router_over([&one, &other].map(cut).into(), limits);
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&router, &format!("/api/v1/search?limit={limit}{cursor}")).await.json();
        assert_eq!(page["coverage"]["complete"], true);
        found.extend(pick(&page, "/records/*/id").as_array().unwrap().clone());
        match page.get("next_cursor") {
            Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
            None => break,
        }
    }
    assert_eq!(Json::from(found), whole, "in pages of {limit}, {page_bytes} and {answer_bytes} bytes");
}

#[tokio::test]
async fn a_page_of_large_records_is_shorter_than_it_was_asked_for() {
    let sidecar = Sidecar::empty().await;
    let large = |time: u64| {
        let mut record = log_at(time);
        if let RecordBody::Log(log) = &mut record.body {
            log.body = Some(AnyValue { value: Some(Value::StringValue("x".repeat(10_000))) });
        }
        record
    };
    sidecar.keep((0..20).map(large).collect()).await;
    let limits = Limits { answer_bytes_max: ByteSize::kib(50), ..Limits::default() };
    for local in [source(&sidecar), cut_at(&sidecar, ByteSize::kib(50))] {
        let router = router_over(vec![local], limits.clone());
        let page = get(&router, "/api/v1/search?limit=20").await.json();
        let count = page["records"].as_array().unwrap().len();
        assert!((2..=3).contains(&count), "{count}");
        assert!(page["next_cursor"].is_string() && page["coverage"]["complete"] == true);
    }
}

fn cut_at(sidecar: &Sidecar, bytes_max: ByteSize) -> Arc<dyn Source> {
    Arc::new(LocalSource::new(sidecar.store.clone(), "here:7317".to_owned(), 4).with_pages_of(bytes_max))
}

/// A log at such a time.
fn log_at(time: u64) -> NewRecord {
    NewRecord {
        resource: Arc::new(ResourceContext::default()),
        scope: Arc::new(ScopeContext::default()),
        body: RecordBody::Log(Box::new(LogRecord {
            time_unix_nano: 1_000_000 + time,
            ..LogRecord::default()
        })),
        level: None,
        flags: Flags::NONE,
        original: None,
    }
}

#[tokio::test]
async fn pages_of_many_sidecars_are_the_whole_list_wherever_the_newest_are() {
    const SIDECARS: u64 = 6;
    const LOGS: u64 = 60;
    let times: [fn(u64, u64) -> u64; 4] = [
        |sidecar, log| log * SIDECARS + sidecar,
        // One has all of the newest.
        |sidecar, log| if sidecar == 2 { 1_000 + log } else { log },
        |sidecar, log| sidecar / 3 * 1_000 + log / 7,
        |_, _| 0,
    ];
    for time in times {
        let mut sidecars = Vec::new();
        for number in 0..SIDECARS {
            let sidecar = Sidecar::empty().await;
            sidecar.keep((0..LOGS).map(|log| log_at(time(number, log))).collect()).await;
            sidecars.push(sidecar);
        }
        let router = router_over(sidecars.iter().map(source).collect(), Limits::default());
        for limit in [3, 20, 40, 100, 359, 360] {
            let (found, whole) = pages(&router, "/api/v1/search?q=", "/records/*/id", limit).await;
            assert_eq!(whole.len() as u64, SIDECARS * LOGS);
            assert_eq!(found, whole, "in pages of {limit}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pages_never_repeat_and_never_skip_what_is_there_while_sidecars_come_and_go(
        all in prop::collection::vec(made(), 0..40),
        limit in 1usize..5,
        there in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_coming_and_going(all, limit, there));
    }

    #[test]
    fn pages_that_end_early_never_skip_or_repeat(
        all in prop::collection::vec(made(), 0..40),
        limit in 1usize..50,
        page_bytes in 1u64..8_000,
        answer_bytes in 1u64..8_000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_cut(all, limit, page_bytes, answer_bytes));
    }

    #[test]
    fn pages_never_skip_or_repeat(all in prop::collection::vec(made(), 0..40), limit in 1usize..7) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(all, limit));
    }
}
