//! Exceptions in what was logged: their type, message and stack trace, under OpenTelemetry's names.
//!
//! A logger that has a field for the stack is believed. Of a text, the type and message are read where a
//! stack's frames follow: Java, Python, JavaScript, .NET, Ruby, and the panics of Go and Rust. The outermost
//! exception is the one, as OpenTelemetry's own instrumentations record it.

use spandrel_store::Level;
use spandrel_store::otlp::{AnyValue, KeyValue, Value};
use spandrel_store::record::value;

use crate::normalise::attribute;

pub(super) const TYPE: &str = "exception.type";
pub(super) const MESSAGE: &str = "exception.message";
pub(super) const STACKTRACE: &str = "exception.stacktrace";

/// Frames of a stack that came as objects.
const FRAMES_MAX: usize = 1_024;

/// A type's name is among the last of these lines before the first frame.
const HEADER_LINES_MAX: usize = 12;

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
        Value::ArrayValue(array) => !array.values.is_empty(),
        _ => false,
    }
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

/// The outermost exception of a text that holds a stack trace.
pub(super) fn in_text(text: &str) -> Option<Read<'_>> {
    if !text.contains('\n') {
        return None;
    }
    python(text)
        .or_else(|| rust(text))
        .or_else(|| go(text))
        .or_else(|| ruby(text))
        .or_else(|| with_frames(text))
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
        || ruby_said(first).is_some_and(|said| said.start == 0)
        // A class of one's own, known by the frames below it.
        || read.is_some_and(|read| {
            let own = read.exception_type.is_some_and(has_two_parts);
            own && read.stacktrace.len() == text.len()
        });
    is_crash.then_some(Level::Error)
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

/// The line behind the frames, `ValueError: no funds`, of the last trace: the others are its causes.
fn python(text: &str) -> Option<Read<'_>> {
    const HEADER: &str = "Traceback (most recent call last):";
    let first = text.find(HEADER)?;
    let last = text.rfind(HEADER)? + HEADER.len();
    let stacktrace = text[first..].trim_end();
    let mut lines = text[last..].lines().skip(1);
    let said = lines.find(|line| !line.is_empty() && !line.starts_with([' ', '\t']));
    let Some(said) = said else { return Some(Read { exception_type: None, message: None, stacktrace }) };
    let (name, message) = said.split_once(": ").unwrap_or((said.trim_end_matches(':'), ""));
    if !is_name(name) {
        return Some(Read { exception_type: None, message: None, stacktrace });
    }
    Some(Read { exception_type: Some(name), message: non_empty(message), stacktrace })
}

/// `thread 'main' panicked at src/main.rs:2:5:` and the message on the next line; before Rust 1.73 on the same.
fn rust(text: &str) -> Option<Read<'_>> {
    let panicked = text.find("' panicked at ").or_else(|| text.find(") panicked at "))?;
    let start = text[..panicked].rfind("thread '")?;
    let stacktrace = text[start..].trim_end();
    let rest = text[panicked..].split_once("panicked at ")?.1;
    let (place, below) = rest.split_once('\n').unwrap_or((rest, ""));
    let message = match place.strip_prefix('\'').and_then(|quoted| quoted.rsplit_once("', ")) {
        Some((quoted, _)) => quoted,
        None => below.split("\nstack backtrace:").next()?.split("\nnote: ").next()?.trim(),
    };
    Some(Read { exception_type: Some("panic"), message: non_empty(message), stacktrace })
}

/// `panic: no funds`, then its goroutine.
fn go(text: &str) -> Option<Read<'_>> {
    let start = ["panic: ", "fatal error: "].iter().filter_map(|header| line_with(text, header)).min()?;
    let stacktrace = text[start..].trim_end();
    if !stacktrace.contains("\ngoroutine ") {
        return None;
    }
    let said = stacktrace.lines().next()?;
    let (_, message) = said.split_once(": ")?;
    Some(Read { exception_type: Some("panic"), message: non_empty(message), stacktrace })
}

