//! One line of output, made of pieces in different inks.
//!
//! Invariant: every piece went through [`neutral`], so a line is one line and its width is known.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Screen;
use super::neutral::neutral;

/// What a piece of text is, and so how it is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Dim,
    Bold,
    Error,
    Warning,
    Good,
    /// A service's colour, from the [`Palette`](super::Palette).
    Service(u8),
}

#[derive(Debug, Clone, Default)]
pub struct Line {
    pieces: Vec<(Ink, String)>,
    width: usize,
}

impl Line {
    pub fn new() -> Line {
        Line::default()
    }

    /// Adds text, made harmless.
    pub fn push(&mut self, ink: Ink, text: &str) -> &mut Line {
        let text = neutral(text);
        self.width += text.width();
        self.pieces.push((ink, text));
        self
    }

    /// The same, for building a line in one expression.
    pub fn with(mut self, ink: Ink, text: &str) -> Line {
        self.push(ink, text);
        self
    }

    /// In columns of the terminal.
    pub fn width(&self) -> usize {
        self.width
    }

    pub fn append(&mut self, other: Line) -> &mut Line {
        self.width += other.width;
        self.pieces.extend(other.pieces);
        self
    }

    /// Fills up to `width` columns with blanks.
    pub fn pad(&mut self, width: usize) -> &mut Line {
        let missing = width.saturating_sub(self.width);
        if missing > 0 {
            self.push(Ink::Plain, &" ".repeat(missing));
        }
        self
    }

    /// At most `width` columns, with `…` where something was cut.
    pub fn clip(self, width: usize) -> Line {
        if self.width <= width {
            return self;
        }
        let mut clipped = Line::new();
        let mut room = width.saturating_sub(1);
        for (ink, text) in self.pieces {
            let piece_width = text.width();
            if piece_width <= room {
                room -= piece_width;
                clipped.push(ink, &text);
                continue;
            }
            clipped.push(ink, &format!("{}…", start_of(&text, room)));
            break;
        }
        clipped
    }

    /// The line as it is written, its end included.
    pub fn paint(&self, screen: Screen, out: &mut String) {
        for (ink, text) in &self.pieces {
            match ink.code().filter(|_| screen.colour) {
                Some(code) => {
                    let written = write!(out, "\u{1b}[{code}m{text}\u{1b}[0m");
                    debug_assert!(written.is_ok(), "writing to a string cannot fail");
                }
                None => out.push_str(text),
            }
        }
        if !screen.colour {
            out.truncate(out.trim_end_matches(' ').len());
        }
        out.push('\n');
    }
}

impl Ink {
    fn code(self) -> Option<String> {
        Some(match self {
            Ink::Plain => return None,
            Ink::Dim => "2".to_owned(),
            Ink::Bold => "1".to_owned(),
            Ink::Error => "1;31".to_owned(),
            Ink::Warning => "33".to_owned(),
            Ink::Good => "32".to_owned(),
            Ink::Service(colour) => format!("38;5;{colour}"),
        })
    }
}

/// Lines to text.
pub fn paint(lines: &[Line], screen: Screen) -> String {
    let mut out = String::new();
    lines.iter().for_each(|line| line.paint(screen, &mut out));
    out
}

/// Prose, broken between words into lines of at most `width`, each after `indent` blanks.
pub fn wrap(ink: Ink, text: &str, indent: usize, width: usize) -> Vec<Line> {
    let room = width.saturating_sub(indent).max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in text.split_whitespace() {
        if !current.is_empty() && current.width() + 1 + word.width() > room {
            lines.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    if !current.is_empty() {
        lines.push(current);
    }
    let blanks = " ".repeat(indent);
    lines.iter().map(|line| Line::new().with(Ink::Plain, &blanks).with(ink, line).clip(width)).collect()
}

/// As many leading characters as fit into `width` columns.
fn start_of(text: &str, width: usize) -> &str {
    let mut room = width;
    let mut end = 0;
    for character in text.chars() {
        let columns = character.width().unwrap_or(0);
        if columns > room {
            break;
        }
        room -= columns;
        end += character.len_utf8();
    }
    &text[..end]
}

#[cfg(test)]
mod tests;
