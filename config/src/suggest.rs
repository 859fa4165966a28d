//! "Did you mean": the key that somebody who wrote an unknown one had most likely in mind.

use crate::section::join;

/// As alike as `endpont` and `endpoint` are; below it a suggestion would be a guess.
const LIKENESS_MIN: f64 = 0.7;

/// The nearest of the keys beside the unknown one, else a key of that very name elsewhere.
pub(crate) fn suggestion(parent: &str, name: &str, siblings: &[String], keys: &[String]) -> Option<String> {
    let wanted = name.to_lowercase().replace('-', "_");
    let nearest = siblings
        .iter()
        .map(|sibling| (strsim::normalized_damerau_levenshtein(&wanted, sibling), sibling))
        .max_by(|left, right| left.0.total_cmp(&right.0));
    match nearest {
        Some((likeness, sibling)) if likeness >= LIKENESS_MIN => Some(sibling.clone()),
        _ => elsewhere(parent, &wanted, keys),
    }
}

/// A key that ends in the same name: below the section first, then anywhere.
fn elsewhere(parent: &str, wanted: &str, keys: &[String]) -> Option<String> {
    let same_name = |key: &&String| key.rsplit('.').next() == Some(wanted);
    let below = |key: &&String| key.starts_with(&join(parent, ""));
    let found = keys.iter().filter(same_name).find(below).or_else(|| keys.iter().find(same_name));
    found.cloned()
}
