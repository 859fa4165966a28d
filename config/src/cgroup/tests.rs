use super::*;

fn write(folder: &Path, memory_max: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("memory.max"), memory_max).unwrap();
}

#[test]
fn the_least_limit_above_the_process_counts() {
    let mount = tempfile::tempdir().unwrap();
    write(&mount.path().join("pod"), "104857600\n");
    write(&mount.path().join("pod/container"), "max\n");
    assert_eq!(memory_max_of(mount.path(), "0::/pod/container\n"), Some(ByteSize::mib(100)));
}

#[test]
fn a_container_sees_its_own_limit_at_the_root() {
    let mount = tempfile::tempdir().unwrap();
    write(mount.path(), "67108864\n");
    assert_eq!(memory_max_of(mount.path(), "0::/\n"), Some(ByteSize::mib(64)));
}

#[test]
fn no_cgroup_is_no_limit() {
    let mount = tempfile::tempdir().unwrap();
    assert_eq!(memory_max_of(mount.path(), ""), None);
    assert_eq!(memory_max_of(mount.path(), "0::/../..\n"), None);
    write(mount.path(), "not a number");
    assert_eq!(memory_max_of(mount.path(), "0::/"), None);
}
