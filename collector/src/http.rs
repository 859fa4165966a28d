//! OTLP over HTTP, and on the same port JSON logs, Loki's push API and
//! Elasticsearch's bulk API.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use spandrel_store::Receiver;

use crate::admission::Admission;
use crate::body;
use crate::content::{self, Compression, Encoding};
use crate::intake::{Form, Intake, Outcome};
use crate::otlp::{Signal, answer};
use crate::refusal::Refusal;

mod elasticsearch;
mod log_lines;
mod loki;

/// The routes of the HTTP port.
pub(crate) fn router(intake: Intake) -> Router {
    let mut router = Router::new();
    for signal in Signal::ALL {
        let intake = intake.clone();
        let export = move |request: Request| export(intake, signal, request);
        router = router.route(signal.http_path(), post(export).fallback(wrong_method));
    }
    router
        .route("/v1/json-logs", post(log_lines::take_in).fallback(wrong_method))
        .route("/loki/api/v1/push", post(loki::push).fallback(wrong_method))
        // Loki's own first name for it.
        .route("/api/prom/push", post(loki::push).fallback(wrong_method))
        // Asked before the first push, by Vector for one.
        .route("/ready", get(loki::ready).fallback(wrong_method))
        .merge(elasticsearch::routes())
        .fallback(unknown_path)
        .with_state(intake)
}

async fn export(intake: Intake, signal: Signal, request: Request) -> Response {
    let _in_flight = intake.activity.request();
    // Who sends neither encoding is answered in the one that people can read.
    let encoding = Encoding::of_otlp(request.headers());
    let answered_in = encoding.as_ref().copied().unwrap_or(Encoding::Json);
    match take(&intake, signal, encoding, request).await {
        Ok(outcome) => success(signal, answered_in, &outcome),
        Err(refusal) => refuse(&intake, Receiver::OtlpHttp, &refusal, answered_in),
    }
}

async fn take(
    intake: &Intake,
    signal: Signal,
    encoding: Result<Encoding, Refusal>,
    request: Request,
) -> Result<Outcome, Refusal> {
    let (parts, body) = request.into_parts();
    let allowed = content::refuse_web_pages(&parts.headers);
    let form = allowed.and(encoding).and_then(|encoding| {
        let compression = Compression::of_http(&parts.headers)?;
        Ok(Form { signal, encoding, compression })
    });
    let (form, body, admission) = receive(intake, form, body).await?;
    intake.export(Receiver::OtlpHttp, form, body, admission).await
}

/// Reads the body of a request. Of one that is refused by its head, the body is read on and thrown away.
async fn receive<T>(
    intake: &Intake,
    head: Result<T, Refusal>,
    body: Body,
) -> Result<(T, Bytes, Admission), Refusal> {
    let ready = head.and_then(|head| Ok((head, intake.admit()?)));
    let (head, mut admission) = match ready {
        Ok(ready) => ready,
        Err(refusal) => {
            body::discard(body, intake.body_limits).await;
            return Err(refusal);
        }
    };
    let body = body::read(body, intake.body_limits, |_| None, &mut admission).await?;
    Ok((head, body, admission))
}

fn success(signal: Signal, encoding: Encoding, outcome: &Outcome) -> Response {
    let mut response = Response::new(Body::from(answer::success(signal, encoding, outcome)));
    let media_type = ::http::HeaderValue::from_static(encoding.media_type());
    response.headers_mut().insert(::http::header::CONTENT_TYPE, media_type);
    response
}

fn refuse(intake: &Intake, receiver: Receiver, refusal: &Refusal, encoding: Encoding) -> Response {
    intake.counters.refused_request(receiver, refusal.reason());
    answer::http_refusal(refusal, encoding)
}

async fn unknown_path(State(intake): State<Intake>, request: Request) -> Response {
    if elasticsearch::is_asked(&request) {
        return elasticsearch::unknown(intake, request).await;
    }
    turn_away(&intake, Refusal::UnknownPath, request).await
}

async fn wrong_method(State(intake): State<Intake>, request: Request) -> Response {
    let mut response = turn_away(&intake, Refusal::WrongMethod, request).await;
    response.headers_mut().insert(::http::header::ALLOW, ::http::HeaderValue::from_static("POST"));
    response
}

async fn turn_away(intake: &Intake, refusal: Refusal, request: Request) -> Response {
    let encoding = Encoding::of_otlp(request.headers()).unwrap_or(Encoding::Json);
    body::discard(request.into_body(), intake.body_limits).await;
    refuse(intake, Receiver::OtlpHttp, &refusal, encoding)
}
