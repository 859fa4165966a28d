//! The shop's spans made different in one respect, to see what a figure grows with.

use std::collections::HashSet;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::Shop;
use super::attribute::text;

/// Spreads neighbouring numbers over all values; odd, so that each value comes as often.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// Values of the attributes that are added, by turns: the same everywhere, one of few, one of many.
const ADDED_DISTINCT: [u64; 3] = [1, 20, 10_000];

/// What is different; nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// Attributes of each span, cut or added to.
    pub attributes: Option<usize>,
    /// The shop's spans, one after the other, as traces of so many.
    pub spans_per_trace: Option<u64>,
    /// One attribute more on each span, with so many different values.
    pub distinct_values: Option<u64>,
}

/// Gives a shape to one span after the other.
#[derive(Debug)]
pub(super) struct Shaper<'a> {
    shop: &'a Shop,
    shape: Shape,
    spans: u64,
    /// The span ids of the trace so far, where the shape makes its own traces.
    members: HashSet<Vec<u8>>,
}

impl<'a> Shaper<'a> {
    pub(super) fn new(shop: &'a Shop, shape: Shape) -> Shaper<'a> {
        Shaper { shop, shape, spans: 0, members: HashSet::new() }
    }

    pub(super) fn apply(&mut self, span: &mut Span) {
        let number = self.spans;
        self.spans += 1;
        if let Some(count) = self.shape.attributes {
            span.attributes.truncate(count);
            span.attributes.extend((span.attributes.len()..count).map(|index| added(index, number)));
        }
        if let Some(distinct) = self.shape.distinct_values {
            span.attributes.push(text("shop.value", format!("value-{:08}", spread(number, distinct))));
        }
        if let Some(count) = self.shape.spans_per_trace {
            self.regroup(span, number, count);
        }
    }

    /// A parent that is in another trace now is no parent any more.
    fn regroup(&mut self, span: &mut Span, number: u64, count: u64) {
        if number.is_multiple_of(count) {
            self.members.clear();
        }
        span.trace_id = self.shop.trace_id(number / count).to_vec();
        if !self.members.contains(&span.parent_span_id) {
            span.parent_span_id.clear();
        }
        self.members.insert(span.span_id.clone());
    }
}

fn added(index: usize, number: u64) -> KeyValue {
    let distinct = ADDED_DISTINCT[index % ADDED_DISTINCT.len()];
    let value = spread(number.wrapping_add(index as u64), distinct);
    text(&format!("shop.added.key_{index:03}"), format!("added-{value:05}"))
}

fn spread(number: u64, distinct: u64) -> u64 {
    (number.wrapping_mul(SPREAD) >> 16) % distinct
}
