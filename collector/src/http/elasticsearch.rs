//! Elasticsearch's bulk API and what its clients ask before they use it.
//!
//! A large body is kept part by part. Overload before the first part is kept is a refusal of the whole (429 or 503);
//! after it, the rest waits for its turn as long as a client may take for a request, and what still finds no room
//! has the status 429 of its own, so that clients send just that again.

use std::time::Duration;

use ::http::header::HOST;
use ::http::{HeaderMap, Method, StatusCode};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use spandrel_store::Receiver;
use tokio::time::Instant;

use super::receive;
use crate::admission::Admission;
use crate::body::{self, compression};
use crate::content::{self, Compression};
use crate::elasticsearch::answer::{self, Done};
use crate::elasticsearch::{self, Item};
use crate::entries::{self, Gathering};
use crate::intake::{self, Intake};
use crate::otlp::Signal;
use crate::refusal::{Reason, Refusal};

const RECEIVER: Receiver = Receiver::ElasticsearchBulk;

/// Items that are kept at once, whatever their size.
const PART_ITEMS_MAX: usize = 2_048;

/// What clients install before they write.
const INSTALLED: [&str; 8] = [
    "/_index_template/{name}",
    "/_component_template/{name}",
    "/_template/{name}",
    "/_ilm/policy/{name}",
    "/_data_stream/{name}",
    "/_ingest/pipeline/{name}",
    "/_alias/{name}",
    "/_slm/policy/{name}",
];

pub(super) fn routes() -> Router<Intake> {
    let taking = || post(bulk).put(bulk).fallback(wrong_method);
    let router = Router::new()
        .route("/", told(answer::about))
        .route("/_cluster/health", told(answer::health))
        .route("/_license", told(answer::license))
        .route("/_xpack", told(answer::xpack))
        .route("/_nodes/http", get(nodes).fallback(wrong_method))
        .route("/_nodes/_all/http", get(nodes).fallback(wrong_method))
        .route("/_bulk", taking())
        // So Fluent Bit writes it in front of `?pipeline=`.
        .route("/_bulk/", taking())
        .route("/{index}/_bulk", taking());
    INSTALLED.into_iter().fold(router, |router, path| router.route(path, axum::routing::any(install)))
}

/// A question that has one answer.
fn told(body: fn() -> serde_json::Value) -> MethodRouter<Intake> {
    get(move || async move { answer::respond(StatusCode::OK, &body()) }).fallback(wrong_method)
}

async fn install(State(intake): State<Intake>, request: Request) -> Response {
    let method = request.method().clone();
    body::discard(request.into_body(), intake.body_limits).await;
    match method {
        Method::PUT | Method::POST => answer::respond(StatusCode::OK, &answer::acknowledged()),
        _ => answer::not_found(),
    }
}

/// Who looks for the nodes of a cluster goes on with those it is told of: this one, as it was asked for.
async fn nodes(headers: HeaderMap) -> Response {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    answer::respond(StatusCode::OK, &answer::nodes(host))
}

/// Whether a path that is not served is one of Elasticsearch's own, or the name of an index that is to be made.
pub(super) fn is_asked(request: &Request) -> bool {
    let path = request.uri().path();
    let makes_index = request.method() == Method::PUT && path.len() > 1 && !path[1..].contains('/');
    path.starts_with("/_") || makes_index
}

/// What is asked of Elasticsearch beyond what is served.
pub(super) async fn unknown(intake: Intake, request: Request) -> Response {
    let is_own = request.uri().path().starts_with("/_");
    body::discard(request.into_body(), intake.body_limits).await;
    if !is_own {
        return answer::respond(StatusCode::OK, &answer::index_made());
    }
    intake.counters.refused_request(RECEIVER, Reason::UnknownPath);
    answer::not_served()
}

async fn wrong_method(State(intake): State<Intake>, request: Request) -> Response {
    body::discard(request.into_body(), intake.body_limits).await;
    refuse(&intake, &Refusal::WrongMethod)
}

