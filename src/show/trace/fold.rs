//! Which rows of a long trace are shown: errors with the way down to them first, then the upper levels,
//! the longest spans before the shorter ones. Each run of rows that is left away becomes one that counts it.

use crate::answer::is_error;

use super::rows::{Row, What};

pub(super) fn fold(rows: Vec<Row<'_>>, rows_max: usize) -> Vec<Row<'_>> {
    if rows.len() <= rows_max {
        return rows;
    }
    let kept = choose(&rows, rows_max);
    let mut folded: Vec<Row<'_>> = Vec::new();
    for (row, kept) in rows.into_iter().zip(kept) {
        if kept {
            folded.push(row);
            continue;
        }
        let (span, log) = match row.what {
            What::Span(_) => (1, 0),
            What::Log(_) => (0, 1),
            _ => (0, 0),
        };
        match folded.last_mut() {
            Some(Row { what: What::Folded { spans, logs }, .. }) => {
                *spans += span;
                *logs += log;
            }
            _ => folded.push(Row { what: What::Folded { spans: span, logs: log }, parent: None, ..row }),
        }
    }
    folded.retain(|row| !matches!(row.what, What::Folded { spans: 0, logs: 0 }));
    folded
}

fn choose(rows: &[Row<'_>], rows_max: usize) -> Vec<bool> {
    let mut chosen = Chosen { kept: vec![false; rows.len()], room: rows_max };
    for at in (0..rows.len()).filter(|at| is_failure(&rows[*at])) {
        chosen.take_with_ancestors(at, rows);
    }
    let mut others: Vec<usize> = (0..rows.len()).collect();
    others.sort_by_key(|at| (rows[*at].depth, std::cmp::Reverse(duration_ns(&rows[*at])), *at));
    others.into_iter().for_each(|at| chosen.take(at));
    chosen.kept
}

struct Chosen {
    kept: Vec<bool>,
    room: usize,
}

impl Chosen {
    fn take(&mut self, at: usize) {
        if self.room > 0 && !self.kept[at] {
            self.kept[at] = true;
            self.room -= 1;
        }
    }

    fn take_with_ancestors(&mut self, at: usize, rows: &[Row<'_>]) {
        self.take(at);
        let mut below = at;
        while let Some(parent) = rows[below].parent.filter(|parent| self.room > 0 && !self.kept[*parent]) {
            self.take(parent);
            below = parent;
        }
    }
}

fn is_failure(row: &Row<'_>) -> bool {
    match row.what {
        What::Span(span) => is_error(&span.level),
        What::Log(log) => is_error(&log.level),
        What::Failure(_) => true,
        _ => false,
    }
}

fn duration_ns(row: &Row<'_>) -> i128 {
    match row.what {
        What::Span(span) => span.duration_ns,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
