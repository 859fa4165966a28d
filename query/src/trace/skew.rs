//! Whether two services' clocks disagree, told from spans alone. Nothing is ever shifted: a guess at the
//! right time would hide what was measured.
//!
//! Only what cannot be with one clock counts, beyond a tolerance for coarse timers: a span that starts before
//! the one in another service that called it; and a server's span that would fit into its client's, did not
//! fail the client, and yet sticks out at the end. A server that works on after its client gave up, and a
//! message that is consumed long after it was sent, are no skew.

use spandrel_store::Flags;
use spandrel_store::record::SpanExt;

use super::{SpanNode, end_of};

/// Clocks of browsers and of some SDKs tick in milliseconds.
const TOLERANCE_NS: u64 = 5_000_000;

pub(super) fn mark(spans: &mut [SpanNode]) {
    let skewed: Vec<usize> = (0..spans.len())
        .filter(|place| spans[*place].parent.is_some_and(|parent| is_skewed(&spans[parent], &spans[*place])))
        .collect();
    for place in skewed {
        spans[place].view.found.insert(Flags::CLOCK_SKEW);
    }
}

fn is_skewed(parent: &SpanNode, child: &SpanNode) -> bool {
    if parent.view.record.service() == child.view.record.service() || !timed(parent) || !timed(child) {
        return false;
    }
    starts_too_early(parent, child) || (is_call(parent, child) && ends_too_late(parent, child))
}

/// Whether the sender gave the times that are compared.
fn timed(node: &SpanNode) -> bool {
    node.span().start_time_unix_nano != 0 && !node.view.flags().contains(Flags::ABSURD_TIME)
}

fn starts_too_early(parent: &SpanNode, child: &SpanNode) -> bool {
    child.view.record.time().0.saturating_add(TOLERANCE_NS) < parent.view.record.time().0
}

fn ends_too_late(parent: &SpanNode, child: &SpanNode) -> bool {
    let ends_after =
        end_of(&parent.view.record).0.saturating_add(TOLERANCE_NS) < end_of(&child.view.record).0;
    ends_after && child.span().duration_ns() <= parent.span().duration_ns() && !parent.span().is_error()
}

fn is_call(parent: &SpanNode, child: &SpanNode) -> bool {
    parent.span().kind_name() == "client" && child.span().kind_name() == "server"
}
