//! A collector on ports of its own with a store in a temporary folder, and plain clients for it.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spandrel_collector::Collector;
use spandrel_config::Config;
use spandrel_store::snapshot::Scan;
use spandrel_store::{Filter, Record, Stop, Store, TimeRange};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) struct Harness {
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) forward: Option<SocketAddr>,
    pub(crate) syslog_tcp: Option<SocketAddr>,
    pub(crate) syslog_udp: Option<SocketAddr>,
    pub(crate) store: Store,
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: JoinHandle<()>,
    registry: prometheus::Registry,
    _folder: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A request that is refused: headers, body, status and the reason that is counted.
pub(crate) type Case<'a> = (&'a [(&'a str, &'a str)], Vec<u8>, u16, &'a str);

/// The answer to a gRPC call; `message` has its frame.
pub(crate) struct Called {
    pub(crate) status: tonic::Status,
    pub(crate) headers: HeaderMap,
    pub(crate) message: Bytes,
}

impl Harness {
    pub(crate) async fn start() -> Harness {
        Harness::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Harness {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        config.receivers.otlp.grpc = Some(any_port);
        config.receivers.otlp.http = Some(any_port);
        config.storage.directory = folder.path().to_owned();
        config.shutdown.linger = Duration::ZERO;
        change(&mut config);
        let registry = prometheus::Registry::new();
        let store = Store::open(&config.storage, &config.limits, &registry).unwrap();
        let collector = Collector::bind(&config, store.clone(), &registry).await.unwrap();
        let addresses = collector.addresses();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(collector.run(shutdown.clone()));
        let (http, grpc) = (addresses.http.unwrap(), addresses.grpc.unwrap());
        Harness {
            http,
            grpc,
            forward: addresses.fluentforward,
            syslog_tcp: addresses.syslog_tcp,
            syslog_udp: addresses.syslog_udp,
            store,
            shutdown,
            running,
            registry,
            _folder: folder,
        }
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.request("POST", path, headers, body.into()).await
    }

    pub(crate) async fn post_spans(&self, request: &ExportTraceServiceRequest) -> Answer {
        self.post("/v1/traces", &[PROTOBUF], request.encode_to_vec()).await
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Answer {
        let stream = TcpStream::connect(self.http).await.unwrap();
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "spandrel");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = client.send_request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A unary call with any bytes for a body.
    pub(crate) async fn call(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Called {
        let stream = TcpStream::connect(self.grpc).await.unwrap();
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let uri = format!("http://{}{path}", self.grpc);
        let mut request =
            Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = client.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        connection.abort();
        let status = tonic::Status::from_header_map(&trailers)
            .or_else(|| tonic::Status::from_header_map(&parts.headers))
            .unwrap();
        Called { status, headers: parts.headers, message: body.to_bytes() }
    }

    /// Everything that is kept, newest first.
    pub(crate) fn records(&self) -> Vec<Arc<Record>> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let scan =
            Scan { filter: Filter::All, range: TimeRange::ALL, after: None, deadline, stop: Stop::default() };
        let mut records = Vec::new();
        self.store
            .snapshot()
            .scan(&scan, &mut |record| {
                records.push(record);
                ControlFlow::Continue(())
            })
            .unwrap();
        records
    }

    /// The value of a series; 0 where there is none.
    pub(crate) fn counter(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let families = self.registry.gather();
        let metrics = families.iter().filter(|family| family.name() == name).flat_map(|f| f.get_metric());
        let has = |metric: &&prometheus::proto::Metric| {
            labels.iter().all(|(name, value)| {
                metric.get_label().iter().any(|label| label.name() == *name && label.value() == *value)
            })
        };
        metrics.filter(has).map(|metric| metric.get_counter().get_value() as u64).sum()
    }

    pub(crate) fn requests_refused(&self, receiver: &str, reason: &str) -> u64 {
        let labels = [("receiver", receiver), ("reason", reason)];
        self.counter("spandrel_receiver_requests_refused_total", &labels)
    }

    pub(crate) fn cut(&self, what: &str) -> u64 {
        self.counter("spandrel_receiver_cut_total", &[("what", what)])
    }

    /// A good request is served, whatever came before.
    pub(crate) async fn assert_serves(&self) {
        let before = self.store.snapshot().record_count();
        let answer = self.post_spans(&one_span(valid_span("afterwards"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(self.store.snapshot().record_count(), before + 1);
    }
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The `google.rpc.Status` of a refusal in protobuf.
    pub(crate) fn rpc_status(&self) -> tonic_types::Status {
        assert_eq!(self.headers["content-type"], "application/x-protobuf");
        tonic_types::Status::decode(self.body.clone()).unwrap()
    }
}

pub(crate) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

pub(crate) fn valid_span(name: &str) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: rand_span_id(),
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_500_000_000,
        ..Span::default()
    }
}

/// Span ids that differ, so that no two spans are the same one.
fn rand_span_id() -> Vec<u8> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes().to_vec()
}

pub(crate) fn one_span(span: Span) -> ExportTraceServiceRequest {
    spans(vec![span])
}

pub(crate) fn spans(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let resource = Resource { attributes: vec![text("service.name", "orders")], ..Resource::default() };
    let scope = InstrumentationScope { name: "tests".to_owned(), ..InstrumentationScope::default() };
    let scope_spans = ScopeSpans { scope: Some(scope), spans, schema_url: String::new() };
    let resource_spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        schema_url: "https://example.com/schema".to_owned(),
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A gRPC message with its frame.
pub(crate) fn framed(compressed: bool, message: &[u8]) -> Vec<u8> {
    let mut framed = vec![u8::from(compressed)];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend_from_slice(message);
    framed
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// Unfolds to a gibibyte: a thousand members of a mebibyte each.
pub(crate) fn gzip_bomb() -> Vec<u8> {
    gzip(&vec![0; 1 << 20]).repeat(1 << 10)
}

pub(crate) const TRACE_EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
