//! Whatever comes is a record: what is broken, deep or large, and anything at all.

use proptest::prelude::*;

use super::*;

#[test]
fn invalid_utf8_is_kept_and_flagged() {
    let text = understand_bytes(b"ERROR caf\xe9");
    assert!(text.flags.contains(Flags::INVALID_UTF8));
    assert_eq!(message(&text), "ERROR caf\u{fffd}");
    let json = understand_bytes(b"{\"msg\":\"caf\xe9\",\"level\":\"info\"}");
    assert_eq!(json.flags, Flags::INVALID_UTF8);
    assert_eq!((message(&json), json.log.severity_number), ("caf\u{fffd}", 9));
}

#[test]
fn deep_nesting_is_cut_without_recursion() {
    let levels = 200_000;
    let line = format!(r#"{{"msg":"deep","a":{}{}}}"#, r#"{"a":"#.repeat(levels) + "1", "}".repeat(levels));
    let understood = understand(&line);
    assert_eq!(message(&understood), "deep");
    assert!(understood.flags.contains(Flags::CUT));
    let arrays = "[".repeat(levels);
    assert!(understand(&arrays).flags.contains(Flags::NOT_JSON));
}

#[test]
fn many_keys_are_cut() {
    let keys: Vec<String> = (0..100_000).map(|n| format!(r#""k{n}":{n}"#)).collect();
    let limits = RecordLimits::of(&spandrel_config::Limits::default());
    let mut cuts = Cuts::default();
    let line = format!("{{{}}}", keys.join(","));
    let understood = LineReader { limits: &limits, rules: &rules(), cuts: &mut cuts }
        .understand(line.as_bytes(), RECEIVED);
    assert_eq!(understood.log.attributes.len(), 1_024);
    assert_eq!(cuts.attributes, 100_000 - 1_024);
    assert!(understood.flags.contains(Flags::CUT));
}

fn keys(count: usize) -> String {
    (0..count).map(|number| format!(r#""k{number}":{number},"#)).collect()
}

fn understand_counting(line: &str, config: &spandrel_config::Config) -> (Understood, u64) {
    let mut cuts = Cuts::default();
    let limits = RecordLimits::of(&config.limits);
    let rules = Rules::of(&config.logs);
    let mut reader = LineReader { limits: &limits, rules: &rules, cuts: &mut cuts };
    let understood = reader.understand(line.as_bytes(), RECEIVED);
    (understood, cuts.attributes)
}

#[test]
fn what_every_log_has_is_found_behind_any_number_of_keys() {
    let behind = format!(
        r#""message":"paid","level":"error","ts":1700000000,"service":"shop","ctx":{{"trace_id":"{TRACE}","a":1,"in":{{"span_id":"{SPAN}"}}}}"#
    );
    let line = format!("{{{}{behind}}}", keys(5_000));
    let (understood, cut) = understand_counting(&line, &Default::default());
    assert_eq!(message(&understood), "paid");
    assert_eq!((hex(&understood.log.trace_id), hex(&understood.log.span_id)), (TRACE.into(), SPAN.into()));
    assert_eq!((understood.log.severity_number, understood.log.time_unix_nano), (17, RECEIVED.0));
    assert_eq!(understood.service.as_deref(), Some("shop"));
    assert_eq!(understood.log.attributes.len(), 1_024);
    assert_eq!(cut, 5_000 - 1_024 + 2, "the keys, `service`, and `ctx` as one");
    assert_eq!(understood.flags, Flags::CUT);
}

#[test]
fn what_is_understood_behind_the_limit_is_not_cut() {
    let line = format!(r#"{{{}"level":"error","msg":"paid"}}"#, keys(1_024));
    let (understood, cut) = understand_counting(&line, &Default::default());
    assert_eq!((message(&understood), understood.log.severity_number, cut), ("paid", 17, 0));
    assert_eq!((understood.log.attributes.len(), understood.flags), (1_024, Flags::NONE));
    // What is not understood is cut as any other.
    let line = format!(r#"{{"msg":"paid",{}"text":"also","level":[1]}}"#, keys(1_024));
    let (understood, cut) = understand_counting(&line, &Default::default());
    assert_eq!((message(&understood), understood.log.severity_number, cut), ("paid", 0, 3));
    assert_eq!((understood.log.attributes.len(), understood.flags), (1_023, Flags::CUT));
}

#[test]
fn the_keys_of_an_object_inside_may_be_too_many_too() {
    let line = format!(
        r#"{{"mdc":{{{}"trace_id":"{TRACE}"}},"level":"warn","sev":"fatal","log":"x"}}"#,
        keys(2_000)
    );
    let config =
        spandrel_config::Config::from_yaml("logs: { fields: { level: [sev] } }", &[], &|_| None).unwrap();
    let (understood, _) = understand_counting(&line, &config);
    assert_eq!((hex(&understood.log.trace_id), understood.log.severity_number), (TRACE.into(), 21));
    assert_eq!(attributes(&understood)["mdc"].as_object().unwrap().len(), 1_023);
    assert!(attributes(&understood)["mdc"].get("trace_id").is_none());
}

#[test]
fn one_name_again_and_again_takes_no_memory_without_end() {
    let line = format!("{{{}{}\"level\":\"info\"}}", keys(1_024), r#""trace_id":"x","#.repeat(100_000));
    let (understood, cut) = understand_counting(&line, &Default::default());
    assert_eq!((understood.log.attributes.len(), cut > 99_000), (1_024, true));
}

proptest! {
    #[test]
    fn any_bytes_are_a_record(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        understand_bytes(&line);
    }

    #[test]
    fn any_text_of_the_usual_pieces_is_a_record(pieces in proptest::collection::vec(pieces(), 0..20)) {
        let line: String = pieces.concat();
        let understood = understand(&line);
        prop_assert!(matches!(understood.log.trace_id.len(), 0 | 16));
        prop_assert!(matches!(understood.log.span_id.len(), 0 | 8));
    }

    #[test]
    fn any_json_object_is_a_record(line in object()) {
        let understood = understand(&line);
        prop_assert!(!understood.flags.contains(Flags::NOT_JSON));
    }
}

fn pieces() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("trace_id=".to_owned()),
        Just(format!("{TRACE}-{SPAN}")),
        Just("SpanID: ".to_owned()),
        Just("[".to_owned()),
        Just("] ".to_owned()),
        Just("level=".to_owned()),
        Just("ERROR ".to_owned()),
        Just("\u{1b}[31m".to_owned()),
        Just("<11>".to_owned()),
        Just("2023-11-14T22:13:20Z ".to_owned()),
        "[0-9a-f]{0,40}",
        "\\PC{0,8}",
    ]
}

fn object() -> impl Strategy<Value = String> {
    let keys = prop_oneof![
        Just("trace_id".to_owned()),
        Just("span.id".to_owned()),
        Just("level".to_owned()),
        Just("time".to_owned()),
        Just("log".to_owned()),
        Just("stream".to_owned()),
        Just("msg".to_owned()),
        "\\PC{0,6}",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,40}".prop_map(Into::into),
    ];
    let value = leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::vec(("\\PC{0,6}", inner), 0..6)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    });
    proptest::collection::vec((keys, value), 0..8)
        .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect()).to_string())
}
