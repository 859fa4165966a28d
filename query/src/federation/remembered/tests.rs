use super::*;

const HOUR: u64 = 3_600_000_000_000;
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn peer(name: &str) -> Peer {
    Peer { name: name.to_owned(), service: Some("payment".to_owned()), local: false }
}

fn holding(least: u64, greatest: u64) -> Description {
    Description { extent: Some((UnixNanos(least), UnixNanos(greatest))), ..Description::default() }
}

fn nobody(_: Identity, _: &str) -> bool {
    false
}

fn kept(mut remembered: Remembered) {
    remembered.write().unwrap()().unwrap();
}

#[test]
fn a_sidecar_keeps_its_identity_and_what_it_has_seen() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Remembered::open(folder.path(), DAY, 10);
    let (own, other) = (first.identity(), Identity::random());
    first.saw(other, peer("payment:7317"), &holding(HOUR, 2 * HOUR), UnixNanos(3 * HOUR));
    kept(first);
    let mut second = Remembered::open(folder.path(), DAY, 10);
    assert_eq!(second.identity(), own);
    assert!(second.write().is_none(), "nothing is new");
    let gone = second.gone(UnixNanos(4 * HOUR), nobody);
    assert_eq!((gone.len(), gone[0].peer.name.as_str(), &*gone[0].reason), (1, "payment:7317", "gone"));
    // Up to a moment after it was last seen: it may have taken in more.
    let range = gone[0].range;
    assert!(range.start == UnixNanos(HOUR) && range.contains(UnixNanos(3 * HOUR)), "{range:?}");
    assert!(!range.contains(UnixNanos(4 * HOUR)), "{range:?}");
    assert_eq!(second.gone(UnixNanos(4 * HOUR), |identity, _| identity == other), []);
}

#[test]
fn what_retention_would_have_deleted_by_now_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut remembered = Remembered::open(folder.path(), DAY, 10);
    remembered.saw(Identity::random(), peer("a:1"), &holding(0, 1), UnixNanos(HOUR));
    assert_eq!(remembered.gone(UnixNanos(25 * HOUR), nobody).len(), 1);
    assert_eq!(remembered.gone(UnixNanos(26 * HOUR), nobody).len(), 0);
}

#[test]
fn no_more_are_remembered_than_the_limit_says_the_latest_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut remembered = Remembered::open(folder.path(), DAY, 3);
    for number in 0..9 {
        let name = format!("peer-{number}:7317");
        remembered.saw(Identity::random(), peer(&name), &Description::default(), UnixNanos(HOUR + number));
    }
    let gone = remembered.gone(UnixNanos(2 * HOUR), nobody);
    let mut names: Vec<&str> = gone.iter().map(|gone| gone.peer.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["peer-6:7317", "peer-7:7317", "peer-8:7317"]);
}

#[test]
fn a_file_that_cannot_be_read_is_as_good_as_none() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "{", "[1]", r#"{"identity":"zz","peers":{"1":{}}}"#] {
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let mut remembered = Remembered::open(folder.path(), DAY, 3);
        assert_eq!(remembered.gone(UnixNanos(HOUR), nobody), []);
        assert!(remembered.write().is_some());
    }
}
