use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;
use spandrel_store::otlp::LogRecord;
use spandrel_store::record::value::attributes_to_json;
use spandrel_store::{Flags, NewBody, NewRecord, RecordBody};

use super::frame::Framer;
use super::{RawLine, gather};
use crate::entries::Gathering;

fn records(messages: &[&[u8]]) -> Vec<NewRecord<NewBody>> {
    let raw = |message: &&[u8]| RawLine::whole(bytes::Bytes::copy_from_slice(message));
    let messages: Vec<RawLine> = messages.iter().map(raw).collect();
    let mut gathering = Gathering::for_tests(64 << 20);
    gather(&messages, &[], &mut gathering).unwrap();
    gathering.records()
}

struct Seen {
    log: LogRecord,
    resource: serde_json::Value,
    attributes: serde_json::Value,
    message: String,
    flags: Flags,
}

fn read(message: &str) -> Seen {
    let record = records(&[message.as_bytes()]).remove(0);
    assert_eq!(record.original.as_deref(), Some(message.as_bytes()), "byte for byte");
    let RecordBody::Log(log) = record.body.decode().unwrap() else { panic!("all are logs") };
    Seen {
        resource: attributes_to_json(record.resource.attributes()).into(),
        attributes: attributes_to_json(&log.attributes).into(),
        message: spandrel_store::record::log_message(&log).into_owned(),
        flags: record.flags,
        log: *log,
    }
}

/// Severity's name, time in seconds.
fn level_and_time(seen: &Seen) -> (&str, u64) {
    (&seen.log.severity_text, seen.log.time_unix_nano / 1_000_000_000)
}

#[test]
fn a_message_of_rfc_5424_tells_all_it_says() {
    // RFC 5424 §6.5, example 4, with a text behind it.
    let seen = read(
        "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 8710 ID47 \
         [exampleSDID@32473 iut=\"3\" eventSource=\"Appli\\\"cation\\]\" eventID=\"1011\"][examplePriority@32473 class=\"high\"] \u{feff}An application event",
    );
    assert_eq!(level_and_time(&seen), ("notice", 1_065_910_455));
    assert_eq!(seen.resource, json!({"host.name": "mymachine.example.com", "service.name": "evntslog"}));
    assert_eq!(
        seen.attributes,
        json!({
            "syslog.facility": "local4",
            "syslog.procid": "8710",
            "syslog.msgid": "ID47",
            "syslog.version": 1,
            "syslog.exampleSDID@32473.iut": "3",
            "syslog.exampleSDID@32473.eventSource": "Appli\"cation]",
            "syslog.exampleSDID@32473.eventID": "1011",
            "syslog.examplePriority@32473.class": "high",
        })
    );
    assert_eq!(seen.message, "An application event");
}

#[test]
fn what_is_not_given_is_left_out() {
    let seen = read("<34>1 - - - - - -");
    assert_eq!((seen.log.severity_text.as_str(), seen.log.severity_number), ("crit", 21));
    assert_eq!((seen.resource, seen.message.as_str()), (json!({}), ""));
    assert!(seen.flags.contains(Flags::NO_TIME));
}

#[test]
fn ids_in_structured_data_are_the_records() {
    let seen = read(
        "<14>1 2023-11-14T22:13:20+01:00 h cart - - [otel trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\" span_id=\"00f067aa0ba902b7\"] ok",
    );
    assert_eq!((seen.log.trace_id.len(), seen.log.span_id.len()), (16, 8));
    assert_eq!(seen.log.time_unix_nano, 1_699_996_400_000_000_000);
}

#[test]
fn a_json_text_is_understood_and_its_level_goes_before_the_relays() {
    let line = r#"{"level":"error","msg":"no funds","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","time":"2023-11-14T22:13:19.5Z"}"#;
    let seen = read(&format!("<14>1 2023-11-14T22:13:20Z h payment 7 - - {line}"));
    assert_eq!((seen.log.severity_text.as_str(), seen.message.as_str()), ("error", "no funds"));
    assert_eq!(seen.log.time_unix_nano, 1_699_999_999_500_000_000);
    assert_eq!(seen.log.trace_id.len(), 16);
}

