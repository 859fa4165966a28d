use proptest::prelude::*;

use super::{CriLine, content, put_together, read};

#[test]
fn a_line_is_taken_apart() {
    let line = b"2026-11-22T10:00:00.123456789Z stderr F {\"msg\":\"x y\"}";
    let CriLine { time, stream, partial, start } = read(line).unwrap();
    assert_eq!((time, stream, partial), ("2026-11-22T10:00:00.123456789Z", "stderr", false));
    assert_eq!(&line[start..], b"{\"msg\":\"x y\"}");
    assert!(read(b"2026-11-22T10:00:00+01:00 stdout P half").unwrap().partial);
    assert!(read(b"2026-11-22T10:00:00Z stdout F").is_some(), "an empty line");
}

#[test]
fn other_lines_are_none() {
    for line in [
        "",
        "2026-11-22T10:00:00Z INFO F x",
        "2026-11-22 stdout F x",
        "2026-11-22T10:00:00Z stdout X y",
        "stdout F x",
    ] {
        assert_eq!(read(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn pieces_are_one_line_and_lines_stay_lines() {
    let pieces = "2026-11-22T10:00:00Z stdout P {\"a\":\n2026-11-22T10:00:00Z stdout F 1}";
    let (first, whole) = content(pieces).unwrap();
    assert_eq!((first.partial, whole.as_str()), (false, "{\"a\":1}"));
    assert!(content("2026-11-22T10:00:00Z stdout P half").unwrap().0.partial);
    let lines = "2026-11-22T10:00:00Z stdout F failed\n2026-11-22T10:00:00Z stdout F \tat x";
    assert_eq!(content(lines).unwrap().1, "failed\n\tat x");
    assert!(content("2026-11-22T10:00:00Z stdout F failed\nother").is_none());
}

#[test]
fn pieces_that_end_within_a_character_are_text_once_they_are_together() {
    let piece =
        |tag: &str, own: &[u8]| [format!("2026-11-22T10:00:00Z stdout {tag} ").as_bytes(), own].concat();
    let (start, end) = "größe 🦀".as_bytes().split_at(3);
    let together = |pieces: &[Vec<u8>]| {
        put_together(&pieces.join(&b'\n')).map(|whole| String::from_utf8(whole).unwrap())
    };
    let line = "2026-11-22T10:00:00Z stdout F größe 🦀";
    assert_eq!(together(&[piece("P", start), piece("F", end)]), Some(line.to_owned()));
    let next = "2026-11-22T10:00:00Z stdout F \tat x";
    let two = [piece("P", start), piece("F", end), piece("F", b"\tat x")];
    assert_eq!(together(&two), Some(format!("{line}\n{next}")));
    let half = [piece("F", "größe".as_bytes()), piece("P", b"ha"), piece("P", b"lf")];
    let half = together(&half).unwrap();
    assert_eq!(half, "2026-11-22T10:00:00Z stdout F größe\n2026-11-22T10:00:00Z stdout P half");
    assert!(content(&half).unwrap().0.partial);
    assert_eq!(together(&[piece("F", b"x"), b"other".to_vec()]), None);
    assert_eq!(together(&[Vec::new()]), None);
}

proptest! {
    #[test]
    fn any_bytes_are_looked_at(line in proptest::collection::vec(any::<u8>(), 0..80)) {
        read(&line);
        put_together(&line);
    }

    #[test]
    fn any_text_is_looked_at(parts in proptest::collection::vec(proptest::sample::select(vec![
        "2026-11-22T10:00:00Z", " ", "stdout", "stderr", "F", "P", ":", "\n", "é", "x",
    ]), 0..20)) {
        let record = parts.concat();
        let together = put_together(record.as_bytes()).map(|whole| String::from_utf8(whole).unwrap());
        let said = |record: &str| content(record).map(|(_, said)| said);
        let ends = |said: Option<String>| said.map(|said| said.trim_end_matches('\n').to_owned());
        prop_assert_eq!(ends(together.as_deref().and_then(said)), ends(said(&record)));
    }
}
