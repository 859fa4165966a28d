use std::sync::Arc;

use spandrel_config::Config;
use spandrel_store::{Receiver, Record, Store};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Lines, Socket, bind_unix};
use crate::counters::Counters;
use crate::intake::Intake;

struct Setup {
    folder: tempfile::TempDir,
    store: Store,
    lines: Lines,
}

fn setup(receiver: Receiver) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.storage.directory = folder.path().join("data");
    let registry = prometheus::Registry::new();
    let store = Store::open(&config.storage, &config.limits, &registry).unwrap();
    let intake = Intake::new(store.clone(), &config, Counters::register(&registry).unwrap());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let resource = vec![("service.name".to_owned(), "cart".to_owned())];
    Setup { folder, store, lines: Lines { intake, receiver, resource, connections_max: 4, tasks, stop } }
}

/// Waits until so many records came.
async fn come(tail: &mut tokio::sync::broadcast::Receiver<Arc<[Arc<Record>]>>, count: usize) {
    let mut come = 0;
    while come < count {
        come += tail.recv().await.unwrap().len();
    }
}

#[tokio::test]
async fn lines_of_many_tcp_connections_are_kept() {
    let Setup { folder: _folder, store, lines } = setup(Receiver::TcpLog);
    let mut tail = store.subscribe();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tasks, stop) = (lines.tasks.clone(), lines.stop.clone());
    tasks.spawn(lines.accept(Socket::Tcp(listener)));
    for number in 0..8 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("line {number}\nlast {number}").as_bytes()).await.unwrap();
    }
    come(&mut tail, 16).await;
    // A connection that stays open does not hold up the end.
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"held\n").await.unwrap();
    come(&mut tail, 1).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn a_unix_socket_replaces_one_that_was_left_behind() {
    let Setup { folder, store, lines } = setup(Receiver::UnixLog);
    let path = folder.path().join("lines.sock");
    drop(bind_unix(&path).unwrap());
    let listener = bind_unix(&path).unwrap();
    assert!(bind_unix(&path).is_err(), "one that is in use is not");
    let mut tail = store.subscribe();
    let (tasks, stop) = (lines.tasks.clone(), lines.stop.clone());
    tasks.spawn(lines.accept(Socket::Unix(listener)));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"{\"msg\":\"one\"}\n").await.unwrap();
    come(&mut tail, 1).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
