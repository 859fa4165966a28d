//! Calls over gRPC as routes: what Grafana's and Jaeger's clients ask on the query port beside HTTP.
//!
//! A call is a function from a message to an answer, or to a stream of answers. Frames, compression and statuses
//! are tonic's; a stream is asked for its next message when there is room for it, and dropped when its reader is.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::{MethodRouter, post};
use futures_util::{Stream, StreamExt as _, stream};
use prost::Message;
use tonic::codec::CompressionEncoding;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic::{Code, Response, Status};
use tonic_prost::ProstCodec;

use super::refusal::Refusal;
use crate::api::App;

/// A question is a query and some numbers.
const QUESTION_BYTES_MAX: usize = 1 << 20;

/// Messages of an answer.
pub(crate) type Messages<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

type Answering<R> = Pin<Box<dyn Future<Output = Result<Response<R>, Status>> + Send>>;

/// A call with one answer.
pub(crate) fn unary<A, R, F>(call: fn(Arc<App>, A) -> F) -> MethodRouter<Arc<App>>
where
    A: Message + Default + 'static,
    R: Message + 'static,
    F: Future<Output = Result<R, Refusal>> + Send + 'static,
{
    post(async move |State(app): State<Arc<App>>, request: Request| {
        grpc::<A, R>().unary(Unary { app, call }, request).await
    })
}

/// A call with any number of answers.
pub(crate) fn streaming<A, R>(call: fn(Arc<App>, A) -> Messages<R>) -> MethodRouter<Arc<App>>
where
    A: Message + Default + 'static,
    R: Message + 'static,
{
    post(async move |State(app): State<Arc<App>>, request: Request| {
        grpc::<A, R>().server_streaming(Streaming { app, call }, request).await
    })
}

/// One message, as a stream of it.
pub(crate) fn once<R: Send + 'static>(
    answer: impl Future<Output = Result<R, Refusal>> + Send + 'static,
) -> Messages<R> {
    Box::pin(stream::once(answer).map(|answer| answer.map_err(Status::from)))
}

fn grpc<A: Message + Default + 'static, R: Message + 'static>() -> Grpc<ProstCodec<R, A>> {
    Grpc::new(ProstCodec::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(QUESTION_BYTES_MAX)
}

struct Unary<A, F> {
    app: Arc<App>,
    call: fn(Arc<App>, A) -> F,
}

impl<A, R, F> UnaryService<A> for Unary<A, F>
where
    R: 'static,
    F: Future<Output = Result<R, Refusal>> + Send + 'static,
{
    type Response = R;
    type Future = Answering<R>;

    fn call(&mut self, request: tonic::Request<A>) -> Answering<R> {
        let answer = (self.call)(self.app.clone(), request.into_inner());
        Box::pin(async move { Ok(Response::new(answer.await?)) })
    }
}

struct Streaming<A, R> {
    app: Arc<App>,
    call: fn(Arc<App>, A) -> Messages<R>,
}

impl<A, R: 'static> ServerStreamingService<A> for Streaming<A, R> {
    type Response = R;
    type ResponseStream = Messages<R>;
    type Future = std::future::Ready<Result<Response<Messages<R>>, Status>>;

    fn call(&mut self, request: tonic::Request<A>) -> Self::Future {
        let messages = (self.call)(self.app.clone(), request.into_inner());
        std::future::ready(Ok(Response::new(messages)))
    }
}

/// The same refusals in gRPC's words.
impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let code = match refusal.status {
            StatusCode::BAD_REQUEST => Code::InvalidArgument,
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
            StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
            _ => Code::Internal,
        };
        Status::new(code, refusal.text)
    }
}
