//! Elasticsearch's answers, as far as clients that write look at them.
//!
//! Every one says that it is Elasticsearch's (`X-Elastic-Product`), without which its clients refuse to go on.

use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use ::http::{Response, StatusCode};
use axum::body::Body;
use serde_json::{Value, json};

use super::{Fault, Item};
use crate::otlp::answer::add_retry_after;
use crate::refusal::Refusal;

/// The version whose API this is: clients look at the first number.
const VERSION: &str = "8.19.0";

const PRODUCT: HeaderName = HeaderName::from_static("x-elastic-product");

/// How many items there were, and from which one on nothing was kept, and why.
#[derive(Debug)]
pub(crate) struct Done<'a> {
    pub(crate) items: &'a [Item],
    pub(crate) kept: usize,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) took: Duration,
    /// Only what `filter_path` asks for: clients that send many items set it.
    pub(crate) brief: bool,
}

/// An answer in JSON.
pub(crate) fn respond(status: StatusCode, body: &Value) -> Response<Body> {
    respond_with(status, body.to_string())
}

fn respond_with(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(PRODUCT, HeaderValue::from_static("Elasticsearch"));
    response
}

/// A whole request that is refused.
pub(crate) fn refuse(refusal: &Refusal) -> Response<Body> {
    let (status, cause) = (refusal.http_status(), cause(refusal_type(refusal), &refusal.to_string()));
    let mut error = json!({"root_cause": [cause]});
    if let (Value::Object(error), Value::Object(cause)) = (&mut error, cause) {
        error.extend(cause);
    }
    let mut response = respond(status, &json!({"error": error, "status": status.as_u16()}));
    add_retry_after(refusal, response.headers_mut());
    response
}

/// What came of each item, in their order.
pub(crate) fn bulk(done: &Done<'_>) -> Response<Body> {
    let errors = done.refusal.is_some() || done.items.iter().any(|item| item.document.is_err());
    let mut body = format!("{{\"took\":{},\"errors\":{errors},\"items\":[", done.took.as_millis());
    for (place, item) in done.items.iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        // One at a time, so that no tree of all is built.
        body.push_str(&json!({item.verb.as_str(): done.item(place, item)}).to_string());
    }
    body.push_str("]}");
    respond_with(StatusCode::OK, body)
}

impl Done<'_> {
    fn item(&self, place: usize, item: &Item) -> Value {
        let mut answer = match (&item.document, &self.refusal) {
            (Err(fault), _) => json!({"status": 400, "error": cause(fault_type(*fault), &fault.to_string())}),
            // The only status of an item that every client sends again.
            (Ok(_), Some(refusal)) if place >= self.kept => {
                json!({"status": 429, "error": cause(REJECTED, &refusal.to_string())})
            }
            (Ok(_), _) => json!({"status": 201}),
        };
        if self.brief {
            return answer;
        }
        let id = item.id.clone().unwrap_or_else(|| format!("spandrel-{place}"));
        answer["_index"] = json!(&*item.index);
        answer["_id"] = json!(id);
        if answer["status"] == 201 {
            answer["_version"] = json!(1);
            answer["result"] = json!("created");
            answer["_shards"] = json!({"total": 1, "successful": 1, "failed": 0});
            answer["_seq_no"] = json!(place);
            answer["_primary_term"] = json!(1);
        }
        answer
    }
}

const REJECTED: &str = "es_rejected_execution_exception";

fn cause(kind: &str, reason: &str) -> Value {
    json!({"type": kind, "reason": reason})
}

fn fault_type(fault: Fault) -> &'static str {
    match fault {
        Fault::Unsupported => "action_request_validation_exception",
        Fault::NoObject => "document_parsing_exception",
    }
}

fn refusal_type(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Overloaded { .. } => REJECTED,
        Refusal::Unavailable { .. } => "cluster_block_exception",
        Refusal::TooLarge { .. } => "content_too_long_exception",
        Refusal::ContentType { .. } | Refusal::ContentEncoding => "media_type_header_exception",
        Refusal::WebPage => "security_exception",
        _ => "illegal_argument_exception",
    }
}

/// `GET /`
pub(crate) fn about() -> Value {
    json!({
        "name": "spandrel",
        "cluster_name": "spandrel",
        "cluster_uuid": "spandrel",
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "docker",
            "build_hash": "unknown",
            "build_date": "2025-07-23T22:10:18.138215839Z",
            "build_snapshot": false,
            "lucene_version": "9.12.2",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    })
}

/// `GET /_cluster/health`
pub(crate) fn health() -> Value {
    json!({
        "cluster_name": "spandrel",
        "status": "green",
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 1,
        "active_shards": 1,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0,
    })
}

/// `GET /_license`
pub(crate) fn license() -> Value {
    json!({"license": {"status": "active", "uid": "spandrel", "type": "basic", "mode": "basic", "issued_to": "spandrel"}})
}

/// `GET /_xpack`
pub(crate) fn xpack() -> Value {
    json!({
        "build": {},
        "license": {"uid": "spandrel", "type": "basic", "mode": "basic", "status": "active"},
        "features": {
            "ilm": {"available": true, "enabled": true},
            "security": {"available": true, "enabled": false},
            "monitoring": {"available": false, "enabled": false},
        },
        "tagline": "You know, for X",
    })
}

/// `GET /_nodes/http`: one node, at the address that the client asked; none where it did not say.
pub(crate) fn nodes(address: Option<&str>) -> Value {
    let node = |address: &str| {
        json!({"name": "spandrel", "version": VERSION, "roles": ["data", "ingest"],
            "http": {"bound_address": [address], "publish_address": address}})
    };
    let nodes = address.map_or(json!({}), |address| json!({"spandrel": node(address)}));
    let total = usize::from(address.is_some());
    json!({
        "_nodes": {"total": total, "successful": total, "failed": 0},
        "cluster_name": "spandrel",
        "nodes": nodes,
    })
}

/// Templates, policies and the like are taken and not kept: there are no indices that they could be for.
pub(crate) fn acknowledged() -> Value {
    json!({"acknowledged": true})
}

/// As templates are: documents are not kept by index.
pub(crate) fn index_made() -> Value {
    json!({"acknowledged": true, "shards_acknowledged": true})
}

/// What somebody can do about it that reads the sender's log.
pub(crate) fn not_served() -> Response<Body> {
    let reason = "Spandrel takes /_bulk and is no Elasticsearch: switch off what asks for this, such as \
                  setup.dashboards and monitoring in Filebeat, or ilm_enabled and manage_template in logstash";
    let error = json!({"type": "resource_not_found_exception", "reason": reason});
    respond(StatusCode::NOT_FOUND, &json!({"error": error, "status": 404}))
}

pub(crate) fn not_found() -> Response<Body> {
    let error =
        json!({"type": "resource_not_found_exception", "reason": "nothing is kept under a name here"});
    respond(StatusCode::NOT_FOUND, &json!({"error": error, "status": 404}))
}
