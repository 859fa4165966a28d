"""Writes the corpus's records with one logger: `python emit.py NAME`. What each record says stands in README.md."""

import logging
import sys

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
ORDER = {"id": 4711, "customer": {"name": "Ada"}}
UNICODE = "grüße 🚀\nzweite Zeile"
IDS = {"trace_id": TRACE, "span_id": SPAN}


class CardDeclined(Exception):
    pass


def charge():
    raise CardDeclined("insufficient funds")


def standard(formatter, ids=None, nested=True):
    """Through the standard library's logging, with a handler on standard output."""
    handler = logging.StreamHandler(sys.stdout)
    if formatter is not None:
        handler.setFormatter(formatter)
    log = logging.getLogger("shop")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    emit(log, ids or IDS, nested)


def emit(log, ids, nested=True):
    log.debug("cache miss")
    log.info("order accepted")
    log.warning("stock is low", extra=ids)
    try:
        charge()
    except CardDeclined:
        log.exception("payment failed", extra=ids)
    log.info("order placed", extra={"order": ORDER} if nested else {})
    log.info(UNICODE)


def keywords(log, ids):
    """Loggers that take fields as keywords."""
    log.debug("cache miss")
    log.info("order accepted")
    log.warning("stock is low", **ids)
    try:
        charge()
    except CardDeclined:
        log.exception("payment failed", **ids)
    log.info("order placed", order=ORDER)
    log.info(UNICODE)


def python_basic():
    """logging.basicConfig's own format."""
    standard(logging.Formatter(logging.BASIC_FORMAT), nested=False)


def python_asctime():
    standard(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"), nested=False)


def python_otel():
    """The format that OpenTelemetry's logging instrumentation sets."""
    form = (
        "%(asctime)s %(levelname)s [%(name)s] [%(filename)s:%(lineno)d] [trace_id=%(otelTraceID)s "
        "span_id=%(otelSpanID)s resource.service.name=%(otelServiceName)s trace_sampled=%(otelTraceSampled)s] "
        "- %(message)s"
    )
    none = {"otelTraceID": "0", "otelSpanID": "0", "otelServiceName": "shop", "otelTraceSampled": False}
    ids = {**none, "otelTraceID": TRACE, "otelSpanID": SPAN, "otelTraceSampled": True}
    standard(logging.Formatter(form, defaults=none), ids, nested=False)


def python_json_logger():
    from pythonjsonlogger.json import JsonFormatter

    standard(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", json_ensure_ascii=False))


def python_json_datadog():
    """python-json-logger with what ddtrace's log injection adds: decimal ids under dd.*."""
    from pythonjsonlogger.json import JsonFormatter

    ids = {"dd.trace_id": str(int(TRACE, 16) & (2**64 - 1)), "dd.span_id": str(int(SPAN, 16)), "dd.service": "shop"}
    standard(JsonFormatter("%(asctime)s %(levelname)s %(message)s"), ids)


def structlog_json():
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    keywords(structlog.get_logger(), IDS)


def structlog_dicts():
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.EventRenamer("msg"),
            structlog.processors.JSONRenderer(),
        ]
    )
    keywords(structlog.get_logger(), IDS)


def structlog_logfmt():
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(sort_keys=True, key_order=["timestamp", "level", "event"]),
        ]
    )
    keywords(structlog.get_logger(), IDS)


def structlog_console():
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=True),
            structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback),
        ]
    )
    keywords(structlog.get_logger(), IDS)


def loguru_text():
    from loguru import logger

    logger.remove()
    logger.add(sys.stdout, colorize=False, backtrace=False, diagnose=False)
    log = logger
    log.debug("cache miss")
    log.info("order accepted")
    log.warning(f"stock is low trace_id={TRACE} span_id={SPAN}")
    try:
        charge()
    except CardDeclined:
        log.exception(f"payment failed trace_id={TRACE} span_id={SPAN}")
    log.info("order placed")
    log.info(UNICODE)


def loguru_json():
    from loguru import logger

    logger.remove()
    logger.add(sys.stdout, serialize=True, backtrace=False, diagnose=False)
    keywords(logger, IDS)


def powertools_python():
    import os

    os.environ["_X_AMZN_TRACE_ID"] = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={SPAN};Sampled=1"
    from aws_lambda_powertools import Logger

    log = Logger(service="shop", level="DEBUG", stream=sys.stdout)
    log.debug("cache miss")
    log.info("order accepted")
    log.warning("stock is low")
    try:
        charge()
    except CardDeclined:
        log.exception("payment failed")
    log.info("order placed", extra={"order": ORDER})
    log.info(UNICODE)


def ecs_python():
    import ecs_logging

    standard(ecs_logging.StdlibFormatter(), {"trace.id": TRACE, "span.id": SPAN})


def google_cloud():
    from google.cloud.logging_v2.handlers import StructuredLogHandler

    log = logging.getLogger("shop")
    log.addHandler(StructuredLogHandler(stream=sys.stdout, project_id="my-project"))
    log.setLevel(logging.DEBUG)
    ids = {"trace": f"projects/my-project/traces/{TRACE}", "span_id": SPAN}
    log.debug("cache miss")
    log.info("order accepted")
    log.warning("stock is low", extra=ids)
    try:
        charge()
    except CardDeclined:
        log.exception("payment failed", extra=ids)
    log.info("order placed", extra={"json_fields": {"order": ORDER}})
    log.info(UNICODE)


def logfmter_python():
    from logfmter import Logfmter

    standard(Logfmter(keys=["at", "when"], mapping={"at": "levelname", "when": "asctime"}))


def uncaught_python():
    """What a program without a logger leaves behind."""
    print("order accepted")
    print("payment begins", flush=True)
    sys.stderr = sys.stdout
    charge()


globals()[sys.argv[1]]()
