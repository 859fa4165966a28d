use std::time::Duration;

use super::*;

fn heard_of(runs: &[(u64, u64)], begun: Instant) -> Health {
    let mut health = Health::default();
    for (run, second) in runs {
        health.heard_of(*run, begun + Duration::from_secs(*second));
    }
    health
}

#[tokio::test]
async fn two_processes_of_one_identity_are_told_from_one_that_was_started_anew() {
    let begun = Instant::now();
    let first = heard_of(&[(1, 0), (1, 10), (1, 20)], begun);
    let beside = heard_of(&[(2, 5), (2, 15)], begun);
    assert!(first.is_beside(&beside) && beside.is_beside(&first));
    let same = heard_of(&[(1, 5), (1, 15)], begun);
    assert!(!first.is_beside(&same));
    // Asked under its other name first, and not yet under this one since.
    let started_anew = heard_of(&[(1, 5), (2, 25)], begun);
    assert!(!first.is_beside(&started_anew) && !started_anew.is_beside(&first));
    let under_both_names = heard_of(&[(1, 0), (1, 20), (2, 30)], begun);
    assert!(!under_both_names.is_beside(&started_anew));
    let says_nothing = heard_of(&[(2, 5), (0, 15)], begun);
    assert!(!first.is_beside(&says_nothing));
}
