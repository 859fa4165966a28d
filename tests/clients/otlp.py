"""OTLP by hand: requests made of protobuf's own types, and answers of `format=otlp` read back into them.

What was sent and what came back are compared as serialised protobuf, so every field counts, NaN included.
"""

import base64
import os
import time

import requests
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PROTOBUF = {"content-type": "application/x-protobuf"}
IDS = {"traceId", "spanId", "parentSpanId"}


def new_trace_id() -> bytes:
    return os.urandom(16)


def attribute(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def span(trace_id: bytes, name: str = "work", **fields) -> Span:
    now = time.time_ns()
    whole = {
        "span_id": os.urandom(8),
        "kind": Span.SPAN_KIND_INTERNAL,
        "start_time_unix_nano": now - 1_000_000,
        "end_time_unix_nano": now,
        **fields,
    }
    return Span(trace_id=trace_id, name=name, **whole)


def trace_request(spans, service: str = "checkout") -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.append(attribute("service.name", service))
    group.scope_spans.add().spans.extend(spans)
    return request


def post_traces(address: str, body: bytes, headers=None, timeout_s: float = 60) -> requests.Response:
    headers = {**PROTOBUF, **(headers or {})}
    return requests.post(f"http://{address}/v1/traces", data=body, headers=headers, timeout=timeout_s)


def assert_serves(sidecar):
    """The next good request is taken, acknowledged and found."""
    trace_id = new_trace_id()
    response = post_traces(sidecar.http, trace_request([span(trace_id, "good")]).SerializeToString())
    assert response.status_code == 200, response.text
    assert not ExportTraceServiceResponse.FromString(response.content).HasField("partial_success")
    found = sidecar.trace(trace_id.hex())
    assert [each["name"] for each in found["spans"]] == ["good"]


# --- what came back ------------------------------------------------------------------------------------------------


def of_answer(answer: dict) -> tuple[ExportTraceServiceRequest, ExportLogsServiceRequest]:
    """The answer to `format=otlp`, as the requests that would send it."""
    traces = json_format.ParseDict(
        {"resourceSpans": _base64_ids(answer.get("resourceSpans", []))}, ExportTraceServiceRequest()
    )
    logs = json_format.ParseDict(
        {"resourceLogs": _base64_ids(answer.get("resourceLogs", []))}, ExportLogsServiceRequest()
    )
    return traces, logs


def _base64_ids(tree):
    """OTLP's JSON has ids in hex where protobuf's own JSON has base64."""
    if isinstance(tree, list):
        return [_base64_ids(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode()
        if key in IDS and isinstance(value, str)
        else _base64_ids(value)
        for key, value in tree.items()
    }


def spans_of(request: ExportTraceServiceRequest) -> list[tuple[str, ...]]:
    """Each span with its resource and scope, printable and comparable, in a fixed order."""
    return sorted(
        tuple(map(_exactly, (each, scope.scope, group.resource))) + (scope.schema_url, group.schema_url)
        for group in request.resource_spans
        for scope in group.scope_spans
        for each in scope.spans
    )


def logs_of(request: ExportLogsServiceRequest) -> list[tuple[str, ...]]:
    return sorted(
        tuple(map(_exactly, (each, scope.scope, group.resource))) + (scope.schema_url, group.schema_url)
        for group in request.resource_logs
        for scope in group.scope_logs
        for each in scope.log_records
    )


def _exactly(message) -> str:
    """The message as text for a readable difference, and as bytes for the ones that text does not show."""
    return f"{message}\n{message.SerializeToString(deterministic=True).hex()}"


def assert_same(sidecar, sent_traces: ExportTraceServiceRequest, sent_logs: ExportLogsServiceRequest):
    """Everything that was sent of one trace comes back, field for field, and nothing else."""
    [trace_id] = {
        each.trace_id.hex()
        for group in sent_traces.resource_spans
        for scope in group.scope_spans
        for each in scope.spans
    }
    traces, logs = of_answer(sidecar.trace(trace_id, format="otlp"))
    assert spans_of(traces) == spans_of(sent_traces)
    assert logs_of(logs) == logs_of(sent_logs)
