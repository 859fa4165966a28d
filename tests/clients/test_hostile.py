"""Requests that no SDK makes: too much, too slow, too deep. Each gets its answer, and the next good one is served."""

import gzip
import socket
import struct
import subprocess
import time
import zlib

import grpc
import pytest
import requests
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

import otlp

JSON = {"content-type": "application/json"}
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def connect(address: str, timeout_s: float = 30) -> socket.socket:
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=timeout_s)


def head(length: int | None, **headers: str) -> bytes:
    lines = ["POST /v1/traces HTTP/1.1", "host: x", "content-type: application/x-protobuf"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {length}"] if length is not None else ["transfer-encoding: chunked"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12])


def read_answer(connection: socket.socket) -> int:
    return status_of(connection.recv(64 * KIB))


def send_until_answered(connection: socket.socket, pieces) -> int:
    """Sends on, as clients do that read the answer last, and reads the status."""
    try:
        for piece in pieces:
            connection.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        pass  # The sidecar has heard enough; its answer is on the way.
    return read_answer(connection)


@pytest.fixture(scope="module")
def gzip_bomb() -> list[bytes]:
    """The gzip stream of 1 GiB of zeros, which are never in memory at once here either."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = bytes(MIB)
    pieces = [packer.compress(block) for _ in range(GIB // MIB)]
    return [piece for piece in [*pieces, packer.flush()] if piece]


def memory_peak_bytes(sidecar) -> int:
    with open(f"/proc/{sidecar.process.pid}/status") as status:
        [line] = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) * KIB


def test_a_gzip_bomb_of_1_gib_is_too_large(start, gzip_bomb):
    sidecar = start()
    with connect(sidecar.http) as connection:
        connection.sendall(head(sum(map(len, gzip_bomb)), content_encoding="gzip"))
        assert send_until_answered(connection, gzip_bomb) == 413
    assert sidecar.refused_requests("too_large", receiver="otlp_http") == 1
    otlp.assert_serves(sidecar)
    assert memory_peak_bytes(sidecar) < 256 * MIB


def test_a_gzip_bomb_over_grpc_is_final(start, gzip_bomb):
    sidecar = start()
    message = b"".join(gzip_bomb)
    frame = struct.pack(">BI", 1, len(message)) + message
    # grpc's own client compresses for itself, so the frame goes over HTTP/2 by curl.
    done = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "-D", "-", "-o", "/dev/null", "--data-binary", "@-",
         "-H", "content-type: application/grpc", "-H", "grpc-encoding: gzip", "-H", "te: trailers",
         f"http://{sidecar.grpc}/opentelemetry.proto.collector.trace.v1.TraceService/Export"],
        input=frame, capture_output=True, timeout=60,
    )
    assert f"grpc-status: {grpc.StatusCode.INVALID_ARGUMENT.value[0]}".encode() in done.stdout, done
    assert sidecar.refused_requests("too_large", receiver="otlp_grpc") == 1
    otlp.assert_serves(sidecar)


@pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
def test_a_body_of_64_mib_is_too_large(sidecar, announced):
    before = sidecar.refused_requests("too_large", receiver="otlp_http")
    block = bytes(MIB)
    with connect(sidecar.http) as connection:
        connection.sendall(head(64 * MIB if announced else None))
        pieces = [block] * 64 if announced else [b"100000\r\n" + block + b"\r\n"] * 64 + [b"0\r\n\r\n"]
        assert send_until_answered(connection, pieces) == 413
    assert sidecar.refused_requests("too_large", receiver="otlp_http") == before + 1
    otlp.assert_serves(sidecar)


def test_a_64_mib_body_from_an_ordinary_http_client_is_413(sidecar):
    """Clients that write the whole body before they read have to see the answer, not a reset."""
    response = otlp.post_traces(sidecar.http, bytes(64 * MIB))
    assert response.status_code == 413
    otlp.assert_serves(sidecar)


def test_a_slow_client_is_served_when_it_is_within_the_time(sidecar):
    trace_id = otlp.new_trace_id()
    body = otlp.trace_request([otlp.span(trace_id, "slowly")]).SerializeToString()
    with connect(sidecar.http) as connection:
        connection.sendall(head(len(body)))
        for at in range(len(body)):
            connection.sendall(body[at : at + 1])
            time.sleep(0.005)
        assert read_answer(connection) == 200
    assert sidecar.trace(trace_id.hex())["spans"][0]["name"] == "slowly"


def test_clients_that_drip_are_cut_off_and_hold_nobody_up(start):
    sidecar = start({"limits.request_timeout": "1s"})
    with connect(sidecar.http) as body_dripper, connect(sidecar.http) as head_dripper:
        body_dripper.sendall(head(1000))
        head_dripper.sendall(b"POST /v1/traces HTTP/1.1\r\nx: ")
        started = time.monotonic()
        for _ in range(5):
            body_dripper.sendall(b"\0")
            head_dripper.sendall(b"y")
            time.sleep(0.1)
        otlp.assert_serves(sidecar)
        assert read_answer(body_dripper) == 408
        answer = head_dripper.recv(4096)
        assert answer == b"" or status_of(answer) == 408
        assert time.monotonic() - started < 10
    assert sidecar.refused_requests("too_slow", receiver="otlp_http") == 1
    otlp.assert_serves(sidecar)


def test_1000_idle_connections_hold_nobody_up(start):
    sidecar = start()
    idle = [connect(address) for address in (sidecar.http, sidecar.grpc) for _ in range(500)]
    try:
        assert sidecar.metric("spandrel_receiver_connections_open") >= 900
        otlp.assert_serves(sidecar)
        assert memory_peak_bytes(sidecar) < 256 * MIB
    finally:
        for connection in idle:
            connection.close()
    otlp.assert_serves(sidecar)


def send_one(sidecar, span) -> dict:
    response = otlp.post_traces(sidecar.http, otlp.trace_request([span]).SerializeToString())
    assert response.status_code == 200, response.text
    [found] = sidecar.trace(span.trace_id.hex())["spans"]
    assert "cut" in found["flags"]
    return found


def cut(sidecar, what: str) -> float:
    return sidecar.metric("spandrel_receiver_cut_total", what=what)


def test_100000_attributes_are_cut_to_the_limit_and_counted(sidecar):
    before = cut(sidecar, "attributes")
    span = otlp.span(otlp.new_trace_id())
    span.attributes.extend(otlp.attribute(f"key.{n}", "v") for n in range(100_000))
    found = send_one(sidecar, span)
    assert list(found["attributes"]) == [f"key.{n}" for n in range(1024)]
    assert cut(sidecar, "attributes") == before + 100_000 - 1024
    otlp.assert_serves(sidecar)


def test_a_5_mib_string_is_cut_to_the_limit_and_counted(sidecar):
    before = cut(sidecar, "strings")
    span = otlp.span(otlp.new_trace_id())
    span.attributes.append(otlp.attribute("blob", "é" * (5 * MIB // 2)))
    found = send_one(sidecar, span)
    assert found["attributes"]["blob"] == "é" * (MIB // 2)
    assert cut(sidecar, "strings") == before + 1
    otlp.assert_serves(sidecar)


def nested(levels: int) -> bytes:
    """Wire bytes from the inside out: protobuf's own parser would refuse to build it."""
    value = AnyValue(string_value="the core").SerializeToString()
    for _ in range(levels):
        array = b"\x0a" + varint(len(value)) + value
        value = b"\x2a" + varint(len(array)) + array
    return value


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def test_200_levels_of_nesting_are_cut_to_the_limit_and_counted(sidecar):
    before = cut(sidecar, "nesting")
    trace_id = otlp.new_trace_id()
    key_value = b"\x0a\x04deep\x12" + varint(len(nested(200))) + nested(200)
    span = otlp.span(trace_id).SerializeToString() + b"\x4a" + varint(len(key_value)) + key_value
    scope = b"\x12" + varint(len(span)) + span
    group = b"\x12" + varint(len(scope)) + scope
    body = b"\x0a" + varint(len(group)) + group
    response = otlp.post_traces(sidecar.http, body)
    assert response.status_code == 200, response.text
    [found] = sidecar.trace(trace_id.hex())["spans"]
    value, levels = found["attributes"]["deep"], 0
    while isinstance(value, list) and value:
        value, levels = value[0], levels + 1
    assert 1 < levels <= 32
    assert "cut" in found["flags"]
    assert cut(sidecar, "nesting") == before + 1
    otlp.assert_serves(sidecar)


def test_200_levels_of_nesting_in_json_are_cut_too(sidecar):
    trace_id = otlp.new_trace_id().hex()
    value = '{"stringValue":"the core"}'
    for _ in range(200):
        value = f'{{"arrayValue":{{"values":[{value}]}}}}'
    span = (
        f'{{"traceId":"{trace_id}","spanId":"00f067aa0ba902b7","name":"deep","startTimeUnixNano":"{time.time_ns()}",'
        f'"attributes":[{{"key":"deep","value":{value}}}]}}'
    )
    body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}'
    response = requests.post(f"http://{sidecar.http}/v1/traces", data=body, headers=JSON, timeout=30)
    assert response.status_code == 200, response.text
    [found] = sidecar.trace(trace_id)["spans"]
    assert found["name"] == "deep" and "cut" in found["flags"]
    otlp.assert_serves(sidecar)


