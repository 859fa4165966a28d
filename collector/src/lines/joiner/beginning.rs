//! How lines begin: by which it is told whether one goes on with the record before it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::json_log;

/// What tells a head stands within so many bytes.
const HEAD_BYTES_MAX: usize = 96;

/// How a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Json,
    /// `{` and nothing more: an object over several lines.
    OpenObject,
    /// The same up to its `}`: nothing goes on with it.
    Closed,
    Dated,
    /// With a level and no date.
    Marked,
    Plain,
}

/// Where in a trace a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Nothing,
    /// The next line belongs to this one, whatever it is: the message of java.util.logging.
    NextLine,
    PythonFrames,
    /// Python says next that another exception caused this one.
    PythonChain,
    GoPanic,
    /// The first line of a panic of Rust, which the message follows.
    RustPanic,
    /// The message of Python's exception, or of a panic of Rust: it may have more lines.
    Message,
    /// An exception's name, and its message, which may have more lines if frames follow.
    Exception,
    /// What `console.log` shows over several lines: the first one ends with `{`, `[` or `(`.
    Object,
    /// `/app/server.js:10`, which the line itself and a caret below it follow, and what was thrown.
    NodeSource,
    NodeThrown,
    /// The fields of an error that Node shows behind its frames, up to a `}`.
    NodeFields,
    /// What .NET's console exporter prints of a log or a span, one line for each of its parts.
    Dump,
    /// The attributes of its resource, up to a blank line.
    DumpOfResource,
}

pub(super) fn head_of(line: &[u8]) -> Head {
    match line {
        [b'{', rest @ ..] if rest.trim_ascii().is_empty() => return Head::OpenObject,
        [b'{', ..] => return Head::Json,
        _ => {}
    }
    let start = start_of(line);
    if json_log::begins_with_time(&start) {
        Head::Dated
    } else if json_log::begins_with_level(&start) || begins_with_pair(&start) || begins_with_address(&start) {
        Head::Marked
    } else {
        Head::Plain
    }
}

/// Where a record is after its first line.
pub(super) fn within_first(line: &[u8], head: Head) -> Within {
    match within(line, head) {
        Within::Nothing if matches!(head, Head::Plain | Head::Marked) && tells_exception(line) => {
            Within::Exception
        }
        Within::Nothing
            if matches!(line.trim_ascii_end(), [.., b'{' | b'[' | b'(']) && head != Head::Json =>
        {
            Within::Object
        }
        within => within,
    }
}

/// What a line begins that is known for it.
pub(super) fn within(line: &[u8], head: Head) -> Within {
    if line.starts_with(b"Traceback (most") {
        Within::PythonFrames
    } else if starts_with_any(line, &["panic: ", "fatal error: "]) {
        Within::GoPanic
    } else if line.starts_with(b"thread '") && start_of(line).contains(" panicked at ") {
        Within::RustPanic
    } else if head == Head::Plain && std::str::from_utf8(line).is_ok_and(json_log::is_place_in_source) {
        Within::NodeSource
    } else if json_log::begins_dump(line) {
        Within::Dump
    } else if head == Head::Dated && is_java_util_logging(line) {
        Within::NextLine
    } else {
        Within::Nothing
    }
}

/// Whether a JSON line may be about something that a stack is printed of behind it, as loggers do whose layout has no
/// room for it.
pub(super) fn tells_of_error(line: &[u8]) -> bool {
    ERROR_FINDERS.iter().any(|finder| finder.find(line).is_some())
}

