//! Formats whose loggers are not run for the corpus: lines as their documentation has them.

use super::{SPAN, TRACE, attributes, found, message, understand};

/// `tests/loggers/documented/formats.txt`: each has its source, what is to be found in it, and the line.
const FORMATS: &str = include_str!("../../../../tests/loggers/documented/formats.txt");

/// What is to be found.
#[derive(Debug, PartialEq, Eq)]
struct Found<'a> {
    level: i32,
    time: u64,
    message: &'a str,
    /// The exception's type.
    exception: &'a str,
    trace_id: &'a str,
    span_id: &'a str,
}

impl<'a> Found<'a> {
    /// `level 17, time 1700000000000000000, message payment failed, exception CardDeclined`, and `, no ids` behind the
    /// time of a line that has none.
    fn expected(text: &'a str) -> Option<Found<'a>> {
        let (level, rest) = text.strip_prefix("level ")?.split_once(", time ")?;
        let (time, rest) = rest.split_once(", message ")?;
        let (message, exception) = rest.split_once(", exception ").unwrap_or((rest, ""));
        let (time, trace_id, span_id) = match time.strip_suffix(", no ids") {
            Some(time) => (time, "", ""),
            None => (time, TRACE, SPAN),
        };
        let (level, time) = (level.parse().ok()?, time.parse().ok()?);
        Some(Found { level, time, message, exception, trace_id, span_id })
    }
}

#[test]
fn documented_formats_are_understood() {
    let mut mistakes = Vec::new();
    for format in FORMATS.trim_end().split("\n\n") {
        let mut parts = format.splitn(3, '\n');
        let (source, expected, line) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let expected = Found::expected(expected).unwrap_or_else(|| panic!("{source}: {expected}"));
        let understood = understand(line);
        let (trace_id, span_id, level) = found(line);
        let said = message(&understood);
        let attributes = attributes(&understood);
        let found = Found {
            level,
            time: understood.log.time_unix_nano,
            // Of a text its beginning is told.
            message: said.get(..expected.message.len()).unwrap_or(said),
            exception: attributes["exception.type"].as_str().unwrap_or_default(),
            trace_id: &trace_id,
            span_id: &span_id,
        };
        if found != expected {
            mistakes.push(format!("{source}: {found:#?}, not {expected:#?}"));
        }
    }
    assert!(mistakes.is_empty(), "\n{}", mistakes.join("\n"));
}

#[test]
fn datadogs_ids_are_read_in_64_and_128_bits() {
    let cases = [
        ("1234567890123456789", "0000000000000000112210f47de98115"),
        // 128 bits: hexadecimal today, decimal of older tracers.
        (TRACE, TRACE),
        ("100985939111033328018442752961257817910", TRACE),
    ];
    for (written, expected) in cases {
        for line in [
            format!(r#"{{"dd.trace_id":"{written}","msg":"m"}}"#),
            format!(r#"{{"dd":{{"trace_id":"{written}"}},"msg":"m"}}"#),
            format!("INFO [dd.trace_id={written} dd.span_id=1] m"),
            format!("level=info dd.trace_id={written} msg=m"),
        ] {
            assert_eq!(found(&line).0, expected, "{line}");
        }
    }
}

#[test]
fn a_message_of_the_journal_that_is_no_text_is_read_from_its_bytes() {
    let bytes: Vec<String> = b"payment failed \x1b[0m".iter().map(u8::to_string).collect();
    let line = format!(
        r#"{{"PRIORITY":"3","__REALTIME_TIMESTAMP":"1700000000000000","MESSAGE":[{}]}}"#,
        bytes.join(",")
    );
    let understood = understand(&line);
    assert_eq!((message(&understood), understood.log.severity_number), ("payment failed \u{1b}[0m", 17));
}
