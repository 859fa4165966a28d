//! `/api/v1/tail`: live records as server-sent events.
//!
//! Events are `coverage` (first, and when a sidecar is lost or back, comes or leaves), `record` (its id is the record's) and
//! `lagged`, when the reader was too slow and records were passed over. A comment every few seconds shows that the connection lives. Ends when
//! the reader goes or the sidecar shuts down; at most `limits.tails_max` run at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::App;
use super::asked::Asked;
use super::describe::Common;
use super::problem::Problem;
use crate::coverage::Coverage;
use crate::render::RecordView;
use crate::source::TailEvent;

/// Well below the minute after which proxies close a silent connection.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Matching records as they are acknowledged: `event: record` with the record as data, `event: lagged` where
/// some were passed over because the reader was too slow, `event: coverage` at first and whenever a sidecar is
/// lost or back, comes or leaves.
#[utoipa::path(get, path = "/api/v1/tail", tag = "query", params(Common), responses(
    (status = 200, description = "Server-sent events", body = String, content_type = "text/event-stream"),
    (status = 400, description = "The question is not understood", body = Problem,
        content_type = "application/problem+json"),
    (status = 429, description = "Too many tails", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn tail(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Problem> {
    let Ok(turn) = app.tails.clone().try_acquire_owned() else {
        app.metrics.refused("tails");
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many live tails; end one or try again"));
    };
    let live = app.engine.tail(&asked.about.filter, asked.about.scope);
    let mut coverage = Coverage::new(live.sources());
    coverage.answered = coverage.asked;
    let first = Event::default().event("coverage").json_data(&coverage);
    let records = live.filter_map(move |found| {
        let event = event(found, &mut coverage).ok();
        async { event }
    });
    let events = stream::iter(first.ok()).chain(records).take_until(app.shutdown.clone().cancelled_owned());
    let events = events.map(move |event| {
        // The turn is held as long as the stream is.
        let _ = &turn;
        Ok::<Event, Infallible>(event)
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

fn event(found: TailEvent, coverage: &mut Coverage) -> Result<Event, axum::Error> {
    match found {
        TailEvent::Lost(absence) => {
            coverage.answered = coverage.answered.saturating_sub(1);
            coverage.absent(absence);
            Event::default().event("coverage").json_data(coverage)
        }
        TailEvent::Back(peer) => {
            coverage.answered = coverage.asked.min(coverage.answered + 1);
            coverage.back(&peer.name);
            Event::default().event("coverage").json_data(coverage)
        }
        TailEvent::Joined(_) => {
            coverage.asked += 1;
            coverage.answered += 1;
            Event::default().event("coverage").json_data(coverage)
        }
        TailEvent::Left { name, was_lost } => {
            coverage.asked = coverage.asked.saturating_sub(1);
            coverage.answered = coverage.answered.saturating_sub(usize::from(!was_lost));
            coverage.back(&name);
            Event::default().event("coverage").json_data(coverage)
        }
        TailEvent::Record(record) => {
            let id = record.id.to_string();
            Event::default().event("record").id(id).json_data(RecordView::new(record))
        }
        TailEvent::Lagged(missed) => {
            Event::default().event("lagged").json_data(json!({ "missed_batches": missed }))
        }
    }
}
