use serde_json::{Value, json};

use super::*;

fn env(name: &str) -> Option<String> {
    let value = match name {
        "PORT" => "4317",
        "POD_IP" => "10.0.0.7",
        "EMPTY" => "",
        "ZEROS" => "0123",
        "LIST" => "[a, b]",
        "NESTED" => "${env:PORT}",
        "COLON" => "a: b: c",
        _ => return None,
    };
    Some(value.to_owned())
}

fn substituted(text: &str) -> Result<Value, String> {
    let mut document = Document { root: json!({ "key": text }), texts: Default::default() };
    let mut errors = Vec::new();
    substitute(&mut document, &env, &mut errors);
    match errors.pop() {
        Some(error) => Err(error.message),
        None => Ok(document.root["key"].take()),
    }
}

#[test]
fn a_reference_within_text_is_replaced_by_text() {
    assert_eq!(substituted("${env:POD_IP}:${env:PORT}"), Ok(json!("10.0.0.7:4317")));
    assert_eq!(substituted("${POD_IP}:${env:OTHER:-7317}"), Ok(json!("10.0.0.7:7317")));
    assert_eq!(substituted("[${env:EMPTY}]"), Ok(json!("[]")));
}

#[test]
fn a_reference_alone_is_read_as_yaml() {
    assert_eq!(substituted("${env:PORT}"), Ok(json!(4317)));
    assert_eq!(substituted("${env:LIST}"), Ok(json!(["a", "b"])));
    assert_eq!(substituted("${env:EMPTY}"), Ok(Value::Null));
    assert_eq!(substituted("${env:OTHER:-true}"), Ok(json!(true)));
    assert_eq!(substituted("${env:OTHER:-}"), Ok(Value::Null));
    assert_eq!(substituted("${env:COLON}"), Ok(json!("a: b: c")));
}

#[test]
fn a_default_stands_in_only_for_what_is_not_set() {
    assert_eq!(substituted("${env:PORT:-1}"), Ok(json!(4317)));
    assert_eq!(substituted("${env:EMPTY:-1}"), Ok(Value::Null));
}

#[test]
fn the_text_of_a_number_is_remembered() {
    let mut document = Document { root: json!({ "key": "${env:ZEROS}" }), texts: Default::default() };
    substitute(&mut document, &env, &mut Vec::new());
    assert_eq!(document.texts.get("key").map(String::as_str), Some("0123"));
}

#[test]
fn what_was_put_in_is_not_searched_again() {
    assert_eq!(substituted("${env:NESTED}"), Ok(json!("${env:PORT}")));
    assert_eq!(substituted("a ${env:NESTED}"), Ok(json!("a ${env:PORT}")));
}

#[test]
fn dollars_that_refer_to_nothing_stay() {
    assert_eq!(substituted("$5 and 5$"), Ok(json!("$5 and 5$")));
    assert_eq!(substituted("$${env:PORT}"), Ok(json!("${env:PORT}")));
    assert_eq!(substituted("a$$b"), Ok(json!("a$b")));
}

#[test]
fn a_reference_that_cannot_be_replaced_is_a_mistake() {
    let missing = substituted("${env:MISSING}").unwrap_err();
    assert!(missing.contains("MISSING is not set"), "{missing}");
    for text in ["a ${env:PORT", "${env:}", "${env:9}", "${env:a-b}", "${file:/etc/x}", "${}", "x${}"] {
        assert!(substituted(text).is_err(), "{text}");
    }
}
