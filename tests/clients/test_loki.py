"""Loki's clients push; what they pushed comes back through the Loki API under the labels it was pushed with."""

import logging
import time

import logging_loki
import pytest
import requests

from ways import TRACE_ID, marker, records, run_node

LABELS = [
    "service_name",
    "service_namespace",
    "service_instance_id",
    "deployment_environment",
    "deployment_environment_name",
    "cloud_region",
    "cloud_availability_zone",
    "k8s_cluster_name",
    "k8s_namespace_name",
    "k8s_pod_name",
    "k8s_container_name",
    "container_name",
    "k8s_replicaset_name",
    "k8s_deployment_name",
    "k8s_statefulset_name",
    "k8s_daemonset_name",
    "k8s_cronjob_name",
    "k8s_job_name",
    "job",
    "filename",
    "Level_2",
]


def push(sidecar, streams, status=204):
    response = requests.post(f"http://{sidecar.http}/loki/api/v1/push", json={"streams": streams}, timeout=30)
    assert response.status_code == status, response.text


def query(sidecar, logql: str, **parameters):
    answer = sidecar.ask("/loki/api/v1/query_range", query=logql, **parameters)
    assert answer["status"] == "success"
    return answer["data"]["result"]


@pytest.mark.parametrize("version", ["0", "1"])
def test_python_logging_loki(sidecar, version):
    name = marker()
    handler = logging_loki.LokiHandler(
        url=f"http://{sidecar.http}/loki/api/v1/push", tags={"application": name, "zone": 'a"b' if version == "1" else "ab"}, version=version
    )
    errors = []
    handler.handleError = lambda record: errors.append(record)
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.addHandler(handler)
    for number in range(5):
        logger.error("%s out of stock %d trace_id=%s", name, number, TRACE_ID, extra={"tags": {"order": "4711"}})
    assert errors == []
    found = records(sidecar, name, 5)
    assert {record["level"] for record in found} == {"error"}
    assert {record["service"] for record in found} == {name}
    assert {record["trace_id"] for record in found} == {TRACE_ID}
    [stream] = query(sidecar, f'{{application="{name}", severity="error"}}')
    assert stream["stream"]["service_name"] == name and stream["stream"]["order"] == "4711"
    assert len(stream["values"]) == 5, "one stream, as it was pushed"
    assert stream["values"][0][1].startswith(f"{name} out of stock 4")


@pytest.mark.parametrize("client", ["winston-loki", "winston-loki-json"])
def test_winston_loki_in_protobuf_and_json(sidecar, client):
    name = marker()
    run_node(client=client, http=sidecar.http, marker=name, count=20)
    found = records(sidecar, name, 20)
    assert {(record["level"], record["service"]) for record in found} == {("error", "storefront")}
    assert {record["source"] for record in found} == {"loki_push"}
    [stream] = query(sidecar, f'{{job="winston-{name}"}}')
    assert len(stream["values"]) == 20


def test_pino_loki(sidecar):
    name = marker()
    run_node(client="pino-loki", http=sidecar.http, marker=name, count=20)
    found = records(sidecar, name, 20)
    assert {(record["level"], record["trace_id"]) for record in found} == {("warn", TRACE_ID)}
    assert {record["service"] for record in found} == {f"pino-{name}"}


def test_every_label_comes_back_as_it_was_pushed(sidecar):
    name = marker()
    labels = {label: f"{label} of {name}" for label in LABELS}
    now = time.time_ns()
    push(sidecar, [{"stream": labels, "values": [[str(now), f"{name} line", {"order": "4711", "trace_id": TRACE_ID}]]}])
    for label in LABELS:
        [stream] = query(sidecar, f'{{{label}="{label} of {name}"}}')
        assert stream["values"] == [[str(now), f"{name} line"]]
        assert labels.items() <= stream["stream"].items()
        assert stream["stream"]["trace_id"] == TRACE_ID and stream["stream"]["order"] == "4711"
        assert label in sidecar.ask("/loki/api/v1/labels")["data"]
        assert f"{label} of {name}" in sidecar.ask(f"/loki/api/v1/label/{label}/values")["data"]
    [series] = sidecar.ask("/loki/api/v1/series", **{"match[]": f'{{job="job of {name}"}}'})["data"]
    assert series == labels
    [counted] = sidecar.ask("/loki/api/v1/query", query=f'sum by (job) (count_over_time({{job="job of {name}"}}[1m]))')["data"]["result"]
    assert counted["metric"] == {"job": f"job of {name}"} and counted["value"][1] == "1"
    [volume] = sidecar.ask("/loki/api/v1/index/volume", query=f'{{job="job of {name}"}}')["data"]["result"]
    assert volume["metric"] == {"job": f"job of {name}"}


def test_a_label_of_a_pushed_stream_is_none_of_others(sidecar):
    name = marker()
    url = f"http://{sidecar.http}/v1/json-logs?service.name={name}&team={name}"
    assert requests.post(url, json={"msg": "not pushed"}, timeout=30).json()["accepted"] == 1
    push(sidecar, [{"stream": {"team": name}, "values": [[str(time.time_ns()), "pushed"]]}])
    [stream] = query(sidecar, f'{{team="{name}"}}')
    assert [value[1] for value in stream["values"]] == ["pushed"]
    [other] = query(sidecar, f'{{service_name="{name}"}}')
    assert other["stream"]["team"] == name, "as structured metadata"
