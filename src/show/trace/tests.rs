//! The waterfall as it looks at fixed widths. The expected text is in files, as one would see it.

use super::{ROWS_MAX, lines};
use crate::answer::Trace;
use crate::show::Screen;
use crate::show::line::paint;

const CHECKOUT: &str = include_str!("tests/checkout.json");
const HOSTILE: &str = include_str!("tests/hostile.json");

fn shown(json: &str, width: usize, colour: bool) -> String {
    let trace: Trace = serde_json::from_str(json).unwrap();
    let screen = Screen { width, colour };
    paint(&lines(&trace, ROWS_MAX, screen), screen)
}

#[test]
fn a_failed_checkout_at_eighty_columns() {
    assert_eq!(shown(CHECKOUT, 80, false), include_str!("tests/checkout.80.txt"));
}

#[test]
fn a_failed_checkout_at_a_hundred_and_twenty_columns() {
    assert_eq!(shown(CHECKOUT, 120, false), include_str!("tests/checkout.120.txt"));
}

#[test]
fn no_line_is_wider_than_the_screen() {
    for width in [40, 57, 80, 120] {
        for line in shown(CHECKOUT, width, false).lines().filter(|line| !line.starts_with("warning")) {
            let columns = unicode_width::UnicodeWidthStr::width(line);
            assert!(
                columns <= width || line.starts_with("Trace ") || line.contains("what failed first"),
                "{line}"
            );
        }
    }
}

#[test]
fn escapes_in_payloads_are_shown_in_every_place() {
    let plain = shown(HOSTILE, 120, false);
    assert_eq!(plain, include_str!("tests/hostile.120.txt"));
    let harmless = |character: char| character == '\n' || !character.is_control();
    assert!(plain.chars().all(harmless));
    // In colour the only escapes are our own.
    let coloured = shown(HOSTILE, 120, true);
    assert_eq!(coloured.matches('\u{1b}').count() % 2, 0);
    let ours = coloured.split('\u{1b}').skip(1).all(|rest| {
        let code: String = rest.chars().skip(1).take_while(|character| *character != 'm').collect();
        rest.starts_with('[') && code.chars().all(|character| character.is_ascii_digit() || character == ';')
    });
    assert!(ours);
}
