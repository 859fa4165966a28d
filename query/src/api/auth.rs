//! Who may ask. Everything but the probes needs a bearer token, or a certificate that was shown when the
//! connection was made, where either is set; `/metrics` only where
//! configured. On loopback without a token, a request must at least be meant for this machine: a web page
//! that points a name of its own at 127.0.0.1 (DNS rebinding) is refused.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use spandrel_config::Security;

use super::App;
use super::problem::Problem;
use crate::credentials::Credentials;

/// Marks the requests of a client whose certificate was checked when it connected.
#[derive(Debug, Clone, Copy)]
pub struct Certified;

/// Who is let in.
pub struct Guard {
    credentials: Arc<Credentials>,
    protect_metrics: bool,
    /// Only names of this machine are answered to.
    check_host: bool,
}

impl Guard {
    /// `on_loopback` is whether the port can be reached from this machine alone.
    pub fn new(security: &Security, credentials: Arc<Credentials>, on_loopback: bool) -> Guard {
        let check_host = on_loopback && !credentials.are_required() && !security.insecure;
        Guard { credentials, protect_metrics: security.protect_metrics, check_host }
    }

    fn check(&self, path: &str, headers: &HeaderMap, certified: bool) -> Result<(), Problem> {
        let open = match path {
            "/healthz" | "/readyz" => true,
            "/metrics" => !self.protect_metrics,
            _ => false,
        };
        if open {
            return Ok(());
        }
        if self.check_host && !means_this_machine(headers) {
            let detail = "this port answers to localhost alone; set security.token to use other names";
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
        }
        if self.credentials.are_required() && !certified && !bears(headers, &self.credentials) {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "send `Authorization: Bearer` with the token",
            ));
        }
        Ok(())
    }
}

fn bears(headers: &HeaderMap, credentials: &Credentials) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let bearer = given.and_then(|given| given.split_at_checked("Bearer ".len()));
    let token_given =
        bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer ")).map(|(_, token)| token);
    token_given.is_some_and(|given| credentials.accept(given.trim_ascii()))
}

/// Whether `Host` is an address, `localhost`, or absent, as in HTTP/1.0 and HTTP/2.
fn means_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    let host = match host.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(host, _)| host),
    };
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || host.parse::<IpAddr>().is_ok()
}

pub(super) async fn check(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    admit(&app, request.uri(), request.headers(), request.extensions())?;
    Ok(next.run(request).await)
}

/// Refuses who may not ask.
pub(super) fn admit(
    app: &App,
    uri: &Uri,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<(), Problem> {
    let certified = extensions.get::<Certified>().is_some();
    let admitted = app.guard.check(uri.path(), headers, certified);
    if admitted.is_err() {
        app.metrics.refused("unauthorized");
    }
    admitted
}
