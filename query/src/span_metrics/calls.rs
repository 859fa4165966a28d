//! Operations of services: how often each was called, with which outcome, and how long it took.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use foldhash::fast::RandomState;
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::exemplar::HistogramWithExemplars;

use super::look::{Looked, Operation};

/// Upper bounds in seconds, as Tempo's generator has them: they double.
const BOUNDS: [f64; 14] =
    [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384];

/// The value of every label of the series in which all is counted that is beyond the limit.
pub(super) const OVERFLOW: &str = "__overflow__";

pub(super) type Latency = HistogramWithExemplars<TraceLabel>;

/// The label of an exemplar: the id of a trace, written out when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TraceLabel(pub [u8; 16]);

#[derive(Debug)]
pub(super) struct Calls {
    series: Mutex<HashMap<Operation, Arc<Timed>, RandomState>>,
    overflow: Arc<Timed>,
    series_max: usize,
}

/// How often, and how long.
#[derive(Debug)]
pub(super) struct Timed {
    pub count: AtomicU64,
    pub latency: Latency,
}

pub(super) fn latency() -> Latency {
    HistogramWithExemplars::new(BOUNDS.into_iter())
}

impl Calls {
    pub fn new(series_max: usize) -> Calls {
        Calls { series: Mutex::default(), overflow: Arc::default(), series_max }
    }

    pub fn count(&self, looked: &Looked) {
        let series = self.of(&looked.operations);
        let now = SystemTime::now();
        for call in &looked.calls {
            if let Some(timed) = series.get(call.operation as usize) {
                timed.count.fetch_add(1, Ordering::Relaxed);
                timed.latency.observe(call.seconds, Some(TraceLabel(call.trace)), Some(now));
            }
        }
    }

    /// The series of each operation.
    fn of(&self, operations: &[Operation]) -> Vec<Arc<Timed>> {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |operation: &Operation| {
            if let Some(known) = series.get(operation) {
                return known.clone();
            }
            if series.len() >= self.series_max {
                return self.overflow.clone();
            }
            series.entry(operation.clone()).or_default().clone()
        };
        operations.iter().map(of).collect()
    }

    /// All series, by operation; `None` is what is beyond the limit.
    pub fn all(&self) -> Vec<(Option<Operation>, Arc<Timed>)> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let known = series.iter().map(|(operation, timed)| (Some(operation.clone()), timed.clone()));
        let mut all: Vec<_> = known.collect();
        if all.len() >= self.series_max {
            all.push((None, self.overflow.clone()));
        }
        drop(series);
        all.sort_by(|(a, _), (b, _)| {
            let key = |of: &Option<Operation>| {
                of.as_ref().map(|of| (of.service.clone(), of.name.clone(), of.kind, of.status))
            };
            key(a).cmp(&key(b))
        });
        all
    }
}

impl Default for Timed {
    fn default() -> Timed {
        Timed { count: AtomicU64::new(0), latency: latency() }
    }
}

impl EncodeLabelSet for TraceLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        let id = spandrel_store::TraceId(self.0).to_string();
        [("trace_id", id.as_str())].encode(encoder)
    }
}
