//! `/api/v1/peers`: who is asked, and what each said of itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::App;
use super::answer::Answer;
use super::asked::Asked;
use super::describe::{Common, PeersAnswer};
use super::problem::Problem;
use crate::engine::PeerState;
use crate::render::time::Rfc3339;

/// Every sidecar that questions go to, this one included.
#[utoipa::path(get, path = "/api/v1/peers", tag = "query", params(Common), responses(
    (status = 200, description = "Peers and their state", body = PeersAnswer)))]
pub(super) async fn peers(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Problem> {
    let (answer, peers) = Answer::to(&asked, app.engine.peers(asked.about.scope).await);
    answer.list("peers", peers.into_iter().map(peer)).respond(asked.format)
}

fn peer(known: PeerState) -> Json {
    let (name, service, local) = (known.peer.name, known.peer.service, known.peer.local);
    match known.state {
        Ok(state) => json!({
            "peer": name, "service": service, "local": local, "state": "up",
            "version": state.version,
            "services": state.services,
            "records": state.record_count,
            "start": state.extent.map(|(least, _)| Rfc3339(least).to_string()),
            "end": state.extent.map(|(_, greatest)| Rfc3339(greatest).to_string()),
        }),
        Err(error) => json!({
            "peer": name, "service": service, "local": local, "state": error.reason(),
            "detail": error.to_string(),
        }),
    }
}
