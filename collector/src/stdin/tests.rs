use std::time::Instant;

use spandrel_config::{Config, StdinReceiver};
use spandrel_store::snapshot::Scan;
use spandrel_store::{Filter, Receiver, Record, Store, TimeRange};
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

use super::Stdin;
use crate::counters::Counters;
use crate::intake::Intake;

struct Setup {
    store: Store,
    stdin: Stdin,
    _folder: tempfile::TempDir,
}

fn setup() -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.storage.directory = folder.path().to_owned();
    let registry = prometheus::Registry::new();
    let store = Store::open(&config.storage, &config.limits, &registry).unwrap();
    let counters = Counters::register(&registry).unwrap();
    let intake = Intake::new(store.clone(), &config.limits, counters);
    let resource = vec![("service.name".to_owned(), "cart".to_owned())];
    let stdin = Stdin::new(intake, &StdinReceiver { enabled: true, resource });
    Setup { store, stdin, _folder: folder }
}

fn records(store: &Store) -> Vec<std::sync::Arc<Record>> {
    let deadline = Instant::now() + std::time::Duration::from_secs(60);
    let scan = Scan { filter: Filter::All, range: TimeRange::ALL, after: None, deadline };
    let mut records = Vec::new();
    let mut visit = |record| {
        records.push(record);
        std::ops::ControlFlow::Continue(())
    };
    store.snapshot().scan(&scan, &mut visit).unwrap();
    records
}

#[tokio::test]
async fn the_end_of_the_input_keeps_what_was_read() {
    let Setup { store, stdin, _folder } = setup();
    let input: &[u8] = b"{\"level\":\"error\",\"msg\":\"boom\"}\nplain text\nlast";
    stdin.run(input, CancellationToken::new()).await;
    let records = records(&store);
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record.receiver == Receiver::Stdin && record.service() == "cart"));
    assert!(records.iter().any(|record| record.original.as_deref() == Some(b"plain text")));
}

#[tokio::test]
async fn a_line_does_not_wait_for_others() {
    let Setup { store, stdin, _folder } = setup();
    let mut tail = store.subscribe();
    let (mut writer, reader) = tokio::io::duplex(64);
    let stop = CancellationToken::new();
    let running = tokio::spawn(stdin.run(reader, stop.clone()));
    writer.write_all(b"first\nsec").await.unwrap();
    let batch = tail.recv().await.unwrap();
    assert_eq!(batch.len(), 1);
    stop.cancel();
    running.await.unwrap();
    assert_eq!(records(&store).len(), 2);
}

#[tokio::test]
async fn more_lines_than_a_chunk_are_all_kept() {
    let Setup { store, stdin, _folder } = setup();
    let input: String = (0..5_000).map(|n| format!("line {n}\n")).collect();
    stdin.run(input.as_bytes(), CancellationToken::new()).await;
    assert_eq!(records(&store).len(), 5_000);
}
