//! Writing to standard output. A reader that has seen enough (`| head`) is no error.

use std::io::{self, ErrorKind, Write as _};

use crate::show::{Line, Screen, line};

pub(super) fn lines(lines: &[Line], screen: Screen) -> io::Result<()> {
    text(&line::paint(lines, screen))
}

/// An answer as it came, with an end of line.
pub(super) fn answer(body: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(body).and_then(|()| match body.last() {
        Some(b'\n') | None => Ok(()),
        _ => out.write_all(b"\n"),
    });
    forgive(written.and_then(|()| out.flush()))
}

pub(super) fn text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    forgive(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// The same for a stream of lines, where it matters to know that nobody reads any more.
pub(super) fn is_read(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

fn forgive(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Lines to standard error, without colours: it may be a file while standard output is a terminal.
pub(super) fn remarks(lines: &[Line]) -> io::Result<()> {
    let screen = Screen { width: usize::MAX, colour: false };
    io::stderr().lock().write_all(line::paint(lines, screen).as_bytes())
}
