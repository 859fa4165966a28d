//! Refusals in HTTP's own words, made into statuses before anybody reads their bodies as gRPC.
//!
//! A sidecar refuses a wrong token, and any other server an unknown path, with an HTTP status and a body for
//! people. tonic looks at the status only after it has tried to decode the body. What is no refusal is read within
//! what the answer is granted.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::Service;

use super::grant::{Grant, Metered};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Clone)]
pub(super) struct Refusing {
    pub(super) channel: Channel,
    pub(super) grant: Arc<Grant>,
}

impl Service<Request<Body>> for Refusing {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.channel.poll_ready(context).map_err(Error::from)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (answer, grant) = (self.channel.call(request), self.grant.clone());
        Box::pin(async move {
            let answer = answer.await?;
            match answer.status() {
                StatusCode::OK => Ok(answer.map(|body| Body::new(Metered { body, grant }))),
                status => Err(refusal(status).into()),
            }
        })
    }
}

fn refusal(status: StatusCode) -> Status {
    let code = match status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => Code::PermissionDenied,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
        _ => Code::Unavailable,
    };
    Status::new(code, format!("it answers {status}"))
}