/// Made once: to make one takes longer than to look for it.
static ERROR_FINDERS: LazyLock<[Finder<'static>; 4]> =
    LazyLock::new(|| ["rror", "RROR", "atal\"", "ATAL\""].map(Finder::new));

/// Beginnings that go on with a trace, whatever it is one of.
const GO_ON: &[&str] = &[
    "Caused by:",
    "Suppressed: ",
    "Wrapped by: ",
    "--- End of ",
    "stack backtrace:",
    // Monolog's stack in PHP.
    "[stacktrace]",
    // SQLAlchemy's exceptions.
    "(Background on this error at: ",
];

pub(super) fn goes_on(line: &[u8]) -> bool {
    starts_with_any(line, GO_ON) || is_stack_header(line) || is_frame_of_php(line) || is_note_of_rust(line)
}

/// `Stack trace:` and nothing else.
fn is_stack_header(line: &[u8]) -> bool {
    line.trim_ascii_end().eq_ignore_ascii_case(b"stack trace:")
}

/// `#0 /srv/pay.php(5): charge()`, `#1 {main}`
fn is_frame_of_php(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"#") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some(frame) = rest[digits..].strip_prefix(b" ").filter(|_| digits > 0) else { return false };
    let is_call =
        || memchr::memmem::find(frame, b"): ").is_some_and(|end| matches!(frame[..end], [.., b'0'..=b'9']));
    frame.trim_ascii_end() == b"{main}" || frame.starts_with(b"[internal function]: ") || is_call()
}

/// ``note: run with `RUST_BACKTRACE=1` …``
fn is_note_of_rust(line: &[u8]) -> bool {
    line.starts_with(b"note: ") && memchr::memmem::find(line, b"RUST_BACKTRACE").is_some()
}

pub(super) fn goes_on_in_python(line: &[u8]) -> bool {
    starts_with_any(line, &["During handling of the above", "The above exception was"])
}

fn starts_with_any(line: &[u8], starts: &[&str]) -> bool {
    starts.iter().any(|start| line.starts_with(start.as_bytes()))
}

/// What the exporter prints without a name in front.
const REST_OF_DUMP: &[&str] = &[
    "[Scope.",
    "Instrumentation scope",
    "Resource associated with LogRecord:",
    "Resource associated with Activity:",
];

/// Whether a line goes on with a dump that begins with `first`, and does not begin the next one of its kind.
pub(super) fn is_of_dump(line: &[u8], first: &[u8]) -> bool {
    let up_to = |mark: u8| first.split_inclusive(move |byte| *byte == mark).next().unwrap_or_default();
    starts_with_any(line, REST_OF_DUMP) || line.starts_with(up_to(b'.')) && !line.starts_with(up_to(b':'))
}

/// A frame of a stack, indented.
pub(super) fn is_frame(line: &[u8]) -> bool {
    starts_with_any(line.trim_ascii_start(), &["at ", "---> ", "File \"", "from ", "... "])
}

/// A frame for which lines are joined that tell nothing of themselves: it says where it is, or calls something.
pub(super) fn is_certain_frame(line: &[u8]) -> bool {
    let frame = line.trim_ascii();
    let has = |mark: &[u8]| memchr::memmem::find(frame, mark).is_some();
    match frame {
        [b'a', b't', b' ', ..] => has(b"(") || has(b"/"),
        [b'f', b'r', b'o', b'm', b' ', ..] => has(b":in "),
        [b'.', b'.', b'.', b' ', ..] => frame.ends_with(b" more") || has(b" frames omitted"),
        _ => is_frame(line),
    }
}

/// `\t/app/main.go:12 +0x1d`, below the name of the function.
pub(super) fn is_place_in_go(line: &[u8]) -> bool {
    let has_line = |source: &[u8]| {
        let place = memchr::memmem::find(line, source);
        place.and_then(|place| line.get(place + source.len())).is_some_and(u8::is_ascii_digit)
    };
    line.starts_with(b"\t") && (has_line(b".go:") || has_line(b".s:"))
}

/// `    ^^^^`, below the line of a source.
pub(super) fn is_carets(line: &[u8]) -> bool {
    let marks = line.trim_ascii();
    !marks.is_empty() && marks.iter().all(|byte| *byte == b'^')
}

