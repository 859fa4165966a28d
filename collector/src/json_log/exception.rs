//! Exceptions in what was logged: their type, message and stack trace, under OpenTelemetry's names.
//!
//! A logger that has a field for the stack is believed. Of a text, the type and message are read where a
//! stack's frames follow ([`text`]).

mod text;

use spandrel_store::Level;
use spandrel_store::otlp::{AnyValue, KeyValue, Value};
use spandrel_store::record::value;

pub(super) use self::text::in_text;
use self::text::{is_frame, is_sure_frame};
use crate::normalise::attribute;

pub(super) const TYPE: &str = "exception.type";
pub(super) const MESSAGE: &str = "exception.message";
pub(super) const STACKTRACE: &str = "exception.stacktrace";

/// Frames of a stack that came as objects.
const FRAMES_MAX: usize = 1_024;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    pub(super) exception_type: Option<String>,
    pub(super) message: Option<String>,
    pub(super) stacktrace: Option<String>,
}

/// What stands in a text, as slices of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read<'t> {
    pub(super) exception_type: Option<&'t str>,
    pub(super) message: Option<&'t str>,
    pub(super) stacktrace: &'t str,
}

impl Exception {
    pub(super) fn take_stack(&mut self, text: String) {
        if text.trim().is_empty() {
            return;
        }
        if let Some(read) = in_text(&text) {
            let (name, message) = (read.exception_type.map(str::to_owned), read.message.map(str::to_owned));
            self.exception_type = self.exception_type.take().or(name);
            self.message = self.message.take().or(message);
        } else if self.exception_type.is_none()
            && let Some((name, message)) = named_first(&text)
        {
            self.exception_type = Some(name.to_owned());
            let message = message.map(str::to_owned);
            self.message = self.message.take().or(message);
        }
        self.stacktrace = Some(text);
    }

    /// `insufficient funds`, `ValueError: no funds`, or a message with its stack below.
    pub(super) fn take_error_text(&mut self, text: &str) {
        if let Some(read) = in_text(text) {
            self.complete_with(read);
            return;
        }
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let (name, message) = match named_first(first) {
            Some((name, message)) => (Some(name.to_owned()), message.unwrap_or_default()),
            None => (None, first),
        };
        self.exception_type = self.exception_type.take().or(name);
        self.message = Some(message.trim().to_owned()).filter(|message| !message.is_empty());
        if rest.lines().any(is_frame) {
            self.stacktrace = Some(text.to_owned());
        }
    }

    pub(super) fn complete_with(&mut self, read: Read<'_>) {
        self.exception_type = self.exception_type.take().or_else(|| read.exception_type.map(str::to_owned));
        self.message = self.message.take().or_else(|| read.message.map(str::to_owned));
        self.stacktrace = self.stacktrace.take().or_else(|| Some(read.stacktrace.to_owned()));
    }

    /// As attributes, where the line has not said so itself.
    pub(super) fn add_to(self, attributes: &mut Vec<KeyValue>) {
        for (key, text) in
            [(TYPE, self.exception_type), (MESSAGE, self.message), (STACKTRACE, self.stacktrace)]
        {
            let said = || {
                let mut said = false;
                value::visit_leaves(attributes, key, &mut |_| {
                    said = true;
                    true
                });
                said
            };
            if let Some(text) = text
                && !said()
            {
                attributes.push(attribute(key, Value::StringValue(text)));
            }
        }
    }
}

/// Whether the value of a field that is named for it is a stack: some lines, a list, or a type with a message.
pub(super) fn is_stack(value: &Value) -> bool {
    match value {
        Value::StringValue(text) => text.contains('\n') || named_first(text).is_some(),
        Value::ArrayValue(array) => array.values.iter().any(may_be_frame),
        _ => false,
    }
}

/// An object, or a text that names an exception or a place in a program: `stack` is what cards lie on, too.
fn may_be_frame(value: &AnyValue) -> bool {
    match &value.value {
        Some(Value::KvlistValue(_)) => true,
        Some(Value::StringValue(text)) => {
            let text = text.trim();
            named_first(text).is_some()
                || is_sure_frame(text)
                || text.contains('(')
                || has_number_of_line(text)
        }
        _ => false,
    }
}

/// `/app/pay.php:3`
fn has_number_of_line(text: &str) -> bool {
    text.split(':').skip(1).any(|part| part.starts_with(|c: char| c.is_ascii_digit()))
}

/// A stack as text. Of structlog's list of exceptions, which is one, the first says type and message.
pub(super) fn stack_text(value: &Value, exception: &mut Exception) -> String {
    let Value::ArrayValue(array) = value else {
        return value::to_text(&AnyValue { value: Some(value.clone()) }).into_owned();
    };
    if let Some(Value::KvlistValue(first)) = array.values.first().and_then(|first| first.value.as_ref())
        && let Some(name) = value::text_attribute(&first.values, "exc_type")
    {
        exception.exception_type.get_or_insert_with(|| name.to_owned());
        let message = value::text_attribute(&first.values, "exc_value").map(str::to_owned);
        exception.message = exception.message.take().or(message);
        if let Some(AnyValue { value: Some(frames @ Value::ArrayValue(_)) }) =
            spandrel_store::record::attribute(&first.values, "frames")
        {
            return stack_text(&frames.clone(), &mut Exception::default());
        }
    }
    let frames: Vec<String> = array.values.iter().take(FRAMES_MAX).map(frame_text).collect();
    frames.join("\n")
}

