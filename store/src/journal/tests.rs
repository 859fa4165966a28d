use std::collections::BTreeMap;
use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::disk::RealDisk;
use crate::disk::failing::{FailingDisk, Mood, Side};

fn open(folder: &Path, committed: u64) -> (Journal, Recovered) {
    Journal::open(Arc::new(RealDisk::default()), folder, true, committed, committed).unwrap()
}

fn payloads(frames: &[Frame]) -> Vec<Vec<u8>> {
    frames.iter().map(|frame| frame.payload.to_vec()).collect()
}

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    files[0].clone()
}

#[test]
fn what_was_appended_is_recovered_in_order_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    assert_eq!(journal.append(&[b"one".to_vec(), b"two".to_vec()]).unwrap(), 1);
    assert_eq!(journal.append(&[b"three".to_vec()]).unwrap(), 3);
    drop(journal);
    let (mut journal, recovered) = open(folder.path(), 1);
    assert_eq!(payloads(&recovered.frames), [b"two".to_vec(), b"three".to_vec()]);
    assert_eq!(recovered.frames[0].sequence, 2);
    assert_eq!(journal.append(&[b"four".to_vec()]).unwrap(), 4);
    drop(journal);
    assert_eq!(open(folder.path(), 0).1.frames.len(), 4);
}

#[test]
fn trimming_deletes_what_is_committed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    journal.append(&[b"one".to_vec()]).unwrap();
    journal.append(&[b"two".to_vec()]).unwrap();
    journal.trim(1).unwrap();
    assert_eq!(open(folder.path(), 1).1.frames.len(), 1);
    journal.trim(2).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(journal.append(&[b"three".to_vec()]).unwrap(), 3);
    assert_eq!(payloads(&open(folder.path(), 2).1.frames), [b"three".to_vec()]);
}

#[test]
fn a_file_that_a_crash_left_without_a_frame_is_used_again_and_not_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    journal.append(&[b"one".to_vec()]).unwrap();
    journal.trim(1).unwrap();
    drop(journal);
    for left in [&FILE_HEADER[..], &FILE_HEADER[..3], &[]] {
        fs::write(folder.path().join("0000000000000002.wal"), left).unwrap();
        let (mut journal, _) = open(folder.path(), 1);
        assert_eq!(journal.append(&[b"two".to_vec()]).unwrap(), 2);
        journal.trim(1).unwrap();
        assert_eq!(payloads(&open(folder.path(), 1).1.frames), [b"two".to_vec()]);
    }
}

#[test]
fn a_torn_tail_is_cut_and_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    journal.append(&[b"one".to_vec()]).unwrap();
    drop(journal);
    let path = only_file(folder.path());
    OpenOptions::new().append(true).open(&path).unwrap().write_all(&[200, 0, 0, 0, 1, 2, 3]).unwrap();
    let (_, recovered) = open(folder.path(), 0);
    assert_eq!((recovered.frames.len(), recovered.torn_bytes, recovered.damage.len()), (1, 7, 0));
    assert_eq!(open(folder.path(), 0).1.torn_bytes, 0);
}

#[test]
fn a_flipped_bit_costs_its_frame_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    for payload in [b"first", b"secnd", b"third"] {
        journal.append(&[payload.to_vec()]).unwrap();
    }
    drop(journal);
    let path = only_file(folder.path());
    let mut content = fs::read(&path).unwrap();
    let at = content.windows(5).position(|window| window == b"secnd").unwrap();
    content[at] ^= 4;
    fs::write(&path, content).unwrap();
    let (mut journal, recovered) = open(folder.path(), 0);
    assert_eq!(payloads(&recovered.frames), [b"first".to_vec(), b"third".to_vec()]);
    assert_eq!(recovered.damage, [Damage { path, offset: 29, bytes: 21 }]);
    assert_eq!(journal.append(&[b"fourth".to_vec()]).unwrap(), 4);
}

#[test]
fn a_file_of_another_format_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("0000000000000001.wal"), b"something else entirely").unwrap();
    assert_eq!(open(folder.path(), 0).1.damage.len(), 1);
}

/// The frames that appends returned for, by their numbers, after `appends` on a disk that fails now and then.
fn append_on(disk: &FailingDisk, folder: &Path, rng: &mut fastrand::Rng) -> BTreeMap<u64, Vec<u8>> {
    let (mut journal, _) = Journal::open(Arc::new(disk.clone()), folder, true, 0, 0).unwrap();
    journal.limit_files(256);
    let mut acknowledged = BTreeMap::new();
    for _ in 0..rng.usize(1..12) {
        let payload = |_| (0..rng.usize(0..40)).map(|_| rng.u8(..)).collect();
        let payloads: Vec<Vec<u8>> = (0..3).map(payload).collect();
        let payloads = &payloads[..rng.usize(1..=3)];
        if let Ok(first) = journal.append(payloads) {
            acknowledged.extend((first..).zip(payloads.iter().cloned()));
        }
    }
    acknowledged
}

#[test]
fn what_was_appended_on_a_disk_that_fails_survives_a_power_cut_and_is_no_damage() {
    for seed in 0..3_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let disk = FailingDisk::new(seed);
        disk.set(Side::Journal, Mood::Failing([0.1, 0.3, 0.5][rng.usize(0..3)]));
        let folder = tempfile::tempdir().unwrap();
        let acknowledged = append_on(&disk, folder.path(), &mut rng);
        disk.lose_unsynced(folder.path(), folder.path(), false, &mut rng);
        let recovered = open(folder.path(), 0).1;
        assert_eq!(recovered.damage, [], "seed {seed}");
        let found: BTreeMap<u64, Vec<u8>> =
            recovered.frames.iter().map(|frame| (frame.sequence, frame.payload.to_vec())).collect();
        for (sequence, payload) in &acknowledged {
            assert_eq!(found.get(sequence), Some(payload), "seed {seed}, frame {sequence}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_to_the_bytes_intact_frames_before_come_back(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..12),
        flip in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), flips: bool,
    ) {
        let mut bytes = FILE_HEADER.to_vec();
        let mut ends = Vec::new();
        for (sequence, payload) in (1..).zip(&sent) {
            frame::write(&mut bytes, sequence, payload).unwrap();
            ends.push(bytes.len());
        }
        let at = if flips { flip.index(bytes.len()) } else { cut.index(bytes.len()) };
        if flips { bytes[at] ^= 0x10 } else { bytes.truncate(at) }
        let found = read_frames(&bytes.into());
        let intact = ends.iter().filter(|end| **end <= at).count();
        prop_assert!(found.frames.len() >= intact);
        for frame in &found.frames {
            prop_assert_eq!(&frame.payload[..], &sent[frame.sequence as usize - 1][..]);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(mut bytes: Vec<u8>) {
        read_frames(&Bytes::from(bytes.clone()));
        bytes.splice(0..0, FILE_HEADER);
        read_frames(&bytes.into());
    }
}
