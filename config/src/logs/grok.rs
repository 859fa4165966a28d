//! Grok, as Logstash has it: `%{IP:client} %{WORD:method}` stands for regular expressions with names.
//!
//! The patterns in common use are known; another one is a mistake. A pattern without `%{` is a regular expression
//! and stays as it is.

/// Patterns may be made of patterns, so deep at most.
const DEPTH_MAX: usize = 4;

const PATTERNS: &[(&str, &str)] = &[
    ("WORD", r"\b\w+\b"),
    ("NOTSPACE", r"\S+"),
    ("SPACE", r"\s*"),
    ("DATA", r".*?"),
    ("GREEDYDATA", r".*"),
    ("INT", r"[+-]?\d+"),
    ("POSINT", r"\b[1-9]\d*\b"),
    ("NONNEGINT", r"\b\d+\b"),
    ("NUMBER", r"[+-]?\d+(?:\.\d+)?"),
    ("BASE16NUM", r"(?:0[xX])?[0-9a-fA-F]+"),
    ("USER", r"[a-zA-Z0-9._-]+"),
    ("USERNAME", r"[a-zA-Z0-9._-]+"),
    ("UUID", r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"),
    ("IPV4", r"\d{1,3}(?:\.\d{1,3}){3}"),
    ("IP", r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+)"),
    ("HOSTNAME", r"\b[0-9A-Za-z][0-9A-Za-z.-]*\b"),
    ("IPORHOST", r"(?:%{IP}|%{HOSTNAME})"),
    ("HOSTPORT", r"%{IPORHOST}:%{POSINT}"),
    ("PATH", r"/\S*"),
    ("URIPATH", r"/[^\s?#]*"),
    ("URIPATHPARAM", r"/[^\s]*"),
    ("QUOTEDSTRING", r#""(?:\\.|[^"\\])*""#),
    ("QS", r#""(?:\\.|[^"\\])*""#),
    ("LOGLEVEL", r"\b[A-Za-z]{3,11}\b"),
    ("TIMESTAMP_ISO8601", r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"),
    ("HTTPDATE", r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"),
    ("SYSLOGTIMESTAMP", r"\w{3} +\d{1,2} \d\d:\d\d:\d\d"),
    ("TIME", r"\d\d:\d\d:\d\d(?:[.,]\d+)?"),
    ("JAVACLASS", r"[a-zA-Z$_][a-zA-Z0-9$_.]*"),
];

/// The regular expression. An error names the pattern that is not known.
pub(super) fn expand(text: &str) -> Result<String, String> {
    expand_at(text, 0)
}

fn expand_at(text: &str, depth: usize) -> Result<String, String> {
    if depth > DEPTH_MAX {
        return Err(format!("grok patterns within one another, more than {DEPTH_MAX} deep"));
    }
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("%{") {
        expanded.push_str(&rest[..start]);
        let (inner, behind) = rest[start + 2..].split_once('}').ok_or("a `%{` without its `}`")?;
        let mut parts = inner.splitn(3, ':');
        let (name, field) = (parts.next().unwrap_or_default(), parts.next());
        let known = PATTERNS.iter().find(|(known, _)| *known == name);
        let (_, pattern) = known.ok_or_else(|| format!("the grok pattern `{name}` is not known"))?;
        let pattern = expand_at(pattern, depth + 1)?;
        match field {
            Some(field) => expanded.push_str(&format!("(?<{field}>{pattern})")),
            None => expanded.push_str(&format!("(?:{pattern})")),
        }
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(expanded)
}
