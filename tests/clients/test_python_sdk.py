"""The Python SDK's traces and logs come back field for field, over each of its protocols and compressions."""

import logging
import math
import time

import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

import otlp
from python_sdk import COMPRESSIONS, PROTOCOLS, Sdk

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
UNICODE = "Größe 尺寸 🚀 e\u0301 \u202e \u0000 \u2028"

ATTRIBUTES = {
    "text": "plain",
    "text.unicode": UNICODE,
    "text.empty": "",
    "text.long": "0123456789" * 10_000,
    "Ключ 🔑": "a key of another script",
    "bool": True,
    "bool.false": False,
    "int": 42,
    "int.zero": 0,
    "int.min": INT64_MIN,
    "int.max": INT64_MAX,
    "int.beyond.double": 2**53 + 1,
    "double": 0.1,
    "double.whole": 3.0,
    "double.negative.zero": -0.0,
    "double.least": 5e-324,
    "double.greatest": 1.7976931348623157e308,
    "double.nan": math.nan,
    "double.inf": math.inf,
    "double.minus.inf": -math.inf,
    "texts": ["a", "", UNICODE],
    "bools": [True, False],
    "ints": [INT64_MIN, 0, INT64_MAX],
    "doubles": [0.5, -1e300, math.inf],
    "empty": [],
}
NOT_FINITE = ("double.nan", "double.inf", "double.minus.inf", "doubles")
PLAIN_KEYS = [key for key in ATTRIBUTES if key not in NOT_FINITE]
BODY = {
    "event": "charge",
    "amount": {"minor": INT64_MAX, "currency": "EUR", "rates": [1.5, -0.0]},
    "blob": bytes(range(256)),
    "nothing": None,
    "mixed": ["a", 1, False, None, {"deep": [[]]}],
    "text": UNICODE,
}
RESOURCE = Resource(
    {"service.name": "checkout", "service.instance.id": "checkout-7d9f", "replicas": 3, "zones": ["a", "b"]},
    "https://opentelemetry.io/schemas/1.27.0",
)
CASES = [(protocol, compression) for protocol in PROTOCOLS for compression in COMPRESSIONS[protocol]]


@pytest.fixture(params=CASES, ids="-".join)
def sdk(request, sidecar):
    sdk = Sdk.to(sidecar, *request.param, RESOURCE)
    sdk.receiver = "otlp_grpc" if request.param[0] == "grpc" else "otlp_http"
    return sdk


def remote_parent() -> SpanContext:
    """The caller's span as a propagator would have it from the request's headers."""
    return SpanContext(
        trace_id=int.from_bytes(otlp.new_trace_id(), "big"),
        span_id=0x00F067AA0BA902B7,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState([("vendor", "t61rcWkgMzE"), ("rojo", "00f067aa0ba902b7")]),
    )


def send_everything(sdk: Sdk, parent: SpanContext):
    """One trace with every feature of the SDK's data model."""
    tracer = sdk.tracers.get_tracer("checkout.lib", "1.2.3", "https://example.org/schema", {"scope.flag": True})
    logger = sdk.loggers.get_logger("checkout.log", "4.5", "https://example.org/logs", {"scope.n": 7})
    context = trace.set_span_in_context(NonRecordingSpan(parent))
    other = SpanContext(2**127 + 1, 2**63 + 1, True, TraceFlags(1), TraceState([("k", "v")]))
    links = [Link(parent, {"link.kind": "follows"}), Link(other)]
    now = time.time_ns()
    with tracer.start_as_current_span("entry", context, SpanKind.SERVER, ATTRIBUTES, links) as entry:
        entry.add_event("cache miss", {"key": "user:1", "sizes": [1, 2]}, timestamp=now)
        entry.add_event("no attributes")
        for kind in (SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.INTERNAL):
            with tracer.start_as_current_span(f"a {kind.name} {UNICODE}", kind=kind) as child:
                child.set_status(Status(StatusCode.OK))
        with pytest.raises(ValueError), tracer.start_as_current_span("failing"):
            raise ValueError("the card was declined")
        in_span = trace.set_span_in_context(entry)
        for number in (SeverityNumber.TRACE, SeverityNumber.INFO, SeverityNumber.WARN3, SeverityNumber.FATAL4):
            logger.emit(
                LogRecord(
                    timestamp=now + number.value,
                    observed_timestamp=now + 1_000,
                    context=in_span,
                    severity_text=f"as the logger says: {number.name}",
                    severity_number=number,
                    body=BODY,
                    attributes={**ATTRIBUTES, "nested": BODY},
                    event_name="checkout.charged",
                )
            )
        logger.emit(LogRecord(timestamp=now, context=in_span, body="only a text", severity_number=SeverityNumber.ERROR))
        logger.emit(LogRecord(timestamp=now + 1, context=in_span))
        sdk.loggers.get_logger("bare").emit(LogRecord(context=in_span, body=12.5))
    sdk.tracers.get_tracer("bare").start_span("in another scope", trace.set_span_in_context(entry)).end()


