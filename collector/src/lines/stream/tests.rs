use proptest::prelude::*;

use super::LineSplitter;
use crate::lines::RawLine;

fn split(pieces: &[&[u8]], line_bytes_max: usize) -> Vec<RawLine> {
    let mut splitter = LineSplitter::new(line_bytes_max);
    let mut lines = Vec::new();
    for piece in pieces {
        splitter.feed(piece, |line| lines.push(line));
    }
    lines.extend(splitter.finish());
    lines
}

#[test]
fn a_line_may_come_in_pieces() {
    let lines = split(&[b"on", b"e\r\ntwo\n\nthr", b"", b"ee"], 100);
    let texts: Vec<&[u8]> = lines.iter().map(|line| &line.bytes[..]).collect();
    assert_eq!(texts, [&b"one"[..], b"two", b"", b"three"]);
    assert!(lines.iter().all(|line| !line.cut));
}

#[test]
fn the_rest_of_a_long_line_is_skipped_and_the_next_is_whole() {
    let lines = split(&[b"12345", b"678", b"9\nnext\n"], 4);
    assert_eq!((&lines[0].bytes[..], lines[0].cut), (&b"1234"[..], true));
    assert_eq!((&lines[1].bytes[..], lines[1].cut), (&b"next"[..], false));
}

proptest! {
    #[test]
    fn it_does_not_matter_where_the_pieces_end(
        text in "[ab\r\n ]{0,60}",
        places in proptest::collection::vec(0usize..60, 0..5),
    ) {
        let mut places: Vec<usize> = places.into_iter().map(|place| place.min(text.len())).collect();
        places.sort_unstable();
        let mut pieces = Vec::new();
        let mut start = 0;
        for place in places {
            pieces.push(&text.as_bytes()[start..place]);
            start = place;
        }
        pieces.push(&text.as_bytes()[start..]);
        prop_assert_eq!(split(&pieces, 10), split(&[text.as_bytes()], 10));
    }
}
