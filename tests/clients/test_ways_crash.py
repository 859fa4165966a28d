"""kill -9 while senders of other protocols are at work: what was acknowledged is kept.

Each way in has its own word for "kept": Loki's 204, a bulk item's 201, the forward protocol's ack. Syslog has none, so
there is nothing to be held to. A sender that got no answer sends no second time here, so that every record is there
once or, if the answer was lost, perhaps.
"""

import json
import random
import socket
import struct
import threading
import time

import msgpack
import pytest
import requests

from sidecar import Sidecar, eventually

ROUNDS = 10
SENDERS = 3
BATCH = 5


def loki(sidecar, ids):
    values = [[str(time.time_ns()), f"level=info id={one}"] for one in ids]
    body = {"streams": [{"stream": {"service_name": "crash"}, "values": values}]}
    answer = requests.post(f"http://{sidecar.http}/loki/api/v1/push", json=body, timeout=10)
    return ids if answer.status_code == 204 else []


def bulk(sidecar, ids):
    lines = [line for one in ids for line in ({"create": {"_id": one}}, {"message": f"id={one}", "service.name": "crash"})]
    body = "".join(json.dumps(line) + "\n" for line in lines)
    headers = {"content-type": "application/x-ndjson"}
    answer = requests.post(f"http://{sidecar.http}/logs/_bulk", data=body, headers=headers, timeout=10)
    if answer.status_code != 200:
        return []
    return [item["create"]["_id"] for item in answer.json()["items"] if item["create"]["status"] == 201]


def forward(sidecar, ids):
    host, port = sidecar.forward.split(":")
    events = b"".join(msgpack.packb([int(time.time()), {"log": f"id={one}"}]) for one in ids)
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(msgpack.packb(["crash", events, {"chunk": ids[0]}]))
        received = b""
        while piece := connection.recv(1024):
            received += piece
            try:
                return ids if msgpack.unpackb(received) == {"ack": ids[0]} else []
            except (ValueError, struct.error):
                continue
    return []


def send_until_killed(sidecar, way, label, acknowledged):
    for number in range(100_000):
        ids = [f"{label}x{number}x{place}" for place in range(BATCH)]
        try:
            acknowledged.extend(way(sidecar, ids))
        except (OSError, requests.RequestException):
            return


def kept(sidecar):
    """How often each id is kept."""
    counts, cursor = {}, None
    while True:
        parameters = {"q": "kind:log", "limit": 5_000, **({"cursor": cursor} if cursor else {})}
        answer = sidecar.ask("/api/v1/search", **parameters)
        for record in answer["records"]:
            one = record["message"].rpartition("id=")[2]
            counts[one] = counts.get(one, 0) + 1
        cursor = answer.get("next_cursor")
        if not cursor:
            return counts


@pytest.mark.parametrize("way", [loki, bulk, forward])
def test_what_was_acknowledged_is_kept_once(tmp_path, way):
    settings = {"receivers.fluentforward.enabled": "true", "receivers.fluentforward.endpoint": "127.0.0.1:0"}
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    acknowledged = []
    with Sidecar(tmp_path / "sidecar", settings) as sidecar:
        for round_number in range(ROUNDS):
            sidecar.forward = json.loads((sidecar.folder / "addresses.json").read_text())["fluentforward"]
            threads = [
                threading.Thread(target=send_until_killed, args=(sidecar, way, f"r{round_number}s{one}", acknowledged))
                for one in range(SENDERS)
            ]
            before = len(acknowledged)
            [thread.start() for thread in threads]
            eventually(lambda: len(acknowledged) > before, 20)
            time.sleep(chance.uniform(0, 0.6))
            sidecar.kill()
            [thread.join(30) for thread in threads]
            sidecar.start()
        counts = kept(sidecar)
    assert len(acknowledged) >= ROUNDS * BATCH
    assert [one for one in acknowledged if counts.get(one, 0) != 1] == []
    assert {one: count for one, count in counts.items() if count > 1} == {}
