use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;
use spandrel_store::otlp::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, LogRecord, ResourceSpans, ScopeSpans, Span, Value, span,
};
use spandrel_store::{Flags, MemoryBudget, NewBody, NewRecord, RecordBody, UnixNanos};

use super::{plain, read};
use crate::admission::Admission;
use crate::normalise::{Normaliser, RecordLimits, attribute};
use crate::otlp::Signal;
use crate::refusal::Refusal;

fn normaliser(budget_bytes: usize) -> Normaliser {
    let limits = RecordLimits::of(&spandrel_config::Limits::default());
    let admission = Admission::new(&MemoryBudget::new(budget_bytes), std::time::Duration::ZERO).unwrap();
    Normaliser::new(UnixNanos::now(), limits, admission)
}

fn span(attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        start_time_unix_nano: 1_700_000_000_000_000_000,
        attributes,
        ..Span::default()
    }
}

fn request(span: Span) -> ExportTraceServiceRequest {
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }
}

fn read_span(span: Span) -> (Span, Flags, Normaliser) {
    let mut normaliser = normaliser(64 << 20);
    read(Signal::Traces, &request(span).encode_to_vec().into(), &mut normaliser).unwrap();
    let record = normaliser.records.remove(0);
    let RecordBody::Span(span) = record.body.decode().unwrap() else { panic!("a span was sent") };
    (*span, record.flags, normaliser)
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::IntValue(7), |inner, level| {
        if level % 2 == 0 {
            Value::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(inner) }] })
        } else {
            Value::KvlistValue(KeyValueList { values: vec![attribute("k", inner)] })
        }
    })
}

fn depth(value: &AnyValue) -> usize {
    match &value.value {
        Some(Value::ArrayValue(array)) => 1 + array.values.iter().map(depth).max().unwrap_or(0),
        Some(Value::KvlistValue(map)) => {
            1 + map.values.iter().filter_map(|kv| kv.value.as_ref()).map(depth).max().unwrap_or(0)
        }
        _ => 0,
    }
}

#[test]
fn nesting_within_the_limit_is_not_altered() {
    let sent = span(vec![attribute("deep", nested(24)), attribute("after", Value::BoolValue(true))]);
    let (kept, flags, normaliser) = read_span(sent.clone());
    assert_eq!(kept, sent);
    assert_eq!((flags, normaliser.cuts.nesting), (Flags::NONE, 0));
}

#[test]
fn two_hundred_levels_are_cut_and_counted_and_the_rest_stays() {
    let mut sent = span(vec![attribute("deep", nested(200)), attribute("after", Value::BoolValue(true))]);
    sent.events.push(span::Event { attributes: vec![attribute("e", nested(200))], ..Default::default() });
    let (kept, flags, normaliser) = read_span(sent.clone());
    assert_eq!(depth(kept.attributes[0].value.as_ref().unwrap()), 24);
    assert_eq!(kept.attributes[1], sent.attributes[1]);
    assert_eq!(depth(kept.events[0].attributes[0].value.as_ref().unwrap()), 24);
    assert!(flags.contains(Flags::CUT));
    assert_eq!(normaliser.cuts.nesting, 2);
}

#[test]
fn a_hundred_thousand_levels_do_not_overflow_the_stack() {
    // Each level is AnyValue{array_value: ArrayValue{values: …}}: written from the inside out.
    let mut headers = Vec::new();
    let mut length = 0;
    for level in 0..200_000 {
        let mut header = vec![if level % 2 == 0 { 0x0a } else { 0x2a }];
        prost::encoding::encode_varint(length as u64, &mut header);
        length += header.len();
        headers.push(header);
    }
    let deep: Vec<u8> = headers.into_iter().rev().flatten().collect();
    let field = |tag: u8, payload: &[u8]| {
        let mut field = vec![tag << 3 | 2];
        prost::encoding::encode_varint(payload.len() as u64, &mut field);
        field.extend_from_slice(payload);
        field
    };
    let attribute = field(9, &field(2, &deep));
    let mut span = span(Vec::new()).encode_to_vec();
    span.extend_from_slice(&attribute);
    let body = field(1, &field(2, &field(2, &span)));
    let mut normaliser = normaliser(64 << 20);
    read(Signal::Traces, &body.clone().into(), &mut normaliser).unwrap();
    assert_eq!(normaliser.cuts.nesting, 1);
    assert!(normaliser.records[0].flags.contains(Flags::CUT));
}

