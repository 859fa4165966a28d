//! Damage to the data folder and a full disk, with the real process: it starts, says what is missing, serves
//! the rest, and a full disk is a reason to wait, not to fail.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use spandrel_bench::api;
use spandrel_bench::crash::{Ledger, Outcome, Way, Writer, check_all, fill, found_by_search};
use spandrel_bench::eventually::eventually;
use spandrel_bench::http::Http;
use spandrel_bench::sidecar::{Launch, Sidecar};
use tempfile::TempDir;

const REQUESTS: usize = 4;
/// The most records of one request: what a damaged end of the journal may cost.
const RECORDS_OF_A_REQUEST: usize = 64;
const DEADLINE: Duration = Duration::from_secs(30);

struct Place {
    notes: TempDir,
    launch: Launch,
}

impl Place {
    fn new() -> Place {
        let notes = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let launch = Launch::new(env!("CARGO_BIN_EXE_spandrel"), notes.path().join("data"), notes.path());
        Place { notes, launch }
    }

    async fn start(&self) -> Sidecar {
        self.launch.start().await.unwrap()
    }

    /// A sidecar that was filled and killed, so that its newest records are in the journal only.
    async fn filled_and_killed(&self) -> Ledger {
        let sidecar = self.start().await;
        let ledger = fill(&sidecar.addresses, REQUESTS, 7).await.unwrap();
        sidecar.kill().await.unwrap();
        ledger
    }

