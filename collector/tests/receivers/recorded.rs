//! Recorded lines of a real system, as Docker wrote them: every id and level is found in every line.
//!
//! The recordings lie beside the project, not in it; without them this is skipped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use http::StatusCode;
use spandrel_store::Level;

use crate::harness::Harness;

fn recording(case: &str) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/trainticket");
    let compressed = std::fs::read(root.join(case).join("logs.csv.zst")).ok()?;
    let csv = zstd::stream::decode_all(&compressed[..]).unwrap();
    Some(String::from_utf8(csv).unwrap())
}

/// Rows of a CSV whose last column may be quoted and hold commas, quotes and line ends.
fn rows(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = csv.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    rows
}

#[tokio::test]
async fn every_id_and_level_is_found_in_recorded_lines() {
    for case in ["fault-05", "fault-11"] {
        let Some(csv) = recording(case) else {
            return println!("skipped: there are no recordings beside the project");
        };
        let harness = Harness::start().await;
        let rows: Vec<_> = rows(&csv).into_iter().skip(1).filter(|row| row.len() == 8).collect();
        assert!(rows.len() > 100);
        let mut expected: BTreeMap<(String, String), usize> = BTreeMap::new();
        for row in &rows {
            *expected.entry((row[5].clone(), row[6].clone())).or_default() += 1;
        }
        let lines: Vec<&str> = rows.iter().map(|row| row[7].trim_end_matches('\n')).collect();
        for chunk in lines.chunks(10_000) {
            let ndjson = [("content-type", "application/x-ndjson")];
            let answer = harness.post("/v1/json-logs?service.name=all", &ndjson, chunk.join("\n")).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.json()["accepted"], chunk.len());
        }
        let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
        for record in harness.records() {
            let text = |id: Option<String>| id.unwrap_or_default();
            let trace = text(record.trace_id().map(|id| id.to_string()));
            let span = text(record.span_id().map(|id| id.to_string()));
            *found.entry((trace, span)).or_default() += 1;
            let message = spandrel_store::record::log_message(record.log().unwrap()).into_owned();
            assert_eq!(message.contains(" ERROR "), record.level == Some(Level::Error), "{message}");
            assert_ne!(record.log().unwrap().time_unix_nano, 0);
        }
        assert_eq!(found, expected, "{case}");
    }
}
