//! `POST /loki/api/v1/push`: what Loki's clients send.
//!
//! A push is kept as a whole or refused as a whole, since Loki's answer cannot say "a part": 204 once it is kept;
//! 429 and 503, which clients send again; 400, 413 and 415, which none does.

use ::http::StatusCode;
use ::http::header::{CONTENT_TYPE, HeaderValue};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use spandrel_store::Receiver;

use super::receive;
use crate::content::{self, Compression};
use crate::entries::{self, Gathering};
use crate::intake::Intake;
use crate::loki::{self, PushForm};
use crate::otlp::answer;
use crate::refusal::Refusal;

const RECEIVER: Receiver = Receiver::LokiPush;

pub(super) async fn push(State(intake): State<Intake>, request: Request) -> Response {
    let _in_flight = intake.activity.request();
    match take(&intake, request).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err(refusal) => refuse(&intake, &refusal),
    }
}

/// As Loki says it: who listens here takes what is sent, or says why not.
pub(super) async fn ready() -> &'static str {
    "ready\n"
}

async fn take(intake: &Intake, request: Request) -> Result<(), Refusal> {
    let (parts, body) = request.into_parts();
    let allowed = content::refuse_web_pages(&parts.headers);
    let head = allowed
        .and_then(|()| Ok((content::loki_form(&parts.headers)?, Compression::of_loki(&parts.headers)?)));
    let ((form, outer), body, admission) = receive(intake, head, body).await?;
    let inner = match form {
        PushForm::Protobuf => Compression::Snappy,
        PushForm::Json => Compression::Identity,
    };
    let compression = if outer == Compression::Identity { inner } else { outer };
    let size = body.len();
    let read = move |gathering: &mut Gathering| {
        let body = gathering.decompress(outer, body)?;
        let body = gathering.decompress(inner, body)?;
        loki::read(form, &body, gathering)
    };
    match entries::keep(intake, RECEIVER, (size, compression), admission, read).await? {
        (0, ()) => Err(Refusal::NothingValid("there is no entry in the push".to_owned())),
        _ => Ok(()),
    }
}

/// Loki's own refusals are a line of text, which its clients show.
fn refuse(intake: &Intake, refusal: &Refusal) -> Response {
    intake.counters.refused_request(RECEIVER, refusal.reason());
    let mut response = Response::new(Body::from(format!("{refusal}\n")));
    *response.status_mut() = refusal.http_status();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer::add_retry_after(refusal, response.headers_mut());
    response
}
