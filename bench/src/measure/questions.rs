//! The questions of the benchmark, each answer checked against what the shop sent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use super::grafana;
use crate::api::{self, Errors, Histogram, Page, TraceSize, Values};
use crate::http::Http;
use crate::load::{self, Shop, ShopTrace, Signal, hex};
use crate::sender::quantile;

// The kinds of question, by the names that they have in the tables.
pub const TRACE_BY_ID: &str = "trace by id";
pub const COLD: &str = "trace by id, cold page cache";
pub const ERRORS: &str = "errors of a trace";
pub const NEWEST: &str = "newest 100 errors of a service";
pub const ORDER: &str = "records of an order";
const SPAN: &str = "records of a span id";
const HISTOGRAM: &str = "histogram of everything by level";
const VALUES: &str = "values of an attribute of everything";

const COLD_ASKED: u64 = 100;
/// What a trace takes is asked for in so many rounds, of which the one with the lowest p99 counts: what else the machine
/// does comes and goes, and can only add to it.
const ROUNDS: usize = 3;
const TRACES_ASKED: u64 = 1_000;
const ERRORS_ASKED: u64 = 500;
const SEARCHES_ASKED: u64 = 100;
/// Of questions that read all there is, unless they take longer than `SURVEY_TIME` together.
const SURVEYS_ASKED: u64 = 20;
const SURVEY_TIME: Duration = Duration::from_secs(20);
/// Spans fetched at most by asking for large traces.
const SPANS_FETCHED_MAX: u64 = 2_000_000;
const SEARCH_LIMIT: usize = 100;
const FAILING_SERVICE: &str = "gateway";

/// How much of the shop the sidecar holds: traces 0 up to these numbers.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub traces_with_spans: u64,
    pub traces_with_logs: u64,
    /// Spans and logs together.
    pub records: u64,
}

/// How long one kind of question took, from sending it until the whole answer was there.
#[derive(Debug)]
pub struct Latency {
    pub question: &'static str,
    pub latencies: Vec<Duration>,
}

/// Asks each kind of question, one at a time on one connection; an error if an answer is wrong.
pub async fn ask_all(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Vec<Latency>> {
    let mut asked = vec![
        traces_by_id(http, shop, held).await?,
        errors_of_traces(http, shop, held).await?,
        newest_errors_of_a_service(http, shop, held).await?,
        attribute_equality(http, shop, held).await?,
        span_by_id(http, shop, held).await?,
        histogram_by_level(http, shop, held).await?,
        values_of_an_attribute(http, held).await?,
    ];
    asked.extend(grafana::ask_all(http, shop, held).await?);
    Ok(asked)
}

/// Of the traces that were sent with their logs, how many these are.
pub(super) fn logs_held(shop: &Shop, held: Held) -> u64 {
    match held.traces_with_spans {
        0 => held.records,
        _ => (0..held.traces_with_logs).map(|number| shop.trace(number).logs.len() as u64).sum(),
    }
}

/// The first questions after a start with nothing of the folder in the page cache.
pub(super) async fn ask_cold(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    traces(Latency::of(COLD), http, shop, held, COLD_ASKED).await
}

/// Traces that the shape made: so many of `spans`, all of which were sent.
pub(super) async fn ask_regrouped(
    http: &Http,
    shop: &Shop,
    spans_per_trace: u64,
    spans: u64,
) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(TRACE_BY_ID);
    let traces = spans.div_ceil(spans_per_trace);
    let count = TRACES_ASKED.min((SPANS_FETCHED_MAX / spans_per_trace).max(1));
    for number in spread(traces, count) {
        let id = hex(&shop.trace_id(number));
        let answer: TraceSize = asked.time(http, &api::trace_target(&id)).await?;
        let sent = spans_per_trace.min(spans - number * spans_per_trace);
        let found = answer.spans.len();
        anyhow::ensure!(found as u64 == sent, "trace {id}: {found} of {sent} spans");
    }
    Ok(asked)
}

pub(super) async fn traces_by_id(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    quietest(async || traces(Latency::of(TRACE_BY_ID), http, shop, held, TRACES_ASKED).await).await
}

async fn quietest(round: impl AsyncFn() -> anyhow::Result<Latency>) -> anyhow::Result<Latency> {
    let mut quietest = round().await?;
    for _ in 1..ROUNDS {
        let next = round().await?;
        if quantile(&next.latencies, 0.99) < quantile(&quietest.latencies, 0.99) {
            quietest = next;
        }
    }
    Ok(quietest)
}

