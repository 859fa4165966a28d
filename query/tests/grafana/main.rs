//! Grafana's three APIs as its data sources use them: the requests of each version, the answers decoded as
//! strictly as Grafana does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod builder;
mod described;
mod drilldown;
#[path = "../query/fixture.rs"]
#[allow(dead_code, reason = "shared with the tests of the native API")]
mod fixture;
mod gone;
mod grpc;
mod jaeger;
mod jaeger_grpc;
mod logql;
mod loki;
mod metrics;
mod provisioning;
mod request;
mod shared;
mod span_metrics;
mod streaming;
mod strict;
mod tail;
mod tempo;
mod traceql;
