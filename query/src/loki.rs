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
use crate::grafana::calls::{Calls, END, LIMIT, Param, START, STEP, TEXT, Told};

const PREFIX: &str = "/loki/api/v1";

/// Grafana 12.3 doubled the prefix for a while.
const DOUBLED: &str = "/loki/api/v1/loki/api/v1";

const QUERY: Param<'_> = ("query", "LogQL");
const SELECTOR: Param<'_> = ("query", "A selector such as `{service_name=\"web\"}`");
const DIRECTION: Param<'_> = ("direction", "`backward`, the newest first, or `forward`");
const SINCE: Param<'_> = ("since", "How far back from the end, without a start");
const TARGETS: Param<'_> =
    ("targetLabels", "The labels to tell volumes by; without it, those of the selector");
const BY: Param<'_> = ("aggregateBy", "`series`, or `labels` for one volume each");

const RANGE: &[Param<'_>] = &[QUERY, START, END, SINCE, STEP, LIMIT, DIRECTION];
const STREAMS: &[Param<'_>] = &[SELECTOR, START, END, SINCE];
const VOLUME: &[Param<'_>] = &[SELECTOR, START, END, SINCE, LIMIT, TARGETS, BY];
const VOLUME_RANGE: &[Param<'_>] = &[SELECTOR, START, END, SINCE, STEP, LIMIT, TARGETS, BY];
const FIELDS: &[Param<'_>] =
    &[QUERY, START, END, SINCE, LIMIT, ("line_limit", "Lines that are looked at: 1,000 without it")];
const TAIL: &[Param<'_>] =
    &[QUERY, START, LIMIT, ("delay_for", "Seconds by which slow sources may be late, up to 5")];

pub(crate) fn calls() -> Calls {
    let (ready, told) = (get(async || "ready\n"), Told::new("Whether it answers", &[]).answered_in(TEXT));
    under_prefix().nested(PREFIX).and(Calls::of(TAG, TEXT).call("/ready", ready, told))
}

/// The same calls where nothing says that they are.
pub(crate) fn doubled() -> Router<Arc<App>> {
    Router::new().nest(DOUBLED, under_prefix().router())
}

const TAG: &str = "loki";

fn under_prefix() -> Calls {
    Calls::of(TAG, TEXT)
        .call(
            "/query",
            get(query::instant).post(query::instant),
            Told::new("Numbers at one time", &[QUERY, ("time", "When; now without it")]).or_posted(),
        )
        .call(
            "/query_range",
            get(query::range).post(query::range),
            Told::new("Lines, or numbers over time", RANGE).or_posted(),
        )
        .call("/labels", get(resources::labels), Told::new("The names of streams' labels", STREAMS))
        .call("/label", get(resources::labels), Told::new("The same as `labels`", STREAMS))
        .call(
            "/label/{name}/values",
            get(resources::label_values),
            Told::new("The values of a label", STREAMS),
        )
        .call(
            "/series",
            get(resources::series).post(resources::series),
            Told::new("Streams", &[("match[]", "A selector, any number of times"), START, END, SINCE])
                .or_posted(),
        )
        .call("/index/stats", get(volume::stats), Told::new("How much there is in streams", STREAMS))
        .call("/index/volume", get(volume::volume), Told::new("Bytes by labels, the most first", VOLUME))
        .call(
            "/index/volume_range",
            get(volume::volume_range),
            Told::new("Bytes by labels over time", VOLUME_RANGE),
        )
        .call(
            "/detected_labels",
            get(detected::labels),
            Told::new("Labels, and how many values each has", STREAMS),
        )
        .call(
            "/detected_fields",
            get(detected::fields),
            Told::new("Fields of lines and their metadata, with types and parsers", FIELDS),
        )
        .call(
            "/detected_field/{name}/values",
            get(detected::field_values),
            Told::new("The values of a field", FIELDS),
        )
        .call(
            "/patterns",
            get(patterns::patterns),
            Told::new("What lines have in common, over time", &[QUERY, START, END, SINCE, STEP]),
        )
        .call(
            "/tail",
            get(tail::tail),
            Told::new("Lines as they come, over a websocket", TAIL).answered_in(TEXT),
        )
        .call(
            "/format_query",
            get(query::format).post(query::format),
            Told::new("The question written anew", &[QUERY]).or_posted(),
        )
        .call("/drilldown-limits", get(limits), Told::new("What Logs Drilldown may ask for", &[]))
        .call("/status/buildinfo", get(buildinfo), Told::new("The version that is spoken", &[]))
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