    fn newest_journal_file(&self) -> PathBuf {
        let mut files = files_below(&self.launch.folder.join("journal"));
        files.sort();
        files.pop().expect("a filled journal has a file")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_frame_at_the_journals_end_costs_nothing_acknowledged() {
    let place = Place::new();
    let ledger = place.filled_and_killed().await;
    let mut journal = OpenOptions::new().append(true).open(place.newest_journal_file()).unwrap();
    journal.write_all(&1_000_u32.to_le_bytes()).unwrap();
    journal.write_all(&[0x5a; 200]).unwrap();

    let sidecar = place.start().await;
    check_all(&sidecar.addresses, &ledger).await.unwrap();
    assert_said(&sidecar, "incomplete write");
    assert!(sidecar.stop().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_lost_its_last_bytes_costs_the_last_request_at_most() {
    let place = Place::new();
    let ledger = place.filled_and_killed().await;
    let journal = OpenOptions::new().write(true).open(place.newest_journal_file()).unwrap();
    journal.set_len(journal.metadata().unwrap().len() - 7).unwrap();

    assert_serves_all_but_a_request(&place, &ledger, "incomplete write").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_at_the_journals_end_costs_the_last_request_at_most() {
    let place = Place::new();
    let ledger = place.filled_and_killed().await;
    flip_a_bit(&place.newest_journal_file(), 20);

    assert_serves_all_but_a_request(&place, &ledger, "set aside").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_without_any_one_of_its_files_is_whole_or_named_as_missing() {
    let place = Place::new();
    let sidecar = place.start().await;
    let ledger = fill(&sidecar.addresses, REQUESTS, 7).await.unwrap();
    assert!(sidecar.stop().await.unwrap().success());
    let files = files_below(&place.launch.folder.join("partitions"));
    let mut set_aside = 0;
    for file in &files {
        let damaged = Place::new();
        copy_folder(&place.launch.folder, &damaged.launch.folder);
        let name = file.strip_prefix(&place.launch.folder).unwrap();
        fs::remove_file(damaged.launch.folder.join(name)).unwrap();
        set_aside += usize::from(starts_and_hides_nothing(&damaged, &ledger, name).await);
    }
    assert!(set_aside > 0, "none of {files:?} mattered");
}

/// Starts, serves what is left and new records, and names what is gone; whether anything is.
async fn starts_and_hides_nothing(place: &Place, ledger: &Ledger, name: &Path) -> bool {
    let sidecar = place.start().await;
    let http = Http::new(sidecar.addresses.query);
    let page: api::Page = api::ask(&http, &api::search_target("level:error", 1)).await.unwrap();
    let whole = page.coverage.complete;
    assert_eq!(page.coverage.missing.is_empty(), whole, "without {name:?}");
    let missing = ledger.missing(&found_by_search(&sidecar.addresses, ledger).await.unwrap());
    assert_eq!(missing > 0, !whole, "without {name:?}: {missing} records missing, complete: {whole}");
    if !whole {
        assert_said(&sidecar, "set aside");
    }
    let mut writer = Writer::new(sidecar.addresses, Way::HttpSpans, (9, 9), 9).unwrap();
    let sent = writer.send().await.unwrap();
    assert_eq!(sent.outcome, Outcome::Acknowledged);
    let mut fresh = Ledger::default();
    fresh.note(&sent);
    assert_eq!(fresh.missing(&found_by_search(&sidecar.addresses, &fresh).await.unwrap()), 0);
    assert!(sidecar.stop().await.unwrap().success());
    !whole
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_with_a_retry_even_after_a_crash_and_recovers_by_itself() {
    let mut place = Place::new();
    let Some(volume) = Volume::mount(&place.notes.path().join("volume"), "64m") else {
        skip("mounting a tmpfs is not permitted here");
        return;
    };
    place.launch.folder = volume.path.join("data");
    let sidecar = place.start().await;
    let mut ledger = fill(&sidecar.addresses, REQUESTS, 7).await.unwrap();

    let ballast = volume.fill_up();
    for (number, way) in Way::ALL.into_iter().enumerate() {
        // A few requests may still fit into space that the journal has already taken.
        let mut writer = Writer::new(sidecar.addresses, way, (1, number), 1).unwrap();
        eventually("a full disk refuses", DEADLINE, async || {
            let sent = writer.send().await?;
            ledger.note(&sent);
            anyhow::ensure!(sent.outcome != Outcome::Cut, "the connection was cut");
            Ok((sent.outcome == Outcome::Refused).then_some(()))
        })
        .await
        .unwrap();
    }
    check_all(&sidecar.addresses, &ledger).await.unwrap();
    sidecar.kill().await.unwrap();
    let sidecar = place.start().await;
    check_all(&sidecar.addresses, &ledger).await.unwrap();

    fs::remove_file(ballast).unwrap();
    for (number, way) in Way::ALL.into_iter().enumerate() {
        let mut writer = Writer::new(sidecar.addresses, way, (2, number), 2).unwrap();
        eventually("it takes records again once there is space", DEADLINE, async || {
            let sent = writer.send().await?;
            ledger.note(&sent);
            Ok((sent.outcome == Outcome::Acknowledged).then_some(()))
        })
        .await
        .unwrap();
    }
    check_all(&sidecar.addresses, &ledger).await.unwrap();
    sidecar.kill().await.unwrap();
    let sidecar = place.start().await;
    check_all(&sidecar.addresses, &ledger).await.unwrap();
    assert!(sidecar.stop().await.unwrap().success());
}

/// Starts, and finds all but what one request held.
async fn assert_serves_all_but_a_request(place: &Place, ledger: &Ledger, said: &str) {
    let sidecar = place.start().await;
    let found = found_by_search(&sidecar.addresses, ledger).await.unwrap();
    let missing = ledger.missing(&found);
    assert!(missing <= RECORDS_OF_A_REQUEST, "{missing} acknowledged records are missing");
    assert_said(&sidecar, said);
    assert!(sidecar.stop().await.unwrap().success());
}

/// Its log names what was found.
fn assert_said(sidecar: &Sidecar, words: &str) {
    let log = sidecar.log().unwrap();
    assert!(log.contains(words), "the log does not say `{words}`:\n{log}");
}

fn flip_a_bit(file: &Path, bytes_from_end: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let offset = file.metadata().unwrap().len() - bytes_from_end;
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// A small file system of its own, unmounted when dropped.
struct Volume {
    path: PathBuf,
}

impl Volume {
    fn mount(path: &Path, size: &str) -> Option<Volume> {
        fs::create_dir(path).unwrap();
        let option = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &option, "spandrel-test"]).arg(path).output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        mounted.then(|| Volume { path: path.to_owned() })
    }

    /// Takes every free byte; the file to remove to free them.
    fn fill_up(&self) -> PathBuf {
        let path = self.path.join("ballast");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 4 << 10, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).output();
    }
}

fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}
