"""What the Python SDK does with refusals: it gives up on what can never be taken and resends what can later."""

import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import grpc
import pytest
import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult

import otlp
from python_sdk import COMPRESSIONS, PROTOCOLS, ended_span, exporter

MIB = 1 << 20
RECEIVERS = {"grpc": "otlp_grpc", "http/protobuf": "otlp_http"}
CASES = [(protocol, compression) for protocol in PROTOCOLS for compression in COMPRESSIONS[protocol]]


def names_found(sidecar, span) -> list[str]:
    answer = sidecar.trace(f"{span.get_span_context().trace_id:032x}")
    return [each["name"] for each in answer["spans"]]


def assert_next_export_is_served(sidecar, sender):
    span = ended_span("the next good one")
    assert sender.export([span]) is SpanExportResult.SUCCESS
    assert names_found(sidecar, span) == ["the next good one"]


@pytest.mark.parametrize(("protocol", "compression"), CASES)
def test_what_is_too_large_is_given_up_at_once(sidecar, protocol, compression):
    refused = lambda: sidecar.refused_requests("too_large", receiver=RECEIVERS[protocol])
    before = refused()
    sender = exporter(sidecar, "traces", protocol, compression)
    span = ended_span("huge", {"blob": "x" * (21 * MIB)})
    assert sender.export([span]) is SpanExportResult.FAILURE
    assert refused() == before + 1, "sent once, not again"
    sidecar.ask(f"/api/v1/traces/{span.get_span_context().trace_id:032x}", status=404)
    assert_next_export_is_served(sidecar, sender)
    sender.shutdown()


def test_the_status_for_too_large_over_grpc_says_so_and_is_final(sidecar):
    request = otlp.trace_request([otlp.span(otlp.new_trace_id(), "x" * (21 * MIB))])
    with grpc.insecure_channel(sidecar.grpc) as channel, pytest.raises(grpc.RpcError) as refusal:
        TraceServiceStub(channel).Export(request, timeout=30)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(20 * MIB) in refusal.value.details()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "ids",
    [(b"", b"12345678"), (bytes(16), b"12345678"), (b"t" * 15, b"12345678"), (b"t" * 16, b""), (b"t" * 16, b"short")],
    ids=["no trace id", "zero trace id", "short trace id", "no span id", "short span id"],
)
def test_spans_with_bad_ids_are_refused_for_good(sidecar, protocol, ids):
    """An SDK's exporter with spans that its own API would not make."""
    sender = exporter(sidecar, "traces", protocol)
    bad = otlp.span(ids[0], span_id=ids[1])
    sent = send_encoded(sender, protocol, otlp.trace_request([bad]))
    assert sent is SpanExportResult.FAILURE
    good = otlp.span(otlp.new_trace_id(), "good among bad")
    sent = send_encoded(sender, protocol, otlp.trace_request([bad, good]))
    assert sent is SpanExportResult.SUCCESS, "part of it was kept, the rest is in partial_success"
    assert [span["name"] for span in sidecar.trace(good.trace_id.hex())["spans"]] == ["good among bad"]
    sender.shutdown()


def send_encoded(sender, protocol: str, request):
    """Has the SDK's exporter send this request, with its own handling of the answer."""
    if protocol == "grpc":
        sender._translate_data = lambda _: request
        return sender.export([None])
    result = sender._client.export(request.SerializeToString())
    return SpanExportResult.SUCCESS if result.success else SpanExportResult.FAILURE


# --- overload ------------------------------------------------------------------------------------------------------


def hold(address: str, size: int) -> socket.socket:
    """A request that is sent but for its last byte, so that the sidecar holds its bytes."""
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(
        f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
        f"content-length: {size + 1}\r\n\r\n".encode()
    )
    connection.sendall(bytes(size))
    return connection


