"""`/metrics/traces`, read by the strict reader of OpenMetrics of Prometheus' own Python client."""

import requests
from conftest import TRACE
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def test_the_numbers_of_all_spans_are_openmetrics(shop):
    got = requests.get(f"http://{shop.query}/metrics/traces", timeout=30)
    assert got.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in text_string_to_metric_families(got.text)}
    calls = families["traces_spanmetrics_calls"].samples
    assert sum(sample.value for sample in calls if sample.name.endswith("_total")) == 3
    edges = [s for s in families["traces_service_graph_request"].samples if s.name.endswith("_total")]
    found = {(s.labels["client"], s.labels["server"], s.labels["connection_type"]): s.value for s in edges}
    assert found == {("orders", "payment", ""): 1, ("user", "orders", "virtual_node"): 1}
    failed = families["traces_service_graph_request_failed"].samples
    assert sum(sample.value for sample in failed if sample.name.endswith("_total")) == 1
    latency = families["traces_spanmetrics_latency"].samples
    exemplars = [sample.exemplar for sample in latency if sample.exemplar]
    assert exemplars and all(exemplar.labels == {"trace_id": TRACE} for exemplar in exemplars)