#[test]
fn attributes_beyond_the_limit_are_cut_nested_ones_counted() {
    let inner = (0..2_000).map(|n| AnyValue { value: Some(Value::IntValue(n)) }).collect();
    let sent = span(vec![
        attribute("first", Value::IntValue(1)),
        attribute("list", Value::ArrayValue(ArrayValue { values: inner })),
        attribute("last", Value::IntValue(1)),
    ]);
    let (kept, flags, normaliser) = read_span(sent);
    assert_eq!(kept.attributes.len(), 2);
    let Some(Value::ArrayValue(list)) = &kept.attributes[1].value.as_ref().unwrap().value else { panic!() };
    assert_eq!(list.values.len(), 1_022);
    assert_eq!(normaliser.cuts.attributes, 979);
    assert!(flags.contains(Flags::CUT));
}

#[test]
fn exactly_as_many_attributes_as_allowed_are_kept() {
    let sent = span((0..1_024).map(|n| attribute(&format!("k{n}"), Value::IntValue(n))).collect());
    let (kept, flags, _) = read_span(sent.clone());
    assert_eq!((kept, flags), (sent, Flags::NONE));
}

#[test]
fn a_long_string_is_cut_at_a_character() {
    let long = "ä".repeat(3 << 20);
    let (kept, flags, normaliser) = read_span(span(vec![attribute("text", Value::StringValue(long))]));
    let Some(Value::StringValue(text)) = &kept.attributes[0].value.as_ref().unwrap().value else { panic!() };
    assert_eq!(text.len(), 1 << 20);
    assert!(flags.contains(Flags::CUT));
    assert_eq!(normaliser.cuts.strings, 1);
}

#[test]
fn a_small_body_that_unfolds_beyond_the_budget_is_refused_for_good() {
    // Events of no bytes: two bytes each on the wire, many more in memory.
    let mut sent = span(Vec::new()).encode_to_vec();
    sent.extend(std::iter::repeat_n([0x5a, 0x00], 1_000_000).flatten());
    let field = |payload: &[u8], tag: u8| {
        let mut field = vec![tag << 3 | 2];
        prost::encoding::encode_varint(payload.len() as u64, &mut field);
        field.extend_from_slice(payload);
        field
    };
    let body = field(&field(&field(&sent, 2), 2), 1);
    let refusal = read(Signal::Traces, &body.clone().into(), &mut normaliser(16 << 20)).unwrap_err();
    assert!(matches!(refusal, Refusal::TooLarge { .. }), "{refusal}");
}

#[test]
fn malformed_bytes_are_refused() {
    for body in [&b"\xff"[..], b"\x0a\x05abc", b"\x0b", b"\x0c", b"not protobuf at all"] {
        let outcome = read(Signal::Traces, &body.to_vec().into(), &mut normaliser(1 << 20));
        assert!(matches!(outcome, Err(Refusal::Undecodable(_))), "{body:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        for signal in Signal::ALL {
            let _ = read(signal, &body.clone().into(), &mut normaliser(1 << 20));
        }
    }

    #[test]
    fn no_damage_to_a_good_body_panics(place in 0usize..200, byte in any::<u8>()) {
        let mut body = request(span(vec![attribute("a", nested(5))])).encode_to_vec();
        let place = place % body.len();
        body[place] = byte;
        let _ = read(Signal::Traces, &body.clone().into(), &mut normaliser(1 << 20));
    }

    #[test]
    fn what_is_within_the_limits_comes_out_as_it_went_in(levels in 0usize..24, count in 0usize..50, name in "\\PC{0,30}") {
        let mut sent = span((0..count).map(|n| attribute(&format!("{name}{n}"), nested(levels.min(20)))).collect());
        sent.name = name;
        prop_assume!(count * (levels + 1) <= 1_024);
        let (kept, _, _) = read_span(sent.clone());
        prop_assert_eq!(kept, sent);
    }
}

/// Values of every kind, some of which are not plain.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        ".{0,6}".prop_map(Value::StringValue),
        any::<i64>().prop_map(Value::IntValue),
        any::<bool>().prop_map(Value::BoolValue),
        prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY)].prop_map(Value::DoubleValue),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::BytesValue),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|values| {
                let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
                Value::ArrayValue(ArrayValue { values })
            }),
            prop::collection::vec(inner, 0..3).prop_map(|values| {
                let values = values.into_iter().map(|value| attribute("k", value)).collect();
                Value::KvlistValue(KeyValueList { values })
            }),
        ]
    })
}

fn any_id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(1u8.., length),
        1 => Just(vec![0; length]),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1_700_000_000_000_000_000..1_700_000_000_000_000_100u64, any::<u64>()]
}

fn any_attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    prop::collection::vec(("[a-c.]{0,3}", any_value()), 0..4)
        .prop_map(|list| list.into_iter().map(|(key, value)| attribute(&key, value)).collect())
}

