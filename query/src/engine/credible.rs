//! The time that a count without ends of its own runs over, when some of what is held has times that cannot be
//! right.
//!
//! One record dated 1970 or 2200 would stretch the steps to months and put all others into one of them. So where
//! what is held reaches beyond the credible times (2000 to a day ahead of now), the records are counted coarsely
//! first; an open end is then put where the credible ones end, and how many are beyond it is said. An end that
//! was asked for stays, and so do the others where nothing credible matches.

use spandrel_store::{TimeRange, UnixNanos};

use super::gather::{Asking, Share};
use super::{About, Rejected};
use crate::source::CountQuestion;

const SECOND_NS: u64 = 1_000_000_000;
const HOUR_NS: u64 = 3_600 * SECOND_NS;
const DAY_NS: u64 = 24 * HOUR_NS;
/// 2000-01-01T00:00:00Z
const EARLIEST: UnixNanos = UnixNanos(946_684_800 * SECOND_NS);
/// A range up to this long is measured once more, to the second.
const FINE_NS_MAX: u64 = 100 * HOUR_NS;

/// `held` is the asked range, with open ends put where the times of what is held end.
pub(super) async fn narrowed(
    asking: &mut Asking,
    about: &About,
    held: TimeRange,
) -> Result<TimeRange, Rejected> {
    let latest = UnixNanos(UnixNanos::now().0.saturating_add(DAY_NS));
    let credible = with_open_ends_of(about, held, TimeRange { start: EARLIEST, end: latest });
    if credible.start <= held.start && held.end <= credible.end {
        return Ok(held);
    }
    let (inside, beyond) = measure(asking, about, held, credible, HOUR_NS).await?;
    let Some(mut narrow) = inside else { return Ok(held) };
    if narrow.end.0 - narrow.start.0 <= FINE_NS_MAX {
        narrow = measure(asking, about, narrow, narrow, SECOND_NS).await?.0.unwrap_or(narrow);
    }
    if beyond > 0 {
        asking.warnings.push(format!(
            "not counted: {beyond} with a time before 2000 or more than a day ahead; `start` and `end` ask for such"
        ));
    }
    Ok(with_open_ends_of(about, held, narrow))
}

/// `range`, except where the question itself says where to begin or to end; never beyond `held`.
fn with_open_ends_of(about: &About, held: TimeRange, range: TimeRange) -> TimeRange {
    let start = if about.range.start == UnixNanos::MIN { range.start.max(held.start) } else { held.start };
    let end = if about.range.end == UnixNanos::MAX { range.end.min(held.end) } else { held.end };
    TimeRange { start, end: end.max(start) }
}

/// The time from the first to the last matching record of `range` that is in `credible`, in whole steps, and
/// how many are not in it.
async fn measure(
    asking: &mut Asking,
    about: &About,
    range: TimeRange,
    credible: TimeRange,
    step_ns: u64,
) -> Result<(Option<TimeRange>, u64), Rejected> {
    let about = about.with(range);
    let ask = |about| CountQuestion { about, step_ns, origin_ns: 0, by: Vec::new(), groups_max: 1 };
    let counted =
        asking.gather_about(Share::Half, &about, |source, about| source.histogram(ask(about))).await?;
    let (mut inside, mut beyond): (Option<TimeRange>, u64) = (None, 0);
    for (start, count) in counted.into_iter().flatten().flat_map(|series| series.points) {
        let end = UnixNanos(start.0.saturating_add(step_ns));
        if end <= credible.start || start >= credible.end {
            beyond += count;
            continue;
        }
        let (start, end) = (start.max(credible.start), end.min(credible.end));
        let known = inside.get_or_insert(TimeRange { start, end });
        *known = TimeRange { start: known.start.min(start), end: known.end.max(end) };
    }
    Ok((inside, beyond))
}
