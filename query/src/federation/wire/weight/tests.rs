use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use spandrel_store::otlp::{ArrayValue, Value as Any};

use super::*;
use crate::federation::wire::{
    Counts, Fields, Filter, Graph, Halves, Kind, Matches, Overviews, Part, Records, Values,
};

const MANY: usize = 1_000;

fn many<T: Clone + Default>() -> Vec<T> {
    vec![T::default(); MANY]
}

fn weight(part: Part) -> usize {
    Chunk::weight(&Chunk::from(part).encode_to_vec()).unwrap()
}

fn of_record(span: Span) -> Part {
    let record = Record { span: Some(span.encode_to_vec().into()), ..Record::default() };
    Part::Records(Records { contexts: Vec::new(), records: vec![record] })
}

fn of_attribute(value: Any) -> Part {
    let attribute = KeyValue { value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() };
    of_record(Span { attributes: vec![attribute], ..Span::default() })
}

#[test]
fn lists_of_nothing_weigh_what_they_are_read_into() {
    let of_contexts =
        |context: Context| Part::Records(Records { contexts: vec![context], records: Vec::new() });
    let resource = spandrel_store::otlp::Resource { attributes: many(), ..Default::default() };
    let calls = Calls { buckets: many(), counts: many(), ..Calls::default() };
    let series = Series { times: many(), counts: many(), ..Series::default() };
    let end = |end: super::super::End| Part::End(end);
    let lists = [
        (size_of::<Record>(), Part::Records(Records { contexts: Vec::new(), records: many() })),
        (size_of::<Context>(), Part::Records(Records { contexts: many(), records: Vec::new() })),
        (
            size_of::<KeyValue>(),
            of_contexts(Context { resource: Some(resource.encode_to_vec().into()), ..Context::default() }),
        ),
        (size_of::<KeyValue>(), of_record(Span { attributes: many(), ..Span::default() })),
        (size_of::<span::Event>(), of_record(Span { events: many(), ..Span::default() })),
        (size_of::<span::Link>(), of_record(Span { links: many(), ..Span::default() })),
        (size_of::<AnyValue>(), of_attribute(Any::ArrayValue(ArrayValue { values: many() }))),
        (
            size_of::<KeyValue>(),
            of_attribute(Any::KvlistValue(spandrel_store::otlp::KeyValueList { values: many() })),
        ),
        (size_of::<Match>(), Part::Matches(Matches { matches: many() })),
        (size_of::<Overview>(), Part::Overviews(Overviews { overviews: many() })),
        (
            size_of::<String>(),
            Part::Overviews(Overviews {
                overviews: vec![Overview { services: many(), ..Overview::default() }],
            }),
        ),
        (size_of::<Series>(), Part::Counts(Counts { series: many() })),
        (16, Part::Counts(Counts { series: vec![series] })),
        (
            size_of::<Key>(),
            Part::Counts(Counts { series: vec![Series { key: many(), ..Series::default() }] }),
        ),
        (size_of::<FieldInfo>(), Part::Fields(Fields { fields: many() })),
        (size_of::<Value>(), Part::Values(Values { values: many() })),
        (
            size_of::<String>(),
            Part::Description(super::super::Description { services: many(), ..Default::default() }),
        ),
        (size_of::<Gap>(), end(super::super::End { gaps: many(), ..Default::default() })),
        (size_of::<Field>(), end(super::super::End { unknown: many(), ..Default::default() })),
        (
            size_of::<Absence>(),
            end(super::super::End {
                beyond: Some(super::super::Beyond { missing: many(), ..Default::default() }),
                ..Default::default()
            }),
        ),
        (size_of::<String>(), Part::Graph(Graph { names: many(), ..Graph::default() })),
        (size_of::<Calls>(), Part::Graph(Graph { services: many(), ..Graph::default() })),
        (16, Part::Graph(Graph { calls: vec![calls], ..Graph::default() })),
        (size_of::<Caller>(), Part::Graph(Graph { callers: many(), ..Graph::default() })),
        (size_of::<Callee>(), Part::Graph(Graph { callees: many(), ..Graph::default() })),
        (size_of::<Half>(), Part::Halves(Halves { halves: many() })),
    ];
    for (each, part) in lists {
        let name = format!("{part:.60?}");
        let weight = weight(part);
        assert!(weight >= MANY * each, "{weight} for {MANY} of {each}: {name}");
    }
}

#[test]
fn lists_in_questions_weigh_what_they_are_read_into() {
    let nodes = Filter { nodes: many() };
    let trace = Kind::Trace(super::super::TraceAsk { exact: many(), low64: many(), records_max: 0 });
    let ids = Kind::Overviews(super::super::OverviewAsk { ids: many(), records_max: 0 });
    let by = Kind::Counts(super::super::CountAsk { by: many(), ..Default::default() });
    let test = super::super::Test { texts: many(), exact: many(), ..Default::default() };
    let test = Node { test: Some(test), ..Node::default() };
    let lists = [
        (size_of::<Vec<u8>>(), Ask { visited: many(), ..Ask::default() }),
        (size_of::<Node>(), Ask { filter: Some(nodes), ..Ask::default() }),
        (2 * size_of::<String>(), Ask { filter: Some(Filter { nodes: vec![test] }), ..Ask::default() }),
        (size_of::<Vec<u8>>() + 8, Ask { kind: Some(trace), ..Ask::default() }),
        (size_of::<Vec<u8>>(), Ask { kind: Some(ids), ..Ask::default() }),
        (size_of::<Field>(), Ask { kind: Some(by), ..Ask::default() }),
    ];
    for (each, ask) in lists {
        let weight = Ask::weight(&ask.encode_to_vec()).unwrap();
        assert!(weight >= MANY * each, "{weight} for {MANY} of {each}: {ask:.60?}");
    }
}

#[test]
fn one_value_in_another_is_followed_as_far_as_the_decoder_goes() {
    let nest = |depth: usize| {
        let mut value = AnyValue { value: Some(Any::ArrayValue(ArrayValue { values: many() })) };
        for _ in 0..depth {
            value = AnyValue { value: Some(Any::ArrayValue(ArrayValue { values: vec![value] })) };
        }
        of_attribute(value.value.unwrap())
    };
    assert!(weight(nest(20)) > MANY * size_of::<AnyValue>());
    let deep = Chunk::from(nest(200)).encode_to_vec();
    assert_eq!(Chunk::weight(&deep), Err(Garbage("a message too deep")));
}

#[test]
fn what_is_no_message_is_garbage_and_what_is_unknown_is_passed_over() {
    let mut unknown = Vec::new();
    encode_key(999, WireType::LengthDelimited, &mut unknown);
    encode_varint(3, &mut unknown);
    unknown.extend_from_slice(b"abc");
    encode_key(998, WireType::SixtyFourBit, &mut unknown);
    unknown.extend_from_slice(&[0; 8]);
    assert_eq!(Chunk::weight(&unknown), Ok(0));
    for end in 1..unknown.len() {
        let told = Chunk::weight(&unknown[..end]);
        assert!(told == Err(BROKEN) || end == unknown.len() - 10, "{told:?} at {end}");
    }
    let mut group = Vec::new();
    encode_key(1, WireType::StartGroup, &mut group);
    assert_eq!(Chunk::weight(&group), Err(Garbage("a group")));
}
