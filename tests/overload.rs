//! More than the real process can take: its memory stays flat, refusals are retryable, and what was acknowledged is
//! stored, and nothing else. `make soak` does the same for longer.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test panics where it fails and says what it saw"
)]

use std::path::Path;
use std::time::Duration;

use spandrel_bench::overload::{Kind, Outcome, Plan, launch, run};
use spandrel_config::ByteSize;

/// `limits.memory`.
const MEMORY: ByteSize = ByteSize::mib(32);
/// What an unoptimised program takes beyond it, and one whose arena and connections are most of it.
const OWN: ByteSize = ByteSize::mib(128);
const CONNECTIONS: usize = 64;
const LASTING: Duration = Duration::from_secs(5);

async fn overload(kind: Kind) -> Outcome {
    let notes = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_spandrel"));
    let launch = launch(binary, notes.path(), MEMORY);
    let anonymous_max = MEMORY.0 + OWN.0;
    let plan = Plan { launch, kind, connections: CONNECTIONS, lasting: LASTING, anonymous_max };
    let outcome = run(&plan).await.unwrap_or_else(|error| panic!("{kind:?}: {error:#}"));
    println!("{kind:?}: {outcome}");
    assert!(outcome.acknowledged > 0);
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overload_is_refused_for_a_while_and_costs_neither_memory_nor_records() {
    let outcome = overload(Kind::Shop).await;
    assert!(outcome.refused > 0, "it was not too much: {outcome}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_of_200_000_spans_is_no_exception() {
    overload(Kind::OneTrace(200_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_are_10_000_different_attribute_keys() {
    overload(Kind::ManyKeys(10_000)).await;
}
