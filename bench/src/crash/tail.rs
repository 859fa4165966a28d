//! The crash harness of file tail: lines are written to files that are rotated at random moments, the program that
//! follows them is killed at others, and in the end each line has to be found, once.
//!
//! Rotated are files by renaming, the writer going on in the old one for a while as loggers do, and by copying and
//! truncating, with a pause between that the program may look into, or be killed in. Each of the two comes at least
//! once in every round, at a random moment before the kill. Some writers append, others write at their own
//! offset, which leaves a hole behind a truncation. Lines are JSON, dated text and what follows such a line.
//!
//! What no program can tell is left out: no line is written between a copy and its truncation; rotated files are
//! removed only once all lines are found; and where no pattern names rotated files, a file is rotated once between two
//! checks, for one that is written and rotated while the program is down was never to be seen.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use fastrand::Rng;
use tokio::time::Instant;

use crate::api;
use crate::eventually::eventually;
use crate::http::Http;
use crate::sidecar::{Addresses, Launch, Sidecar};

/// Files of each folder.
const FILES: usize = 3;
/// In one round of so many it is checked that everything is found, and rotated files are removed.
const CHECK_EVERY: usize = 5;
/// How long it may take until everything is found.
const FOUND_DEADLINE: Duration = Duration::from_secs(120);
const PAUSE_MS_MAX: u64 = 8;
/// One step of so many rotates a file, beside the rotations that a round has anyway.
const ROTATE_EVERY: usize = 12;
/// The longest time between a copy and the truncation behind it.
const TRUNCATE_MS_MAX: u64 = 400;

#[derive(Debug, Clone)]
pub struct TailPlan {
    /// Its settings are completed with what it follows.
    pub launch: Launch,
    pub rounds: usize,
    pub seed: u64,
    /// The longest time between a start and a kill.
    pub load_max: Duration,
}

#[derive(Debug, Default)]
pub struct TailSummary {
    pub kills: usize,
    pub lines: usize,
    pub renamed: usize,
    pub truncated: usize,
}

impl std::fmt::Display for TailSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let TailSummary { kills, lines, renamed, truncated } = self;
        write!(f, "{kills} kills, {renamed} files renamed and {truncated} copied and truncated: ")?;
        write!(f, "each of {lines} lines found once")
    }
}

/// Runs all rounds in a folder of its own below the launch's notes; an error names the seed and the round.
pub async fn run(plan: &TailPlan, mut say: impl FnMut(String)) -> anyhow::Result<TailSummary> {
    let folder = plan.launch.notes.join("logs");
    let mut writer = Writer::new(&folder, Rng::with_seed(plan.seed))?;
    let launch = follow(plan.launch.clone(), &folder);
    let mut rng = Rng::with_seed(!plan.seed);
    for round in 0..plan.rounds {
        let in_round = |error: anyhow::Error| error.context(format!("seed {}, round {round}", plan.seed));
        let sidecar = start(&launch, &mut writer).await.map_err(in_round)?;
        if round % CHECK_EVERY == CHECK_EVERY - 1 {
            check(&sidecar.addresses, &mut writer).await.map_err(in_round)?;
        }
        let load = Duration::from_millis(rng.u64(20..plan.load_max.as_millis() as u64));
        writer.rotate_within(load);
        writer.write_for(load).await.map_err(in_round)?;
        writer.rotate_all_due().map_err(in_round)?;
        sidecar.kill().await?;
        let down = Duration::from_millis(rng.u64(0..200));
        writer.write_for(down).await.map_err(in_round)?;
        let Writer { lines, renamed, truncated, .. } = &writer;
        say(format!(
            "round {round}: killed after {} ms; in all {lines} lines, {renamed} files renamed, {truncated} copied",
            load.as_millis()
        ));
    }
    let sidecar = start(&launch, &mut writer).await?;
    writer.write_for(Duration::from_millis(500)).await?;
    check(&sidecar.addresses, &mut writer).await.with_context(|| format!("seed {}", plan.seed))?;
    let status = sidecar.stop().await?;
    anyhow::ensure!(status.success(), "seed {}: SIGTERM ended it with {status}", plan.seed);
    let Writer { lines, renamed, truncated, .. } = writer;
    Ok(TailSummary { kills: plan.rounds, lines, renamed, truncated })
}

fn follow(launch: Launch, folder: &Path) -> Launch {
    let folder = folder.display();
    launch
        .set(format!("receivers.filelog.include=['{folder}/named/*.log*', '{folder}/plain/*.log']"))
        .set("receivers.filelog.start_at=beginning")
        // A writer that is held up by this machine in the middle of a line is not what is tested.
        .set("receivers.filelog.force_flush_period=60s")
}

