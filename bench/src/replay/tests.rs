use std::io::Write as _;

use super::*;

#[test]
fn a_service_is_its_pods_name_less_the_last_two_parts() {
    assert_eq!(service_of("ts-food-service-f5756978c-k8vqf"), "ts-food-service");
    assert_eq!(service_of("lonely"), "lonely");
}

#[test]
fn a_case_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = File::create(folder.path().join(name)).unwrap();
        let mut encoder = zstd::Encoder::new(file, 1).unwrap();
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap();
    };
    let spans = "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\n\
        898fbabdd1894463575af052c4cd7982,233d5101e107e112,root,a-b-c,/*,1,2,0\n";
    let logs = "Timestamp,TimeUnixNano,Node,PodName,Container,TraceID,SpanID,Log\n\
        t,1,n,a-b-c,server,89,23,\"{\"\"log\"\":\"\"18:19:13.461 ERROR x\\n\"\",\"\"stream\"\":\"\"stdout\"\"}\"\n";
    write("traces.csv.zst", spans);
    write("logs.csv.zst", logs);
    let case = Case::read(folder.path()).unwrap();
    let span = span(&case.spans[0]).unwrap();
    assert_eq!((span.trace_id.len(), span.span_id.len(), span.parent_span_id.len()), (16, 8, 0));
    assert_eq!(case.logs[0].text().unwrap(), "18:19:13.461 ERROR x\n");
    assert!(case.logs[0].is_error().unwrap());
    assert!(case.logs[0].log.starts_with("{\"log\":"));
}

#[test]
fn an_id_that_is_not_hex_is_an_error() {
    assert!(bytes_of("xy").is_err());
    assert!(bytes_of("abc").is_err());
}
