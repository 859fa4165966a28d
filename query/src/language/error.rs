//! Why a text is not a question.

/// Says where reading stopped and what would have been understood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position}: expected {expected}, found {found}")]
pub struct SyntaxError {
    /// Bytes from the beginning of the text.
    pub position: usize,
    /// In plain words.
    pub expected: String,
    /// What stands there instead.
    pub found: String,
}

/// Characters of the text that an error repeats.
const FOUND_CHARS_MAX: usize = 32;

impl SyntaxError {
    pub(super) fn at(text: &str, position: usize, expected: impl Into<String>) -> SyntaxError {
        let rest = text.get(position..).unwrap_or_default();
        let word = rest.split_whitespace().next().unwrap_or_default();
        let found = match word {
            "" => "the end of the query".to_owned(),
            word => format!("`{}`", word.chars().take(FOUND_CHARS_MAX).collect::<String>()),
        };
        SyntaxError { position, expected: expected.into(), found }
    }
}
