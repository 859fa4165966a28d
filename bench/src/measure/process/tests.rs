use super::*;

#[test]
fn cpu_time_is_read_behind_a_name_with_spaces_and_parentheses() {
    let stat = "42 (a b) c) S 1 42 42 0 -1 4194304 100 0 0 0 700 41 0 0 20 0 5 0 1000 0 0";
    assert_eq!(cpu_ticks(stat), Some(741));
    assert_eq!(cpu_ticks("42"), None);
}

#[test]
fn memory_is_read_in_bytes_and_by_the_whole_name() {
    let status = "Name:\tx\nVmRSSx:\t1 kB\nVmRSS:\t  2048 kB\n";
    assert_eq!(status_bytes(status, "VmRSS"), Some(2048 << 10));
    assert_eq!(status_bytes(status, "VmHWM"), None);
}

#[tokio::test]
async fn this_process_has_memory_and_its_peak_is_no_less() {
    let memory = Process::new(std::process::id()).memory().unwrap();
    assert!(memory.resident > 0 && memory.resident_peak >= memory.resident / 2);
}

#[test]
fn a_folder_weighs_what_its_files_take() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    std::fs::write(folder.path().join("inner/file"), vec![1; 10_000]).unwrap();
    assert!(allocated_bytes(folder.path()).unwrap() >= 10_000);
}
