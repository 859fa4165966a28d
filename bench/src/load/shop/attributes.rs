//! The attributes of the shop's resources, spans and logs: eight on a resource, nine on a span.

use fastrand::Rng;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::Shop;
use crate::load::attribute::{int, text};
use crate::load::route::{Step, StepKind};

/// One customer's request: what all its spans and logs have in common.
pub(super) struct Visit {
    number: u64,
    user: u64,
    item: u64,
    thread: i64,
}

impl Visit {
    pub(super) fn new(number: u64, rng: &mut Rng) -> Visit {
        let (user, item) = (rng.u64(0..20_000), rng.u64(0..5_000));
        Visit { number, user, item, thread: rng.i64(10..74) }
    }

    pub(super) fn user_id(&self) -> String {
        format!("user-{:05}", self.user)
    }

    pub(super) fn order_id(&self) -> String {
        format!("order-{:08}", self.number)
    }

    /// Orders and payments know which order they are about.
    pub(super) fn carries_order(&self, step: &Step) -> bool {
        let service = Shop::SERVICES[step.service];
        step.kind == StepKind::Server && matches!(service, "orders" | "payment")
    }

    pub(super) fn attributes(&self, step: &Step, failed: bool) -> Vec<KeyValue> {
        match step.kind {
            StepKind::Server => self.server(step, failed),
            StepKind::Client => self.client(step, failed),
            StepKind::Database => self.database(step),
            StepKind::Internal => self.internal(step),
            StepKind::Producer | StepKind::Consumer => self.messaging(step),
        }
    }

    pub(super) fn log_attributes(&self, step: &Step) -> Vec<KeyValue> {
        vec![
            text("code.function.name", format!("shop.{}.handle", Shop::SERVICES[step.service])),
            int("thread.id", self.thread),
        ]
    }

    fn server(&self, step: &Step, failed: bool) -> Vec<KeyValue> {
        let (method, route) = step.name.split_once(' ').unwrap_or(("GET", &step.name));
        let service = Shop::SERVICES[step.service];
        let last = match self.carries_order(step) {
            true => text("order.id", self.order_id()),
            false => text("user.id", self.user_id()),
        };
        vec![
            text("http.request.method", method),
            text("http.route", route),
            text("url.path", route.replace("{id}", &self.item.to_string())),
            text("url.scheme", "http"),
            int("http.response.status_code", status(failed)),
            text("server.address", format!("{service}.shop.svc")),
            text("client.address", format!("10.42.{}.{}", self.user % 32, self.item % 250)),
            int("thread.id", self.thread),
            last,
        ]
    }

    fn client(&self, step: &Step, failed: bool) -> Vec<KeyValue> {
        vec![
            text("http.request.method", step.name.as_str()),
            text("url.full", format!("http://shop.svc:8080/{}?user={}", self.item, self.user)),
            int("http.response.status_code", status(failed)),
            text("server.address", "shop.svc"),
            int("server.port", 8080),
            text("network.protocol.version", "1.1"),
            text("network.peer.address", format!("10.43.0.{}", self.item % 250)),
            int("thread.id", self.thread),
            text("user.id", self.user_id()),
        ]
    }

    fn database(&self, step: &Step) -> Vec<KeyValue> {
        let (operation, table) = step.name.split_once(' ').unwrap_or(("SELECT", &step.name));
        vec![
            text("db.system.name", "postgresql"),
            text("db.namespace", Shop::SERVICES[step.service]),
            text("db.operation.name", operation),
            text("db.collection.name", table),
            text("db.query.text", format!("{operation} {table} WHERE id = $1")),
            text("server.address", "postgres.shop.svc"),
            int("server.port", 5432),
            int("db.response.returned_rows", (self.item % 40) as i64),
            int("thread.id", self.thread),
        ]
    }

    fn internal(&self, step: &Step) -> Vec<KeyValue> {
        let service = Shop::SERVICES[step.service];
        vec![
            text("code.function.name", format!("shop.{service}.{}", step.name)),
            text("code.file.path", format!("src/{service}/{}.rs", step.name)),
            int("code.line.number", 117),
            int("thread.id", self.thread),
            text("thread.name", format!("worker-{}", self.thread)),
            text("user.id", self.user_id()),
            text("shop.tenant", format!("tenant-{}", self.user % 40)),
            text("shop.feature", "default"),
            int("shop.attempt", 1),
        ]
    }

    fn messaging(&self, step: &Step) -> Vec<KeyValue> {
        let (destination, operation) = step.name.split_once(' ').unwrap_or((&step.name, "send"));
        vec![
            text("messaging.system", "kafka"),
            text("messaging.destination.name", destination),
            text("messaging.operation.name", operation),
            text("messaging.client.id", format!("{}-0", Shop::SERVICES[step.service])),
            text("messaging.message.id", format!("{:016x}", self.number)),
            text("messaging.kafka.message.key", self.user_id()),
            int("messaging.message.body.size", 412),
            int("messaging.kafka.offset", self.number as i64),
            int("thread.id", self.thread),
        ]
    }
}

pub(super) fn resource(service: usize) -> Resource {
    let name = Shop::SERVICES[service];
    let attributes = vec![
        text("service.name", name),
        text("service.version", "2.14.3"),
        text("service.namespace", "shop"),
        text("service.instance.id", format!("{name}-7d9f8b6c5-{service:05}")),
        text("k8s.pod.name", format!("{name}-7d9f8b6c5-{service:05}")),
        text("k8s.namespace.name", "shop"),
        text("deployment.environment.name", "production"),
        text("telemetry.sdk.language", "rust"),
    ];
    Resource { attributes, ..Resource::default() }
}

fn status(failed: bool) -> i64 {
    if failed { 500 } else { 200 }
}