/// Starts the program while lines are written.
async fn start(launch: &Launch, writer: &mut Writer) -> anyhow::Result<Sidecar> {
    let start = launch.start();
    tokio::pin!(start);
    loop {
        tokio::select! {
            started = &mut start => return started,
            () = tokio::time::sleep(Duration::from_millis(PAUSE_MS_MAX)) => writer.step().await?,
        }
    }
}

/// Waits until each line is found, and makes sure that none is found twice.
async fn check(addresses: &Addresses, writer: &mut Writer) -> anyhow::Result<()> {
    let http = Http::new(addresses.query);
    let lines = writer.lines;
    let found = eventually("each line is found", FOUND_DEADLINE, async || {
        let places = places(&http, lines).await?;
        let twice: Vec<usize> = (0..lines).filter(|line| places[*line].len() > 1).collect();
        if let Some(line) = twice.first() {
            let (count, places) = (twice.len(), &places[*line]);
            anyhow::bail!("{count} lines are there more than once: line {line} is in {places:?}");
        }
        Ok(places.iter().all(|places| !places.is_empty()).then_some(()))
    });
    if let Err(error) = found.await {
        let places = places(&http, lines).await?;
        let missing: Vec<usize> = (0..lines).filter(|line| places[*line].is_empty()).collect();
        let first = &missing[..missing.len().min(10)];
        return Err(error.context(format!("{} of {lines} lines are missing: {first:?}…", missing.len())));
    }
    writer.all_is_found()
}

/// The files that each line is found in and its record there, once for each time it is found.
async fn places(http: &Http, lines: usize) -> anyhow::Result<Vec<Vec<String>>> {
    let mut places = vec![Vec::new(); lines];
    for record in api::search_all(http, "source:filelog").await? {
        let place = format!("{} ({})", record.attributes["log.file.name"], record.id);
        let original = record.original.as_ref().context("a record of a file has its lines")?;
        for line in original.lines() {
            let number = line.split('#').nth(1).and_then(|number| number.parse::<usize>().ok());
            let number = number.with_context(|| format!("no line that was written: {line:?}"))?;
            places.get_mut(number).context("a line that was not written yet")?.push(place.clone());
        }
    }
    Ok(places)
}

struct Writer {
    files: Vec<Log>,
    rng: Rng,
    /// Rotations of this round that are still to come.
    due: Vec<(Instant, Rotation)>,
    /// Lines written; each has its number in it.
    lines: usize,
    renamed: usize,
    truncated: usize,
}

#[derive(Debug, Clone, Copy)]
enum Rotation {
    Rename,
    CopyAndTruncate,
}

/// One file that a program writes its log to.
struct Log {
    path: PathBuf,
    file: File,
    /// After a truncation it goes on at its own offset.
    appends: bool,
    /// Rotated files are named by a pattern too.
    is_named: bool,
    /// Lines that go to the renamed file still; then it writes to a new one.
    late_lines: Option<usize>,
    /// It was copied and is not truncated yet: nothing is written until then.
    truncates_at: Option<Instant>,
    rotations: usize,
    may_rotate: bool,
}

impl Writer {
    fn new(folder: &Path, rng: Rng) -> anyhow::Result<Writer> {
        let mut files = Vec::new();
        for (name, is_named) in [("named", true), ("plain", false)] {
            fs::create_dir_all(folder.join(name))?;
            for number in 0..FILES {
                let (path, appends) = (folder.join(name).join(format!("{number}.log")), number > 0);
                let file = open(&path, appends)?;
                files.push(Log {
                    path,
                    file,
                    appends,
                    is_named,
                    late_lines: None,
                    truncates_at: None,
                    rotations: 0,
                    may_rotate: is_named,
                });
            }
        }
        Ok(Writer { files, rng, due: Vec::new(), lines: 0, renamed: 0, truncated: 0 })
    }

    /// Rotates a file in each of the ways, at some moment within this time.
    fn rotate_within(&mut self, time: Duration) {
        for rotation in [Rotation::Rename, Rotation::CopyAndTruncate] {
            let moment = Instant::now() + time.mul_f64(self.rng.f64());
            self.due.push((moment, rotation));
        }
    }

