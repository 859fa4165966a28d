//! A pattern as text again: what [`Glob::new`] reads as the same pattern.

use std::fmt::{self, Write as _};

use super::{Glob, Part};

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::AnyRun => f.write_char('*'),
            Part::AnyOne => f.write_char('?'),
            Part::Literal(text) => text.chars().try_for_each(|c| {
                if matches!(c, '*' | '?' | '\\') {
                    f.write_char('\\')?;
                }
                f.write_char(c)
            }),
        })
    }
}

#[cfg(test)]
mod tests;
