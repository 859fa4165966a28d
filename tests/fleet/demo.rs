//! The demo shop over a fleet: each service's spans and logs in a sidecar of its own.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::{Value, json};
use spandrel_testing::{Demo, Sidecar};

use crate::{addresses, gateway, sidecar, when};

const TRACES: usize = 60;
const SERVICES: usize = 15;

/// What each service sent of a trace, as OTLP.
type Parts = BTreeMap<String, Value>;

#[test]
fn every_trace_of_the_demo_shop_comes_back_from_fifteen_sidecars_as_from_one() {
    let demo = sidecar().start();
    Demo::send(&demo, 42, TRACES);
    let whole = sidecar().start();
    let mut fleet: BTreeMap<String, Sidecar> = BTreeMap::new();
    let ids = traces_of(&demo);
    assert_eq!(ids.len(), TRACES);
    for id in &ids {
        for (service, part) in parts_of(&demo, id) {
            let own = fleet.entry(service).or_insert_with(|| sidecar().start());
            [own, &whole].into_iter().for_each(|sidecar| keep(sidecar, &part));
        }
    }
    assert_eq!(fleet.len(), SERVICES, "{:?}", fleet.keys());
    let sidecars: Vec<Sidecar> = fleet.into_values().collect();
    // This machine is busy with all of them.
    let mut gateway = gateway(&addresses(&sidecars)).set("limits.peer_timeout=20s").start();
    let complete = json!({"complete": true, "asked": SERVICES, "answered": SERVICES, "missing": []});
    for id in &ids {
        for question in ["", "/errors", "/timeline"] {
            let path = format!("/api/v1/traces/{id}{question}");
            let answer = gateway.get(&path).json();
            assert_eq!(answer["coverage"], complete, "{path}");
            assert_eq!(comparable(answer), comparable(whole.get(&path).json()), "{path}");
        }
        let path = format!("/api/v1/traces/{id}");
        assert_eq!(gateway.get(&path).json()["spans"], demo.get(&path).json()["spans"], "{path}");
    }
    for question in ["/api/v1/graph", "/api/v1/services", "/api/v1/histogram?by=service,level&step=1h"] {
        let [one, other] = [&gateway, &whole].map(|asked| comparable(asked.get(question).json()));
        assert_eq!(one, other, "{question}");
    }
    assert!(gateway.terminate().success(), "{}", gateway.log());
}

#[test]
fn services_of_the_shop_that_know_nothing_of_each_other_tell_of_the_same_requests() {
    let auth = sidecar().start();
    let entry = sidecar().set(format!("federation.peers=[\"{}\"]", auth.query())).start();
    let serve = |service: &str, sidecar: &Sidecar| {
        let (grpc, http) = (format!("http://{}", sidecar.grpc()), format!("http://{}", sidecar.http()));
        let arguments = ["demo", "--service", service, "--endpoint", &grpc, "--http-endpoint", &http];
        sidecar.cli_command(arguments).stdout(Stdio::null()).spawn().unwrap()
    };
    let services = [serve("gateway", &entry), serve("auth", &auth)];
    // A trace with spans of both, the one below the other's.
    when(&entry, "/api/v1/traces?q=service:auth", |answer| {
        let both = |trace: &Value| {
            trace["services"] == json!(["auth", "gateway"]) && trace["root"]["service"] == "gateway"
        };
        answer["traces"].as_array().unwrap().iter().any(both)
    });
    for mut service in services {
        let id = rustix::process::Pid::from_raw(i32::try_from(service.id()).unwrap()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert!(service.wait().unwrap().success());
    }
}

fn traces_of(sidecar: &Sidecar) -> Vec<String> {
    let answer = sidecar.get("/api/v1/traces?limit=1000").json();
    let traces = answer["traces"].as_array().unwrap();
    traces.iter().map(|trace| trace["trace_id"].as_str().unwrap().to_owned()).collect()
}

fn parts_of(sidecar: &Sidecar, id: &str) -> Parts {
    let answer = sidecar.get(&format!("/api/v1/traces/{id}?format=otlp")).json();
    let mut parts = Parts::new();
    for signal in ["resourceSpans", "resourceLogs"] {
        for resource in answer[signal].as_array().into_iter().flatten() {
            let part = parts.entry(service_of(resource)).or_insert_with(|| json!({}));
            match part[signal].as_array_mut() {
                Some(all) => all.push(resource.clone()),
                None => part[signal] = json!([resource]),
            }
        }
    }
    parts
}

fn service_of(resource: &Value) -> String {
    let attributes = resource["resource"]["attributes"].as_array().unwrap();
    let service = attributes.iter().find(|attribute| attribute["key"] == "service.name").unwrap();
    service["value"]["stringValue"].as_str().unwrap().to_owned()
}

fn keep(sidecar: &Sidecar, part: &Value) {
    for (signal, target) in [("resourceSpans", "/v1/traces"), ("resourceLogs", "/v1/logs")] {
        if !part[signal].is_null() {
            let body = json!({ signal: part[signal] }).to_string();
            let answer = sidecar.post(target, "application/json", body.as_bytes());
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
}

/// An answer without what differs between two stores of the same records: the ids of logs, with them the order of
/// those that have the same time, and the times at which logs arrived.
fn comparable(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("coverage");
    without_ids(&mut answer);
    answer
}

fn without_ids(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("type").is_some_and(|kind| kind == "log") {
                map.remove("id");
                map.remove("observed_time");
            }
            // Of errors and causes: ids of records.
            map.remove("record");
            map.remove("records");
            map.values_mut().for_each(without_ids);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(without_ids);
            if items.iter().all(|item| item["time"].is_string()) {
                items.sort_by_cached_key(|item| (item["time"].to_string(), item.to_string()));
            }
        }
        _ => {}
    }
}
