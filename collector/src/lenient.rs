//! JSON that `serde_json` does not read and others write: half of a pair of surrogates, `"\ud83d"`, which is left where a text
//! was cut in the middle of an emoji, Python's `NaN` and `Infinity`, and numbers that no double holds, such as `1e400`.

use std::borrow::Cow;

/// The same JSON with U+FFFD in place of each half that stands alone, as Go's and others' readers have it.
pub(crate) fn mended(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let (mut mended, mut kept, mut at) = (String::new(), 0, 0);
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        at += found;
        let Some(unit) = escaped_unit(&bytes[at..]) else {
            // Another escape: whatever stands behind the backslash is passed over, a second backslash too.
            at += 2;
            if at >= bytes.len() {
                break;
            }
            continue;
        };
        let next = escaped_unit(&bytes[at + UNIT..]);
        match unit {
            0xD800..=0xDBFF if next.is_some_and(|next| (0xDC00..=0xDFFF).contains(&next)) => at += 2 * UNIT,
            0xD800..=0xDFFF => {
                mended.push_str(&json[kept..at]);
                mended.push_str("\\ufffd");
                at += UNIT;
                kept = at;
            }
            _ => at += UNIT,
        }
    }
    if kept == 0 {
        return Cow::Borrowed(json);
    }
    mended.push_str(&json[kept..]);
    Cow::Owned(mended)
}

/// The same line with Python's numbers that are none, and numbers out of range, as texts, outside of strings: so nothing of
/// what they say is lost.
pub(crate) fn with_quoted_numbers(json: &str) -> Cow<'_, str> {
    let (mut quoted, mut kept, mut at, mut in_string) = (String::new(), 0, 0, false);
    let bytes = json.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let name = match byte {
            b'"' => {
                in_string = !in_string;
                None
            }
            b'\\' => {
                at += 1;
                None
            }
            b'N' | b'I' | b'-' | b'0'..=b'9' if !in_string => {
                let name = NUMBERS.iter().copied().find(|name| bytes[at..].starts_with(name.as_bytes()));
                name.or_else(|| {
                    let number = number_at(json, at);
                    at += if is_out_of_range(number) { 0 } else { number.len().saturating_sub(1) };
                    Some(number).filter(|number| is_out_of_range(number))
                })
            }
            _ => None,
        };
        let Some(name) = name else {
            at += 1;
            continue;
        };
        quoted.push_str(&json[kept..at]);
        quoted.extend(["\"", name, "\""]);
        at += name.len();
        kept = at;
    }
    if kept == 0 {
        return Cow::Borrowed(json);
    }
    quoted.push_str(&json[kept..]);
    Cow::Owned(quoted)
}

const NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The number that begins at a place, by the characters that numbers are of.
fn number_at(json: &str, at: usize) -> &str {
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    let length = json.as_bytes()[at..].iter().take_while(|byte| is_part(byte)).count();
    &json[at..at + length]
}

fn is_out_of_range(number: &str) -> bool {
    number.parse::<f64>().is_ok_and(f64::is_infinite)
}

/// [`mended`] for a body, which may be no text at all.
pub(crate) fn mended_body(json: &[u8]) -> Cow<'_, [u8]> {
    let has_halves = memchr::memmem::find(json, b"\\ud").or_else(|| memchr::memmem::find(json, b"\\uD"));
    match has_halves.and_then(|_| std::str::from_utf8(json).ok()).map(mended) {
        Some(Cow::Owned(mended)) => Cow::Owned(mended.into_bytes()),
        _ => Cow::Borrowed(json),
    }
}

/// Bytes of `\ud83d`.
const UNIT: usize = 6;

fn escaped_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..UNIT)?.strip_prefix(b"\\u")?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_half_that_stands_alone_is_replaced_and_whole_pairs_are_not() {
        assert_eq!(mended(r#"{"a":"cut \ud83d"}"#), r#"{"a":"cut \ufffd"}"#);
        assert_eq!(mended(r#""\ude00\ud83dx\ud83d\ud83d\ude00""#), r#""\ufffd\ufffdx\ufffd\ud83d\ude00""#);
        for whole in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u00e4 \n \" \\""#, "", "\\", "\\u", "\\ud8"] {
            assert_eq!(mended(whole), whole);
        }
        assert_eq!(mended(r#""\\\ud83d""#), r#""\\\ufffd""#);
    }

    #[test]
    fn numbers_that_are_none_are_texts_outside_of_strings() {
        let python = r#"{"a": NaN, "b": [-Infinity, Infinity], "NaN": "say \"NaN\", \\", "c": -1}"#;
        let read: serde_json::Value = serde_json::from_str(&with_quoted_numbers(python)).unwrap();
        let expected = serde_json::json!({
            "a": "NaN", "b": ["-Infinity", "Infinity"], "NaN": "say \"NaN\", \\", "c": -1,
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn numbers_that_no_double_holds_are_texts() {
        let huge = "9".repeat(400);
        let json =
            format!(r#"{{"a":1e400,"b":[-1E+999,2e5,-0.5],"c":"1e400 \"1e400","d":{huge},"1e400":1e-400}}"#);
        let read: serde_json::Value = serde_json::from_str(&with_quoted_numbers(&json)).unwrap();
        let expected = serde_json::json!({
            "a": "1e400", "b": ["-1E+999", 2e5, -0.5], "c": "1e400 \"1e400", "d": huge, "1e400": 0.0,
        });
        assert_eq!(read, expected);
        assert!(matches!(with_quoted_numbers(r#"{"a":[1,-2.5e3]}"#), Cow::Borrowed(_)));
    }

    #[test]
    fn a_body_is_copied_only_where_it_has_a_half() {
        assert_eq!(*mended_body(br#"["\uD83D"]"#), *br#"["\ufffd"]"#);
        for body in [&br#"["\ud83d\ude00"]"#[..], b"\xff\\ud83d", b"[1]"] {
            assert!(matches!(mended_body(body), Cow::Borrowed(same) if same == body));
        }
    }

    proptest! {
        #[test]
        fn what_was_json_but_for_halves_is_json(text in prop::collection::vec(any::<u16>(), 0..12)) {
            let json: String = text.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = format!("\"{json}\"");
            let read: String = serde_json::from_str(&mended(&json)).unwrap();
            prop_assert_eq!(read, String::from_utf16_lossy(&text));
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC*") {
            mended(&text);
            with_quoted_numbers(&text);
        }
    }
}
