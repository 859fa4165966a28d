//! Peers, a table.

use super::lines;
use crate::answer::Peers;
use crate::show::Screen;
use crate::show::line::paint;

fn shown(peers: serde_json::Value) -> String {
    let peers: Peers = serde_json::from_value(serde_json::json!({ "peers": peers })).unwrap();
    paint(&lines(&peers.peers), Screen { width: 80, colour: false })
}

#[test]
fn peers_are_a_table_with_what_is_known_of_each() {
    let shown = shown(serde_json::json!([
        {
            "peer": "127.0.0.1:7317", "state": "up", "local": true, "id": "0e0e4736-92f3-577b-34da-6a3ce929d0e0",
            "service": "payment", "services": ["payment", "cart", "orders", "auth", "fraud"], "version": "0.1.0",
            "records": 12, "latency_ns": 1_284_000,
            "start": "2026-11-22T15:09:36.645000001Z", "end": "2026-11-23T15:09:36.645Z",
        },
        {
            "peer": "orders:7317", "state": "timeout", "service": "orders", "services": null,
            "detail": "no answer in time", "last_error": "no answer within 2 s",
            "last_error_time": "2026-11-23T15:09:36.645Z",
        },
        { "peer": "cart:7317", "state": "up", "services": [] },
    ]));
    let expected = "\
ID        ADDRESS         STATE    LATENCY  VERSION  SERVICES                       RANGE                                       LAST ERROR
0e0e4736  127.0.0.1:7317  up       1.28 ms  0.1.0    payment, cart, orders, 2 more  2026-11-22 15:09:36 to 2026-11-23 15:09:36
          orders:7317     timeout                    orders                                                                     2026-11-23 15:09:36: no answer within 2 s
          cart:7317       up
";
    assert_eq!(shown, expected);
}

#[test]
fn no_peers_are_no_table() {
    assert_eq!(shown(serde_json::json!([])), "");
}
