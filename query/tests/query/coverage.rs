//! Several sidecars: what an answer holds when some of them are slow, broken, or have lost something.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};
use spandrel_config::Limits;
use spandrel_query::engine::{About, Engine};
use spandrel_query::graph::PartialGraph;
use spandrel_query::source::{
    Answering, CountQuestion, Description, FieldsQuestion, GraphQuestion, LocalSource, Overview,
    OverviewQuestion, PageQuestion, Peer, Source, SourceError, Tailing, TraceMatch, TraceQuestion,
    ValuesQuestion,
};
use spandrel_store::snapshot::{FieldInfo, Gap, GapReason, Series, TraceRecords, Values};
use spandrel_store::{Filter, NewRecord, Record, TimeRange, UnixNanos};
use tokio::time::{Instant, sleep};

use crate::fixture::{Sidecar, get, pick, router_over, shop};

const NOON: u64 = 1_767_268_800_000_000_000;
const HOUR: u64 = 3_600_000_000_000;
const FAILED_TRACE: &str = "5b8efff798038103d269b633813fc60c";

/// A sidecar that is asked over a connection with a will of its own.
struct Remote {
    inner: LocalSource,
    name: &'static str,
    mood: Mood,
}

#[derive(Clone)]
enum Mood {
    Fine,
    Late(Duration),
    Hung,
    Broken,
    Lost(Gap),
    /// Finds the traces, and has no time left to tell of them.
    Forgetful,
    /// Has limits of its own.
    Narrow,
    /// Answers one question, and none after that.
    Once(Arc<AtomicBool>),
}

impl Remote {
    fn answer<'a, T: Send + 'a>(&'a self, answer: Answering<'a, T>) -> Answering<'a, T> {
        Box::pin(async move {
            match &self.mood {
                Mood::Fine | Mood::Forgetful => answer.await,
                Mood::Late(time) => {
                    sleep(*time).await;
                    answer.await
                }
                Mood::Hung => std::future::pending().await,
                Mood::Once(has_answered) if !has_answered.swap(true, Ordering::Relaxed) => answer.await,
                Mood::Broken | Mood::Once(_) => Err(SourceError::Failed("connection refused".to_owned())),
                Mood::Narrow => Err(SourceError::Rejected("more than 3 groups".to_owned())),
                Mood::Lost(gap) => {
                    let mut reply = answer.await?;
                    reply.gaps.push(gap.clone());
                    Ok(reply)
                }
            }
        })
    }
}

impl Source for Remote {
    fn peer(&self) -> Peer {
        Peer { name: self.name.to_owned(), service: Some("payment".to_owned()), local: false }
    }

    fn trace(&self, ask: TraceQuestion) -> Answering<'_, TraceRecords> {
        self.answer(self.inner.trace(ask))
    }

    fn search(&self, ask: PageQuestion) -> Answering<'_, Vec<Arc<Record>>> {
        self.answer(self.inner.search(ask))
    }

    fn matching_traces(&self, ask: PageQuestion) -> Answering<'_, Vec<TraceMatch>> {
        self.answer(self.inner.matching_traces(ask))
    }

    fn overviews(&self, ask: OverviewQuestion) -> Answering<'_, Vec<Overview>> {
        match self.mood {
            Mood::Forgetful => Box::pin(async { Err(SourceError::Deadline) }),
            _ => self.answer(self.inner.overviews(ask)),
        }
    }

    fn histogram(&self, ask: CountQuestion) -> Answering<'_, Vec<Series>> {
        self.answer(self.inner.histogram(ask))
    }

    fn graph(&self, ask: GraphQuestion) -> Answering<'_, Vec<PartialGraph>> {
        self.answer(self.inner.graph(ask))
    }

    fn fields(&self, ask: FieldsQuestion) -> Answering<'_, Vec<FieldInfo>> {
        self.answer(self.inner.fields(ask))
    }

    fn values(&self, ask: ValuesQuestion) -> Answering<'_, Values> {
        self.answer(self.inner.values(ask))
    }

    fn extent(&self, deadline: Instant) -> Answering<'_, Option<(UnixNanos, UnixNanos)>> {
        self.answer(self.inner.extent(deadline))
    }

    fn describe(&self, deadline: Instant) -> Answering<'_, Description> {
        self.answer(self.inner.describe(deadline))
    }

    fn tail(&self, filter: Filter) -> Tailing {
        self.inner.tail(filter)
    }
}

