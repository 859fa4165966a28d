//! More than the sidecar can take: many connections that never wait for one another, for a while. Its memory has to
//! stay below a bound, refusals have to be retryable, and in the end what was acknowledged is stored, and nothing else.
//! How much it can take is measured first, with a few connections that wait for their answers.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::ValueEnum;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde::Deserialize;
use spandrel_config::ByteSize;

use crate::api::ask;
use crate::http::{Http, PROTOBUF};
use crate::load::attribute::{int, text};
use crate::load::{self, Request, ServiceIndex, Shop, Signal};
use crate::measure::{Peak, Process, now_unix_ns};
use crate::sender::rejected;
use crate::sidecar::Launch;

const PER_REQUEST: usize = 512;
/// The spans of [`Kind::OneTrace`] are small: as large a request has so many.
const SMALL_PER_REQUEST: usize = 2_048;
const SHOP_SPANS: usize = 100_000;
/// Attributes of each span of [`Kind::ManyKeys`].
const KEYS_PER_SPAN: usize = 10;
/// Spans are sent at so many times the rate that can be taken. What is refused is not sent again, nor is the time that
/// the sidecar asked for waited.
const TIMES: f64 = 5.0;
/// What can be taken is measured with so many connections, for this part of the time, and no longer than that.
const SUSTAINED_CONNECTIONS: usize = 4;
const SUSTAINED_PART: u32 = 4;
const SUSTAINED_MAX: Duration = Duration::from_secs(30);

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Flood {
    Shop,
    OneTrace,
    ManyKeys,
}

/// What is sent, over and over.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Shop,
    /// One trace of so many spans.
    OneTrace(usize),
    /// So many different attribute keys.
    ManyKeys(usize),
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub launch: Launch,
    pub kind: Kind,
    pub connections: usize,
    pub lasting: Duration,
    /// More anonymous memory than this is an error: pages of the index and the program, which are resident too, the
    /// kernel takes back where it needs them.
    pub anonymous_max: u64,
}

#[derive(Debug)]
pub struct Outcome {
    /// Spans a second before the flood, until all of them were indexed.
    pub sustained: f64,
    pub lasted: Duration,
    /// Spans of the flood.
    pub acknowledged: usize,
    /// Spans of all its requests, also those that were refused.
    pub offered: usize,
    /// Requests that were refused with a retryable status.
    pub refused: usize,
    /// The most that was resident, and the most of it that was no mapped file.
    pub resident_peak: u64,
    pub anonymous_peak: u64,
}

impl Outcome {
    /// How many times what can be taken was sent.
    pub fn times(&self) -> f64 {
        self.offered as f64 / self.lasted.as_secs_f64() / self.sustained
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.lasted.as_secs_f64();
        let (rate, offered) = (self.acknowledged as f64 / seconds, self.offered as f64 / seconds);
        let [resident, anonymous] = [self.resident_peak, self.anonymous_peak].map(|bytes| bytes >> 20);
        write!(
            f,
            "{offered:.0} spans/s sent for {seconds:.0} s, {:.1} times the {:.0}/s it can take, {rate:.0}/s acknowledged \
             ({} in all), all stored; {} requests refused, all retryable; memory at its peak {resident} MiB, {anonymous} \
             MiB of it anonymous",
            self.times(),
            self.sustained,
            self.acknowledged,
            self.refused
        )
    }
}

/// Runs one kind of load against a fresh sidecar. A refusal that is not retryable, a count that is not that of the
/// acknowledged records, and too much memory are errors.
pub async fn run(plan: &Plan) -> anyhow::Result<Outcome> {
    let requests: Arc<[Request]> = plan.kind.requests(now_unix_ns()?).into();
    let sidecar = plan.launch.start().await?;
    let process = Process::new(sidecar.pid());
    let peak = Peak::watch(process);

    let began = Instant::now();
    let lasting = (plan.lasting / SUSTAINED_PART).min(SUSTAINED_MAX);
    let first =
        flood(&requests, sidecar.addresses.http, SUSTAINED_CONNECTIONS, f64::INFINITY, lasting).await?;
    let idle = process.until_idle().await?;
    let sustained = first.acknowledged as f64 / (idle.since - began).as_secs_f64();

    let began = Instant::now();
    let rate = TIMES * sustained;
    let flooded = flood(&requests, sidecar.addresses.http, plan.connections, rate, plan.lasting).await?;
    let lasted = began.elapsed();
    process.until_idle().await?;
    let (resident_peak, anonymous_peak) = peak.end().await?;
    let Sent { acknowledged, offered, refused } = flooded;
    let outcome =
        Outcome { sustained, lasted, acknowledged, offered, refused, resident_peak, anonymous_peak };
    let stored = stored(&Http::new(sidecar.addresses.query)).await?;
    let expected = first.acknowledged + acknowledged;
    anyhow::ensure!(stored == expected, "{expected} acknowledged, {stored} stored: {outcome}");
    anyhow::ensure!(anonymous_peak <= plan.anonymous_max, "too much memory: {outcome}");
    let status = sidecar.stop().await?;
    anyhow::ensure!(status.success(), "the program ended with {status}");
    Ok(outcome)
}

