//! A trace as a waterfall: a row per span with its bar, its logs under it, errors in red.
//!
//! A long trace is cut to the rows that tell most ([`fold`]), and says how many it left away.

mod bar;
mod fold;
mod rows;

use crate::answer::{Log, Span, Trace, is_error};

use super::records::{level_ink, service_name};
use super::{Ink, Line, Palette, Screen, notes, units};
use rows::{ParentOfTop, Row, What};

/// Rows of a trace that is not asked for with `--all`.
pub const ROWS_MAX: usize = 60;
const DURATION_WIDTH: usize = 9;
const LABEL_WIDTH_MAX: usize = 64;
/// Deeper rows are not moved further right; their depth is written instead.
const INDENT_STEP: usize = 2;

pub fn lines(trace: &Trace, rows_max: usize, screen: Screen) -> Vec<Line> {
    let mut lines = head(trace, screen);
    lines.push(Line::new());
    let drawing = Drawing::new(trace, screen);
    let mut palette = Palette::default();
    let rows = fold::fold(rows::rows(trace), rows_max);
    lines.extend(rows.iter().map(|row| drawing.row(row, &mut palette)));
    lines.extend(foot(trace));
    lines.extend(notes::lines(&trace.notes));
    lines
}

fn head(trace: &Trace, screen: Screen) -> Vec<Line> {
    let mut facts = vec![
        units::count(trace.spans.len(), "span", "spans"),
        units::count(trace.logs.len(), "log", "logs"),
        units::count(trace.services.len() + usize::from(names_no_service(trace)), "service", "services"),
        units::duration(trace.duration_ns),
    ];
    facts.extend(trace.start.map(|start| format!("from {}", units::moment(start))));
    let mut lines = vec![
        Line::new().with(Ink::Plain, "Trace ").with(Ink::Bold, &trace.trace_id),
        Line::new().with(Ink::Plain, &facts.join(" · ")).clip(screen.width),
    ];
    if !trace.flags.is_empty() {
        let flags = format!("flags: {}", trace.flags.join(", "));
        lines.push(Line::new().with(Ink::Warning, &flags).clip(screen.width));
    }
    lines
}

/// Whether there are records of the service that has no name.
fn names_no_service(trace: &Trace) -> bool {
    trace.spans.iter().any(|span| span.service.is_empty())
        || trace.logs.iter().any(|log| log.service.is_empty())
}

fn foot(trace: &Trace) -> Vec<Line> {
    let errors = trace.spans.iter().filter(|span| is_error(&span.level)).count()
        + trace.logs.iter().filter(|log| is_error(&log.level)).count();
    if errors == 0 {
        return Vec::new();
    }
    let mut line = Line::new();
    line.push(Ink::Error, &units::count(errors, "error", "errors"));
    line.push(Ink::Plain, &format!("; what failed first: spandrel errors {}", trace.trace_id));
    vec![Line::new(), line]
}

/// Where things stand on the screen.
struct Drawing {
    screen: Screen,
    label_width: usize,
    bar_width: usize,
    start_ns: i128,
    duration_ns: i128,
}

impl Drawing {
    fn new(trace: &Trace, screen: Screen) -> Drawing {
        let label_width = (screen.width * 9 / 20).min(LABEL_WIDTH_MAX);
        let bar_width = screen.width - label_width - 1 - DURATION_WIDTH - 1;
        let start_ns = trace.start.map(|start| start.as_nanosecond()).unwrap_or_default();
        Drawing { screen, label_width, bar_width, start_ns, duration_ns: trace.duration_ns }
    }

    fn row(&self, row: &Row<'_>, palette: &mut Palette) -> Line {
        match &row.what {
            What::Span(span) => self.span(span, row, palette),
            What::Log(log) => self.log(log, row),
            What::Failure(text) => self.indent(row.depth).with(Ink::Error, text).clip(self.text_width()),
            What::Loose => Line::new()
                .with(Ink::Dim, "logs that belong to no span of this trace:")
                .clip(self.screen.width),
            What::Folded { spans, logs } => self.folded(*spans, *logs, row),
        }
    }

    fn span(&self, span: &Span, row: &Row<'_>, palette: &mut Palette) -> Line {
        let service_ink = palette.ink(&span.service);
        let failed = is_error(&span.level);
        let mut label = self.indent(row.depth);
        if failed {
            label.push(Ink::Error, "✗ ");
        }
        label.push(service_ink, service_name(&span.service)).push(Ink::Plain, " ");
        label.push(if failed { Ink::Error } else { Ink::Plain }, &span.name);
        match row.parent_of_top {
            ParentOfTop::None => {}
            ParentOfTop::Missing => _ = label.push(Ink::Warning, " (parent missing)"),
            ParentOfTop::Below => _ = label.push(Ink::Warning, " (descends from itself)"),
        }
        if !span.flags.is_empty() {
            label.push(Ink::Warning, &format!(" [{}]", span.flags.join(", ")));
        }
        let mut line = label.clip(self.label_width);
        line.pad(self.label_width + 1);
        let offset_ns = span.start.map(|start| start.as_nanosecond() - self.start_ns).unwrap_or_default();
        let bar = bar::bar(offset_ns, span.duration_ns, self.duration_ns, self.bar_width);
        line.push(if failed { Ink::Error } else { service_ink }, &bar);
        self.close(line, Ink::Plain, &units::duration(span.duration_ns))
    }

    fn log(&self, log: &Log, row: &Row<'_>) -> Line {
        let mut line = self.indent(row.depth);
        let level = if log.level.is_empty() { "log" } else { &log.level };
        line.push(level_ink(&log.level), level).push(Ink::Plain, " ");
        if !row.under_own_service {
            line.push(Ink::Dim, service_name(&log.service)).push(Ink::Plain, " ");
        }
        line.push(if is_error(&log.level) { Ink::Error } else { Ink::Plain }, &log.message);
        if !log.flags.is_empty() {
            line.push(Ink::Warning, &format!(" [{}]", log.flags.join(", ")));
        }
        let offset = log.time.map(|time| units::offset(time.as_nanosecond() - self.start_ns));
        self.close(line.clip(self.text_width()), Ink::Dim, &offset.unwrap_or_default())
    }

    fn folded(&self, spans: usize, logs: usize, row: &Row<'_>) -> Line {
        let left_away = match (spans, logs) {
            (0, logs) => units::count(logs, "log", "logs"),
            (spans, 0) => units::count(spans, "span", "spans"),
            (spans, logs) => {
                format!("{}, {}", units::count(spans, "span", "spans"), units::count(logs, "log", "logs"))
            }
        };
        self.indent(row.depth).with(Ink::Dim, &format!("⋮ {left_away} more (--all shows them)"))
    }

    /// Puts what is measured at the right edge.
    fn close(&self, mut line: Line, ink: Ink, measure: &str) -> Line {
        let measure = Line::new().with(ink, measure);
        line.pad(self.screen.width.saturating_sub(measure.width()));
        line.append(measure);
        line
    }

    fn indent(&self, depth: usize) -> Line {
        let columns_max = self.label_width / 2;
        if depth * INDENT_STEP <= columns_max {
            return Line::new().with(Ink::Plain, &" ".repeat(depth * INDENT_STEP));
        }
        let depth = format!("{depth}› ");
        let blanks = columns_max.saturating_sub(depth.chars().count());
        Line::new().with(Ink::Plain, &" ".repeat(blanks)).with(Ink::Dim, &depth)
    }

    /// The columns left of the measures.
    fn text_width(&self) -> usize {
        self.screen.width - DURATION_WIDTH - 1
    }
}

#[cfg(test)]
mod tests;
