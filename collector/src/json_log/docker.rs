//! Lines as Docker's json-file driver writes them: `{"log": "…\n", "stream": "stdout", "time": "…"}`.

use spandrel_store::otlp::{KeyValue, Value};

use super::object::Object;
use super::time::{Clock, Sent};

/// The container's own line and what Docker says of it.
#[derive(Debug)]
pub(super) struct Wrapped {
    /// Without its line end.
    pub(super) text: String,
    pub(super) time: Option<Sent>,
    /// The stream, as OpenTelemetry names it, and what else there is.
    pub(super) attributes: Vec<KeyValue>,
    pub(super) cut: bool,
}

/// Opens several such lines that belong together: the first one's, with the text of all.
pub(super) fn open_several(first: Object, content: String, clock: Clock<'_>) -> Option<Wrapped> {
    let wrapped = open(first, clock).ok()?;
    Some(Wrapped { text: content, ..wrapped })
}

/// Opens an object that is such a line; gives back any other.
pub(super) fn open(object: Object, clock: Clock<'_>) -> Result<Wrapped, Object> {
    if text_of(&object.fields, "log").is_none()
        || text_of(&object.fields, "stream").is_none() && text_of(&object.fields, "time").is_none()
        || object.fields.iter().any(|field| !matches!(&*field.key, "log" | "stream" | "time" | "attrs"))
    {
        return Err(object);
    }
    let mut wrapped = Wrapped { text: String::new(), time: None, attributes: Vec::new(), cut: object.cut };
    for (place, field) in object.fields.into_iter().enumerate() {
        let is_within = place < object.within;
        match (&*field.key, field.value.and_then(|value| value.value)) {
            ("log", Some(Value::StringValue(text))) => {
                wrapped.text = text.trim_end_matches(['\n', '\r']).to_owned();
            }
            ("time", Some(Value::StringValue(text))) => wrapped.time = clock.of_text(&text),
            ("stream", Some(value)) => {
                wrapped.attributes.push(crate::normalise::attribute("log.iostream", value));
            }
            (key, Some(value)) if is_within => {
                wrapped.attributes.push(crate::normalise::attribute(key, value));
            }
            _ => {}
        }
    }
    Ok(wrapped)
}

fn text_of<'f>(fields: &'f [KeyValue], key: &str) -> Option<&'f str> {
    spandrel_store::record::value::text_attribute(fields, key)
}
