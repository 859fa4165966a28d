//! Files that are written and read, with crashes in between that forget what was not kept yet; time is handed in.

mod random;
mod rotation;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use spandrel_config::{FileLogReceiver, FilePattern, StartAt};

use super::*;
use crate::filelog::cutter::CutLimits;
use crate::filelog::discovery::Found;
use crate::lines::joiner::JoinLimits;

const HOUR: Duration = Duration::from_secs(3_600);

/// A reader, and what is kept of what it read.
struct Follower {
    folder: tempfile::TempDir,
    config: FileLogReceiver,
    reading: Reading,
    files_open_max: usize,
    reader: FileReader,
    read: mpsc::Receiver<FileChunk>,
    now: Instant,
    saved: BTreeMap<String, Bytes>,
    records: Vec<String>,
    /// All files that have been.
    files: RefCell<HashSet<FileId>>,
}

fn reading() -> Reading {
    let join = JoinLimits { lines_max: 100, bytes_max: 4096 };
    Reading {
        limits: CutLimits { line_bytes_max: 4096, join, records_max: usize::MAX },
        record_delay: Duration::from_millis(200),
        line_delay: Duration::from_millis(500),
        turn_bytes: 256 << 10,
        is_last: false,
    }
}

fn reader(
    config: &FileLogReceiver,
    reading: Reading,
    files_open_max: usize,
    saved: &BTreeMap<String, Bytes>,
) -> (FileReader, mpsc::Receiver<FileChunk>) {
    let (chunks, read) = mpsc::channel(10_000);
    let metrics = FileLogMetrics::register(&prometheus::Registry::new()).unwrap();
    let saved = saved.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let reader = FileReader {
        files: Files::new(config.clone(), metrics.clone(), 1_000, saved),
        reading,
        poll_interval: Duration::from_millis(200),
        chunk_bytes_max: 512,
        files_open_max,
        metrics,
        chunks,
        stop: CancellationToken::new(),
        open: VecDeque::new(),
        last: None,
        chunk: FileChunk::default(),
    };
    (reader, read)
}

impl Follower {
    fn new(pattern: &str) -> Follower {
        Follower::with(pattern, StartAt::Beginning, reading(), 4)
    }

    fn with(pattern: &str, start_at: StartAt, reading: Reading, files_open_max: usize) -> Follower {
        let folder = tempfile::tempdir().unwrap();
        let include = FilePattern::parse(folder.path().join(pattern).to_str().unwrap()).unwrap();
        let config = FileLogReceiver { include: vec![include], start_at, ..FileLogReceiver::default() };
        let (reader, read) = reader(&config, reading, files_open_max, &BTreeMap::new());
        let (saved, records, files) = Default::default();
        let now = Instant::now();
        Follower { folder, config, reading, files_open_max, reader, read, now, saved, records, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a file. The clock that says when it was born ticks so seldom that one which was removed since the last
    /// tick may have been the same; no writer is as fast as this test.
    fn make(&self, name: &str, make: impl Fn(&Path)) {
        let path = self.path(name);
        loop {
            make(&path);
            if self.files.borrow_mut().insert(FileId::of(&fs::metadata(&path).unwrap())) {
                return;
            }
            fs::remove_file(&path).unwrap();
        }
    }

    fn copy(&self, name: &str, copy: &str) {
        self.make(copy, |path| _ = fs::copy(self.path(name), path).unwrap());
    }

    fn write(&self, name: &str, text: &str) {
        if !self.path(name).exists() {
            self.make(name, |path| drop(File::create(path).unwrap()));
        }
        let mut file = OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Looks and reads a second later; nothing of it is kept yet.
    fn look(&mut self) {
        self.look_at(self.reader.files.find());
    }

    fn look_at(&mut self, found: Vec<Found>) {
        self.now += Duration::from_secs(1);
        self.reader.files.look_at(found, self.now);
        self.reader.round(self.now, HOUR).unwrap();
    }

    /// Keeps so many of the chunks that were read.
    fn keep(&mut self, chunks_max: usize) {
        for _ in 0..chunks_max {
            let Ok(chunk) = self.read.try_recv() else { return };
            for (key, value) in chunk.checkpoints {
                match value {
                    Some(value) => drop(self.saved.insert(key, value)),
                    None => drop(self.saved.remove(&key)),
                }
            }
            let records = chunk.pieces.iter().flat_map(|piece| &piece.records);
            self.records.extend(records.map(|record| String::from_utf8(record.bytes.to_vec()).unwrap()));
        }
    }

    fn step(&mut self) {
        self.look();
        self.keep(usize::MAX);
    }

    /// Begins anew with what is kept.
    fn crash(&mut self) {
        (self.reader, self.read) = reader(&self.config, self.reading, self.files_open_max, &self.saved);
    }

    fn lines(&self) -> Vec<&str> {
        self.records.iter().flat_map(|record| record.lines()).collect()
    }

    #[track_caller]
    fn assert_read(&self, lines: &[&str]) {
        assert_eq!(self.lines(), lines);
    }
}

fn first_bytes() -> String {
    format!("{{\"first\":\"{}\"}}\n", "x".repeat(40))
}

#[test]
fn what_is_written_is_read_once() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "{\"n\":1}\n");
    follower.step();
    follower.write("a.log", "{\"n\":2}\n{\"n\"");
    follower.step();
    follower.assert_read(&["{\"n\":1}", "{\"n\":2}"]);
    follower.write("a.log", ":3}\n");
    follower.step();
    follower.crash();
    follower.step();
    follower.assert_read(&["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
}

#[test]
fn a_last_line_without_a_line_end_is_taken_after_a_while() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "half");
    follower.step();
    follower.assert_read(&[]);
    follower.step();
    follower.assert_read(&["half"]);
}

#[test]
fn a_record_that_may_go_on_is_read_again_after_a_crash() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "2026-11-22 10:00:00 ERROR it failed\n");
    follower.step();
    follower.assert_read(&[]);
    follower.crash();
    follower.write("a.log", "a.BException: x\n\tat a.B.c(B.java:1)\n");
    follower.step();
    follower.step();
    assert_eq!(
        follower.records,
        ["2026-11-22 10:00:00 ERROR it failed\na.BException: x\n\tat a.B.c(B.java:1)"]
    );
}

