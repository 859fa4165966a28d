"""Fixtures: one sidecar that most tests share, and a way to start others."""

from contextlib import ExitStack

import pytest

from sidecar import Sidecar


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory):
    """On the defaults, shared: tests look at their own traces and at differences of counters."""
    with Sidecar(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture
def start(tmp_path):
    """Starts sidecars of a test's own: `start({"limits.memory": "16MiB"})`."""
    with ExitStack() as stack:

        def run(settings=None, name="sidecar", **more):
            return stack.enter_context(Sidecar(tmp_path / name, settings, **more))

        yield run
