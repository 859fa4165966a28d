//! Asking a sidecar over HTTP, for the commands that ask.
//!
//! One connection per question, HTTP/1.1, no proxy, no redirects. It has no deadline of its own shorter than
//! the sidecar's, which answers within `limits.query_timeout` whatever its peers do. The client reads no
//! configuration, so its bounds stand here.

mod address;
mod sse;

use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::request::Builder;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use spandrel_query::credentials::Authority;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

pub use address::{Address, escape};
pub use sse::{Event, Events};

use crate::answer::Problem;

/// A peer on the same machine or network accepts within this, or is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Twice the default of `limits.query_timeout`.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// A whole trace of 200,000 big records; more than this is not fit for a terminal.
const ANSWER_BYTES_MAX: usize = 1 << 30;

/// Where and as whom to ask.
#[derive(Debug, Clone)]
pub struct Client {
    address: Address,
    token: Option<String>,
    /// Whom to trust over `https://`.
    trust: Option<Trust>,
}

#[derive(Debug, Clone)]
pub struct Trust {
    pub authority: Authority,
    /// The name that the certificate must have; `None`: the address's.
    pub server_name: Option<String>,
}

/// A connection, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

impl Client {
    pub fn new(address: Address, token: Option<String>) -> Client {
        Client { address, token, trust: None }
    }

    #[must_use]
    pub fn trusting(self, trust: Option<Trust>) -> Client {
        Client { trust, ..self }
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether somebody listens there; `elsewhere` says what to change if not.
    pub async fn reach(&self, elsewhere: &str) -> anyhow::Result<()> {
        self.connect(elsewhere).await.map(drop)
    }

    /// The whole answer to `GET path?parameters`.
    pub async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let request = Request::get(self.address.target(path, parameters));
        self.ask(request.header(header::ACCEPT, "application/json"), Full::default()).await
    }

    /// The whole answer to `POST path?parameters`.
    pub async fn post(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Answer> {
        let request = Request::post(self.address.target(path, parameters));
        self.ask(request.header(header::CONTENT_TYPE, content_type), Full::new(body.into())).await
    }

    async fn ask(&self, request: Builder, body: Full<Bytes>) -> anyhow::Result<Answer> {
        let whole = async {
            let response = self.send(request, body).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| anyhow::anyhow!(error)).context("read the answer")?.to_bytes();
            Ok(Answer { status, body })
        };
        let timed = tokio::time::timeout(ANSWER_TIMEOUT, whole).await;
        timed.with_context(|| format!("no answer from {} within {ANSWER_TIMEOUT:?}", self.address))?
    }

    /// A stream of server-sent events.
    pub async fn follow(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Events> {
        let request = Request::get(self.address.target(path, parameters));
        let response =
            self.send(request.header(header::ACCEPT, "text/event-stream"), Full::default()).await?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(Events::new(response.into_body()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        Answer { status, body }.refuse()
    }

    async fn send(&self, request: Builder, body: Full<Bytes>) -> anyhow::Result<Response<Incoming>> {
        let stream = self.connect("--url or SPANDREL_URL asks elsewhere").await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .context("begin to speak HTTP")?;
        tokio::spawn(connection);
        let mut request = request
            .header(header::HOST, self.address.authority())
            .header(header::USER_AGENT, concat!("spandrel/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = &self.token {
            let mut bearer = http::HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| anyhow::anyhow!("the token has characters that a header cannot hold"))?;
            bearer.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let request = request.body(body).context("make the request")?;
        sender.send_request(request).await.map_err(|error| self.not_http(error))
    }

    /// A port that speaks TLS answers a request without it with an alert, which is no HTTP.
    fn not_http(&self, error: hyper::Error) -> anyhow::Error {
        let is_alert = error.is_parse() && !self.address.is_tls();
        let error = anyhow::Error::new(error).context(format!("ask {}", self.address));
        match is_alert {
            true => error.context(format!(
                "{} does not answer in HTTP: where it speaks TLS, say https:// and --ca-file FILE",
                self.address
            )),
            false => error,
        }
    }

    async fn connect(&self, elsewhere: &str) -> anyhow::Result<Box<dyn Stream>> {
        let stream = self.connect_tcp(elsewhere).await?;
        if !self.address.is_tls() {
            return Ok(Box::new(stream));
        }
        let Some(trust) = &self.trust else {
            bail!("{} needs to know whom to trust: --ca-file FILE or SPANDREL_CA_FILE", self.address)
        };
        let (host, _) = self.address.authority_with_port();
        let name = trust.server_name.as_deref().unwrap_or(&host);
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, trust.authority.connect(name, stream));
        let connected = connecting.await.with_context(|| format!("no TLS with {} in time", self.address))?;
        Ok(Box::new(connected.with_context(|| format!("speak TLS with {}", self.address))?))
    }

    async fn connect_tcp(&self, elsewhere: &str) -> anyhow::Result<TcpStream> {
        let connecting = TcpStream::connect(self.address.authority_with_port());
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                bail!("nothing listens on {}: is `spandrel run` up? ({elsewhere})", self.address)
            }
            Ok(Err(error)) => Err(error).with_context(|| format!("connect to {}", self.address)),
            Err(_) => bail!("no connection to {} within {CONNECT_TIMEOUT:?}", self.address),
        }
    }
}

impl Answer {
    /// The error that a status other than success stands for, in words.
    pub fn refuse<T>(&self) -> anyhow::Result<T> {
        let problem: Problem = serde_json::from_slice(&self.body).unwrap_or_default();
        let missing = crate::show::notes::missing(&problem.coverage);
        let said = match (missing.is_empty(), problem.detail.is_empty()) {
            (false, _) => missing.join("; "),
            (true, false) => problem.detail,
            (true, true) => problem.title,
        };
        let said = crate::show::neutral::neutral(&said);
        match (self.status, said.as_str()) {
            (StatusCode::UNAUTHORIZED, _) => {
                bail!("the sidecar wants a bearer token: give it with --token-file FILE or in SPANDREL_TOKEN")
            }
            (status, "") => bail!("the sidecar answered {status}"),
            (status, said) => bail!("{said} ({status})"),
        }
    }
}