#[test]
fn a_record_that_goes_on_for_ever_is_read_in_parts() {
    let reading = Reading { record_delay: Duration::from_millis(1_450), ..reading() };
    let mut follower = Follower::with("*.log", StartAt::Beginning, reading, 4);
    follower.write("a.log", "2026-11-22 10:00:00 ERROR it failed\n");
    for seconds in 1..=16 {
        follower.step();
        assert_eq!(follower.records.is_empty(), seconds < 16, "after {seconds} s");
        follower.write("a.log", "and goes on\n");
    }
    assert_eq!(follower.records[0].lines().count(), 16);
}

#[test]
fn files_that_are_there_are_read_from_their_end_and_those_that_come_from_their_start() {
    let mut follower = Follower::with("*.log", StartAt::End, reading(), 4);
    follower.write("old.log", "{\"old\":1}\n{\"half");
    follower.look();
    // Even if nothing was written before the crash.
    follower.keep(usize::MAX);
    follower.crash();
    follower.write("old.log", "\":2}\n{\"new\":3}\n");
    follower.write("new.log", "{\"new\":4}\n");
    follower.step();
    let mut lines = follower.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["{\"new\":3}", "{\"new\":4}"]);
}

#[test]
fn compressed_files_are_skipped_by_name_and_by_what_they_hold() {
    let mut follower = Follower::new("*");
    follower.write("a.log.2.gz", "not even compressed\n");
    fs::write(follower.path("b.log"), b"\x1f\x8b\x08\0\0\0\0\0compressed\n").unwrap();
    follower.write("c.log", "{\"n\":1}\n");
    follower.step();
    follower.assert_read(&["{\"n\":1}"]);
}

#[test]
fn many_files_are_followed_with_few_open_and_none_has_to_wait_for_another() {
    let mut follower = Follower::with("**/*.log", StartAt::Beginning, reading(), 4);
    let long: String = (0..4_000).map(|n| format!("{{\"long\":{n}}}\n")).collect();
    fs::create_dir(follower.path("x")).unwrap();
    follower.write("x/a.log", &long);
    for number in 0..200 {
        follower.write(&format!("x/{number}.log"), &format!("{{\"n\":{number}}}\n"));
    }
    follower.step();
    assert_eq!(follower.lines().len(), 4_200);
    assert!(follower.reader.metrics.files_open.get() <= 4);
    for number in 0..200 {
        follower.write(&format!("x/{number}.log"), &format!("{{\"n\":{number}}}\n"));
    }
    follower.step();
    assert_eq!(follower.lines().len(), 4_400);
}

#[test]
fn links_to_one_file_are_one_file() {
    let mut follower = Follower::new("*.log");
    follower.write("real.txt", "{\"n\":1}\n");
    for link in ["a.log", "b.log"] {
        std::os::unix::fs::symlink(follower.path("real.txt"), follower.path(link)).unwrap();
    }
    follower.step();
    follower.assert_read(&["{\"n\":1}"]);
}

#[test]
fn a_line_that_is_too_long_is_cut_and_what_follows_is_read() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", &"x".repeat(3_000));
    follower.look();
    follower.write("a.log", &"x".repeat(1 << 20));
    follower.look();
    follower.keep(usize::MAX);
    follower.crash();
    follower.write("a.log", "x\n{\"n\":1}\n");
    follower.step();
    let lines: Vec<usize> = follower.lines().iter().map(|line| line.len()).collect();
    assert_eq!(lines, [4_096, 7]);
}

#[test]
fn a_folder_that_is_gone_is_no_trouble() {
    let mut follower = Follower::new("x/*.log");
    fs::create_dir(follower.path("x")).unwrap();
    follower.write("x/a.log", "{\"n\":1}\n");
    follower.step();
    fs::remove_dir_all(Path::new(&follower.path("x"))).unwrap();
    for _ in 0..10 {
        follower.step();
    }
    follower.assert_read(&["{\"n\":1}"]);
}
