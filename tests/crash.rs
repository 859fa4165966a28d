//! `kill -9` under load: what was acknowledged is there after the restart, once.
//!
//! A few rounds here; `make crash` runs fifty and more. A failure names the seed, which repeats the run with
//! `spandrel-bench crash --seed` or `crash-tail --seed`.
#![allow(clippy::print_stdout, reason = "a failed run has to tell its seed")]

use std::time::Duration;

use spandrel_bench::crash::{FREQUENT_COMMITS, Plan, run, tail};
use spandrel_bench::sidecar::Launch;

const ROUNDS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_record_survives_kills_under_load_once() {
    let notes = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let launch = Launch::new(env!("CARGO_BIN_EXE_spandrel"), notes.path().join("data"), notes.path())
        .set(FREQUENT_COMMITS);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let plan = Plan { launch, rounds: ROUNDS, seed, load_max: Duration::from_millis(600) };
    let summary = run(&plan, |line| println!("{line}")).await.unwrap_or_else(|error| panic!("{error:#}"));
    println!("{summary}");
    assert_eq!(summary.kills, ROUNDS);
    assert!(summary.acknowledged > 0, "nothing was acknowledged, so nothing was tested");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_files_that_are_rotated_survives_kills_once() {
    let notes = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let launch = Launch::new(env!("CARGO_BIN_EXE_spandrel"), notes.path().join("data"), notes.path())
        .set(FREQUENT_COMMITS);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let plan = tail::TailPlan { launch, rounds: ROUNDS, seed, load_max: Duration::from_millis(600) };
    let summary =
        tail::run(&plan, |line| println!("{line}")).await.unwrap_or_else(|error| panic!("{error:#}"));
    println!("{summary}");
    assert!(summary.lines > 0, "nothing was written, so nothing was tested");
    assert!(summary.renamed >= ROUNDS && summary.truncated >= ROUNDS, "each round rotates in both ways");
}