#[test]
fn messages_of_rfc_3164_are_read_as_far_as_they_go() {
    // Arrived on 2023-11-14 at 22:13:20 UTC.
    let cases = [
        (
            "<34>Nov 14 22:13:00 mymachine su[77]: 'su root' failed",
            "mymachine",
            "su",
            "77",
            "'su root' failed",
            1_699_999_980,
        ),
        ("<13>Nov 14 22:13:00 host app: text", "host", "app", "", "text", 1_699_999_980),
        ("<13>Nov 14 22:13:00 app[1]: from this machine", "", "app", "1", "from this machine", 1_699_999_980),
        ("<13>Nov 14 2023 22:13:00 host app: text", "host", "app", "", "text", 1_699_999_980),
        ("<13>2023-11-14T22:13:00+00:00 10.0.0.1 app: text", "10.0.0.1", "app", "", "text", 1_699_999_980),
        ("<13>Nov 14 22:13:00 host ERROR: text", "host", "", "", "ERROR: text", 1_699_999_980),
        // Python's handler writes no header, and Go's no host where it is not told one.
        ("<14>it works", "", "", "", "it works", 0),
        ("<14>myapp[12]: it works", "", "myapp", "12", "it works", 0),
    ];
    for (message, host, app, process, text, time) in cases {
        let seen = read(message);
        assert_eq!(
            seen.resource.get("host.name").and_then(|v| v.as_str()).unwrap_or_default(),
            host,
            "{message}"
        );
        assert_eq!(
            seen.resource.get("service.name").and_then(|v| v.as_str()).unwrap_or_default(),
            app,
            "{message}"
        );
        let procid = seen.attributes.get("syslog.procid").and_then(|v| v.as_str()).unwrap_or_default();
        assert_eq!((procid, seen.message.as_str()), (process, text), "{message}");
        assert_eq!(seen.log.time_unix_nano / 1_000_000_000, time, "{message}");
    }
}

#[test]
fn what_has_no_priority_is_a_text() {
    for message in ["plain ERROR text", "<>text", "<999>text", "<1a>text", "<-1>text"] {
        let seen = read(message);
        assert_eq!((seen.message.as_str(), seen.attributes), (message, json!({})));
    }
}

/// All messages of some pieces, and what was left at the end.
fn frames(pieces: &[&[u8]], bytes_max: usize) -> Vec<(String, bool)> {
    let mut framer = Framer::new(bytes_max, 1 << 20);
    let mut messages = Vec::new();
    for piece in pieces {
        framer.feed(piece, |message| messages.push(message));
    }
    messages.extend(framer.finish());
    messages.into_iter().map(|line| (String::from_utf8_lossy(&line.bytes).into_owned(), line.cut)).collect()
}

fn uncut(messages: &[&str]) -> Vec<(String, bool)> {
    messages.iter().map(|message| ((*message).to_owned(), false)).collect()
}

#[test]
fn lengths_and_line_ends_may_take_turns() {
    let stream = b"<1>a\n9 <2>two\nxx<3>c\r\n5 <4>dd\0\n12 monkeys\n3 <5>1999-01-01 no length\n5 <6>e\n\n";
    assert_eq!(
        frames(&[stream], 1 << 10),
        uncut(&[
            "<1>a",
            "<2>two\nxx",
            "<3>c",
            "<4>dd",
            "12 monkeys",
            "<5>",
            "1999-01-01 no length",
            "<6>e\n"
        ])
    );
}

#[test]
fn the_bytes_that_a_length_counts_are_kept_and_what_ends_a_message_is_not_said() {
    for end in ["\r", "\0", "\n", "\r\n", "\r\r\0"] {
        let message = format!("<11>1 - - shop - - - no funds{end}");
        assert_eq!(
            frames(&[format!("{} {message}<13>x\n", message.len()).as_bytes()], 1 << 10),
            uncut(&[&message, "<13>x"])
        );
        assert_eq!(read(&message).message, "no funds", "of a datagram too");
    }
    // Python's handler writes no line ends over TCP.
    assert_eq!(
        frames(&[b"<14>one\0<14>two\0", b"<14>thr", b"ee\0"], 1 << 10),
        uncut(&["<14>one", "<14>two", "<14>three"])
    );
    // So a line end is text there, once that is known.
    assert_eq!(
        frames(&[b"<14>one\0<14>two\n<5>lines\n\0", b"\0<14>thr\n", b"ee\0<14>last\n"], 1 << 10),
        uncut(&["<14>one", "<14>two\n<5>lines\n", "<14>thr\nee", "<14>last\n"])
    );
    // A zero byte inside a line tells nothing, nor does one in front of a line end.
    for stream in [&b"<14>a\n<14>b\0<14>c\n<14>d\n"[..], b"<14>a\0\n<14>b\n<14>c\n<14>d\n"] {
        assert_eq!(frames(&[stream], 1 << 10), uncut(&["<14>a", "<14>b", "<14>c", "<14>d"]));
    }
    assert_eq!(frames(&[b"<14>a\0b\n<14>c\n<14>d\n"], 1 << 10), uncut(&["<14>a", "b", "<14>c", "<14>d"]));
    let line = "<11>1 - - shop - - - no funds\r";
    assert_eq!(frames(&[format!("{line}\r\n").as_bytes()], 1 << 10), uncut(&[line]));
}

