use spandrel_store::{TimeRange, UnixNanos};

use super::shortfall;
use crate::coverage::{Absence, Coverage};
use crate::source::Peer;

const SECOND: u64 = 1_000_000_000;
const NOON: u64 = 1_767_268_800 * SECOND;

fn absence(name: &str, service: Option<&str>, reason: &'static str, range: TimeRange) -> Absence {
    let peer = Peer { name: name.to_owned(), service: service.map(str::to_owned), local: false };
    Absence { peer, reason: reason.into(), range, detail: String::new() }
}

fn seconds(start: u64, end: u64) -> TimeRange {
    TimeRange { start: UnixNanos(NOON + start * SECOND + 5), end: UnixNanos(NOON + end * SECOND + 7) }
}

#[test]
fn nothing_is_said_of_a_whole_answer() {
    assert_eq!(shortfall(&Coverage::new(3)), None);
}

#[test]
fn what_is_missing_is_said_in_words_and_with_its_times() {
    let mut coverage = Coverage::new(4);
    let all = [
        absence("pay:7317", Some("payment"), "timeout", TimeRange::ALL),
        absence("old:7317", None, "unreachable", TimeRange::ALL),
        absence("cart:7317", Some("cart"), "gone", seconds(0, 60)),
        absence("here:7317", Some("shop"), "set_aside", seconds(10, 20)),
        absence("here:7317", Some("shop"), "set_aside", seconds(5, 12)),
        absence("here:7317", Some("shop"), "deleted", TimeRange::ALL),
    ];
    all.into_iter().for_each(|absence| coverage.absent(absence));
    let expected = "incomplete: no answer from payment (pay:7317: timeout), old:7317 (unreachable); \
                    cart (cart:7317) is not there any more, and with it the records that it had from \
                    2026-01-01T12:00:00Z to 2026-01-01T12:01:00Z; shop (here:7317) has deleted records, as retention \
                    says, of a time that is not known; shop (here:7317) has set aside damaged records from \
                    2026-01-01T12:00:05Z to 2026-01-01T12:00:20Z";
    assert_eq!(shortfall(&coverage).as_deref(), Some(expected));
}