async fn bulk(State(intake): State<Intake>, index: Option<Path<String>>, request: Request) -> Response {
    let _in_flight = intake.activity.request();
    let brief = request.uri().query().is_some_and(|query| query.contains("filter_path="));
    let begun = Instant::now();
    let index = index.map(|Path(index)| index);
    // The admission holds the body's bytes until the answer is written.
    let (items, admission) = match take_in(&intake, index, request).await {
        Ok(taken) => taken,
        Err(refusal) => return refuse(&intake, &refusal),
    };
    let (kept, refusal) = keep_all(&intake, &items, &admission).await;
    if let Some(refusal) = refusal.as_ref().filter(|_| kept == 0) {
        return refuse(&intake, refusal);
    }
    count_refused(&intake, &items, kept, refusal.as_ref());
    answer::bulk(&Done { items: &items, kept, refusal, took: begun.elapsed(), brief })
}

async fn take_in(
    intake: &Intake,
    index: Option<String>,
    request: Request,
) -> Result<(Vec<Item>, Admission), Refusal> {
    let (parts, body) = request.into_parts();
    let allowed = content::refuse_web_pages(&parts.headers);
    let head = allowed
        .and_then(|()| content::check_log_lines(&parts.headers))
        .and_then(|()| Compression::of_http(&parts.headers));
    let (compression, body, mut admission) = receive(intake, head, body).await?;
    let (size, bytes_max) = (body.len(), intake.body_limits.bytes_max);
    let take_apart = move || {
        let body = compression::decompress(compression, body, bytes_max, &mut admission)?;
        let items = elasticsearch::items(&body, index.as_deref(), &mut admission)?;
        Ok((items, admission))
    };
    let (items, admission) = intake::run(size, compression, take_apart).await?;
    match items.is_empty() {
        true => Err(Refusal::NothingValid("there is no action in the body".to_owned())),
        false => Ok((items, admission)),
    }
}

/// How many items are kept, those that cannot be among them, and why no more are.
async fn keep_all(intake: &Intake, items: &[Item], admission: &Admission) -> (usize, Option<Refusal>) {
    let deadline = Instant::now() + intake.body_limits.timeout;
    let mut kept = 0;
    while kept < items.len() {
        let part = part_of(&items[kept..], intake.chunk_limits.bytes_max);
        match keep_in_time(intake, part, admission, (kept > 0).then_some(deadline)).await {
            Ok(()) => kept += part.len(),
            Err(refusal) => return (kept, Some(refusal)),
        }
    }
    (kept, None)
}

fn part_of(items: &[Item], bytes_max: usize) -> &[Item] {
    let mut bytes = 0;
    let within = items.iter().take(PART_ITEMS_MAX).take_while(|item| {
        let before = bytes;
        bytes += item.document.as_ref().map_or(0, bytes::Bytes::len);
        before < bytes_max
    });
    let count = within.count();
    &items[..count]
}

/// Keeps a part; until the deadline, if there is one, it is tried again.
async fn keep_in_time(
    intake: &Intake,
    part: &[Item],
    admission: &Admission,
    deadline: Option<Instant>,
) -> Result<(), Refusal> {
    let size = part.iter().map(|item| item.document.as_ref().map_or(0, bytes::Bytes::len)).sum();
    loop {
        let items = part.to_vec();
        let gather = move |gathering: &mut Gathering| elasticsearch::gather(&items, gathering);
        let part = intake.admit_part(admission)?;
        let kept = entries::keep(intake, RECEIVER, (size, Compression::Identity), part, gather);
        let Err(refusal) = kept.await else { return Ok(()) };
        let in_time = |delay: &Duration| deadline.is_some_and(|deadline| Instant::now() + *delay <= deadline);
        match refusal.retry_after().filter(in_time) {
            Some(delay) => tokio::time::sleep(delay).await,
            None => return Err(refusal),
        }
    }
}

fn count_refused(intake: &Intake, items: &[Item], kept: usize, refusal: Option<&Refusal>) {
    let faults = items.iter().filter(|item| item.document.is_err()).count();
    intake.counters.refused_records(RECEIVER, Signal::Logs, Reason::Undecodable, faults as u64);
    if let Some(refusal) = refusal {
        let left = items[kept..].iter().filter(|item| item.document.is_ok()).count();
        intake.counters.refused_records(RECEIVER, Signal::Logs, refusal.reason(), left as u64);
    }
}

fn refuse(intake: &Intake, refusal: &Refusal) -> Response {
    intake.counters.refused_request(RECEIVER, refusal.reason());
    answer::refuse(refusal)
}
