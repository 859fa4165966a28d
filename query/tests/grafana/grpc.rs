//! Calls over gRPC as real clients make them: tonic's client over the router, messages decoded as the client of
//! the other side has them.

use axum::Router;
use axum::body::Body;
use prost::Message;
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
