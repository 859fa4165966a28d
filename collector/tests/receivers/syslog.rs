//! Syslog over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use spandrel_config::Config;
use spandrel_store::{Level, Receiver};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::harness::Harness;

fn on(config: &mut Config) {
    let any_port = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.receivers.syslog.enabled = true;
    (config.receivers.syslog.tcp, config.receivers.syslog.udp) = (any_port, any_port);
}

async fn datagram(harness: &Harness, message: &[u8]) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(message, harness.syslog_udp.unwrap()).await.unwrap();
}

#[tokio::test]
async fn tcp_and_udp_are_kept_with_what_their_headers_say() {
    let harness = Harness::with(on).await;
    let mut tail = harness.store.subscribe();
    let mut stream = TcpStream::connect(harness.syslog_tcp.unwrap()).await.unwrap();
    let message = "<11>1 2023-11-14T22:13:20Z host payment 7 - - no funds\nsecond line";
    stream
        .write_all(format!("{} {message}<14>Nov 14 22:13:20 host cart: ok\n", message.len()).as_bytes())
        .await
        .unwrap();
    datagram(&harness, b"<12>Nov 14 22:13:20 host stock[1]: low\n\0").await;
    let mut come = 0;
    while come < 3 {
        come += tail.recv().await.unwrap().len();
    }
    let records = harness.records();
    let of = |service: &str| records.iter().find(|record| record.service() == service).unwrap();
    assert_eq!((of("payment").level, of("payment").receiver), (Some(Level::Error), Receiver::Syslog));
    assert_eq!(of("payment").original.as_deref(), Some(message.as_bytes()));
    assert_eq!(of("cart").level, Some(Level::Info));
    assert_eq!(of("stock").level, Some(Level::Warn));
    assert_eq!(of("stock").original.as_deref(), Some(&b"<12>Nov 14 22:13:20 host stock[1]: low\n\0"[..]));
}

#[tokio::test]
async fn what_was_read_is_kept_when_stopped() {
    let harness = Harness::with(on).await;
    let mut tail = harness.store.subscribe();
    let mut stream = TcpStream::connect(harness.syslog_tcp.unwrap()).await.unwrap();
    stream.write_all(b"<14>first\n<14>without an end").await.unwrap();
    // The first is kept, so the second was read too.
    assert_eq!(tail.recv().await.unwrap().len(), 1);
    harness.shutdown.cancel();
    harness.running.await.unwrap();
    assert_eq!(harness.store.snapshot().record_count(), 2);
}

#[tokio::test]
async fn without_room_a_stream_waits_and_loses_nothing() {
    let harness = Harness::with(on).await;
    let mut tail = harness.store.subscribe();
    let all = harness.store.budget().try_acquire(harness.store.budget().bytes_max()).unwrap();
    let mut stream = TcpStream::connect(harness.syslog_tcp.unwrap()).await.unwrap();
    stream.write_all(b"<14>waits\n").await.unwrap();
    let begun = std::time::Instant::now();
    while harness.requests_refused("syslog", "overloaded") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is not refused");
        let too_early = tokio::time::timeout(Duration::from_millis(10), tail.recv()).await;
        assert!(too_early.is_err());
    }
    drop(all);
    assert_eq!(tail.recv().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_for_which_there_can_never_be_room_takes_no_others_with_it() {
    let change = |config: &mut Config| {
        on(config);
        config.storage.retention.max_bytes = Some(spandrel_config::ByteSize::mib(1));
    };
    let harness = Harness::with(change).await;
    let mut tail = harness.store.subscribe();
    let mut stream = TcpStream::connect(harness.syslog_tcp.unwrap()).await.unwrap();
    let huge = "x".repeat(600 << 10);
    stream.write_all(format!("<14>before\n<14>{huge}\n<14>after\n").as_bytes()).await.unwrap();
    let mut come = 0;
    while come < 2 {
        come += tail.recv().await.unwrap().len();
    }
    assert!(harness.requests_refused("syslog", "too_large") > 0);
}

#[tokio::test]
async fn a_silent_connection_is_ended() {
    let change = |config: &mut Config| {
        on(config);
        config.limits.line_idle_timeout = Duration::from_millis(100);
    };
    let harness = Harness::with(change).await;
    let mut stream = TcpStream::connect(harness.syslog_tcp.unwrap()).await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn rubbish_is_kept_as_text_and_harms_nobody() {
    let harness = Harness::with(on).await;
    let mut tail = harness.store.subscribe();
    let mut stream = TcpStream::connect(harness.syslog_tcp.unwrap()).await.unwrap();
    stream.write_all(b"\xff\xfe<<<>>> [[[\n\n\0\n99999999999 <x\n").await.unwrap();
    datagram(&harness, b"").await;
    datagram(&harness, b"\0\0").await;
    let mut come = 0;
    while come < 2 {
        come += tail.recv().await.unwrap().len();
    }
    harness.assert_serves().await;
}
