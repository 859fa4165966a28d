//! What the real nginx and Apache write, `tests/loggers/servers`, is understood without configuration.

use std::path::Path;

use spandrel_store::UnixNanos;

use super::{SPAN, TRACE, Understood, attributes, hex, message, understand_at};

fn lines(name: &str) -> Vec<Understood> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/loggers/servers/{name}.log"));
    let received = UnixNanos((DAY_OF_THE_RUN + 1) * DAY_NS);
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| understand_at(line.as_bytes(), received)).collect()
}

const DAY_NS: u64 = 86_400_000_000_000;
const DAY_OF_THE_RUN: u64 = 20_779;

/// The servers ran within a minute of this.
fn is_of_the_run(line: &Understood) -> bool {
    line.log.time_unix_nano / DAY_NS == DAY_OF_THE_RUN
}

#[test]
fn access_logs_tell_what_was_asked_and_answered() {
    for (name, last) in [("nginx_combined", 502), ("apache_combined", 503), ("apache_common", 503)] {
        let lines = lines(name);
        assert_eq!(lines.len(), 3);
        for (line, (path, status)) in lines.iter().zip([("/orders", 200), ("/missing", 404), ("/down", last)])
        {
            let attributes = attributes(line);
            assert_eq!(attributes["http.request.method"], "GET", "{name}");
            assert_eq!(attributes["url.path"], path, "{name}");
            assert_eq!(attributes["http.response.status_code"], status, "{name}");
            assert_eq!(attributes["client.address"], "127.0.0.1", "{name}");
            assert_eq!(line.log.severity_number, 0, "a status is no level");
            assert!(is_of_the_run(line), "{name}: {}", line.log.time_unix_nano);
            if name != "apache_common" {
                assert_eq!(attributes["user_agent.original"], "shop/1.0");
            }
        }
    }
}

#[test]
fn error_logs_have_their_levels() {
    let nginx = lines("nginx_error");
    assert!(nginx.iter().any(|line| message(line).contains("Connection refused")));
    let apache = lines("apache_error");
    assert!(apache.iter().any(|line| line.log.severity_number == 17), "the proxy's");
    assert!(apache.iter().any(|line| line.log.severity_number == 9), "the start");
    assert!(nginx.iter().all(|line| line.log.severity_number == 17));
    assert!(nginx.iter().chain(&apache).all(is_of_the_run));
}

#[test]
fn a_log_format_in_json_has_the_ids_of_its_traceparent() {
    let lines = lines("nginx_json");
    assert_eq!(lines.len(), 3);
    for line in lines {
        assert_eq!((hex(&line.log.trace_id), hex(&line.log.span_id)), (TRACE.to_owned(), SPAN.to_owned()));
        assert!(is_of_the_run(&line));
    }
}
