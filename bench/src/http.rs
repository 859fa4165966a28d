//! A small HTTP client: one keep-alive connection per [`Http`] that is used by one caller at a time.

use std::net::SocketAddr;
use std::time::Duration;

use ::http::{Request, StatusCode, header};
use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

pub const PROTOBUF: &str = "application/x-protobuf";
pub const JSON_LINES: &str = "application/x-ndjson";

/// Longer than any answer takes; a hung server ends the run.
const ANSWER_DEADLINE: Duration = Duration::from_secs(120);

#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// Of a refusal that may be tried again.
    pub retry_after: Option<Duration>,
    pub body: Bytes,
}

impl Http {
    pub fn new(address: SocketAddr) -> Http {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Http { client: Client::builder(TokioExecutor::new()).build(connector), address }
    }

    pub async fn get(&self, target: &str) -> anyhow::Result<Answer> {
        self.ask(Request::get(self.url(target)).body(Full::default())?).await
    }

    /// As whoever accepts nothing else.
    pub async fn get_as(&self, target: &str, accept: &str) -> anyhow::Result<Answer> {
        let request = Request::get(self.url(target)).header(header::ACCEPT, accept);
        self.ask(request.body(Full::default())?).await
    }

    pub async fn post(&self, target: &str, content_type: &str, body: Bytes) -> anyhow::Result<Answer> {
        let request = Request::post(self.url(target)).header(header::CONTENT_TYPE, content_type);
        self.ask(request.body(Full::new(body))?).await
    }

    fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let target = format!("{} {}", request.method(), request.uri());
        let asking = async {
            let response = self.client.request(request).await?;
            let (head, body) = response.into_parts();
            let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = retry_after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Answer { status: head.status, retry_after, body })
        };
        let answer = tokio::time::timeout(ANSWER_DEADLINE, asking).await;
        answer.with_context(|| format!("no answer to {target}"))?.with_context(|| format!("ask {target}"))
    }
}

impl Answer {
    /// 429 and 503: the same request may be taken later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
    }

    /// The status and the start of the body, for messages.
    pub fn describe(&self) -> String {
        let text: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
        format!("{}: {text}", self.status)
    }
}

/// Text as one value of a query, or one segment of a path.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