/// The query side of `here`, which asks `there` as well.
struct Two {
    here: Sidecar,
    there: Sidecar,
    router: axum::Router,
}

impl Two {
    async fn with(here: Vec<NewRecord>, there: Vec<NewRecord>, mood: Mood) -> Two {
        let (one, other) = (Sidecar::empty().await, Sidecar::empty().await);
        one.keep(here).await;
        other.keep(there).await;
        let inner = LocalSource::new(other.store.clone(), String::new(), 4);
        let remote = Remote { inner, name: "there:7317", mood };
        let local = LocalSource::new(one.store.clone(), "here:7317".to_owned(), 4);
        let router = router_over(vec![Arc::new(local), Arc::new(remote)], Limits::default());
        Two { here: one, there: other, router }
    }

    /// The shop's records: the payment service's there, all others here.
    async fn split_shop(mood: Mood) -> Two {
        let (there, here) = shop().into_iter().partition(|new| new.resource.service() == "payment");
        Two::with(here, there, mood).await
    }

    async fn get(&self, path: &str) -> (u16, Json) {
        let answered = get(&self.router, path).await;
        (answered.status.as_u16(), answered.json())
    }
}

fn handles(json: &Json) -> Json {
    pick(json, "/records/*/attributes/handle")
}

#[tokio::test]
async fn answers_of_several_sidecars_are_merged_in_one_order() {
    let two = Two::split_shop(Mood::Fine).await;
    let (_, all) = two.get("/api/v1/search").await;
    assert_eq!(
        handles(&all),
        json!(["s7", "l5", "l4", "s6", "s5", "l3", "l1", "l2", "s4", "s3", "s2", "s1"])
    );
    assert_eq!(all["coverage"], json!({ "complete": true, "asked": 2, "answered": 2, "missing": [] }));

    let (_, traces) = two.get("/api/v1/traces?q=level:error").await;
    assert_eq!(pick(&traces, "/traces/*/trace_id"), json!([FAILED_TRACE]));
    let trace = &traces["traces"][0];
    assert_eq!(trace["root"], json!({ "service": "gateway", "name": "GET /checkout" }));
    assert_eq!(trace["services"], json!(["gateway", "payment"]));
    assert_eq!((&trace["spans"], &trace["logs"]), (&json!(4), &json!(3)));
    assert_eq!(trace["duration_ns"], 300_000_000);

    let (_, trace) = two.get(&format!("/api/v1/traces/{FAILED_TRACE}")).await;
    assert_eq!(trace["spans"].as_array().unwrap().len(), 4);
    assert_eq!(trace["flags"], json!([]));
    let (_, errors) = two.get(&format!("/api/v1/traces/{FAILED_TRACE}/errors")).await;
    assert_eq!(errors["root_cause"]["operation"], "charge");
}

#[tokio::test]
async fn a_sidecar_that_is_gone_before_it_has_told_all_of_a_page_is_named() {
    let sidecar = Sidecar::empty().await;
    sidecar.keep((0..5).flat_map(|_| shop()).collect()).await;
    let empty = Sidecar::empty().await;
    let source = |sidecar: &Sidecar| LocalSource::new(sidecar.store.clone(), "here:7317".to_owned(), 4);
    let mood = Mood::Once(Arc::default());
    let remote = Remote { inner: source(&sidecar), name: "there:7317", mood };
    let mut sources: Vec<Arc<dyn Source>> = vec![Arc::new(remote)];
    sources.extend((0..3).map(|_| Arc::new(source(&empty)) as Arc<dyn Source>));
    let page =
        get(&router_over(sources, Limits::default()), "/api/v1/search?q=kind:log&limit=20").await.json();
    let coverage = &page["coverage"];
    assert_eq!(pick(&page, "/coverage/missing/*/peer"), json!(["there:7317"]), "{page}");
    assert_eq!((&coverage["asked"], &coverage["answered"]), (&json!(4), &json!(3)));
    assert_eq!(coverage["complete"], false);
    let told = page["records"].as_array().unwrap().len();
    assert!(told > 0 && told < 20, "what it told before counts: {told}");
}

