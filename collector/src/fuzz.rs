//! Inputs that nobody would write, for every reader of lines and bodies: mutations of what real senders write.
//!
//! In the suite this runs for a second; `make fuzz` runs it for `FUZZ_MINUTES`. Nothing may panic, every line is one
//! record with its bytes, and what was taken apart ends. An input that fails is written to `fuzz/found/READER-HASH`,
//! and all that lie there are read at each start: what was found once is a test from then on. It is not guided by
//! coverage.

mod overrides;

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use spandrel_config::Limits;
use spandrel_store::{MemoryBudget, UnixNanos};

use crate::admission::Admission;
use crate::body::compression;
use crate::content::Compression;
use crate::entries::Gathering;
use crate::json_log::{LineReader, Rules};
use crate::lines::ChunkLimits;
use crate::lines::body::BodyLines;
use crate::lines::stream::LineSplitter;
use crate::loki::{self, PushForm};
use crate::normalise::{Cuts, Normaliser, RecordLimits};
use crate::otlp::{self, Signal};
use crate::{elasticsearch, forward, syslog};

const INPUT_BYTES_MAX: usize = 4 << 10;
const MEMORY_BYTES: usize = 64 << 20;

type Read = fn(&[u8]);

/// Every reader of what senders send.
const READERS: [(&str, Read); 14] = [
    ("line", line),
    ("configured", overrides::configured),
    ("overrides", overrides::any),
    ("body", body),
    ("stream", stream),
    ("loki_json", |input| _ = loki::read(PushForm::Json, input, &mut Gathering::for_tests(MEMORY_BYTES))),
    ("loki_protobuf", |input| {
        _ = loki::read(PushForm::Protobuf, input, &mut Gathering::for_tests(MEMORY_BYTES))
    }),
    ("elasticsearch", bulk),
    ("forward", forward::read_anything),
    ("syslog", syslog::read_anything),
    ("otlp_json", |input| {
        Signal::ALL.into_iter().for_each(|signal| _ = otlp::json::read(signal, input, &mut normaliser()))
    }),
    ("otlp_protobuf", |input| {
        let input = Bytes::copy_from_slice(input);
        Signal::ALL
            .into_iter()
            .for_each(|signal| _ = otlp::protobuf::read(signal, &input, &mut normaliser()));
    }),
    ("snappy", |input| decompress(Compression::Snappy, input)),
    ("gzip", |input| decompress(Compression::Gzip, input)),
];

fn admission() -> Admission {
    Admission::new(&MemoryBudget::new(MEMORY_BYTES), Duration::ZERO).unwrap()
}

fn normaliser() -> Normaliser {
    Normaliser::new(UnixNanos::now(), RecordLimits::of(&Limits::default()), admission())
}

fn rules() -> &'static Rules {
    static RULES: std::sync::LazyLock<Rules> = std::sync::LazyLock::new(|| Rules::of(&Default::default()));
    &RULES
}

fn line(input: &[u8]) {
    let limits = RecordLimits::of(&Limits::default());
    let mut cuts = Cuts::default();
    let mut reader = LineReader { limits: &limits, rules: rules(), cuts: &mut cuts };
    let log = reader.understand(input, UnixNanos(1_700_000_000_000_000_000)).log;
    assert!(matches!((log.trace_id.len(), log.span_id.len()), (0 | 16, 0 | 8)));
    assert!(log.body.is_some());
}

/// Lines of a body, joined.
fn body(input: &[u8]) {
    let limits = ChunkLimits::of(&Limits::default());
    let mut lines = BodyLines::of(Bytes::copy_from_slice(input), 1 << 10, limits.join);
    let mut left = input.len() + 1;
    while !lines.chunk(limits).lines.is_empty() {
        left = left.checked_sub(1).expect("each chunk takes something of the body");
    }
}

/// Lines of a stream that comes in pieces are those of one that comes at once.
fn stream(input: &[u8]) {
    let lines = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut splitter, mut lines) = (LineSplitter::new(64), Vec::new());
        pieces.for_each(|piece| splitter.feed(piece, |line| lines.push(line)));
        lines.extend(splitter.finish());
        lines
    };
    assert_eq!(lines(&mut input.chunks(7)), lines(&mut std::iter::once(input)));
}

