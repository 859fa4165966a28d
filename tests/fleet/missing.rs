//! What peers have lost themselves: it is named through a gateway as it is by the one who lost it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use spandrel_testing::Sidecar;

use super::records::trace;
use crate::{SHOP, gateway, keep, path, reasons, services, sidecar, when};

/// Lines of a request, and the letters of each, which do not compress: a request is a small part of what is kept.
const LINES: usize = 250;
const LETTERS: usize = 1_000;
/// Many times what is kept.
const REQUESTS_MAX: usize = 400;

#[test]
fn a_partition_that_a_peer_has_set_aside_is_missing_through_the_gateway_too() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let whole = trace(&SHOP[..2]);
    let start = || sidecar().folder(&data).start();
    let mut peer = start();
    keep(&peer, &whole, SHOP[1]);
    assert!(peer.terminate().success());
    let partitions: Vec<_> =
        std::fs::read_dir(data.join("partitions")).unwrap().map(Result::unwrap).collect();
    assert_eq!(partitions.len(), 1);
    std::fs::remove_file(partitions[0].path().join("meta.json")).unwrap();

    let (peer, other) = (start(), sidecar().start());
    keep(&other, &whole, SHOP[0]);
    let gateway = gateway(&[peer.query(), other.query()]).start();
    let named = |answer: &Value| reasons(answer) == [(peer.query().to_owned(), "set_aside".to_owned())];
    let answer = when(&gateway, &path(), named);
    assert_eq!(services(&answer).len(), 1, "{answer}");
    // It did answer: what is missing is older than its answer.
    assert_eq!((&answer["coverage"]["asked"], &answer["coverage"]["answered"]), (&2.into(), &2.into()));
    assert_eq!(gateway.get(&format!("{}?require=complete", path())).status, 503);
}

#[test]
fn time_that_a_peer_has_deleted_is_missing_from_questions_about_it() {
    let peer = sidecar().set("storage.retention.max_bytes=8MiB").start();
    let other = sidecar().start();
    keep(&peer, &trace(&SHOP[..2]), SHOP[1]);
    keep(&other, &trace(&SHOP[..2]), SHOP[0]);
    let gateway = gateway(&[peer.query(), other.query()]).start();
    let about_it =
        "/api/v1/search?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&q=kind:span&limit=1000";
    let whole = when(&gateway, about_it, |answer| answer["coverage"]["complete"] == true);
    assert_eq!(whole["records"].as_array().unwrap().len(), 8);

    // More of the same minute than is kept, until the oldest of it goes.
    let mut random = fastrand::Rng::with_seed(11);
    let deleted = |answer: &Value| reasons(answer) == [(peer.query().to_owned(), "deleted".to_owned())];
    let is_deleted = (0..REQUESTS_MAX).any(|_| {
        crowd_out(&peer, &mut random);
        deleted(&gateway.get(about_it).json())
    });
    assert!(is_deleted, "{}", gateway.get(about_it).json());

    let answer = gateway.get(about_it).json();
    let of: BTreeSet<&str> =
        answer["records"].as_array().unwrap().iter().map(|span| span["service"].as_str().unwrap()).collect();
    assert_eq!(of, BTreeSet::from([SHOP[0]]), "{answer}");
    // It did answer, and says what it had: from when to when.
    let coverage = &answer["coverage"];
    assert_eq!((&coverage["asked"], &coverage["answered"]), (&2.into(), &2.into()), "{answer}");
    let missing = &coverage["missing"][0];
    assert!(missing["start"].as_str().unwrap().starts_with("2026-01-01T12:00:00"), "{missing}");
    assert!(missing["end"].as_str().unwrap().starts_with("2026-01-01T12:00:"), "{missing}");
    assert_eq!(gateway.get(&format!("{about_it}&require=complete")).status, 503);
    let found = gateway.get(&path()).json();
    assert!(deleted(&found), "the trace may have been longer: {found}");
    assert_eq!(services(&found), BTreeSet::from([SHOP[0].to_owned()]));

    // Who does not say from when on asks for what is retained, and others ask for another time.
    for question in ["/api/v1/search?limit=1", "/api/v1/search?start=2026-01-02T00:00:00Z&limit=1"] {
        let elsewhen = gateway.get(question).json();
        assert_eq!(elsewhen["coverage"]["complete"], true, "{question}: {elsewhen}");
    }
}

fn crowd_out(peer: &Sidecar, random: &mut fastrand::Rng) {
    let mut lines = String::new();
    for _ in 0..LINES {
        let noise: String = std::iter::repeat_with(|| random.alphanumeric()).take(LETTERS).collect();
        let _ = writeln!(lines, "{{\"time\":\"2026-01-01T12:00:01Z\",\"msg\":\"{noise}\"}}");
    }
    let target = "/v1/json-logs?service.name=orders";
    let status = peer.post(target, "application/x-ndjson", lines.as_bytes()).status;
    // Room is made in the background, and those who come meanwhile are told to come back.
    assert!(status == 200 || status == 503, "{status}");
}
