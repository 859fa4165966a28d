//! Exceptions in texts: Java, Python, JavaScript, .NET, Ruby, and the panics of Go and Rust.
//!
//! Known by the frames of their stacks. The outermost exception is the one, as OpenTelemetry's own instrumentations
//! record it.

use super::{Read, ends_as_exceptions_do, has_hump, has_two_parts, is_name, non_empty};

/// A type's name is among the last of these lines before the first frame.
const HEADER_LINES_MAX: usize = 12;

/// The outermost exception of a text that holds a stack trace.
pub(in crate::json_log) fn in_text(text: &str) -> Option<Read<'_>> {
    if !text.contains('\n') {
        return None;
    }
    python(text)
        .or_else(|| rust(text))
        .or_else(|| go(text))
        .or_else(|| ruby(text))
        .or_else(|| ruby_logged(text))
        .or_else(|| with_frames(text))
}

/// What stands behind the frames, `ValueError: no funds`, of the last trace: the others are its causes. The message may
/// have several lines; it ends with a blank one.
fn python(text: &str) -> Option<Read<'_>> {
    const HEADER: &str = "Traceback (most recent call last):";
    let first = text.find(HEADER)?;
    let last = text.rfind(HEADER)? + HEADER.len();
    let stacktrace = text[first..].trim_end();
    let unnamed = Read { exception_type: None, message: None, stacktrace };
    let is_said = |line: &&str| !line.trim_end().is_empty() && !line.starts_with([' ', '\t']);
    let Some(said) = text[last..].split_inclusive('\n').skip(1).find(is_said) else { return Some(unnamed) };
    let said = &text[said.as_ptr() as usize - text.as_ptr() as usize..];
    let said = said.split("\n\n").next().unwrap_or(said);
    let (line, more) = said.split_once('\n').unwrap_or((said, ""));
    let Some((name, _)) = line.split_once(": ") else {
        let name = line.trim_end().trim_end_matches(':');
        let message = non_empty(more).filter(|_| line.trim_end().ends_with(':'));
        return Some(if is_name(name) {
            Read { exception_type: Some(name), message, stacktrace }
        } else {
            unnamed
        });
    };
    let message = non_empty(&said[name.len() + 2..]);
    Some(if is_name(name) { Read { exception_type: Some(name), message, stacktrace } } else { unnamed })
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

/// `panic: no funds`, then its goroutine; also behind other words, where somebody caught it and logs it.
fn go(text: &str) -> Option<Read<'_>> {
    let goroutine = text.find("\ngoroutine ")?;
    let crash = ["panic: ", "fatal error: "].iter().filter_map(|header| line_with(text, header)).min();
    let (start, message) = match crash.filter(|start| *start < goroutine) {
        Some(start) => (start, text[start..].lines().next()?.split_once(": ")?.1),
        None => caught_in_go(&text[..goroutine])?,
    };
    let stacktrace = text[start..].trim_end();
    Some(Read { exception_type: Some("panic"), message: non_empty(message), stacktrace })
}

/// How net/http's server begins what it says of a panic.
pub(super) const SERVED: &str = "http: panic serving ";

/// `http: panic serving 10.0.0.1:5: no funds`, or anything with `panic: no funds` at its end: the panic, and its message.
fn caught_in_go(head: &str) -> Option<(usize, &str)> {
    if let Some(start) = head.rfind(SERVED) {
        let (_, message) = head[start + SERVED.len()..].split_once(": ")?;
        return Some((start, message));
    }
    let line = head.rfind('\n').map_or(0, |end| end + 1);
    let start = line + head[line..].rfind("panic: ")?;
    let begins = head[..start].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
    begins.then(|| (start, &head[start + "panic: ".len()..]))
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

/// Whether a line is the first one of what nobody caught.
pub(super) fn begins_in_ruby(line: &str) -> bool {
    ruby_said(line).is_some_and(|said| said.start == 0)
}

fn ruby_said(line: &str) -> Option<RubySaid<'_>> {
    let (before, after) = line.split_once(":in ")?;
    let (_, said) = after.split_once(": ")?;
    let (message, name) = said.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    Some(RubySaid { start: before.rfind(' ').map_or(0, |place| place + 1), name, message })
}

/// `no funds (CardDeclined)` with the frames below, as Ruby's Logger writes an exception, or
/// `-- Exception: CardDeclined: no funds`, as semantic_logger does.
fn ruby_logged(text: &str) -> Option<Read<'_>> {
    let frame = first_line(text, is_frame_of_ruby)?;
    let head = text[..frame].trim_end();
    let (start, name, message) = match head.rsplit_once(SEMANTIC) {
        Some((before, said)) => {
            let (name, message) = said.split_once(": ").unwrap_or((said, ""));
            (before.len() + SEMANTIC.len(), name, message)
        }
        None => {
            let (before, name) = head.strip_suffix(')')?.rsplit_once(" (")?;
            let start = behind_program(before);
            (start, name, &before[start..])
        }
    };
    let stacktrace = text[start..].trim_end();
    let is_named = is_name(name) && has_hump(name);
    is_named.then_some(Read { exception_type: Some(name), message: non_empty(message), stacktrace })
}

