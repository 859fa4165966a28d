use std::collections::HashSet;

use super::STREAM_ATTRIBUTES;

#[test]
fn a_labels_name_tells_which_attribute_is_meant() {
    let labels: HashSet<String> = STREAM_ATTRIBUTES.iter().map(|name| name.replace('.', "_")).collect();
    assert_eq!(labels.len(), STREAM_ATTRIBUTES.len());
}
