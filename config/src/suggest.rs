//! "Did you mean": the key that somebody who wrote an unknown one had most likely in mind.

use crate::section::join;

/// As alike as `endpont` and `endpoint` are; below it a suggestion would be a guess.
const LIKENESS_MIN: f64 = 0.7;

/// A name that stands in more places than this (`enabled`) says nothing about which is meant.
const PLACES_MAX: usize = 2;

/// The nearest of the keys beside the unknown one, else those of such a name elsewhere. More than one where
/// the name alone does not tell; none where nothing is near.
pub(crate) fn suggestions(parent: &str, name: &str, siblings: &[String], keys: &[String]) -> Vec<String> {
    let wanted = name.to_lowercase().replace('-', "_");
    let nearest = siblings
        .iter()
        .map(|sibling| (strsim::normalized_damerau_levenshtein(&wanted, sibling), sibling))
        .max_by(|left, right| left.0.total_cmp(&right.0));
    match nearest {
        Some((likeness, sibling)) if likeness >= LIKENESS_MIN => vec![sibling.clone()],
        _ => elsewhere(parent, &wanted, keys),
    }
}

/// Keys and sections whose last name is that one: below the section, where one that is alike will do, else anywhere.
fn elsewhere(parent: &str, wanted: &str, keys: &[String]) -> Vec<String> {
    let mut places: Vec<&str> = keys.iter().flat_map(|key| with_sections(key)).collect();
    places.sort_unstable();
    places.dedup();
    let last = |place: &str| place.rsplit('.').next().unwrap_or_default().to_owned();
    let is_alike =
        |place: &&&str| strsim::normalized_damerau_levenshtein(wanted, &last(place)) >= LIKENESS_MIN;
    let below: Vec<&&str> =
        places.iter().filter(|place| !parent.is_empty() && place.starts_with(&join(parent, ""))).collect();
    let candidates: Vec<String> = match below.iter().copied().filter(is_alike).count() {
        0 => places.iter().filter(|place| last(place) == wanted).map(|place| (*place).to_owned()).collect(),
        _ => below.into_iter().filter(is_alike).map(|place| (*place).to_owned()).collect(),
    };
    if candidates.len() > PLACES_MAX { Vec::new() } else { candidates }
}

/// A key, and the sections that it is in.
fn with_sections(key: &str) -> impl Iterator<Item = &str> {
    key.match_indices('.').map(|(end, _)| &key[..end]).chain(std::iter::once(key))
}
