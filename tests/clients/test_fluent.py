"""Fluentd's loggers send over its forward protocol."""

import json
import time

import pytest
from fluent import sender

from ways import TRACE_ID, marker, records, run_node

SETTINGS = {
    "receivers.fluentforward.enabled": "true",
    "receivers.fluentforward.endpoint": "127.0.0.1:0",
    "receivers.fluentforward.resource.service.name": "shop",
}


@pytest.fixture(scope="module")
def forward(tmp_path_factory):
    from sidecar import Sidecar

    with Sidecar(tmp_path_factory.mktemp("forward"), SETTINGS) as running:
        running.forward = json.loads((running.folder / "addresses.json").read_text())["fluentforward"]
        yield running


@pytest.mark.parametrize("nanoseconds", [False, True])
def test_python_fluent_logger(forward, nanoseconds):
    name = marker()
    host, port = forward.forward.split(":")
    before = time.time()
    logger = sender.FluentSender("shop", host=host, port=int(port), nanosecond_precision=nanoseconds)
    for number in range(50):
        fields = {"level": "error", "message": f"{name} {number}", "trace_id": TRACE_ID, "order": {"id": number}}
        assert logger.emit("orders", fields), logger.last_error
    logger.close()
    found = records(forward, name, 50)
    record = found[0]
    assert (record["level"], record["trace_id"], record["service"]) == ("error", TRACE_ID, "shop")
    assert record["attributes"]["fluent.tag"] == "shop.orders" and record["source"] == "fluentforward"
    assert {record["attributes"]["order"]["id"] for record in found} == set(range(50))
    assert record["time"][:4] == time.strftime("%Y", time.gmtime(before))


@pytest.mark.parametrize("mode", ["Message", "Forward", "PackedForward", "CompressedPackedForward"])
def test_node_fluent_logger_with_acknowledgements(forward, mode):
    name = marker()
    run_node(client="fluent", forward=forward.forward, marker=name, count=50, mode=mode)
    found = records(forward, name, 50)
    assert {(record["level"], record["trace_id"]) for record in found} == {("error", TRACE_ID)}