#[test]
fn a_message_that_is_too_long_or_cut_short_is_flagged() {
    assert_eq!(frames(&[b"<1>abcdef\n<2>b\n"], 5), [("<1>ab".to_owned(), true), ("<2>b".to_owned(), false)]);
    assert_eq!(frames(&[b"9 <1>abcdef<2>b"], 5), [("<1>ab".to_owned(), true), ("<2>b".to_owned(), false)]);
    assert_eq!(frames(&[b"9 <1>ab"], 50), [("<1>ab".to_owned(), true)]);
    // More than a frame may have: taken for a line.
    assert_eq!(frames(&[b"99999999 <1>a\n<2>b\n"], 50), uncut(&["99999999 <1>a", "<2>b"]));
}

proptest! {
    #[test]
    fn no_message_panics_and_each_is_kept(message in prop::collection::vec(any::<u8>(), 0..120)) {
        let kept = records(&[&message]);
        prop_assert_eq!(kept[0].original.as_deref(), Some(&message[..]));
    }

    #[test]
    fn nothing_that_is_nearly_a_message_panics(
        message in "<[0-9]{1,3}>([0-9] )?(-|2023-11-14T22:13:20Z|Nov 14 22:13:20|\\PC{0,6}) [a-z\\[\\]: -]{0,12}( -|\\[[a-z=\"\\\\\\]]{0,16}\\]?)? \\PC{0,12}"
    ) {
        let kept = records(&[message.as_bytes()]);
        prop_assert_eq!(kept[0].original.as_deref(), Some(message.as_bytes()));
    }

    #[test]
    fn frames_are_the_same_however_they_come(
        messages in prop::collection::vec(("<[0-9]{1,2}>[ -~]{0,20}", any::<bool>()), 1..8),
        step in 1usize..7,
    ) {
        let mut stream = Vec::new();
        for (message, counted) in &messages {
            match counted {
                true => stream.extend(format!("{} {message}", message.len()).bytes()),
                false => stream.extend(format!("{message}\n").bytes()),
            }
        }
        let pieces: Vec<&[u8]> = stream.chunks(step).collect();
        let expected: Vec<(String, bool)> = messages.into_iter().map(|(message, _)| (message, false)).collect();
        prop_assert_eq!(frames(&pieces, 1 << 10), expected);
    }

    #[test]
    fn no_stream_panics(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..6)) {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        frames(&pieces, 8);
    }
}

#[test]
fn a_long_message_takes_no_time_that_grows_with_the_square_of_its_length() {
    const BYTES: usize = 128 << 10;
    /// A square would take minutes.
    const TIME_MAX: Duration = Duration::from_secs(20);
    let headers = ["", "<34>", "<34>1 - - - - - ", "<34>1 - - - - - [x "];
    let repeated = [
        "[x a=\"b\"]",
        "[",
        "]",
        "[x ",
        "a=\"b\" ",
        "a=\"\\\"\" ",
        "=\"",
        "\\",
        "Nov 14 ",
        "2003-10-11 ",
        "level=",
        "trace_id=1 ",
        "[1,",
        "{\"",
        "00-",
        "\u{1b}[0m",
        ": ",
        "\n",
        " ",
    ];
    let mut slowest = (Duration::ZERO, String::new());
    for (header, repeated) in headers.iter().flat_map(|header| repeated.map(|text| (header, text))) {
        let message = (*header).to_owned() + &repeated.repeat(BYTES / repeated.len());
        let begun = Instant::now();
        records(&[message.as_bytes()]);
        slowest = slowest.max((begun.elapsed(), format!("{header}{repeated}")));
    }
    assert!(slowest.0 < TIME_MAX, "{slowest:?}");
}