/// `goroutine 1 [running]:`
pub(super) fn is_goroutine(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"goroutine ") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0
        && rest[digits..].starts_with(b" ")
        && memchr::memmem::find(rest, b" [").is_some()
        && rest.trim_ascii_end().ends_with(b"]:")
}

/// `}`, `])`, `},`: the end of what was shown, and nothing else.
pub(super) fn is_closing(line: &[u8]) -> bool {
    let marks = line.trim_ascii_end();
    matches!(marks, [b'}' | b']' | b')', ..])
        && marks.iter().all(|mark| matches!(mark, b'}' | b']' | b')' | b',' | b';'))
}

/// Neither indented nor begun as records are.
pub(super) fn is_plain(line: &[u8]) -> bool {
    !line.starts_with(b" ") && !line.starts_with(b"\t") && head_of(line) == Head::Plain
}

/// Node's last frame, where the error has fields: `    at main (app.js:3:5) {`.
pub(super) fn opens_fields(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"at ") && line.trim_ascii_end().ends_with(b" {")
}

/// `java.lang.IllegalStateException: no funds`
pub(super) fn names_exception(line: &[u8]) -> bool {
    json_log::names_exception(&start_of(line))
}

/// What the names of exceptions end with.
const EXCEPTION_ENDS: [&[u8]; 4] = [b"Error", b"Exception", b"Throwable", b"Fault"];

/// `failed: TypeError: x`: an exception's name and its message, wherever they stand.
pub(super) fn tells_exception(line: &[u8]) -> bool {
    // Of most lines nothing is copied.
    let start = &line[..line.len().min(HEAD_BYTES_MAX)];
    let ends_name = |place: usize| EXCEPTION_ENDS.iter().any(|end| start[..place].ends_with(end));
    if !memchr::memmem::find_iter(start, b": ").any(ends_name) {
        return false;
    }
    let start = start_of(line);
    start.match_indices(": ").any(|(place, _)| {
        let name = start[..place].rsplit([' ', '[', '(']).next().unwrap_or_default();
        json_log::names_exception(name) && !start[place + 2..].trim().is_empty()
    })
}

/// `shop.CardDeclined: no funds`: a name that could be an exception's, if a frame follows.
pub(super) fn may_name_exception(line: &[u8]) -> bool {
    json_log::may_name_exception(&start_of(line))
}

pub(super) fn is_dated(line: &[u8]) -> bool {
    json_log::begins_with_time(&start_of(line))
}

/// Whether a line says that it is of the level `info` or below.
pub(super) fn is_of_no_error(line: &[u8]) -> bool {
    json_log::says_no_error(&start_of(line))
}

/// The same of JSON, which is not read for it.
pub(super) fn is_json_of_no_error(line: &[u8]) -> bool {
    let words = line.split(|byte| *byte == b'"');
    let mut words = words.map(|word| word.trim_ascii().to_ascii_lowercase());
    words.any(|word| matches!(&word[..], b"info" | b"information" | b"debug" | b"trace" | b"verbose"))
}

/// logfmt.
fn begins_with_pair(start: &str) -> bool {
    let first = start.split(' ').next().unwrap_or_default();
    first.split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty())
}

/// A web server's access log.
fn begins_with_address(start: &str) -> bool {
    start.split(' ').next().is_some_and(|word| word.parse::<std::net::IpAddr>().is_ok())
}

/// `Nov 22, 2026 5:01:37 PM shop.Payment charge`, with level and message on the next line.
fn is_java_util_logging(line: &[u8]) -> bool {
    let start = start_of(line);
    let mut words = start.split(' ').skip(4);
    start.starts_with(|c: char| c.is_ascii_uppercase()) && matches!(words.next(), Some("AM" | "PM"))
}

fn start_of(line: &[u8]) -> String {
    let start = String::from_utf8_lossy(&line[..line.len().min(HEAD_BYTES_MAX)]);
    json_log::without_colours(&start).into_owned()
}
