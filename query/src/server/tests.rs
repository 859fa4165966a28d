use std::net::{Ipv4Addr, SocketAddr};

use spandrel_config::{Secret, Storage, TlsFiles};
use spandrel_store::otlp::{AnyValue, KeyValue, Resource, Span, Status, Value};
use spandrel_store::{
    Batch, Digits, Filter, Flags, NewRecord, Receiver, RecordBody, ResourceContext, SpanId, TimeRange,
    UnixNanos,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::*;
use crate::credentials::tests::{Authority, Issued};
use crate::source::{PageQuestion, Question};

/// Nothing here is slower than this unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    readiness: Readiness,
    roster: Arc<arc_swap::ArcSwap<crate::source::Roster>>,
    shutdown: CancellationToken,
    server: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

fn config(endpoint: SocketAddr) -> Config {
    let mut config = Config::default();
    config.query.endpoint = endpoint;
    config.limits.peer_timeout = PATIENCE;
    config
}

/// A port where nobody listens and that nobody else is given, bound by a socket that does not listen: it can be listened
/// on as long as this is kept.
fn reserved_port() -> (tokio::net::TcpSocket, SocketAddr) {
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.set_reuseaddr(true).unwrap();
    bound.bind(any_port()).unwrap();
    let address = bound.local_addr().unwrap();
    (bound, address)
}

fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

async fn bind(config: &Config) -> (Result<QueryServer, BindError>, tempfile::TempDir) {
    let (server, folder, _) = bind_with_store(config).await;
    (server, folder)
}

async fn bind_with_store(config: &Config) -> (Result<QueryServer, BindError>, tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage { directory: folder.path().to_owned(), ..Storage::default() };
    let registry = prometheus::Registry::new();
    let store = Store::open(&storage, &config.limits, &registry).unwrap();
    let mut config = config.clone();
    config.storage = storage;
    (QueryServer::bind(&config, Some(store.clone()), &registry).await, folder, store)
}

impl Running {
    async fn with(config: &Config) -> Running {
        let (server, folder) = bind(config).await;
        Running::serving(server.unwrap_or_else(|error| panic!("{error}")), folder)
    }

    fn serving(server: QueryServer, folder: tempfile::TempDir) -> Running {
        let (address, readiness, roster) = (server.address(), server.readiness(), server.peers.roster());
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(server.run(shutdown.clone()));
        Running { address, readiness, roster, shutdown, server, _folder: folder }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = self.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        read_to_end(&mut stream).await
    }

    async fn stopped(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.server).await.unwrap().unwrap();
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.unwrap().unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn it_answers_on_a_real_port_until_it_is_told_to_stop() {
    let running = Running::with(&config(any_port())).await;
    let alive = running.get("/healthz").await;
    assert!(alive.starts_with("HTTP/1.1 200"), "{alive}");
    assert!(running.get("/readyz").await.starts_with("HTTP/1.1 503"));
    running.readiness.set(true);
    assert!(running.get("/readyz").await.starts_with("HTTP/1.1 200"));
    running.readiness.set(false);
    assert!(running.get("/readyz").await.starts_with("HTTP/1.1 503"));
    let answer = running.get("/api/v1/search").await;
    assert!(answer.contains("\"complete\":true"), "{answer}");
    let address = running.address;
    running.stopped().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn live_tails_and_idle_connections_do_not_hold_up_a_shutdown() {
    let running = Running::with(&config(any_port())).await;
    let mut tail = running.connect().await;
    tail.write_all(b"GET /api/v1/tail HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut begun = [0; 12];
    tail.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    let _idle = running.connect().await;
    running.stopped().await;
    // It ended as a body ends, not in the middle.
    assert!(read_to_end(&mut tail).await.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_request_is_let_go() {
    let mut config = config(any_port());
    config.limits.request_timeout = Duration::from_millis(50);
    let running = Running::with(&config).await;
    let mut slow = running.connect().await;
    slow.write_all(b"GET /healthz HT").await.unwrap();
    read_to_end(&mut slow).await;
    assert!(running.get("/healthz").await.starts_with("HTTP/1.1 200"));
    running.stopped().await;
}

/// A sidecar with sixteen records of so many letters.
async fn with_large_records(config: &Config, letters: usize) -> Running {
    let (server, folder, store) = bind_with_store(config).await;
    let records = (0..16).map(|number| {
        let mut record = span_of("orders", number);
        if let RecordBody::Span(span) = &mut record.body {
            span.status = Some(Status { message: "x".repeat(letters), code: 2 });
        }
        record.into()
    });
    let (receiver, records) = (Receiver::OtlpHttp, records.collect());
    let batch =
        Batch { receiver, received: UnixNanos::now(), records, checkpoints: Vec::new(), permit: None };
    store.append(batch).await.unwrap();
    Running::serving(server.unwrap_or_else(|error| panic!("{error}")), folder)
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_let_go_with_what_it_held() {
    const LETTERS: usize = 1 << 20;
    let mut config = config(any_port());
    config.limits.request_timeout = Duration::from_millis(200);
    let running = with_large_records(&config, LETTERS).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut unread = socket.connect(running.address).await.unwrap();
    let request = b"GET /api/v1/search HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    unread.write_all(request).await.unwrap();
    // Others are answered meanwhile, and a reader that reads gets it all.
    let read = running.get("/api/v1/search").await;
    assert!(read.len() > 16 * LETTERS && read.ends_with("0\r\n\r\n"), "{} bytes", read.len());
    // What it sends now is answered with a reset, and it has not got all.
    let let_go = async {
        while unread.write_all(b"x").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, let_go).await.unwrap();
    running.stopped().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_one_to_end() {
    let mut config = config(any_port());
    config.limits.connections_max = 1;
    let running = Running::with(&config).await;
    let mut first = running.connect().await;
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut begun = [0; 12];
    first.read_exact(&mut begun).await.unwrap();
    let mut second = running.connect().await;
    second.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    drop(first);
    assert!(read_to_end(&mut second).await.starts_with("HTTP/1.1 200"));
    running.stopped().await;
}

#[tokio::test]
async fn absurd_requests_are_refused_and_the_next_one_is_served() {
    let running = Running::with(&config(any_port())).await;
    let long = running.get(&format!("/api/v1/search?q={}", "a".repeat(40_000))).await;
    assert!(long.starts_with("HTTP/1.1 400"), "{long}");
    let longer = running.get(&format!("/api/v1/search?q={}", "a".repeat(100_000))).await;
    assert!(longer.starts_with("HTTP/1.1 4"), "{longer}");
    let mut garbage = running.connect().await;
    garbage.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await.unwrap();
    read_to_end(&mut garbage).await;
    assert!(running.get("/healthz").await.starts_with("HTTP/1.1 200"));
    running.stopped().await;
}

#[tokio::test]
async fn off_loopback_it_does_not_start_without_a_token() {
    let everywhere = config(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    let (refused, _folder) = bind(&everywhere).await;
    assert!(matches!(refused, Err(BindError::Unprotected { .. })));

    let mut with_token = everywhere.clone();
    with_token.security.token = Some(Secret("t".to_owned()));
    assert!(bind(&with_token).await.0.is_ok());

    let mut insecure = everywhere;
    insecure.security.insecure = true;
    assert!(bind(&insecure).await.0.is_ok());
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let running = Running::with(&config(any_port())).await;
    let (refused, _folder) = bind(&config(running.address)).await;
    let error = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(&running.address.to_string()), "{error}");
    running.stopped().await;
}

/// A sidecar with the services named, one span each, all in one trace.
async fn sidecar_of(services: &[&str], peers: Vec<String>) -> Running {
    sidecar_at(any_port(), services, peers).await
}

async fn sidecar_at(address: SocketAddr, services: &[&str], peers: Vec<String>) -> Running {
    let mut config = config(address);
    config.federation.peers = peers;
    let (server, folder, store) = bind_with_store(&config).await;
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    let records = services.iter().enumerate().map(|(number, service)| span_of(service, number).into());
    let records = records.collect();
    let batch = Batch {
        receiver: Receiver::OtlpHttp,
        received: UnixNanos::now(),
        records,
        checkpoints: Vec::new(),
        permit: None,
    };
    store.append(batch).await.unwrap();
    Running::serving(server, folder)
}

fn span_of(service: &str, number: usize) -> NewRecord {
    let value = Some(AnyValue { value: Some(Value::StringValue(service.to_owned())) });
    let name = KeyValue { key: "service.name".to_owned(), value, ..KeyValue::default() };
    let resource = Resource { attributes: vec![name], ..Resource::default() };
    let span = Span {
        trace_id: vec![1; 16],
        span_id: SpanId::from_text(&format!("{:x}", fxhash(service) + number as u64), Digits::Hex)
            .unwrap()
            .0
            .to_vec(),
        name: format!("GET /{service}"),
        start_time_unix_nano: UnixNanos::now().0,
        end_time_unix_nano: UnixNanos::now().0,
        ..Span::default()
    };
    NewRecord {
        resource: Arc::new(ResourceContext { resource: Some(resource), schema_url: String::new() }),
        scope: Arc::default(),
        body: RecordBody::Span(Box::new(span)),
        level: None,
        flags: Flags::NONE,
        original: None,
    }
}

/// Distinct for the names here, and not zero.
fn fxhash(text: &str) -> u64 {
    text.bytes().fold(17, |hash, byte| (hash * 31 + u64::from(byte)) % 1_000_000_007)
}

impl Running {
    async fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path).await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
    }

    /// Asks until the answer is as wanted; what is told in the background takes a moment.
    async fn json_when(&self, path: &str, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let begun = tokio::time::Instant::now();
        loop {
            let json = self.json(path).await;
            if wanted(&json) {
                return json;
            }
            assert!(begun.elapsed() < PATIENCE, "{json}");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn peers_that_are_not_there_are_named_with_the_reason() {
    let (_bound, nobody) = reserved_port();
    let nobody = nobody.to_string();
    let running = sidecar_of(&["orders"], vec![nobody.clone()]).await;
    let answer = running.json("/api/v1/search").await;
    assert_eq!(answer["records"].as_array().unwrap().len(), 1);
    let coverage = &answer["coverage"];
    assert_eq!(
        (&coverage["complete"], &coverage["asked"], &coverage["answered"]),
        (&false.into(), &2.into(), &1.into())
    );
    assert_eq!(
        (&coverage["missing"][0]["peer"], &coverage["missing"][0]["reason"]),
        (&nobody.as_str().into(), &"refused".into())
    );
    assert!(running.get("/api/v1/search?scope=local").await.contains(r#""complete":true"#));
    let metrics = running.get("/metrics").await;
    let last = format!("spandrel_peer_last_error_timestamp_seconds{{peer=\"{nobody}\",reason=\"refused\"}}");
    assert!(metrics.contains(&last) && metrics.contains("spandrel_peer_up"), "{metrics}");
    let required = running.get("/api/v1/search?require=complete").await;
    assert!(required.starts_with("HTTP/1.1 503") && required.contains("refused"), "{required}");
    running.stopped().await;
}

#[tokio::test]
async fn a_peer_answers_every_kind_of_question() {
    let payment = sidecar_of(&["payment", "ledger"], Vec::new()).await;
    let orders = sidecar_of(&["orders"], vec![payment.address.to_string()]).await;
    let found = orders.json("/api/v1/search").await;
    assert_eq!(found["records"].as_array().unwrap().len(), 3, "{found}");
    assert_eq!(
        found["coverage"],
        serde_json::json!({"complete": true, "asked": 2, "answered": 2, "missing": []})
    );
    let trace = orders.json("/api/v1/traces/01010101010101010101010101010101").await;
    assert_eq!(trace["services"], serde_json::json!(["ledger", "orders", "payment"]));
    let traces = orders.json("/api/v1/traces?q=service:ledger").await;
    assert_eq!(traces["traces"][0]["spans"], 3, "{traces}");
    let counts = orders.json("/api/v1/histogram?by=service").await;
    assert_eq!(counts["series"].as_array().unwrap().len(), 3, "{counts}");
    let values = orders.json("/api/v1/fields/service/values").await;
    assert_eq!(values["values"].as_array().unwrap().len(), 3);
    assert!(orders.get("/api/v1/fields").await.contains("service.name"));
    let services = orders.json("/api/v1/services?q=name:GET*").await;
    assert_eq!(services["services"].as_array().unwrap().len(), 3);
    let graph = orders.json("/api/v1/graph").await;
    assert_eq!(graph["nodes"].as_array().unwrap().len(), 3, "{graph}");
    let peers = orders.json_when("/api/v1/peers", |peers| peers["peers"][1]["service"].is_string()).await;
    assert_eq!(peers["peers"][1]["state"], "up", "{peers}");
    assert_eq!(peers["peers"][1]["records"], 2);
    // Each says who it is, to itself and to others.
    let own = payment.json("/api/v1/peers").await["peers"][0]["id"].clone();
    assert!(own.as_str().is_some_and(|id| id.len() == 32) && own == peers["peers"][1]["id"], "{own} {peers}");
    let page = orders.json("/api/v1/search?limit=1").await;
    let next = page["next_cursor"].as_str().unwrap();
    let page = orders.json(&format!("/api/v1/search?limit=2&cursor={next}")).await;
    assert_eq!(page["records"].as_array().unwrap().len(), 2);
    assert!(page["next_cursor"].is_null());
    assert!(orders.get("/metrics").await.contains("spandrel_peer_up"));
    orders.stopped().await;
    payment.stopped().await;
}

#[tokio::test]
async fn a_sidecar_that_lists_itself_and_one_peer_twice_asks_each_once() {
    let payment = sidecar_of(&["payment"], Vec::new()).await;
    let twice = vec![payment.address.to_string(), format!("localhost:{}", payment.address.port())];
    let orders = sidecar_of(&["orders"], twice).await;
    // From the very first answer on.
    let counts = orders.json("/api/v1/histogram?step=1d").await;
    assert_eq!(counts["series"][0]["points"][0][1], 2, "{counts}");
    assert_eq!(counts["coverage"]["complete"], true);
    let known = |peers: &serde_json::Value| peers["peers"].to_string().contains("duplicate");
    let peers = orders.json_when("/api/v1/peers", known).await;
    assert_eq!(peers["coverage"]["asked"], 2, "{peers}");
    orders.stopped().await;
    payment.stopped().await;

    let (_bound, own) = reserved_port();
    let mut config = config(own);
    config.federation.peers = vec![own.to_string()];
    let alone = Running::with(&config).await;
    let answer = alone.json("/api/v1/search").await;
    assert_eq!(
        answer["coverage"],
        serde_json::json!({"complete": true, "asked": 1, "answered": 1, "missing": []})
    );
    alone.json_when("/api/v1/peers", |peers| peers["peers"][1]["state"] == "itself").await;
    alone.stopped().await;
}

#[tokio::test]
async fn a_peer_that_wants_another_token_is_named_as_unauthorized_and_tells_nothing() {
    let mut guarded = config(any_port());
    guarded.security.token = Some(Secret("right".to_owned()));
    let guarded = Running::with(&guarded).await;
    let mut asking = config(any_port());
    asking.federation.peers = vec![guarded.address.to_string()];
    let without = Running::with(&asking).await;
    let answer = without.json("/api/v1/search").await;
    assert_eq!(answer["coverage"]["missing"][0]["reason"], "unauthorized", "{answer}");
    without.stopped().await;
    guarded.stopped().await;
}

#[tokio::test]
async fn a_gateway_answers_for_its_peers_and_a_gateway_of_gateways_too() {
    let payment = sidecar_of(&["payment"], Vec::new()).await;
    let orders = sidecar_of(&["orders"], Vec::new()).await;
    let both = [&payment, &orders].map(|sidecar| sidecar.address.to_string());
    let lower = gateway(both.to_vec()).await;
    let higher = gateway(vec![lower.address.to_string()]).await;
    for gateway in [&lower, &higher] {
        let found = gateway.json("/api/v1/traces/01010101010101010101010101010101").await;
        assert_eq!(found["services"], serde_json::json!(["orders", "payment"]), "{found}");
        let whole = serde_json::json!({"complete": true, "asked": 2, "answered": 2, "missing": []});
        assert_eq!(found["coverage"], whole);
        let counts = gateway.json("/api/v1/histogram?step=1d").await;
        assert_eq!(counts["series"][0]["points"][0][1], 2, "{counts}");
    }
    let lost = orders.address.to_string();
    orders.stopped().await;
    for gateway in [&lower, &higher] {
        let found = gateway.json_when("/api/v1/search", |found| found["coverage"]["complete"] == false).await;
        assert_eq!(found["records"].as_array().unwrap().len(), 1, "{found}");
        assert_eq!(found["coverage"]["missing"][0]["peer"], lost, "{found}");
        assert_eq!(found["coverage"]["answered"], 1, "{found}");
    }
    higher.stopped().await;
    lower.stopped().await;
    payment.stopped().await;
}

#[tokio::test]
async fn pages_of_which_a_peer_has_more_than_one_answer_may_hold_are_shorter_and_lose_nothing() {
    let mut small = config(any_port());
    small.limits.answer_bytes_max = spandrel_config::ByteSize::kib(30);
    let (large, other) = (with_large_records(&small, 5_000).await, sidecar_of(&["cart"], Vec::new()).await);
    let gateway = gateway(vec![large.address.to_string(), other.address.to_string()]).await;
    let mut ids = std::collections::HashSet::new();
    let (mut cursor, mut pages) = (String::new(), 0);
    loop {
        let page = gateway.json(&format!("/api/v1/search?limit=100{cursor}")).await;
        assert_eq!(page["coverage"]["complete"], true, "{}", page["coverage"]);
        ids.extend(page["records"].as_array().unwrap().iter().map(|record| record["id"].to_string()));
        pages += 1;
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(ids.len(), 17);
    assert!(pages > 3, "{pages} pages");
}

#[tokio::test]
async fn a_cycle_of_gateways_is_cut() {
    let payment = sidecar_of(&["payment"], Vec::new()).await;
    let [(_one, one), (_other, other)] = [reserved_port(), reserved_port()];
    let first = gateway_at(one, vec![other.to_string(), payment.address.to_string()]).await;
    let second = gateway_at(other, vec![one.to_string()]).await;
    for gateway in [&first, &second] {
        let whole = |counts: &serde_json::Value| counts["coverage"]["complete"] == true;
        let counts = gateway.json_when("/api/v1/histogram?step=1d", whole).await;
        assert_eq!(counts["series"][0]["points"][0][1], 1, "{counts}");
        assert_eq!(counts["coverage"]["asked"], 1, "{counts}");
    }
    first.stopped().await;
    second.stopped().await;
    payment.stopped().await;
}

async fn gateway(peers: Vec<String>) -> Running {
    gateway_at(any_port(), peers).await
}

async fn gateway_at(address: SocketAddr, peers: Vec<String>) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(address);
    config.storage.directory = folder.path().join("gateway");
    config.federation.peers = peers;
    let server = QueryServer::bind(&config, None, &prometheus::Registry::new()).await;
    Running::serving(server.unwrap_or_else(|error| panic!("{error}")), folder)
}

#[tokio::test]
async fn a_peer_that_comes_back_without_its_records_is_gone_and_there() {
    let (_bound, address) = reserved_port();
    let first = sidecar_at(address, &["payment"], Vec::new()).await;
    let orders = sidecar_of(&["orders"], vec![address.to_string()]).await;
    let seen = |peers: &serde_json::Value| peers["peers"][1]["service"] == "payment";
    orders.json_when("/api/v1/peers", seen).await;
    assert_eq!(orders.json("/api/v1/search").await["coverage"]["complete"], true);
    first.stopped().await;
    let second = Running::with(&config(address)).await;
    let gone = |found: &serde_json::Value| found["coverage"]["missing"][0]["reason"] == "gone";
    let found = orders.json_when("/api/v1/search", gone).await;
    assert_eq!(
        (&found["coverage"]["asked"], &found["coverage"]["answered"]),
        (&2.into(), &2.into()),
        "{found}"
    );
    assert_eq!(found["coverage"]["missing"][0]["service"], "payment", "{found}");
    // Not where the question is about another time.
    let before = orders.json("/api/v1/search?start=2001-01-01T00:00:00Z&end=2001-01-02T00:00:00Z").await;
    assert_eq!(before["coverage"]["complete"], true, "{before}");
    let peers = orders.json("/api/v1/peers").await;
    assert_eq!(peers["peers"][2]["state"], "gone", "{peers}");
    orders.stopped().await;
    second.stopped().await;
}

/// With certificates, whoever listed it.
async fn over_tls(issued: &Issued, server_name: Option<&str>, peers: Vec<String>) -> Running {
    let mut config = config(any_port());
    let server_name = server_name.map(str::to_owned);
    config.security.tls = Some(TlsFiles { server_name, ..issued.files() });
    config.federation.peers = peers;
    Running::with(&config).await
}

/// What a sidecar with these certificates says of its one peer.
async fn coverage_over_tls(issued: &Issued, server_name: Option<&str>, peer: String) -> serde_json::Value {
    let asking = over_tls(issued, server_name, vec![peer]).await;
    let about = Question { filter: Filter::All, range: TimeRange::ALL, deadline: Instant::now() + PATIENCE };
    let roster = asking.roster.load_full();
    let answer = roster.sources[1].search(PageQuestion { about, after: None, limit: 10 }).await;
    asking.stopped().await;
    answer.err().map_or("complete".into(), |error| error.reason().into())
}

#[tokio::test]
async fn sidecars_with_certificates_of_one_authority_ask_each_other_and_no_others() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (one, other) = (authority.issue("localhost"), authority.issue("spandrel"));
    let payment = over_tls(&one, None, Vec::new()).await;
    let by_name = format!("localhost:{}", payment.address.port());
    assert_eq!(coverage_over_tls(&other, None, by_name.clone()).await, "complete");
    // An address is in no certificate here, so that the name to expect has to be said.
    let by_address = payment.address.to_string();
    assert_eq!(coverage_over_tls(&other, None, by_address.clone()).await, "unauthorized");
    assert_eq!(coverage_over_tls(&other, Some("localhost"), by_address).await, "complete");
    let wrong = stranger.issue("localhost");
    assert_eq!(coverage_over_tls(&wrong, None, by_name.clone()).await, "unauthorized");
    // Without TLS nobody gets anywhere, and both sides say why.
    let plain = sidecar_of(&["orders"], vec![by_name]).await;
    let answer = plain.json("/api/v1/search").await;
    assert_eq!(answer["coverage"]["answered"], 1, "{answer}");
    assert_eq!(answer["coverage"]["missing"][0]["reason"], "unauthorized", "{answer}");
    let peers = plain.json("/api/v1/peers").await.to_string();
    assert!(peers.contains("it speaks TLS alone"), "{peers}");
    let asking = over_tls(&other, None, vec![plain.address.to_string()]).await;
    let about = Question { filter: Filter::All, range: TimeRange::ALL, deadline: Instant::now() + PATIENCE };
    let source = asking.roster.load_full().sources[1].clone();
    let refused = source.search(PageQuestion { about, after: None, limit: 10 }).await.err().unwrap();
    assert!(refused.reason() == "unauthorized" && refused.to_string().contains("not speak TLS"), "{refused}");
    asking.stopped().await;
    plain.stopped().await;
    payment.stopped().await;
}

/// Carries connections to an address; what comes back waits until it is told to.
async fn late_proxy(
    to: SocketAddr,
    go: CancellationToken,
) -> (SocketAddr, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let go = go.clone();
            tokio::spawn(async move {
                let (mut from_near, mut to_near) = near.into_split();
                let (mut from_far, mut to_far) = TcpStream::connect(to).await.unwrap().into_split();
                let there = tokio::io::copy(&mut from_near, &mut to_far);
                let back = async {
                    go.cancelled().await;
                    tokio::io::copy(&mut from_far, &mut to_near).await
                };
                let _ = tokio::join!(there, back);
            });
        }
    });
    (address, connections)
}

#[tokio::test]
async fn a_connection_that_takes_longer_to_be_made_than_a_question_may_is_there_for_a_later_one() {
    let authority = Authority::new();
    let payment = over_tls(&authority.issue("localhost"), None, Vec::new()).await;
    let go = CancellationToken::new();
    let (late, connections) = late_proxy(payment.address, go.clone()).await;
    let mut config = config(any_port());
    let issued = authority.issue("localhost");
    config.security.tls = Some(TlsFiles { server_name: Some("localhost".to_owned()), ..issued.files() });
    config.federation.peers = vec![late.to_string()];
    config.limits.peer_timeout = Duration::from_millis(20);
    let asking = Running::with(&config).await;
    let source = asking.roster.load_full().sources[1].clone();
    let ask = async || {
        let deadline = Instant::now() + PATIENCE;
        let about = Question { filter: Filter::All, range: TimeRange::ALL, deadline };
        source.search(PageQuestion { about, after: None, limit: 10 }).await.map(|reply| reply.body.len())
    };
    for _ in 0..3 {
        assert_eq!(ask().await.err().map(|error| error.reason()), Some("timeout"));
    }
    go.cancel();
    let begun = Instant::now();
    while ask().await != Ok(0) {
        assert!(begun.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    assert_eq!(connections.load(std::sync::atomic::Ordering::Relaxed), 1, "it was made once");
    asking.stopped().await;
    payment.stopped().await;
}

/// A connection of HTTP/2 with such windows for what it is sent.
async fn http2(running: &Running, window_bytes: u32) -> h2::client::SendRequest<bytes::Bytes> {
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(window_bytes);
    let (requests, connection) = builder.handshake(running.connect().await).await.unwrap();
    tokio::spawn(connection);
    requests
}

fn get_over_http2(path: &str) -> axum::http::Request<()> {
    axum::http::Request::get(format!("http://localhost{path}")).body(()).unwrap()
}

fn question() -> axum::http::Request<()> {
    let path = format!("http://localhost{}", crate::federation::ASK_PATH);
    axum::http::Request::post(path).header("content-type", "application/grpc").body(()).unwrap()
}

async fn body(mut body: h2::RecvStream) -> Result<usize, h2::Error> {
    let mut bytes = 0;
    while let Some(piece) = body.data().await {
        let piece = piece?;
        bytes += piece.len();
        body.flow_control().release_capacity(piece.len())?;
    }
    Ok(bytes)
}

#[tokio::test]
async fn an_answer_over_http2_that_is_not_taken_is_given_up_whatever_else_is_said_and_no_other_is() {
    const LETTERS: usize = 1 << 20;
    let mut config = config(any_port());
    config.limits.request_timeout = Duration::from_millis(300);
    // Room for one of the answers.
    config.limits.answers_bytes_max = spandrel_config::ByteSize::mib(40);
    let running = with_large_records(&config, LETTERS).await;
    let mut requests = http2(&running, 1_000).await;
    let (unread, _) = requests.send_request(get_over_http2("/api/v1/search"), true).unwrap();
    let unread = unread.await.unwrap().into_body();
    // Of this one little is asked for, and it goes on: a tail with nothing to tell.
    let (tail, _) = requests.send_request(get_over_http2("/api/v1/tail"), true).unwrap();
    let mut tail = tail.await.unwrap().into_body();
    assert!(tail.data().await.unwrap().is_ok());
    // The connection says something all the time.
    let talking = async {
        loop {
            let (alive, _) = requests
                .clone()
                .ready()
                .await
                .unwrap()
                .send_request(get_over_http2("/healthz"), true)
                .unwrap();
            body(alive.await.unwrap().into_body()).await.unwrap();
        }
    };
    let mut unread = unread;
    let given_up = async {
        let first = unread.data().await.unwrap().unwrap();
        assert!(first.len() <= 1_000);
        unread.data().await.unwrap().unwrap_err()
    };
    let error = tokio::select! {
        error = tokio::time::timeout(PATIENCE, given_up) => error.unwrap(),
        () = talking => unreachable!(),
    };
    assert!(error.is_reset(), "{error}");
    assert!(futures_util::FutureExt::now_or_never(tail.data()).is_none(), "the tail has ended");
    // What it held is there for others.
    let read = running.get("/api/v1/search").await;
    assert!(read.len() > 16 * LETTERS && read.contains(r#""complete":true"#), "{} bytes", read.len());
    let mut reader = http2(&running, 60_000).await;
    let (whole, _) = reader.send_request(get_over_http2("/api/v1/search"), true).unwrap();
    assert!(body(whole.await.unwrap().into_body()).await.unwrap() > 16 * LETTERS);
    running.stopped().await;
}

#[tokio::test]
async fn calls_that_are_given_up_by_the_hundred_do_not_end_the_connection() {
    let running = Running::with(&config(any_port())).await;
    let mut requests = http2(&running, 60_000).await;
    for _ in 0..500 {
        requests = requests.ready().await.unwrap();
        let (_, mut call) = requests.send_request(question(), false).unwrap();
        call.send_reset(h2::Reason::CANCEL);
    }
    loop {
        requests = requests.ready().await.unwrap();
        let (alive, _) = requests.send_request(get_over_http2("/healthz"), true).unwrap();
        match alive.await {
            Ok(alive) => break assert_eq!(alive.status(), 200),
            // It has not come to those that were given up, and takes no more than it may at once.
            Err(error) => assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM), "{error}"),
        }
    }
    running.stopped().await;
}

/// Why a question was refused.
fn reason(answer: &axum::http::Response<h2::RecvStream>) -> Option<&str> {
    answer.headers().get("spandrel-reason")?.to_str().ok()
}

#[tokio::test]
async fn questions_that_never_come_whole_are_let_go_and_take_no_more_than_they_may() {
    let mut config = config(any_port());
    config.limits.request_timeout = Duration::from_millis(300);
    config.limits.request_bytes_max = spandrel_config::ByteSize::kib(64);
    let running = Running::with(&config).await;
    let mut requests = http2(&running, 60_000).await;
    // Each says that it has a megabyte.
    let half = bytes::Bytes::from([&[0][..], &(1_u32 << 20).to_be_bytes(), &[0; 40_000]].concat());
    let (first, mut call) = requests.send_request(question(), false).unwrap();
    call.send_data(half.clone(), false).unwrap();
    let (second, mut other) = requests.send_request(question(), false).unwrap();
    other.send_data(half, false).unwrap();
    let both = async { tokio::join!(first, second) };
    let (first, second) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    let mut reasons = [first.unwrap(), second.unwrap()].map(|answer| reason(&answer).map(str::to_owned));
    reasons.sort();
    assert_eq!(reasons, [Some("busy".to_owned()), Some("timeout".to_owned())]);
    // Nor what is small and would become large.
    let nodes = bytes::Bytes::from(b"\x0a\x00".repeat(10_000));
    let filter = [&[0x22][..], &[0xa0, 0x9c, 0x01], &nodes].concat();
    let framed = [&[0][..], &u32::try_from(filter.len()).unwrap().to_be_bytes(), &filter].concat();
    let (unfolding, mut call) = requests.send_request(question(), false).unwrap();
    call.send_data(framed.into(), true).unwrap();
    assert_eq!(reason(&unfolding.await.unwrap()), Some("busy"));
    running.stopped().await;
}

#[tokio::test]
async fn over_tls_a_client_without_a_certificate_needs_the_token() {
    let authority = Authority::new();
    let issued = authority.issue("localhost");
    let mut config = config(any_port());
    config.security.tls = Some(issued.files());
    config.security.token = Some(Secret("right".to_owned()));
    let running = Running::with(&config).await;
    let trusted = crate::credentials::Authority::read(&issued.files().ca_file).unwrap();
    let get = async |path: &str, token: &str| {
        let mut stream = trusted.connect("localhost", running.connect().await).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8(answer).unwrap()
    };
    assert!(get("/api/v1/search", "wrong").await.starts_with("HTTP/1.1 401"));
    assert!(get("/api/v1/search", "right").await.starts_with("HTTP/1.1 200"));
    assert!(get("/healthz", "").await.starts_with("HTTP/1.1 200"));
    running.stopped().await;
}
