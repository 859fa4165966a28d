use proptest::prelude::*;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn ingest(text: &str, digits: Digits) -> String {
    match TraceContext::from_text(text, digits) {
        Ok(TraceContext { trace_id, span_id: Some(span) }) => format!("{trace_id} {span}"),
        Ok(TraceContext { trace_id, span_id: None }) => trace_id.to_string(),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn every_notation_is_read_at_ingest() {
    let both = format!("{TRACE} {SPAN}");
    let table = [
        (TRACE, TRACE),
        ("4BF92F3577B34DA6A3CE929D0E0E4736", TRACE),
        ("  4bf92f3577b34da6a3ce929d0e0e4736\n", TRACE),
        ("0x4bf92f3577b34da6a3ce929d0e0e4736", TRACE),
        ("0X4BF92F3577B34DA6A3CE929D0E0E4736", TRACE),
        ("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", TRACE),
        ("4bf92f3577b34da6-a3ce929d0e0e4736-", "Unknown"),
        ("4bf92f35-77b34da6-a3ce929d-0e0e4736", TRACE),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &both),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", &both),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Unknown"),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", "Unknown"),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", TRACE),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", "Zero"),
        ("4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", &both),
        ("4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1", &both),
        ("4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-d-05e3ac9a4f6e3b90", &both),
        ("a3ce929d0e0e4736-00f067aa0ba902b7-0", "0000000000000000a3ce929d0e0e4736 00f067aa0ba902b7"),
        ("1-4bf92f35-77b34da6a3ce929d0e0e4736", TRACE),
        ("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736", TRACE),
        ("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1", &both),
        ("Self=1-67891234-12456789abcdef012345678; Root=1-4bf92f35-77b34da6a3ce929d0e0e4736", TRACE),
        ("projects/my-shop/traces/4bf92f3577b34da6a3ce929d0e0e4736", TRACE),
        ("4bf92f3577b34da6a3ce929d0e0e4736/67667974448284343;o=1", &both),
        ("4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1", &both),
        ("4bf92f3577b34da6a3ce929d0e0e4736%3A00f067aa0ba902b7%3A0%3A1", &both),
        (
            "a3ce929d0e0e4736:f067aa0ba902b7:5e3ac9a4f6e3b90:3",
            "0000000000000000a3ce929d0e0e4736 00f067aa0ba902b7",
        ),
        ("07:40:00", "Unknown"),
        ("a:b:c:d:e", "Unknown"),
        ("a:b:c:xyz", "Unknown"),
        // More digits than hexadecimal has for an id.
        ("100985939111033328018442752961257817910", TRACE),
        ("999985939111033328018442752961257817910", "Unknown"),
        ("a3ce929d0e0e4736", "0000000000000000a3ce929d0e0e4736"),
        ("0xa", "0000000000000000000000000000000a"),
        ("7", "00000000000000000000000000000007"),
        ("4711", "00000000000000000000000000004711"),
        ("", "Empty"),
        ("  ", "Empty"),
        ("0", "Zero"),
        ("0x", "Unknown"),
        ("+1f", "Unknown"),
        ("-1", "Unknown"),
        ("00000000000000000000000000000000", "Zero"),
        ("04bf92f3577b34da6a3ce929d0e0e4736", "Unknown"),
        ("xyz", "Unknown"),
        ("4bf92f3577b34da6a3ce929d0e0e473ö", "Unknown"),
        ("projects/my-shop/traces/", "Unknown"),
        ("2-4bf92f35-77b34da6a3ce929d0e0e4736", "Unknown"),
    ];
    for (text, expected) in table {
        assert_eq!(ingest(text, Digits::Hex), expected, "{text:?}");
    }
}

#[test]
fn digits_alone_are_decimal_under_datadogs_keys_only() {
    let table = [
        ("4711", "00000000000000000000000000001267"),
        ("18446744073709551615", "0000000000000000ffffffffffffffff"),
        ("100985939111033328018442752961257817910", TRACE),
        ("340282366920938463463374607431768211455", "ffffffffffffffffffffffffffffffff"),
        ("340282366920938463463374607431768211456", "Unknown"),
        ("640cfd8d00000000abcdabcdabcdabcd", "640cfd8d00000000abcdabcdabcdabcd"),
        ("0", "Zero"),
    ];
    for (text, expected) in table {
        assert_eq!(ingest(text, Digits::Decimal), expected, "{text:?}");
    }
}

