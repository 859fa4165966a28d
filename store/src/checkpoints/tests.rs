use super::*;
use crate::disk::RealDisk;

fn put(key: &str, value: &str) -> Checkpoint {
    (key.to_owned(), Some(Bytes::copy_from_slice(value.as_bytes())))
}

fn current(checkpoints: &Checkpoints) -> Vec<(String, String)> {
    let text = |(key, value): (String, Bytes)| (key, String::from_utf8(value.to_vec()).unwrap());
    checkpoints.current("").into_iter().map(text).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_latest_of_each_key_is_current() {
    let mut checkpoints = Checkpoints::empty(10);
    checkpoints.take(1, vec![put("a", "1"), put("b", "1"), put("c/x", "1")]);
    checkpoints.take(2, vec![put("a", "2"), ("b".to_owned(), None)]);
    assert_eq!(current(&checkpoints), pairs(&[("a", "2"), ("c/x", "1")]));
    assert_eq!(checkpoints.current("c/").len(), 1);
}

#[test]
fn the_file_says_what_was_committed_and_frames_behind_it_say_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoints");
    let mut checkpoints = Checkpoints::empty(10);
    checkpoints.take(1, vec![put("a", "1")]);
    checkpoints.take(2, vec![put("a", "2")]);
    checkpoints.take(3, vec![put("a", "3")]);
    let content = checkpoints.fold(2).unwrap();
    write(&RealDisk::default(), &path, &content).unwrap();
    checkpoints.are_kept();
    assert_eq!(checkpoints.fold(2), None, "it is there already");

    let mut read = Checkpoints::read(&path, 10).unwrap();
    assert_eq!((current(&read), read.kept_through()), (pairs(&[("a", "2")]), 2));
    // What it takes in already may be in the journal still.
    read.take(1, vec![put("a", "1")]);
    read.take(3, vec![put("a", "3")]);
    assert_eq!(current(&read), pairs(&[("a", "3")]));
}

#[test]
fn what_could_not_be_written_is_written_the_next_time() {
    let mut checkpoints = Checkpoints::empty(10);
    checkpoints.take(1, vec![put("a", "1")]);
    let content = checkpoints.fold(1);
    assert!(content.is_some());
    assert_eq!(checkpoints.fold(1), content);
}

#[test]
fn there_are_no_more_than_allowed_and_none_is_too_long() {
    let mut checkpoints = Checkpoints::empty(2);
    checkpoints.take(1, vec![put("a", "1"), put("b", "1")]);
    assert!(checkpoints.check(&[put("a", "2"), ("b".to_owned(), None)]).is_ok());
    assert!(checkpoints.check(&[put("c", "1")]).is_err());
    assert!(checkpoints.check(&[put("a", &"x".repeat(257))]).is_err());
    assert!(checkpoints.check(&[put(&"k".repeat(513), "")]).is_err());
}

#[test]
fn a_damaged_file_is_told_from_a_missing_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoints");
    assert!(Checkpoints::read(&path, 10).is_ok());
    let mut checkpoints = Checkpoints::empty(10);
    checkpoints.take(1, vec![put("a", "1")]);
    let content = checkpoints.fold(1).unwrap();
    for at in 0..content.len() {
        let mut damaged = content.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert!(matches!(Checkpoints::read(&path, 10), Err(ReadCheckpoints::Damaged)), "byte {at}");
    }
}