BAD_BODIES = {
    "not protobuf": (b"\xff\xff\xff\xff", {}, 400),
    "protobuf cut short": (otlp.trace_request([otlp.span(b"t" * 16)]).SerializeToString()[:-3], {}, 400),
    "not json": (b'{"resourceSpans": [', JSON, 400),
    "json of another shape": (b'{"resourceSpans": 7}', JSON, 400),
    "not gzip": (b"not gzip", {"content-encoding": "gzip"}, 400),
    "gzip cut short": (gzip.compress(bytes(1000))[:-9], {"content-encoding": "gzip"}, 400),
    "another content type": (b"x", {"content-type": "text/html"}, 415),
    "another encoding": (b"x", {"content-encoding": "br"}, 415),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_bad_bodies_are_refused_with_a_status_in_the_requests_encoding(sidecar, case):
    body, headers, status = BAD_BODIES[case]
    response = otlp.post_traces(sidecar.http, body, headers)
    assert response.status_code == status, response.text
    assert "retry-after" not in response.headers
    if headers.get("content-type") == "application/json":
        assert response.json()["message"]
    elif "content-type" not in headers:
        assert response.headers["content-type"] == "application/x-protobuf"
        assert status_message(response.content)
    otlp.assert_serves(sidecar)


def status_message(body: bytes) -> str:
    try:
        return Status.FromString(body).message
    except DecodeError as error:
        raise AssertionError(f"not a google.rpc.Status: {body!r}") from error


def test_an_empty_request_is_a_success(sidecar):
    response = otlp.post_traces(sidecar.http, ExportTraceServiceRequest().SerializeToString())
    assert response.status_code == 200
    response = requests.post(f"http://{sidecar.http}/v1/logs", data=b"{}", headers=JSON, timeout=30)
    assert response.status_code == 200
