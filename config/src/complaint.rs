//! The YAML reader's complaints, in the words of somebody who writes a configuration.
//!
//! Nothing of the reader's own shows: no names of its options, types or limits. The text itself is never quoted but
//! for the key that stands there twice, as values may be secrets.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, UserMessageFormatter};

/// Characters of a key that are shown.
const KEY_CHARS_MAX: usize = 60;

/// What is wrong with a text that is no YAML, and where.
pub(crate) fn in_words(error: &Error) -> String {
    let error = error.without_snippet();
    match error.location() {
        Some(location) => {
            format!(
                "not to be read as YAML: {} (line {}, column {})",
                what(error),
                location.line(),
                location.column()
            )
        }
        None => format!("not to be read as YAML: {}", what(error)),
    }
}

fn what(error: &Error) -> String {
    let fixed = match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            let key: String = key.chars().take(KEY_CHARS_MAX).flat_map(char::escape_debug).collect();
            return format!("the key `{key}` stands twice in one section");
        }
        Error::DuplicateMappingKey { key: None, .. } => "a key stands twice in one section",
        Error::MultipleDocuments { .. } | Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            "a second document begins here, and a configuration is one"
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "more values, levels or aliases than a configuration may have"
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => "an anchor (`&`) that contains itself",
        Error::UnknownAnchor { .. } => {
            "an alias (`*`) of an anchor (`&`) that is not there; a text that begins with `*` needs quotes"
        }
        Error::InvalidBinaryBase64 { .. } | Error::BinaryNotUtf8 { .. } => {
            "`!!binary` that is no text in base64"
        }
        Error::Unexpected { expected: "string scalar", .. } => "a key that is no text",
        other => return syntax(other),
    };
    fixed.to_owned()
}

/// Complaints about the syntax are plain words already; they end with the place, which is said apart.
fn syntax(error: &Error) -> String {
    let text = error.render_with_formatter(&UserMessageFormatter);
    text.split(" at line ").next().unwrap_or_default().to_owned()
}