async fn traces(
    mut asked: Latency,
    http: &Http,
    shop: &Shop,
    held: Held,
    count: u64,
) -> anyhow::Result<Latency> {
    for number in held.spread(count) {
        let expected = shop.trace(number);
        let id = expected.id_hex();
        let answer: TraceSize = asked.time(http, &api::trace_target(&id)).await?;
        let found = (answer.spans.len(), answer.logs.len());
        let sent = (held.spans_of(number, &expected), held.logs_of(number, &expected));
        anyhow::ensure!(found == sent, "trace {id}: {found:?} spans and logs of {sent:?}");
    }
    Ok(asked)
}

pub(super) async fn errors_of_traces(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    quietest(async || errors_once(http, shop, held).await).await
}

async fn errors_once(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(ERRORS);
    for number in held.failing().take(ERRORS_ASKED as usize) {
        let expected = shop.trace(number);
        let service = expected.failed_in.map(|service| Shop::SERVICES[service.0]);
        let service = service.with_context(|| format!("trace {number} fails"))?;
        let answer: Errors = asked.time(http, &api::errors_target(&expected.id_hex())).await?;
        let cause = format!("{service}: connection pool exhausted");
        let tells = |message: &Option<String>| message.as_ref().is_some_and(|text| text.contains(&cause));
        let named = answer.errors.iter().any(|e| e.service.as_deref() == Some(service) && tells(&e.message));
        anyhow::ensure!(named, "errors of {}: `{cause}` is not among them", expected.id_hex());
    }
    Ok(asked)
}

async fn newest_errors_of_a_service(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(NEWEST);
    let newest = newest_failed(shop, held);
    let target = api::search_target(&format!("service:{FAILING_SERVICE} AND level:error"), SEARCH_LIMIT);
    for _ in 0..SEARCHES_ASKED {
        let page: Page = asked.time(http, &target).await?;
        let mut found: Vec<String> = page.records.into_iter().filter_map(|record| record.span_id).collect();
        found.sort_unstable();
        anyhow::ensure!(found == newest, "not the newest errors of {FAILING_SERVICE}");
    }
    Ok(asked)
}

async fn attribute_equality(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(ORDER);
    let numbers = held.spread(TRACES_ASKED).filter(|number| *number < held.traces_with_spans);
    let orders = numbers.filter_map(|number| shop.trace(number).order).take(SEARCHES_ASKED as usize);
    for (order, spans) in orders {
        let target = api::search_target(&format!("order.id:{order}"), SEARCH_LIMIT);
        let page: Page = asked.time(http, &target).await?;
        anyhow::ensure!(page.records.len() == spans, "{} of {spans} spans of {order}", page.records.len());
    }
    Ok(asked)
}

async fn span_by_id(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(SPAN);
    for number in held.spread(SEARCHES_ASKED) {
        let trace = shop.trace(number);
        // A span that has a log, so that the question has an answer whichever signal is held.
        let Some((_, log)) = trace.logs.last() else { continue };
        let id = &log.span_id;
        let spans = trace.spans.iter().filter(|(_, span)| span.span_id == *id).count();
        let logs = trace.logs.iter().filter(|(_, log)| log.span_id == *id).count();
        let spans = if number < held.traces_with_spans { spans } else { 0 };
        let logs = if number < held.traces_with_logs { logs } else { 0 };
        let target = api::search_target(&format!("span_id:{}", hex(id)), SEARCH_LIMIT);
        let found = asked.time::<Page>(http, &target).await?.records.len();
        anyhow::ensure!(found == spans + logs, "span {}: {found} records of {}", hex(id), spans + logs);
    }
    Ok(asked)
}

async fn histogram_by_level(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(HISTOGRAM);
    let errors: usize = held.failing().map(|number| held.errors_of(number, &shop.trace(number))).sum();
    while asked.goes_on() {
        let answer: Histogram = asked.time(http, &api::histogram_target("", "level")).await?;
        if answer.coverage.is_late() {
            break;
        }
        let (mut all, mut failed) = (0, 0);
        for series in answer.series {
            let count: u64 = series.points.iter().map(|(_, count)| count).sum();
            all += count;
            failed += if series.by.get("level").is_some_and(|level| level == "error") { count } else { 0 };
        }
        let (sent, found) = ((held.records, errors as u64), (all, failed));
        anyhow::ensure!(found == sent, "{found:?} records and errors of {sent:?} counted");
    }
    Ok(asked)
}

