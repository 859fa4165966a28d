use std::collections::BTreeSet;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::encode::decode;
use super::*;

const EPOCH: u64 = 1_760_000_000_000_000_000;

fn average(load: &Load) -> f64 {
    load.bytes() as f64 / load.records as f64
}

#[test]
fn the_same_seed_makes_the_same_load_and_another_seed_another() {
    let load = |seed| requests(&Shop::new(seed, EPOCH), Signal::Spans, 2_000, 512);
    let bodies = |load: &Load| load.requests.iter().map(|request| request.body.clone()).collect::<Vec<_>>();
    assert_eq!(bodies(&load(1)), bodies(&load(1)));
    assert_ne!(bodies(&load(1)), bodies(&load(2)));
}

#[test]
fn spans_have_the_size_and_shape_of_the_load_compared_in_the_field() {
    let shop = Shop::new(1, EPOCH);
    let load = requests(&shop, Signal::Spans, 60_000, 512);
    assert!((340.0..376.0).contains(&average(&load)), "{} bytes a span", average(&load));
    let spans_a_trace = load.records as f64 / load.traces as f64;
    assert!((21.0..23.0).contains(&spans_a_trace), "{spans_a_trace} spans a trace");
    let trace = shop.trace(3);
    assert!(trace.spans.iter().all(|(_, span)| span.attributes.len() == 9));
    assert!((0..15).all(|service| shop.resource(ServiceIndex(service)).attributes.len() == 8));
}

#[test]
fn logs_have_the_size_of_the_load_compared_in_the_field() {
    let load = requests(&Shop::new(1, EPOCH), Signal::Logs, 30_000, 512);
    assert!((187.0..207.0).contains(&average(&load)), "{} bytes a log", average(&load));
}

#[test]
fn requests_hold_what_they_say_and_no_more_than_asked() {
    let load = requests(&Shop::new(1, EPOCH), Signal::Spans, 5_000, 100);
    for request in &load.requests {
        assert_eq!(decode(request.signal, &request.body).unwrap(), request.records);
        assert!(request.records <= 100);
    }
    assert_eq!(load.records, load.requests.iter().map(|request| request.records).sum::<usize>());
    let services = Shop::new(1, EPOCH);
    let whole: usize = (0..load.traces).map(|number| services.trace(number).spans.len()).sum();
    assert_eq!(load.records, whole, "every trace is whole");
}

#[test]
fn all_fifteen_services_take_part() {
    let shop = Shop::new(1, EPOCH);
    let mut seen = [false; 15];
    for (service, _) in (0..200).flat_map(|number| shop.trace(number).spans) {
        seen[service.0] = true;
    }
    assert_eq!(seen, [true; 15]);
}

#[test]
fn a_failing_trace_fails_from_its_cause_up_and_says_so_in_its_logs() {
    let shop = Shop::new(1, EPOCH);
    for number in (0..5_000).filter(|number| Shop::fails(*number)) {
        let trace = shop.trace(number);
        assert!(trace.failed_in.is_some());
        assert!(trace.error_spans() >= 1);
        assert!(trace.error_logs() >= 1);
        let causes = trace.spans.iter().filter(|(_, span)| !span.events.is_empty());
        assert_eq!(causes.map(|(service, _)| *service).collect::<Vec<_>>(), Vec::from_iter(trace.failed_in));
    }
    assert_eq!(shop.trace(0).error_spans(), 0);
}

#[test]
fn spans_lie_inside_their_parents_unless_they_took_up_a_message() {
    let shop = Shop::new(1, EPOCH);
    for (_, span) in (0..200).flat_map(|number| shop.trace(number).spans) {
        assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    }
    for number in 0..200 {
        let trace = shop.trace(number);
        assert_eq!(trace.id, shop.trace_id(number));
        for (_, span) in trace.spans.iter().filter(|(_, span)| span.kind != 5) {
            let parent = trace.spans.iter().find(|(_, other)| other.span_id == span.parent_span_id);
            if let Some((_, parent)) = parent {
                assert!(span.start_time_unix_nano >= parent.start_time_unix_nano);
                assert!(span.end_time_unix_nano <= parent.end_time_unix_nano);
            }
        }
    }
}

/// All spans of a load, in the order of its requests.
fn spans_of(load: &Load) -> Vec<Span> {
    let requests = load.requests.iter().map(|request| ExportTraceServiceRequest::decode(&request.body[..]));
    let resources = requests.flat_map(|request| request.unwrap().resource_spans);
    resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn shaped(shape: Shape) -> Vec<Span> {
    let part = Part { signal: Signal::Spans, first_trace: 0, records: 3_000, per_request: 512, shape };
    spans_of(&part_of(part))
}

fn part_of(asked: Part) -> Load {
    part(&Shop::new(1, EPOCH), asked)
}

#[test]
fn spans_are_given_as_many_attributes_as_asked_for() {
    for attributes in [5, 20, 100] {
        let spans = shaped(Shape { attributes: Some(attributes), ..Shape::default() });
        assert!(spans.iter().all(|span| span.attributes.len() == attributes));
    }
}

#[test]
fn an_added_attribute_has_as_many_values_as_asked_for() {
    let spans = shaped(Shape { distinct_values: Some(100), ..Shape::default() });
    let values = spans.iter().map(|span| format!("{:?}", span.attributes.last().unwrap().value));
    assert_eq!(values.collect::<BTreeSet<String>>().len(), 100);
}

#[test]
fn regrouped_traces_have_the_asked_size_and_no_parent_elsewhere() {
    let shop = Shop::new(1, EPOCH);
    for count in [1, 10, 1_000] {
        let spans = shaped(Shape { spans_per_trace: Some(count), ..Shape::default() });
        let total = spans.len() as u64;
        for number in 0..total.div_ceil(count) {
            let members: Vec<&Span> =
                spans.iter().filter(|span| span.trace_id == shop.trace_id(number)).collect();
            assert_eq!(members.len() as u64, count.min(total - number * count));
            let ids: BTreeSet<&[u8]> = members.iter().map(|span| &span.span_id[..]).collect();
            let mut parents = members.iter().map(|span| &span.parent_span_id[..]);
            assert!(parents.all(|parent| parent.is_empty() || ids.contains(parent)));
        }
    }
}

#[test]
fn parts_of_a_load_go_on_where_the_one_before_ended() {
    let part = |first_trace| {
        let shape = Shape::default();
        part_of(Part { signal: Signal::Spans, first_trace, records: 1_000, per_request: 512, shape })
    };
    let first = part(0);
    let second = spans_of(&part(first.traces));
    let ids: BTreeSet<Vec<u8>> = spans_of(&first).into_iter().map(|span| span.trace_id).collect();
    assert!(second.iter().all(|span| !ids.contains(&span.trace_id)));
    assert_eq!(second[0].trace_id.len(), 16);
}
