//! One client of the crash harness: random requests over one way in, and what came of each.

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use super::ledger::{MARKER, ROUND, round_name};
use crate::http::{Answer, Http, JSON_LINES, PROTOBUF};
use crate::load::attribute::text;
use crate::load::{Signal, hex, logs_request, spans_request};
use crate::measure::now_unix_ns;
use crate::replay::JsonLogsAnswer;
use crate::sender::rejected;
use crate::sidecar::Addresses;

const RECORDS_MAX: usize = 64;
const TRACES_MAX: usize = 4;
/// A writer that is refused waits this long at most: the round is short.
const WAIT_MAX: Duration = Duration::from_millis(200);

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    HttpSpans,
    HttpLogs,
    GrpcSpans,
    GrpcLogs,
    JsonLogs,
}

/// One request and what came of it.
#[derive(Debug, Clone)]
pub struct Sending {
    pub round: usize,
    pub records: Vec<Marked>,
    pub outcome: Outcome,
    /// Kept where it may be sent again without doubling records.
    pub request: Option<ExportTraceServiceRequest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Acknowledged,
    /// With a retryable status.
    Refused,
    /// The connection ended before the answer.
    Cut,
}

/// A record as the ledger knows it.
#[derive(Debug, Clone)]
pub struct Marked {
    pub trace_id: String,
    pub marker: String,
}

#[derive(Debug)]
pub struct Writer {
    way: Way,
    round: usize,
    number: usize,
    requests: usize,
    rng: Rng,
    http: Http,
    traces: TraceServiceClient<Channel>,
    logs: LogsServiceClient<Channel>,
}

/// A record to be, before it takes the form of its way in.
struct Draft {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    marker: String,
}

impl Way {
    pub const ALL: [Way; 5] = [Way::HttpSpans, Way::HttpLogs, Way::GrpcSpans, Way::GrpcLogs, Way::JsonLogs];
}

impl Sending {
    /// A span that is sent twice is one span; a log is not.
    pub fn can_be_sent_again(&self) -> bool {
        self.request.is_some()
    }
}

impl Writer {
    /// The writer with this `(round, number)`; no other may have the same.
    pub fn new(addresses: Addresses, way: Way, place: (usize, usize), seed: u64) -> anyhow::Result<Writer> {
        let channel = Endpoint::from_shared(format!("http://{}", addresses.grpc))?.connect_lazy();
        let (round, number) = place;
        Ok(Writer {
            way,
            round,
            number,
            requests: 0,
            rng: Rng::with_seed(seed ^ number as u64),
            http: Http::new(addresses.http),
            traces: TraceServiceClient::new(channel.clone()),
            logs: LogsServiceClient::new(channel),
        })
    }

    /// Sends one random request; an error only where the answer is one that no good request may get.
    pub async fn send(&mut self) -> anyhow::Result<Sending> {
        let drafts = self.draft();
        self.requests += 1;
        let mut request = None;
        let outcome = match self.way {
            Way::HttpSpans | Way::GrpcSpans => {
                let spans = spans_request(resource(), self.spans(&drafts)?);
                request = Some(spans.clone());
                self.send_spans(spans).await?
            }
            Way::HttpLogs => {
                let body = logs_request(resource(), self.logs_of(&drafts)?).encode_to_vec();
                self.post(Signal::Logs, body.into()).await?
            }
            Way::GrpcLogs => self.call_logs(logs_request(resource(), self.logs_of(&drafts)?)).await?,
            Way::JsonLogs => self.post_json(self.lines(&drafts)?, drafts.len()).await?,
        };
        let marked = |draft: Draft| Marked { trace_id: hex(&draft.trace_id), marker: draft.marker };
        let records = drafts.into_iter().map(marked).collect();
        Ok(Sending { round: self.round, records, outcome, request })
    }

    /// Sends a request of spans once more.
    pub async fn send_again(&mut self, sending: &mut Sending) -> anyhow::Result<()> {
        if let Some(request) = sending.request.clone() {
            sending.outcome = self.send_spans(request).await?;
        }
        Ok(())
    }

    async fn send_spans(&mut self, request: ExportTraceServiceRequest) -> anyhow::Result<Outcome> {
        if self.way == Way::HttpSpans {
            return self.post(Signal::Spans, request.encode_to_vec().into()).await;
        }
        let answer =
            self.traces.export(request).await.map(|answer| {
                answer.into_inner().partial_success.map_or(0, |partial| partial.rejected_spans)
            });
        outcome_of_call(answer).await
    }

    async fn call_logs(&mut self, request: ExportLogsServiceRequest) -> anyhow::Result<Outcome> {
        let answer = self.logs.export(request).await.map(|answer| {
            answer.into_inner().partial_success.map_or(0, |partial| partial.rejected_log_records)
        });
        outcome_of_call(answer).await
    }

