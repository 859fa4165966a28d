"""Elasticsearch's clients write in bulk, and ask what they ask before."""

import elasticsearch
import elasticsearch.helpers
import pytest

from ways import TRACE_ID, marker, records, run_node


def client(sidecar, **more):
    return elasticsearch.Elasticsearch(f"http://{sidecar.http}", **more)


def actions(name: str, count: int):
    for number in range(count):
        yield {
            "_op_type": "create",
            "_index": "logs-shop-default",
            "@timestamp": "2026-11-22T17:00:00.5Z",
            "log.level": "error",
            "message": f"{name} {number}",
            "trace": {"id": TRACE_ID},
            "service": {"name": "warehouse"},
            "order": {"id": 4711},
        }


@pytest.mark.parametrize("compressed", [False, True])
def test_the_python_clients_bulk_helper(sidecar, compressed):
    name = marker()
    elastic = client(sidecar, http_compress=compressed)
    assert elastic.info()["tagline"] == "You Know, for Search"
    assert elastic.cluster.health()["status"] == "green"
    assert elastic.ping()
    done, errors = elasticsearch.helpers.bulk(elastic, actions(name, 1_500), chunk_size=400)
    assert (done, errors) == (1_500, [])
    found = records(sidecar, name, 1_500)
    record = found[0]
    assert (record["level"], record["trace_id"], record["service"]) == ("error", TRACE_ID, "warehouse")
    assert record["time"] == "2026-11-22T17:00:00.500000000Z"
    assert record["attributes"]["elasticsearch.index"] == "logs-shop-default"
    assert record["attributes"]["order"]["id"] == 4711


def test_items_have_faults_of_their_own(sidecar):
    name = marker()
    mixed = [*actions(name, 2), {"_op_type": "delete", "_index": "logs", "_id": "1"}]
    done, errors = elasticsearch.helpers.bulk(client(sidecar), mixed, raise_on_error=False)
    assert done == 2
    [error] = errors
    assert error["delete"]["status"] == 400
    records(sidecar, name, 2)


def test_templates_and_policies_are_taken(sidecar):
    elastic = client(sidecar)
    assert not elastic.indices.exists_index_template(name="logs-shop")
    assert elastic.indices.put_index_template(name="logs-shop", index_patterns=["logs-*"])["acknowledged"]
    assert elastic.ilm.put_lifecycle(name="logs", policy={"phases": {}})["acknowledged"]
    assert elastic.indices.create_data_stream(name="logs-shop-default")["acknowledged"]


def test_the_node_clients_bulk_helper(sidecar):
    name = marker()
    run_node(client="elastic", http=sidecar.http, marker=name, count=500)
    found = records(sidecar, name, 500)
    assert {(record["level"], record["trace_id"], record["service"]) for record in found} == {("error", TRACE_ID, "warehouse")}
