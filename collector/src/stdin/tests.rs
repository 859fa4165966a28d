use std::time::Duration;

use spandrel_config::{Config, StdinReceiver};
use spandrel_store::{Receiver, Store};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::intake::Intake;
use crate::testing::records;

struct Setup {
    store: Store,
    intake: Intake,
    config: StdinReceiver,
    _folder: tempfile::TempDir,
}

fn setup() -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.storage.directory = folder.path().to_owned();
    let registry = prometheus::Registry::new();
    let store = Store::open(&config.storage, &config.limits, &registry).unwrap();
    let counters = Counters::register(&registry).unwrap();
    let intake = Intake::new(store.clone(), &config, counters);
    let resource = vec![("service.name".to_owned(), "cart".to_owned())];
    Setup { store, intake, config: StdinReceiver { enabled: true, resource }, _folder: folder }
}

#[tokio::test]
async fn the_end_of_the_input_keeps_what_was_read() {
    let Setup { store, intake, config, _folder } = setup();
    let input: &[u8] = b"{\"level\":\"error\",\"msg\":\"boom\"}\nplain text\nlast";
    super::run(intake, config, input, CancellationToken::new()).await;
    let records = records(&store);
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record.receiver == Receiver::Stdin && record.service() == "cart"));
    assert!(records.iter().any(|record| record.original.as_deref() == Some(b"plain text")));
}

#[tokio::test]
async fn a_line_does_not_wait_for_others() {
    let Setup { store, intake, config, _folder } = setup();
    let mut tail = store.subscribe();
    let (mut writer, reader) = tokio::io::duplex(64);
    let stop = CancellationToken::new();
    let running = tokio::spawn(super::run(intake, config, reader, stop.clone()));
    writer.write_all(b"first\nsec").await.unwrap();
    let batch = tail.recv().await.unwrap();
    assert_eq!(batch.len(), 1);
    stop.cancel();
    running.await.unwrap();
    assert_eq!(records(&store).len(), 2);
}

#[tokio::test]
async fn a_record_is_seen_however_much_comes_behind_it() {
    const PATIENCE: Duration = Duration::from_secs(20);
    for more in [".", "and goes on\n"] {
        let Setup { store, intake, config, _folder } = setup();
        let mut tail = store.subscribe();
        let (mut writer, reader) = tokio::io::duplex(64);
        let running = tokio::spawn(super::run(intake, config, reader, CancellationToken::new()));
        writer.write_all(b"2026-11-22 10:00:00 ERROR it failed\n").await.unwrap();
        let (begun, mut beats) = (Instant::now(), tokio::time::interval(Duration::from_millis(20)));
        let seen = loop {
            tokio::select! {
                batch = tail.recv() => break batch.unwrap(),
                _ = beats.tick() => writer.write_all(more.as_bytes()).await.unwrap(),
            }
            assert!(begun.elapsed() < PATIENCE, "nothing is seen while {more:?} comes");
        };
        assert!(seen[0].original.as_deref().unwrap().starts_with(b"2026-11-22 10:00:00 ERROR it failed"));
        drop(writer);
        running.await.unwrap();
    }
}

#[tokio::test]
async fn a_line_for_which_there_can_never_be_room_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.storage.directory = folder.path().to_owned();
    config.storage.retention.max_bytes = Some(spandrel_config::ByteSize::mib(1));
    let registry = prometheus::Registry::new();
    let store = Store::open(&config.storage, &config.limits, &registry).unwrap();
    let intake = Intake::new(store.clone(), &config, Counters::register(&registry).unwrap());
    let input = format!("first\n{}\nlast\n", "x".repeat(600 << 10));
    let stdin = StdinReceiver { enabled: true, resource: Vec::new() };
    super::run(intake, stdin, input.as_bytes(), CancellationToken::new()).await;
    let mut lines: Vec<_> = records(&store).iter().map(|record| record.original.clone().unwrap()).collect();
    lines.sort();
    assert_eq!(lines, ["first", "last"]);
    let families = registry.gather();
    let refused =
        families.iter().find(|family| family.name() == "spandrel_receiver_refused_records_total").unwrap();
    let refused = &refused.get_metric()[0];
    assert_eq!(refused.get_counter().get_value(), 1.0);
    assert!(refused.get_label().iter().any(|label| label.value() == "too_large"));
}

#[tokio::test]
async fn more_lines_than_a_chunk_are_all_kept() {
    let Setup { store, intake, config, _folder } = setup();
    let input: String = (0..5_000).map(|n| format!("line {n}\n")).collect();
    super::run(intake, config, input.as_bytes(), CancellationToken::new()).await;
    assert_eq!(records(&store).len(), 5_000);
}

#[tokio::test]
async fn a_stack_trace_joins_its_line_and_stays_byte_for_byte() {
    let Setup { store, intake, config, _folder } = setup();
    let input = b"2026-11-22 10:00:00 ERROR it failed\nValueError: x\n\n  at y\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'z'\n";
    super::run(intake, config, &input[..], CancellationToken::new()).await;
    let records = records(&store);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].original.as_deref(), Some(&input[..input.len() - 1]));
}
