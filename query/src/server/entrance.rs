//! What a connection's requests come to: the calls of peers to who answers them, all others to the API's routes.
//!
//! Peers ask each other far more often than people do, and each call costs little but its way. Routes make copies of their
//! layers for each call, so that peers' calls go past them; the guard and the metrics, which hold for all calls, are
//! called by name.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::taking::watched;
use super::whole::charged;
use crate::api::{App, Certified};
use crate::federation::{ASK_PATH, Responder};
use crate::source::Room;

#[derive(Clone)]
pub(super) struct Entrance {
    pub(super) app: Arc<App>,
    pub(super) routes: Router,
    pub(super) responder: Arc<Responder>,
    /// Of answers that are written as a whole.
    pub(super) room: Room,
    /// The client has shown a certificate when it connected.
    pub(super) is_certified: bool,
}

impl Service<Request<Incoming>> for Entrance {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if self.is_certified {
            request.extensions_mut().insert(Certified);
        }
        if request.uri().path() == ASK_PATH && request.method() == Method::POST {
            let (app, responder) = (self.app.clone(), self.responder.clone());
            return Box::pin(async move {
                let (head, body) = request.into_parts();
                let answer = app.guarded(ASK_PATH, &head, responder.respond(&head.headers, body));
                Ok(answer.await.map(watched))
            });
        }
        let answer = TowerToHyperService::new(self.routes.clone()).call(request);
        let room = self.room.clone();
        Box::pin(async move { Ok(charged(answer.await?, &room).map(watched)) })
    }
}
