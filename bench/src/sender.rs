//! Sends a load over OTLP/HTTP as a well-behaved exporter does: keep-alive connections, one request at a time
//! on each, a refused request again after the time it was asked to wait.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;

use crate::http::{Answer, Http, PROTOBUF};
use crate::load::{Request, Signal};

const RETRY_DEFAULT: Duration = Duration::from_secs(1);
/// Refusals of one request in a row before the run is given up.
const REFUSALS_MAX: usize = 120;

#[derive(Debug, Clone, Copy)]
pub struct Sending {
    pub address: SocketAddr,
    pub connections: usize,
    /// Records a second over all connections; as fast as they are taken without it.
    pub rate: Option<f64>,
}

/// What came of a load.
#[derive(Debug)]
pub struct Sent {
    pub first_byte: Instant,
    pub last_ack: Instant,
    pub records: usize,
    /// Answers 429 and 503, each of which was followed by a retry.
    pub refusals: usize,
    /// From the first attempt to the acknowledgement, of each request.
    pub latencies: Vec<Duration>,
}

/// Sends all, in order, over all connections; an error if anything is refused for good.
pub async fn send(requests: Arc<[Request]>, sending: Sending) -> anyhow::Result<Sent> {
    let first_byte = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let due = Arc::new(due_times(&requests, sending.rate));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..sending.connections {
        let (requests, next, due) = (requests.clone(), next.clone(), due.clone());
        workers.spawn(async move {
            let http = Http::new(sending.address);
            let mut part = Sent::none(first_byte);
            while let Some((index, request)) = take(&next, &requests) {
                if let Some(due) = due.get(index) {
                    tokio::time::sleep_until((first_byte + *due).into()).await;
                }
                let began = Instant::now();
                part.refusals += send_one(&http, request).await?;
                part.last_ack = Instant::now();
                part.latencies.push(part.last_ack - began);
                part.records += request.records;
            }
            anyhow::Ok(part)
        });
    }
    let mut sent = Sent::none(first_byte);
    while let Some(part) = workers.join_next().await {
        sent.add(part??);
    }
    Ok(sent)
}

/// The place of a share of the sorted `latencies`: 0.5 for the median.
pub fn quantile(latencies: &[Duration], share: f64) -> Duration {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let index = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

/// How many records an OTLP answer with status 200 says were refused.
pub fn rejected(signal: Signal, answer: &Answer) -> anyhow::Result<i64> {
    let body = answer.body.as_ref();
    let rejected = match signal {
        Signal::Spans => {
            ExportTraceServiceResponse::decode(body)?.partial_success.map(|partial| partial.rejected_spans)
        }
        Signal::Logs => ExportLogsServiceResponse::decode(body)?
            .partial_success
            .map(|partial| partial.rejected_log_records),
    };
    Ok(rejected.unwrap_or_default())
}

fn take<'a>(next: &AtomicUsize, requests: &'a [Request]) -> Option<(usize, &'a Request)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    requests.get(index).map(|request| (index, request))
}

/// Number of refusals before it was acknowledged.
async fn send_one(http: &Http, request: &Request) -> anyhow::Result<usize> {
    for refusals in 0..REFUSALS_MAX {
        let answer = http.post(request.signal.path(), PROTOBUF, request.body.clone()).await?;
        if answer.status.is_success() {
            let rejected = rejected(request.signal, &answer)?;
            anyhow::ensure!(rejected == 0, "{rejected} records refused of a good request");
            return Ok(refusals);
        }
        anyhow::ensure!(answer.is_retryable(), "refused for good: {}", answer.describe());
        tokio::time::sleep(answer.retry_after.unwrap_or(RETRY_DEFAULT)).await;
    }
    anyhow::bail!("refused {REFUSALS_MAX} times in a row")
}

/// When each request is to go out after the first; empty without a rate.
fn due_times(requests: &[Request], rate: Option<f64>) -> Vec<Duration> {
    let Some(rate) = rate else {
        return Vec::new();
    };
    let mut before = 0;
    let mut due = |request: &Request| {
        let due = Duration::from_secs_f64(before as f64 / rate);
        before += request.records;
        due
    };
    requests.iter().map(&mut due).collect()
}

impl Sent {
    fn none(first_byte: Instant) -> Sent {
        Sent { first_byte, last_ack: first_byte, records: 0, refusals: 0, latencies: Vec::new() }
    }

    fn add(&mut self, part: Sent) {
        self.last_ack = self.last_ack.max(part.last_ack);
        self.records += part.records;
        self.refusals += part.refusals;
        self.latencies.extend(part.latencies);
    }
}

#[cfg(test)]
mod tests;
