//! `tail`: lines as they are kept, over a websocket.
//!
//! First come the newest lines since `start` that are there already, then every line as it is acknowledged. A
//! reader that is too slow is told how much it missed. At most `limits.tails_max` run at once, those of the
//! native API counted; all end when the sidecar shuts down.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::json;
use spandrel_store::{TimeRange, UnixNanos};
use tokio::sync::OwnedSemaphorePermit;

use super::eval::{Entry, Pipeline};
use super::query::{about, bad_query, entries, selects_something};
use crate::api::App;
use crate::engine::Scope;
use crate::grafana::params::Params;
use crate::grafana::refusal::Refusal;
use crate::language::logql::{self, Expr, LogQuery};
use crate::source::TailEvent;

const LIMIT_DEFAULT: usize = 100;

/// The most that a reader may ask lines to be held back, in seconds. Here none are.
const DELAY_MAX: usize = 5;

/// Without a start, so far back.
const SINCE_DEFAULT_NS: u64 = 3_600_000_000_000;

/// Well below the time after which proxies close a silent connection.
const HEARTBEAT: Duration = Duration::from_secs(10);

pub(super) async fn tail(
    State(app): State<Arc<App>>,
    params: Params,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let text = params.get("query").unwrap_or_default();
    let parsed = logql::parse(text, app.engine().limits()).map_err(|mistake| bad_query(text, &mistake))?;
    let Expr::Log(log) = parsed else { return Err(Refusal::bad("only lines can be tailed")) };
    selects_something(&log.matchers)?;
    if params.number("delay_for")?.is_some_and(|delay| delay > DELAY_MAX) {
        return Err(Refusal::bad(format!("delay_for can't be greater than {DELAY_MAX}")));
    }
    let limit = params.number("limit")?.filter(|limit| *limit > 0).unwrap_or(LIMIT_DEFAULT);
    let limit = limit.min(app.engine().limits().list_max);
    let now = UnixNanos::now();
    let start = params.time("start")?.unwrap_or(UnixNanos(now.0.saturating_sub(SINCE_DEFAULT_NS)));
    let Some(turn) = app.tail_turn() else {
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many live tails; end one or try again"));
    };
    let range = TimeRange { start, end: UnixNanos::MAX };
    Ok(upgrade.on_upgrade(move |socket| run(app, socket, log, range, limit, turn)))
}

async fn run(
    app: Arc<App>,
    mut socket: WebSocket,
    log: LogQuery,
    range: TimeRange,
    limit: usize,
    _turn: OwnedSemaphorePermit,
) {
    let ending = app.shutdown().clone();
    let filter = about(&log, range).filter;
    // Listening begins before what is there is read, so that nothing falls between.
    let mut live = app.engine().tail(&filter, Scope::All);
    let pipeline = Pipeline::new(log.clone());
    let Ok((before, _)) = entries(&app, log, range, limit, false).await else { return };
    let newest = before.iter().map(|entry| entry.time_ns).max();
    let shown: Vec<(u64, String)> = before
        .iter()
        .filter(|entry| Some(entry.time_ns) == newest)
        .map(|entry| (entry.time_ns, entry.line.clone()))
        .collect();
    let mut next = (!before.is_empty()).then(|| frame(before.into_iter().rev().collect(), 0));
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        if let Some(frame) = next.take()
            && socket.send(Message::Text(frame.into())).await.is_err()
        {
            return;
        }
        tokio::select! {
            () = ending.cancelled() => break,
            _ = heartbeat.tick() => {
                if socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                    return;
                }
            }
            received = socket.recv() => match received {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
            },
            event = live.next() => match event {
                None => break,
                Some(TailEvent::Record(record)) => {
                    let passed = Entry::of(&record, true).and_then(|entry| pipeline.run(entry));
                    let new = passed.map(|passed| passed.entry).filter(|entry| {
                        // What was kept while the lines before were read comes twice.
                        !shown.contains(&(entry.time_ns, entry.line.clone()))
                    });
                    next = new.map(|entry| frame(vec![entry], 0));
                }
                Some(TailEvent::Lagged(missed)) => next = Some(frame(Vec::new(), missed)),
                Some(_) => {}
            },
        }
    }
    // The reader has gone, or is told to.
    let _ = socket.send(Message::Close(None)).await;
}

/// Lines with all their labels, as Loki's tail sends them.
fn frame(entries: Vec<Entry>, missed: u64) -> String {
    let streams: Vec<serde_json::Value> = entries
        .into_iter()
        .map(|entry| {
            let labels: serde_json::Map<String, serde_json::Value> =
                entry.all().into_iter().map(|(name, value)| (name, value.into())).collect();
            json!({ "stream": labels, "values": [[entry.time_ns.to_string(), entry.line]] })
        })
        .collect();
    let dropped = (missed > 0).then(|| {
        let timestamp = UnixNanos::now().0.to_string();
        json!([{ "labels": { "missed_batches": missed.to_string() }, "timestamp": timestamp }])
    });
    json!({ "streams": streams, "dropped_entries": dropped }).to_string()
}
