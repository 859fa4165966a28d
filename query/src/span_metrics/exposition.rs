//! The numbers as OpenMetrics, under the names and labels that Grafana's service graph asks for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::SpanMetrics;
use super::calls::{Latency, OVERFLOW};
use super::graph::{Edge, Ends};
use super::look::Operation;

const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

const STATUSES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

type Written = Result<(), std::fmt::Error>;

pub(super) fn text(metrics: &Arc<SpanMetrics>) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(metrics.clone()));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

impl Collector for SpanMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Written {
        let calls = self.calls.all();
        let (edges, unpaired, lost) =
            self.with_graph(|graph| (graph.edges(), graph.unpaired(), graph.lost_halves()));
        let labels = |operation: &Option<Operation>| operation_labels(operation.as_ref());
        let counts =
            calls.iter().map(|(operation, timed)| (labels(operation), timed.count.load(Ordering::Relaxed)));
        counters(&mut encoder, "traces_spanmetrics_calls", "Spans by operation and outcome", counts)?;
        let latencies = calls.iter().map(|(operation, timed)| (labels(operation), &timed.latency));
        histograms(&mut encoder, "traces_spanmetrics_latency", "Seconds that spans took", latencies)?;
        let of = |number: fn(&Edge) -> u64| {
            edges.iter().map(move |(ends, edge)| (edge_labels(ends), number(edge)))
        };
        let name = "traces_service_graph_request";
        counters(&mut encoder, name, "Calls between services", of(|edge| edge.total))?;
        counters(
            &mut encoder,
            &format!("{name}_failed"),
            "Calls between services that failed",
            of(|edge| edge.failed),
        )?;
        let of = |side: fn(&Edge) -> &Latency| {
            edges.iter().map(move |(ends, edge)| (edge_labels(ends), side(edge)))
        };
        let help = "Seconds that calls took, as the called service saw them";
        histograms(&mut encoder, &format!("{name}_server_seconds"), help, of(|edge| &edge.server))?;
        let help = "Seconds that calls took, as the calling service saw them";
        histograms(&mut encoder, &format!("{name}_client_seconds"), help, of(|edge| &edge.client))?;
        let unpaired = unpaired.into_iter().map(|([client, server], count)| {
            (vec![("client", client.to_string()), ("server", server.to_string())], count)
        });
        let help = "Spans of a call whose other side was not seen in time";
        counters(&mut encoder, "traces_service_graph_unpaired_spans", help, unpaired)?;
        let help = "Spans of calls that a gateway came for too late";
        counters(&mut encoder, "traces_service_graph_lost_spans", help, [(Vec::new(), lost)].into_iter())
    }
}

type Labels = Vec<(&'static str, String)>;

fn operation_labels(operation: Option<&Operation>) -> Labels {
    let texts = match operation {
        Some(of) => [
            of.service.to_string(),
            of.name.to_string(),
            KINDS.get(usize::from(of.kind)).map(|kind| (*kind).to_owned()).unwrap_or_default(),
            STATUSES.get(usize::from(of.status)).map(|status| (*status).to_owned()).unwrap_or_default(),
        ],
        None => [OVERFLOW; 4].map(str::to_owned),
    };
    ["service", "span_name", "span_kind", "status_code"].into_iter().zip(texts).collect()
}

fn edge_labels(ends: &Ends) -> Labels {
    vec![
        ("client", ends.client.to_string()),
        ("server", ends.server.to_string()),
        ("connection_type", ends.connection.as_str().to_owned()),
        ("client_service_namespace", ends.client_namespace.to_string()),
        ("server_service_namespace", ends.server_namespace.to_string()),
    ]
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (Labels, u64)>,
) -> Written {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in series {
        metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
    }
    Ok(())
}

fn histograms<'l>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (Labels, &'l Latency)>,
) -> Written {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for (labels, latency) in series {
        latency.encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}
