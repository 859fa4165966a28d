use super::*;

#[test]
fn rotated_files_are_of_the_family_of_the_one_they_were() {
    for (name, expected) in [
        ("app.log", "app.log"),
        ("app.log.1", "app.log"),
        ("app.log.old", "app.log"),
        ("app.log-20261122", "app.log"),
        ("app.log-2026112210.2", "app.log"),
        ("app-20261122.log", "app.log"),
        ("app-2026-11-22.log", "app.log"),
        ("0.log.20261122-100000", "0.log"),
        ("app.err.log", "app.err.log"),
        ("worker-1.log", "worker-1.log"),
        ("app", "app"),
        ("20261122", "20261122"),
        (".1", ".1"),
    ] {
        assert_eq!(family(Path::new("/x").join(name).as_path()), expected, "{name}");
    }
}
