//! The peers of a sidecar, a line each.

use serde_json::Value;

use super::{Ink, Line};

type Peer = serde_json::Map<String, Value>;

/// Fields with a place of their own; the rest follow as `name=value`.
const PEER: &str = "peer";
const SERVICE: &str = "service";
const STATE: &str = "state";

pub fn lines(peers: &[Peer]) -> Vec<Line> {
    let name_width = peers.iter().map(|peer| text(peer, PEER).chars().count()).max().unwrap_or(0);
    peers.iter().map(|peer| line(peer, name_width)).collect()
}

fn line(peer: &Peer, name_width: usize) -> Line {
    let state = text(peer, STATE);
    let ink = if matches!(state.as_str(), "up" | "ok" | "self" | "local") { Ink::Good } else { Ink::Warning };
    let mut line = Line::new();
    line.push(Ink::Bold, &text(peer, PEER)).pad(name_width + 2).push(ink, &state);
    for (name, value) in peer.iter().filter(|(name, _)| !matches!(name.as_str(), PEER | STATE)) {
        let shown = match value {
            Value::Null => continue,
            Value::Array(items) => format!("  {} {name}", items.len()),
            value if name == SERVICE => format!("  {}", plain(value)),
            value => format!("  {name}={}", plain(value)),
        };
        line.push(Ink::Plain, &shown);
    }
    line
}

fn text(peer: &Peer, name: &str) -> String {
    peer.get(name).map(plain).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