fn bulk(input: &[u8]) {
    let input = Bytes::copy_from_slice(input);
    if let Ok(items) = elasticsearch::items(&input, None, &mut admission()) {
        let mut gathering = Gathering::for_tests(MEMORY_BYTES);
        elasticsearch::gather(&items, &mut gathering).unwrap();
        let documents = items.iter().filter(|item| item.document.is_ok()).count();
        assert_eq!(gathering.records().len(), documents);
    }
}

fn decompress(compression: Compression, input: &[u8]) {
    let output =
        compression::decompress(compression, Bytes::copy_from_slice(input), 1 << 20, &mut admission());
    assert!(output.map_or(0, |output| output.len()) <= 1 << 20);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fuzz/found")
}

/// What real senders write: the corpus of loggers, and a message of each protocol.
fn seeds() -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/loggers/output");
    let mut seeds = Vec::new();
    for file in std::fs::read_dir(corpus).unwrap() {
        let text = std::fs::read(file.unwrap().path()).unwrap();
        seeds.extend(text.split(|byte| *byte == b'\n').take(12).map(<[u8]>::to_vec));
        seeds.push(text[..text.len().min(INPUT_BYTES_MAX)].to_vec());
    }
    let push = br#"{"streams":[{"stream":{"job":"a"},"values":[["1700000000000000000","x",{"trace_id":"1"}]]},{"labels":"{a=\"b\"}","entries":[{"ts":"2023-11-14T22:13:20Z","line":"x"}]}]}"#;
    let bulk = b"{\"create\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{\"@timestamp\":\"2023-11-14T22:13:20Z\",\"message\":\"x\"}\n{\"delete\":{}}\n";
    let otlp = br#"{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"b"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","severityNumber":9,"body":{"kvlistValue":{"values":[]}},"traceId":"5b8efff798038103d269b633813fc60c"}]}]}]}"#;
    let syslog = b"<165>1 2003-10-11T22:14:15.003Z h a 1 ID [x@1 a=\"b\\]\"] text\n11 <1>Nov 14 h\n<34>Nov 14 22:13:00 host su[77]: failed\n";
    let push_protobuf = b"\n\x26\n\x07{a=\"b\"}\x12\x1b\n\x06\x08\x80\xe2\xcf\xaa\x06\x12\x04line\x1a\x0b\n\x01k\x12\x06value1";
    // ["t", [[EventTime, {"log": "x"}]], {"chunk": "a"}] and ["t", 1, {"message": "x", "n": 1.5}]
    let forward = b"\x93\xa1t\x91\x92\xd7\x00\x65\x53\xf1\x00\x00\x00\x00\x05\x81\xa3log\xa1x\x81\xa5chunk\xa1a\x93\xa1t\x01\x82\xa7message\xa1x\xa1n\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00";
    let otlp_protobuf = b"\n\x20\n\x0a\n\x08\n\x01a\x12\x03\n\x01b\x12\x12\x12\x10\x09\x01\x00\x00\x00\x00\x00\x00\x00\x10\x09*\x03\n\x01x";
    let journal = br#"{"MESSAGE":[27,91,48,109],"PRIORITY":"3","__REALTIME_TIMESTAMP":"1700000000000000"}"#;
    let docker = br#"{"log":"{\"level\":\"warn\",\"msg\":\"low\"}\n","stream":"stdout","time":"2023-01-29T09:33:16.8Z"}"#;
    let all: [&[u8]; 9] = [push, bulk, otlp, syslog, push_protobuf, forward, otlp_protobuf, journal, docker];
    seeds.extend(all.map(<[u8]>::to_vec));
    for _ in 0..OVERRIDES_WEIGHT {
        seeds.extend(overrides::seeds());
    }
    seeds.push(snap::raw::Encoder::new().compress_vec(push).unwrap());
    seeds.retain(|seed| !seed.is_empty());
    seeds
}

/// Lines of loggers are many; what users write is to have its part of the inputs too.
const OVERRIDES_WEIGHT: usize = 8;

