//! Spans and logs of the same traces in one store, as a service's sidecar has them: what a trace takes to answer.

use std::path::Path;
use std::sync::Arc;

use super::questions::{self, Held, Latency};
use super::report::{both, thousands};
use super::targets::slower;
use super::{Measured, Plan, Process, Target, at_most, now_unix_ns, start, stop};
use crate::http::Http;
use crate::load::{self, Shop, Signal};
use crate::sender::{Sending, quantile, send};
use crate::sidecar::Launch;

/// Half of the spans of a run, and the logs of the same traces.
const SHARE: usize = 2;

#[derive(Debug)]
pub struct Together {
    spans: usize,
    logs: usize,
    by_id: Latency,
    errors: Latency,
}

impl Together {
    /// As a run of spans was planned.
    pub async fn measure(binary: &Path, work: &Path, plan: &Plan) -> anyhow::Result<Together> {
        let shop = Shop::new(plan.seed, now_unix_ns()?);
        let spans = load::requests(&shop, Signal::Spans, plan.records / SHARE, plan.per_request);
        let logs = load::of_traces(&shop, Signal::Logs, 0..spans.traces, plan.per_request);
        let held = Held {
            traces_with_spans: spans.traces,
            traces_with_logs: spans.traces,
            records: (spans.records + logs.records) as u64,
        };
        let notes = tempfile::tempdir_in(work)?;
        let launch = Launch::new(binary, notes.path().join("data"), notes.path());
        let (sidecar, _) = start(&launch).await?;
        let address = sidecar.addresses.http;
        let requests = Arc::from_iter(spans.requests.into_iter().chain(logs.requests));
        send(requests, Sending { address, connections: plan.connections, rate: None }).await?;
        Process::new(sidecar.pid()).until_idle().await?;
        let http = Http::new(sidecar.addresses.query);
        let by_id = questions::traces_by_id(&http, &shop, held).await?;
        let errors = questions::errors_of_traces(&http, &shop, held).await?;
        stop(sidecar).await?;
        Ok(Together { spans: spans.records, logs: logs.records, by_id, errors })
    }

    /// Scaled by what a decode took in the run of spans.
    pub fn targets(&self, run: &Measured) -> Vec<Target> {
        let bounds = [(&self.by_id, 0.5, 1.5), (&self.errors, 0.8, 2.0)];
        let targets = bounds.into_iter().flat_map(|(asked, median_max, high_max)| {
            [(0.5, "p50", median_max), (0.99, "p99", high_max)].map(|(share, name, max)| {
                let what = format!("{}, spans and logs in one store, {name}, ms", asked.question);
                let figure = quantile(&asked.latencies, share).as_secs_f64() * 1e3;
                at_most(&what, max, figure).scaled(slower(run))
            })
        });
        targets.collect()
    }

    pub fn table(&self) -> String {
        let (spans, logs) = (thousands(self.spans as f64), thousands(self.logs as f64));
        let mut text = format!("| {spans} spans and {logs} logs in one store | p50 / p99 |\n|---|---:|\n");
        for asked in [&self.by_id, &self.errors] {
            text.push_str(&format!("| {} | {} |\n", asked.question, both(&asked.latencies)));
        }
        text
    }
}
