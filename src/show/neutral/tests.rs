//! Nothing that a terminal acts on gets through.

use super::neutral;

#[test]
fn escape_sequences_are_shown_and_not_obeyed() {
    assert_eq!(neutral("\u{1b}[2J\u{1b}]0;owned\u{7}"), "\\x1b[2J\\x1b]0;owned\\x07");
    assert_eq!(neutral("\u{9b}31mred"), "\\x9b31mred");
    assert_eq!(neutral("over\rwritten"), "over\\rwritten");
    assert_eq!(neutral("a\u{8}b\u{7f}"), "a\\x08b\\x7f");
}

#[test]
fn marks_that_reorder_or_hide_text_are_shown() {
    assert_eq!(neutral("pay \u{202e}evil"), "pay \\u{202e}evil");
    assert_eq!(neutral("zero\u{200b}width"), "zero\\u{200b}width");
}

#[test]
fn lines_become_one_line() {
    assert_eq!(neutral("first\nsecond\tthird"), "first⏎second third");
}

#[test]
fn ordinary_text_of_any_script_stays_as_it_is() {
    assert_eq!(neutral("Zürich 東京 ✓ {\"a\": 1}"), "Zürich 東京 ✓ {\"a\": 1}");
}
