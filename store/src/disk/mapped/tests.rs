use std::path::Path;

use procfs::process::{MMapPath, Process};
use tantivy::directory::{Directory as _, MmapDirectory};

use super::*;

/// Resident bytes of the mappings of a file, as the kernel counts them.
fn resident(file: &Path) -> u64 {
    let maps = Process::myself().unwrap().smaps().unwrap();
    let of_file = maps.iter().filter(|map| map.pathname == MMapPath::Path(file.to_owned()));
    of_file.map(|map| map.extension.map["Rss"]).sum()
}

#[test]
fn pages_of_an_open_file_are_let_go_of_and_read_again_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("file");
    let content: Vec<u8> = (0..1u32 << 20).map(|n| n as u8).collect();
    std::fs::write(&path, &content).unwrap();
    let (mapped, directory) = (MappedFiles::default(), MmapDirectory::open(folder.path()).unwrap());
    let handle = directory.get_file_handle(Path::new("file")).unwrap();
    mapped.note(&handle);
    let bytes = handle.read_bytes(0..content.len()).unwrap();
    assert!(bytes.as_slice() == content);
    assert_eq!(resident(&path), 1 << 20);
    mapped.let_go();
    assert_eq!(resident(&path), 0);
    assert!(bytes.as_slice() == content);
}

#[test]
fn files_that_are_closed_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"content").unwrap();
    let (mapped, directory) = (MappedFiles::default(), MmapDirectory::open(folder.path()).unwrap());
    for _ in 0..10 * PRUNED_FROM {
        mapped.note(&directory.get_file_handle(Path::new("file")).unwrap());
    }
    assert!(mapped.files.lock().unwrap().handles.len() <= PRUNED_FROM);
}
