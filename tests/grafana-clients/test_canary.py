"""Loki's canary: it writes lines, and looks for each in the live tail and again later."""

import os
import re
import subprocess
import threading
from pathlib import Path

import requests
from sidecar import Sidecar, eventually

ENTRIES = 20


def test_no_line_is_missing_late_twice_or_out_of_order(tmp_path):
    # Its lines go to the sidecar's standard input; it asks the sidecar for them.
    read, write = os.pipe()
    settings = {
        "receivers.stdin.enabled": "true",
        "receivers.stdin.resource.service.name": "canary",
        "receivers.stdin.resource.service.namespace": "stdout",
    }
    with Sidecar(tmp_path / "canary", settings, stdin=read) as sidecar:
        os.close(read)
        port = 3500
        command = [
            Path(os.environ["CLIENTS"]) / "loki-canary",
            f"-addr={sidecar.query}",
            "-push=false",
            "-labelname=service_name",
            "-labelvalue=canary",
            "-streamname=service_namespace",
            "-streamvalue=stdout",
            "-interval=500ms",
            "-wait=5s",
            "-max-wait=10s",
            "-pruneinterval=5s",
            "-spot-check-initial-wait=5s",
            "-spot-check-interval=5s",
            "-spot-check-query-rate=5s",
            "-metric-test-interval=10s",
            "-metric-test-range=1m",
            f"-port={port}",
        ]
        canary = subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE, text=True)
        os.close(write)
        told = []
        reader = threading.Thread(target=lambda: told.extend(canary.stderr), daemon=True)
        reader.start()
        try:
            def metrics():
                try:
                    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
                except requests.ConnectionError:
                    return {}
                found = re.findall(r"^loki_canary_(\w+)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE)
                return {name: float(value) for name, value in found}

            def looked_at():
                now = metrics()
                checked = now.get("spot_check_request_duration_seconds_count", 0) >= 2
                asked = now.get("metric_test_request_duration_seconds_count", 0) >= 2
                return now if now.get("entries_total", 0) >= ENTRIES and checked and asked else None

            found = eventually(looked_at, 90, 0.5)
        finally:
            canary.terminate()
            canary.wait(15)
    log = "".join(told)
    for name in [
        "missing_entries_total",
        "websocket_missing_entries_total",
        "out_of_order_entries_total",
        "duplicate_entries_total",
        "unexpected_entries_total",
        "spot_check_missing_entries_total",
    ]:
        assert found.get(name, 0) == 0, f"{name}: {found}\n{log}"
    expected, actual = found["metric_test_expected"], found["metric_test_actual"]
    assert abs(expected - actual) <= 0.1 * expected + 4, f"{found}\n{log}"
