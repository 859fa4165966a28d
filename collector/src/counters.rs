//! What the collector counts of itself. Every label is a closed set: no client can add a series.

use prometheus::{
    IntCounterVec, IntGauge, Registry, register_int_counter_vec_with_registry,
    register_int_gauge_with_registry,
};
use spandrel_store::Receiver;

use crate::normalise::Cuts;
use crate::otlp::Signal;
use crate::refusal::Reason;

/// Cheap to clone; every clone counts into the same series.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    accepted: IntCounterVec,
    refused_records: IntCounterVec,
    refused_requests: IntCounterVec,
    cut: IntCounterVec,
    dropped: IntCounterVec,
    pub(crate) requests_in_flight: IntGauge,
    pub(crate) connections_open: IntGauge,
}

impl Counters {
    pub(crate) fn register(registry: &Registry) -> Result<Counters, prometheus::Error> {
        Ok(Counters {
            accepted: register_int_counter_vec_with_registry!(
                "spandrel_receiver_accepted_records_total",
                "Records that were acknowledged and are kept.",
                &["receiver", "signal"],
                registry
            )?,
            refused_records: register_int_counter_vec_with_registry!(
                "spandrel_receiver_refused_records_total",
                "Records that were read and not kept, by reason.",
                &["receiver", "signal", "reason"],
                registry
            )?,
            refused_requests: register_int_counter_vec_with_registry!(
                "spandrel_receiver_requests_refused_total",
                "Requests that were refused as a whole, by reason.",
                &["receiver", "reason"],
                registry
            )?,
            cut: register_int_counter_vec_with_registry!(
                "spandrel_receiver_cut_total",
                "Attributes, nested values, strings and lines that were cut to the limits.",
                &["what"],
                registry
            )?,
            dropped: register_int_counter_vec_with_registry!(
                "spandrel_receiver_dropped_total",
                "Records that were answered with success and not kept, by reason.",
                &["signal", "reason"],
                registry
            )?,
            requests_in_flight: register_int_gauge_with_registry!(
                "spandrel_receiver_requests_in_flight",
                "Requests that are being read, decoded or kept.",
                registry
            )?,
            connections_open: register_int_gauge_with_registry!(
                "spandrel_receiver_connections_open",
                "Open connections of receivers.",
                registry
            )?,
        })
    }

    pub(crate) fn accepted(&self, receiver: Receiver, signal: Signal, count: u64) {
        self.accepted.with_label_values(&[receiver.as_str(), signal.as_str()]).inc_by(count);
    }

    pub(crate) fn refused_records(&self, receiver: Receiver, signal: Signal, reason: Reason, count: u64) {
        if count > 0 {
            let labels = [receiver.as_str(), signal.as_str(), reason.as_str()];
            self.refused_records.with_label_values(&labels).inc_by(count);
        }
    }

    pub(crate) fn refused_request(&self, receiver: Receiver, reason: Reason) {
        self.refused_requests.with_label_values(&[receiver.as_str(), reason.as_str()]).inc();
    }

    pub(crate) fn cut(&self, cuts: &Cuts) {
        for (what, count) in cuts.by_name() {
            if count > 0 {
                self.cut.with_label_values(&[what]).inc_by(count);
            }
        }
    }

    /// Data points that no exporter takes.
    pub(crate) fn dropped_without_exporter(&self, signal: Signal, count: u64) {
        self.dropped.with_label_values(&[signal.as_str(), "no_exporter"]).inc_by(count);
    }
}
