//! Calls over gRPC as real clients make them: tonic's client over the router, messages decoded as the client of
//! the other side has them.

use axum::Router;
use axum::body::Body;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

/// The body of a request over gRPC as axum has it.
type Rebody = fn(http::Request<tonic::body::Body>) -> http::Request<Body>;

fn client(router: &Router) -> Grpc<tower::util::MapRequest<Router, Rebody>> {
    let service = tower::ServiceBuilder::new().map_request(rebody as Rebody).service(router.clone());
    Grpc::new(service)
}

fn rebody(request: http::Request<tonic::body::Body>) -> http::Request<Body> {
    request.map(Body::new)
}

/// All messages of an answer, or the status that it ends with.
pub async fn stream<A, R>(router: &Router, path: &'static str, ask: A) -> Result<Vec<R>, Status>
where
    A: Message + 'static,
    R: Message + Default + 'static,
{
    let mut client = client(router);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    let codec = ProstCodec::<A, R>::default();
    let mut answers = client.server_streaming(Request::new(ask), path, codec).await?.into_inner();
    let mut all = Vec::new();
    while let Some(one) = answers.message().await? {
        all.push(one);
    }
    Ok(all)
}

pub async fn unary<A, R>(router: &Router, path: &'static str, ask: A) -> Result<R, Status>
where
    A: Message + 'static,
    R: Message + Default + 'static,
{
    let mut client = client(router);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    Ok(client.unary(Request::new(ask), path, ProstCodec::<A, R>::default()).await?.into_inner())
}

/// A question as it is on the wire, field by field with the numbers of its definition: what the server reads is
/// written down there alone.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Question(Vec<u8>);

impl Question {
    pub fn text(mut self, number: u32, text: &str) -> Question {
        encoding::string::encode(number, &text.to_owned(), &mut self.0);
        self
    }

    pub fn int(mut self, number: u32, int: i64) -> Question {
        encoding::int64::encode(number, &int, &mut self.0);
        self
    }

    pub fn with(mut self, number: u32, inner: &Question) -> Question {
        encoding::bytes::encode(number, &inner.0, &mut self.0);
        self
    }

    /// `google.protobuf.Timestamp` and `Duration`.
    pub fn time(self, number: u32, seconds: i64, nanos: i64) -> Question {
        self.with(number, &Question::default().int(1, seconds).int(2, nanos))
    }

    /// One entry of a map of texts.
    pub fn pair(self, number: u32, key: &str, value: &str) -> Question {
        self.with(number, &Question::default().text(1, key).text(2, value))
    }
}

impl Message for Question {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        buffer.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        number: u32,
        kind: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        encoding::skip_field(kind, number, buffer, context)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