const TOKENS: [&[u8]; 30] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\n",
    b"\0",
    b"=",
    b":",
    b",",
    b"\xff",
    b"\xf0\x9f\x9a\x80",
    b"\x1b[31m",
    b"trace_id",
    b"level",
    b"time",
    b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    b"9999999999999999999",
    b"-1",
    b"1e999",
    b"2023-11-14T22:13:20Z",
    b"ERROR ",
    b"%{WORD:level}",
    b"(?<time>",
    b"%Y",
    b"%",
    b"11/23/2026 04:00:00 AM",
    b"]*)+",
];

fn mutated(seeds: &[Vec<u8>]) -> Vec<u8> {
    let any = |seeds: &[Vec<u8>]| seeds[fastrand::usize(..seeds.len())].clone();
    let mut input = any(seeds);
    for _ in 0..fastrand::usize(..8) {
        let (from, to) = (fastrand::usize(..=input.len()), fastrand::usize(..=input.len()));
        let range = from.min(to)..from.max(to);
        match fastrand::u8(..8) {
            0 if !input.is_empty() => {
                let place = fastrand::usize(..input.len());
                input[place] ^= 1 << fastrand::u32(..8);
            }
            1 if !input.is_empty() => {
                let place = fastrand::usize(..input.len());
                input[place] = fastrand::u8(..);
            }
            2 => drop(input.splice(from..from, TOKENS[fastrand::usize(..TOKENS.len())].iter().copied())),
            3 => drop(input.drain(range)),
            4 => {
                let again = input[range].to_vec();
                drop(input.splice(from..from, again));
            }
            5 => input.truncate(from),
            6 => {
                let other = any(seeds);
                let at = fastrand::usize(..=other.len());
                input.truncate(from);
                input.extend_from_slice(&other[at..]);
            }
            _ => input[range].fill(fastrand::u8(..)),
        }
        input.truncate(INPUT_BYTES_MAX);
    }
    input
}

/// Reads an input; one that fails is kept.
#[allow(clippy::print_stdout, reason = "a failure has to say where its input is")]
fn attempt((name, read): (&str, Read), input: &[u8]) {
    let Err(failure) = catch_unwind(AssertUnwindSafe(|| read(input))) else { return };
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(input);
    let file = folder().join(format!("{name}-{hash:016x}"));
    let kept = std::fs::write(&file, input);
    println!("{name} fails on {} bytes: {} ({kept:?})", input.len(), file.display());
    resume_unwind(failure);
}

#[allow(clippy::disallowed_methods, reason = "how long to test is not configuration")]
fn duration() -> Duration {
    let minutes: Option<f64> = std::env::var("FUZZ_MINUTES").ok().and_then(|text| text.parse().ok());
    minutes.map_or(Duration::from_secs(1), |minutes| Duration::from_secs_f64(minutes * 60.0))
}

#[test]
fn what_was_found_once_is_read() {
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let reader = READERS.iter().find(|(reader, _)| name.starts_with(&format!("{reader}-")));
        if let Some((_, read)) = reader {
            read(&std::fs::read(&path).unwrap());
        }
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "how much was tried is what a long run is for")]
fn no_reader_fails_on_mutations_of_what_senders_write() {
    let (seeds, ends) = (seeds(), Instant::now() + duration());
    let mut cases = 0u64;
    let mut slowest = (Duration::ZERO, "", Vec::new());
    while Instant::now() < ends {
        let input = mutated(&seeds);
        for reader in READERS {
            if time(reader, &input) > slowest.0 {
                // Once more: the machine may have done something else meanwhile.
                let took = time(reader, &input);
                slowest = slowest.max((took, reader.0, input.clone()));
            }
        }
        cases += 1;
    }
    let (took, reader, input) = slowest;
    println!("{cases} inputs, each read by {} readers; the slowest took {took:?}:", READERS.len());
    println!("{reader} of {}", input.escape_ascii());
}

fn time(reader: (&str, Read), input: &[u8]) -> Duration {
    let begun = Instant::now();
    attempt(reader, input);
    begun.elapsed()
}