#[test]
fn span_ids_are_read_in_their_notations() {
    let read = |text, digits| SpanId::from_text(text, digits).map(|id| id.to_string());
    assert_eq!(read("00F067AA0BA902B7", Digits::Hex).as_deref(), Ok(SPAN));
    assert_eq!(read("0xf067aa0ba902b7", Digits::Hex).as_deref(), Ok(SPAN));
    assert_eq!(read("67667974448284343", Digits::Decimal).as_deref(), Ok(SPAN));
    assert_eq!(read("67667974448284343", Digits::Hex), Err(NotAnId::Unknown));
    assert_eq!(read("4711", Digits::Hex).as_deref(), Ok("0000000000004711"));
    assert_eq!(read("4711", Digits::Decimal).as_deref(), Ok("0000000000001267"));
    assert_eq!(read("18446744073709551616", Digits::Decimal), Err(NotAnId::Unknown));
    assert_eq!(read(TRACE, Digits::Hex), Err(NotAnId::Unknown));
    assert_eq!(read("0000000000000000", Digits::Hex), Err(NotAnId::Zero));
    assert_eq!(read("", Digits::Hex), Err(NotAnId::Empty));
}

#[test]
fn a_question_tries_every_reading() {
    let asked = |text| {
        TraceIdMatch::parse(text).map(|wanted| {
            (wanted.exact.iter().map(TraceId::to_string).collect::<Vec<_>>().join(" "), wanted.low64)
        })
    };
    assert_eq!(asked(TRACE), Ok((TRACE.to_owned(), vec![])));
    assert_eq!(asked("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736"), Ok((TRACE.to_owned(), vec![])));
    assert_eq!(asked("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap().0, TRACE);
    assert_eq!(
        asked("a3ce929d0e0e4736"),
        Ok(("0000000000000000a3ce929d0e0e4736".to_owned(), vec![0xa3ce929d0e0e4736]))
    );
    assert_eq!(
        asked("4711"),
        Ok((
            "00000000000000000000000000004711 00000000000000000000000000001267".to_owned(),
            vec![0x4711, 4711]
        ))
    );
    assert_eq!(asked("7"), Ok(("00000000000000000000000000000007".to_owned(), vec![7])));
    assert_eq!(
        asked("100985939111033328018442752961257817910"),
        Ok((TRACE.to_owned(), vec![])),
        "too long for hexadecimal"
    );
    assert_eq!(asked("0"), Err(NotAnId::Zero));
    assert_eq!(asked(""), Err(NotAnId::Empty));
    assert_eq!(asked("order-4711"), Err(NotAnId::Unknown));
}

#[test]
fn a_64_bit_id_finds_the_128_bit_trace_that_ends_in_it() {
    let trace = TraceId::from_text(TRACE, Digits::Hex).unwrap();
    for question in ["a3ce929d0e0e4736", "0000000000000000a3ce929d0e0e4736", "11803532876627986230"] {
        assert!(TraceIdMatch::parse(question).unwrap().matches(trace), "{question}");
    }
    assert!(!TraceIdMatch::parse("a3ce929d0e0e4737").unwrap().matches(trace));
}

proptest! {
    #[test]
    fn no_text_panics_and_no_id_is_zero(text in r"\PC{0,80}|[-0-9a-fA-FxX=;/]{0,80}") {
        for digits in [Digits::Hex, Digits::Decimal] {
            if let Ok(context) = TraceContext::from_text(&text, digits) {
                prop_assert_ne!(context.trace_id, TraceId::default());
                prop_assert_ne!(context.span_id, Some(SpanId::default()));
            }
            if let Ok(id) = SpanId::from_text(&text, digits) {
                prop_assert_ne!(id, SpanId::default());
            }
        }
        if let Ok(wanted) = TraceIdMatch::parse(&text) {
            prop_assert!(!wanted.exact.is_empty() && !wanted.exact.contains(&TraceId::default()));
        }
    }

    #[test]
    fn an_id_is_read_back_from_every_notation(trace in 1u128.., span in 1u64..) {
        let (id, span_id) = (TraceId(trace.to_be_bytes()), SpanId(span.to_be_bytes()));
        let (time, rest) = (trace >> 96, trace & ((1 << 96) - 1));
        let hex = format!("{id}");
        let uuid = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        let alone = [hex, format!("{trace:#x}"), format!("{trace:X}"), uuid, format!("1-{time:08x}-{rest:024x}")];
        for text in alone {
            let context = TraceContext { trace_id: id, span_id: None };
            prop_assert_eq!(TraceContext::from_text(&text, Digits::Hex), Ok(context), "{}", text);
            prop_assert!(TraceIdMatch::parse(&text).unwrap().matches(id));
        }
        for text in [format!("00-{id}-{span_id}-01"), format!("{id}-{span_id}-1"), format!("{id}/{span};o=1")] {
            let context = TraceContext { trace_id: id, span_id: Some(span_id) };
            prop_assert_eq!(TraceContext::from_text(&text, Digits::Hex), Ok(context), "{}", text);
        }
        prop_assert_eq!(TraceId::from_text(&trace.to_string(), Digits::Decimal), Ok(id));
        prop_assert_eq!(SpanId::from_text(&span.to_string(), Digits::Decimal), Ok(span_id));
        prop_assert!(TraceIdMatch::parse(&trace.to_string()).unwrap().matches(id));
    }
}
