"""One sidecar with the traffic of two services, and the clients that were built."""

import os
import subprocess
import time
from pathlib import Path

import pytest
import requests
from sidecar import Sidecar

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
LINES = 40


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def span(number, parent, name, kind, start_ns, error=False):
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        **({"parentSpanId": f"{parent:016x}"} if parent else {}),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + 5_000_000),
        "status": {"code": 2, "message": "declined"} if error else {},
        "attributes": [attribute("http.route", "/orders/{id}")],
    }


def of_service(service, spans):
    resource = {"attributes": [attribute("service.name", service), attribute("service.namespace", "shop")]}
    return {"resource": resource, "scopeSpans": [{"scope": {"name": "shop"}, "spans": spans}]}


def logs(service, now_ns):
    records = [
        {
            "timeUnixNano": str(now_ns - (LINES - number) * 1_000_000_000),
            "severityNumber": 17 if number % 10 == 0 else 9,
            "body": {"stringValue": f'{{"order":{number},"took":"{number}ms"}}'},
            "traceId": TRACE if number == 10 else "",
        }
        for number in range(LINES)
    ]
    resource = {"attributes": [attribute("service.name", service), attribute("service.namespace", "shop")]}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {}, "logRecords": records}]}]}


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    with Sidecar(tmp_path_factory.mktemp("shop")) as sidecar:
        now_ns = time.time_ns()
        begun = now_ns - 60_000_000_000
        orders = [span(1, None, "GET /orders/{id}", 2, begun), span(2, 1, "POST /charges", 3, begun + 1_000_000)]
        payment = [span(3, 2, "POST /charges", 2, begun + 2_000_000, error=True)]
        traces = {"resourceSpans": [of_service("orders", orders), of_service("payment", payment)]}
        for path, body in [("traces", traces), ("logs", logs("orders", now_ns))]:
            kept = requests.post(f"http://{sidecar.http}/v1/{path}", json=body, timeout=30)
            assert kept.status_code == 200, kept.text
        yield sidecar


@pytest.fixture(scope="session")
def client():
    """Runs a client that was built; its output."""

    def run(name, *arguments, status=0, **environment):
        program = Path(os.environ["CLIENTS"]) / name
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
        )
        assert done.returncode == status, f"{name} {arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout if status == 0 else done.stderr

    return run
