//! Files that are written, rotated and read at random moments, with crashes in between that forget what was not kept
//! yet: each line is there once.

use std::os::unix::fs::FileExt as _;

use proptest::prelude::*;

use super::*;

const BLOCK_BYTES: usize = 32;
/// The file whose writer goes on at its own offset, and so leaves a hole behind a truncation.
const AT_OFFSET: usize = 0;

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
    /// The writer goes on in the old file for so many lines, after what happens before it does.
    Rename {
        file: usize,
        between: Vec<Event>,
        late_lines: usize,
    },
    /// With what happens before the copy is complete, and between the two; nothing is written then.
    CopyAndTruncate {
        file: usize,
        begun: Vec<Event>,
        between: Vec<Event>,
    },
    Look,
    /// With what happens while it looks: it sees files as they were before.
    LookMeanwhile {
        during: Vec<Event>,
    },
    Keep {
        chunks: usize,
    },
    Crash,
}

fn event() -> impl Strategy<Value = Event> {
    let following = prop_oneof![
        5 => Just(Event::Look),
        4 => (0_usize..6).prop_map(|chunks| Event::Keep { chunks }),
        2 => Just(Event::Crash),
    ];
    let during = prop::collection::vec(writing(Just(Event::Look).boxed(), 0), 1..5);
    prop_oneof![
        12 => writing(following.clone().boxed(), 5),
        11 => following,
        2 => during.prop_map(|during| Event::LookMeanwhile { during }),
    ]
}

/// What a writer does, while so many of the others happen.
fn writing(others: BoxedStrategy<Event>, others_max: usize) -> impl Strategy<Value = Event> {
    let file = 0_usize..3;
    let between = prop::collection::vec(others, 0..=others_max);
    prop_oneof![
        6 => (file.clone(), 1_usize..30).prop_map(|(file, lines)| Event::Write { file, lines }),
        2 => file.clone().prop_map(|file| Event::WritePart { file }),
        2 => (file.clone(), between.clone(), 0_usize..5)
            .prop_map(|(file, between, late_lines)| Event::Rename { file, between, late_lines }),
        2 => (file, between.clone(), between)
            .prop_map(|(file, begun, between)| Event::CopyAndTruncate { file, begun, between }),
    ]
}

/// Writes the lines, each with its number, and knows which have been.
struct Writers {
    next: usize,
    /// A line was begun and has no end yet.
    open: [bool; 3],
    all_named: bool,
    /// The follower is in the middle of a look.
    is_looked_at: bool,
    /// Where the writer of [`AT_OFFSET`] goes on; the others append.
    offset: u64,
}

impl Writers {
    fn happen(&mut self, event: Event, follower: &mut Follower) {
        match event {
            Event::Write { file, lines } => {
                self.end_line(file, follower);
                let text: String = (0..lines).map(|_| self.line() + "\n").collect();
                self.write(file, &name(file), &text, follower);
            }
            Event::WritePart { file } => {
                self.end_line(file, follower);
                let line = self.line();
                self.write(file, &name(file), &line, follower);
                self.open[file] = true;
            }
            Event::Rename { file, between, late_lines } => {
                self.end_line(file, follower);
                if !self.can_rotate(file, follower) {
                    return;
                }
                let renamed = format!("{}.1", name(file));
                follower.rename(&name(file), &renamed);
                between.into_iter().for_each(|event| self.happen(event, follower));
                let text: String = (0..late_lines).map(|_| self.line() + "\n").collect();
                if !text.is_empty() {
                    self.write(file, &renamed, &text, follower);
                }
                if file == AT_OFFSET {
                    self.offset = 0;
                }
            }
            Event::CopyAndTruncate { file, begun, between } => {
                self.end_line(file, follower);
                if !self.can_rotate(file, follower) {
                    return;
                }
                let (original, copy) = (follower.path(&name(file)), format!("{}.1", name(file)));
                let bytes = fs::read(original).unwrap();
                // The first block is written as a whole.
                let (first, rest) = bytes.split_at(bytes.len() / 3 / BLOCK_BYTES * BLOCK_BYTES);
                follower.write(&copy, std::str::from_utf8(first).unwrap());
                begun.into_iter().for_each(|event| self.happen(event, follower));
                follower.write(&copy, std::str::from_utf8(rest).unwrap());
                between.into_iter().for_each(|event| self.happen(event, follower));
                File::create(follower.path(&name(file))).unwrap();
            }
            Event::Look => follower.look(),
            Event::LookMeanwhile { during } => {
                let found = follower.reader.files.find();
                self.is_looked_at = true;
                during.into_iter().for_each(|event| self.happen(event, follower));
                self.is_looked_at = false;
                follower.look_at(found);
            }
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
            self.write(file, &name(file), "\n", follower);
        }
    }

    fn write(&mut self, file: usize, name: &str, text: &str, follower: &Follower) {
        if file != AT_OFFSET {
            return follower.write(name, text);
        }
        follower.write(name, "");
        let file = OpenOptions::new().write(true).open(follower.path(name)).unwrap();
        file.write_all_at(text.as_bytes(), self.offset).unwrap();
        self.offset += text.len() as u64;
    }

    /// Makes room for another rotated file, if there is a file to rotate. What was not read before the oldest is
    /// removed is lost, and so is what no pattern ever named.
    fn can_rotate(&self, file: usize, follower: &mut Follower) -> bool {
        if !follower.path(&name(file)).exists() {
            return false;
        }
        if follower.path(&format!("{}.3", name(file))).exists() || !self.all_named {
            if self.is_looked_at {
                return false;
            }
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
        true
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
    let mut writers = Writers { next: 0, open: [false; 3], all_named, is_looked_at: false, offset: 0 };
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
