"""Jaeger's v3 over gRPC, with a client that protoc makes of Jaeger's own definitions."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from conftest import TRACE
from google.protobuf import descriptor_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

# Packages that bring their definitions along.
import google.api  # noqa: F401


@pytest.fixture(scope="session")
def stubs(tmp_path_factory):
    """The generated modules: messages, and the stub."""
    out = tmp_path_factory.mktemp("stubs")
    definitions = out / "proto"
    definitions.mkdir()
    for source in Path(os.environ["JAEGER_PROTO"]).glob("**/*.proto"):
        target = definitions / source.relative_to(os.environ["JAEGER_PROTO"])
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text()
        # Options for documentation, whose definitions are not there.
        text = re.sub(r'import "gnostic/[^;]+;\n', "", text)
        text = re.sub(r"\[\s*\(openapi\.v3\.property\)\s*=\s*\{.*?\}\s*\]\s*;", ";", text, flags=re.DOTALL)
        text = re.sub(r"option \(openapi\.v3\.\w+\)\s*=\s*\{.*?\};", "", text, flags=re.DOTALL)
        target.write_text(text)
    known = descriptor_pb2.FileDescriptorSet()

    def add(file):
        for needed in file.dependencies:
            add(needed)
        if file.name not in [one.name for one in known.file]:
            file.CopyToProto(known.file.add())

    add(trace_pb2.DESCRIPTOR)
    from google.api import annotations_pb2, field_behavior_pb2
    from google.protobuf import duration_pb2, timestamp_pb2

    for module in (annotations_pb2, field_behavior_pb2, duration_pb2, timestamp_pb2):
        add(module.DESCRIPTOR)
    (out / "known.bin").write_bytes(known.SerializeToString())
    own = [definitions / "api_v3/query_service.proto", *sorted((definitions / "expression/v1").glob("*.proto"))]
    paths = [str(path.relative_to(definitions)) for path in own]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={definitions}"]
        + [f"--descriptor_set_in={out / 'known.bin'}", f"--python_out={out}", f"--grpc_python_out={out}", *paths],
        check=True,
        cwd=definitions,
    )
    sys.path.insert(0, str(out))
    from api_v3 import query_service_pb2, query_service_pb2_grpc

    return query_service_pb2, query_service_pb2_grpc


@pytest.fixture
def jaeger(shop, stubs):
    messages, calls = stubs
    with grpc.insecure_channel(shop.query) as channel:
        yield messages, calls.QueryServiceStub(channel)


def spans(chunks):
    scopes = (scope for data in chunks for resource in data.resource_spans for scope in resource.scope_spans)
    return sorted(span.name for scope in scopes for span in scope.spans)


def hour(messages, **more):
    query = messages.TraceQueryParameters(search_depth=10, **more)
    query.start_time_min.FromSeconds(int(time.time()) - 3600)
    query.start_time_max.FromSeconds(int(time.time()) + 3600)
    return query


def test_services_and_operations(jaeger):
    messages, stub = jaeger
    assert list(stub.GetServices(messages.GetServicesRequest()).services) == ["orders", "payment"]
    found = stub.GetOperations(messages.GetOperationsRequest(service="orders", span_kind="client"))
    assert [(one.name, one.span_kind) for one in found.operations] == [("POST /charges", "client")]


def test_traces(jaeger):
    messages, stub = jaeger
    whole = ["GET /orders/{id}", "POST /charges", "POST /charges"]
    assert spans(stub.GetTrace(messages.GetTraceRequest(trace_id=TRACE))) == whole
    query = hour(messages, service_name="payment", attributes={"error": "true"})
    assert spans(stub.FindTraces(messages.FindTracesRequest(query=query))) == whole
    query = hour(messages, service_name="orders", attributes={"error": "true"})
    assert spans(stub.FindTraces(messages.FindTracesRequest(query=query))) == []
    with pytest.raises(grpc.RpcError) as refused:
        list(stub.GetTrace(messages.GetTraceRequest(trace_id="0" * 31 + "1")))
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


def test_summaries_and_dependencies(jaeger):
    messages, stub = jaeger
    request = messages.FindTraceSummariesRequest(query=hour(messages, service_name="payment"))
    (summary,) = [one for chunk in stub.FindTraceSummaries(request) for one in chunk.summaries]
    assert (summary.trace_id, summary.root_service_name, summary.span_count) == (TRACE, "orders", 3)
    assert (summary.error_span_count, summary.orphan_span_count) == (1, 0)
    request = messages.GetDependenciesRequest()
    request.start_time.FromSeconds(int(time.time()) - 3600)
    request.end_time.FromSeconds(int(time.time()) + 3600)
    (link,) = stub.GetDependencies(request).dependencies
    assert (link.parent, link.child, link.call_count) == ("orders", "payment", 1)
