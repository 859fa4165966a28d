//! Loki's live tail over a real connection, its frames read byte by byte.

use std::time::Duration;

use serde_json::{Value as Json, json};
use spandrel_config::{Config, Storage};
use spandrel_query::QueryServer;
use spandrel_store::{Batch, Level, NewRecord, Receiver, Store, UnixNanos};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::loki::log;
use crate::request::path;

/// Nothing here is slower than this unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    store: Store,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    server: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

async fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.query.endpoint = "127.0.0.1:0".parse().unwrap();
    config.storage = Storage { directory: folder.path().to_owned(), ..Storage::default() };
    let registry = prometheus::Registry::new();
    let store = {
        let (storage, limits, registry) = (config.storage.clone(), config.limits.clone(), registry.clone());
        tokio::task::spawn_blocking(move || Store::open(&storage, &limits, &registry)).await.unwrap().unwrap()
    };
    let server = QueryServer::bind(&config, Some(store.clone()), &registry).await.unwrap();
    let (address, shutdown) = (server.address(), CancellationToken::new());
    let server = tokio::spawn(server.run(shutdown.clone()));
    Served { store, address, shutdown, server, _folder: folder }
}

impl Served {
    async fn keep(&self, records: Vec<NewRecord>) {
        let records = records.into_iter().map(NewRecord::into).collect();
        let batch = Batch {
            receiver: Receiver::OtlpHttp,
            received: UnixNanos::now(),
            records,
            checkpoints: Vec::new(),
            permit: None,
        };
        self.store.append(batch).await.unwrap();
    }

    /// A connection on which the head of the answer has been read.
    async fn upgraded(&self, params: &[(&str, &str)]) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let path = path("/loki/api/v1/tail", params);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (stream, String::from_utf8(head).unwrap())
    }
}

/// The next frame's kind and content; a server's frames are not masked.
async fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let read = async {
        let kind = stream.read_u8().await.unwrap() & 0x0f;
        let length = match stream.read_u8().await.unwrap() {
            126 => u64::from(stream.read_u16().await.unwrap()),
            127 => stream.read_u64().await.unwrap(),
            length => u64::from(length),
        };
        let mut content = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut content).await.unwrap();
        (kind, content)
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap()
}

async fn text(stream: &mut TcpStream) -> Json {
    loop {
        match frame(stream).await {
            (1, content) => return serde_json::from_slice(&content).unwrap(),
            (9, _) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn lines_come_as_they_are_kept() {
    let served = served().await;
    served
        .keep(vec![log("web", 1, Level::Info, "before", &[]), log("other", 1, Level::Info, "no", &[])])
        .await;
    let query = r#"{service_name="web"} |= "e""#;
    let (mut stream, head) =
        served.upgraded(&[("query", query), ("start", "1767268800"), ("limit", "10")]).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.to_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    let first = text(&mut stream).await;
    assert_eq!(first["streams"][0]["values"], json!([["1767268801000000000", "before"]]));
    assert_eq!(first["streams"][0]["stream"]["service_name"], "web");
    assert_eq!(first["streams"][0]["stream"]["detected_level"], "info");
    assert_eq!(first["dropped_entries"], Json::Null);
    served
        .keep(vec![log("web", 2, Level::Info, "nothing", &[]), log("other", 2, Level::Info, "here", &[])])
        .await;
    served.keep(vec![log("web", 3, Level::Warn, "live", &[])]).await;
    assert_eq!(text(&mut stream).await["streams"][0]["values"][0][1], "live");
    served.shutdown.cancel();
    assert_eq!(frame(&mut stream).await.0, 8, "the server says that it closes");
    tokio::time::timeout(PATIENCE, served.server).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_cannot_be_tailed_is_refused() {
    let served = served().await;
    let cases = [
        vec![("query", r#"rate({a="b"}[1m])"#)],
        vec![("query", "{")],
        vec![("query", r#"{a="b"}"#), ("delay_for", "6")],
    ];
    for params in cases {
        let (_, head) = served.upgraded(&params).await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    }
    served.shutdown.cancel();
    tokio::time::timeout(PATIENCE, served.server).await.unwrap().unwrap();
}
