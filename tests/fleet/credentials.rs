//! Who is let in: tokens of files that change under running processes, and those who have none.

use std::path::Path;

use serde_json::Value;
use spandrel_testing::{Sidecar, request};

use super::records::trace;
use crate::{SHOP, gateway, keep, path, reasons, services, sidecar, timed};

/// Far longer than the files are left unread.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A question with a token: the status, and the answer where there is one.
fn ask(address: &str, token: &str, path: &str) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let answer = request(address, "GET", path, &[("authorization", bearer.as_str())], b"");
    (answer.status, if answer.status == 200 { answer.json() } else { Value::Null })
}

#[test]
fn a_token_is_exchanged_in_a_running_fleet_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let [of_peer, of_gateway] = ["peer", "gateway"].map(|name| folder.path().join(name));
    let write = |file: &Path, lines: &str| {
        // As Kubernetes does it: the new file takes the place of the old one.
        let beside = file.with_extension("new");
        std::fs::write(&beside, lines).unwrap();
        std::fs::rename(&beside, file).unwrap();
    };
    [&of_peer, &of_gateway].iter().for_each(|file| write(file, "old-secret\n"));
    let peer = sidecar().set(format!("security.token_file={}", of_peer.display())).start();
    keep(&peer, &trace(&SHOP[..1]), SHOP[0]);
    let gateway =
        gateway(&[peer.query()]).set(format!("security.token_file={}", of_gateway.display())).start();
    let is_whole = |token: &str| {
        let (status, answer) = ask(gateway.query(), token, &path());
        assert_eq!((status, &answer["coverage"]["complete"]), (200, &true.into()), "{token}: {answer}");
    };
    // Until somebody takes a token, or no longer does, every answer that the other token gets is whole.
    let until = |asked: &Sidecar, status: u16, token: &str, other: &str| {
        let begun = std::time::Instant::now();
        while ask(asked.query(), token, "/api/v1/search?scope=local").0 != status {
            is_whole(other);
            assert!(begun.elapsed() < PATIENCE, "{token} does not get {status}");
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
    };
    is_whole("old-secret");
    assert_eq!(ask(gateway.query(), "new-secret", &path()).0, 401);
    [&of_peer, &of_gateway].iter().for_each(|file| write(file, "old-secret\nnew-secret\n"));
    until(&peer, 200, "new-secret", "old-secret");
    until(&gateway, 200, "new-secret", "old-secret");
    // Who asks goes first: from now on the gateway sends the new one.
    write(&of_gateway, "new-secret\n");
    until(&gateway, 401, "old-secret", "new-secret");
    is_whole("new-secret");
    write(&of_peer, "new-secret\n");
    until(&peer, 401, "old-secret", "new-secret");
    is_whole("new-secret");
    for said in [peer.log(), gateway.log()] {
        assert!(!said.contains("old-secret") && !said.contains("new-secret"), "{said}");
    }
}

#[test]
fn a_sidecar_with_the_wrong_token_learns_nothing_of_its_peer_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "the-right-one\n").unwrap();
    let peer = sidecar().set(format!("security.token_file={}", file.display())).start();
    keep(&peer, &trace(&SHOP[..1]), SHOP[0]);
    for wrong in [None, Some("the-wrong-one")] {
        let asking = gateway(&[peer.query()]);
        let asking = match wrong {
            Some(token) => {
                asking.environment("SPANDREL_TOKEN", token).set("security.token=${env:SPANDREL_TOKEN}")
            }
            None => asking,
        };
        let asking = asking.start();
        let (answer, time) = timed(&asking, &path());
        assert_eq!(reasons(&answer), [(peer.query().to_owned(), "unauthorized".to_owned())], "{answer}");
        assert!(services(&answer).is_empty() && time < crate::PEER_TIMEOUT + crate::SLACK, "{answer}");
        let peers = asking.get("/api/v1/peers").json();
        let known = peers["peers"][0].as_object().unwrap();
        assert_eq!((&known["state"], &known["service"]), (&"unauthorized".into(), &Value::Null), "{peers}");
        let secrets = ["id", "version", "services", "records", "start", "end"];
        assert!(secrets.iter().all(|name| known.get(*name).is_none_or(Value::is_null)), "{peers}");
    }
    // Whoever asks it directly, with whatever: that a token is wanted is all there is to know.
    let paths =
        [path(), "/api/v1/peers".to_owned(), "/spandrel.peer.v1.Peer/Ask".to_owned(), "/x".to_owned()];
    for path in paths {
        for method in ["GET", "POST"] {
            let answer = request(peer.query(), method, &path, &[("authorization", "Bearer x")], b"");
            let said = answer.text();
            assert_eq!(answer.status, 401, "{method} {path}: {said}");
            assert!(!said.contains(SHOP[0]) && !said.contains("the-right-one"), "{said}");
        }
    }
}