#[derive(Debug, Default)]
struct Sent {
    acknowledged: usize,
    offered: usize,
    refused: usize,
}

impl Sent {
    fn add(&mut self, other: Sent) {
        self.acknowledged += other.acknowledged;
        self.offered += other.offered;
        self.refused += other.refused;
    }
}

/// Sends over so many connections, so many spans a second at most, for so long.
async fn flood(
    requests: &Arc<[Request]>,
    to: SocketAddr,
    connections: usize,
    rate: f64,
    lasting: Duration,
) -> anyhow::Result<Sent> {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (requests, next) = (requests.clone(), next.clone());
        let share = rate / connections as f64;
        senders.spawn(async move { send(&Http::new(to), &requests, &next, share, began, lasting).await });
    }
    let mut sent = Sent::default();
    while let Some(ended) = senders.join_next().await {
        sent.add(ended??);
    }
    Ok(sent)
}

/// Sends one request after the other until the end.
async fn send(
    http: &Http,
    requests: &[Request],
    next: &AtomicUsize,
    rate: f64,
    began: Instant,
    lasting: Duration,
) -> anyhow::Result<Sent> {
    let mut sent = Sent::default();
    loop {
        let due = began + Duration::from_secs_f64(sent.offered as f64 / rate);
        if due.max(Instant::now()) >= began + lasting {
            return Ok(sent);
        }
        tokio::time::sleep_until(due.into()).await;
        let request = &requests[next.fetch_add(1, Ordering::Relaxed) % requests.len()];
        let answer = http.post(request.signal.path(), PROTOBUF, request.body.clone()).await?;
        sent.offered += request.records;
        if answer.status.is_success() {
            anyhow::ensure!(rejected(request.signal, &answer)? == 0, "records refused of a good request");
            sent.acknowledged += request.records;
        } else {
            anyhow::ensure!(answer.is_retryable(), "refused for good: {}", answer.describe());
            anyhow::ensure!(answer.retry_after.is_some(), "refused without a time: {}", answer.describe());
            sent.refused += 1;
        }
    }
}

/// Spans that are held, each as often as it was kept, and those that retention has deleted.
async fn stored(http: &Http) -> anyhow::Result<usize> {
    #[derive(Deserialize)]
    struct Histogram {
        series: Vec<Series>,
    }
    #[derive(Deserialize)]
    struct Series {
        points: Vec<(String, usize)>,
    }
    let counted: Histogram = ask(http, "/api/v1/histogram?q=type:span&step=24h").await?;
    let held: usize = counted.series.iter().flat_map(|series| &series.points).map(|point| point.1).sum();
    let metrics = http.get("/metrics").await?.body;
    let metrics = String::from_utf8_lossy(&metrics);
    let deleted = metrics.lines().find_map(|line| line.strip_prefix("spandrel_store_deleted_records_total "));
    Ok(held + deleted.and_then(|number| number.trim().parse::<usize>().ok()).unwrap_or_default())
}

impl Kind {
    fn requests(self, now_ns: u64) -> Vec<Request> {
        match self {
            Kind::Shop => {
                load::requests(&Shop::new(1, now_ns), Signal::Spans, SHOP_SPANS, PER_REQUEST).requests
            }
            Kind::OneTrace(spans) => {
                gather(spans, SMALL_PER_REQUEST, |n| span(1, n, now_ns, vec![int("order.id", n as i64)]))
            }
            Kind::ManyKeys(keys) => gather(keys.max(PER_REQUEST), PER_REQUEST, |n| {
                let key = |k| format!("key.{}", (n * KEYS_PER_SPAN + k) % keys);
                let attributes = (0..KEYS_PER_SPAN).map(|k| text(&key(k), format!("value {n}"))).collect();
                span(n / 20 + 1, n, now_ns, attributes)
            }),
        }
    }
}

fn gather(spans: usize, per_request: usize, span: impl Fn(usize) -> Span) -> Vec<Request> {
    let resource = || Resource { attributes: vec![text("service.name", "overload")], ..Resource::default() };
    let request = |first: usize| {
        let spans: Vec<Span> = (first..spans.min(first + per_request)).map(&span).collect();
        let records = spans.len();
        let body = Bytes::from(load::spans_request(resource(), spans).encode_to_vec());
        Request { signal: Signal::Spans, service: ServiceIndex(0), records, body }
    };
    (0..spans).step_by(per_request).map(request).collect()
}

fn span(
    trace: usize,
    number: usize,
    now_ns: u64,
    attributes: Vec<opentelemetry_proto::tonic::common::v1::KeyValue>,
) -> Span {
    let start = now_ns - number as u64 * 1_000;
    Span {
        trace_id: (trace as u128).to_be_bytes().to_vec(),
        span_id: (number as u64 + 1).to_be_bytes().to_vec(),
        parent_span_id: if number == 0 { Vec::new() } else { 1u64.to_be_bytes().to_vec() },
        name: format!("step {}", number % 7),
        kind: 1,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 5_000_000,
        attributes,
        ..Span::default()
    }
}

/// A sidecar in a folder below `notes`, with so much memory.
pub fn launch(binary: &Path, notes: &Path, memory: ByteSize) -> Launch {
    Launch::new(binary, notes.join("data"), notes).set(format!("limits.memory={memory}"))
}
