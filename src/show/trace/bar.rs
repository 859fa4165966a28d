//! When a span ran, drawn in half columns.

const FULL: char = '█';
const LEFT_HALF: char = '▌';
const RIGHT_HALF: char = '▐';
/// Shorter than half a column.
const SLIVER: char = '▏';

/// `width` columns stand for `whole_ns`. What lies outside of them, as clocks differ, is drawn at the edge.
pub(super) fn bar(offset_ns: i128, duration_ns: i128, whole_ns: i128, width: usize) -> String {
    let halves = 2 * width as i128;
    let at = |ns: i128| match whole_ns {
        ..=0 => 0,
        whole => (ns.clamp(0, whole) * halves / whole).clamp(0, halves),
    };
    let (start, end) = (at(offset_ns), at(offset_ns.saturating_add(duration_ns.max(0))));
    if end <= start {
        let column = (start / 2).min(width as i128 - 1).max(0);
        return format!("{}{SLIVER}", " ".repeat(column as usize));
    }
    let mut drawn = " ".repeat((start / 2) as usize);
    for column in start / 2..(end + 1) / 2 {
        let (left, right) = (start <= 2 * column, end >= 2 * column + 2);
        drawn.push(match (left, right) {
            (true, true) => FULL,
            (true, false) => LEFT_HALF,
            (false, _) => RIGHT_HALF,
        });
    }
    drawn
}

#[cfg(test)]
mod tests;