def test_every_field_comes_back_as_it_was_sent(sdk, sidecar):
    parent = remote_parent()
    before = {signal: sidecar.accepted(receiver=sdk.receiver, signal=signal) for signal in ("traces", "logs")}
    send_everything(sdk, parent)
    sdk.shutdown()
    traces, logs = sdk.sent()
    otlp.assert_same(sidecar, traces, logs)
    for signal, count in (("traces", 7), ("logs", 7)):
        assert sidecar.accepted(receiver=sdk.receiver, signal=signal) == before[signal] + count
    check_trace(sidecar, parent)
    check_search(sidecar, parent)
    check_errors(sidecar, parent)


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
def test_every_field_is_there_after_a_restart(start, end):
    sidecar = start()
    parent = remote_parent()
    sdk = Sdk.to(sidecar, "grpc", "gzip", RESOURCE)
    send_everything(sdk, parent)
    sdk.shutdown()
    before = sidecar.trace(f"{parent.trace_id:032x}")
    for _ in range(2):
        if end == "SIGTERM":
            sidecar.stop()
        else:
            sidecar.kill()
        sidecar.start()
        otlp.assert_same(sidecar, *sdk.sent())
        assert sidecar.trace(f"{parent.trace_id:032x}") == before
        check_search(sidecar, parent)
        check_errors(sidecar, parent)


def test_an_exception_in_the_standard_librarys_logger_is_an_error_of_the_trace(sdk, sidecar):
    log = logging.getLogger(f"orders.{time.monotonic_ns()}")
    log.propagate = False
    log.addHandler(LoggingHandler(logger_provider=sdk.loggers, log_code_attributes=True))
    with sdk.tracers.get_tracer("orders").start_as_current_span("place order") as span:
        try:
            raise KeyError("no stock of 4711")
        except KeyError:
            log.exception("cannot place the %s", "order", extra={"order.id": 4711})
    sdk.shutdown()
    trace_id = f"{span.get_span_context().trace_id:032x}"
    otlp.assert_same(sidecar, *sdk.sent())
    [found] = sidecar.search(f"trace_id:{trace_id} AND order.id:4711 AND level:error")
    assert (found["message"], found["severity_text"]) == ("cannot place the order", "ERROR")
    assert found["attributes"]["code.function.name"].endswith("error_of_the_trace")
    answer = sidecar.errors(trace_id)
    [error] = answer["errors"]
    assert error["message"] == "cannot place the order" and error["operation"] == "place order"
    assert error["exception"]["type"] == "KeyError" and "no stock of 4711" in error["exception"]["stacktrace"]
    assert answer["root_cause"]["records"] == [found["id"]], "no span says that it failed, a log does"


def check_trace(sidecar, parent: SpanContext):
    """The native answer says the same in its own shape."""
    answer = sidecar.trace(f"{parent.trace_id:032x}")
    assert answer["trace_id"] == f"{parent.trace_id:032x}"
    assert answer["services"] == ["checkout"]
    assert "missing_parent" in answer["flags"], "the caller's span is nowhere"
    assert answer["coverage"] == {"complete": True, "asked": 1, "answered": 1, "missing": []}
    assert len(answer["spans"]) == 7 and len(answer["logs"]) == 7
    entry = next(span for span in answer["spans"] if span["name"] == "entry")
    assert entry["type"] == "span"
    assert entry["parent_span_id"] == "00f067aa0ba902b7"
    assert (entry["service"], entry["kind"], entry["status"]) == ("checkout", "server", "unset")
    assert entry["duration_ns"] > 0
    for key in PLAIN_KEYS:
        assert entry["attributes"][key] == ATTRIBUTES[key], key
    assert "not_finite" in entry["flags"]
    assert entry["resource"]["zones"] == ["a", "b"]
    assert entry["scope"]["name"] == "checkout.lib" and entry["scope"]["version"] == "1.2.3"
    assert [event["name"] for event in entry["events"]] == ["cache miss", "no attributes"]
    assert entry["links"][0]["trace_id"] == f"{parent.trace_id:032x}"
    kinds = {span["kind"]: span["status"] for span in answer["spans"] if UNICODE in span["name"]}
    assert kinds == dict.fromkeys(("client", "producer", "consumer", "internal"), "ok")
    levels = [log["level"] for log in answer["logs"] if log["event_name"] == "checkout.charged"]
    assert levels == ["trace", "info", "warn", "fatal"]
    charged = next(log for log in answer["logs"] if log["level"] == "warn")
    assert (charged["severity_number"], charged["severity_text"]) == (15, "as the logger says: WARN3")
    assert charged["body"]["amount"] == BODY["amount"]
    assert charged["span_id"] == entry["span_id"]


def check_search(sidecar, parent: SpanContext):
    def names(q: str) -> list[str]:
        found = sidecar.search(f"trace_id:{parent.trace_id:032x} AND ({q})")
        return sorted(record.get("name") or record.get("message") or "" for record in found)

    assert names("int.max:9223372036854775807 AND kind:server") == ["entry"]
    assert names(f"int.beyond.double:{2**53 + 1} AND kind:server") == ["entry"]
    assert names(f"int.beyond.double:{2**53} AND kind:server") == []
    assert names("name:entry AND bool:true AND ints:0") == ["entry"]
    assert names('level:error AND "only a text"') == ["only a text"]
    assert names("status:error") == ["failing"]
    assert names("level:error AND kind:log") == ["only a text"]
    assert len(names("event_name:checkout.charged")) == 4


def check_errors(sidecar, parent: SpanContext):
    answer = sidecar.errors(f"{parent.trace_id:032x}")
    messages = [error["message"] for error in answer["errors"]]
    assert any("the card was declined" in message for message in messages)
    assert "only a text" in messages
    exception = next(error["exception"] for error in answer["errors"] if error.get("exception"))
    assert exception["type"] == "ValueError" and "the card was declined" in exception["stacktrace"]
    assert answer["root_cause"]["service"] == "checkout"
