//! Zones by name behind a time: `CET`, `EST`, `GMT`.
//!
//! Only names that the time zone database gives to one offset alone, of today's zones, and that are no words: `CST` is
//! China's, Cuba's and Chicago's, `IST` India's, Israel's and Ireland's, `PST` California's and Manila's, `BST` is read as
//! Bangladesh's by some; `WEST`, `EAT` and `CAT` stand in front of messages.

const HOUR_S: i32 = 3_600;

/// Hours, or half ones, east of UTC.
const ZONES: &[(&str, i32)] = &[
    ("UTC", 0),
    ("GMT", 0),
    ("CET", HOUR_S),
    ("CEST", 2 * HOUR_S),
    ("EET", 2 * HOUR_S),
    ("EEST", 3 * HOUR_S),
    ("SAST", 2 * HOUR_S),
    ("MSK", 3 * HOUR_S),
    ("HKT", 8 * HOUR_S),
    ("AWST", 8 * HOUR_S),
    ("JST", 9 * HOUR_S),
    ("KST", 9 * HOUR_S),
    ("ACST", 9 * HOUR_S + HOUR_S / 2),
    ("ACDT", 10 * HOUR_S + HOUR_S / 2),
    ("AEST", 10 * HOUR_S),
    ("AEDT", 11 * HOUR_S),
    ("NZST", 12 * HOUR_S),
    ("NZDT", 13 * HOUR_S),
    ("EST", -5 * HOUR_S),
    ("EDT", -4 * HOUR_S),
    ("MST", -7 * HOUR_S),
    ("MDT", -6 * HOUR_S),
    ("PDT", -7 * HOUR_S),
    ("AKST", -9 * HOUR_S),
    ("AKDT", -8 * HOUR_S),
    ("HST", -10 * HOUR_S),
];

/// The offset of a zone whose name stands here, and the name's length.
pub(super) fn named(text: &[u8]) -> Option<(i32, usize)> {
    let length = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    // `MST-7` and `EST_worker` are something else.
    let is_end =
        text.get(length).is_none_or(|byte| byte.is_ascii_whitespace() || b"])|,;:\"'}>".contains(byte));
    if !(3..=4).contains(&length) || !is_end {
        return None;
    }
    let name = &text[..length];
    ZONES.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, offset_s)| (*offset_s, length))
}
