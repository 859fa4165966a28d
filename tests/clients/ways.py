"""What the tests of the ways in share: running a Node client, and asking for what it sent."""

import json
import subprocess
import uuid
from pathlib import Path

from sidecar import eventually

SCRIPT = Path(__file__).parent / "node" / "ways.js"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def marker() -> str:
    """A word that only one test's records have."""
    return f"m{uuid.uuid4().hex[:12]}"


def run_node(**target):
    done = subprocess.run(
        ["node", SCRIPT, json.dumps(target)], capture_output=True, text=True, timeout=60, cwd=SCRIPT.parent
    )
    assert done.returncode == 0, done.stderr


def records(sidecar, marker: str, count: int) -> list[dict]:
    """The records with this word, once there are so many of them."""

    def all_are_there():
        found = sidecar.search(f'"{marker}"', limit=10_000)
        return found if len(found) >= count else None

    found = eventually(all_are_there, 30)
    assert len(found) == count, f"{len(found)} records"
    return found
