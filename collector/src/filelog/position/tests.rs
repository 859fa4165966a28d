use proptest::prelude::*;

use super::*;

#[test]
fn a_key_comes_back() {
    let id = FileId { device: 0xfd01, inode: 123_456, born_ns: 1_700_000_000_000_000_001 };
    assert_eq!(FileId::from_key(&id.key()), Some(id));
    assert_eq!(FileId::from_key("filelog/fd01:1e240"), Some(FileId { born_ns: 0, ..id }));
    assert_eq!(FileId::from_key(&pattern_key("/var/log/*.log")), None);
}

proptest! {
    #[test]
    fn what_is_saved_comes_back(out: u64, err: u64, cutting: bool, hash: u64, bytes: u16, at: u64, folder in "/[a-z]{0,220}") {
        let position = Position { offsets: [out, err], cutting };
        let fingerprint = Fingerprint { hash, bytes, at };
        let value = Saved::encode(position, fingerprint, Path::new(&folder));
        prop_assert!(value.len() <= 256);
        let saved = Saved::decode(&value).unwrap();
        prop_assert_eq!((saved.position, saved.fingerprint), (position, fingerprint));
        prop_assert_eq!(saved.folder, (folder.len() <= FOLDER_BYTES_MAX).then(|| PathBuf::from(folder)));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = Saved::decode(&bytes);
    }
}
