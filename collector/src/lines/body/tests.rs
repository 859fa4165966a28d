use bytes::Bytes;
use proptest::prelude::*;

use super::{BodyLines, JoinLimits};

const JOIN: JoinLimits = JoinLimits { lines_max: 100, bytes_max: 1 << 20 };

fn lines(body: &[u8]) -> Vec<Vec<u8>> {
    BodyLines::of(Bytes::copy_from_slice(body), 1 << 20, JOIN).map(|line| line.bytes.to_vec()).collect()
}

fn texts(body: &str) -> Vec<String> {
    lines(body.as_bytes()).into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
}

#[test]
fn lines_are_taken_apart_and_empty_ones_left_out() {
    assert_eq!(texts("a\nb\r\n\n\r\n  \nc"), ["a", "b", "  ", "c"]);
    assert_eq!(texts("{\"a\":1}\n{\"b\":2}\n"), ["{\"a\":1}", "{\"b\":2}"]);
    assert_eq!(texts(""), [""; 0]);
    assert_eq!(texts("a\n\n\t\n"), ["a", "\t"]);
    assert_eq!(texts(" \n\t\n"), [""; 0], "of a body of blanks nothing is left");
}

#[test]
fn an_array_gives_the_exact_text_of_its_elements() {
    assert_eq!(
        texts(" [ {\"a\": 1 ,\"b\":[2]} ,\n \"text\",3,null, [ ] ] "),
        ["{\"a\": 1 ,\"b\":[2]}", "\"text\"", "3", "null", "[ ]"]
    );
    assert_eq!(texts("[]"), [""; 0]);
}

#[test]
fn one_object_may_span_lines() {
    assert_eq!(texts("{\n  \"a\": 1\n}\n"), ["{\n  \"a\": 1\n}"]);
    assert_eq!(texts("\u{feff}{\"a\":1}"), ["{\"a\":1}"]);
}

#[test]
fn what_only_looks_like_json_is_lines() {
    assert_eq!(
        texts("[2024-01-01] INFO a\n[2024-01-01] INFO b"),
        ["[2024-01-01] INFO a", "[2024-01-01] INFO b"]
    );
    assert_eq!(texts("{oops\nb"), ["{oops", "b"]);
}

#[test]
fn invalid_utf8_stays_as_it_is() {
    assert_eq!(lines(b"[\"caf\xe9\",1]"), [&b"\"caf\xe9\""[..], b"1"]);
    assert_eq!(lines(b"caf\xe9\nb"), [&b"caf\xe9"[..], b"b"]);
}

#[test]
fn a_long_line_of_text_is_cut() {
    let cut: Vec<_> = BodyLines::of(Bytes::from("abcdefgh\nabcd\n"), 4, JOIN).collect();
    assert_eq!((&cut[0].bytes[..], cut[0].cut), (&b"abcd"[..], true));
    assert_eq!((&cut[1].bytes[..], cut[1].cut), (&b"abcd"[..], false));
}

#[test]
fn json_is_read_whole_however_long_it_is() {
    for body in ["{\"a\":123456}", "[{\"a\":123456}]", "{\"a\":123456}\ntext"] {
        let first = BodyLines::of(Bytes::from(body), 4, JOIN).next().unwrap();
        assert_eq!((&first.bytes[..], first.cut), (&b"{\"a\":123456}"[..], false), "{body}");
    }
}

#[test]
fn a_hundred_thousand_brackets_are_no_recursion() {
    let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(texts(&deep).len(), 1);
    assert_eq!(texts(&"[".repeat(100_000)).len(), 1);
}

proptest! {
    #[test]
    fn every_line_is_a_part_of_the_body(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for line in lines(&body) {
            prop_assert!(body.windows(line.len()).any(|window| window == line));
        }
    }

    #[test]
    fn an_array_has_as_many_lines_as_elements(elements in proptest::collection::vec(any::<i32>(), 0..50)) {
        let body = serde_json::to_vec(&elements).unwrap();
        prop_assert_eq!(lines(&body).len(), elements.len());
    }
}
