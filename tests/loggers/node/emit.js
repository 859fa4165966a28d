"use strict";
// Writes the corpus's records with one logger: `node emit.js NAME`. What each record says stands in README.md.

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const ORDER = { id: 4711, customer: { name: "Ada" } };
const UNICODE = "grüße 🚀\nzweite Zeile";

class CardDeclined extends Error {
  constructor(message) {
    super(message);
    this.name = "CardDeclined";
  }
}
const failure = () => new CardDeclined("insufficient funds");
const ids = { trace_id: TRACE, span_id: SPAN };

// Loggers that take an object before or behind the message.
const objectFirst = (log, ids) => {
  log.debug("cache miss");
  log.info("order accepted");
  log.warn(ids, "stock is low");
  log.error({ ...ids, err: failure() }, "payment failed");
  log.info({ order: ORDER }, "order placed");
  log.info(UNICODE);
};
const objectLast = (log, ids) => {
  log.debug("cache miss");
  log.info("order accepted");
  log.warn("stock is low", ids);
  const error = failure();
  log.error("payment failed", { ...ids, error });
  log.info("order placed", { order: ORDER });
  log.info(UNICODE);
};

const LOGGERS = {
  pino() {
    objectFirst(require("pino")({ level: "debug" }, require("pino").destination({ sync: true })), ids);
  },
  pino_ecs() {
    const { ecsFormat } = require("@elastic/ecs-pino-format");
    const pino = require("pino");
    const log = pino({ level: "debug", ...ecsFormat() }, pino.destination({ sync: true }));
    objectFirst(log, { "trace.id": TRACE, "span.id": SPAN });
  },
  bunyan() {
    const log = require("bunyan").createLogger({
      name: "shop",
      level: "debug",
      serializers: require("bunyan").stdSerializers,
    });
    objectFirst(log, { traceId: TRACE, spanId: SPAN });
  },
  winston_json() {
    const { createLogger, format, transports } = require("winston");
    const log = createLogger({
      level: "debug",
      format: format.combine(format.timestamp(), format.errors({ stack: true }), format.json()),
      transports: [new transports.Console()],
    });
    log.debug("cache miss");
    log.info("order accepted");
    log.warn("stock is low", ids);
    const error = failure();
    log.log({ level: "error", message: "payment failed", ...ids, stack: error.stack });
    log.info("order placed", { order: ORDER });
    log.info(UNICODE);
  },
  winston_ecs() {
    const { createLogger, transports } = require("winston");
    const { ecsFormat } = require("@elastic/ecs-winston-format");
    const log = createLogger({
      level: "debug",
      format: ecsFormat({ convertErr: true }),
      transports: [new transports.Console()],
    });
    log.debug("cache miss");
    log.info("order accepted");
    log.warn("stock is low", { trace: { id: TRACE }, span: { id: SPAN } });
    log.error("payment failed", { trace: { id: TRACE }, span: { id: SPAN }, err: failure() });
    log.info("order placed", { order: ORDER });
    log.info(UNICODE);
  },
  winston_simple() {
    const { createLogger, format, transports } = require("winston");
    const log = createLogger({ level: "debug", format: format.simple(), transports: [new transports.Console()] });
    log.debug("cache miss");
    log.info("order accepted");
    log.warn("stock is low", ids);
    log.error("payment failed " + failure().stack, ids);
    log.info("order placed", { order: ORDER });
    log.info(UNICODE);
  },
  log4js() {
    const log4js = require("log4js");
    log4js.configure({
      appenders: { out: { type: "stdout", layout: { type: "basic" } } },
      categories: { default: { appenders: ["out"], level: "debug" } },
    });
    const log = log4js.getLogger("shop");
    log.debug("cache miss");
    log.info("order accepted");
    log.warn(`stock is low trace_id=${TRACE} span_id=${SPAN}`);
    log.error(`payment failed trace_id=${TRACE} span_id=${SPAN}`, failure());
    log.info("order placed", { order: ORDER });
    log.info(UNICODE);
  },
  powertools_node() {
    process.env._X_AMZN_TRACE_ID = `Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=${SPAN};Sampled=1`;
    const { Logger } = require("@aws-lambda-powertools/logger");
    const log = new Logger({ serviceName: "shop", logLevel: "DEBUG" });
    log.debug("cache miss");
    log.info("order accepted");
    log.warn("stock is low");
    log.error("payment failed", failure());
    log.info("order placed", { order: ORDER });
    log.info(UNICODE);
  },
  tslog() {
    const { Logger } = require("tslog");
    const log = new Logger({ type: "json", name: "shop" });
    log.debug("cache miss");
    log.info("order accepted");
    log.warn("stock is low", ids);
    log.error("payment failed", failure());
    log.info("order placed", { order: ORDER });
    log.info(UNICODE);
  },
  logfmt_node() {
    const logfmt = require("logfmt");
    const log = (fields) => console.log(logfmt.stringify({ time: new Date().toISOString(), ...fields }));
    log({ level: "debug", msg: "cache miss" });
    log({ level: "info", msg: "order accepted" });
    log({ level: "warn", msg: "stock is low", ...ids });
    log({ level: "error", msg: "payment failed", ...ids, error: "CardDeclined: insufficient funds" });
    log({ level: "info", msg: "order placed", "order.id": ORDER.id });
    log({ level: "info", msg: UNICODE.replace("\n", " ") });
  },
  // What a service without any logger prints, and how Node says an error.
  console_node() {
    console.log("order accepted");
    console.error("payment failed", failure());
    console.log("order placed");
  },
  uncaught_node() {
    console.log("order accepted");
    console.log("payment begins");
    throw failure();
  },
};

LOGGERS[process.argv[2]]();
