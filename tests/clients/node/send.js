// One trace with its logs through the OpenTelemetry SDK of Node.js, as a service sets it up.
//
// Reads {"grpc": address, "http": address, "protocol": "grpc" | "http/protobuf" | "http/json",
// "compression": "none" | "gzip", "traceId": of the caller, "notFinite": send NaN and the infinities} from its
// argument. Writes one line of JSON: what was sent, as base64 of the OTLP
// requests that the SDK's own protobuf serializer makes of it, and the errors of the exporters.
'use strict';

const { context, trace, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, createTraceState } = require('@opentelemetry/api');
const { SeverityNumber } = require('@opentelemetry/api-logs');
const { ProtobufLogsSerializer, ProtobufTraceSerializer } = require('@opentelemetry/otlp-transformer');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BatchLogRecordProcessor, InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { BatchSpanProcessor, InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');

const UNICODE = 'Größe 尺寸 🚀 e\u0301 \u202e \u2028';
const target = JSON.parse(process.argv[2]);

function exporter(signal) {
  const flavour = { grpc: 'grpc', 'http/protobuf': 'proto', 'http/json': 'http' }[target.protocol];
  const name = { traces: 'trace', logs: 'logs' }[signal];
  const exported = require(`@opentelemetry/exporter-${name}-otlp-${flavour}`);
  const Exporter = exported.OTLPTraceExporter ?? exported.OTLPLogExporter;
  const url = target.protocol === 'grpc' ? `http://${target.grpc}` : `http://${target.http}/v1/${signal}`;
  return new Exporter({ url, compression: target.compression });
}

// Reports what the SDK itself would only log.
function reporting(inner, errors) {
  return {
    export: (batch, done) =>
      inner.export(batch, result => {
        if (result.error) errors.push(String(result.error));
        done(result);
      }),
    forceFlush: () => inner.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => inner.shutdown(),
  };
}

const attributes = {
  text: 'plain',
  'text.unicode': UNICODE,
  'text.empty': '',
  'text.long': '0123456789'.repeat(10000),
  bool: true,
  'bool.false': false,
  int: 42,
  'int.negative': -7,
  'int.safe.max': Number.MAX_SAFE_INTEGER,
  'int.safe.min': Number.MIN_SAFE_INTEGER,
  double: 0.1,
  'double.least': 5e-324,
  ...(target.notFinite ? { 'double.nan': NaN, 'double.inf': Infinity, 'double.minus.inf': -Infinity } : {}),
  texts: ['a', '', UNICODE],
  bools: [true, false],
  ints: [-1, 0, 1],
  doubles: [0.5, 1.25],
  empty: [],
};
const body = {
  event: 'charge',
  amount: { minor: 4999, currency: 'EUR', rates: [1.5, 2.5] },
  blob: Uint8Array.from({ length: 256 }, (_, i) => i),
  nothing: null,
  mixed: ['a', 1, false, null, { deep: [[]] }],
};

async function main() {
  const errors = [];
  const [spans, logs] = [new InMemorySpanExporter(), new InMemoryLogRecordExporter()];
  const resource = resourceFromAttributes({ 'service.name': 'storefront', replicas: 3, zones: ['a', 'b'] });
  const tracers = new NodeTracerProvider({
    resource,
    spanProcessors: [new SimpleSpanProcessor(spans), new BatchSpanProcessor(reporting(exporter('traces'), errors))],
  });
  const loggers = new LoggerProvider({
    resource,
    processors: [
      new SimpleLogRecordProcessor({ exporter: logs }),
      new BatchLogRecordProcessor({ exporter: reporting(exporter('logs'), errors) }),
    ],
  });
  tracers.register();
  const tracer = tracers.getTracer('storefront.lib', '1.2.3', { schemaUrl: 'https://example.org/schema' });
  const logger = loggers.getLogger('storefront.log', '4.5');
  const remote = {
    traceId: target.traceId,
    spanId: '00f067aa0ba902b7',
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
    traceState: createTraceState('vendor=t61rcWkgMzE,rojo=00f067aa0ba902b7'),
  };
  const links = [{ context: remote, attributes: { 'link.kind': 'follows' } }];
  const parent = trace.setSpanContext(ROOT_CONTEXT, remote);
  tracer.startActiveSpan('GET /orders', { kind: SpanKind.SERVER, attributes, links }, parent, entry => {
    entry.addEvent('cache miss', { key: 'user:1', sizes: [1, 2] });
    for (const kind of [SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.INTERNAL]) {
      tracer.startSpan(`a ${SpanKind[kind]} ${UNICODE}`, { kind }).setStatus({ code: SpanStatusCode.OK }).end();
    }
    tracer.startActiveSpan('charge', failing => {
      failing.recordException(new TypeError("Cannot read properties of undefined (reading 'amount')"));
      failing.setStatus({ code: SpanStatusCode.ERROR, message: 'charge failed' });
      logger.emit({ severityNumber: SeverityNumber.ERROR, severityText: 'error', body: 'charge failed: no amount' });
      failing.end();
    });
    logger.emit({
      timestamp: new Date(),
      severityNumber: SeverityNumber.WARN3,
      severityText: 'warning',
      body,
      attributes: { ...attributes, nested: body },
      eventName: 'storefront.charged',
      context: context.active(),
    });
    logger.emit({ body: `only a text ${UNICODE}` });
    entry.end();
  });
  const sentSpans = spans.getFinishedSpans().slice();
  const sentLogs = logs.getFinishedLogRecords().slice();
  await Promise.all([tracers.forceFlush(), loggers.forceFlush()]);
  const base64 = bytes => Buffer.from(bytes).toString('base64');
  const sent = {
    traces: base64(ProtobufTraceSerializer.serializeRequest(sentSpans)),
    logs: base64(ProtobufLogsSerializer.serializeRequest(sentLogs)),
    errors,
  };
  process.stdout.write(`${JSON.stringify(sent)}\n`);
  await Promise.all([tracers.shutdown(), loggers.shutdown()]);
}

main().catch(error => {
  console.error(error);
  process.exitCode = 1;
});
