//! The processes of a fleet: sidecars in groups of fifteen, one for each service, and a gateway that asks them all. In
//! a smaller fleet each sidecar has several services.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;

use super::Plan;
use crate::api::{self, Page};
use crate::eventually::eventually;
use crate::http::Http;
use crate::load::{self, Part, Request, Shape, Shop, Signal};
use crate::measure::{Process, now_unix_ns};
use crate::sender::{Sending, send};
use crate::sidecar::{Launch, Sidecar};

/// Sidecars of a group.
pub(super) const SERVICES: usize = Shop::SERVICES.len();
const PER_REQUEST: usize = 512;
const CONNECTIONS: usize = 2;
/// How long a gateway may take to find all its peers.
const FOUND_DEADLINE: Duration = Duration::from_secs(120);
/// Processes that start at once.
const STARTS: usize = 8;
const NEWEST: usize = 100;
/// How long a large fleet is left alone before it is measured.
const SETTLING: Duration = Duration::from_secs(5);

pub(super) struct Members {
    pub(super) sidecars: Vec<Sidecar>,
    pub(super) gateway: Sidecar,
    traces: u64,
    notes: TempDir,
    binary: std::path::PathBuf,
}

impl Members {
    /// All of them running, and nothing in them.
    pub(super) async fn start(plan: &Plan, size: usize, traces: u64) -> anyhow::Result<Members> {
        std::fs::create_dir_all(&plan.work)?;
        let notes = tempfile::tempdir_in(&plan.work)?;
        let mut sidecars = Vec::new();
        for begin in (0..size).step_by(STARTS) {
            let launches: Result<Vec<Launch>, _> = (begin..size.min(begin + STARTS))
                .map(|number| launch(&plan.binary, notes.path(), &format!("sidecar-{number}")))
                .collect();
            let launches = launches?;
            let started = futures_util::future::join_all(launches.iter().map(Launch::start)).await;
            sidecars.extend(started.into_iter().collect::<anyhow::Result<Vec<Sidecar>>>()?);
        }
        let peers: Vec<String> = sidecars.iter().map(|sidecar| sidecar.addresses.query.to_string()).collect();
        let gateway = launch(&plan.binary, notes.path(), "gateway")?
            .set("storage.enabled=false")
            .set("receivers.otlp.enabled=false")
            .set(format!("federation.peers={}", serde_json::to_string(&peers)?));
        let gateway = plan.settings.iter().fold(gateway, |gateway, setting| gateway.set(setting));
        let gateway = gateway.start().await?;
        Ok(Members { sidecars, gateway, traces, notes, binary: plan.binary.clone() })
    }

    /// The shop's traces: group by group a part of them, each service's records to its own sidecar.
    pub(super) async fn send(&self, shop: &Shop) -> anyhow::Result<usize> {
        let group_size = SERVICES.min(self.sidecars.len()).max(1);
        let groups = (self.sidecars.len() / group_size).max(1) as u64;
        let mut sent = 0;
        for (group, sidecars) in (0..groups).zip(self.sidecars.chunks_exact(group_size)) {
            let traces = self.traces * group / groups..self.traces * (group + 1) / groups;
            for signal in [Signal::Spans, Signal::Logs] {
                let load = load::of_traces(shop, signal, traces.clone(), PER_REQUEST);
                for (place, sidecar) in sidecars.iter().enumerate() {
                    let own = load.requests.iter().filter(|request| request.service.0 % group_size == place);
                    sent += deliver(sidecar, own.cloned().collect()).await?;
                }
            }
        }
        Ok(sent)
    }

