//! Questions to the HTTP API, and the answers as far as they are checked here.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::{Http, escape};

/// The most items asked for in one page of a list.
const PAGE: usize = 5_000;

#[derive(Debug, Default, Deserialize)]
pub struct Coverage {
    pub complete: bool,
    pub asked: u64,
    pub answered: u64,
    #[serde(default)]
    pub missing: Vec<Missing>,
}

#[derive(Debug, Deserialize)]
pub struct Missing {
    #[serde(default)]
    pub reason: String,
}

impl Coverage {
    /// Nobody answered wrongly, but somebody took longer than the program allows a question.
    pub fn is_late(&self) -> bool {
        self.missing.iter().any(|missing| missing.reason == "timeout")
    }
}

#[derive(Debug, Deserialize)]
pub struct Trace {
    pub spans: Vec<Record>,
    pub logs: Vec<Record>,
    #[serde(default)]
    pub truncated: bool,
    pub coverage: Coverage,
}

/// A span or a log.
#[derive(Debug, Deserialize)]
pub struct Record {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Of a log its time, of a span its start.
    #[serde(default, alias = "start")]
    pub time: String,
    #[serde(default)]
    pub trace_id: Option<String>,
    #[serde(default)]
    pub span_id: Option<String>,
    #[serde(default)]
    pub service: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub level: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
    /// The line of a text input.
    #[serde(default)]
    pub original: Option<String>,
    #[serde(default)]
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub struct Errors {
    pub errors: Vec<Failure>,
    pub root_cause: Option<RootCause>,
    pub coverage: Coverage,
}

#[derive(Debug, Deserialize)]
pub struct Failure {
    #[serde(rename = "type")]
    pub kind: String,
    pub service: Option<String>,
    pub operation: Option<String>,
    pub message: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct RootCause {
    pub service: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Page {
    pub records: Vec<Record>,
    pub next_cursor: Option<String>,
    pub coverage: Coverage,
}

#[derive(Debug, Deserialize)]
pub struct Histogram {
    pub series: Vec<Series>,
    pub coverage: Coverage,
}

#[derive(Debug, Deserialize)]
pub struct Series {
    pub by: serde_json::Map<String, serde_json::Value>,
    /// Time and count.
    pub points: Vec<(String, u64)>,
}

#[derive(Debug, Deserialize)]
pub struct Values {
    pub values: Vec<Counted>,
    pub coverage: Coverage,
}

#[derive(Debug, Deserialize)]
pub struct Counted {
    pub value: serde_json::Value,
    pub count: u64,
}

/// A trace of which nothing but its size is looked at.
#[derive(Debug, Deserialize)]
pub struct TraceSize {
    pub spans: Vec<serde::de::IgnoredAny>,
    pub logs: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    pub coverage: Coverage,
}

pub fn histogram_target(q: &str, by: &str) -> String {
    format!("/api/v1/histogram?q={}&by={by}", escape(q))
}

pub fn values_target(field: &str) -> String {
    format!("/api/v1/fields/{field}/values")
}

pub fn trace_target(trace_id: &str) -> String {
    format!("/api/v1/traces/{trace_id}")
}

pub fn errors_target(trace_id: &str) -> String {
    format!("/api/v1/traces/{trace_id}/errors")
}

pub fn search_target(q: &str, limit: usize) -> String {
    format!("/api/v1/search?q={}&limit={limit}", escape(q))
}

/// A trace; `None` if the program says that it has none.
pub async fn trace(http: &Http, trace_id: &str) -> anyhow::Result<Option<Trace>> {
    let answer = http.get(&trace_target(trace_id)).await?;
    if answer.status == ::http::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    anyhow::ensure!(answer.status.is_success(), "trace {trace_id}: {}", answer.describe());
    Ok(Some(serde_json::from_slice(&answer.body)?))
}

pub async fn errors(http: &Http, trace_id: &str) -> anyhow::Result<Errors> {
    ask(http, &errors_target(trace_id)).await
}

/// Every record that matches, page after page.
pub async fn search_all(http: &Http, q: &str) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut target = search_target(q, PAGE);
        if let Some(cursor) = &cursor {
            target.push_str(&format!("&cursor={}", escape(cursor)));
        }
        let page: Page = ask(http, &target).await?;
        anyhow::ensure!(
            page.next_cursor.is_none() || !page.records.is_empty(),
            "an empty page in the middle"
        );
        records.extend(page.records);
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(records),
        }
    }
}

pub async fn ask<T: DeserializeOwned>(http: &Http, target: &str) -> anyhow::Result<T> {
    let answer = http.get(target).await?;
    anyhow::ensure!(answer.status.is_success(), "{target}: {}", answer.describe());
    Ok(serde_json::from_slice(&answer.body)?)
}
