//! Recorded incidents of a real system, replayed into the real binary: every span and every log line comes
//! back with its trace, and the errors that the logs tell of are told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use spandrel_bench::api;
use spandrel_bench::http::Http;
use spandrel_bench::replay::{Case, LogRow, SpanRow, service_of};
use spandrel_bench::sidecar::Launch;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/trainticket");
const QUESTIONS_AT_ONCE: usize = 8;
/// Sidecars behind the gateway.
const FLEET: usize = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_comes_back_as_it_was_recorded_and_its_errors_are_told() {
    let cases = cases();
    if cases.is_empty() {
        let _ = writeln!(std::io::stderr(), "skipped: no recorded incidents in {DATA}");
        return;
    }
    assert_eq!(cases.len(), 15, "the baseline and fourteen faults");
    for folder in cases {
        check(&folder).await.unwrap_or_else(|error| panic!("{}: {error:#}", folder.display()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_over_fifteen_sidecars_gives_every_trace_as_one_sidecar_does() {
    let mut cases = cases();
    if cases.is_empty() {
        let _ = writeln!(std::io::stderr(), "skipped: no recorded incidents in {DATA}");
        return;
    }
    if !are_all_wanted() {
        cases.drain(..cases.len() - 1);
    }
    check_fleet(&cases).await.unwrap_or_else(|error| panic!("{error:#}"));
}

/// `make test-scale` wants every case; one is enough to find most of what can go wrong.
#[allow(clippy::disallowed_methods, reason = "how the test is told how much to do")]
fn are_all_wanted() -> bool {
    std::env::var_os("SPANDREL_FLEET_CASES").is_some_and(|wanted| wanted == "all")
}

async fn check_fleet(folders: &[PathBuf]) -> anyhow::Result<()> {
    let cases = folders.iter().map(|folder| Case::read(folder)).collect::<anyhow::Result<Vec<Case>>>()?;
    let services: BTreeSet<&str> =
        cases.iter().flat_map(|case| &case.spans).map(|row| service_of(&row.pod_name)).collect();
    let notes = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let launch = |name: &str| -> anyhow::Result<Launch> {
        let own = notes.path().join(name);
        std::fs::create_dir(&own)?;
        Ok(Launch::new(env!("CARGO_BIN_EXE_spandrel"), own.join("data"), own))
    };
    let single = launch("single")?.start().await?;
    let mut sidecars = Vec::new();
    for number in 0..FLEET {
        sidecars.push(launch(&format!("part-{number}"))?.start().await?);
    }
    let peers: Vec<String> = sidecars.iter().map(|sidecar| sidecar.addresses.query.to_string()).collect();
    let gateway = spandrel_testing::Sidecar::of(env!("CARGO_BIN_EXE_spandrel"));
    let gateway = gateway.set("storage.enabled=false").set("receivers.otlp.enabled=false");
    // This machine is busy with sixteen other processes.
    let gateway = gateway.set("limits.peer_timeout=20s");
    let gateway = gateway.set(format!("federation.peers={}", serde_json::to_string(&peers)?));
    let mut gateway = tokio::task::spawn_blocking(|| gateway.start()).await?;
    let (whole, parts) = (Http::new(single.addresses.query), Http::new(gateway.query().parse()?));
    for (case, folder) in cases.iter().zip(folders) {
        case.replay(&Http::new(single.addresses.http)).await?;
        let mut kept = 0;
        for (part, sidecar) in parts_of(case, &services).into_iter().zip(&sidecars) {
            let replayed = part.replay(&Http::new(sidecar.addresses.http)).await?;
            kept += replayed.spans + replayed.logs;
        }
        assert_eq!(kept, case.spans.len() + case.logs.len(), "{}", folder.display());
        let traces: BTreeSet<&str> = case.spans.iter().map(|row| row.trace_id.as_str()).collect();
        let checks = traces.iter().map(|id| check_same(&whole, &parts, id));
        let checked = stream::iter(checks).buffer_unordered(QUESTIONS_AT_ONCE).try_collect::<()>().await;
        checked.map_err(|error| error.context(folder.display().to_string()))?;
    }
    anyhow::ensure!(gateway.terminate().success(), "SIGTERM is a clean end");
    Ok(())
}

/// A case, taken apart by service: each service is in one part, the same for all cases.
fn parts_of(case: &Case, services: &BTreeSet<&str>) -> Vec<Case> {
    let part_of = |pod: &str| services.range(..service_of(pod)).count() % FLEET;
    let part = |number: usize| Case {
        spans: case.spans.iter().filter(|row| part_of(&row.pod_name) == number).cloned().collect(),
        logs: case.logs.iter().filter(|row| part_of(&row.pod_name) == number).cloned().collect(),
    };
    (0..FLEET).map(part).collect()
}

async fn check_same(whole: &Http, parts: &Http, id: &str) -> anyhow::Result<()> {
    let target = api::trace_target(id);
    let one: Value = api::ask(whole, &target).await?;
    let other: Value = api::ask(parts, &target).await?;
    let coverage = serde_json::json!({"complete": true, "asked": FLEET, "answered": FLEET, "missing": []});
    anyhow::ensure!(other["coverage"] == coverage, "trace {id}: {}", other["coverage"]);
    let (one, other) = (comparable(one), comparable(other));
    anyhow::ensure!(one == other, "trace {id}:\n{one}\n{other}");
    Ok(())
}

/// A trace without what differs between two stores of the same records: the ids of logs, and with them the
/// order of those that have the same time.
fn comparable(mut trace: Value) -> Value {
    trace.as_object_mut().map(|trace| trace.remove("coverage"));
    let logs = trace["logs"].as_array_mut().into_iter().flatten();
    logs.filter_map(Value::as_object_mut).for_each(|log| {
        log.remove("id");
        log.remove("observed_time");
    });
    if let Some(logs) = trace["logs"].as_array_mut() {
        logs.sort_by_cached_key(|log| (log["time"].to_string(), log.to_string()));
    }
    trace
}

fn cases() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(DATA).into_iter().flatten();
    let mut cases: Vec<PathBuf> =
        folder.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    cases.sort();
    cases
}

async fn check(folder: &Path) -> anyhow::Result<()> {
    let case = Case::read(folder)?;
    let notes = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let data = notes.path().join("data");
    let sidecar = Launch::new(env!("CARGO_BIN_EXE_spandrel"), data, notes.path()).start().await?;
    let replayed = case.replay(&Http::new(sidecar.addresses.http)).await?;
    assert_eq!((replayed.spans, replayed.logs), (case.spans.len(), case.logs.len()));

    let http = Http::new(sidecar.addresses.query);
    let traces = traces_of(&case)?;
    let checks = traces.iter().map(|(id, recorded)| check_trace(&http, id, recorded));
    stream::iter(checks).buffer_unordered(QUESTIONS_AT_ONCE).try_collect::<()>().await?;
    let failed = traces.iter().filter(|(_, recorded)| !recorded.errors.is_empty());
    let checks = failed.map(|(id, recorded)| check_errors(&http, id, recorded));
    stream::iter(checks).buffer_unordered(QUESTIONS_AT_ONCE).try_collect::<()>().await?;
    anyhow::ensure!(sidecar.stop().await?.success(), "SIGTERM is a clean end");
    Ok(())
}

/// What the files say of one trace.
#[derive(Default)]
struct Recorded<'a> {
    spans: HashMap<&'a str, &'a SpanRow>,
    /// The span ids of its log lines, as the file's own columns have them.
    logs: Vec<&'a str>,
    errors: Vec<&'a LogRow>,
}

fn traces_of(case: &Case) -> anyhow::Result<BTreeMap<&str, Recorded<'_>>> {
    let mut traces: BTreeMap<&str, Recorded> = BTreeMap::new();
    for row in &case.spans {
        traces.entry(&row.trace_id).or_default().spans.insert(&row.span_id, row);
    }
    for row in &case.logs {
        let recorded = traces.entry(&row.trace_id).or_default();
        recorded.logs.push(&row.span_id);
        if row.is_error()? {
            recorded.errors.push(row);
        }
    }
    Ok(traces)
}

async fn check_trace(http: &Http, id: &str, recorded: &Recorded<'_>) -> anyhow::Result<()> {
    let found = api::trace(http, id).await?.ok_or_else(|| anyhow::anyhow!("trace {id} is not there"))?;
    anyhow::ensure!(found.coverage.complete && !found.truncated, "trace {id} is not whole");
    let of_trace = found.spans.iter().chain(&found.logs).all(|record| record.trace_id.as_deref() == Some(id));
    anyhow::ensure!(of_trace, "trace {id} holds records of another");
    let ids: BTreeSet<&str> = found.spans.iter().filter_map(|span| span.span_id.as_deref()).collect();
    anyhow::ensure!(ids.len() == found.spans.len(), "trace {id}: a span is there twice");
    let expected: BTreeSet<&str> = recorded.spans.keys().copied().collect();
    anyhow::ensure!(ids == expected, "trace {id}: {} spans of {}", ids.len(), expected.len());
    // Only the line itself was sent, so both ids were found in its text.
    let sorted = |ids: Vec<String>| {
        BTreeMap::from_iter(
            ids.iter().map(|id| (id.clone(), ids.iter().filter(|other| *other == id).count())),
        )
    };
    let logged = sorted(found.logs.iter().map(|log| log.span_id.clone().unwrap_or_default()).collect());
    let expected = sorted(recorded.logs.iter().map(|id| (*id).to_owned()).collect());
    anyhow::ensure!(logged == expected, "trace {id}: logs of spans {logged:?}, expected {expected:?}");
    for span in &found.spans {
        let row = recorded.spans[span.span_id.as_deref().unwrap_or_default()];
        let same = span.name.as_ref() == Some(&row.operation_name)
            && span.service.as_deref() == Some(service_of(&row.pod_name));
        anyhow::ensure!(same, "trace {id}: {span:?} is not {row:?}");
    }
    Ok(())
}

async fn check_errors(http: &Http, id: &str, recorded: &Recorded<'_>) -> anyhow::Result<()> {
    let answer = api::errors(http, id).await?;
    for row in &recorded.errors {
        let service = service_of(&row.pod_name);
        let operation = recorded.spans.get(row.span_id.as_str()).map(|span| span.operation_name.as_str());
        let text = row.text()?;
        let told = answer.errors.iter().any(|error| {
            error.service.as_deref() == Some(service)
                && operation.is_none_or(|operation| error.operation.as_deref() == Some(operation))
                && error.message.as_deref().is_some_and(|message| message.contains(essence(&text)))
        });
        anyhow::ensure!(
            told,
            "errors of {id} do not name {service}, {operation:?}, {text}: {:?}",
            answer.errors
        );
    }
    anyhow::ensure!(answer.root_cause.is_some(), "errors of {id} name no root cause");
    Ok(())
}

/// What the line says behind its time, level, logger and ids.
fn essence(text: &str) -> &str {
    let behind =
        |text: &'_ str| text.split_once("SpanID: ").map(|(before, _)| before.len() + "SpanID: ".len());
    let rest = behind(text).and_then(|at| text.get(at..)?.split_once(' ')).map_or(text, |(_, rest)| rest);
    rest.trim_end()
}
