use super::*;

#[test]
fn thousands_are_separated() {
    assert_eq!(thousands(999.4), "999");
    assert_eq!(thousands(1_234_567.0), "1,234,567");
}

#[test]
fn only_what_stands_between_the_markers_of_that_name_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("benchmarks.md");
    let text = |one: &str| {
        format!("<!-- one:begin -->\n{one}\n<!-- one:end -->\n<!-- two:begin -->\nold\n<!-- two:end -->\n")
    };
    std::fs::write(&document, text("old")).unwrap();
    write_between_markers(&document, "one", "new\n").unwrap();
    assert_eq!(std::fs::read_to_string(&document).unwrap(), text("new"));
    assert!(write_between_markers(&document, "three", "new\n").is_err());
}