const SEMANTIC: &str = " -- Exception: ";

/// Behind `E, [2026-… #7] ERROR -- payment: `, or another logger's time and level.
fn behind_program(head: &str) -> usize {
    let line = head.split('\n').next().unwrap_or_default();
    let program = line.find(" -- ").map(|place| place + " -- ".len());
    let behind = program.and_then(|program| Some(program + line[program..].find(": ")? + 2));
    behind.unwrap_or_else(|| super::super::text::behind_level(line))
}

/// ``pay.rb:12:in `charge'``
fn is_frame_of_ruby(line: &str) -> bool {
    let Some((place, called)) = line.split_once(":in ") else { return false };
    let number = place.rsplit_once(':').map(|(_, number)| number);
    called.starts_with(['`', '\''])
        && !place.contains(' ')
        && number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Java, JavaScript and .NET: frames that begin with `at`, the name and the message above them. Of .NET's exceptions those
/// behind an arrow are causes.
fn with_frames(text: &str) -> Option<Read<'_>> {
    let frame = first_line(text, is_frame)?;
    let above = text[..frame].trim_end_matches(['\r', '\n']);
    let is_sure = text[frame..].lines().any(is_sure_frame);
    // Any other name is a title above a list as well: `Mounted Volumes:`, `Order Summary:`.
    let is_believed = |name: &str| ends_as_exceptions_do(name) || is_sure && has_two_parts(name);
    let (mut end, mut message_end) = (above.len(), above.len());
    for _ in 0..HEADER_LINES_MAX {
        let start = above[..end].rfind('\n').map_or(0, |place| place + 1);
        let line = &above[start..end];
        if line.trim_start().starts_with(CAUSE.trim_start()) || line.trim().eq_ignore_ascii_case(TITLE) {
            message_end = start;
        } else if let Some((name_start, name, message)) =
            named_in(line).filter(|(_, name, _)| is_believed(name))
        {
            // A message of several lines goes on up to the frames.
            let message = message.map(|at| &above[start + at..message_end]);
            // The older .NET has causes on the same line.
            let message = message.and_then(|message| message.split(CAUSE).next());
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

/// What .NET puts before the exception that another one was caused by.
const CAUSE: &str = " ---> ";

/// What some put between the message and the frames.
const TITLE: &str = "stack trace:";

/// Where the first line behind the first begins that is like this.
fn first_line(text: &str, is_it: impl Fn(&str) -> bool) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if start > 0 && is_it(line) {
            return Some(start);
        }
        start += line.len();
    }
    None
}

pub(super) fn is_frame(line: &str) -> bool {
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

/// A frame that names a place in a program: `at f(…)`, `at … in a.cs:line 3`, `at /app/a.js:1:2`, `from a.rb:3:in`,
/// `File "a.py", line 3`.
pub(super) fn is_sure_frame(line: &str) -> bool {
    let inner = line.trim();
    if let Some(place) = inner.strip_prefix("at ") {
        return is_call(place) || is_place(place);
    }
    if let Some(place) = inner.strip_prefix("File \"") {
        return place.contains("\", line ");
    }
    is_frame_of_ruby(inner.strip_prefix("from ").unwrap_or(inner))
}

/// `shop.Pay.charge(Pay.java:3)`, `charge (/app/pay.js:3:5) {`, `new Pay (<anonymous>)`
fn is_call(text: &str) -> bool {
    let Some((name, arguments)) = text.split_once('(') else { return false };
    let Some((arguments, _)) = arguments.split_once(')') else { return false };
    let is_function = name.ends_with(|c: char| !c.is_whitespace()) && !name.contains(' ');
    let is_in_node = || {
        let is_named = matches!(arguments, "<anonymous>" | "native") || arguments.starts_with("index ");
        name.ends_with(' ') && (is_named || is_place(arguments))
    };
    is_function || text.contains(") in ") && text.contains(":line ") || is_in_node()
}

/// `/app/pay.js:3:5`, `a.js:3:5`, `node:events:3:5`
fn is_place(text: &str) -> bool {
    let mut parts = text.trim_end_matches([' ', '{']).rsplitn(3, ':');
    let mut is_number = || {
        parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    is_number() && is_number() && parts.next().is_some_and(|file| file.contains(['/', '\\', '.', ':']))
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