/// Where a line begins with these words.
fn line_with(text: &str, start: &str) -> Option<usize> {
    if text.starts_with(start) {
        return Some(0);
    }
    text.match_indices(start).map(|(place, _)| place).find(|place| text[..*place].ends_with('\n'))
}

/// ``emit.rb:12:in `charge': no funds (CardDeclined)``, its callers below.
fn ruby(text: &str) -> Option<Read<'_>> {
    let (head, _) = text.split_once("\n\tfrom ")?;
    let head_start = head.rfind('\n').map_or(0, |place| place + 1);
    let RubySaid { start, name, message } = ruby_said(&head[head_start..])?;
    let (name, stacktrace) = (is_name(name).then_some(name), text[head_start + start..].trim_end());
    Some(Read { exception_type: name, message: non_empty(message), stacktrace })
}

/// The first line of a Ruby exception, and where in the line it begins.
struct RubySaid<'l> {
    start: usize,
    name: &'l str,
    message: &'l str,
}

fn ruby_said(line: &str) -> Option<RubySaid<'_>> {
    let (before, after) = line.split_once(":in ")?;
    let (_, said) = after.split_once(": ")?;
    let (message, name) = said.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    Some(RubySaid { start: before.rfind(' ').map_or(0, |place| place + 1), name, message })
}

/// Java, JavaScript and .NET: frames that begin with `at`, the name and the message above them.
fn with_frames(text: &str) -> Option<Read<'_>> {
    let frame = first_frame(text)?;
    let above = text[..frame].trim_end_matches(['\r', '\n']);
    let mut end = above.len();
    for _ in 0..HEADER_LINES_MAX {
        let start = above[..end].rfind('\n').map_or(0, |place| place + 1);
        if let Some((name_start, name, message)) = named_in(&above[start..end]) {
            // A message of several lines goes on up to the frames.
            let message = message.map(|at| above[start + at..].trim());
            let stacktrace = text[start + name_start..].trim_end();
            return Some(Read {
                exception_type: Some(name),
                message: message.and_then(non_empty),
                stacktrace,
            });
        }
        let Some(before) = start.checked_sub(1) else { break };
        end = before;
    }
    None
}

/// Where the line of the first frame begins.
fn first_frame(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if start > 0 && is_frame(line) {
            return Some(start);
        }
        start += line.len();
    }
    None
}

fn is_frame(line: &str) -> bool {
    let inner = line.trim_start_matches([' ', '\t']);
    let indented = inner.len() < line.len();
    indented
        && (inner.starts_with("at ")
            || inner.starts_with("File \"")
            || inner.starts_with("from ")
            || inner.starts_with('/')
            || inner.starts_with("... "))
        || line.starts_with("Caused by: ")
}

/// A type's name somewhere in a line, followed by its message or by nothing: where it begins, the name, and
/// where the message begins. One that ends as such names do goes before one that only could be a name.
fn named_in(line: &str) -> Option<(usize, &str, Option<usize>)> {
    let mut found = None;
    let mut start = 0;
    for word in line.split(' ') {
        let end = start + word.len();
        let bare = word.trim_end_matches(':').trim_start_matches(['"', '\'', '(', '[']);
        let begins = start + word.len() - word.trim_start_matches(['"', '\'', '(', '[']).len();
        let said = word.ends_with(':');
        if (said || end == line.trim_end().len()) && is_name(bare) && has_hump(bare) {
            let message = said.then_some(end).filter(|end| *end < line.len());
            if ends_as_exceptions_do(bare) {
                return Some((begins, bare, message));
            }
            if said {
                found = Some((begins, bare, message));
            }
        }
        start = end + 1;
    }
    found
}

/// `System.InvalidOperationException: no funds` at the very start, in one line.
pub(super) fn named_first(line: &str) -> Option<(&str, Option<&str>)> {
    let (name, message) = match line.split_once(": ") {
        Some((name, message)) => (name, non_empty(message)),
        None => (line.trim_end(), None),
    };
    (is_name(name) && ends_as_exceptions_do(name)).then_some((name, message))
}

pub(super) fn ends_as_exceptions_do(name: &str) -> bool {
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
