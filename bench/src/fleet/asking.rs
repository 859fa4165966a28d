//! The questions to a fleet; a wrong answer ends the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::api::{self, Page, TraceSize};
use crate::http::Http;
use crate::load::{Shop, ShopTrace};
use crate::measure::spread;

const RATE: f64 = 100.0;
const CONNECTIONS: usize = 8;
/// Of a hundred questions under load, so many are for the newest errors; the others are traces by id.
const NEWEST_OF_TEN: u64 = 1;
const NEWEST: usize = 100;

#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    pub(super) shop: &'a Shop,
    pub(super) traces: u64,
    pub(super) http: Http,
}

/// What came of a steady load.
#[derive(Debug)]
pub struct Paced {
    pub latencies: Vec<Duration>,
    pub took: Duration,
}

impl Paced {
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

impl Asked<'_> {
    pub(super) fn numbers(&self, count: u64) -> impl Iterator<Item = u64> + use<> {
        let traces = self.traces;
        // More questions than traces ask for some again.
        (0..count.div_ceil(traces.max(1))).flat_map(move |_| spread(traces, traces)).take(count as usize)
    }

    /// A trace by its id, without what the service `lacking` had of it.
    pub(super) async fn trace(&self, number: u64, lacking: Option<usize>) -> anyhow::Result<Duration> {
        let expected = self.shop.trace(number);
        let (time, answer): (_, TraceSize) = self.ask(&api::trace_target(&expected.id_hex())).await?;
        let found = (answer.spans.len(), answer.logs.len());
        let wanted = sizes(&expected, lacking);
        anyhow::ensure!(
            found == wanted && answer.coverage.complete == lacking.is_none(),
            "trace {number}: {found:?} spans and logs of {wanted:?}; {:?}",
            answer.coverage
        );
        Ok(time)
    }

    /// An id that nobody has: a sidecar that is asked alone says so.
    pub(super) async fn unknown(&self, number: u64) -> anyhow::Result<Duration> {
        let id = format!("{:016x}{:016x}", u64::MAX - number, number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let began = Instant::now();
        let answer = self.http.get(&api::trace_target(&id)).await?;
        let time = began.elapsed();
        anyhow::ensure!(answer.status == ::http::StatusCode::NOT_FOUND, "trace {id}: {}", answer.describe());
        Ok(time)
    }

    pub(super) async fn errors_of_trace(&self, number: u64) -> anyhow::Result<Duration> {
        let expected = self.shop.trace(number);
        let q = format!("trace_id:{} AND level:error", expected.id_hex());
        let (time, page): (_, Page) = self.ask(&api::search_target(&q, NEWEST)).await?;
        let (found, wanted) = (page.records.len(), expected.error_spans() + expected.error_logs());
        anyhow::ensure!(found == wanted && page.coverage.complete, "{q}: {found} of {wanted}");
        Ok(time)
    }

    /// `newest`: what each sidecar says, put together.
    pub(super) async fn newest_errors(&self, newest: &[String]) -> anyhow::Result<Duration> {
        let (time, page): (_, Page) = self.ask(&api::search_target("level:error", NEWEST)).await?;
        let found: Vec<String> = page.records.into_iter().map(|record| record.id).collect();
        anyhow::ensure!(page.coverage.complete, "the newest errors: not of all sidecars, in {time:?}");
        let same = found.iter().zip(newest).take_while(|(one, other)| one == other).count();
        anyhow::ensure!(found == newest, "not the newest errors: {} found, {same} as expected", found.len());
        Ok(time)
    }

    /// A hundred questions a second, whether or not those before are answered, as far as the connections go.
    pub(super) async fn paced(&self, length: Duration) -> anyhow::Result<Paced> {
        let count = (RATE * length.as_secs_f64()) as u64;
        let targets: Vec<String> = self
            .numbers(count)
            .enumerate()
            .map(|(index, number)| match (index as u64) % 10 < NEWEST_OF_TEN {
                true => api::search_target("level:error", NEWEST),
                false => api::trace_target(&self.shop.trace(number).id_hex()),
            })
            .collect();
        let (targets, next, began) = (Arc::new(targets), Arc::new(AtomicU64::new(0)), Instant::now());
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (targets, next, http) = (targets.clone(), next.clone(), self.http.clone());
            workers.spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(target) = targets.get(index as usize) else { return anyhow::Ok(latencies) };
                    let due = began + Duration::from_secs_f64(index as f64 / RATE);
                    tokio::time::sleep_until(due.into()).await;
                    let answer = http.get(target).await?;
                    anyhow::ensure!(answer.status.is_success(), "{target}: {}", answer.describe());
                    latencies.push(due.elapsed());
                }
            });
        }
        let mut latencies = Vec::new();
        while let Some(worker) = workers.join_next().await {
            latencies.extend(worker??);
        }
        Ok(Paced { latencies, took: began.elapsed() })
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, target: &str) -> anyhow::Result<(Duration, T)> {
        let began = Instant::now();
        let answer = self.http.get(target).await?;
        let time = began.elapsed();
        anyhow::ensure!(answer.status.is_success(), "{target}: {}", answer.describe());
        let answer = serde_json::from_slice(&answer.body);
        Ok((time, answer.with_context(|| format!("read the answer to {target}"))?))
    }
}

fn sizes(trace: &ShopTrace, lacking: Option<usize>) -> (usize, usize) {
    let spans = trace.spans.iter().filter(|(service, _)| Some(service.0) != lacking);
    let logs = trace.logs.iter().filter(|(service, _)| Some(service.0) != lacking);
    (spans.count(), logs.count())
}
