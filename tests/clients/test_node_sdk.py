"""The Node SDK's traces and logs come back field for field, over each of its protocols and compressions."""

import base64
import json
import subprocess
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import otlp

SCRIPT = Path(__file__).parent / "node" / "send.js"


def send(sidecar, protocol: str, compression: str, not_finite: bool) -> tuple[str, dict]:
    trace_id = otlp.new_trace_id().hex()
    target = {
        "grpc": sidecar.grpc,
        "http": sidecar.http,
        "protocol": protocol,
        "compression": compression,
        "traceId": trace_id,
        "notFinite": not_finite,
    }
    done = subprocess.run(
        ["node", SCRIPT, json.dumps(target)], capture_output=True, text=True, timeout=60, cwd=SCRIPT.parent
    )
    assert done.returncode == 0, done.stderr
    return trace_id, json.loads(done.stdout)


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf", "http/json"])
def test_every_field_comes_back_as_it_was_sent(sidecar, protocol, compression):
    # JSON has no word for NaN, and the SDK writes null: see the next test.
    trace_id, sent = send(sidecar, protocol, compression, not_finite=protocol != "http/json")
    assert sent["errors"] == []
    traces = ExportTraceServiceRequest.FromString(base64.b64decode(sent["traces"]))
    logs = ExportLogsServiceRequest.FromString(base64.b64decode(sent["logs"]))
    otlp.assert_same(sidecar, traces, logs)
    check_answers(sidecar, trace_id)


def test_what_json_cannot_say_of_a_number_does_not_lose_its_span(sidecar):
    trace_id, sent = send(sidecar, "http/json", "none", not_finite=True)
    assert sent["errors"] == []
    answer = sidecar.trace(trace_id)
    assert len(answer["spans"]) == 6 and len(answer["logs"]) == 3
    entry = next(span for span in answer["spans"] if span["kind"] == "server")
    assert entry["attributes"]["double.nan"] is None and entry["attributes"]["double"] == 0.1


def check_answers(sidecar, trace_id: str):
    answer = sidecar.trace(trace_id)
    assert len(answer["spans"]) == 6 and len(answer["logs"]) == 3
    entry = next(span for span in answer["spans"] if span["kind"] == "server")
    assert entry["attributes"]["int.safe.max"] == 2**53 - 1
    assert entry["attributes"]["text.unicode"] == "Größe 尺寸 🚀 e\u0301 \u202e \u2028"
    assert entry["parent_span_id"] == "00f067aa0ba902b7"
    charged = next(log for log in answer["logs"] if log["event_name"] == "storefront.charged")
    assert charged["level"] == "warn" and charged["body"]["amount"]["minor"] == 4999
    [found] = sidecar.search(f"trace_id:{trace_id} AND name:charge AND level:error")
    errors = sidecar.errors(trace_id)
    assert any(error.get("exception", {}).get("type") == "TypeError" for error in errors["errors"])
    assert errors["root_cause"]["service"] == "storefront"
    assert [step["span_id"] for step in errors["path"]] == [found["span_id"], entry["span_id"]]
