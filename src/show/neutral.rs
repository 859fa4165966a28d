//! Text from outside, made harmless for a terminal.
//!
//! A log message may hold escape sequences that clear the screen, rename the window or answer for the
//! user, and direction marks that make text read as something else. All of these are shown, none obeyed.

use std::fmt::Write as _;

/// One line of text with nothing in it that a terminal would act on.
pub fn neutral(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut out, character);
    }
    out
}

fn push(out: &mut String, character: char) {
    match character {
        '\n' => out.push('⏎'),
        '\t' => out.push(' '),
        '\r' => out.push_str("\\r"),
        _ if character.is_control() => write_escaped(out, character),
        _ if is_invisible(character) => write_escaped(out, character),
        _ => out.push(character),
    }
}

fn write_escaped(out: &mut String, character: char) {
    let number = u32::from(character);
    let written =
        if number < 0x100 { write!(out, "\\x{number:02x}") } else { write!(out, "\\u{{{number:x}}}") };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

/// Marks of direction, joiners, separators and tags: they have no width and change how the rest is read.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests;