#[tokio::test]
async fn scope_local_asks_this_sidecar_alone() {
    let two = Two::split_shop(Mood::Hung).await;
    tokio::time::pause();
    let begun = Instant::now();
    let (_, local) = two.get("/api/v1/search?scope=local&q=service:payment").await;
    assert_eq!(local["records"], json!([]));
    assert_eq!(local["coverage"]["asked"], 1);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let (_, trace) = two.get(&format!("/api/v1/traces/{FAILED_TRACE}?scope=local")).await;
    assert_eq!(trace["services"], json!(["gateway"]));
}

#[tokio::test]
async fn a_span_that_two_sidecars_hold_is_shown_once_and_counted_twice() {
    let two = Two::with(shop(), shop(), Mood::Fine).await;
    let (_, spans) = two.get("/api/v1/search?q=kind:span").await;
    assert_eq!(spans["records"].as_array().unwrap().len(), 7);
    // Logs are records of their own in each.
    let (_, logs) = two.get("/api/v1/search?q=kind:log").await;
    assert_eq!(logs["records"].as_array().unwrap().len(), 10);
    let (_, trace) = two.get(&format!("/api/v1/traces/{FAILED_TRACE}")).await;
    assert_eq!(trace["spans"].as_array().unwrap().len(), 4);
    let (_, values) = two.get("/api/v1/fields/service/values?limit=1").await;
    assert_eq!(values["values"], json!([{ "value": "payment", "count": 8 }]));
    let (_, histogram) = two.get("/api/v1/histogram?step=1d").await;
    assert_eq!(pick(&histogram, "/series/0/points/0/1"), json!(24));
}

#[tokio::test]
async fn a_late_sidecar_is_waited_for_until_the_deadline() {
    let two = Two::split_shop(Mood::Late(Duration::from_secs(29))).await;
    tokio::time::pause();
    let (_, found) = two.get("/api/v1/search?q=retrying").await;
    assert_eq!(handles(&found), json!(["l2"]));
    assert_eq!(found["coverage"]["complete"], true);
}

