//! Files that are written, rotated and read at random moments, with crashes in between that forget what was not kept
//! yet; time is handed in.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::prelude::*;
use spandrel_config::{FileLogReceiver, FilePattern, StartAt};

use super::*;
use crate::filelog::cutter::CutLimits;
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
        self.now += Duration::from_secs(1);
        self.reader.files.look(self.now);
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
fn a_file_is_read_to_its_end_under_a_name_that_no_pattern_has() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "{\"n\":1}\n");
    follower.step();
    follower.write("a.log", "{\"n\":2}\n");
    follower.rename("a.log", "a.log.1");
    follower.write("a.log", "{\"n\":4}\n");
    follower.write("a.log.1", "{\"n\":3}\n");
    follower.step();
    let mut lines = follower.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{\"n\":4}"]);
}

#[test]
fn a_file_that_was_rotated_while_nobody_looked_is_read_to_its_end() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "{\"n\":1}\n");
    follower.step();
    follower.write("a.log", "{\"n\":2}\n");
    follower.rename("a.log", "a.log.1");
    follower.write("a.log", "{\"n\":3}\n");
    follower.crash();
    follower.step();
    let mut lines = follower.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
}

#[test]
fn a_file_that_was_removed_is_read_to_its_end_and_then_forgotten() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "{\"n\":1}\n");
    follower.step();
    follower.write("a.log", "{\"n\":2}\n");
    fs::remove_file(follower.path("a.log")).unwrap();
    for _ in 0..10 {
        follower.step();
    }
    follower.assert_read(&["{\"n\":1}", "{\"n\":2}"]);
    assert_eq!(follower.reader.files.tailed.len(), 0);
    assert!(!follower.saved.keys().any(|key| FileId::from_key(key).is_some()));
}

fn copy_and_truncate(follower: &Follower, name: &str, copy: &str) {
    follower.copy(name, copy);
    File::create(follower.path(name)).unwrap();
}

#[test]
fn what_was_not_read_before_a_truncation_is_read_from_the_copy() {
    for (pattern, crash) in [("*.log", false), ("*.log*", false), ("*.log", true), ("*.log*", true)] {
        let mut follower = Follower::new(pattern);
        let first = first_bytes();
        follower.write("a.log", &first);
        follower.step();
        follower.write("a.log", "{\"n\":2}\n");
        copy_and_truncate(&follower, "a.log", "a.log.1");
        follower.write("a.log", "{\"n\":3}\n");
        if crash {
            follower.crash();
        }
        for _ in 0..3 {
            follower.step();
        }
        let mut lines = follower.lines();
        lines.sort_unstable();
        assert_eq!(lines, [first.trim_end(), "{\"n\":2}", "{\"n\":3}"], "{pattern} {crash}");
    }
}

#[test]
fn a_copy_is_not_read_while_its_original_is() {
    let mut follower = Follower::new("*.log*");
    let first = first_bytes();
    follower.write("a.log", &first);
    follower.step();
    fs::copy(follower.path("a.log"), follower.path("a.log.1")).unwrap();
    for _ in 0..3 {
        follower.step();
    }
    follower.assert_read(&[first.trim_end()]);
    // One that goes its own way is no copy.
    follower.write("a.log", "{\"n\":2}\n");
    follower.write("a.log.1", "{\"m\":2}\n");
    for _ in 0..3 {
        follower.step();
    }
    assert_eq!(follower.lines().len(), 4, "its own lines and what it began with");
}

#[test]
fn a_copy_is_told_from_another_file_that_began_with_the_same_bytes() {
    for look_between in [false, true] {
        let mut follower = Follower::new("*.log*");
        // All that is known of it is the beginning of the other's first line, too.
        follower.write("a.log", "{\"number\":1");
        follower.step();
        follower.rename("a.log", "a.log.2");
        follower.write("a.log", "{\"number\":10}\n");
        follower.step();
        follower.write("a.log", "{\"number\":11}\n");
        follower.copy("a.log", "a.log.1");
        if look_between {
            follower.step();
        }
        File::create(follower.path("a.log")).unwrap();
        follower.write("a.log", "{\"number\":12}\n");
        for _ in 0..3 {
            follower.step();
        }
        let mut lines = follower.lines();
        lines.sort_unstable();
        let all = ["{\"number\":1", "{\"number\":10}", "{\"number\":11}", "{\"number\":12}"];
        assert_eq!(lines, all, "looked between: {look_between}");
    }
}

#[test]
fn a_new_file_is_no_copy_though_it_has_written_nothing_but_what_the_one_before_it_began_with() {
    let mut follower = Follower::new("*.log*");
    follower.write("a.log", "the service begins\n{\"n\":1}\n");
    follower.step();
    follower.rename("a.log", "a.log.1");
    follower.write("a.log", "the service begins\n");
    for _ in 0..3 {
        follower.step();
    }
    follower.assert_read(&["the service begins", "{\"n\":1}", "the service begins"]);
}

#[test]
fn a_truncated_file_that_has_grown_beyond_its_place_is_read_from_its_start() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "{\"n\":1}\n");
    follower.step();
    File::create(follower.path("a.log")).unwrap();
    follower.write("a.log", "{\"m\":1}\n{\"m\":2}\n{\"m\":3}\n");
    follower.step();
    follower.step();
    follower.assert_read(&["{\"n\":1}", "{\"m\":1}", "{\"m\":2}", "{\"m\":3}"]);
}

