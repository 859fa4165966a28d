//! OTLP's answers: success, partial success, and `google.rpc.Status` for refusals.

use ::http::header::{CONTENT_TYPE, RETRY_AFTER};
use ::http::{HeaderMap, HeaderValue, Response};
use axum::body::Body;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;
use serde_json::json;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::Signal;
use crate::content::Encoding;
use crate::intake::Outcome;
use crate::refusal::Refusal;

/// The body of a success. The three signals' responses have the same bytes in protobuf.
pub(crate) fn success(signal: Signal, encoding: Encoding, outcome: &Outcome) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => success_protobuf(outcome),
        Encoding::Json => success_json(signal, outcome).to_string().into_bytes(),
    }
}

/// The message of a success, without the gRPC frame.
pub(crate) fn success_protobuf(outcome: &Outcome) -> Vec<u8> {
    let partial_success = (!outcome.message.is_empty()).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(outcome.rejected).unwrap_or(i64::MAX),
        error_message: outcome.message.clone(),
    });
    ExportTraceServiceResponse { partial_success }.encode_to_vec()
}

fn success_json(signal: Signal, outcome: &Outcome) -> serde_json::Value {
    if outcome.message.is_empty() {
        return json!({});
    }
    // Protobuf's JSON has 64-bit integers as text.
    let rejected = outcome.rejected.to_string();
    json!({"partialSuccess": {signal.rejected_name(): rejected, "errorMessage": outcome.message}})
}

/// A refusal over gRPC, with the time to come back among its details.
pub(crate) fn grpc_status(refusal: &Refusal) -> tonic::Status {
    let (code, message) = (refusal.grpc_code(), refusal.to_string());
    match refusal.retry_after() {
        Some(delay) => {
            tonic::Status::with_error_details(code, message, ErrorDetails::with_retry_info(Some(delay)))
        }
        None => tonic::Status::new(code, message),
    }
}

/// A refusal over HTTP, in the request's encoding.
pub(crate) fn http_refusal(refusal: &Refusal, encoding: Encoding) -> Response<Body> {
    let body = match encoding {
        Encoding::Protobuf => status_protobuf(refusal),
        Encoding::Json => status_json(refusal),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = refusal.http_status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    add_retry_after(refusal, headers);
    response
}

/// When to come back, where that is of use.
pub(crate) fn add_retry_after(refusal: &Refusal, headers: &mut HeaderMap) {
    if let Some(delay) = refusal.retry_after() {
        // Whole seconds are all that the header can say; never "at once".
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
}

fn status_protobuf(refusal: &Refusal) -> Vec<u8> {
    let status = grpc_status(refusal);
    if !status.details().is_empty() {
        return status.details().to_vec();
    }
    let code = status.code() as i32;
    tonic_types::Status { code, message: status.message().to_owned(), details: Vec::new() }.encode_to_vec()
}

fn status_json(refusal: &Refusal) -> Vec<u8> {
    let mut status = json!({"code": refusal.grpc_code() as i32, "message": refusal.to_string()});
    if let Some(delay) = refusal.retry_after() {
        let delay = format!("{}s", delay.as_secs_f64());
        status["details"] =
            json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]);
    }
    status.to_string().into_bytes()
}