#[tokio::test]
async fn a_hung_sidecar_delays_the_answer_to_the_deadline_and_is_named() {
    let two = Two::split_shop(Mood::Hung).await;
    tokio::time::pause();
    let calls = [
        "/api/v1/search",
        "/api/v1/traces",
        "/api/v1/histogram",
        "/api/v1/histogram?start=-1h&end=now",
        "/api/v1/fields",
        "/api/v1/fields/service/values",
        "/api/v1/services",
        "/api/v1/graph",
        "/api/v1/peers",
        "/api/v1/traces/5b8efff798038103d269b633813fc60c",
        "/api/v1/traces/5b8efff798038103d269b633813fc60c/errors",
        "/api/v1/traces/5b8efff798038103d269b633813fc60c/timeline",
    ];
    for call in calls {
        let begun = Instant::now();
        let (status, json) = two.get(call).await;
        assert_eq!(status, 200, "{call}");
        let elapsed = begun.elapsed();
        let timeout = Limits::default().query_timeout;
        assert!(
            elapsed >= timeout / 2 && elapsed < timeout + Duration::from_millis(10),
            "{call}: {elapsed:?}"
        );
        let coverage = &json["coverage"];
        assert_eq!(coverage["complete"], false, "{call}");
        assert_eq!(coverage["missing"].as_array().unwrap().len(), 1, "{call}");
        assert_eq!((&coverage["asked"], &coverage["answered"]), (&json!(2), &json!(1)), "{call}");
        let missing = &coverage["missing"][0];
        assert_eq!(missing["peer"], "there:7317", "{call}");
        assert_eq!(missing["service"], "payment", "{call}");
        assert_eq!(missing["reason"], "timeout", "{call}");
    }
    let (_, traces) = two.get("/api/v1/traces").await;
    assert_eq!(traces["traces"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_peer_that_rejects_a_question_is_missing_and_the_others_are_answered() {
    let two = Two::split_shop(Mood::Narrow).await;
    let (status, counted) = two.get("/api/v1/histogram?by=service").await;
    assert_eq!((status, &counted["coverage"]["answered"]), (200, &json!(1)), "{counted}");
    let missing = &counted["coverage"]["missing"][0];
    assert_eq!((&missing["peer"], &missing["reason"]), (&json!("there:7317"), &json!("rejected")));
    assert_eq!(missing["detail"], "more than 3 groups");
    assert_eq!(two.get("/api/v1/histogram?by=service&require=complete").await.0, 503);
    // What nobody answers is the question's own fault.
    let peer = |sidecar: &Sidecar, name| -> Arc<dyn Source> {
        let inner = LocalSource::new(sidecar.store.clone(), String::new(), 4);
        Arc::new(Remote { inner, name, mood: Mood::Narrow })
    };
    let router = router_over(vec![peer(&two.here, "one"), peer(&two.there, "other")], Limits::default());
    let refused = get(&router, "/api/v1/histogram?by=service").await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("more than 3 groups"), "{}", refused.text);
}

#[tokio::test]
async fn what_could_not_be_looked_at_in_time_is_missing_and_what_was_counts() {
    const LIMIT: Duration = Duration::from_secs(2);
    let sidecar = Sidecar::empty().await;
    for _ in 0..9 {
        sidecar.keep(shop()).await;
    }
    let local = LocalSource::new(sidecar.store.clone(), "here:7317".to_owned(), 4);
    let limits = Limits { query_timeout: LIMIT, ..Limits::default() };
    let engine = Engine::new(vec![Arc::new(local)], limits);
    let slow = |count: &mut usize, _: &Arc<Record>| {
        *count += 1;
        let until = std::time::Instant::now() + LIMIT;
        while *count == 1 && std::time::Instant::now() < until {
            std::thread::park_timeout(LIMIT);
        }
        ControlFlow::Continue(())
    };
    let answer = engine.fold(&About::everything(), 0, slow).await.unwrap();
    assert!((1..100).contains(&answer.body), "{} were looked at", answer.body);
    assert_eq!((answer.coverage.asked, answer.coverage.answered), (1, 1));
    assert_eq!(answer.coverage.missing[0].reason, "timeout");
}

/// Of many sidecars a page takes two rounds: a peer that is slow in the first of them is still waited for.
#[tokio::test(start_paused = true)]
async fn the_first_of_two_rounds_has_nearly_all_of_the_time() {
    let mut sidecars = Vec::new();
    for _ in 0..5 {
        sidecars.push(Sidecar::empty().await);
    }
    sidecars[0].keep(shop()).await;
    let limits = Limits::default();
    let late = limits.query_timeout - 2 * limits.peer_timeout;
    let source = |sidecar: &Sidecar| -> Arc<dyn Source> {
        let inner = LocalSource::new(sidecar.store.clone(), String::new(), 4);
        Arc::new(Remote { inner, name: "slow:7317", mood: Mood::Late(late) })
    };
    let router = router_over(sidecars.iter().map(source).collect(), limits);
    let found = get(&router, "/api/v1/search?limit=50").await.json();
    assert_eq!(found["coverage"]["complete"], true, "{found}");
    assert_eq!(found["records"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn traces_that_nobody_could_tell_of_are_not_passed_over_by_a_cursor() {
    let sidecar = Sidecar::with_shop().await;
    let inner = LocalSource::new(sidecar.store.clone(), String::new(), 4);
    let remote = Remote { inner, name: "there:7317", mood: Mood::Forgetful };
    let router = router_over(vec![Arc::new(remote)], Limits::default());
    let answer = get(&router, "/api/v1/traces?limit=1").await.json();
    assert_eq!((&answer["traces"], answer.get("next_cursor")), (&json!([]), None));
    assert_eq!(answer["coverage"]["missing"][0]["reason"], "timeout");
}

#[tokio::test]
async fn a_broken_sidecar_is_named_at_once_and_the_rest_is_answered() {
    let two = Two::split_shop(Mood::Broken).await;
    tokio::time::pause();
    let begun = Instant::now();
    let (status, found) = two.get("/api/v1/search?q=level:error").await;
    assert_eq!((status, handles(&found)), (200, json!(["s2", "s1"])));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let missing = &found["coverage"]["missing"];
    assert_eq!(missing[0]["reason"], "failed");
    assert_eq!(missing[0]["detail"], "connection refused");
    let (_, peers) = two.get("/api/v1/peers").await;
    assert_eq!(pick(&peers, "/peers/*/state"), json!(["up", "failed"]));
}

#[tokio::test]
async fn an_unknown_trace_is_not_found_only_if_nobody_is_missing() {
    let fine = Two::split_shop(Mood::Fine).await;
    assert_eq!(fine.get("/api/v1/traces/1234").await.0, 404);
    let broken = Two::split_shop(Mood::Broken).await;
    for call in ["/api/v1/traces/1234", "/api/v1/traces/1234/errors", "/api/v1/traces/1234/timeline"] {
        let (status, json) = broken.get(call).await;
        assert_eq!(status, 200, "{call}");
        assert_eq!(json["trace_id"], "00000000000000000000000000001234", "{call}");
        assert_eq!(json["coverage"]["complete"], false, "{call}");
    }
}

#[tokio::test]
async fn a_parent_in_a_sidecar_that_is_missing_is_a_flag() {
    let two = Two::with(
        shop().into_iter().filter(|new| new.resource.service() == "payment").collect(),
        Vec::new(),
        Mood::Broken,
    )
    .await;
    let (_, trace) = two.get(&format!("/api/v1/traces/{FAILED_TRACE}")).await;
    assert!(trace["flags"].as_array().unwrap().contains(&json!("missing_parent")));
}

#[tokio::test]
async fn a_field_is_unknown_only_if_it_is_to_everybody() {
    let two = Two::split_shop(Mood::Fine).await;
    let (_, known) = two.get("/api/v1/search?q=order.id:4711").await;
    assert_eq!(known.get("warnings"), None);
    let (_, unknown) = two.get("/api/v1/search?q=order.idd:4711").await;
    assert_eq!(unknown["warnings"], json!(["no retained record has the field `order.idd`"]));
    let broken = Two::split_shop(Mood::Broken).await;
    let (_, unsure) = broken.get("/api/v1/search?q=order.idd:4711").await;
    assert_eq!(unsure.get("warnings"), None, "the one that did not answer may have it");
}

/// Lost from eleven to half past.
fn lost(reason: GapReason) -> Mood {
    let range = TimeRange { start: UnixNanos(NOON - HOUR), end: UnixNanos(NOON - HOUR / 2) };
    Mood::Lost(Gap { reason, range, detail: "7 records".to_owned() })
}

#[tokio::test]
async fn a_partition_set_aside_is_missing_where_the_question_overlaps_it() {
    let two = Two::split_shop(lost(GapReason::SetAside)).await;
    let (_, all) = two.get("/api/v1/search").await;
    let missing = json!([{
        "peer": "there:7317", "service": "payment", "reason": "set_aside",
        "start": "2026-01-01T11:00:00.000000000Z", "end": "2026-01-01T11:30:00.000000000Z",
        "detail": "7 records",
    }]);
    assert_eq!(all["coverage"], json!({ "complete": false, "asked": 2, "answered": 2, "missing": missing }));
    let (_, before) = two.get("/api/v1/search?end=2026-01-01T11:10:00Z").await;
    assert_eq!(before["coverage"]["complete"], false);
    let (_, after) = two.get("/api/v1/search?start=2026-01-01T12:00:00Z").await;
    assert_eq!(after["coverage"]["complete"], true);
    let (_, peers) = two.get("/api/v1/peers").await;
    assert_eq!(peers["coverage"]["missing"], missing);
}

#[tokio::test]
async fn deleted_time_is_missing_only_where_it_was_asked_for() {
    let two = Two::split_shop(lost(GapReason::Deleted)).await;
    // Without a start a question is about what is retained.
    let (_, retained) = two.get("/api/v1/traces").await;
    assert_eq!(retained["coverage"]["complete"], true);
    let (_, asked) = two.get("/api/v1/traces?start=2026-01-01T11:15:00Z").await;
    assert_eq!(asked["coverage"]["missing"][0]["reason"], "deleted");
    let (_, after) = two.get("/api/v1/traces?start=2026-01-01T11:45:00Z").await;
    assert_eq!(after["coverage"]["complete"], true);
}

#[tokio::test]
async fn what_is_lost_matters_to_a_trace_near_its_time_or_if_none_was_found() {
    let two = Two::split_shop(lost(GapReason::Deleted)).await;
    let (_, found) = two.get(&format!("/api/v1/traces/{FAILED_TRACE}")).await;
    assert_eq!(found["coverage"]["complete"], true);
    let (status, unknown) = two.get("/api/v1/traces/1234").await;
    assert_eq!(status, 200);
    assert_eq!(unknown["coverage"]["missing"][0]["reason"], "deleted");
    // Its time is given, and nothing is missing from that.
    assert_eq!(two.get("/api/v1/traces/1234?start=2026-01-01T12:00:00Z").await.0, 404);

    let range = TimeRange { start: UnixNanos(NOON - HOUR), end: UnixNanos(NOON - 1) };
    let gap = Gap { reason: GapReason::Deleted, range, detail: String::new() };
    let near = Two::split_shop(Mood::Lost(gap)).await;
    let (_, found) = near.get(&format!("/api/v1/traces/{FAILED_TRACE}")).await;
    assert_eq!(found["coverage"]["complete"], false);
}

#[tokio::test]
async fn questions_beyond_the_turns_wait_and_give_up_at_the_deadline() {
    let sidecar = Sidecar::with_shop().await;
    let busy = LocalSource::new(sidecar.store.clone(), "here:7317".to_owned(), 0);
    let registry = prometheus::Registry::new();
    busy.register(&registry).unwrap();
    let router = router_over(vec![Arc::new(busy)], Limits::default());
    tokio::time::pause();
    let answered = get(&router, "/api/v1/search").await;
    assert_eq!(answered.json()["coverage"]["missing"][0]["reason"], "busy");
    let counted = registry.gather();
    assert_eq!(counted[0].name(), "spandrel_query_busy_total");
    assert_eq!(counted[0].get_metric()[0].get_counter().get_value(), 1.0);
}

/// Here, and a peer that takes a second; so many questions may be with peers at once.
async fn with_turns(peer_questions_max: usize) -> (axum::Router, [Sidecar; 2]) {
    let (one, other) = (Sidecar::with_shop().await, Sidecar::empty().await);
    let inner = LocalSource::new(other.store.clone(), String::new(), 100);
    let remote = Remote { inner, name: "there:7317", mood: Mood::Late(Duration::from_secs(1)) };
    let local = LocalSource::new(one.store.clone(), "here:7317".to_owned(), 100);
    let limits = Limits { peer_questions_max, ..Limits::default() };
    (router_over(vec![Arc::new(local), Arc::new(remote)], limits), [one, other])
}

#[tokio::test]
async fn no_more_questions_are_with_peers_at_once_than_the_limit_says() {
    let (router, _sidecars) = with_turns(2).await;
    tokio::time::pause();
    let begun = Instant::now();
    let asked = (0..6).map(|_| get(&router, "/api/v1/search"));
    for answered in futures_util::future::join_all(asked).await {
        assert_eq!(answered.json()["coverage"]["complete"], true);
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(6), "{took:?}");
}

#[tokio::test]
async fn without_a_turn_everybody_is_busy_and_a_question_to_this_sidecar_needs_none() {
    let (router, _sidecars) = with_turns(0).await;
    tokio::time::pause();
    let coverage = get(&router, "/api/v1/search").await.json()["coverage"].clone();
    assert_eq!((&coverage["asked"], &coverage["answered"]), (&json!(2), &json!(0)), "{coverage}");
    let reasons: Vec<&Json> =
        coverage["missing"].as_array().unwrap().iter().map(|one| &one["reason"]).collect();
    assert_eq!(reasons, ["busy", "busy"]);
    let local = get(&router, "/api/v1/search?scope=local").await.json();
    assert_eq!(local["coverage"]["complete"], true, "{local}");
}
