"""The OpenTelemetry SDK of Python, set up as a service sets it up, and what it says it sent.

The SDK's own encoder, fed from its in-memory exporters, is the record of what was sent.
"""

from dataclasses import dataclass

import grpc
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    InMemoryLogRecordExporter,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PROTOCOLS = ("grpc", "http/protobuf")
COMPRESSIONS = {
    "grpc": {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip},
    "http/protobuf": {
        "none": Compression.NoCompression,
        "gzip": Compression.Gzip,
        "deflate": Compression.Deflate,
    },
}
EXPORTERS = {
    "grpc": {"traces": GrpcSpanExporter, "logs": GrpcLogExporter, "metrics": GrpcMetricExporter},
    "http/protobuf": {"traces": HttpSpanExporter, "logs": HttpLogExporter, "metrics": HttpMetricExporter},
}


def exporter(sidecar, signal: str, protocol: str, compression: str = "none", timeout_s: float = 10):
    options = {"compression": COMPRESSIONS[protocol][compression], "timeout": timeout_s}
    if protocol == "grpc":
        return EXPORTERS[protocol][signal](endpoint=sidecar.grpc, insecure=True, **options)
    return EXPORTERS[protocol][signal](endpoint=f"http://{sidecar.http}/v1/{signal}", **options)


@dataclass
class Sdk:
    """Tracer and logger providers with a real exporter each, and a copy of all that they were given."""

    tracers: TracerProvider
    loggers: LoggerProvider
    spans: InMemorySpanExporter
    logs: InMemoryLogRecordExporter

    @classmethod
    def to(cls, sidecar, protocol: str, compression: str, resource: Resource) -> "Sdk":
        sdk = cls(
            TracerProvider(resource=resource, shutdown_on_exit=False),
            LoggerProvider(resource=resource, shutdown_on_exit=False),
            InMemorySpanExporter(),
            InMemoryLogRecordExporter(),
        )
        sdk.tracers.add_span_processor(SimpleSpanProcessor(sdk.spans))
        sdk.tracers.add_span_processor(
            BatchSpanProcessor(exporter(sidecar, "traces", protocol, compression))
        )
        sdk.loggers.add_log_record_processor(SimpleLogRecordProcessor(sdk.logs))
        sdk.loggers.add_log_record_processor(
            BatchLogRecordProcessor(exporter(sidecar, "logs", protocol, compression))
        )
        return sdk

    def shutdown(self):
        """Flushes, as at the end of a service."""
        self.tracers.shutdown()
        self.loggers.shutdown()

    def sent(self):
        """The requests that hold what was sent."""
        return encode_spans(self.spans.get_finished_spans()), encode_logs(self.logs.get_finished_logs())


def ended_span(name: str, attributes: dict | None = None):
    """A span of the SDK that nothing has exported yet."""
    tracer = TracerProvider(resource=Resource({"service.name": "sdk"}), shutdown_on_exit=False).get_tracer("by hand")
    span = tracer.start_span(name, attributes=attributes)
    span.end()
    return span