    /// Other records, spans of a shop of each sidecar's own, up to about so many in each.
    pub(super) async fn fill(&self, seed: u64, records: usize) -> anyhow::Result<usize> {
        let mut sent = 0;
        for (sidecar, seed) in self.sidecars.iter().zip(seed + 1..) {
            let held = u64_at(sidecar, "records").await? as usize;
            let shop = Shop::new(seed, now_unix_ns()?);
            let records = records.saturating_sub(held);
            let (signal, first_trace, shape) = (Signal::Spans, 0, Shape::default());
            let part = Part { signal, first_trace, records, per_request: PER_REQUEST, shape };
            sent += deliver(sidecar, load::part(&shop, part).requests).await?;
        }
        Ok(sent)
    }

    /// One more sidecar, which holds all of the shop.
    pub(super) async fn single(&self, shop: &Shop) -> anyhow::Result<Sidecar> {
        let single = launch(&self.binary, self.notes.path(), "single")?.start().await?;
        for signal in [Signal::Spans, Signal::Logs] {
            deliver(&single, load::of_traces(shop, signal, 0..self.traces, PER_REQUEST).requests).await?;
        }
        Process::new(single.pid()).until_idle().await?;
        Ok(single)
    }

    /// Waits until the gateway has found everybody, and everybody is idle.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        let http = Http::new(self.gateway.addresses.query);
        eventually("the gateway has found its peers", FOUND_DEADLINE, async || {
            let answer: api::Histogram = api::ask(&http, "/api/v1/histogram?step=1d&start=0&end=1").await?;
            let all = self.sidecars.len() as u64;
            Ok((answer.coverage.complete && answer.coverage.answered == all).then_some(()))
        })
        .await?;
        // Of many, some stand for all: looking at each would keep the machine busy. And the gateway of many is never
        // idle: it asks each of them now and then how it is.
        let is_small = self.sidecars.len() <= SERVICES;
        let some = self.sidecars.iter().take(SERVICES).chain(is_small.then_some(&self.gateway));
        let idle = some.map(|sidecar| Process::new(sidecar.pid()).until_idle());
        futures_util::future::join_all(idle).await.into_iter().try_for_each(|idle| idle.map(drop))?;
        if !is_small {
            tokio::time::sleep(SETTLING).await;
        }
        Ok(())
    }

    /// The ids of the newest errors of all, out of each sidecar's own answer.
    pub(super) async fn newest_errors(&self) -> anyhow::Result<Vec<String>> {
        let mut newest: Vec<(String, String)> = Vec::new();
        for sidecar in &self.sidecars {
            let target = api::search_target("level:error", NEWEST);
            let page: Page = api::ask(&Http::new(sidecar.addresses.query), &target).await?;
            newest.extend(page.records.into_iter().map(|record| (record.time, record.id)));
        }
        // Times are written so that their order is that of their text; ties are by id.
        newest.sort_unstable_by(|one, other| other.cmp(one));
        newest.truncate(NEWEST);
        Ok(newest.into_iter().map(|(_, id)| id).collect())
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        let status = self.gateway.stop().await?;
        anyhow::ensure!(status.success(), "the gateway ended with {status}");
        for sidecar in self.sidecars {
            sidecar.kill().await?;
        }
        Ok(())
    }
}

fn launch(binary: &Path, notes: &Path, name: &str) -> anyhow::Result<Launch> {
    let own = notes.join(name);
    std::fs::create_dir(&own)?;
    Ok(Launch::new(binary, own.join("data"), own))
}

async fn deliver(sidecar: &Sidecar, requests: Vec<Request>) -> anyhow::Result<usize> {
    let sending = Sending { address: sidecar.addresses.http, connections: CONNECTIONS, rate: None };
    Ok(send(Arc::from(requests), sending).await?.records)
}

/// A number that a sidecar says of itself.
async fn u64_at(sidecar: &Sidecar, name: &str) -> anyhow::Result<u64> {
    let http = Http::new(sidecar.addresses.query);
    let answer: serde_json::Value = api::ask(&http, "/api/v1/peers").await?;
    answer["peers"][0][name].as_u64().with_context(|| format!("no `{name}` in {answer}"))
}
