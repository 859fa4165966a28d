//! Replays a recorded incident of the Train Ticket data: real spans over OTLP/HTTP, real Docker log lines
//! through the JSON-log input, byte for byte as Docker wrote them.
//!
//! A case is a folder with `traces.csv.zst` and `logs.csv.zst`; the data's own README describes the columns.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::{Http, JSON_LINES, PROTOBUF, escape};
use crate::load::{Signal, attribute, spans_request};
use crate::sender::rejected;

/// Spans or lines of one request.
const RECORDS_PER_REQUEST: usize = 2_000;
/// What stands for "no parent" in the data.
const ROOT: &str = "root";

#[derive(Debug)]
pub struct Case {
    pub spans: Vec<SpanRow>,
    pub logs: Vec<LogRow>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SpanRow {
    #[serde(rename = "TraceID")]
    pub trace_id: String,
    #[serde(rename = "SpanID")]
    pub span_id: String,
    #[serde(rename = "ParentID")]
    pub parent_id: String,
    pub pod_name: String,
    pub operation_name: String,
    pub start_time_unix_nano: u64,
    pub end_time_unix_nano: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogRow {
    #[serde(rename = "TraceID")]
    pub trace_id: String,
    #[serde(rename = "SpanID")]
    pub span_id: String,
    pub node: String,
    pub pod_name: String,
    pub container: String,
    /// The line as Docker's json-file driver wrote it.
    pub log: String,
}

/// What was sent and acknowledged.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    pub spans: usize,
    pub logs: usize,
}

/// The answer of the JSON-log input.
#[derive(Debug, Deserialize)]
pub struct JsonLogsAnswer {
    pub accepted: usize,
    pub rejected: usize,
}

impl Case {
    pub fn read(folder: &Path) -> anyhow::Result<Case> {
        let spans = read_rows(&folder.join("traces.csv.zst"))?;
        let logs = read_rows(&folder.join("logs.csv.zst"))?;
        Ok(Case { spans, logs })
    }

    /// Sends all to the OTLP/HTTP port; an error unless all of it is acknowledged.
    pub async fn replay(&self, http: &Http) -> anyhow::Result<Replayed> {
        let mut replayed = Replayed::default();
        for (pod, rows) in by_pod(&self.spans, |row| &row.pod_name) {
            for rows in rows.chunks(RECORDS_PER_REQUEST) {
                send_spans(http, pod, rows).await?;
                replayed.spans += rows.len();
            }
        }
        for (pod, rows) in by_pod(&self.logs, |row| &row.pod_name) {
            for rows in rows.chunks(RECORDS_PER_REQUEST) {
                send_logs(http, pod, rows).await?;
                replayed.logs += rows.len();
            }
        }
        Ok(replayed)
    }
}

impl LogRow {
    /// The application's own text inside Docker's line.
    pub fn text(&self) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct DockerLine {
            log: String,
        }
        let line: DockerLine = serde_json::from_str(&self.log).context("read a line of Docker's")?;
        Ok(line.log)
    }

    /// Whether the application logged it as an error.
    pub fn is_error(&self) -> anyhow::Result<bool> {
        Ok(self.text()?.split_whitespace().nth(1) == Some("ERROR"))
    }
}

/// The service that a pod belongs to: its name less its last two parts.
pub fn service_of(pod: &str) -> &str {
    pod.rsplitn(3, '-').nth(2).unwrap_or(pod)
}

async fn send_spans(http: &Http, pod: &str, rows: &[&SpanRow]) -> anyhow::Result<()> {
    let spans = rows.iter().map(|row| span(row)).collect::<anyhow::Result<Vec<Span>>>()?;
    let names = [("service.name", service_of(pod)), ("k8s.pod.name", pod), ("k8s.namespace.name", "ts")];
    let attributes = names.map(|(name, value)| attribute::text(name, value)).to_vec();
    let request = spans_request(Resource { attributes, ..Resource::default() }, spans);
    let answer = http.post(Signal::Spans.path(), PROTOBUF, request.encode_to_vec().into()).await?;
    anyhow::ensure!(answer.status.is_success(), "spans of {pod}: {}", answer.describe());
    anyhow::ensure!(rejected(Signal::Spans, &answer)? == 0, "spans of {pod}: some refused");
    Ok(())
}

async fn send_logs(http: &Http, pod: &str, rows: &[&LogRow]) -> anyhow::Result<()> {
    let lines: Vec<&str> = rows.iter().map(|row| row.log.as_str()).collect();
    let resource = [
        ("service.name", service_of(pod)),
        ("k8s.pod.name", pod),
        ("k8s.container.name", &rows[0].container),
        ("k8s.node.name", &rows[0].node),
    ];
    let parameters: Vec<String> =
        resource.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    let target = format!("/v1/json-logs?{}", parameters.join("&"));
    let answer = http.post(&target, JSON_LINES, Bytes::from(lines.join("\n"))).await?;
    anyhow::ensure!(answer.status.is_success(), "logs of {pod}: {}", answer.describe());
    let counts: JsonLogsAnswer = serde_json::from_slice(&answer.body)?;
    let whole = counts.accepted == rows.len() && counts.rejected == 0;
    anyhow::ensure!(whole, "logs of {pod}: {} lines, {}", rows.len(), answer.describe());
    Ok(())
}

fn span(row: &SpanRow) -> anyhow::Result<Span> {
    let parent_span_id = if row.parent_id == ROOT { Vec::new() } else { bytes_of(&row.parent_id)? };
    Ok(Span {
        trace_id: bytes_of(&row.trace_id)?,
        span_id: bytes_of(&row.span_id)?,
        parent_span_id,
        name: row.operation_name.clone(),
        start_time_unix_nano: row.start_time_unix_nano,
        end_time_unix_nano: row.end_time_unix_nano,
        ..Span::default()
    })
}

fn bytes_of(hex: &str) -> anyhow::Result<Vec<u8>> {
    let digits = |at: usize| hex.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(digits).collect();
    bytes.with_context(|| format!("`{hex}` is no id"))
}

fn by_pod<R>(rows: &[R], pod: impl Fn(&R) -> &str) -> BTreeMap<&str, Vec<&R>> {
    let mut pods: BTreeMap<&str, Vec<&R>> = BTreeMap::new();
    for row in rows {
        pods.entry(pod(row)).or_default().push(row);
    }
    pods
}

fn read_rows<R: DeserializeOwned>(file: &Path) -> anyhow::Result<Vec<R>> {
    let reading = || format!("read {}", file.display());
    let text = zstd::Decoder::new(File::open(file).with_context(reading)?)?;
    let rows: Result<Vec<R>, csv::Error> = csv::Reader::from_reader(text).into_deserialize().collect();
    rows.with_context(reading)
}

#[cfg(test)]
mod tests;
