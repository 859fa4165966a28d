//! Peers, a line each.

use super::lines;
use crate::answer::Peers;
use crate::show::Screen;
use crate::show::line::paint;

#[test]
fn each_peer_has_a_line_with_its_state_and_what_else_is_known() {
    let json = serde_json::json!({"peers": [
        {"peer": "127.0.0.1:7317", "state": "self", "service": "payment", "services": ["payment"], "records": 12},
        {"peer": "orders:7317", "state": "timeout", "service": null},
    ]});
    let peers: Peers = serde_json::from_value(json).unwrap();
    let shown = paint(&lines(&peers.peers), Screen { width: 80, colour: false });
    assert_eq!(shown, "127.0.0.1:7317  self  payment  1 services  records=12\norders:7317     timeout\n");
}