    async fn write_for(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.step().await?;
            tokio::time::sleep(Duration::from_millis(self.rng.u64(0..PAUSE_MS_MAX))).await;
        }
        Ok(())
    }

    /// Writes some lines to one of the files, or rotates it.
    async fn step(&mut self) -> anyhow::Result<()> {
        self.truncate_some(Instant::now())?;
        if let Some(place) = self.due.iter().position(|(moment, _)| *moment <= Instant::now()) {
            let (_, rotation) = self.due.swap_remove(place);
            return self.rotate_any(rotation);
        }
        let at = self.rng.usize(0..self.files.len());
        if self.files[at].truncates_at.is_some() {
            return Ok(());
        }
        if self.rng.usize(0..ROTATE_EVERY) == 0 && self.files[at].may_rotate {
            let rotation = if self.rng.bool() { Rotation::Rename } else { Rotation::CopyAndTruncate };
            return self.rotate(at, rotation);
        }
        for _ in 0..self.rng.usize(1..30) {
            let line = self.line();
            let (file, rng) = (&mut self.files[at], &mut self.rng);
            // Some lines come in two pieces, the second one later.
            let end = if rng.u8(0..20) == 0 { rng.usize(1..line.len()) } else { line.len() };
            file.write(&line[..end])?;
            if end < line.len() {
                tokio::time::sleep(Duration::from_millis(self.rng.u64(0..PAUSE_MS_MAX))).await;
                self.files[at].file.write_all(&line.as_bytes()[end..])?;
            }
        }
        Ok(())
    }

    fn line(&mut self) -> String {
        let number = self.lines;
        self.lines += 1;
        match self.rng.u8(0..10) {
            0..6 => format!("{{\"level\":\"info\",\"msg\":\"line #{number}# of many\"}}\n"),
            6..8 => format!("2026-11-22T10:00:00Z ERROR line #{number}# failed\n"),
            8 => format!("    at line #{number}# (a.js:1:2)\n"),
            _ => format!("{{\"msg\":\"#{number}#{}\"}}\n", "x".repeat(self.rng.usize(0..20_000))),
        }
    }

    /// What of this round was not rotated yet, because the machine was too slow.
    fn rotate_all_due(&mut self) -> anyhow::Result<()> {
        for (_, rotation) in std::mem::take(&mut self.due) {
            self.rotate_any(rotation)?;
        }
        Ok(())
    }

    fn rotate_any(&mut self, rotation: Rotation) -> anyhow::Result<()> {
        let can = |log: &Log| log.may_rotate && log.truncates_at.is_none();
        let mut candidates: Vec<usize> = (0..self.files.len()).filter(|at| can(&self.files[*at])).collect();
        if candidates.is_empty() {
            self.truncate_some(Instant::now() + Duration::from_millis(TRUNCATE_MS_MAX))?;
            candidates.extend((0..self.files.len()).filter(|at| can(&self.files[*at])));
        }
        let at = *self.rng.choice(&candidates).context("named files may always be rotated")?;
        self.rotate(at, rotation)
    }

    fn rotate(&mut self, at: usize, rotation: Rotation) -> anyhow::Result<()> {
        let (late_lines, pause_ms) = (self.rng.usize(0..40), self.rng.u64(0..TRUNCATE_MS_MAX));
        let log = &mut self.files[at];
        log.may_rotate = log.is_named;
        log.reopen()?;
        log.rotations += 1;
        match rotation {
            Rotation::Rename => {
                fs::rename(&log.path, log.rotated())?;
                log.late_lines = Some(late_lines);
                self.renamed += 1;
            }
            Rotation::CopyAndTruncate => {
                fs::copy(&log.path, log.rotated())?;
                log.truncates_at = Some(Instant::now() + Duration::from_millis(pause_ms));
                self.truncated += 1;
            }
        }
        Ok(())
    }

    /// Truncates the files that were copied long enough ago.
    fn truncate_some(&mut self, now: Instant) -> anyhow::Result<()> {
        for log in self.files.iter_mut().filter(|log| log.truncates_at.is_some_and(|due| due <= now)) {
            OpenOptions::new().write(true).open(&log.path)?.set_len(0)?;
            log.truncates_at = None;
        }
        Ok(())
    }

    /// Removes what was rotated, so that inodes are given to other files.
    fn all_is_found(&mut self) -> anyhow::Result<()> {
        for log in &mut self.files {
            // One that is to be truncated still is rotated by that.
            log.may_rotate = log.is_named || log.truncates_at.is_none();
            log.reopen()?;
            let folder = log.path.parent().context("a file is in a folder")?;
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                let is_rotated = path.extension().is_some_and(|ending| ending != "log");
                if is_rotated && path.file_stem() == log.path.file_name() {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(())
    }
}

impl Log {
    fn rotated(&self) -> PathBuf {
        PathBuf::from(format!("{}.{}", self.path.display(), self.rotations))
    }

    fn write(&mut self, text: &str) -> anyhow::Result<()> {
        match self.late_lines {
            Some(0) => self.reopen()?,
            left => self.late_lines = left.map(|left| left - 1),
        }
        Ok(self.file.write_all(text.as_bytes())?)
    }

    /// Writes to the file that has its name, if it does not yet.
    fn reopen(&mut self) -> anyhow::Result<()> {
        if self.late_lines.take().is_some() {
            self.file = open(&self.path, self.appends)?;
        }
        Ok(())
    }
}

fn open(path: &Path, appends: bool) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    let options = if appends { options.append(true) } else { options.write(true) };
    Ok(options.create(true).open(path)?)
}
