//! Events come out whole, however the bytes arrive.

use bytes::Bytes;

use super::{Decoder, Event};

const STREAM: &str = ": hello\n\nevent: record\ndata: {\"a\":1}\nid: 7\n\ndata: one\r\ndata: two\r\n\r\n";

fn decoded(chunks: &[&[u8]]) -> Vec<Event> {
    let mut decoder = Decoder::default();
    for chunk in chunks {
        decoder.feed(&Bytes::copy_from_slice(chunk)).unwrap();
    }
    decoder.ready.into()
}

fn expected() -> Vec<Event> {
    let event = |name: &str, data: &str| Event { name: name.to_owned(), data: data.to_owned() };
    vec![event("record", "{\"a\":1}"), event("", "one\ntwo")]
}

#[test]
fn comments_are_skipped_and_lines_of_data_joined() {
    assert_eq!(decoded(&[STREAM.as_bytes()]), expected());
}

#[test]
fn an_event_cut_into_single_bytes_is_the_same_event() {
    let bytes: Vec<&[u8]> = STREAM.as_bytes().chunks(1).collect();
    assert_eq!(decoded(&bytes), expected());
}
