//! `openapi.json` describes what is there, and nothing else.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value as Json;

use crate::fixture::{Sidecar, respond};

const CALLS: [&str; 17] = [
    "/api/v1/fields",
    "/api/v1/fields/{name}/values",
    "/api/v1/graph",
    "/api/v1/histogram",
    "/api/v1/openapi.json",
    "/api/v1/peers",
    "/api/v1/search",
    "/api/v1/services",
    "/api/v1/tail",
    "/api/v1/traces",
    "/api/v1/traces/{trace_id}",
    "/api/v1/traces/{trace_id}/errors",
    "/api/v1/traces/{trace_id}/timeline",
    "/healthz",
    "/metrics",
    "/metrics/traces",
    "/readyz",
];

#[tokio::test]
async fn every_call_is_described_and_every_described_path_is_routed() {
    let sidecar = Sidecar::with_shop().await;
    let description = sidecar.get("/api/v1/openapi.json").await.json();
    // Grafana's calls are held against the description where they are tested.
    let is_own = |item: &Json| !["tempo", "loki", "jaeger"].map(Json::from).contains(&item["get"]["tags"][0]);
    let all = description["paths"].as_object().unwrap().iter();
    let paths: Vec<&String> = all.filter(|(_, item)| is_own(item)).map(|(path, _)| path).collect();
    assert_eq!(paths, CALLS);
    for path in CALLS {
        let path = path.replace("{name}", "service").replace("{trace_id}", "f067aa0ba902b7");
        let request = Request::get(&path).body(Body::empty()).unwrap();
        let status = respond(&sidecar.router, request).await.status();
        assert_ne!(status, StatusCode::NOT_FOUND, "{path}");
        let request = Request::post(&path).body(Body::empty()).unwrap();
        let response = respond(&sidecar.router, request).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert!(response.headers()["allow"].to_str().unwrap().contains("GET"), "{path}");
    }
}

#[tokio::test]
async fn every_refusal_that_a_call_may_meet_is_described() {
    let description = Sidecar::empty().await.get("/api/v1/openapi.json").await.json();
    for path in CALLS.into_iter().filter(|path| !matches!(*path, "/healthz" | "/readyz")) {
        let responses = &description["paths"][path]["get"]["responses"];
        for status in ["400", "401", "421", "500", "default"] {
            let schema = &responses[status]["content"]["application/problem+json"]["schema"];
            assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{path}: {status}");
        }
    }
}

