//! Formats whose loggers are not run for the corpus: lines as their documentation has them, the source beside each.

use super::{SPAN, TRACE, attributes, found, message, understand};

/// A line, and what is to be found in it: level's number, time, message, the exception's type.
struct Line {
    source: &'static str,
    line: String,
    level: i32,
    time: u64,
    message: &'static str,
    exception: &'static str,
}

const SECOND: u64 = 1_700_000_000_000_000_000;

fn lines() -> Vec<Line> {
    let line = |source, line: String, level, time, message, exception| Line {
        source,
        line,
        level,
        time,
        message,
        exception,
    };
    vec![
        line(
            "Serilog CompactJsonFormatter: github.com/serilog/serilog-formatting-compact",
            format!(r#"{{"@t":"2023-11-14T22:13:20.1234567Z","@mt":"Payment {{Id}} failed","@l":"Error","@x":"Shop.CardDeclined: insufficient funds\n   at Shop.Payment.Charge() in /src/Payment.cs:line 12","@tr":"{TRACE}","@sp":"{SPAN}","Id":4711}}"#),
            17, SECOND + 123_456_700, "Payment {Id} failed", "Shop.CardDeclined",
        ),
        line(
            "Serilog RenderedCompactJsonFormatter",
            format!(r#"{{"@t":"2023-11-14T22:13:20Z","@m":"Payment 4711 taken","@i":"b2f3c4d5","@tr":"{TRACE}","@sp":"{SPAN}"}}"#),
            9, SECOND, "Payment 4711 taken", "",
        ),
        line(
            "Serilog JsonFormatter",
            format!(r#"{{"Timestamp":"2023-11-14T22:13:20.0000000+00:00","Level":"Warning","MessageTemplate":"stock is low","TraceId":"{TRACE}","SpanId":"{SPAN}","Properties":{{"Sku":7}}}}"#),
            13, SECOND, "stock is low", "",
        ),
        line(
            "NLog JsonLayout with includeEventProperties: github.com/NLog/NLog/wiki/JsonLayout",
            format!(r#"{{ "time": "2023-11-14 22:13:20.0000", "level": "ERROR", "logger": "Shop.Payment", "message": "payment failed", "trace_id": "{TRACE}", "span_id": "{SPAN}", "exception": "Shop.CardDeclined: insufficient funds\r\n   at Shop.Payment.Charge()" }}"#),
            17, SECOND, "payment failed", "Shop.CardDeclined",
        ),
        line(
            "Microsoft.Extensions.Logging AddJsonConsole with ActivityTrackingOptions",
            format!(r#"{{"EventId":0,"LogLevel":"Warning","Category":"Shop.Stock","Timestamp":"2023-11-14T22:13:20Z","Message":"stock is low","State":{{"Message":"stock is low","{{OriginalFormat}}":"stock is low"}},"Scopes":[{{"Message":"SpanId:{SPAN}, TraceId:{TRACE}, ParentId:0000000000000000","SpanId":"{SPAN}","TraceId":"{TRACE}","ParentId":"0000000000000000"}}]}}"#),
            13, SECOND, "stock is low", "",
        ),
        line(
            "semantic_logger, formatter :json, with opentelemetry's named tags: logger.rocketjob.io/appenders.html",
            format!(r#"{{"host":"app-1","application":"Semantic Logger","environment":"production","timestamp":"2023-11-14T22:13:20.000000Z","level":"error","level_index":4,"pid":7,"thread":"main","name":"Payment","message":"payment failed","named_tags":{{"trace_id":"{TRACE}","span_id":"{SPAN}"}},"exception":{{"name":"CardDeclined","message":"insufficient funds","stack_trace":["payment.rb:3:in `charge'","payment.rb:9:in `<main>'"]}}}}"#),
            17, SECOND, "payment failed", "CardDeclined",
        ),
        line(
            "Google Cloud structured logging: cloud.google.com/logging/docs/structured-logging",
            format!(r#"{{"severity":"ERROR","message":"payment failed","timestamp":"2023-11-14T22:13:20Z","logging.googleapis.com/trace":"projects/my-project/traces/{TRACE}","logging.googleapis.com/spanId":"{SPAN}","logging.googleapis.com/trace_sampled":true,"logging.googleapis.com/sourceLocation":{{"file":"pay.go","line":"142","function":"charge"}}}}"#),
            17, SECOND, "payment failed", "",
        ),
        line(
            "Google Cloud with timestampSeconds",
            format!(r#"{{"severity":"NOTICE","message":"ok","timestampSeconds":1700000000,"timestampNanos":5,"logging.googleapis.com/trace":"{TRACE}","logging.googleapis.com/spanId":"{SPAN}"}}"#),
            9, SECOND + 5, "ok", "",
        ),
        line(
            "AWS Lambda Powertools: docs.powertools.aws.dev/lambda/python/latest/core/logger",
            r#"{"level":"ERROR","location":"handler:7","message":"payment failed","timestamp":"2023-11-14 22:13:20,000+0000","service":"payment","cold_start":true,"function_name":"pay","xray_trace_id":"1-4bf92f35-77b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","exception_name":"CardDeclined","exception":"Traceback (most recent call last):\n  File \"pay.py\", line 3, in charge\n    raise CardDeclined(\"insufficient funds\")\nCardDeclined: insufficient funds"}"#.to_owned(),
            17, SECOND, "payment failed", "CardDeclined",
        ),
        line(
            "AWS Lambda's own JSON format",
            format!(r#"{{"timestamp":"2023-11-14T22:13:20Z","level":"WARN","requestId":"79b4f56e-95b1-4643-9700-2807f4e68189","message":"stock is low","traceId":"{TRACE}","spanId":"{SPAN}"}}"#),
            13, SECOND, "stock is low", "",
        ),
        line(
            "Datadog log injection, 128 bits in hexadecimal: docs.datadoghq.com/tracing/other_telemetry/connect_logs_and_traces",
            format!(r#"{{"level":"error","message":"payment failed","timestamp":1700000000000,"dd":{{"trace_id":"{TRACE}","span_id":"67667974448284343","service":"payment","env":"prod","version":"1"}}}}"#),
            17, SECOND, "payment failed", "",
        ),
        line(
            "OpenTelemetry Python's ConsoleLogRecordExporter",
            format!("{{\n    \"body\": \"payment failed\",\n    \"severity_number\": 17,\n    \"severity_text\": \"ERROR\",\n    \"attributes\": {{}},\n    \"timestamp\": \"2023-11-14T22:13:20.000000Z\",\n    \"trace_id\": \"0x{TRACE}\",\n    \"span_id\": \"0x{SPAN}\",\n    \"trace_flags\": 1\n}}"),
            17, SECOND, "payment failed", "",
        ),
        line(
            "OpenTelemetry's JSON of one record, as the data model names its fields",
            format!(r#"{{"Timestamp":"1700000000000000000","ObservedTimestamp":"1700000000000000001","TraceId":"{TRACE}","SpanId":"{SPAN}","SeverityText":"ERROR","SeverityNumber":"17","Body":"payment failed"}}"#),
            17, SECOND, "payment failed", "",
        ),
        line(
            "journalctl -o json: systemd.journal-fields(7)",
            format!(r#"{{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1700000000999999","_SOURCE_REALTIME_TIMESTAMP":"1700000000000000","PRIORITY":"3","SYSLOG_IDENTIFIER":"payment","_PID":"7","MESSAGE":"payment failed","TRACE_ID":"{TRACE}","SPAN_ID":"{SPAN}"}}"#),
            17, SECOND, "payment failed", "",
        ),
        line(
            "ECS: elastic.co/guide/en/ecs-logging",
            format!(r#"{{"@timestamp":"2023-11-14T22:13:20.000Z","log.level":"error","message":"payment failed","ecs.version":"1.6.0","trace.id":"{TRACE}","span.id":"{SPAN}","error.type":"shop.CardDeclined","error.message":"insufficient funds","error.stack_trace":"shop.CardDeclined: insufficient funds\n\tat shop.Payment.charge(Payment.java:12)"}}"#),
            17, SECOND, "payment failed", "shop.CardDeclined",
        ),
        line(
            "text with ids in brackets",
            format!("2023-11-14T22:13:20Z ERROR [trace_id={TRACE}] [span_id={SPAN}] payment failed"),
            17, SECOND, "2023-11-14T22:13:20Z ERROR", "",
        ),
        line(
            "OpenTelemetry's Python logging instrumentation",
            format!("2023-11-14 22:13:20,000 ERROR [payment] [pay.py:3] [trace_id={TRACE} span_id={SPAN} resource.service.name=payment trace_sampled=True] - payment failed"),
            17, SECOND, "2023-11-14 22:13:20,000 ERROR", "",
        ),
        line(
            "text with a traceparent",
            format!("2023-11-14T22:13:20Z WARN stock is low traceparent=00-{TRACE}-{SPAN}-01"),
            13, SECOND, "2023-11-14T22:13:20Z WARN", "",
        ),
        line(
            "Datadog in text: [dd.service=… dd.trace_id=… dd.span_id=…]",
            format!("2023-11-14 22:13:20 ERROR [main] shop.Pay - [dd.service=payment dd.env=prod dd.trace_id={TRACE} dd.span_id=67667974448284343] payment failed"),
            17, SECOND, "2023-11-14 22:13:20 ERROR", "",
        ),
    ]
}

#[test]
fn documented_formats_are_understood() {
    let mut mistakes = Vec::new();
    for Line { source, line, level, time, message: said, exception } in lines() {
        let understood = understand(&line);
        let (trace, span, number) = found(&line);
        let time_found = understood.log.time_unix_nano;
        let thrown = attributes(&understood)["exception.type"].as_str().unwrap_or_default().to_owned();
        let all = [
            ("trace id", trace, TRACE.to_owned()),
            ("span id", span, SPAN.to_owned()),
            ("level", number.to_string(), level.to_string()),
            ("time", time_found.to_string(), time.to_string()),
            ("message", message(&understood).chars().take(said.chars().count()).collect(), said.to_owned()),
            ("exception", thrown, exception.to_owned()),
        ];
        for (what, found, expected) in all {
            if found != expected {
                mistakes.push(format!("{source}: {what} is {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(mistakes.is_empty(), "\n{}", mistakes.join("\n"));
}

#[test]
fn datadogs_ids_are_read_in_64_and_128_bits() {
    let cases = [
        ("1234567890123456789", "0000000000000000112210f47de98115"),
        // 128 bits: hexadecimal today, decimal of older tracers.
        (TRACE, TRACE),
        ("100985939111033328018442752961257817910", TRACE),
    ];
    for (written, expected) in cases {
        for line in [
            format!(r#"{{"dd.trace_id":"{written}","msg":"m"}}"#),
            format!(r#"{{"dd":{{"trace_id":"{written}"}},"msg":"m"}}"#),
            format!("INFO [dd.trace_id={written} dd.span_id=1] m"),
            format!("level=info dd.trace_id={written} msg=m"),
        ] {
            assert_eq!(found(&line).0, expected, "{line}");
        }
    }
}

#[test]
fn a_message_of_the_journal_that_is_no_text_is_read_from_its_bytes() {
    let bytes: Vec<String> = b"payment failed \x1b[0m".iter().map(u8::to_string).collect();
    let line = format!(
        r#"{{"PRIORITY":"3","__REALTIME_TIMESTAMP":"1700000000000000","MESSAGE":[{}]}}"#,
        bytes.join(",")
    );
    let understood = understand(&line);
    assert_eq!((message(&understood), understood.log.severity_number), ("payment failed \u{1b}[0m", 17));
}
