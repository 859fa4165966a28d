//! Why a question in TraceQL or LogQL is not answered: it is no question of the language, or it uses
//! something that this program reads and does not evaluate. A wrong answer is never the third possibility.

use super::SyntaxError;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    #[error("syntax error: {0}")]
    Syntax(#[from] SyntaxError),
    /// Well formed, and without a meaning.
    #[error("{why}")]
    Invalid { position: usize, why: String },
    /// Part of the language; not of this program.
    #[error("{construct} is not supported")]
    Unsupported { position: usize, construct: String },
}

impl Mistake {
    pub fn invalid(position: usize, why: impl Into<String>) -> Mistake {
        Mistake::Invalid { position, why: why.into() }
    }

    pub fn unsupported(position: usize, construct: impl Into<String>) -> Mistake {
        Mistake::Unsupported { position, construct: construct.into() }
    }

    /// Bytes from the beginning of the text.
    pub fn position(&self) -> usize {
        match self {
            Mistake::Syntax(error) => error.position,
            Mistake::Invalid { position, .. } | Mistake::Unsupported { position, .. } => *position,
        }
    }

    /// With line and column, both from 1, as people look for them: `parse error at line 1, col 5: …`.
    pub fn located(&self, text: &str) -> String {
        let before = text.get(..self.position()).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("parse error at line {line}, col {column}: {self}")
    }
}
