//! How deep a question may nest, and how many operators it may have: told before it is parsed, for parsing, evaluating and
//! dropping one recurse along both, on stacks of two megabytes.

use super::SyntaxError;

/// Brackets within brackets. Of the deepest construct three times as many fit a stack of a debug build.
const NESTING_MAX: usize = 48;

/// What a token is to these bounds.
pub(super) enum Part {
    Opens,
    Closes,
    Operates,
    Other,
}

/// What is beyond the bounds, and where.
pub(super) fn check(
    text: &str,
    parts: impl Iterator<Item = (Part, usize)>,
    operators_max: usize,
) -> Result<(), SyntaxError> {
    let beyond = |position, most: String| Err(SyntaxError::at(text, position, most));
    let (mut open, mut operators) = (0_usize, 0);
    for (part, position) in parts {
        match part {
            Part::Opens => open += 1,
            Part::Closes => open = open.saturating_sub(1),
            Part::Operates => operators += 1,
            Part::Other => {}
        }
        if open > NESTING_MAX {
            return beyond(position, format!("at most {NESTING_MAX} levels of nesting"));
        }
        if operators > operators_max {
            return beyond(position, format!("at most {operators_max} operators (limits.query_clauses_max)"));
        }
    }
    Ok(())
}
