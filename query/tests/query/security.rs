//! Who is answered.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use spandrel_config::{Limits, Secret, Security};

use crate::fixture::{Answered, Sidecar, read, respond};

async fn sidecar(protect_metrics: bool) -> Sidecar {
    let token = Some(Secret("open sesame".to_owned()));
    let security = Security { token, protect_metrics, ..Security::default() };
    Sidecar::with(Limits::default(), &security).await
}

async fn ask(sidecar: &Sidecar, path: &str, header: Option<(&str, &str)>) -> Answered {
    let request = Request::get(path);
    let request = match header {
        Some((name, value)) => request.header(name, value),
        None => request,
    };
    read(respond(&sidecar.router, request.body(Body::empty()).unwrap()).await).await
}

#[tokio::test]
async fn with_a_token_only_those_who_bear_it_are_answered() {
    let sidecar = sidecar(false).await;
    for wrong in
        [None, Some("Bearer open"), Some("Bearer open sesame!"), Some("open sesame"), Some("Basic x")]
    {
        let header = wrong.map(|value| ("authorization", value));
        for path in ["/api/v1/search", "/api/v1/traces/1234", "/api/v1/openapi.json", "/nope"] {
            let answered = ask(&sidecar, path, header).await;
            assert_eq!(answered.status, StatusCode::UNAUTHORIZED, "{path} {wrong:?}");
            assert_eq!(answered.content_type, "application/problem+json");
        }
    }
    for right in ["Bearer open sesame", "bearer open sesame"] {
        let answered = ask(&sidecar, "/api/v1/search", Some(("authorization", right))).await;
        assert_eq!(answered.status, StatusCode::OK);
    }
    let metrics = ask(&sidecar, "/metrics", None).await;
    assert!(metrics.text.contains("spandrel_query_refused_total{reason=\"unauthorized\"} 20"));
}

#[tokio::test]
async fn a_refusal_says_how_to_ask() {
    let sidecar = sidecar(false).await;
    let request = Request::get("/api/v1/search").body(Body::empty()).unwrap();
    let response = respond(&sidecar.router, request).await;
    assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"spandrel\"");
}

#[tokio::test]
async fn probes_need_no_token_and_metrics_as_configured() {
    let open = sidecar(false).await;
    assert_eq!(ask(&open, "/healthz", None).await.status, StatusCode::OK);
    assert_eq!(ask(&open, "/readyz", None).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&open, "/metrics", None).await.status, StatusCode::OK);
    let closed = sidecar(true).await;
    assert_eq!(ask(&closed, "/healthz", None).await.status, StatusCode::OK);
    assert_eq!(ask(&closed, "/metrics", None).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn on_loopback_without_a_token_only_names_of_this_machine_are_answered_to() {
    let sidecar = Sidecar::empty().await;
    for host in ["localhost:7317", "LOCALHOST", "127.0.0.1:7317", "[::1]:7317", "shop.localhost", "10.1.2.3"]
    {
        let answered = ask(&sidecar, "/api/v1/search", Some(("host", host))).await;
        assert_eq!(answered.status, StatusCode::OK, "{host}");
    }
    for host in ["evil.example", "evil.example:7317", "127.0.0.1.evil.example", ""] {
        let answered = ask(&sidecar, "/api/v1/search", Some(("host", host))).await;
        assert_eq!(answered.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    assert_eq!(ask(&sidecar, "/healthz", Some(("host", "evil.example"))).await.status, StatusCode::OK);
}
