"""A real `spandrel run`: a process and a folder of its own, on ports that the system picks.

Tests know it as any client does, by its addresses. Every wait has a deadline, and a sidecar that was started is ended.
"""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import requests

READY_DEADLINE_S = 30
STOP_DEADLINE_S = 15
"""What the contract gives a SIGTERM."""

METRIC = re.compile(r"^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def eventually(check, deadline_s=10.0, step_s=0.02):
    """The first true value of `check`; fails with its last value at the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"not within {deadline_s} s: {check.__name__} is still {value!r}"
        time.sleep(step_s)


class Sidecar:
    """Starts at once; use it in a `with`."""

    def __init__(self, folder: Path, settings: dict | None = None, stdin=None):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = {
            "storage.directory": str(folder / "data"),
            "query.endpoint": "127.0.0.1:0",
            "receivers.otlp.protocols.grpc.endpoint": "127.0.0.1:0",
            "receivers.otlp.protocols.http.endpoint": "127.0.0.1:0",
            "shutdown.linger": "200ms",
            **(settings or {}),
        }
        self.process = None
        self.start(stdin)

    def start(self, stdin=None):
        addresses = self.folder / "addresses.json"
        addresses.unlink(missing_ok=True)
        command = [os.environ["SPANDREL_BINARY"], "run", "--addresses-file", str(addresses)]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=stdin or subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        found = eventually(lambda: self._read_addresses(addresses), READY_DEADLINE_S)
        self.query, self.grpc, self.http = found["query"], found.get("grpc"), found.get("http")
        eventually(self.is_ready, READY_DEADLINE_S)

    def _read_addresses(self, file: Path):
        assert self.process.poll() is None, f"spandrel ended with {self.process.returncode}: {self.log()}"
        try:
            return json.loads(file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    @property
    def log_file(self) -> Path:
        return self.folder / "spandrel.log"

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def panics(self) -> list[str]:
        """Where it panicked, once each."""
        return sorted(set(re.findall(r"panicked at (\S+)", self.log())))

    def is_ready(self) -> bool:
        try:
            return requests.get(f"http://{self.query}/readyz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    # --- the end -----------------------------------------------------------------------------------------------

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self.process.wait(STOP_DEADLINE_S)

    def stop(self):
        """SIGTERM; the contract's exit is 0 within 15 s."""
        self.terminate()
        assert self.wait() == 0, self.log()

    def kill(self):
        self.process.kill()
        self.process.wait(STOP_DEADLINE_S)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is not None:
            return
        if kind is None:
            self.stop()
            assert self.panics() == []
        else:
            self.kill()

    # --- questions ---------------------------------------------------------------------------------------------

    def ask(self, path: str, status: int = 200, timeout_s: float = 60, **parameters):
        """The JSON answer of the query API, which has to have this status."""
        response = requests.get(f"http://{self.query}{path}", params=parameters, timeout=timeout_s)
        assert response.status_code == status, f"{response.status_code} {response.text[:2000]}"
        return json.loads(response.content)

    def trace(self, trace_id: str, **parameters):
        return self.ask(f"/api/v1/traces/{trace_id}", **parameters)

    def errors(self, trace_id: str, **parameters):
        return self.ask(f"/api/v1/traces/{trace_id}/errors", **parameters)

    def search(self, q: str, **parameters):
        return self.ask("/api/v1/search", q=q, **parameters)["records"]

    def metrics(self) -> list[tuple[str, dict, float]]:
        """Every sample of /metrics: name, labels, value."""
        response = requests.get(f"http://{self.query}/metrics", timeout=10)
        assert response.status_code == 200, response.text
        samples = []
        for line in response.text.splitlines():
            if line and not line.startswith("#"):
                match = METRIC.match(line)
                assert match, f"not a sample of the Prometheus text format: {line!r}"
                samples.append((match["name"], dict(LABEL.findall(match["labels"] or "")), float(match["value"])))
        return samples

    def metric(self, name: str, **labels) -> float:
        """The sum of a metric's samples with these labels; 0 where there are none."""
        return sum(
            value for found, has, value in self.metrics() if found == name and labels.items() <= has.items()
        )

    def refused_requests(self, reason: str, **labels) -> float:
        return self.metric("spandrel_receiver_requests_refused_total", reason=reason, **labels)

    def accepted(self, **labels) -> float:
        return self.metric("spandrel_receiver_accepted_records_total", **labels)
