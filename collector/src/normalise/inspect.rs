//! One walk over a decoded record: strings are cut to the limit, numbers that are none are flagged.
//!
//! Recursion is bounded by the nesting limit, which the readers have seen to.

use spandrel_store::Flags;
use spandrel_store::otlp::{AnyValue, KeyValue, LogRecord, Span, Value};

use super::Cuts;

pub(super) struct Inspector<'a> {
    string_bytes_max: usize,
    cuts: &'a mut Cuts,
    pub(super) flags: Flags,
}

impl<'a> Inspector<'a> {
    pub(super) fn new(string_bytes_max: usize, cuts: &'a mut Cuts, flags: Flags) -> Inspector<'a> {
        Inspector { string_bytes_max, cuts, flags }
    }

    pub(super) fn span(&mut self, span: &mut Span) {
        self.text(&mut span.name);
        self.text(&mut span.trace_state);
        self.attributes(&mut span.attributes);
        for event in &mut span.events {
            self.text(&mut event.name);
            self.attributes(&mut event.attributes);
        }
        for link in &mut span.links {
            self.text(&mut link.trace_state);
            self.attributes(&mut link.attributes);
        }
        if let Some(status) = &mut span.status {
            self.text(&mut status.message);
        }
    }

    pub(super) fn log(&mut self, log: &mut LogRecord) {
        self.text(&mut log.severity_text);
        self.text(&mut log.event_name);
        self.attributes(&mut log.attributes);
        if let Some(body) = &mut log.body {
            self.value(body);
        }
    }

    pub(super) fn attributes(&mut self, attributes: &mut [KeyValue]) {
        for attribute in attributes {
            self.text(&mut attribute.key);
            if let Some(value) = &mut attribute.value {
                self.value(value);
            }
        }
    }

    /// Cuts at the last character that fits whole.
    pub(super) fn text(&mut self, text: &mut String) {
        if text.len() > self.string_bytes_max {
            text.truncate(text.floor_char_boundary(self.string_bytes_max));
            text.shrink_to_fit();
            self.count_cut();
        }
    }

    fn value(&mut self, value: &mut AnyValue) {
        match &mut value.value {
            Some(Value::StringValue(text)) => self.text(text),
            Some(Value::BytesValue(bytes)) if bytes.len() > self.string_bytes_max => {
                bytes.truncate(self.string_bytes_max);
                bytes.shrink_to_fit();
                self.count_cut();
            }
            Some(Value::DoubleValue(number)) if !number.is_finite() => {
                self.flags.insert(Flags::NOT_FINITE);
            }
            Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(|value| self.value(value)),
            Some(Value::KvlistValue(map)) => self.attributes(&mut map.values),
            _ => {}
        }
    }

    fn count_cut(&mut self) {
        self.cuts.strings += 1;
        self.flags.insert(Flags::CUT);
    }
}
