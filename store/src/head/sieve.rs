//! What the head can say of a record and a filter without decoding the record.

use super::batch::{Entry, HeadBatch};
use crate::facets::Facets;
use crate::filter::{Field, Filter, Operand, Place, Predicate, Test};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Yes,
    No,
    /// Only the decoded record can tell.
    Maybe,
}

impl Verdict {
    fn of(holds: bool) -> Verdict {
        if holds { Verdict::Yes } else { Verdict::No }
    }

    fn unless_no(may: bool) -> Verdict {
        if may { Verdict::Maybe } else { Verdict::No }
    }
}

pub(super) fn judge(filter: &Filter, batch: &HeadBatch, entry: &Entry) -> Verdict {
    match filter {
        Filter::All => Verdict::Yes,
        Filter::Nothing => Verdict::No,
        Filter::And(filters) => {
            let mut sum = Verdict::Yes;
            for filter in filters {
                match judge(filter, batch, entry) {
                    Verdict::No => return Verdict::No,
                    Verdict::Maybe => sum = Verdict::Maybe,
                    Verdict::Yes => {}
                }
            }
            sum
        }
        Filter::Or(filters) => {
            let mut sum = Verdict::No;
            for filter in filters {
                match judge(filter, batch, entry) {
                    Verdict::Yes => return Verdict::Yes,
                    Verdict::Maybe => sum = Verdict::Maybe,
                    Verdict::No => {}
                }
            }
            sum
        }
        Filter::Not(filter) => match judge(filter, batch, entry) {
            Verdict::Yes => Verdict::No,
            Verdict::No => Verdict::Yes,
            Verdict::Maybe => Verdict::Maybe,
        },
        Filter::Is(predicate) => judge_predicate(predicate, batch, entry),
    }
}

fn judge_predicate(predicate: &Predicate, batch: &HeadBatch, entry: &Entry) -> Verdict {
    let context = || {
        let context = batch.context(entry);
        predicate.matches_context(&context.resource, &context.scope)
    };
    match (&predicate.field, &predicate.test) {
        (field, _) if Facets::decide(field) => Verdict::of(entry.facets.hold(predicate)),
        (Field::Service | Field::ScopeName | Field::ScopeVersion, _) => Verdict::of(context()),
        (Field::Attribute { place: Place::Resource | Place::Scope, .. }, _) => Verdict::of(context()),
        (Field::TraceId, Test::TraceId(wanted)) => {
            Verdict::of(entry.trace_id().is_some_and(|id| wanted.matches(id)))
        }
        (Field::Attribute { place, .. }, test) => {
            if *place == Place::Any && context() {
                return Verdict::Yes;
            }
            Verdict::unless_no(may_contain(batch.body(entry), test))
        }
        (Field::Name, test) => Verdict::unless_no(may_contain(batch.body(entry), test)),
        _ => Verdict::Maybe,
    }
}

/// Whether some value in the encoded record may pass the test: text stands in it as it is.
fn may_contain(body: &[u8], test: &Test) -> bool {
    match test {
        Test::Equals(operand) if is_only_text(operand) => {
            memchr::memmem::find(body, operand.text.as_bytes()).is_some()
        }
        _ => true,
    }
}

/// Whether nothing but a text value is ever shown as this: no number, boolean, map, list or bytes in base64.
fn is_only_text(operand: &Operand) -> bool {
    let text = operand.text.as_str();
    let special = ["", "true", "false", "null", "NaN", "Infinity", "-Infinity"].contains(&text);
    let base64 = text.len().is_multiple_of(4)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    let beginning = text.bytes().next();
    !special && !base64 && operand.number.is_none() && !matches!(beginning, Some(b'{' | b'[' | b'"'))
}
