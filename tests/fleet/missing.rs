//! What peers have lost themselves: it is named through a gateway as it is by the one who lost it.

use serde_json::Value;

use super::records::trace;
use crate::{SHOP, gateway, keep, path, reasons, services, sidecar, when};

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
