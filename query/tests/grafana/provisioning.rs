//! The files that make Grafana know Spandrel: they hang together, and every question in them is answered.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use serde_json::Value as Json;

use crate::fixture::Sidecar;
use crate::request::{get, path};

fn folder(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/grafana").join(below)
}

fn yaml(file: &str) -> Json {
    let text = std::fs::read_to_string(folder(file)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn dashboards() -> Vec<Json> {
    let files = std::fs::read_dir(folder("dashboards")).unwrap().map(|file| file.unwrap().path());
    files.map(|file| serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()).collect()
}

/// Every text of a tree.
fn texts<'a>(json: &'a Json, found: &mut Vec<&'a str>) {
    match json {
        Json::String(text) => found.push(text),
        Json::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Json::Object(map) => map.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[test]
fn data_sources_name_one_another_and_only_known_variables() {
    let file = yaml("provisioning/datasources/spandrel.yaml");
    let sources = file["datasources"].as_array().unwrap();
    let uids: BTreeSet<&str> = sources.iter().map(|source| source["uid"].as_str().unwrap()).collect();
    let types: BTreeSet<&str> = sources.iter().map(|source| source["type"].as_str().unwrap()).collect();
    assert_eq!(types, BTreeSet::from(["jaeger", "loki", "prometheus", "tempo"]));
    let mut all = Vec::new();
    texts(&file, &mut all);
    for text in all {
        if text.starts_with("spandrel-") {
            assert!(uids.contains(text), "{text}");
        }
        // Grafana fills in variables of its environment: a dollar of its own is doubled.
        let plain = text.replace("$$", "");
        for name in plain.split('$').skip(1) {
            let known = ["SPANDREL_URL", "SPANDREL_TOKEN", "PROMETHEUS_URL"];
            assert!(known.iter().any(|known| name.starts_with(known)), "{text}");
        }
    }
    let provider = yaml("provisioning/dashboards/spandrel.yaml");
    assert_eq!(provider["providers"][0]["type"], "file");
    assert!(yaml("prometheus.yaml")["scrape_configs"].is_array());
}

/// What Grafana's provisioning reads of a data source.
const OF_A_SOURCE: [&str; 14] = [
    "name",
    "type",
    "uid",
    "access",
    "orgId",
    "url",
    "basicAuth",
    "basicAuthUser",
    "isDefault",
    "editable",
    "version",
    "jsonData",
    "secureJsonData",
    "correlations",
];

/// What the data sources read of `jsonData`, by their types; headers and timeouts belong to all.
const OF_ALL: [&str; 3] = ["httpHeaderName1", "timeout", "keepCookies"];
const OF_TYPES: [(&str, &[&str]); 4] = [
    (
        "tempo",
        &[
            "tracesToLogsV2",
            "tracesToMetrics",
            "tracesToProfiles",
            "serviceMap",
            "nodeGraph",
            "search",
            "traceQuery",
            "spanBar",
            "tagLimit",
            "timeRangeForTags",
            "streamingEnabled",
        ],
    ),
    ("loki", &["maxLines", "manageAlerts", "derivedFields"]),
    ("jaeger", &["nodeGraph", "traceIdTimeParams", "spanBar", "tracesToLogsV2", "tracesToMetrics"]),
    ("prometheus", &["exemplarTraceIdDestinations", "httpMethod", "timeInterval"]),
];

const OF_LINKS: [(&str, &[&str]); 6] = [
    (
        "tracesToLogsV2",
        &[
            "datasourceUid",
            "spanStartTimeShift",
            "spanEndTimeShift",
            "tags",
            "filterByTraceID",
            "filterBySpanID",
            "customQuery",
            "query",
        ],
    ),
    ("tracesToMetrics", &["datasourceUid", "spanStartTimeShift", "spanEndTimeShift", "tags", "queries"]),
    ("serviceMap", &["datasourceUid"]),
    ("nodeGraph", &["enabled"]),
    ("streamingEnabled", &["search", "metrics"]),
    ("traceIdTimeParams", &["enabled"]),
];

fn assert_only(of: &Json, known: &[&str], what: &str) {
    for key in of.as_object().unwrap_or_else(|| panic!("{what} is no map")).keys() {
        assert!(known.contains(&key.as_str()), "{what} has `{key}`, which Grafana does not read");
    }
}

#[test]
fn provisioning_has_no_key_that_grafana_does_not_read_and_all_that_it_needs() {
    let file = yaml("provisioning/datasources/spandrel.yaml");
    assert_only(&file, &["apiVersion", "prune", "deleteDatasources", "datasources"], "the file");
    assert_eq!(file["apiVersion"], 1);
    for source in file["datasources"].as_array().unwrap() {
        let kind = source["type"].as_str().unwrap();
        assert_only(source, &OF_A_SOURCE, kind);
        assert_eq!(source["access"], "proxy");
        let (_, known) = OF_TYPES.iter().find(|(known, _)| *known == kind).unwrap();
        assert_only(&source["jsonData"], &[&OF_ALL, *known].concat(), kind);
        for (link, known) in OF_LINKS {
            if !source["jsonData"][link].is_null() {
                assert_only(&source["jsonData"][link], known, link);
            }
        }
        // A header's value is a secret, and named after the header.
        let named = source["jsonData"]["httpHeaderName1"].is_string();
        assert_eq!(named, source["secureJsonData"]["httpHeaderValue1"].is_string(), "{kind}");
    }
    let tempo =
        file["datasources"].as_array().unwrap().iter().find(|source| source["type"] == "tempo").unwrap();
    for filter in tempo["jsonData"]["search"]["filters"].as_array().unwrap() {
        assert_only(filter, &["id", "tag", "operator", "scope"], "a filter");
    }
    let loki =
        file["datasources"].as_array().unwrap().iter().find(|source| source["type"] == "loki").unwrap();
    assert!(loki["jsonData"]["maxLines"].is_string());
    for field in loki["jsonData"]["derivedFields"].as_array().unwrap() {
        let known =
            ["name", "matcherType", "matcherRegex", "datasourceUid", "url", "urlDisplayLabel", "targetBlank"];
        assert_only(field, &known, "a derived field");
    }
    let provider = yaml("provisioning/dashboards/spandrel.yaml")["providers"][0].clone();
    let known = [
        "name",
        "orgId",
        "folder",
        "folderUid",
        "type",
        "disableDeletion",
        "updateIntervalSeconds",
        "allowUiUpdates",
        "options",
    ];
    assert_only(&provider, &known, "the provider");
    assert_only(&provider["options"], &["path", "foldersFromFilesStructure"], "the provider's options");
}

/// What the data sources read of a panel's question.
const OF_TARGETS: [(&str, &[&str]); 4] = [
    (
        "tempo",
        &[
            "queryType",
            "query",
            "limit",
            "spss",
            "tableType",
            "metricsQueryType",
            "step",
            "exemplars",
            "filters",
            "serviceMapQuery",
        ],
    ),
    ("loki", &["expr", "queryType", "maxLines", "legendFormat", "step", "direction"]),
    (
        "jaeger",
        &["queryType", "query", "service", "operation", "tags", "minDuration", "maxDuration", "limit"],
    ),
    ("prometheus", &["expr", "legendFormat", "format", "instant", "range", "exemplar", "interval"]),
];

#[test]
fn panels_ask_in_the_words_that_the_data_sources_read() {
    for dashboard in dashboards() {
        for key in ["title", "uid", "schemaVersion", "time", "panels", "templating"] {
            assert!(!dashboard[key].is_null(), "{}: {key}", dashboard["title"]);
        }
        for panel in dashboard["panels"].as_array().unwrap() {
            for key in ["id", "title", "type", "gridPos"] {
                assert!(!panel[key].is_null(), "{}: {key}", panel["title"]);
            }
            for side in ["x", "y", "w", "h"] {
                assert!(panel["gridPos"][side].is_u64(), "{}", panel["title"]);
            }
            for target in panel["targets"].as_array().unwrap() {
                let kind = target["datasource"]["type"].as_str().unwrap();
                let (_, known) = OF_TARGETS.iter().find(|(known, _)| *known == kind).unwrap();
                assert_only(target, &[&["refId", "datasource", "hide"], *known].concat(), kind);
                assert!(target["refId"].is_string());
                let kinds = ["traceql", "traceqlSearch", "serviceMap", "range", "instant", "traceId"];
                assert!(target["queryType"].as_str().is_none_or(|of| kinds.contains(&of)), "{target}");
            }
        }
    }
}

#[test]
fn dashboards_use_the_data_sources_that_are_there() {
    let file = yaml("provisioning/datasources/spandrel.yaml");
    let sources: BTreeSet<(&str, &str)> = file["datasources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| (source["type"].as_str().unwrap(), source["uid"].as_str().unwrap()))
        .collect();
    let mut uids = BTreeSet::new();
    for dashboard in dashboards() {
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()));
        let mut ids = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()));
            for target in panel["targets"].as_array().unwrap() {
                let of = &target["datasource"];
                let named = (of["type"].as_str().unwrap(), of["uid"].as_str().unwrap());
                assert!(sources.contains(&named), "{target}");
            }
        }
    }
    assert_eq!(uids.len(), 3);
}

