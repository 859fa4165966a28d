use super::*;

#[test]
fn of_many_gaps_the_oldest_are_joined_and_deletions_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(folder.path().join("history.json"), 0);
    let gap = |reason, start: u64| Gap {
        reason,
        range: TimeRange { start: UnixNanos(start), end: UnixNanos(start + 1) },
        detail: String::new(),
    };
    history.add(&gap(GapReason::Deleted, 5)).unwrap();
    for number in 0..1_000 {
        history.add(&gap(GapReason::SetAside, 100 + number)).unwrap();
    }
    history.add(&gap(GapReason::Deleted, 7)).unwrap();
    let gaps = history.gaps();
    assert_eq!(gaps.len(), GAPS_MAX);
    let deleted: Vec<&Gap> = gaps.iter().filter(|gap| gap.reason == GapReason::Deleted).collect();
    let [deleted] = deleted[..] else { panic!("deletions that touch are one gap") };
    assert_eq!(deleted.range, TimeRange { start: UnixNanos(5), end: UnixNanos(8) });
    let joined = gaps.iter().find(|gap| gap.reason == GapReason::SetAside).unwrap();
    assert_eq!(joined.range.start, UnixNanos(100));
    assert_eq!(gaps.last().unwrap().range.end, UnixNanos(1_100));
}
