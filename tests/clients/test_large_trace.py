"""A trace of 100,000 spans is taken and answered whole, also when asked for its errors and its timeline."""

import os
import time

import pytest

import otlp

SPANS = 100_000
PER_REQUEST = 10_000


@pytest.fixture(scope="module")
def large(sidecar):
    """Ten levels deep by tens, one failing leaf; returns the trace id and the id of the span that failed."""
    trace_id = otlp.new_trace_id()
    started = time.time_ns() - 10**9
    ids = [os.urandom(8) for _ in range(SPANS)]
    for first in range(0, SPANS, PER_REQUEST):
        spans = [
            otlp.span(
                trace_id,
                f"step {n % 100}",
                span_id=ids[n],
                parent_span_id=ids[(n - 1) // 10] if n else b"",
                start_time_unix_nano=started + n * 1_000,
                end_time_unix_nano=started + 10**9 - n * 1_000,
            )
            for n in range(first, first + PER_REQUEST)
        ]
        if first + PER_REQUEST == SPANS:
            spans[-1].status.code, spans[-1].status.message = 2, "the last of them failed"
        response = otlp.post_traces(sidecar.http, otlp.trace_request(spans, "large").SerializeToString())
        assert response.status_code == 200, response.text
    return trace_id.hex(), ids


def test_it_is_answered_whole(sidecar, large):
    trace_id, ids = large
    answer = sidecar.trace(trace_id)
    assert {span["span_id"] for span in answer["spans"]} == {each.hex() for each in ids}
    assert len(answer["spans"]) == SPANS
    assert not answer.get("truncated")


def test_its_error_is_found_with_the_path_to_the_entry(sidecar, large):
    trace_id, ids = large
    answer = sidecar.errors(trace_id)
    assert [error["message"] for error in answer["errors"]] == ["the last of them failed"]
    path, n = [], SPANS - 1
    while n:
        path.append(ids[n].hex())
        n = (n - 1) // 10
    assert [step["span_id"] for step in answer["path"]] == [*path, ids[0].hex()]


def test_its_timeline_is_whole_and_in_order(sidecar, large):
    trace_id, _ = large
    answer = sidecar.ask(f"/api/v1/traces/{trace_id}/timeline")
    assert len(answer["events"]) == 2 * SPANS
    times = [event["time"] for event in answer["events"]]
    assert times == sorted(times)


def test_the_sidecar_serves_on(sidecar, large):
    otlp.assert_serves(sidecar)
