"""SIGTERM and SIGKILL in the middle of clients' flushes: nothing that was acknowledged is lost, or there twice."""

import threading
import time

import pytest
import requests
from opentelemetry.sdk.trace.export import SpanExportResult

import otlp
from python_sdk import PROTOCOLS, ended_span, exporter

PER_REQUEST = 20
CLIENTS = 4


class Client(threading.Thread):
    """Sends small requests one after the other until the sidecar is gone; knows which were acknowledged."""

    def __init__(self, sidecar, enough: threading.Event):
        super().__init__(daemon=True)
        self.sidecar, self.enough, self.acknowledged = sidecar, enough, {}

    def run(self):
        session = requests.Session()
        while True:
            trace_id = otlp.new_trace_id()
            spans = [otlp.span(trace_id, f"flush {n}") for n in range(PER_REQUEST)]
            body = otlp.trace_request(spans).SerializeToString()
            try:
                response = session.post(
                    f"http://{self.sidecar.http}/v1/traces", data=body, headers=otlp.PROTOBUF, timeout=30
                )
            except requests.RequestException:
                return
            if response.status_code == 200:
                self.acknowledged[trace_id.hex()] = {span.span_id.hex() for span in spans}
            if len(self.acknowledged) >= 10:
                self.enough.set()


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
def test_nothing_acknowledged_is_lost(start, end):
    sidecar = start({"shutdown.linger": "1s"})
    enough = threading.Event()
    clients = [Client(sidecar, enough) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    assert enough.wait(30)
    if end == "SIGTERM":
        sidecar.stop()
    else:
        sidecar.kill()
    for client in clients:
        client.join(30)
        assert not client.is_alive()
    sidecar.start()
    acknowledged = {trace: spans for client in clients for trace, spans in client.acknowledged.items()}
    assert len(acknowledged) >= 10
    for trace_id, spans in acknowledged.items():
        found = [span["span_id"] for span in sidecar.trace(trace_id)["spans"]]
        assert len(found) == len(set(found)) and set(found) == spans


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_services_last_flush_arrives_during_the_linger(start, protocol):
    """A pod's containers get SIGTERM together: the SDK flushes after the sidecar was told to end."""
    sidecar = start({"shutdown.linger": "3s"})
    sender = exporter(sidecar, "traces", protocol)
    assert sender.export([ended_span("before")]) is SpanExportResult.SUCCESS
    sidecar.terminate()
    wait_until_not_ready(sidecar)
    span = ended_span("the last flush")
    assert sender.export([span]) is SpanExportResult.SUCCESS
    sender.shutdown()
    assert sidecar.wait() == 0
    sidecar.start()
    answer = sidecar.trace(f"{span.get_span_context().trace_id:032x}")
    assert [each["name"] for each in answer["spans"]] == ["the last flush"]


def wait_until_not_ready(sidecar):
    end = time.monotonic() + 5
    while sidecar.is_ready():
        assert time.monotonic() < end, "still ready after SIGTERM"
        time.sleep(0.02)
