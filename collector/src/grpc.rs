//! OTLP over gRPC.
//!
//! The three `Export` calls are unary, so their one message is read and framed here: the body is admitted,
//! bounded, decompressed and decoded by the same code as over HTTP, and every refusal has the status that the
//! protocol asks for. (tonic's own reader answers OUT_OF_RANGE, INTERNAL and a bare RESOURCE_EXHAUSTED before
//! a handler is called, and reserves what a client announces.) The health service is tonic's.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use spandrel_store::Receiver;
use tonic_health::server::HealthReporter;

use crate::body;
use crate::content::{self, Compression, Encoding};
use crate::intake::{Form, Intake, Outcome};
use crate::otlp::{Signal, answer};
use crate::refusal::Refusal;

/// A frame is a compression flag, a length in four bytes and the message.
const FRAME_HEADER_BYTES: usize = 5;

/// The routes of the gRPC port, and the handle that says whether it is serving.
pub(crate) async fn router(intake: Intake) -> (Router, HealthReporter) {
    let (reporter, health) = tonic_health::server::health_reporter();
    report(&reporter, tonic_health::ServingStatus::Serving).await;
    let mut router = tonic::service::Routes::new(health).into_axum_router();
    for signal in Signal::ALL {
        let intake = intake.clone();
        let export = post(move |request: Request| export(State(intake), signal, request));
        router = router.route(signal.grpc_path(), export);
    }
    (router, reporter)
}

/// Sets the status of the server as a whole and of each of its services.
pub(crate) async fn report(reporter: &HealthReporter, status: tonic_health::ServingStatus) {
    for service in [""].into_iter().chain(Signal::ALL.map(Signal::grpc_service)) {
        reporter.set_service_status(service, status).await;
    }
}

async fn export(State(intake): State<Intake>, signal: Signal, request: Request) -> Response {
    let _in_flight = intake.activity.request();
    match take(&intake, signal, request).await {
        Ok(outcome) => success(&outcome),
        Err(refusal) => {
            intake.counters.refused_request(Receiver::OtlpGrpc, refusal.reason());
            refused(&refusal)
        }
    }
}

async fn take(intake: &Intake, signal: Signal, request: Request) -> Result<Outcome, Refusal> {
    let (parts, body) = request.into_parts();
    let compression = content::check_grpc(&parts.headers).and_then(|()| Compression::of_grpc(&parts.headers));
    let (compression, mut admission) = match compression.and_then(|found| Ok((found, intake.admit()?))) {
        Ok(ready) => ready,
        Err(refusal) => {
            body::discard(body, intake.body_limits).await;
            return Err(refusal);
        }
    };
    let mut limits = intake.body_limits;
    limits.bytes_max += FRAME_HEADER_BYTES;
    let framed =
        body::read(body, limits, framed_bytes, &mut admission).await.map_err(|refusal| match refusal {
            // The limit is the message's; its frame is nothing that a client counts.
            Refusal::TooLarge { what, limit_bytes } if limit_bytes == limits.bytes_max => {
                Refusal::TooLarge { what, limit_bytes: intake.body_limits.bytes_max }
            }
            other => other,
        })?;
    let (compressed, message) = unframe(framed)?;
    let compression = if compressed { compression } else { Compression::Identity };
    let form = Form { signal, encoding: Encoding::Protobuf, compression };
    intake.export(Receiver::OtlpGrpc, form, message, admission).await
}

/// The length of a frame with its message, by its first bytes.
fn framed_bytes(beginning: &[u8]) -> Option<usize> {
    let ([_, length @ ..], _) = beginning.split_first_chunk::<FRAME_HEADER_BYTES>()?;
    usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(FRAME_HEADER_BYTES)
}

/// The one message of a unary call, and whether it is compressed.
fn unframe(framed: Bytes) -> Result<(bool, Bytes), Refusal> {
    let bad = |what: &str| Refusal::undecodable(what);
    let (header, _) =
        framed.split_first_chunk::<FRAME_HEADER_BYTES>().ok_or_else(|| bad("no gRPC message"))?;
    let [flag, length @ ..] = *header;
    let message = framed.slice(FRAME_HEADER_BYTES..);
    if usize::try_from(u32::from_be_bytes(length)) != Ok(message.len()) {
        return Err(bad("the gRPC message has not the length it says"));
    }
    match flag {
        0 => Ok((false, message)),
        1 => Ok((true, message)),
        _ => Err(bad("bad gRPC compression flag")),
    }
}

fn success(outcome: &Outcome) -> Response {
    let message = answer::success_protobuf(outcome);
    let mut framed = BytesMut::with_capacity(FRAME_HEADER_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(&message);
    let mut trailers = ::http::HeaderMap::new();
    trailers.insert(tonic::Status::GRPC_STATUS, ::http::HeaderValue::from_static("0"));
    let body = Full::new(framed.freeze()).with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(Body::new(body));
    let grpc = ::http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(::http::header::CONTENT_TYPE, grpc);
    response
}

/// A refusal is headers only. One for a compression that is not known names those that are.
fn refused(refusal: &Refusal) -> Response {
    let mut response: Response = answer::grpc_status(refusal).into_http();
    if matches!(refusal, Refusal::ContentEncoding) {
        let known = ::http::HeaderValue::from_static("identity,deflate,gzip,zstd");
        response.headers_mut().insert("grpc-accept-encoding", known);
    }
    response
}