#[tokio::test]
async fn every_reference_of_the_description_leads_somewhere() {
    let description = Sidecar::empty().await.get("/api/v1/openapi.json").await.json();
    let mut references = BTreeSet::new();
    collect_references(&description, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references(json: &Json, references: &mut BTreeSet<String>) {
    match json {
        Json::Object(map) => {
            if let Some(Json::String(reference)) = map.get("$ref") {
                references.insert(reference.clone());
            }
            map.values().for_each(|value| collect_references(value, references));
        }
        Json::Array(values) => values.iter().for_each(|value| collect_references(value, references)),
        _ => {}
    }
}

/// Real answers against the schemas: every key is described, every required key is there.
#[tokio::test]
async fn answers_are_as_they_are_described() {
    let sidecar = Sidecar::with_shop().await;
    let description = sidecar.get("/api/v1/openapi.json").await.json();
    let trace = "/api/v1/traces/5b8efff798038103d269b633813fc60c";
    let calls = [
        ("/api/v1/search", "/api/v1/search".to_owned()),
        ("/api/v1/search", "/api/v1/search?limit=1&q=no.such:1%20OR%20kind:span".to_owned()),
        ("/api/v1/traces", "/api/v1/traces?limit=1".to_owned()),
        ("/api/v1/traces/{trace_id}", trace.to_owned()),
        ("/api/v1/traces/{trace_id}/errors", format!("{trace}/errors")),
        ("/api/v1/traces/{trace_id}/timeline", format!("{trace}/timeline")),
        ("/api/v1/histogram", "/api/v1/histogram?by=service,level".to_owned()),
        ("/api/v1/fields", "/api/v1/fields".to_owned()),
        ("/api/v1/fields/{name}/values", "/api/v1/fields/service/values?limit=1".to_owned()),
        ("/api/v1/services", "/api/v1/services".to_owned()),
        ("/api/v1/graph", "/api/v1/graph".to_owned()),
        ("/api/v1/peers", "/api/v1/peers".to_owned()),
    ];
    for (path, call) in calls {
        let answer = sidecar.get(&call).await.json();
        let schema = &description["paths"][path]["get"]["responses"]["200"]["content"]["application/json"];
        let wrong = mistakes(&description, &schema["schema"], &answer, call.as_str());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    let problem = sidecar.get("/api/v1/search?q=level:foo").await.json();
    let schema = &description["components"]["schemas"]["Problem"];
    let wrong = mistakes(&description, schema, &problem, "problem");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How a value differs from its schema, in as much of JSON Schema as the description uses.
fn mistakes(all: &Json, schema: &Json, value: &Json, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return mistakes(all, all.pointer(&reference[1..]).unwrap(), value, at);
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[several].as_array() {
            let tried = choices.iter().map(|choice| mistakes(all, choice, value, at));
            return tried.min_by_key(Vec::len).unwrap_or_default();
        }
    }
    let mut wrong = Vec::new();
    let (properties, required, open) = object_of(all, schema);
    match value {
        Json::Object(map) if !properties.is_empty() => {
            let missing = required.iter().filter(|key| !map.contains_key(*key));
            wrong.extend(missing.map(|key| format!("{at}: `{key}` is not there")));
            for (key, value) in map {
                match properties.iter().find(|(name, _)| name == key) {
                    Some((_, schema)) => wrong.extend(mistakes(all, schema, value, &format!("{at}/{key}"))),
                    None if open => {}
                    None => wrong.push(format!("{at}: `{key}` is not described")),
                }
            }
        }
        Json::Array(items) if schema["items"].is_object() => {
            for (index, item) in items.iter().enumerate() {
                wrong.extend(mistakes(all, &schema["items"], item, &format!("{at}/{index}")));
            }
        }
        value => {
            let kind = match value {
                Json::Null => "null",
                Json::Bool(_) => "boolean",
                Json::Number(number) if number.is_f64() => "number",
                Json::Number(_) => "integer",
                Json::String(_) => "string",
                Json::Array(_) => "array",
                Json::Object(_) => "object",
            };
            let allowed = match &schema["type"] {
                Json::Null => true,
                Json::Array(kinds) => kinds.iter().any(|allowed| allowed == kind),
                allowed => allowed == kind || (allowed == "number" && kind == "integer"),
            };
            if !allowed {
                wrong.push(format!("{at}: {value} is no {}", schema["type"]));
            }
        }
    }
    wrong
}

/// The properties of an object's schema with those of the schemas it is made of, the required ones, and
/// whether there may be others.
fn object_of(all: &Json, schema: &Json) -> (Vec<(String, Json)>, Vec<String>, bool) {
    if let Some(reference) = schema["$ref"].as_str() {
        return object_of(all, all.pointer(&reference[1..]).unwrap());
    }
    let own = schema["properties"].as_object().into_iter().flatten();
    let mut properties: Vec<(String, Json)> =
        own.map(|(name, schema)| (name.clone(), schema.clone())).collect();
    let required = schema["required"].as_array().into_iter().flatten();
    let mut required: Vec<String> = required.map(|name| name.as_str().unwrap().to_owned()).collect();
    let mut open = schema["additionalProperties"].is_object();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let (more, needed, more_open) = object_of(all, part);
        properties.extend(more);
        required.extend(needed);
        open |= more_open;
    }
    (properties, required, open)
}
