//! The questions of Grafana's data sources, each answer checked against what the shop sent.

use std::time::Instant;

use anyhow::Context as _;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message as _;
use serde::Deserialize;

use super::questions::{Held, Latency};
use crate::http::{Http, escape};
use crate::load::Shop;

pub const TEMPO_TRACE: &str = "trace by id, as Tempo";
pub const TRACEQL: &str = "TraceQL: newest 20 traces with an error of a service";
pub const LOGQL_TRACE: &str = "LogQL: a service's lines of a trace";
pub const VOLUME: &str = "LogQL: volume histogram of everything";

const PROTOBUF: &str = "application/protobuf";
const TRACES_ASKED: u64 = 500;
const SEARCHES_ASKED: usize = 100;
const FOUND: usize = 20;
const STEPS: u64 = 60;

#[derive(Debug, Deserialize)]
struct Found {
    traces: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Answer<T> {
    data: Data<T>,
}

#[derive(Debug, Deserialize)]
struct Data<T> {
    result: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Stream {
    values: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Series {
    values: Vec<(f64, String)>,
}

/// What the signals that are held can be asked for.
pub async fn ask_all(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Vec<Latency>> {
    let mut asked = Vec::new();
    if held.traces_with_spans > 0 {
        asked.push(traces(http, shop, held).await?);
        asked.push(searches(http, held).await?);
    }
    if held.traces_with_logs > 0 {
        asked.push(lines_of_traces(http, shop, held).await?);
        asked.push(volumes(http, shop, held).await?);
    }
    Ok(asked)
}

async fn traces(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(TEMPO_TRACE);
    for number in held.spread(TRACES_ASKED).filter(|number| *number < held.traces_with_spans) {
        let expected = shop.trace(number);
        let id = expected.id_hex();
        let began = Instant::now();
        let answer = http.get_as(&format!("/api/traces/{id}"), PROTOBUF).await?;
        asked.latencies.push(began.elapsed());
        anyhow::ensure!(answer.status.is_success(), "trace {id}: {}", answer.describe());
        let trace = TracesData::decode(answer.body.as_ref()).with_context(|| format!("read trace {id}"))?;
        let scopes = trace.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let found: usize = scopes.map(|scope| scope.spans.len()).sum();
        anyhow::ensure!(
            found == expected.spans.len(),
            "trace {id}: {found} of {} spans",
            expected.spans.len()
        );
    }
    Ok(asked)
}

async fn searches(http: &Http, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(TRACEQL);
    let failing = (0..held.traces_with_spans).filter(|number| Shop::fails(*number)).take(FOUND).count();
    let query = escape("{status=error && resource.service.name=\"gateway\"}");
    for _ in 0..SEARCHES_ASKED {
        let answer: Found = asked.time(http, &format!("/api/search?q={query}&limit={FOUND}")).await?;
        let found = answer.traces.len();
        anyhow::ensure!(found == failing, "{found} traces with an error of gateway, not {failing}");
    }
    Ok(asked)
}

async fn lines_of_traces(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(LOGQL_TRACE);
    let (start, end) = times(shop, held);
    for number in held.spread(TRACES_ASKED).filter(|number| *number < held.traces_with_logs) {
        let trace = shop.trace(number);
        let Some((service, _)) = trace.logs.last() else { continue };
        let sent = trace.logs.iter().filter(|(of, _)| of.0 == service.0).count();
        let name = Shop::SERVICES[service.0];
        let query = format!("{{service_name=\"{name}\"}} | trace_id=\"{}\"", trace.id_hex());
        let query = escape(&query);
        let target = format!("/loki/api/v1/query_range?query={query}&start={start}&end={end}&limit=1000");
        let answer: Answer<Stream> = asked.time(http, &target).await?;
        let found: usize = answer.data.result.iter().map(|stream| stream.values.len()).sum();
        anyhow::ensure!(found == sent, "{name} in trace {}: {found} of {sent} lines", trace.id_hex());
    }
    Ok(asked)
}

/// As Explore draws it above the lines.
async fn volumes(http: &Http, shop: &Shop, held: Held) -> anyhow::Result<Latency> {
    let mut asked = Latency::of(VOLUME);
    let (start, end) = times(shop, held);
    let step_ms = ((end - start) / STEPS).div_ceil(1_000_000).max(1);
    let end = start + (STEPS + 1) * step_ms * 1_000_000;
    let query = format!(
        "sum by (level, detected_level) (count_over_time({{service_name=~`.+`}} | drop __error__[{step_ms}ms]))"
    );
    let query = escape(&query);
    let target = format!("/loki/api/v1/query_range?query={query}&start={start}&end={end}&step={step_ms}ms");
    let sent = super::questions::logs_held(shop, held);
    while asked.goes_on() {
        let answer: Answer<Series> = asked.time(http, &target).await?;
        let counts = answer.data.result.iter().flat_map(|series| &series.values);
        let found: u64 = counts.filter_map(|(_, count)| count.parse::<u64>().ok()).sum();
        anyhow::ensure!(found == sent, "{found} of {sent} lines counted");
    }
    Ok(asked)
}

/// From before the first log to after the last, in nanoseconds.
fn times(shop: &Shop, held: Held) -> (u64, u64) {
    let numbers = [0, held.traces_with_logs.saturating_sub(1)];
    let times = numbers.into_iter().flat_map(|number| {
        shop.trace(number).logs.into_iter().map(|(_, log)| log.time_unix_nano).collect::<Vec<_>>()
    });
    let (least, greatest) =
        times.fold((u64::MAX, 0), |(least, greatest), time| (time.min(least), time.max(greatest)));
    const MARGIN_NS: u64 = 60_000_000_000;
    (least.saturating_sub(MARGIN_NS), greatest + MARGIN_NS)
}
