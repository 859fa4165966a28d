//! The errors of a trace: the root cause, the way from it to the entry, then every error in order.

use crate::answer::{Errors, Exception, Failure, RootCause, Step};

use super::line::wrap;
use super::records::service_name;
use super::{Ink, Line, Palette, Screen, notes, units};

/// Lines of a stack trace that are shown: enough to see where, `--json` has the rest.
const STACK_LINES_MAX: usize = 4;
const OFFSET_WIDTH: usize = 9;

pub fn lines(errors: &Errors, screen: Screen) -> Vec<Line> {
    let mut palette = Palette::default();
    let mut lines = cause(errors, screen);
    lines.extend(path(&errors.path, &mut palette, screen));
    lines.extend(all(errors, &mut palette, screen));
    lines.extend(notes::lines(&errors.notes));
    lines
}

fn cause(errors: &Errors, screen: Screen) -> Vec<Line> {
    let Some(cause) = &errors.root_cause else {
        return Vec::new();
    };
    let mut text = service_name(&cause.service).to_owned();
    if !cause.operation.is_empty() {
        text.push_str(&format!(" · {}", cause.operation));
    }
    let told = failure_of(cause, errors).map(what_happened);
    let message = Some(cause.message.as_str()).filter(|message| !message.is_empty()).or(told);
    text.extend(message.map(|message| format!(": {message}")));
    let mut lines = headed("Root cause: ", &text, screen);
    if !cause.rule.is_empty() {
        let rule = cause.rule.replace('_', " ");
        lines.extend(wrap(Ink::Dim, &format!("found by: {rule}"), 2, screen.width));
    }
    lines.push(Line::new());
    lines
}

/// A heading and what it is about, whole, however many lines that takes.
fn headed(heading: &str, text: &str, screen: Screen) -> Vec<Line> {
    let indent = heading.chars().count();
    let mut rest = wrap(Ink::Error, text, 0, screen.width - indent).into_iter();
    let mut first = Line::new().with(Ink::Bold, heading);
    first.append(rest.next().unwrap_or_default());
    let indented = |line: Line| {
        let mut whole = Line::new().with(Ink::Plain, &" ".repeat(indent));
        whole.append(line);
        whole
    };
    std::iter::once(first).chain(rest.map(indented)).collect()
}

/// The error that the root cause is about: the one that says most of its records.
fn failure_of<'a>(cause: &RootCause, errors: &'a Errors) -> Option<&'a Failure> {
    let of_cause = |failure: &&Failure| cause.records.contains(&failure.record);
    let has_text = |failure: &&Failure| !what_happened(failure).is_empty();
    let mut candidates = errors.errors.iter().filter(of_cause).filter(has_text);
    let first = candidates.next()?;
    Some(candidates.find(|failure| !failure.exception.kind.is_empty()).unwrap_or(first))
}

fn what_happened(failure: &Failure) -> &str {
    match failure.message.as_str() {
        "" => &failure.exception.message,
        message => message,
    }
}

fn path(path: &[Step], palette: &mut Palette, screen: Screen) -> Vec<Line> {
    if path.len() < 2 {
        return Vec::new();
    }
    let mut lines = vec![Line::new().with(Ink::Bold, "Path from the cause to the entry:")];
    for (index, step) in path.iter().enumerate() {
        let arrow = if index == 0 { "  " } else { "→ " };
        let mut line = Line::new().with(Ink::Dim, &format!("  {arrow}"));
        line.push(palette.ink(&step.service), service_name(&step.service))
            .push(Ink::Plain, &format!(" · {}", step.operation));
        lines.push(line.clip(screen.width));
    }
    lines.push(Line::new());
    lines
}

fn all(errors: &Errors, palette: &mut Palette, screen: Screen) -> Vec<Line> {
    if errors.errors.is_empty() {
        return vec![match errors.notes.coverage.complete {
            true => Line::new().with(Ink::Good, &format!("No errors in trace {}.", errors.trace_id)),
            false => {
                let text = format!("No errors of trace {} in what could be looked at.", errors.trace_id);
                Line::new().with(Ink::Plain, &text)
            }
        }];
    }
    let count = units::count(errors.errors.len(), "error", "errors");
    let start = errors.errors.iter().filter_map(|failure| failure.time).min();
    let since = start.map(|start| format!(", from {}", units::moment(start))).unwrap_or_default();
    let heading = format!("{count} in trace {}{since}:", errors.trace_id);
    let mut lines = wrap(Ink::Bold, &heading, 0, screen.width);
    let mut shown = Exception::default();
    for failure in &errors.errors {
        lines.push(one(failure, start, palette).clip(screen.width));
        // A log and its span often tell of the same exception: its stack is shown once.
        if failure.exception != shown {
            lines.extend(exception(failure, screen));
            shown = failure.exception.clone();
        }
    }
    lines
}

fn one(failure: &Failure, start: Option<jiff::Timestamp>, palette: &mut Palette) -> Line {
    let offset = failure.time.zip(start).map(|(time, start)| time.as_nanosecond() - start.as_nanosecond());
    let offset = offset.map(units::offset).unwrap_or_default();
    let mut line = Line::new();
    line.pad(OFFSET_WIDTH.saturating_sub(offset.chars().count())).push(Ink::Dim, &offset);
    line.push(Ink::Plain, "  ").push(palette.ink(&failure.service), service_name(&failure.service));
    if !failure.operation.is_empty() {
        line.push(Ink::Plain, &format!(" · {}", failure.operation));
    }
    let kind = failure.kind.replace('_', " ");
    line.push(Ink::Dim, &format!(" [{kind}]"));
    if !what_happened(failure).is_empty() {
        line.push(Ink::Plain, ": ").push(Ink::Error, what_happened(failure));
    }
    line
}

fn exception(failure: &Failure, screen: Screen) -> Vec<Line> {
    let Exception { kind, message, stacktrace } = &failure.exception;
    let blanks = " ".repeat(OFFSET_WIDTH + 2);
    let mut lines = Vec::new();
    let stack: Vec<&str> = stacktrace.lines().filter(|line| !line.trim().is_empty()).collect();
    let is_in_stack = stack.first().is_some_and(|first| first.contains(kind.as_str()));
    if !kind.is_empty() && !is_in_stack {
        let mut line = Line::new().with(Ink::Plain, &blanks).with(Ink::Bold, kind);
        if !message.is_empty() && message != what_happened(failure) {
            line.push(Ink::Plain, &format!(": {message}"));
        }
        lines.push(line.clip(screen.width));
    }
    for line in stack.iter().take(STACK_LINES_MAX) {
        let text = line.trim_end().replace('\t', "  ");
        lines.push(Line::new().with(Ink::Plain, &blanks).with(Ink::Dim, &text).clip(screen.width));
    }
    if stack.len() > STACK_LINES_MAX {
        let more = units::count(stack.len() - STACK_LINES_MAX, "line", "lines");
        lines.push(Line::new().with(Ink::Plain, &blanks).with(Ink::Dim, &format!("⋮ {more} more (--json)")));
    }
    lines
}

#[cfg(test)]
mod tests;
