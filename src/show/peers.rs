//! The peers of a sidecar as a table, a line each; what went wrong last stands at the line's end, as it is the longest.

use serde_json::Value;

use super::{Ink, Line, units};

type Peer = serde_json::Map<String, Value>;

/// An identity is a UUID; so much of it tells a fleet's apart.
const ID_CHARS: usize = 8;
/// Services named of one peer.
const SERVICES_MAX: usize = 3;

const HEADINGS: [&str; 8] =
    ["ID", "ADDRESS", "STATE", "LATENCY", "VERSION", "SERVICES", "RANGE", "LAST ERROR"];
const STATE: usize = 2;

/// A row for each peer under a row of headings; the columns are as wide as they have to be. A table of no peers has no
/// lines.
pub fn lines(peers: &[Peer]) -> Vec<Line> {
    if peers.is_empty() {
        return Vec::new();
    }
    let rows: Vec<[String; 8]> = peers.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].as_str()).chain([HEADINGS[column]]);
        cells.map(|cell| Line::new().with(Ink::Plain, cell).width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let heading = line(&HEADINGS.map(str::to_owned), &widths, |_| Ink::Dim);
    let of_peers = rows.iter().map(|row| {
        line(row, &widths, |column| match column {
            1 => Ink::Bold,
            STATE if row[STATE] == "up" => Ink::Good,
            STATE => Ink::Warning,
            _ => Ink::Plain,
        })
    });
    std::iter::once(heading).chain(of_peers).collect()
}

fn line(cells: &[String; 8], widths: &[usize], ink: impl Fn(usize) -> Ink) -> Line {
    let mut line = Line::new();
    let mut end = 0;
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        // Nothing is padded behind the last cell that says something.
        if cells[column..].iter().all(String::is_empty) {
            break;
        }
        line.pad(end).push(ink(column), cell);
        end += width + 2;
    }
    line
}

fn row(peer: &Peer) -> [String; 8] {
    [
        text(peer, "id").chars().take(ID_CHARS).collect(),
        text(peer, "peer"),
        text(peer, "state"),
        peer.get("latency_ns")
            .and_then(Value::as_i64)
            .map_or_else(String::new, |ns| units::duration(ns.into())),
        text(peer, "version"),
        services(peer),
        range(peer),
        last_error(peer),
    ]
}

/// Those of its records; of a peer that does not answer, the one that it stands next to.
fn services(peer: &Peer) -> String {
    let all = peer.get("services").and_then(Value::as_array).filter(|all| !all.is_empty());
    let Some(all) = all else { return text(peer, "service") };
    let named: Vec<&str> = all.iter().filter_map(Value::as_str).take(SERVICES_MAX).collect();
    match all.len() - named.len() {
        0 => named.join(", "),
        more => format!("{}, {more} more", named.join(", ")),
    }
}

/// The event times that it holds; nothing where that may be all of time.
fn range(peer: &Peer) -> String {
    let time = |name| text(peer, name).parse::<jiff::Timestamp>().ok();
    let known = time("start").zip(time("end")).filter(|(start, _)| *start > jiff::Timestamp::UNIX_EPOCH);
    let Some((start, end)) = known else { return String::new() };
    let shown = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M:%S").to_string();
    format!("{} to {}", shown(start), shown(end))
}

/// Why it is as it is; of a peer that is up, what went wrong when.
fn last_error(peer: &Peer) -> String {
    let (last, time) = (text(peer, "last_error"), text(peer, "last_error_time"));
    match (last.as_str(), text(peer, "detail")) {
        ("", detail) => detail,
        (last, _) => match time.parse::<jiff::Timestamp>() {
            Ok(time) => format!("{}: {last}", time.strftime("%Y-%m-%d %H:%M:%S")),
            Err(_) => last.to_owned(),
        },
    }
}

fn text(peer: &Peer, name: &str) -> String {
    peer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
