//! Lines as containerd and CRI-O write them: `2026-11-22T10:00:00.1Z stdout F the container's own line`.
//!
//! A long line comes in pieces, tagged `P` but for the last, which is tagged `F`. Borders: the joiner asks what a
//! line holds, the understanding of lines asks what several of them say together; both only look at the bytes.

/// The longest that stands in front of the container's own text.
const PREFIX_BYTES_MAX: usize = 64;

/// One line of a container's log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CriLine<'l> {
    pub(crate) time: &'l str,
    /// `stdout` or `stderr`.
    pub(crate) stream: &'l str,
    /// The container's own line goes on in the next one.
    pub(crate) partial: bool,
    /// Where the container's own text begins.
    pub(crate) start: usize,
}

/// Reads what stands in front; `None` where the line is another one.
pub(crate) fn read(line: &[u8]) -> Option<CriLine<'_>> {
    if !line.first()?.is_ascii_digit() {
        return None;
    }
    let head = &line[..line.len().min(PREFIX_BYTES_MAX)];
    let mut blanks = memchr::memchr_iter(b' ', head);
    let (first, second) = (blanks.next()?, blanks.next()?);
    let third = blanks.next().unwrap_or(line.len());
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let (time, stream) = (text(&line[..first])?, text(&line[first + 1..second])?);
    let dated = time.len() >= 20 && time.as_bytes().get(10) == Some(&b'T');
    if !dated || !matches!(stream, "stdout" | "stderr") {
        return None;
    }
    // Further tags stand behind a colon; none are known.
    let partial = match line[second + 1..third].split(|byte| *byte == b':').next()? {
        b"P" => true,
        b"F" => false,
        _ => return None,
    };
    Some(CriLine { time, stream, partial, start: (third + 1).min(line.len()) })
}

/// A record with the pieces of each of its lines put together, behind what stood in front of its first one; `None` where
/// one of its lines is another. Pieces end anywhere, also within a character, so what was written is only text again once
/// they are together.
pub(crate) fn put_together(record: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(record.len());
    let mut goes_on = false;
    for piece in record.split(|byte| *byte == b'\n').filter(|piece| !piece.is_empty()) {
        let line = read(piece)?;
        if !goes_on {
            if !whole.is_empty() {
                whole.push(b'\n');
            }
            whole.extend_from_slice(format!("{} {} F ", line.time, line.stream).as_bytes());
        }
        whole.extend_from_slice(&piece[line.start..]);
        goes_on = line.partial;
    }
    // The rest of the last line did not come.
    if goes_on {
        let start = memchr::memrchr(b'\n', &whole).map_or(0, |end| end + 1);
        let tag = read(&whole[start..])?.start - 2;
        whole[start + tag] = b'P';
    }
    (!whole.is_empty()).then_some(whole)
}

/// What the lines of one record say together; `None` where one of them is another. The first line is `partial`
/// where the last one is: its other pieces did not come.
pub(crate) fn content(record: &str) -> Option<(CriLine<'_>, String)> {
    let mut first = read(record.as_bytes())?;
    let mut content = String::with_capacity(record.len());
    let mut pieces = record.split('\n').peekable();
    while let Some(piece) = pieces.next() {
        if piece.is_empty() {
            continue;
        }
        let line = read(piece.as_bytes())?;
        content.push_str(piece.get(line.start..)?);
        first.partial = line.partial;
        if !line.partial && pieces.peek().is_some() {
            content.push('\n');
        }
    }
    Some((first, content))
}

#[cfg(test)]
mod tests;
