use super::*;

#[test]
fn thousands_are_separated() {
    assert_eq!(thousands(999.4), "999");
    assert_eq!(thousands(1_234_567.0), "1,234,567");
}

#[test]
fn only_what_stands_between_the_markers_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("benchmarks.md");
    std::fs::write(&document, format!("head\n{BEGIN}\nold\n{END}\ntail\n")).unwrap();
    write_between_markers(&document, "new\n").unwrap();
    assert_eq!(std::fs::read_to_string(&document).unwrap(), format!("head\n{BEGIN}\nnew\n{END}\ntail\n"));
    std::fs::write(&document, "nothing").unwrap();
    assert!(write_between_markers(&document, "new\n").is_err());
}
