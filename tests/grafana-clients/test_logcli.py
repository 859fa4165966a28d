"""Loki's own command line."""

import json

import pytest
from conftest import LINES, TRACE

SELECTOR = '{service_name="orders"}'


@pytest.fixture
def logcli(shop, client):
    def run(*arguments, **more):
        return client("logcli", "--quiet", f"--addr=http://{shop.query}", *arguments, **more)

    return run


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_lines_in_both_directions(logcli):
    newest = rows(logcli("query", "--limit=5", "--output=jsonl", SELECTOR))
    assert [json.loads(row["line"])["order"] for row in newest] == [39, 38, 37, 36, 35]
    oldest = rows(logcli("query", "--limit=5", "--forward", "--include-common-labels", "--output=jsonl", SELECTOR))
    assert [json.loads(row["line"])["order"] for row in oldest] == [0, 1, 2, 3, 4]
    assert oldest[0]["labels"]["service_name"] == "orders"
    # Several requests, one behind the other.
    every = rows(logcli("query", "--limit=1000", "--batch=7", "--forward", "--output=jsonl", SELECTOR))
    assert [json.loads(row["line"])["order"] for row in every] == list(range(LINES))


def test_stages_and_metadata(logcli):
    found = rows(logcli("query", "--output=jsonl", SELECTOR + ' | json | took > 30ms | line_format "{{.order}}"'))
    assert sorted(int(row["line"]) for row in found) == list(range(31, 40))
    of_trace = rows(logcli("query", "--output=jsonl", SELECTOR + f' | trace_id="{TRACE}"'))
    assert len(of_trace) == 1
    levels = rows(logcli("query", "--output=jsonl", SELECTOR + ' | detected_level="error"'))
    assert len(levels) == 4


def test_numbers(logcli):
    (one,) = json.loads(logcli("instant-query", f"sum(count_over_time({SELECTOR}[10m]))"))
    assert one["value"][1] == str(LINES)
    by_level = json.loads(logcli("instant-query", f"sum by (detected_level) (count_over_time({SELECTOR}[10m]))"))
    counts = {series["metric"]["detected_level"]: series["value"][1] for series in by_level}
    assert counts == {"error": "4", "info": "36"}
    ranged = json.loads(logcli("query", "--since=10m", "--step=30s", f"sum(rate({SELECTOR}[1m]))"))
    assert len(ranged) == 1 and ranged[0]["values"]


def test_labels_series_and_what_there_is(logcli):
    assert set(logcli("labels").split()) == {"service_name", "service_namespace"}
    assert logcli("labels", "service_name").split() == ["orders"]
    assert 'service_name="orders"' in logcli("series", SELECTOR)
    assert "entries" in logcli("stats", SELECTOR).lower()
    volume = json.loads(logcli("volume", SELECTOR))
    assert volume[0]["metric"] == {"service_name": "orders"} and int(volume[0]["value"][1]) > 0
    assert json.loads(logcli("volume_range", "--step=60s", SELECTOR))
    fields = logcli("detected-fields", SELECTOR)
    assert "order" in fields and "took" in fields


def test_a_mistake_is_told(logcli):
    told = logcli("query", "{service_name=", status=1)
    assert "parse error at line 1" in told
