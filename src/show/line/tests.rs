//! Lines know their width, keep to it, and are painted only when asked to be.

use super::{Ink, Line, wrap};
use crate::show::Screen;

const PLAIN: Screen = Screen { width: 80, colour: false };
const COLOUR: Screen = Screen { width: 80, colour: true };

fn painted(line: &Line, screen: Screen) -> String {
    let mut out = String::new();
    line.paint(screen, &mut out);
    out
}

#[test]
fn a_line_counts_columns_and_not_bytes() {
    assert_eq!(Line::new().with(Ink::Plain, "東京 é").width(), 6);
}

#[test]
fn clipping_keeps_to_the_width_and_shows_that_something_is_missing() {
    let line = Line::new().with(Ink::Bold, "orders ").with(Ink::Plain, "東京東京");
    let clipped = line.clip(11);
    assert!(clipped.width() <= 11);
    assert_eq!(painted(&clipped, PLAIN), "orders 東…\n");
}

#[test]
fn a_line_that_fits_is_left_alone() {
    assert_eq!(painted(&Line::new().with(Ink::Plain, "orders").clip(6), PLAIN), "orders\n");
}

#[test]
fn colours_are_written_only_when_the_screen_has_them() {
    let line = Line::new().with(Ink::Error, "failed").with(Ink::Plain, " here");
    assert_eq!(painted(&line, PLAIN), "failed here\n");
    assert_eq!(painted(&line, COLOUR), "\u{1b}[1;31mfailed\u{1b}[0m here\n");
}

#[test]
fn a_payload_cannot_bring_its_own_colours() {
    let line = Line::new().with(Ink::Plain, "\u{1b}[32mall fine\u{1b}[0m");
    assert_eq!(painted(&line, COLOUR), "\\x1b[32mall fine\\x1b[0m\n");
}

#[test]
fn prose_is_broken_between_words() {
    let lines = wrap(Ink::Plain, "the deepest error with no failing child", 2, 20);
    let text: Vec<String> = lines.iter().map(|line| painted(line, PLAIN)).collect();
    assert_eq!(text, ["  the deepest error\n", "  with no failing\n", "  child\n"]);
}