/// What Grafana puts in the place of variables.
fn filled(text: &str) -> String {
    let filled = text.replace("$service", ".+").replace("$trace", "5b8efff798038103d269b633813fc60c");
    filled.replace("$__auto", "15s").replace("$__range", "1h0m0s")
}

#[tokio::test]
async fn every_question_of_the_dashboards_is_answered() {
    let sidecar = Sidecar::with_shop().await;
    let within = [("start", "1767268800"), ("end", "1767269000")];
    let mut asked = 0;
    for dashboard in dashboards() {
        for target in
            dashboard["panels"].as_array().unwrap().iter().flat_map(|p| p["targets"].as_array().unwrap())
        {
            let text = target["query"].as_str().or(target["expr"].as_str()).unwrap();
            let question = filled(text);
            let call = match target["datasource"]["type"].as_str().unwrap() {
                "loki" if target["queryType"] == "instant" => "/loki/api/v1/query",
                "loki" => "/loki/api/v1/query_range",
                "tempo" if target["metricsQueryType"] == "range" => "/api/metrics/query_range",
                "tempo" if text == "$trace" => continue,
                "tempo" => "/api/search",
                _ => continue,
            };
            let name = if call.starts_with("/loki") { "query" } else { "q" };
            let mut params = vec![(name, question.as_str()), ("time", "1767269000")];
            params.extend(within);
            let got = get(&sidecar.router, &path(call, &params)).await;
            assert_eq!(got.status, StatusCode::OK, "{question}: {}", got.text());
            asked += 1;
        }
    }
    assert!(asked > 10);
}
