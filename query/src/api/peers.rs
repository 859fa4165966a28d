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
use crate::coverage::Absence;
use crate::engine::{PeerList, PeerState};
use crate::render::time::Rfc3339;
use crate::source::{Aside, Standing};

/// Every sidecar that questions go to, this one included.
#[utoipa::path(get, path = "/api/v1/peers", tag = "query", params(Common), responses(
    (status = 200, description = "Peers and their state", body = PeersAnswer)))]
pub(super) async fn peers(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Problem> {
    let (answer, peers) = Answer::to(&asked, app.engine.peers(asked.about.scope).await);
    let PeerList { states, aside, absent } = peers;
    let all =
        states.into_iter().map(peer).chain(aside.into_iter().map(beside)).chain(absent.into_iter().map(gone));
    answer.list("peers", all.collect::<Vec<Json>>()).respond(asked.format)
}

fn peer(known: PeerState) -> Json {
    let (name, service, local) = (known.peer.name, known.peer.service, known.peer.local);
    let mut json = match known.state {
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
    };
    if let Some(identity) = known.identity {
        json["id"] = identity.to_string().into();
    }
    known.standing.into_iter().for_each(|standing| add(&mut json, &standing));
    json
}

fn add(json: &mut Json, standing: &Standing) {
    if let Some(latency) = standing.latency {
        json["latency_ns"] = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).into();
    }
    if let Some(time) = standing.last_answer {
        json["last_answer"] = Rfc3339(time).to_string().into();
    }
    if let Some((error, time)) = &standing.last_error {
        json["last_error"] = error.as_str().into();
        json["last_error_time"] = Rfc3339(*time).to_string().into();
    }
}

/// A listed peer that is not asked.
fn beside(aside: Aside) -> Json {
    json!({
        "peer": aside.peer.name, "service": aside.peer.service, "local": false, "state": aside.state,
        "detail": aside.detail,
    })
}

/// A peer that was there.
fn gone(absence: Absence) -> Json {
    json!({
        "peer": absence.peer.name, "service": absence.peer.service, "local": false, "state": absence.reason,
        "detail": absence.detail,
        "start": Rfc3339(absence.range.start).to_string(),
        "end": Rfc3339(absence.range.end).to_string(),
    })
}
