//! Whether a record is found by every kind of question as soon as it is acknowledged.

use std::net::SocketAddr;

use super::questions::Latency;
use crate::api::{self, Errors, Histogram, Page, TraceSize};
use crate::http::{Http, PROTOBUF};
use crate::load::{self, Part, Shape, Shop, Signal, hex};

const TRACES_SENT: u64 = 20;

/// Sends traces that the sidecar does not hold yet, from `first_trace` on, and asks for each at its last ack; an
/// error if any question does not know all of it.
pub(super) async fn ask_fresh(
    ingest: SocketAddr,
    query: &Http,
    shop: &Shop,
    signal: Signal,
    first_trace: u64,
) -> anyhow::Result<Latency> {
    let ingest = Http::new(ingest);
    let mut asked = Latency::of("all kinds, at the ack of a new trace");
    for first_trace in first_trace..first_trace + TRACES_SENT {
        let new = Part { signal, first_trace, records: 1, per_request: 512, shape: Shape::default() };
        let load = load::part(shop, new);
        for request in load.requests {
            let answer = ingest.post(signal.path(), PROTOBUF, request.body).await?;
            anyhow::ensure!(answer.status.is_success(), "a new trace: {}", answer.describe());
        }
        ask_about(&mut asked, query, &hex(&shop.trace_id(first_trace)), load.records).await?;
    }
    Ok(asked)
}

async fn ask_about(asked: &mut Latency, query: &Http, id: &str, records: usize) -> anyhow::Result<()> {
    let trace: TraceSize = asked.time(query, &api::trace_target(id)).await?;
    let found = trace.spans.len() + trace.logs.len();
    anyhow::ensure!(found == records, "trace {id} at its ack: {found} of {records} records");
    let question = format!("trace_id:{id}");
    let page: Page = asked.time(query, &api::search_target(&question, 1_000)).await?;
    anyhow::ensure!(page.records.len() == records, "search of {id} at its ack: {}", page.records.len());
    let counted: Histogram = asked.time(query, &api::histogram_target(&question, "level")).await?;
    let found: u64 = counted.series.iter().flat_map(|series| &series.points).map(|(_, count)| count).sum();
    anyhow::ensure!(found == records as u64, "histogram of {id} at its ack: {found} of {records}");
    let errors: Errors = asked.time(query, &api::errors_target(id)).await?;
    let failed = page.records.iter().any(|record| record.level.as_deref() == Some("error"));
    anyhow::ensure!(failed != errors.errors.is_empty(), "errors of {id} at its ack: {}", errors.errors.len());
    Ok(())
}
