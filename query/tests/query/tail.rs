//! Live records.

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use serde_json::Value as Json;
use spandrel_config::{Limits, Security};

use crate::fixture::{Sidecar, respond, shop};

struct Events {
    body: BodyDataStream,
    text: String,
}

impl Events {
    async fn of(sidecar: &Sidecar, path: &str) -> Events {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = respond(&sidecar.router, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event's name and data; `None` at the end.
    async fn next(&mut self) -> Option<(String, Json)> {
        while !self.text.contains("\n\n") {
            self.text += std::str::from_utf8(&self.body.next().await?.unwrap()).unwrap();
        }
        let (event, rest) = self.text.split_once("\n\n").unwrap();
        let field = |name: &str| {
            event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
        };
        let event = (field("event:"), serde_json::from_str(&field("data:")).unwrap());
        self.text = rest.to_owned();
        Some(event)
    }
}

#[tokio::test]
async fn matching_records_come_as_they_are_acknowledged() {
    let sidecar = Sidecar::empty().await;
    let mut events = Events::of(&sidecar, "/api/v1/tail?q=level:error").await;
    let (name, coverage) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &coverage["complete"]), ("coverage", &Json::Bool(true)));
    sidecar.keep(shop()).await;
    for _ in 0..4 {
        let (name, record) = events.next().await.unwrap();
        assert_eq!((name.as_str(), &record["level"]), ("record", &Json::from("error")));
    }
}

#[tokio::test]
async fn a_tail_ends_when_the_sidecar_shuts_down() {
    let sidecar = Sidecar::empty().await;
    let mut events = Events::of(&sidecar, "/api/v1/tail").await;
    events.next().await.unwrap();
    sidecar.shutdown.cancel();
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told() {
    let sidecar = Sidecar::empty().await;
    let mut events = Events::of(&sidecar, "/api/v1/tail").await;
    events.next().await.unwrap();
    for _ in 0..1_000 {
        sidecar.keep(shop()[..1].to_vec()).await;
    }
    let (name, lagged) = events.next().await.unwrap();
    assert_eq!(name, "lagged");
    assert!(lagged["missed_batches"].as_u64().unwrap() > 0);
    assert_eq!(events.next().await.unwrap().0, "record");
}

#[tokio::test]
async fn tails_beyond_the_limit_are_refused_until_one_ends() {
    let limits = Limits { tails_max: 1, ..Limits::default() };
    let sidecar = Sidecar::with(limits, &Security::default()).await;
    let first = Events::of(&sidecar, "/api/v1/tail").await;
    let refused = sidecar.get("/api/v1/tail").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    drop(first);
    Events::of(&sidecar, "/api/v1/tail").await;
}

#[tokio::test]
async fn a_tail_s_question_is_checked() {
    let sidecar = Sidecar::empty().await;
    assert_eq!(sidecar.get("/api/v1/tail?q=level:foo").await.status, StatusCode::BAD_REQUEST);
}
