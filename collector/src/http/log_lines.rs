//! `POST /v1/json-logs`: lines of JSON or text, or a JSON array, or one object.
//!
//! A large body is kept chunk by chunk. Overload before the first chunk is a refusal that can be sent again;
//! after it, the rest waits for its turn as long as a client may take for a request, and what still finds no
//! room is counted in the answer as rejected: sending all again would double what is kept.

use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use serde_json::json;
use spandrel_store::Receiver;
use tokio::time::Instant;

use crate::body::compression;
use crate::content::{self, Compression, Encoding};
use crate::intake::{self, Intake, Outcome};
use crate::lines::body::BodyLines;
use crate::lines::{self, Chunk, LineOrigin};
use crate::otlp::Signal;
use crate::refusal::Refusal;

const RECEIVER: Receiver = Receiver::JsonLogsHttp;

pub(super) async fn take_in(State(intake): State<Intake>, request: Request) -> Response {
    let _in_flight = intake.activity.request();
    match take(&intake, request).await {
        Ok(outcome) => success(&outcome),
        Err(refusal) => super::refuse(&intake, RECEIVER, &refusal, Encoding::Json),
    }
}

async fn take(intake: &Intake, request: Request) -> Result<Outcome, Refusal> {
    let (parts, body) = request.into_parts();
    let allowed = content::refuse_web_pages(&parts.headers);
    let head = allowed.and_then(|()| content::check_log_lines(&parts.headers)).and_then(|()| {
        let resource = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(resource) = resource.map_err(Refusal::undecodable)?;
        Ok((resource, Compression::of_http(&parts.headers)?))
    });
    let ((resource, compression), body, mut admission) = super::receive(intake, head, body).await?;
    let (bytes_max, line_bytes_max) = (intake.body_limits.bytes_max, intake.record_limits.line_bytes_max);
    let join = intake.chunk_limits.join;
    let size = body.len();
    let open = move || {
        let body = compression::decompress(compression, body, bytes_max, &mut admission)?;
        Ok((BodyLines::of(body, line_bytes_max, join), admission))
    };
    // The admission holds the body's bytes until its last line is kept.
    let (lines, _admission) = intake::run(size, compression, open).await?;
    keep_all(intake, &LineOrigin::new(RECEIVER, resource), lines).await
}

async fn keep_all(intake: &Intake, origin: &LineOrigin, lines: BodyLines) -> Result<Outcome, Refusal> {
    let mut lines = lines;
    let deadline = Instant::now() + intake.body_limits.timeout;
    let mut outcome = Outcome::default();
    loop {
        let chunk = lines.chunk(intake.chunk_limits);
        if chunk.lines.is_empty() {
            break;
        }
        match keep_in_time(intake, origin, &chunk, outcome.accepted > 0, deadline).await {
            Ok(count) => outcome.accepted += count,
            Err(refusal) if outcome.accepted == 0 => return Err(refusal),
            Err(refusal) => {
                outcome.rejected = chunk.lines.len() as u64 + lines.count() as u64;
                outcome.message = refusal.to_string();
                intake.counters.refused_records(RECEIVER, Signal::Logs, refusal.reason(), outcome.rejected);
                break;
            }
        }
    }
    if outcome.accepted == 0 {
        return Err(Refusal::NothingValid("there is no line in the body".to_owned()));
    }
    Ok(outcome)
}

/// Keeps a chunk, trying again until the deadline where part of the body is kept already.
async fn keep_in_time(
    intake: &Intake,
    origin: &LineOrigin,
    chunk: &Chunk,
    begun: bool,
    deadline: Instant,
) -> Result<u64, Refusal> {
    loop {
        let refusal = match lines::keep(intake, origin, chunk).await {
            Ok(count) => return Ok(count),
            Err(refusal) => refusal,
        };
        let Some(delay) = refusal.retry_after().filter(|_| begun) else { return Err(refusal) };
        if Instant::now() + delay > deadline {
            return Err(refusal);
        }
        tokio::time::sleep(delay).await;
    }
}

fn success(outcome: &Outcome) -> Response {
    let reason = (!outcome.message.is_empty()).then_some(&outcome.message);
    let answer = json!({"accepted": outcome.accepted, "rejected": outcome.rejected, "reason": reason});
    let mut response = Response::new(Body::from(answer.to_string()));
    let json = ::http::HeaderValue::from_static(Encoding::Json.media_type());
    response.headers_mut().insert(::http::header::CONTENT_TYPE, json);
    response
}
