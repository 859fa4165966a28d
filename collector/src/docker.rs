//! Lines as Docker's json-file driver writes them, looked at without opening all of their JSON:
//! `{"log":"the container's own line\n","stream":"stdout","time":"…"}`.
//!
//! A long line comes in pieces, of which only the last ends with `\n`. Borders: the joiner asks what a line holds, the
//! understanding of lines asks what several of them say together; both only look at the bytes. An object in another
//! order of keys is none of Docker's, and is read as any JSON is.

use std::borrow::Cow;

const START: &[u8] = b"{\"log\":\"";
const STREAM: &[u8] = b",\"stream\":\"";

/// One line of a container's log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DockerLine<'l> {
    /// The container's own text, with its line end.
    pub(crate) text: Cow<'l, str>,
    pub(crate) is_stderr: bool,
}

impl DockerLine<'_> {
    /// The container's own line goes on in the next one.
    pub(crate) fn is_partial(&self) -> bool {
        !self.text.ends_with('\n')
    }
}

/// Reads what Docker wrote; `None` where the line is another one.
pub(crate) fn read(line: &[u8]) -> Option<DockerLine<'_>> {
    let text = line.strip_prefix(START)?;
    let end = end_of_string(text)?;
    let stream = text[end + 1..].strip_prefix(STREAM)?;
    let is_stderr = stream.starts_with(b"stderr\"");
    if !is_stderr && !stream.starts_with(b"stdout\"") {
        return None;
    }
    let quoted = &line[START.len() - 1..START.len() + end + 1];
    Some(DockerLine { text: unescaped(quoted)?, is_stderr })
}

/// What the lines of one record say together; `None` where one of them is another, or where it is only one.
pub(crate) fn content(record: &str) -> Option<(&str, String)> {
    let first = record.split('\n').next()?;
    if first.len() == record.len() || !record.as_bytes().starts_with(START) {
        return None;
    }
    let mut content = String::with_capacity(record.len());
    for line in record.split('\n').filter(|line| !line.trim().is_empty()) {
        content.push_str(&read(line.trim_end().as_bytes())?.text);
    }
    content.truncate(content.trim_end_matches(['\n', '\r']).len());
    Some((first, content))
}

/// Where the quote is that ends the string.
fn end_of_string(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', &text[at..])?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
        if at > text.len() {
            return None;
        }
    }
}

fn unescaped(quoted: &[u8]) -> Option<Cow<'_, str>> {
    let plain = std::str::from_utf8(&quoted[1..quoted.len() - 1]).ok()?;
    if memchr::memchr(b'\\', plain.as_bytes()).is_none() {
        return Some(Cow::Borrowed(plain));
    }
    serde_json::from_slice::<String>(quoted).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests;
