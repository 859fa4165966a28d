//! Loki's HTTP API, as Grafana's Loki data source and Logs Drilldown use it.
//!
//! Log records are Loki's entries: [`eval`] makes labels, structured metadata and lines of them and runs LogQL
//! over them. Here and below is what Grafana sends and gets.

mod answer;
mod counted;
mod detected;
pub mod eval;
mod metric;
mod patterns;
mod query;
mod resources;
mod tail;
mod volume;

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::api::App;

/// Grafana 12.3 doubled the prefix for a while.
const PREFIXES: [&str; 2] = ["/loki/api/v1", "/loki/api/v1/loki/api/v1"];

pub(crate) fn routes() -> Router<Arc<App>> {
    let routes = PREFIXES.into_iter().fold(Router::new(), |router, prefix| router.nest(prefix, calls()));
    routes.route("/ready", get(async || "ready\n"))
}

fn calls() -> Router<Arc<App>> {
    Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route("/labels", get(resources::labels))
        .route("/label", get(resources::labels))
        .route("/label/{name}/values", get(resources::label_values))
        .route("/series", get(resources::series).post(resources::series))
        .route("/index/stats", get(volume::stats))
        .route("/index/volume", get(volume::volume))
        .route("/index/volume_range", get(volume::volume_range))
        .route("/detected_labels", get(detected::labels))
        .route("/detected_fields", get(detected::fields))
        .route("/detected_field/{name}/values", get(detected::field_values))
        .route("/patterns", get(patterns::patterns))
        .route("/tail", get(tail::tail))
        .route("/format_query", get(query::format).post(query::format))
        .route("/drilldown-limits", get(limits))
        .route("/status/buildinfo", get(buildinfo))
}

async fn buildinfo() -> Json<serde_json::Value> {
    Json(json!({
        "version": "3.5.0",
        "revision": env!("CARGO_PKG_VERSION"),
        "branch": "spandrel",
        "buildDate": "",
        "buildUser": "",
        "goVersion": "",
    }))
}

/// What Logs Drilldown asks for when it starts.
async fn limits(axum::extract::State(app): axum::extract::State<Arc<App>>) -> Json<serde_json::Value> {
    let limits = app.engine().limits();
    Json(json!({
        "limits": {
            "discover_log_levels": true,
            "discover_service_name": ["service_name"],
            "log_level_fields": ["level", "severity", "severity_text", "detected_level"],
            "max_entries_limit_per_query": limits.list_max,
            "max_line_size_truncate": false,
            "max_query_bytes_read": "0B",
            "max_query_length": "0s",
            "max_query_lookback": "0s",
            "max_query_range": "0s",
            "max_query_series": limits.series_max,
            "metric_aggregation_enabled": false,
            "otlp_config": {},
            "pattern_persistence_enabled": false,
            "query_timeout": format!("{}s", limits.query_timeout.as_secs()),
            "retention_period": "0s",
            "volume_enabled": true,
            "volume_max_series": limits.series_max,
        },
        "pattern_ingester_enabled": true,
        "version": "3.5.0",
    }))
}
