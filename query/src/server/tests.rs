use std::net::{Ipv4Addr, SocketAddr};

use spandrel_config::{Secret, Storage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Nothing here is slower than this unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    readiness: Readiness,
    shutdown: CancellationToken,
    server: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

fn config(endpoint: SocketAddr) -> Config {
    let mut config = Config::default();
    config.query.endpoint = endpoint;
    config
}

fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

async fn bind(config: &Config) -> (Result<QueryServer, BindError>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage { directory: folder.path().to_owned(), ..Storage::default() };
    let registry = prometheus::Registry::new();
    let store = Store::open(&storage, &config.limits, &registry).unwrap();
    (QueryServer::bind(config, store, &registry).await, folder)
}

impl Running {
    async fn with(config: &Config) -> Running {
        let (server, folder) = bind(config).await;
        let server = server.unwrap_or_else(|error| panic!("{error}"));
        let (address, readiness) = (server.address(), server.readiness());
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(server.run(shutdown.clone()));
        Running { address, readiness, shutdown, server, _folder: folder }
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

#[tokio::test]
async fn configured_peers_are_named_as_missing_while_they_cannot_be_asked() {
    let mut config = config(any_port());
    config.federation.peers = vec!["payment:7317".to_owned()];
    let running = Running::with(&config).await;
    let answer = running.get("/api/v1/search").await;
    assert!(answer.contains(r#""complete":false,"asked":2,"answered":1"#), "{answer}");
    assert!(answer.contains(r#""peer":"payment:7317""#), "{answer}");
    assert!(running.get("/api/v1/search?scope=local").await.contains(r#""complete":true"#));
    running.stopped().await;
}
