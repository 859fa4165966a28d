use proptest::prelude::*;
use serde_json::json;
use spandrel_store::record::value::attributes_to_json;

use super::read;

fn pairs(line: &str) -> Option<serde_json::Value> {
    read(line, 100).map(|pairs| attributes_to_json(&pairs.fields).into())
}

#[test]
fn pairs_are_read_with_their_types_and_escapes() {
    let line = r#"time=2026-11-22T16:59:11Z level=info msg="gr\u00fc\u00dfe \"Ada\"\nzwei" n=4711 f=2.5 ok=true id=007 empty= "#;
    let expected = json!({
        "time": "2026-11-22T16:59:11Z", "level": "info", "msg": "grüße \"Ada\"\nzwei", "n": 4711, "f": 2.5,
        "ok": true, "id": "007", "empty": "",
    });
    assert_eq!(pairs(line), Some(expected));
}

#[test]
fn prose_and_other_formats_are_none() {
    for line in [
        "the level=high alarm",
        "a=b",
        "a=b c=d",
        "INFO x=1 level=info",
        "level=info msg=\"never closed",
        "level=info some words behind it",
        "{\"level\":\"info\"}",
        "",
        "=x level=info",
        "order=7 status=shipped",
    ] {
        assert_eq!(pairs(line), None, "{line}");
    }
}

#[test]
fn behind_as_many_pairs_as_there_may_be_what_every_log_has_is_read() {
    let many: Vec<String> = (0..8).map(|number| format!("k{number}={number}")).collect();
    let object = read(&format!("{} level=error x=1 msg=boom", many.join(" ")), 5).unwrap();
    let keys: Vec<&str> = object.fields.iter().map(|field| field.key.as_str()).collect();
    assert_eq!(keys, ["k0", "k1", "k2", "k3", "k4", "level", "msg"]);
    assert_eq!((object.within, object.left_out, object.cut), (5, 4, true));
}

proptest! {
    #[test]
    fn any_text_is_looked_at(line in "\\PC{0,60}") {
        read(&line, 10);
    }

    #[test]
    fn what_is_written_is_read(values in proptest::collection::vec("\\PC{0,12}", 1..8)) {
        let mut line = "level=info".to_owned();
        for (place, value) in values.iter().enumerate() {
            line.push_str(&format!(" k{place}={}", serde_json::Value::from(value.as_str())));
        }
        let read = pairs(&line).unwrap();
        for (place, value) in values.iter().enumerate() {
            prop_assert_eq!(&read[format!("k{place}")], &serde_json::Value::from(value.as_str()));
        }
    }
}
