"""JSON logs as services write them: python-json-logger, with the ids that the logging instrumentation adds."""

import logging
import queue
import sys
import threading
import urllib.request

from pythonjsonlogger.json import JsonFormatter

FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s %(otelTraceID)s %(otelSpanID)s"


def to_stdout():
    """One line of JSON per record on standard output, under the names that the instrumentation gives."""
    _install(logging.StreamHandler(sys.stdout), JsonFormatter(FIELDS))


def to_url(url: str) -> "Shipper":
    """Lines of JSON by POST, under another logger's names."""
    names = {"otelTraceID": "trace_id", "otelSpanID": "span_id", "levelname": "level", "asctime": "timestamp"}
    shipper = Shipper(url)
    _install(shipper, JsonFormatter(FIELDS, rename_fields=names, timestamp=False))
    return shipper


def _install(handler: logging.Handler, formatter: logging.Formatter):
    formatter.default_msec_format = "%s.%03d"
    handler.setFormatter(formatter)
    handler.addFilter(lambda record: hasattr(record, "otelTraceID"))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


class Shipper(logging.Handler):
    """Sends what has gathered as one NDJSON body, from a thread of its own."""

    def __init__(self, url: str):
        super().__init__()
        self.url = url
        self.lines: queue.Queue[str | None] = queue.Queue(maxsize=10_000)
        self.thread = threading.Thread(target=self._ship, daemon=True)
        self.thread.start()

    def emit(self, record: logging.LogRecord):
        self.lines.put(self.format(record))

    def close(self):
        self.lines.put(None)
        self.thread.join(10)
        super().close()

    def _ship(self):
        while (line := self.lines.get()) is not None:
            gathered = [line]
            ended = False
            while not self.lines.empty():
                line = self.lines.get()
                if line is None:
                    ended = True
                    break
                gathered.append(line)
            body = "\n".join(gathered).encode()
            headers = {"content-type": "application/x-ndjson"}
            request = urllib.request.Request(self.url, body, headers)
            with urllib.request.urlopen(request, timeout=10) as response:
                response.read()
            if ended:
                return