/// `thread.id`, which every record has.
async fn values_of_an_attribute(http: &Http, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(VALUES);
    while asked.goes_on() {
        let answer: Values = asked.time(http, &api::values_target("thread.id")).await?;
        if answer.coverage.is_late() {
            break;
        }
        let counted: u64 = answer.values.iter().map(|value| value.count).sum();
        let sent = held.records;
        anyhow::ensure!(counted == sent, "values of thread.id: {counted} of {sent} records counted");
    }
    Ok(asked)
}

/// The span ids of the newest failed records of the service, sorted.
fn newest_failed(shop: &Shop, held: Held) -> Vec<String> {
    let mut by_time: BTreeMap<(u64, bool, [u8; 8]), String> = BTreeMap::new();
    for number in held.failing() {
        let trace = shop.trace(number);
        let of_service = |service: usize| Shop::SERVICES[service] == FAILING_SERVICE;
        let spans = trace.spans.iter().filter(|_| number < held.traces_with_spans);
        let spans = spans.filter(|(service, span)| of_service(service.0) && span.status.is_some());
        let spans = spans.map(|(_, span)| (span.start_time_unix_nano, true, &span.span_id));
        let logs = trace.logs.iter().filter(|_| number < held.traces_with_logs);
        let logs = logs.filter(|(service, log)| of_service(service.0) && log.severity_number >= 17);
        let logs = logs.map(|(_, log)| (log.time_unix_nano, false, &log.span_id));
        for (time, is_span, id) in spans.chain(logs) {
            let key = id.as_slice().try_into().unwrap_or_default();
            by_time.insert((time, is_span, key), hex(id));
        }
    }
    let mut newest: Vec<String> = by_time.into_values().rev().take(SEARCH_LIMIT).collect();
    newest.sort_unstable();
    newest
}

/// Numbers of up to `count` traces, spread evenly over all but in no order of arrival.
pub(crate) fn spread(traces: u64, count: u64) -> impl Iterator<Item = u64> {
    // A prime beyond any count of traces here, so that the numbers don't repeat.
    const STRIDE: u64 = 2_147_483_647;
    (0..count.min(traces)).map(move |index| index.wrapping_mul(STRIDE) % traces)
}

impl Held {
    /// What a load of that many records held.
    pub fn of(shop: &Shop, spans: usize, logs: usize) -> Held {
        let (traces_with_spans, all_spans) = load::extent(shop, Signal::Spans, spans);
        let (traces_with_logs, all_logs) = load::extent(shop, Signal::Logs, logs);
        Held { traces_with_spans, traces_with_logs, records: (all_spans + all_logs) as u64 }
    }

    fn traces(self) -> u64 {
        self.traces_with_spans.max(self.traces_with_logs)
    }

    pub(super) fn spread(self, count: u64) -> impl Iterator<Item = u64> {
        spread(self.traces(), count)
    }

    fn errors_of(self, number: u64, trace: &ShopTrace) -> usize {
        let spans = if number < self.traces_with_spans { trace.error_spans() } else { 0 };
        let logs = if number < self.traces_with_logs { trace.error_logs() } else { 0 };
        spans + logs
    }

    fn failing(self) -> impl Iterator<Item = u64> {
        (0..self.traces()).filter(|number| Shop::fails(*number))
    }

    fn spans_of(self, number: u64, trace: &ShopTrace) -> usize {
        if number < self.traces_with_spans { trace.spans.len() } else { 0 }
    }

    fn logs_of(self, number: u64, trace: &ShopTrace) -> usize {
        if number < self.traces_with_logs { trace.logs.len() } else { 0 }
    }
}

impl Latency {
    pub(super) fn of(question: &'static str) -> Latency {
        Latency { question, latencies: Vec::new() }
    }

    /// Whether to ask once more of what reads all there is.
    pub(super) fn goes_on(&self) -> bool {
        let few = (self.latencies.len() as u64) < SURVEYS_ASKED;
        few && self.latencies.iter().sum::<Duration>() < SURVEY_TIME
    }

    pub(super) async fn time<T: DeserializeOwned>(&mut self, http: &Http, target: &str) -> anyhow::Result<T> {
        let began = Instant::now();
        let answer = http.get(target).await?;
        self.latencies.push(began.elapsed());
        anyhow::ensure!(answer.status.is_success(), "{target}: {}", answer.describe());
        serde_json::from_slice(&answer.body).with_context(|| format!("read the answer to {target}"))
    }
}