prop_compose! {
    fn any_span()(
        ids in (any_id(16), any_id(8), prop_oneof![Just(Vec::new()), any_id(8)]),
        times in (any_time(), any_time(), any_time()),
        name in ".{0,5}",
        kind in -1..8,
        attributes in (any_attributes(), any_attributes()),
        status in prop::option::of((-1..4, ".{0,4}")),
        events in 0..3usize,
    ) -> Span {
        let event = span::Event { time_unix_nano: times.2, name: name.clone(), attributes: attributes.1, ..Default::default() };
        Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            name,
            kind,
            attributes: attributes.0,
            events: vec![event; events],
            status: status.map(|(code, message)| spandrel_store::otlp::Status { code, message }),
            ..Span::default()
        }
    }
}

prop_compose! {
    fn any_log()(
        ids in (any_id(16), any_id(8)),
        times in (any_time(), any_time()),
        severity in (-1..30, "(|INFO|warning|.{0,3})"),
        body in prop::option::of(any_value()),
        attributes in any_attributes(),
    ) -> LogRecord {
        LogRecord {
            trace_id: ids.0,
            span_id: ids.1,
            time_unix_nano: times.0,
            observed_time_unix_nano: times.1,
            severity_number: severity.0,
            severity_text: severity.1,
            body: body.map(|value| AnyValue { value: Some(value) }),
            attributes,
            ..LogRecord::default()
        }
    }
}

/// The record that is kept of an encoded one, on the plain way and on the careful one.
fn both_ways(signal: Signal, bytes: Vec<u8>) -> Option<(NewRecord<NewBody>, NewRecord<NewBody>)> {
    let bytes = bytes::Bytes::from(bytes);
    let mut plain = normaliser(1 << 20);
    let mut careful = normaliser(1 << 20);
    let resource = plain.resource(None, String::new(), Flags::NONE);
    let context = plain.scope(&resource, None, String::new(), Flags::NONE);
    match signal {
        Signal::Traces => {
            let found = plain::span(&bytes, &plain.limits)?;
            plain.plain_span(&context, &found, bytes.clone()).unwrap();
            let span = Span::decode(bytes).expect("what is plain can be decoded");
            careful.span(&context, span, Flags::NONE).unwrap();
        }
        _ => {
            let found = plain::log(&bytes, &plain.limits)?;
            plain.plain_log(&context, &found, bytes.clone()).unwrap();
            let log = LogRecord::decode(bytes).expect("what is plain can be decoded");
            careful.log(&context, log, Flags::NONE, None).unwrap();
        }
    }
    Some((plain.records.remove(0), careful.records.remove(0)))
}

fn assert_alike(both: Option<(NewRecord<NewBody>, NewRecord<NewBody>)>) {
    let Some((plain, careful)) = both else { return };
    // Encoded, for NaN is not equal to itself.
    let encoded = |record: &NewRecord<NewBody>| match record.body.decode().unwrap() {
        RecordBody::Span(span) => span.encode_to_vec(),
        RecordBody::Log(log) => log.encode_to_vec(),
    };
    assert_eq!(encoded(&plain), encoded(&careful));
    assert_eq!((plain.level, plain.flags), (careful.level, careful.flags));
}

#[test]
fn usual_spans_and_logs_are_plain() {
    let span = span(vec![attribute("a", Value::StringValue("b".into())), attribute("n", Value::IntValue(7))]);
    assert!(both_ways(Signal::Traces, span.encode_to_vec()).is_some());
    let body = Some(AnyValue { value: Some(Value::StringValue("hello".into())) });
    let log = LogRecord { body, severity_number: 9, time_unix_nano: 7, ..LogRecord::default() };
    assert!(both_ways(Signal::Logs, log.encode_to_vec()).is_some());
}

#[test]
fn what_is_odd_is_not_plain() {
    let limits = normaliser(1 << 20).limits;
    let good = span(Vec::new()).encode_to_vec();
    assert!(plain::span(&good, &limits).is_some());
    let with = |more: &[u8]| [good.as_slice(), more].concat();
    // A second trace id, an unknown field, a name that is not UTF-8, a kind as bytes, a torn field.
    let second = [&[0x0a, 16][..], &[1; 16]].concat();
    for more in [second.as_slice(), &[0xf8, 0x3f, 1], &[0x2a, 1, 0xff], &[0x32, 0], &[0x4a, 9, 1]] {
        assert_eq!(plain::span(&with(more), &limits), None, "{more:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_plain_span_is_what_the_careful_way_makes_of_it(span in any_span()) {
        assert_alike(both_ways(Signal::Traces, span.encode_to_vec()));
    }

    #[test]
    fn a_plain_log_is_what_the_careful_way_makes_of_it(log in any_log()) {
        assert_alike(both_ways(Signal::Logs, log.encode_to_vec()));
    }

    #[test]
    fn whatever_is_plain_can_be_decoded(
        span in any_span(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = span.encode_to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        assert_alike(both_ways(Signal::Traces, bytes));
    }
}
