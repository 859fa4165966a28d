use proptest::prelude::*;

use super::*;

#[test]
fn a_line_of_dockers_is_taken_apart() {
    let line = br#"{"log":"say \"hi\" \u00e9\n","stream":"stderr","time":"2026-11-22T10:00:00.1Z"}"#;
    let read = read(line).unwrap();
    assert_eq!(read.text, "say \"hi\" \u{e9}\n");
    assert!(read.is_stderr && !read.is_partial());
}

#[test]
fn without_a_line_end_it_goes_on() {
    assert!(read(br#"{"log":"the beginning of","stream":"stdout","time":"t"}"#).unwrap().is_partial());
}

#[test]
fn other_objects_are_none_of_dockers() {
    for line in [
        r#"{"log":"x"}"#,
        r#"{"log":"x","level":"info"}"#,
        r#"{"message":"x","stream":"stdout"}"#,
        r#"{"log":"x","stream":"other"}"#,
        r#"{"log":"x\"#,
        r#"{"log":"x\""#,
        r#"{"log":"\ud800","stream":"stdout"}"#,
    ] {
        assert_eq!(read(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn several_lines_say_one_text() {
    let record = concat!(
        r#"{"log":"panic: no ","stream":"stderr","time":"1"}"#,
        "\n",
        r#"{"log":"funds\n","stream":"stderr","time":"2"}"#,
        "\n",
        r#"{"log":"goroutine 1\n","stream":"stderr","time":"3"}"#
    );
    let (first, content) = content(record).unwrap();
    assert!(first.ends_with("\"1\"}"));
    assert_eq!(content, "panic: no funds\ngoroutine 1");
}

proptest! {
    #[test]
    fn any_text_comes_back(text in ".*") {
        let line = serde_json::json!({"log": text, "stream": "stdout", "time": "t"}).to_string();
        prop_assert_eq!(read(line.as_bytes()).unwrap().text, text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let line = [START, &bytes].concat();
        let _ = read(&line);
        let _ = content(&String::from_utf8_lossy(&[&line[..], b"\n", &line].concat()));
    }
}
