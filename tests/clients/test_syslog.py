"""`logger` and Python's handler send syslog."""

import json
import logging
import logging.handlers
import shutil
import socket
import subprocess

import pytest

from ways import TRACE_ID, marker, records

SETTINGS = {
    "receivers.syslog.enabled": "true",
    "receivers.syslog.tcp.listen_address": "127.0.0.1:0",
    "receivers.syslog.udp.listen_address": "127.0.0.1:0",
}


@pytest.fixture(scope="module")
def syslog(tmp_path_factory):
    from sidecar import Sidecar

    with Sidecar(tmp_path_factory.mktemp("syslog"), SETTINGS) as running:
        addresses = json.loads((running.folder / "addresses.json").read_text())
        running.ports = {name: int(addresses[f"syslog_{name}"].rsplit(":", 1)[1]) for name in ("tcp", "udp")}
        yield running


@pytest.mark.parametrize("form", ["--rfc5424", "--rfc3164"])
@pytest.mark.parametrize("transport, flags", [("tcp", ["-T"]), ("tcp", ["-T", "--octet-count"]), ("udp", ["-d"])])
def test_logger_of_util_linux(syslog, form, transport, flags):
    assert shutil.which("logger"), "util-linux has it"
    name = marker()
    command = ["logger", "-n", "127.0.0.1", "-P", str(syslog.ports[transport]), *flags, form, "-t", "cron", "-i", "-p", "local3.err"]
    if form == "--rfc5424":
        command += ["--sd-id", "shop@32473", "--sd-param", 'order="4711"', "--msgid", "SALE"]
    subprocess.run([*command, f"{name} no funds trace_id={TRACE_ID}"], check=True, timeout=30)
    [record] = records(syslog, name, 1)
    assert (record["level"], record["service"], record["trace_id"]) == ("error", "cron", TRACE_ID)
    assert record["severity_text"] == "err" and record["source"] == "syslog"
    assert record["resource"]["host.name"] == socket.gethostname().split(".")[0] or "." in record["resource"]["host.name"]
    assert record["attributes"]["syslog.facility"] == "local3" and record["attributes"]["syslog.procid"].isdigit()
    assert record["original"].startswith("<155>") and record["message"].startswith(name)
    if form == "--rfc5424":
        assert record["attributes"]["syslog.shop@32473.order"] == "4711"
        assert record["attributes"]["syslog.msgid"] == "SALE"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pythons_syslog_handler(syslog, transport):
    name = marker()
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    handler = logging.handlers.SysLogHandler(("127.0.0.1", syslog.ports[transport]), socktype=kind)
    if transport == "tcp":
        # The handler itself ends messages with a zero byte, which is no frame over TCP.
        handler.append_nul, handler.terminator = False, "\n"
        handler.setFormatter(logging.Formatter("payment[7]: %(message)s\n"))
    else:
        handler.setFormatter(logging.Formatter("payment[7]: %(message)s"))
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.addHandler(handler)
    for number in range(20):
        logger.warning("%s %d", name, number)
    handler.close()
    found = records(syslog, name, 20)
    assert {(record["level"], record["service"]) for record in found} == {("warn", "payment")}
    assert {record["attributes"]["syslog.facility"] for record in found} == {"user"}
