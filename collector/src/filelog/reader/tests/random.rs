//! Files that are written, rotated and read at random moments, with crashes in between that forget what was not kept
//! yet: each line is there once.

use proptest::prelude::*;

use super::*;

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
