"""Two auto-instrumented services: one failing request is found with both services' spans and logs, and its cause.

FastAPI calls aiohttp. Spans come from `opentelemetry-instrument` and nothing else. Logs come from each service's own
JSON logger: the storefront's standard output is the sidecar's standard input, the payment service posts its lines.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from sidecar import Sidecar, eventually

SERVICES = Path(__file__).parent / "services"
INSTRUMENT = Path(sys.executable).parent / "opentelemetry-instrument"
STOP_DEADLINE_S = 15


@contextmanager
def service(script: str, name: str, folder: Path, stdout=None, **environment):
    """Runs a service on a socket that is bound here, so that its address is known before it listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener, open(folder / f"{name}.log", "wb") as log:
        listener.set_inheritable(True)
        process = subprocess.Popen(
            [INSTRUMENT, sys.executable, SERVICES / script],
            stdin=subprocess.DEVNULL,
            stdout=stdout or log,
            stderr=log,
            pass_fds=[listener.fileno()],
            env={
                **os.environ,
                "LISTEN_FD": str(listener.fileno()),
                # asctime has no zone, and is read as UTC.
                "TZ": "UTC",
                "OTEL_SERVICE_NAME": name,
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_LOGS_EXPORTER": "none",
                "OTEL_METRICS_EXPORTER": "none",
                "OTEL_PYTHON_LOG_CORRELATION": "true",
                "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "false",
                "OTEL_BSP_SCHEDULE_DELAY": "100",
                **environment,
            },
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        except BaseException:
            process.kill()
            process.wait(STOP_DEADLINE_S)
            sys.stderr.write((folder / f"{name}.log").read_text())
            raise
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_DEADLINE_S)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The pair with its sidecar, after one good and one failing request; both services have ended."""
    folder = tmp_path_factory.mktemp("shop")
    lines, stdout = os.pipe()
    settings = {"receivers.stdin.enabled": "true", "receivers.stdin.resource": '{"service.name": storefront}'}
    with Sidecar(folder, settings, stdin=lines) as sidecar:
        os.close(lines)
        http = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{sidecar.http}"}
        grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{sidecar.grpc}"}
        logs_url = f"http://{sidecar.http}/v1/json-logs?service.name=payment"
        with service("payment.py", "payment", folder, LOGS_URL=logs_url, **http) as payment_url:
            with service("storefront.py", "storefront", folder, stdout, PAYMENT_URL=payment_url, **grpc) as url:
                os.close(stdout)
                good = requests.post(f"{url}/orders/1", timeout=30)
                failing = requests.post(f"{url}/orders/4711", timeout=30)
        assert (good.status_code, failing.status_code) == (200, 502)
        eventually(lambda: sidecar.metric("spandrel_receiver_accepted_records_total", receiver="stdin") >= 4)
        yield sidecar


def failing_trace(shop) -> str:
    [trace] = shop.ask("/api/v1/traces", q="order.id:4711 AND level:error")["traces"]
    return trace["trace_id"]


def test_the_failing_request_is_found_by_its_order(shop):
    [trace] = shop.ask("/api/v1/traces", q="order.id:4711 AND level:error")["traces"]
    assert trace["root"]["service"] == "storefront"
    assert sorted(trace["services"]) == ["payment", "storefront"]
    assert (trace["spans"], trace["logs"]) == (len(shop.trace(trace["trace_id"])["spans"]), 4)
    assert trace["errors"] >= 2
    [good] = shop.ask("/api/v1/traces", q="order.id:1")["traces"]
    assert good["errors"] == 0


def test_it_has_the_spans_and_logs_of_both_services(shop):
    answer = shop.trace(failing_trace(shop))
    assert sorted(answer["services"]) == ["payment", "storefront"]
    kinds = {(span["service"], span["kind"]) for span in answer["spans"]}
    assert {("storefront", "server"), ("storefront", "client"), ("payment", "server")} <= kinds
    messages = {(log["service"], log["level"], log["message"], log["source"]) for log in answer["logs"]}
    assert messages == {
        ("storefront", "info", "order 4711 received", "stdin"),
        ("storefront", "error", "order 4711 cannot be placed: payment answered 500", "stdin"),
        ("payment", "info", "charging order 4711", "json_logs_http"),
        ("payment", "error", "charge of order 4711 failed", "json_logs_http"),
    }
    spans = {span["span_id"]: span for span in answer["spans"]}
    for log in answer["logs"]:
        assert spans[log["span_id"]]["service"] == log["service"], "a log is of the span it was written in"
        assert log["original"].startswith("{")
    assert not answer["flags"], "no parent is missing"


def test_errors_name_the_cause_and_the_path_to_the_entry(shop):
    answer = shop.errors(failing_trace(shop))
    assert answer["root_cause"]["service"] == "payment"
    path = [step["service"] for step in answer["path"]]
    assert path[0] == "payment" and path[-1] == "storefront"
    assert any(
        error["service"] == "payment"
        and error.get("exception", {}).get("type", "").endswith("IssuerUnavailable")
        and "connection pool exhausted" in error["exception"]["message"]
        for error in answer["errors"]
    )
    times = [error["time"] for error in answer["errors"]]
    assert times == sorted(times)


def test_lines_outside_of_any_request_belong_to_no_trace_and_are_not_odd(shop):
    """The instrumentation writes "0" for an id that there is not."""
    [line] = shop.search('service:storefront AND "Started server process"')
    assert (line["trace_id"], line["span_id"], line["flags"]) == (None, None, [])
    assert line["time"] < line["observed_time"], "asctime was read"


def test_what_was_in_the_stack_is_found_as_text(shop):
    found = shop.search('service:payment AND level:error AND kind:log AND "charge of order 4711 failed"')
    assert len(found) == 1
    assert "connection pool exhausted" in str(found[0]["attributes"])