#[test]
fn a_hole_that_a_truncation_left_is_passed_over() {
    let mut follower = Follower::new("*.log");
    let path = follower.path("a.log");
    let mut writer = File::create(&path).unwrap();
    writer.write_all(b"{\"n\":1}\n").unwrap();
    follower.step();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    // Not opened for appending: it goes on at its old offset.
    writer.write_all(b"{\"n\":2}\n").unwrap();
    follower.step();
    follower.step();
    follower.assert_read(&["{\"n\":1}", "{\"n\":2}"]);
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

/// What happens to files and to who follows them.
#[derive(Debug, Clone)]
enum Event {
    Write {
        file: usize,
        lines: usize,
    },
    /// A line, of which the end comes with the next writing.
    WritePart {
        file: usize,
    },
    Rename {
        file: usize,
    },
    /// With what happens between the two; nothing is written then.
    CopyAndTruncate {
        file: usize,
        between: Vec<Event>,
    },
    Look,
    Keep {
        chunks: usize,
    },
    Crash,
}

fn event() -> impl Strategy<Value = Event> {
    let file = 0_usize..3;
    let following = prop_oneof![
        5 => Just(Event::Look),
        4 => (0_usize..6).prop_map(|chunks| Event::Keep { chunks }),
        2 => Just(Event::Crash),
    ];
    let between = prop::collection::vec(following.clone(), 0..5);
    prop_oneof![
        6 => (file.clone(), 1_usize..30).prop_map(|(file, lines)| Event::Write { file, lines }),
        2 => file.clone().prop_map(|file| Event::WritePart { file }),
        2 => file.clone().prop_map(|file| Event::Rename { file }),
        2 => (file, between).prop_map(|(file, between)| Event::CopyAndTruncate { file, between }),
        11 => following,
    ]
}

/// Writes the lines, each with its number, and knows which have been.
struct Writers {
    next: usize,
    /// A line was begun and has no end yet.
    open: [bool; 3],
    all_named: bool,
}

impl Writers {
    fn happen(&mut self, event: Event, follower: &mut Follower) {
        match event {
            Event::Write { file, lines } => {
                self.end_line(file, follower);
                let text: String = (0..lines).map(|_| self.line() + "\n").collect();
                follower.write(&name(file), &text);
            }
            Event::WritePart { file } => {
                self.end_line(file, follower);
                follower.write(&name(file), &self.line());
                self.open[file] = true;
            }
            Event::Rename { file } => {
                self.end_line(file, follower);
                self.rotate(file, follower);
                if follower.path(&name(file)).exists() {
                    follower.rename(&name(file), &format!("{}.1", name(file)));
                }
            }
            Event::CopyAndTruncate { file, between } => {
                self.end_line(file, follower);
                self.rotate(file, follower);
                if !follower.path(&name(file)).exists() {
                    return;
                }
                follower.copy(&name(file), &format!("{}.1", name(file)));
                between.into_iter().for_each(|event| self.happen(event, follower));
                File::create(follower.path(&name(file))).unwrap();
            }
            Event::Look => follower.look(),
            Event::Keep { chunks } => follower.keep(chunks),
            Event::Crash => follower.crash(),
        }
    }

    /// Of some kinds, so that some wait for the next one.
    fn line(&mut self) -> String {
        let number = self.next;
        self.next += 1;
        match number % 3 {
            0 => format!("{{\"number\":{number}}}"),
            1 => format!("2026-11-22 10:00:00 ERROR number {number}"),
            _ => format!("    at number {number}"),
        }
    }

    fn end_line(&mut self, file: usize, follower: &Follower) {
        if std::mem::take(&mut self.open[file]) {
            follower.write(&name(file), "\n");
        }
    }

    /// Makes room for another rotated file. What was not read before the oldest is removed is lost, and so is what
    /// no pattern ever named.
    fn rotate(&self, file: usize, follower: &mut Follower) {
        if follower.path(&format!("{}.3", name(file))).exists() || !self.all_named {
            for _ in 0..3 {
                follower.step();
            }
        }
        for number in (1..3).rev() {
            let from = format!("{}.{number}", name(file));
            if follower.path(&from).exists() {
                follower.rename(&from, &format!("{}.{}", name(file), number + 1));
            }
        }
    }
}

fn name(file: usize) -> String {
    ["a.log", "b.log", "c.log"][file].to_owned()
}

/// Numbers of lines that were not read once.
fn wrong(follower: &Follower, written: usize) -> Vec<(usize, usize)> {
    let mut counts = vec![0; written];
    for line in follower.lines() {
        let number = line.rsplit([' ', ':']).next().unwrap().trim_end_matches('}');
        counts[number.parse::<usize>().unwrap()] += 1;
    }
    counts.into_iter().enumerate().filter(|(_, count)| *count != 1).collect()
}

fn every_line_is_read_once(
    events: Vec<Event>,
    all_named: bool,
    files_open_max: usize,
) -> Result<(), TestCaseError> {
    let pattern = if all_named { "*.log*" } else { "*.log" };
    // A line may take longer than any test until its end is written.
    let reading = Reading { line_delay: 1_000 * HOUR, ..reading() };
    let mut follower = Follower::with(pattern, StartAt::Beginning, reading, files_open_max);
    let mut writers = Writers { next: 0, open: [false; 3], all_named };
    for event in events {
        writers.happen(event, &mut follower);
    }
    for file in 0..3 {
        writers.end_line(file, &follower);
    }
    for _ in 0..4 {
        follower.step();
    }
    prop_assert_eq!(wrong(&follower, writers.next), vec![]);
    Ok(())
}

proptest! {
    #[test]
    fn every_line_is_read_once_whatever_happens(
        events in prop::collection::vec(event(), 1..60),
        all_named: bool,
        files_open_max in 1_usize..5,
    ) {
        every_line_is_read_once(events, all_named, files_open_max)?;
    }
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
