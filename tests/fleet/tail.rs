//! Live tails while sidecars come and go: what is listed later is followed too, also by a gateway behind a gateway.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{TryRecvError, sync_channel};

use spandrel_testing::Sidecar;

use crate::{PATIENCE, SHOP, addresses, fleet, gateway};

/// The lines of a tail's events.
fn tail(sidecar: &Sidecar, query: &str) -> impl Iterator<Item = String> + use<> {
    let mut stream = TcpStream::connect(sidecar.query()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /api/v1/tail?q={query} HTTP/1.0\r\n\r\n").unwrap();
    BufReader::new(stream).lines().map(Result::unwrap)
}

/// Sends lines to a sidecar until the reader has what it waits for: nothing tells when somebody has begun to follow.
fn while_lines_come(sidecar: &Sidecar, text: &str, wait: impl FnOnce()) {
    std::thread::scope(|scope| {
        let (stop, stopped) = sync_channel::<()>(0);
        let (http, body) = (sidecar.http().to_owned(), format!("{{\"msg\":\"{text}\"}}"));
        scope.spawn(move || {
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                let path = "/v1/json-logs?service.name=late";
                spandrel_testing::post(&http, path, "application/json", body.as_bytes());
            }
        });
        wait();
        drop(stop);
    });
}

#[test]
fn a_tail_follows_sidecars_that_are_listed_later_and_leaves_those_that_are_not_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("peers");
    let sidecars = fleet(&SHOP[..2]);
    let write = |names: &[&str]| std::fs::write(&list, names.join("\n")).unwrap();
    write(&addresses(&sidecars[..1]));
    let inner = gateway(&[])
        .set(format!("federation.file={}", list.display()))
        .set("federation.refresh=50ms")
        .start();
    let outer = gateway(&[inner.query()]).start();
    let mut near = tail(&inner, "message:late");
    let mut far = tail(&outer, "message:late");
    assert!(near.any(|line| line.contains("\"asked\":1")));
    assert!(far.any(|line| line.contains("\"asked\":1")));
    write(&addresses(&sidecars));
    let joined = near.find(|line| line.contains("\"asked\":2")).unwrap();
    assert!(joined.contains("\"complete\":true") && joined.contains("\"answered\":2"), "{joined}");
    while_lines_come(&sidecars[1], "late", || {
        assert!(near.any(|line| line.contains("\"message\":\"late\"")));
        assert!(far.any(|line| line.contains("\"message\":\"late\"")));
    });
    // It is taken off the list, and nobody misses it in what comes from now on.
    write(&addresses(&sidecars[..1]));
    let left = near.find(|line| line.contains("\"asked\":1")).unwrap();
    assert!(left.contains("\"complete\":true") && left.contains("\"answered\":1"), "{left}");
}
