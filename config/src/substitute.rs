//! `${env:NAME}` and `${env:NAME:-default}` within the texts of a document, as the Collector replaces them.
//!
//! A text that is one reference and nothing else becomes whatever its replacement reads as in YAML: a number, a
//! list, nothing. Within other text the replacement is text. The default stands in for a variable that is not
//! set; one without a default is a mistake, so that no secret is empty by accident. `${NAME}` is short for
//! `${env:NAME}`, `$$` is a dollar sign. What was put in is not searched again.

use crate::document::{Document, TEXT_BYTES_MAX, is_typed_scalar, read_yaml, visit_texts};
use crate::error::ConfigError;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces every reference in the document; what cannot be replaced is left as it stands and noted.
pub(crate) fn substitute(document: &mut Document, env: Env<'_>, errors: &mut Vec<ConfigError>) {
    let mut bytes_left = TEXT_BYTES_MAX;
    let Document { root, texts } = document;
    visit_texts(root, "", &mut |path, value| {
        let Some(text) = value.as_str().filter(|text| text.contains('$')) else { return };
        match expand(text, env).and_then(|expanded| expanded.within(&mut bytes_left)) {
            Ok(Expanded { text, is_whole: true }) => {
                *value = read_yaml(&text).unwrap_or_else(|_| text.clone().into());
                if is_typed_scalar(value) {
                    texts.insert(path.to_owned(), text);
                }
            }
            Ok(Expanded { text, is_whole: false }) => *value = text.into(),
            Err(message) => errors.push(ConfigError { path: path.to_owned(), message }),
        }
    });
}

struct Expanded {
    text: String,
    /// Whether the text was one reference and nothing else.
    is_whole: bool,
}

impl Expanded {
    fn within(self, bytes_left: &mut usize) -> Result<Expanded, String> {
        let left = bytes_left.checked_sub(self.text.len());
        *bytes_left =
            left.ok_or_else(|| format!("replacements add up to more than {TEXT_BYTES_MAX} bytes"))?;
        Ok(self)
    }
}

fn expand(text: &str, env: Env<'_>) -> Result<Expanded, String> {
    let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    if let Some(reference) = whole.filter(|reference| !reference.contains('}')) {
        return Ok(Expanded { text: replacement(reference, env)?, is_whole: true });
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = match after.as_bytes().first() {
            Some(b'$') => {
                out.push('$');
                &after[1..]
            }
            Some(b'{') => {
                let (reference, tail) = after[1..]
                    .split_once('}')
                    .ok_or("a `${` without its `}`; write `$$` for a dollar sign")?;
                out.push_str(&replacement(reference, env)?);
                tail
            }
            _ => {
                out.push('$');
                after
            }
        };
        if out.len() > TEXT_BYTES_MAX {
            return Err(format!("replacements add up to more than {TEXT_BYTES_MAX} bytes"));
        }
    }
    out.push_str(rest);
    Ok(Expanded { text: out, is_whole: false })
}

/// What stands for `env:NAME` or `env:NAME:-default`.
fn replacement(reference: &str, env: Env<'_>) -> Result<String, String> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let name = match name.split_once(':') {
        Some(("env", name)) => name,
        Some((scheme, _)) => {
            return Err(format!("`${{{scheme}:…}}` is not known here; expected `${{env:NAME}}`"));
        }
        None => name,
    };
    let mut bytes = name.bytes();
    let is_name = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        return Err("expected the name of an environment variable in `${env:NAME}`".to_owned());
    }
    let found = env(name).or_else(|| default.map(str::to_owned));
    found.ok_or_else(|| {
        format!("the environment variable {name} is not set; set it or write `${{env:{name}:-default}}`")
    })
}

#[cfg(test)]
mod tests;
