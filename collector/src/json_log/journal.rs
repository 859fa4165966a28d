//! systemd's journal as JSON: `journalctl -o json`.
//!
//! A field that is not UTF-8, or has control characters in it such as a logger's colours, is written as the numbers of
//! its bytes. All names of fields are in capitals there.

use spandrel_store::otlp::{AnyValue, KeyValue, Value};

/// Makes texts of the messages that are written as bytes.
pub(super) fn texts_of_bytes(fields: &mut [KeyValue]) {
    let messages = fields.iter_mut().filter(|field| field.key == "MESSAGE");
    for value in messages.filter_map(|field| field.value.as_mut()) {
        if let Some(text) = text_of_bytes(value) {
            value.value = Some(Value::StringValue(text));
        }
    }
}

fn text_of_bytes(value: &AnyValue) -> Option<String> {
    let Some(Value::ArrayValue(array)) = &value.value else { return None };
    let byte = |element: &AnyValue| match element.value {
        Some(Value::IntValue(number)) => u8::try_from(number).ok(),
        _ => None,
    };
    let bytes: Vec<u8> = array.values.iter().map(byte).collect::<Option<_>>()?;
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}