/// `    at shop.Payment.charge(Payment.java:19)`, whatever the logger calls the parts.
fn frame_text(frame: &AnyValue) -> String {
    let Some(Value::KvlistValue(map)) = &frame.value else { return value::to_text(frame).into_owned() };
    let first = |keys: &[&str]| {
        let found = keys.iter().find_map(|key| spandrel_store::record::attribute(&map.values, key));
        found.map(|value| value::to_text(value).into_owned()).filter(|text| !text.is_empty())
    };
    let class = first(&["class", "className", "module"]);
    let function = first(&["method", "methodName", "func", "function", "name"]);
    let file = first(&["file", "fileName", "source", "filename", "filePath"]);
    let line = first(&["line", "lineNumber", "lineno", "fileLine"]);
    if function.is_none() && file.is_none() {
        return value::to_text(frame).into_owned();
    }
    let name: Vec<String> = class.into_iter().chain(function).collect();
    let place: Vec<String> = file.into_iter().chain(line).collect();
    format!("    at {}({})", name.join("."), place.join(":"))
}

/// The level of a text that is an exception or a panic from its beginning on, as a program's runtime writes it when
/// the program ends. `read` is what [`in_text`] finds in it.
pub(super) fn level_of_crash(text: &str, read: Option<Read<'_>>) -> Option<Level> {
    let text = text.trim();
    let (first, _) = text.split_once('\n').unwrap_or((text, ""));
    if first.starts_with("panic: ") || first.starts_with("thread '") && first.contains(" panicked at ") {
        return Some(Level::Fatal);
    }
    let is_crash = UNCAUGHT.iter().any(|start| first.starts_with(start))
        || named_first(first).is_some()
        || text::begins_in_ruby(first)
        || is_shown_by_node(text)
        || first.contains(text::SERVED) && read.is_some()
        // A class of one's own, known by the frames below it.
        || read.is_some_and(|read| {
            let own = read.exception_type.is_some_and(has_two_parts);
            own && read.stacktrace.len() == text.len()
        });
    is_crash.then_some(Level::Error)
}

/// The place, the line of the source, and a caret below it.
fn is_shown_by_node(text: &str) -> bool {
    let mut lines = text.lines();
    let is_mark = |line: &str| !line.trim().is_empty() && line.trim().bytes().all(|byte| byte == b'^');
    lines.next().is_some_and(is_place_in_source) && lines.take(2).any(is_mark)
}

/// `/app/server.js:10` and nothing else.
pub(super) fn is_place_in_source(line: &str) -> bool {
    let is_source =
        ["/", "file:///", "node:", "[eval]", "webpack:"].iter().any(|start| line.starts_with(start))
            || line.get(1..3) == Some(":\\");
    let place = line.trim_end().rsplit_once(':');
    is_source
        && place
            .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// How Java, Python, .NET and JavaScript begin what nobody caught.
const UNCAUGHT: &[&str] = &[
    "Exception in thread ",
    "Traceback (most recent call last):",
    "+ Exception Group Traceback (most recent call last):",
    "Unhandled exception",
    "Unhandled Exception",
    "Unhandled rejection ",
    "Uncaught ",
];

/// `System.InvalidOperationException: no funds` at the very start, in one line.
pub(super) fn named_first(line: &str) -> Option<(&str, Option<&str>)> {
    let (name, message) = match line.split_once(": ") {
        Some((name, message)) => (name, non_empty(message)),
        None => (line.trim_end(), None),
    };
    (is_name(name) && ends_as_exceptions_do(name)).then_some((name, message))
}

/// `shop.CardDeclined: no funds`, `CardDeclined`: a name that could be an exception's, at the very start.
pub(super) fn may_be_named_first(line: &str) -> bool {
    let name = line.split_once(": ").map_or(line.trim_end(), |(name, _)| name);
    is_name(name) && has_hump(name) && has_two_parts(name)
}

/// What a stack is that a logger printed behind its line, which has the message.
pub(super) fn behind_record(stack: &str) -> Option<Read<'_>> {
    let has_frames = || stack.lines().all(is_frame) && stack.lines().any(is_sure_frame);
    let is_stack = || stack.starts_with("goroutine ") || has_frames();
    in_text(stack).or_else(|| is_stack().then(|| Read { stacktrace: stack.trim_end(), ..Read::default() }))
}

fn ends_as_exceptions_do(name: &str) -> bool {
    let last = name.rsplit(['.', '$', ':']).next().unwrap_or(name);
    ["Exception", "Error", "Throwable", "Fault"].iter().any(|suffix| last.ends_with(suffix))
}

/// `shop.Emit$CardDeclined`, `Shop::CardDeclined`, `CardDeclined`: an identifier with a capital in its last part.
fn is_name(name: &str) -> bool {
    let usable = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '$' | ':' | '`');
    let last = name.rsplit(['.', '$', ':']).next().unwrap_or(name);
    !name.is_empty()
        && name.len() < 256
        && name.chars().all(usable)
        && last.starts_with(|c: char| c.is_uppercase() || c == '_')
}

/// A capital and a small letter: `ERROR` is a level.
fn has_hump(name: &str) -> bool {
    name.chars().any(char::is_lowercase)
}

/// `CardDeclined`, `shop.Declined`: more of a type's name than `Note`.
fn has_two_parts(name: &str) -> bool {
    name.contains(['.', ':', '_']) || name.chars().filter(|c| c.is_uppercase()).count() > 1
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
