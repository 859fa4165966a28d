"""The API's own description holds: every path it names is asked, and every real answer fits its schema."""

from urllib.parse import urlsplit

import jsonschema
import pytest
import requests

import otlp

SPAN = {"status": {"code": 2, "message": "out of stock"}}


@pytest.fixture(scope="module")
def document(sidecar):
    return sidecar.ask("/api/v1/openapi.json")


@pytest.fixture(scope="module")
def trace_id(sidecar):
    """A trace with an error, an event, a link and a log."""
    trace_id = otlp.new_trace_id()
    entry = otlp.span(trace_id, "entry", kind=2)
    entry.attributes.append(otlp.attribute("http.route", "/orders/{id}"))
    entry.links.add(trace_id=otlp.new_trace_id(), span_id=b"12345678")
    child = otlp.span(trace_id, "child", parent_span_id=entry.span_id, **SPAN)
    event = child.events.add(name="exception", time_unix_nano=child.end_time_unix_nano)
    event.attributes.append(otlp.attribute("exception.type", "OutOfStock"))
    event.attributes.append(otlp.attribute("exception.message", "no more of 4711"))
    request = otlp.trace_request([entry, child], "described")
    assert otlp.post_traces(sidecar.http, request.SerializeToString()).status_code == 200
    line = {"level": "error", "msg": "out of stock", "trace_id": trace_id.hex(), "span_id": child.span_id.hex()}
    url = f"http://{sidecar.http}/v1/json-logs?service.name=described"
    assert requests.post(url, json=line, timeout=30).json()["accepted"] == 1
    return trace_id.hex()


def questions(trace_id: str) -> dict[str, list[tuple[str, int]]]:
    """Real questions for each described path, with the status of their answer."""
    trace = f"/api/v1/traces/{trace_id}"
    unknown = "/api/v1/traces/ffffffffffffffffffffffffffffff01"
    return {
        "/api/v1/traces/{trace_id}": [
            (trace, 200),
            (f"{trace}?q=kind:log", 200),
            (f"{trace}?end=2001-01-01", 200),
            (unknown, 404),
            ("/api/v1/traces/nonsense!", 400),
            ("/api/v1/traces/%ff", 400),
        ],
        "/api/v1/traces/{trace_id}/errors": [(f"{trace}/errors", 200), (f"{unknown}/errors", 404)],
        "/api/v1/traces/{trace_id}/timeline": [(f"{trace}/timeline", 200), (f"{unknown}/timeline", 404)],
        "/api/v1/traces": [("/api/v1/traces?q=level:error", 200), ("/api/v1/traces?q=a:(", 400)],
        "/api/v1/search": [
            ("/api/v1/search?q=service:described", 200),
            ("/api/v1/search?q=no.such.field:1", 200),
            ("/api/v1/search?limit=1", 200),
            ("/api/v1/search?q=%22", 400),
            ("/api/v1/search?q=%ff", 400),
            ("/api/v1/search?start=yesterday-ish", 400),
        ],
        "/api/v1/histogram": [
            ("/api/v1/histogram?q=service:described&by=level", 200),
            ("/api/v1/histogram?q=service:described&start=-15m", 200),
            ("/api/v1/histogram?step=60", 200),
        ],
        "/api/v1/fields": [("/api/v1/fields", 200)],
        "/api/v1/fields/{name}/values": [("/api/v1/fields/service.name/values", 200)],
        "/api/v1/services": [("/api/v1/services", 200), ("/api/v1/services?limit=1", 200)],
        "/api/v1/graph": [("/api/v1/graph", 200)],
        "/api/v1/peers": [("/api/v1/peers", 200)],
        "/healthz": [("/healthz", 200)],
        "/readyz": [("/readyz", 200)],
    }


GRAFANA = ["tempo", "loki", "jaeger"]
"""What tests/grafana-clients and query/tests/grafana ask."""

CONTRACT = [
    "/api/v1/traces/{trace_id}",
    "/api/v1/traces/{trace_id}/errors",
    "/api/v1/traces/{trace_id}/timeline",
    "/api/v1/traces",
    "/api/v1/search",
    "/api/v1/histogram",
    "/api/v1/fields",
    "/api/v1/fields/{name}/values",
    "/api/v1/services",
    "/api/v1/tail",
    "/api/v1/peers",
]


def test_it_describes_the_contract(document):
    assert document["openapi"].startswith("3.1")
    assert [path for path in CONTRACT if path not in document["paths"]] == []


def test_every_answer_fits_its_schema(sidecar, document, trace_id):
    wrong = []
    for path, asked in questions(trace_id).items():
        if path not in document["paths"] and path not in CONTRACT:
            continue
        for question, status in asked:
            response = requests.get(f"http://{sidecar.query}{question}", timeout=30)
            if response.status_code != status:
                wrong.append(f"{question}: {response.status_code} instead of {status}: {response.text[:300]}")
                continue
            wrong += [f"{question}: {error}" for error in misfits(document, path, response)]
    assert wrong == [], "\n".join(wrong)


def test_every_described_path_is_asked_here(document, trace_id):
    known = {*questions(trace_id), "/api/v1/tail", "/api/v1/openapi.json", "/metrics", "/metrics/traces"}
    own = [path for path, item in document["paths"].items() if item["get"]["tags"][0] not in GRAFANA]
    assert [path for path in own if path not in known] == []


def misfits(document, path: str, response) -> list[str]:
    described = document["paths"][path]["get"]["responses"]
    status = str(response.status_code)
    if status not in described:
        return [f"status {status} is not described"]
    media_type = response.headers.get("content-type", "").split(";")[0]
    content = described[status].get("content", {})
    if media_type not in content:
        return [f"{media_type} is not described for {status}"] if content else []
    schema = content[media_type].get("schema")
    if not schema or "json" not in media_type:
        return []
    whole = {**schema, "components": document["components"], "$schema": "https://json-schema.org/draft/2020-12/schema"}
    errors = jsonschema.Draft202012Validator(whole).iter_errors(response.json())
    return [f"at {error.json_path}: {error.message[:300]}" for error in errors]


@pytest.mark.parametrize("question", ["/api/v1/search?q=%22", "/api/v1/traces/nonsense!", "/api/v1/nowhere"])
def test_refused_questions_are_problems(sidecar, question):
    response = requests.get(f"http://{sidecar.query}{question}", timeout=30)
    assert response.headers["content-type"].split(";")[0] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code and problem["title"]
    assert urlsplit(problem.get("type", "about:blank")).scheme


def test_a_syntax_error_has_its_position_and_what_was_expected(sidecar):
    problem = sidecar.ask("/api/v1/search", status=400, q="service:a AND (level:error")
    text = str(problem)
    assert "expected" in text.lower() and any(char.isdigit() for char in problem.get("detail", ""))
