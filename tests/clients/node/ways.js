// Sends a few records through a real client of another system's protocol, to the address that it is given.
//
// Reads {"client": "winston-loki" | "winston-loki-json" | "pino-loki" | "elastic" | "fluent", "http": address, "forward":
// address, "marker": text, "count": number} from its argument. Ends with 0 when the client says that all were taken.
'use strict';

const target = JSON.parse(process.argv[2]);
const host = `http://${target.http}`;
const trace = { trace_id: '4bf92f3577b34da6a3ce929d0e0e4736', span_id: '00f067aa0ba902b7' };
const numbers = Array.from({ length: target.count }, (_, number) => number);

async function winston() {
  const winston = require('winston');
  const LokiTransport = require('winston-loki');
  let failed = null;
  const loki = new LokiTransport({
    host,
    json: target.client === 'winston-loki-json',
    labels: { job: `winston-${target.marker}`, service_name: 'storefront' },
    batching: true,
    interval: 1,
    format: winston.format.json(),
    onConnectionError: error => (failed = error),
  });
  const logger = winston.createLogger({ transports: [loki] });
  for (const number of numbers) logger.error({ message: `${target.marker} ${number}`, ...trace });
  await loki.flush();
  if (failed) throw failed;
}

async function pino() {
  const pino = require('pino');
  const transport = pino.transport({
    target: 'pino-loki',
    options: { host, batching: { interval: 1 }, labels: { app: `pino-${target.marker}` }, silenceErrors: false },
  });
  const logger = pino(transport);
  for (const number of numbers) logger.warn({ ...trace, number }, `${target.marker} ${number}`);
  const closed = new Promise(resolve => transport.on('close', resolve));
  transport.end();
  await closed;
}

async function elastic() {
  const { Client } = require('@elastic/elasticsearch');
  const client = new Client({ node: host });
  const info = await client.info();
  if (!info.version.number.startsWith('8.')) throw new Error(`version ${info.version.number}`);
  const documents = numbers.map(number => ({
    '@timestamp': new Date().toISOString(),
    'log.level': 'error',
    message: `${target.marker} ${number}`,
    trace: { id: trace.trace_id },
    service: { name: 'warehouse' },
  }));
  const result = await client.helpers.bulk({
    datasource: documents,
    onDocument: () => ({ create: { _index: 'logs-shop-default' } }),
    onDrop: drop => {
      throw new Error(JSON.stringify(drop.error));
    },
  });
  if (result.successful !== target.count || result.failed !== 0) throw new Error(JSON.stringify(result));
}

async function fluent() {
  const { FluentClient } = require('@fluent-org/logger');
  const [address, port] = target.forward.split(':');
  const client = new FluentClient('shop', {
    socket: { host: address, port: Number(port) },
    ack: { ackTimeout: 20000 },
    eventMode: target.mode ?? 'PackedForward',
    milliseconds: true,
  });
  await client.connect();
  await Promise.all(numbers.map(number => client.emit('orders', { level: 'error', message: `${target.marker} ${number}`, ...trace })));
  await client.disconnect();
}

const clients = { 'winston-loki': winston, 'winston-loki-json': winston, 'pino-loki': pino, elastic, fluent };
clients[target.client]().then(
  () => process.exit(0),
  error => {
    console.error(error);
    process.exit(1);
  },
);
