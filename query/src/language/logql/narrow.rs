//! Of a question, what the store can decide: a filter that every log record of the answer passes, and often
//! others too. The evaluation decides on those.
//!
//! Only what stands before the first stage that changes labels is about the record itself.

use spandrel_store::filter::{Field, Place, Test};
use spandrel_store::{Filter, Level, TraceIdMatch};

use super::ast::{LabelFilter, LogQuery, Matched, Matcher, Stage};

/// Every log record that the question answers with passes this. `index` tells which resource attributes a
/// label of a stream is made of; nothing for other labels.
pub fn narrow(log: &LogQuery, index: &dyn Fn(&str) -> Vec<String>) -> Filter {
    let logs = Filter::equals(Field::Type, "log");
    let streams = log.matchers.iter().fold(logs, |filter, matcher| filter.and(of_stream(matcher, index)));
    let untouched = log.stages.iter().take_while(|stage| {
        matches!(stage, Stage::Line(_) | Stage::Label(_) | Stage::LineFormat(_) | Stage::Decolorize)
    });
    untouched.fold(streams, |filter, stage| match stage {
        Stage::Label(of) => filter.and(of_label(of)),
        _ => filter,
    })
}

fn of_stream(matcher: &Matcher, index: &dyn Fn(&str) -> Vec<String>) -> Filter {
    if matcher.matched.passes_empty() {
        return Filter::All;
    }
    let attributes = index(&matcher.label);
    if attributes.is_empty() {
        // No stream has such a label.
        return Filter::Nothing;
    }
    let texts = match &matcher.matched {
        Matched::Equal(text) => vec![text.clone()],
        Matched::Regex(pattern) => match pattern.literals() {
            Some(texts) => texts,
            None => return Filter::All,
        },
        Matched::NotEqual(_) | Matched::NotRegex(_) => return Filter::All,
    };
    // A service without a name has one all the same, which the store does not know.
    if texts.iter().any(|text| text.is_empty() || text == "unknown_service") {
        return Filter::All;
    }
    let mut any = Vec::new();
    for attribute in attributes {
        let field = match attribute.as_str() {
            "service.name" => Field::Service,
            _ => Field::Attribute { place: Place::Resource, name: attribute },
        };
        any.extend(texts.iter().map(|text| Filter::equals(field.clone(), text)));
    }
    if any.len() == 1 { any.remove(0) } else { Filter::Or(any) }
}

fn of_label(filter: &LabelFilter) -> Filter {
    match filter {
        LabelFilter::And(left, right) => of_label(left).and(of_label(right)),
        LabelFilter::Or(left, right) => match (of_label(left), of_label(right)) {
            (Filter::All, _) | (_, Filter::All) => Filter::All,
            (left, right) => Filter::Or(vec![left, right]),
        },
        LabelFilter::Match(Matcher { label, matched }) => {
            let texts = match matched {
                Matched::Equal(text) => vec![text.clone()],
                Matched::Regex(pattern) => pattern.literals().unwrap_or_default(),
                _ => Vec::new(),
            };
            let filters: Vec<Filter> = texts.iter().filter_map(|text| of_value(label, text)).collect();
            match (texts.len() == filters.len(), filters.len()) {
                (true, 1..) => Filter::Or(filters),
                _ => Filter::All,
            }
        }
        _ => Filter::All,
    }
}

/// For the labels that are made of fields of their own alone.
fn of_value(label: &str, text: &str) -> Option<Filter> {
    match label {
        "trace_id" if !text.is_empty() => Some(match TraceIdMatch::parse(text) {
            Ok(id) => Filter::is(Field::TraceId, Test::TraceId(id)),
            Err(_) => Filter::Nothing,
        }),
        "detected_level" => Level::from_text(text)
            .filter(|level| level.as_str() == text)
            .map(|level| Filter::equals(Field::Level, level.as_str())),
        _ => None,
    }
}
