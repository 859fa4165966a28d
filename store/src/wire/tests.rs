use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::otlp::Span;
use crate::testing::{shop, text};

#[test]
fn the_raw_fields_of_a_message_are_the_message() {
    for record in shop(50) {
        let bytes = match &record.body {
            crate::RecordBody::Span(span) => span.encode_to_vec(),
            crate::RecordBody::Log(log) => log.encode_to_vec(),
        };
        let raw: Vec<u8> = Fields::of(&bytes).flat_map(|field| field.unwrap().raw.to_vec()).collect();
        assert_eq!(raw, bytes);
    }
}

#[test]
fn values_are_those_that_were_written() {
    let span = Span {
        name: "GET".into(),
        kind: 3,
        start_time_unix_nano: 7,
        flags: 257,
        attributes: vec![text("a", "b")],
        ..Span::default()
    };
    let bytes = span.encode_to_vec();
    let found: Vec<(u32, Value<'_>)> =
        Fields::of(&bytes).map(|field| field.unwrap()).map(|field| (field.tag, field.value)).collect();
    assert!(found.contains(&(5, Value::Bytes(b"GET"))));
    assert!(found.contains(&(6, Value::Varint(3))));
    assert!(found.contains(&(7, Value::Fixed64(7))));
    assert!(found.contains(&(16, Value::Fixed32(257))));
}

#[test]
fn a_part_is_found_in_its_whole() {
    let whole = b"abcdef";
    assert_eq!(place(whole, &whole[2..4]), 2..4);
}

proptest! {
    #[test]
    fn any_bytes_end_in_fields_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut read = 0;
        for field in Fields::of(&bytes) {
            match field {
                Ok(field) => read += field.raw.len(),
                Err(Malformed(_)) => return Ok(()),
            }
        }
        prop_assert_eq!(read, bytes.len());
    }

    #[test]
    fn the_short_way_says_what_the_long_one_does(
        key in 0_u8..0x90, length in 0_u8..0x90, rest in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let bytes = [vec![key, length], rest].concat();
        let (mut short, mut long) = (Fields::of(&bytes), Fields::of(&bytes));
        if let Some(field) = short.short() {
            prop_assert_eq!(Ok(field), long.any());
            prop_assert_eq!(short.rest, long.rest);
        }
    }

    #[test]
    fn zigzag_comes_back(number in any::<i64>()) {
        prop_assert_eq!(unzigzag(zigzag(number)), number);
    }
}
