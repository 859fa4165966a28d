//! The forward protocol over a real socket: acknowledgements, refusals, senders that are slow or wrong.

use std::net::SocketAddr;
use std::time::Duration;

use rmp::encode::{write_array_len, write_bin, write_map_len, write_str, write_uint};
use spandrel_config::Config;
use spandrel_store::{Level, Receiver};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::Harness;

fn on(config: &mut Config) {
    config.receivers.fluentforward.enabled = true;
    config.receivers.fluentforward.endpoint = SocketAddr::from(([127, 0, 0, 1], 0));
    config.receivers.fluentforward.resource = vec![("service.name".to_owned(), "shop".to_owned())];
}

fn events(count: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..count {
        write_array_len(&mut bytes, 2).unwrap();
        write_uint(&mut bytes, 1_700_000_000).unwrap();
        write_map_len(&mut bytes, 1).unwrap();
        write_str(&mut bytes, "log").unwrap();
        write_str(&mut bytes, &format!("ERROR number {number}\n")).unwrap();
    }
    bytes
}

fn message(events: &[u8], option: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_array_len(&mut bytes, 3).unwrap();
    write_str(&mut bytes, "app").unwrap();
    write_bin(&mut bytes, events).unwrap();
    write_map_len(&mut bytes, u32::try_from(option.len()).unwrap()).unwrap();
    for (key, value) in option {
        write_str(&mut bytes, key).unwrap();
        write_str(&mut bytes, value).unwrap();
    }
    bytes
}

fn ack(chunk: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_map_len(&mut bytes, 1).unwrap();
    write_str(&mut bytes, "ack").unwrap();
    write_str(&mut bytes, chunk).unwrap();
    bytes
}

async fn connect(harness: &Harness) -> TcpStream {
    TcpStream::connect(harness.forward.unwrap()).await.unwrap()
}

async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn a_chunk_is_acknowledged_once_its_events_are_kept() {
    let harness = Harness::with(on).await;
    let mut stream = connect(&harness).await;
    // Two messages at once, and a third in pieces.
    let two = [message(&events(3), &[("chunk", "one")]), message(&events(2), &[("chunk", "two")])].concat();
    stream.write_all(&two).await.unwrap();
    let expected = [ack("one"), ack("two")].concat();
    assert_eq!(read(&mut stream, expected.len()).await, expected);
    assert_eq!(harness.store.snapshot().record_count(), 5);
    for piece in message(&events(1), &[("chunk", "three"), ("size", "1")]).chunks(7) {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert_eq!(read(&mut stream, ack("three").len()).await, ack("three"));
    let record = harness.records().remove(0);
    assert_eq!((record.receiver, record.level), (Receiver::FluentForward, Some(Level::Error)));
    assert_eq!((record.service(), record.original.as_deref()), ("shop", Some(&b"ERROR number 0"[..])));
    let labels = [("receiver", "fluentforward"), ("signal", "logs")];
    assert_eq!(harness.counter("spandrel_receiver_accepted_records_total", &labels), 6);
}

#[tokio::test]
async fn without_room_a_sender_waits_and_is_acknowledged_later() {
    let harness = Harness::with(on).await;
    let all = harness.store.budget().try_acquire(harness.store.budget().bytes_max()).unwrap();
    let mut stream = connect(&harness).await;
    stream.write_all(&message(&events(1), &[("chunk", "later")])).await.unwrap();
    let too_early = tokio::time::timeout(Duration::from_millis(400), stream.read_u8()).await;
    assert!(too_early.is_err(), "{too_early:?}");
    drop(all);
    assert_eq!(read(&mut stream, ack("later").len()).await, ack("later"));
    assert_eq!(harness.store.snapshot().record_count(), 1);
}

#[tokio::test]
async fn what_can_never_be_taken_ends_the_connection_without_an_acknowledgement() {
    let not_gzip = message(b"not gzip", &[("compressed", "gzip"), ("chunk", "a")]);
    let nothing_readable = message(&[0xc0, 0xc0], &[("chunk", "a")]);
    let too_long = vec![0x92, 0xa1, b't', 0xc6, 0xff, 0xff, 0xff, 0xff];
    let cases = [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "undecodable"),
        (not_gzip, "undecodable"),
        (nothing_readable, "nothing_valid"),
        (too_long, "too_large"),
        (vec![0x91; 100], "undecodable"),
    ];
    for (bytes, reason) in cases {
        let harness = Harness::with(on).await;
        let mut stream = connect(&harness).await;
        stream.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        // The kernel may reset a connection that had more to say.
        let _ = stream.read_to_end(&mut answer).await;
        assert_eq!(answer, b"");
        assert_eq!(harness.requests_refused("fluentforward", reason), 1, "{reason}");
        assert_eq!(harness.store.snapshot().record_count(), 0);
        let mut next = connect(&harness).await;
        next.write_all(&message(&events(1), &[("chunk", "good")])).await.unwrap();
        assert_eq!(read(&mut next, ack("good").len()).await, ack("good"));
    }
}

#[tokio::test]
async fn part_good_part_bad_is_kept_as_far_as_it_goes_and_acknowledged() {
    let harness = Harness::with(on).await;
    let mut stream = connect(&harness).await;
    let mixed = [&events(1)[..], &[0xc0], &events(1)].concat();
    stream.write_all(&message(&mixed, &[("chunk", "mixed")])).await.unwrap();
    assert_eq!(read(&mut stream, ack("mixed").len()).await, ack("mixed"));
    assert_eq!(harness.store.snapshot().record_count(), 2);
    let labels = [("receiver", "fluentforward"), ("reason", "undecodable")];
    assert_eq!(harness.counter("spandrel_receiver_refused_records_total", &labels), 1);
}

#[tokio::test]
async fn a_slow_message_and_a_silent_connection_are_ended() {
    let change = |config: &mut Config| {
        on(config);
        config.limits.line_idle_timeout = Duration::from_millis(100);
    };
    let harness = Harness::with(change).await;
    assert_eq!(connect(&harness).await.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(harness.requests_refused("fluentforward", "too_slow"), 0);

    // No silence ends this one, however late its bytes come on a busy machine.
    let change = |config: &mut Config| {
        on(config);
        config.limits.request_timeout = Duration::from_millis(100);
    };
    let harness = Harness::with(change).await;
    let mut slow = connect(&harness).await;
    slow.write_all(&message(&events(1), &[])[..9]).await.unwrap();
    assert_eq!(slow.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(harness.requests_refused("fluentforward", "too_slow"), 1);
    assert_eq!(harness.store.budget().bytes_used(), 0);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let change = |config: &mut Config| {
        on(config);
        config.limits.line_connections_max = 1;
    };
    let harness = Harness::with(change).await;
    let first = connect(&harness).await;
    let mut second = connect(&harness).await;
    second.write_all(&message(&events(1), &[("chunk", "x")])).await.unwrap();
    let too_early = tokio::time::timeout(Duration::from_millis(100), second.read_u8()).await;
    assert!(too_early.is_err());
    drop(first);
    assert_eq!(read(&mut second, ack("x").len()).await, ack("x"));
}