@contextmanager
def memory_held(sidecar):
    """Slow requests hold all of the memory for data in flight, until the block ends."""
    with ExitStack() as held:
        for size in (2 * MIB, 256 << 10, 32 << 10, 1 << 10):
            for _ in range(64):
                probe = otlp.post_traces(sidecar.http, bytes(size))
                if probe.status_code == 429:
                    break
                assert probe.status_code == 400, probe.text
                held.enter_context(hold(sidecar.http, size))
            else:
                pytest.fail("the memory for data in flight has no end")
        yield


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_refused_for_overload_is_sent_again_and_kept_once(start, protocol):
    sidecar = start({"limits.memory": "32MiB", "limits.request_timeout": "60s"})
    refused = lambda: sidecar.refused_requests("overloaded", receiver=RECEIVERS[protocol])
    sender = exporter(sidecar, "traces", protocol, timeout_s=30)
    span = ended_span("patient", {"blob": "x" * 4096})
    results = []
    exporting = threading.Thread(target=lambda: results.append(sender.export([span])))
    with memory_held(sidecar):
        before = refused()
        exporting.start()
        end = time.monotonic() + 10
        while refused() == before:
            assert time.monotonic() < end, "not refused"
            time.sleep(0.02)
        assert not results, "the SDK waits to send again"
    exporting.join(30)
    assert results == [SpanExportResult.SUCCESS]
    assert names_found(sidecar, span) == ["patient"]
    assert_next_export_is_served(sidecar, sender)
    sender.shutdown()


def test_overload_says_when_to_come_back(start):
    sidecar = start({"limits.memory": "32MiB", "limits.request_timeout": "60s"})
    request = otlp.trace_request([otlp.span(otlp.new_trace_id(), "x" * 4096)])
    with memory_held(sidecar):
        response = otlp.post_traces(sidecar.http, request.SerializeToString())
        assert response.status_code in (429, 503)
        assert int(response.headers["retry-after"]) >= 1
        with grpc.insecure_channel(sidecar.grpc) as channel, pytest.raises(grpc.RpcError) as refusal:
            TraceServiceStub(channel).Export(request, timeout=30)
        assert refusal.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
        details = dict(refusal.value.trailing_metadata())["grpc-status-details-bin"]
        assert b"google.rpc.RetryInfo" in details
    otlp.assert_serves(sidecar)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_sent_while_it_is_down_is_sent_again_when_it_is_back(start, protocol):
    sidecar = start()
    sidecar.settings["receivers.otlp.protocols.grpc.endpoint"] = sidecar.grpc
    sidecar.settings["receivers.otlp.protocols.http.endpoint"] = sidecar.http
    sender = exporter(sidecar, "traces", protocol, timeout_s=30)
    sidecar.stop()
    span = ended_span("while it was down")
    results = []
    exporting = threading.Thread(target=lambda: results.append(sender.export([span])))
    exporting.start()
    sidecar.start()
    exporting.join(40)
    assert results == [SpanExportResult.SUCCESS]
    assert names_found(sidecar, span) == ["while it was down"]
    sender.shutdown()


# --- metrics -------------------------------------------------------------------------------------------------------


class Recording:
    """Passes on what the exporter says, which the SDK's reader keeps to itself."""

    def __init__(self, sender):
        self.results = []
        export = sender.export
        sender.export = lambda *data, **more: self.results.append(export(*data, **more)) or self.results[-1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_metrics_are_a_success_and_counted_as_dropped(sidecar, protocol):
    dropped = lambda: sidecar.metric("spandrel_receiver_dropped_total", signal="metrics", reason="no_exporter")
    before = dropped()
    sender = exporter(sidecar, "metrics", protocol)
    recording = Recording(sender)
    reader = PeriodicExportingMetricReader(sender, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], Resource({"service.name": "sdk"}), shutdown_on_exit=False)
    meter = provider.get_meter("refusals")
    meter.create_counter("orders").add(3, {"shop": "a"})
    meter.create_counter("orders").add(4, {"shop": "b"})
    meter.create_histogram("latency").record(0.25)
    provider.shutdown()
    assert recording.results == [MetricExportResult.SUCCESS]
    assert dropped() == before + 3, "data points"


def test_the_answer_to_metrics_has_a_warning(sidecar):
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="orders")
    metric.sum.data_points.add(as_int=3)
    with grpc.insecure_channel(sidecar.grpc) as channel:
        answer = MetricsServiceStub(channel).Export(request, timeout=30)
    assert "no exporter" in answer.partial_success.error_message
    body = request.SerializeToString()
    response = requests.post(f"http://{sidecar.http}/v1/metrics", data=body, headers=otlp.PROTOBUF, timeout=30)
    assert response.status_code == 200
    answer = ExportMetricsServiceResponse.FromString(response.content)
    assert "no exporter" in answer.partial_success.error_message
