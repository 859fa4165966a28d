use std::io::ErrorKind::{PermissionDenied, StorageFull};

use super::*;

#[test]
fn trouble_is_told_when_it_begins_once_a_minute_and_when_it_is_over() {
    let (mut trouble, begun) = (Trouble::default(), Instant::now());
    let after = |seconds: u64| begun + Duration::from_secs(seconds);
    assert_eq!(trouble.is_over(), None, "there was none");
    assert_eq!(trouble.failed(StorageFull, 2, begun), Some(2));
    assert_eq!(trouble.failed(StorageFull, 3, after(1)), None);
    assert_eq!(trouble.failed(StorageFull, 1, after(59)), None);
    assert_eq!(trouble.failed(StorageFull, 1, after(60)), Some(5));
    assert_eq!(trouble.failed(PermissionDenied, 1, after(61)), Some(1), "another trouble");
    assert_eq!(trouble.failed(PermissionDenied, 7, after(62)), None);
    assert_eq!(trouble.is_over(), Some(7));
    assert_eq!(trouble.is_over(), None);
}

#[test]
fn a_disk_that_has_room_now_and_then_is_told_no_more_often() {
    let (mut trouble, begun) = (Trouble::default(), Instant::now());
    let told = (0..120_u64).map(|second| {
        let failed = trouble.failed(StorageFull, 1, begun + Duration::from_secs(second));
        usize::from(failed.is_some()) + usize::from(trouble.is_over().is_some())
    });
    assert_eq!(told.sum::<usize>(), 4, "twice that it begins, twice that it is over");
}
