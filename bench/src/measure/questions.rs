//! The questions of the benchmark, each answer checked against what the shop sent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use crate::api::{self, Errors, Page, Trace};
use crate::http::Http;
use crate::load::{Shop, ShopTrace, hex};

const TRACES_ASKED: u64 = 1_000;
const ERRORS_ASKED: u64 = 500;
const SEARCHES_ASKED: u64 = 100;
const SEARCH_LIMIT: usize = 100;
const FAILING_SERVICE: &str = "gateway";

/// How much of the shop the sidecar holds: traces 0 up to these numbers.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub traces_with_spans: u64,
    pub traces_with_logs: u64,
}

/// How long one kind of question took, from sending it until the whole answer was there.
#[derive(Debug)]
pub struct Latency {
    pub question: &'static str,
    pub latencies: Vec<Duration>,
}

/// Asks each kind of question, one at a time on one connection; an error if an answer is wrong.
pub async fn ask_all(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Vec<Latency>> {
    Ok(vec![
        traces_by_id(http, shop, held).await?,
        errors_of_traces(http, shop, held).await?,
        newest_errors_of_a_service(http, shop, held).await?,
        attribute_equality(http, shop, held).await?,
    ])
}

async fn traces_by_id(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of("trace by id");
    for number in held.spread(TRACES_ASKED) {
        let expected = shop.trace(number);
        let id = expected.id_hex();
        let answer: Trace = asked.time(http, &api::trace_target(&id)).await?;
        let found = (answer.spans.len(), answer.logs.len());
        let sent = (held.spans_of(number, &expected), held.logs_of(number, &expected));
        anyhow::ensure!(found == sent, "trace {id}: {found:?} spans and logs of {sent:?}");
    }
    Ok(asked)
}

async fn errors_of_traces(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of("errors of a trace");
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
    let mut asked = Latency::of("newest 100 errors of a service");
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
    let mut asked = Latency::of("records of an order");
    let numbers = held.spread(TRACES_ASKED).filter(|number| *number < held.traces_with_spans);
    let orders = numbers.filter_map(|number| shop.trace(number).order).take(SEARCHES_ASKED as usize);
    for (order, spans) in orders {
        let target = api::search_target(&format!("order.id:{order}"), SEARCH_LIMIT);
        let page: Page = asked.time(http, &target).await?;
        anyhow::ensure!(page.records.len() == spans, "{} of {spans} spans of {order}", page.records.len());
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

impl Held {
    fn traces(self) -> u64 {
        self.traces_with_spans.max(self.traces_with_logs)
    }

    /// Numbers of up to `count` traces, spread evenly over all but in no order of arrival.
    fn spread(self, count: u64) -> impl Iterator<Item = u64> {
        // A prime beyond any count of traces here, so that the numbers don't repeat.
        const STRIDE: u64 = 2_147_483_647;
        let traces = self.traces();
        (0..count.min(traces)).map(move |index| index.wrapping_mul(STRIDE) % traces)
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
    fn of(question: &'static str) -> Latency {
        Latency { question, latencies: Vec::new() }
    }

    async fn time<T: DeserializeOwned>(&mut self, http: &Http, target: &str) -> anyhow::Result<T> {
        let began = Instant::now();
        let answer = http.get(target).await?;
        self.latencies.push(began.elapsed());
        anyhow::ensure!(answer.status.is_success(), "{target}: {}", answer.describe());
        serde_json::from_slice(&answer.body).with_context(|| format!("read the answer to {target}"))
    }
}
