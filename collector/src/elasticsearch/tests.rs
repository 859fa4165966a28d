use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use spandrel_store::{MemoryBudget, RecordBody};

use super::{Fault, Item, Verb, gather, items};
use crate::admission::Admission;
use crate::entries::Gathering;
use crate::refusal::Refusal;

fn admission(bytes: usize) -> Admission {
    Admission::new(&MemoryBudget::new(bytes), Duration::ZERO).unwrap()
}

fn read(body: impl Into<Bytes>) -> Result<Vec<Item>, Refusal> {
    items(&body.into(), Some("of-the-path"), &mut admission(16 << 20))
}

#[test]
fn actions_and_documents_alternate() {
    let body = "{\"index\":{}}\n{\"a\":1}\r\n\n{ \"create\": {\"_index\":\"logs\",\"_id\":\"x\\u0041\",\"pipeline\":\"p\"} }\n\
                {\"b\":2}\n{\"create\":{\"_id\":17}}\n{\"c\":3}";
    let items = read(body).unwrap();
    let seen: Vec<_> = items
        .iter()
        .map(|item| (item.verb, &*item.index, item.id.as_deref(), item.document.as_deref().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            (Verb::Index, "of-the-path", None, &b"{\"a\":1}"[..]),
            (Verb::Create, "logs", Some("xA"), b"{\"b\":2}"),
            (Verb::Create, "of-the-path", Some("17"), b"{\"c\":3}"),
        ]
    );
}

#[test]
fn what_cannot_be_done_with_an_item_is_its_own_fault() {
    let body = "{\"update\":{\"_id\":\"1\"}}\n{\"doc\":{}}\n{\"delete\":{\"_id\":\"2\"}}\n{\"index\":{}}\n[1]\n\
                {\"index\":{}}\nnot json\n{\"index\":{}}\n{\"good\":true}\n{\"index\":{}}\n";
    let faults: Vec<_> = read(body).unwrap().into_iter().map(|item| item.document.err()).collect();
    let (unsupported, no_object) = (Some(Fault::Unsupported), Some(Fault::NoObject));
    assert_eq!(faults, [unsupported, unsupported, no_object, no_object, None, no_object]);
}

#[test]
fn a_line_that_is_no_action_refuses_the_body_and_is_named() {
    let bodies = [
        ("{\"a\":1}\n", "line 1"),
        ("{\"index\":{}}\n{}\nnothing\n", "line 3"),
        ("{\"index\":{},\"create\":{}}\n{}\n", "line 1"),
        ("{}\n", "line 1"),
        ("[]\n", "line 1"),
    ];
    for (body, told) in bodies {
        let refusal = read(body).unwrap_err().to_string();
        assert!(refusal.contains(told), "{body}: {refusal}");
    }
}

#[test]
fn a_body_of_next_to_nothing_per_item_stays_within_memory() {
    let body = Bytes::from("{\"index\":{}}\n{}\n".repeat(1 << 20));
    let refusal = items(&body, None, &mut admission(8 << 20)).unwrap_err();
    assert!(matches!(refusal, Refusal::TooLarge { .. }), "{refusal}");
}

#[test]
fn documents_are_understood_as_log_lines() {
    let document = r#"{"@timestamp":"2023-11-14T22:13:20.5Z","log.level":"error","message":"sold out","trace":{"id":"4bf92f3577b34da6a3ce929d0e0e4736"},"service":{"name":"stock"}}"#;
    let items = read(format!("{{\"create\":{{\"_index\":\"logs-shop\"}}}}\n{document}\n")).unwrap();
    let mut gathering = Gathering::for_tests(16 << 20);
    gather(&items, &mut gathering).unwrap();
    let record = gathering.records().remove(0);
    assert_eq!(record.resource.service(), "stock");
    assert_eq!(record.original.as_deref(), Some(document.as_bytes()));
    let RecordBody::Log(log) = record.body.decode().unwrap() else { panic!("it is a log") };
    assert_eq!((log.time_unix_nano, log.trace_id.len()), (1_700_000_000_500_000_000, 16));
    assert_eq!(log.attributes.last().unwrap().key, "elasticsearch.index");
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(body);
    }

    #[test]
    fn every_document_is_a_part_of_the_body_and_none_is_lost(
        documents in prop::collection::vec("[ -~]{0,16}", 0..8),
        verbs in prop::collection::vec(0usize..3, 8),
    ) {
        let mut body = String::new();
        for (document, verb) in documents.iter().zip(&verbs) {
            let verb = ["index", "create", "update"][*verb];
            body.push_str(&format!("{{\"{verb}\":{{}}}}\n{{\"m\":{}}}\n", serde_json::to_string(document).unwrap()));
        }
        let items = read(body.clone()).unwrap();
        prop_assert_eq!(items.len(), documents.len());
        for item in items {
            match item.document {
                Ok(document) => prop_assert!(body.contains(std::str::from_utf8(&document).unwrap())),
                Err(fault) => prop_assert_eq!((item.verb, fault), (Verb::Update, Fault::Unsupported)),
            }
        }
    }
}