    async fn post(&self, signal: Signal, body: Bytes) -> anyhow::Result<Outcome> {
        let Ok(answer) = self.http.post(signal.path(), PROTOBUF, body).await else {
            return Ok(Outcome::Cut);
        };
        let outcome = outcome_of_answer(&answer).await?;
        if outcome == Outcome::Acknowledged {
            anyhow::ensure!(rejected(signal, &answer)? == 0, "records refused of a good request");
        }
        Ok(outcome)
    }

    async fn post_json(&self, lines: String, count: usize) -> anyhow::Result<Outcome> {
        let target = "/v1/json-logs?service.name=crash";
        let Ok(answer) = self.http.post(target, JSON_LINES, lines.into()).await else {
            return Ok(Outcome::Cut);
        };
        let outcome = outcome_of_answer(&answer).await?;
        if outcome == Outcome::Acknowledged {
            let counts: JsonLogsAnswer = serde_json::from_slice(&answer.body)?;
            anyhow::ensure!(counts.accepted == count, "{} of {count} lines taken", counts.accepted);
        }
        Ok(outcome)
    }

    fn draft(&mut self) -> Vec<Draft> {
        let traces: Vec<[u8; 16]> =
            (0..self.rng.usize(1..=TRACES_MAX)).map(|_| self.rng.u128(1..).to_be_bytes()).collect();
        let count = self.rng.usize(1..=RECORDS_MAX);
        let place = format!("{}-w{}-n{}", round_name(self.round), self.number, self.requests);
        let draft = |index: usize| Draft {
            trace_id: traces[self.rng.usize(0..traces.len())],
            span_id: self.rng.u64(1..).to_be_bytes(),
            marker: format!("{place}-i{index}"),
        };
        (0..count).map(draft).collect()
    }

    fn spans(&self, drafts: &[Draft]) -> anyhow::Result<Vec<Span>> {
        let now = now_unix_ns()?;
        let span = |draft: &Draft| Span {
            trace_id: draft.trace_id.to_vec(),
            span_id: draft.span_id.to_vec(),
            name: "work".to_owned(),
            start_time_unix_nano: now,
            end_time_unix_nano: now + 1_000,
            attributes: vec![text(ROUND, round_name(self.round)), text(MARKER, draft.marker.as_str())],
            ..Span::default()
        };
        Ok(drafts.iter().map(span).collect())
    }

    fn logs_of(&self, drafts: &[Draft]) -> anyhow::Result<Vec<LogRecord>> {
        let now = now_unix_ns()?;
        let log = |draft: &Draft| LogRecord {
            time_unix_nano: now,
            severity_number: 9,
            // The same text in all: logs must not be told apart, nor merged, by what they say.
            body: Some(AnyValue { value: Some(Value::StringValue("work done".to_owned())) }),
            trace_id: draft.trace_id.to_vec(),
            attributes: vec![text(ROUND, round_name(self.round)), text(MARKER, draft.marker.as_str())],
            ..LogRecord::default()
        };
        Ok(drafts.iter().map(log).collect())
    }

    fn lines(&self, drafts: &[Draft]) -> anyhow::Result<String> {
        let time = jiff::Timestamp::now().to_string();
        let line = |draft: &Draft| {
            let fields = serde_json::json!({
                "time": time,
                "level": "info",
                "message": "work done",
                "trace_id": hex(&draft.trace_id),
                ROUND: round_name(self.round),
                MARKER: draft.marker,
            });
            format!("{fields}\n")
        };
        Ok(drafts.iter().map(line).collect())
    }
}

fn resource() -> Resource {
    Resource { attributes: vec![text("service.name", "crash")], ..Resource::default() }
}

async fn outcome_of_answer(answer: &Answer) -> anyhow::Result<Outcome> {
    if answer.status.is_success() {
        return Ok(Outcome::Acknowledged);
    }
    anyhow::ensure!(answer.is_retryable(), "a good request was refused for good: {}", answer.describe());
    anyhow::ensure!(answer.retry_after.is_some(), "no Retry-After: {}", answer.describe());
    tokio::time::sleep(WAIT_MAX.min(answer.retry_after.unwrap_or_default())).await;
    Ok(Outcome::Refused)
}

/// From the count of records that a success says were refused, or from the status.
async fn outcome_of_call(answer: Result<i64, tonic::Status>) -> anyhow::Result<Outcome> {
    match answer {
        Ok(0) => Ok(Outcome::Acknowledged),
        Ok(refused) => anyhow::bail!("{refused} records refused of a good request"),
        // What the client itself makes of a broken connection has no details; a refusal says when to retry.
        Err(status) if status.details().is_empty() => match status.code() {
            Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled => Ok(Outcome::Cut),
            _ => anyhow::bail!("a good request was refused without a hint to retry: {status}"),
        },
        Err(status) => {
            let retryable = matches!(status.code(), Code::Unavailable | Code::ResourceExhausted);
            anyhow::ensure!(retryable, "a good request was refused for good: {status}");
            tokio::time::sleep(WAIT_MAX).await;
            Ok(Outcome::Refused)
        }
    }
}
