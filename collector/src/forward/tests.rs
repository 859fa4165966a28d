use bytes::Bytes;
use proptest::prelude::*;
use rmp::encode::{
    write_array_len, write_bin, write_ext_meta, write_f64, write_map_len, write_nil, write_str, write_uint,
};
use spandrel_store::otlp::LogRecord;
use spandrel_store::record::value::attributes_to_json;
use spandrel_store::{NewBody, NewRecord, RecordBody};

use super::acknowledgement;
use super::json::JsonWriter;
use super::message::{self, Message};
use super::pack::{DEPTH_MAX, Malformed, Reader, Scan};
use crate::entries::Gathering;

fn packed(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

fn event_time(bytes: &mut Vec<u8>, seconds: u32, nanos: u32) {
    write_ext_meta(bytes, 8, 0).unwrap();
    bytes.extend_from_slice(&seconds.to_be_bytes());
    bytes.extend_from_slice(&nanos.to_be_bytes());
}

fn text_map(bytes: &mut Vec<u8>, pairs: &[(&str, &str)]) {
    write_map_len(bytes, u32::try_from(pairs.len()).unwrap()).unwrap();
    for (key, value) in pairs {
        write_str(bytes, key).unwrap();
        write_str(bytes, value).unwrap();
    }
}

/// `[EventTime, {…}]`
fn event(pairs: &[(&str, &str)]) -> Vec<u8> {
    packed(|bytes| {
        write_array_len(bytes, 2).unwrap();
        event_time(bytes, 1_700_000_000, 5);
        text_map(bytes, pairs);
    })
}

fn read(message: &[u8]) -> Result<Message, Malformed> {
    Message::read(&Bytes::copy_from_slice(message))
}

/// The records of a message, and how many events could not be read.
fn records(message: &[u8]) -> (Vec<NewRecord<NewBody>>, u64) {
    let message = read(message).unwrap();
    let mut gathering = Gathering::for_tests(64 << 20);
    let owner = gathering.owner(Vec::new());
    let events = gathering.decompress(message.compression, message.events).unwrap();
    let (_, refused) = message::gather(&message.tag, &events, &owner, &mut gathering).unwrap();
    (gathering.records(), refused)
}

fn log(record: &NewRecord<NewBody>) -> LogRecord {
    let RecordBody::Log(log) = record.body.decode().unwrap() else { panic!("all are logs") };
    *log
}

fn attributes(record: &NewRecord<NewBody>) -> serde_json::Value {
    attributes_to_json(&log(record).attributes).into()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_four_modes_carry_the_same_event() {
    let pairs = [("level", "error"), ("message", "sold out"), ("order", "4711")];
    let one = packed(|bytes| {
        write_array_len(bytes, 3).unwrap();
        write_str(bytes, "shop.orders").unwrap();
        event_time(bytes, 1_700_000_000, 5);
        text_map(bytes, &pairs);
    });
    let forward = packed(|bytes| {
        write_array_len(bytes, 3).unwrap();
        write_str(bytes, "shop.orders").unwrap();
        write_array_len(bytes, 1).unwrap();
        bytes.extend(event(&pairs));
        text_map(bytes, &[("chunk", "abc=")]);
    });
    let packed_forward = packed(|bytes| {
        write_array_len(bytes, 2).unwrap();
        write_str(bytes, "shop.orders").unwrap();
        write_bin(bytes, &event(&pairs)).unwrap();
    });
    let compressed = packed(|bytes| {
        write_array_len(bytes, 3).unwrap();
        write_str(bytes, "shop.orders").unwrap();
        write_bin(bytes, &gzip(&event(&pairs))).unwrap();
        text_map(bytes, &[("compressed", "gzip"), ("chunk", "abc=")]);
    });
    for message in [one, forward, packed_forward, compressed] {
        let (records, refused) = records(&message);
        assert_eq!((records.len(), refused), (1, 0));
        let log = log(&records[0]);
        assert_eq!((log.time_unix_nano, log.severity_text.as_str()), (1_700_000_000_000_000_005, "error"));
        assert_eq!(
            attributes(&records[0]),
            serde_json::json!({"order": "4711", "fluent.tag": "shop.orders"})
        );
        assert_eq!(records[0].original.as_deref(), Some(&b"sold out"[..]));
    }
}

#[test]
fn a_line_under_log_is_understood_as_a_line() {
    let line = r#"{"level":"warn","msg":"low","time":"2023-11-14T22:00:00Z"}"#;
    let message = packed(|bytes| {
        write_array_len(bytes, 2).unwrap();
        write_str(bytes, "docker").unwrap();
        write_array_len(bytes, 2).unwrap();
        bytes.extend(event(&[
            ("container_name", "/orders"),
            ("source", "stdout"),
            ("log", &format!("{line}\r\n")),
        ]));
        bytes.extend(event(&[
            ("log", "10:01 ERROR no funds"),
            ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ]));
    });
    let (records, _) = records(&message);
    assert_eq!(records[0].original.as_deref(), Some(line.as_bytes()));
    let first = log(&records[0]);
    assert_eq!(first.time_unix_nano, 1_699_999_200_000_000_000, "the line says its time and its offset");
    assert_eq!(attributes(&records[0])["container_name"], "/orders");
    let second = log(&records[1]);
    assert_eq!((second.severity_text.as_str(), second.trace_id.len()), ("ERROR", 16));
    assert_eq!(second.time_unix_nano, 1_700_000_000_000_000_005);
    assert!(attributes(&records[1]).get("trace_id").is_none(), "the record has it as its own");
}

#[test]
fn times_come_in_every_form() {
    let message = packed(|bytes| {
        write_array_len(bytes, 2).unwrap();
        write_str(bytes, "t").unwrap();
        write_array_len(bytes, 4).unwrap();
        for time in 0..4 {
            write_array_len(bytes, 2).unwrap();
            match time {
                0 => _ = write_uint(bytes, 1_700_000_000).unwrap(),
                1 => write_f64(bytes, 1_700_000_000.5).unwrap(),
                2 => event_time(bytes, 1_700_000_000, 7),
                _ => {
                    write_array_len(bytes, 2).unwrap();
                    event_time(bytes, 1_700_000_000, 8);
                    text_map(bytes, &[("source", "tail")]);
                }
            }
            text_map(bytes, &[("message", "x")]);
        }
    });
    let (records, refused) = records(&message);
    assert_eq!(refused, 0);
    let nanos: Vec<u64> =
        records.iter().map(|record| log(record).time_unix_nano - 1_700_000_000_000_000_000).collect();
    assert_eq!(nanos, [0, 500_000_000, 7, 8]);
    assert_eq!(attributes(&records[3])["fluent.metadata"], r#"{"source":"tail"}"#);
}

#[test]
fn events_that_cannot_be_read_are_counted_and_the_others_kept() {
    let message = packed(|bytes| {
        write_array_len(bytes, 2).unwrap();
        write_str(bytes, "t").unwrap();
        let mut events = event(&[("message", "good")]);
        events.extend(packed(|bytes| write_nil(bytes).unwrap()));
        events.extend(event(&[("message", "good too")]));
        events.extend(&event(&[("message", "cut short")])[..9]);
        write_bin(bytes, &events).unwrap();
    });
    let (records, refused) = records(&message);
    assert_eq!((records.len(), refused), (2, 2));
}

#[test]
fn the_original_of_a_record_without_a_line_is_all_of_it() {
    let original = |event: &[u8]| {
        let message = packed(|bytes| {
            write_array_len(bytes, 2).unwrap();
            write_str(bytes, "t").unwrap();
            write_bin(bytes, event).unwrap();
        });
        records(&message).0.remove(0).original.unwrap()
    };
    assert_eq!(
        original(&event(&[("order", "4711"), ("level", "error")])),
        r#"{"order":"4711","level":"error"}"#
    );
    assert_eq!(original(&event(&[("message", "sold out"), ("level", "error")])), "sold out");
    assert_eq!(original(&event(&[("log", "sold out\n"), ("message", "else")])), "sold out");
    // JSON cannot say it.
    let record = packed(|bytes| {
        write_map_len(bytes, 1).unwrap();
        write_str(bytes, "blob").unwrap();
        write_bin(bytes, b"\xff\x00").unwrap();
    });
    let event = packed(|bytes| {
        write_array_len(bytes, 2).unwrap();
        event_time(bytes, 1_700_000_000, 5);
        bytes.extend_from_slice(&record);
    });
    assert_eq!(original(&event), record);
}

#[test]
fn the_acknowledgement_has_the_chunk_as_it_came() {
    let message = packed(|bytes| {
        write_array_len(bytes, 3).unwrap();
        write_str(bytes, "t").unwrap();
        write_array_len(bytes, 0).unwrap();
        text_map(bytes, &[("chunk", "p8n9gmxTQVC8/nh2wlKKeQ==")]);
    });
    let chunk = read(&message).unwrap().option.chunk.unwrap();
    let expected = packed(|bytes| text_map(bytes, &[("ack", "p8n9gmxTQVC8/nh2wlKKeQ==")]));
    assert_eq!(acknowledgement(&chunk), expected);
}

#[test]
fn what_is_no_message_is_refused() {
    let cases: [&[u8]; 7] = [
        &[0xc0],
        &[0x90],
        &[0x91, 0xa1, b't'],
        &[0x92, 0x01, 0x90],
        &[0x95, 0xa1, b't', 0x90, 0x80, 0x80, 0x80],
        &[0x93, 0xa1, b't', 0x90, 0x01],
        // Compressed with something unknown.
        &[
            0x93, 0xa1, b't', 0xc4, 0x00, 0x81, 0xaa, b'c', b'o', b'm', b'p', b'r', b'e', b's', b's', b'e',
            b'd', 0xa1, b'x',
        ],
    ];
    for case in cases {
        assert!(read(case).is_err(), "{case:?}");
    }
}

#[test]
fn what_says_that_it_is_long_or_deep_is_refused_at_its_head() {
    let mut scan = Scan::default();
    assert_eq!(scan.length(&[0xdd, 0xff, 0xff, 0xff, 0xff], 1 << 20), Err(Malformed::TooLong));
    let mut scan = Scan::default();
    assert_eq!(scan.length(&[0xc6, 0xff, 0xff, 0xff, 0xff], 1 << 20), Err(Malformed::TooLong));
    let mut scan = Scan::default();
    assert_eq!(scan.length(&[0x91; DEPTH_MAX + 1], 1 << 20), Err(Malformed::TooDeep));
    let mut scan = Scan::default();
    assert_eq!(scan.length(&[0xc1], 1 << 20), Err(Malformed::Bytes("a mark that is never used")));
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(|number| packed(|bytes| _ = write_uint(bytes, number).unwrap())),
        any::<i64>().prop_map(|number| packed(|bytes| _ = rmp::encode::write_sint(bytes, number).unwrap())),
        any::<f64>().prop_map(|number| packed(|bytes| write_f64(bytes, number).unwrap())),
        any::<f32>().prop_map(|number| packed(|bytes| rmp::encode::write_f32(bytes, number).unwrap())),
        any::<bool>().prop_map(|truth| packed(|bytes| rmp::encode::write_bool(bytes, truth).unwrap())),
        "\\PC{0,40}".prop_map(|text| packed(|bytes| write_str(bytes, &text).unwrap())),
        prop::collection::vec(any::<u8>(), 0..40)
            .prop_map(|data| packed(|bytes| write_bin(bytes, &data).unwrap())),
        (any::<i8>(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(kind, data)| packed(|bytes| {
            write_ext_meta(bytes, u32::try_from(data.len()).unwrap(), kind).unwrap();
            bytes.extend_from_slice(&data);
        })),
        Just(packed(|bytes| write_nil(bytes).unwrap())),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(|values| packed(|bytes| {
                write_array_len(bytes, u32::try_from(values.len()).unwrap()).unwrap();
                values.iter().for_each(|value| bytes.extend_from_slice(value));
            })),
            prop::collection::vec((inner.clone(), inner), 0..20).prop_map(|pairs| packed(|bytes| {
                write_map_len(bytes, u32::try_from(pairs.len()).unwrap()).unwrap();
                for (key, value) in pairs {
                    bytes.extend_from_slice(&key);
                    bytes.extend_from_slice(&value);
                }
            })),
        ]
    })
}

proptest! {
    #[test]
    fn the_end_of_a_value_is_found_however_it_comes(value in value(), more in prop::collection::vec(any::<u8>(), 0..8), step in 1usize..9) {
        let mut scan = Scan::default();
        for end in (0..value.len()).step_by(step) {
            prop_assert_eq!(scan.length(&value[..end], 1 << 20), Ok(None));
        }
        let whole = [&value[..], &more].concat();
        prop_assert_eq!(scan.length(&whole, 1 << 20), Ok(Some(value.len())));
    }

    #[test]
    fn every_value_is_json(value in value()) {
        let map = packed(|bytes| {
            write_map_len(bytes, 1).unwrap();
            write_str(bytes, "v").unwrap();
            bytes.extend_from_slice(&value);
        });
        let mut json = JsonWriter::new(1 << 20);
        json.map(&map, |_| true).unwrap();
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&json.text).is_ok(), "{}", json.text);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Scan::default().length(&bytes, 1 << 20);
        let _ = Reader::new(&bytes).value();
        if let Ok(message) = read(&bytes) {
            let mut gathering = Gathering::for_tests(64 << 20);
            let owner = gathering.owner(Vec::new());
            let _ = message::gather("t", &message.events, &owner, &mut gathering);
        }
    }

    #[test]
    fn no_message_panics(parts in prop::collection::vec(value(), 0..5), events in prop::collection::vec(value(), 0..4)) {
        let message = packed(|bytes| {
            write_array_len(bytes, u32::try_from(parts.len() + 1).unwrap()).unwrap();
            write_str(bytes, "t").unwrap();
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
        });
        let _ = read(&message);
        let events: Vec<u8> = events.iter().flat_map(|value| {
            packed(|bytes| {
                write_array_len(bytes, 2).unwrap();
                write_uint(bytes, 1_700_000_000).unwrap();
                write_map_len(bytes, 1).unwrap();
                write_str(bytes, "log").unwrap();
                bytes.extend_from_slice(value);
            })
        }).collect();
        let mut gathering = Gathering::for_tests(64 << 20);
        let owner = gathering.owner(Vec::new());
        message::gather("t", &events, &owner, &mut gathering).unwrap();
    }
}
