package shop;

import java.util.Map;
import java.util.logging.ConsoleHandler;

/** Writes the corpus's records with one logger: {@code Emit NAME}. What each record says stands in README.md. */
public final class Emit {
  static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
  static final String SPAN = "00f067aa0ba902b7";
  static final String UNICODE = "grüße 🚀\nzweite Zeile";

  static final class CardDeclinedException extends RuntimeException {
    CardDeclinedException(String message, Throwable cause) {
      super(message, cause);
    }
  }

  static RuntimeException failure() {
    return new CardDeclinedException("insufficient funds", new IllegalStateException("balance is 3 EUR"));
  }

  public static void main(String[] arguments) {
    System.setOut(new java.io.PrintStream(System.out, true, java.nio.charset.StandardCharsets.UTF_8));
    String name = arguments[0];
    switch (name) {
      case "jul" -> jul();
      case "uncaught_java" -> {
        System.setErr(System.out);
        System.out.println("order accepted");
        System.out.println("payment begins");
        throw failure();
      }
      default -> {
        if (name.startsWith("logback")) logback(name);
        else log4j(name);
      }
    }
  }

  private static void jul() {
    // ConsoleHandler writes to System.err.
    System.setErr(System.out);
    var log = java.util.logging.Logger.getLogger("shop");
    log.setUseParentHandlers(false);
    var handler = new ConsoleHandler();
    handler.setLevel(java.util.logging.Level.ALL);
    log.addHandler(handler);
    log.setLevel(java.util.logging.Level.ALL);
    log.fine("cache miss");
    log.info("order accepted");
    log.warning("stock is low trace_id=" + TRACE + " span_id=" + SPAN);
    log.log(java.util.logging.Level.SEVERE, "payment failed trace_id=" + TRACE + " span_id=" + SPAN, failure());
    log.info("order placed");
    log.info(UNICODE);
  }

  private static void logback(String name) {
    System.setProperty("logback.configurationFile", name + ".xml");
    boolean micrometer = name.equals("logback_spring");
    String trace = micrometer ? "traceId" : "trace_id";
    String span = micrometer ? "spanId" : "span_id";
    var log = org.slf4j.LoggerFactory.getLogger("shop.Payment");
    log.debug("cache miss");
    log.info("order accepted");
    org.slf4j.MDC.put(trace, TRACE);
    org.slf4j.MDC.put(span, SPAN);
    log.warn("stock is low");
    log.error("payment failed", failure());
    org.slf4j.MDC.clear();
    log.atInfo().addKeyValue("order", Map.of("id", 4711)).log("order placed");
    log.info(UNICODE);
  }

  private static void log4j(String name) {
    System.setProperty("log4j2.configurationFile", name + ".xml");
    var log = org.apache.logging.log4j.LogManager.getLogger("shop.Payment");
    log.debug("cache miss");
    log.info("order accepted");
    org.apache.logging.log4j.ThreadContext.put("trace_id", TRACE);
    org.apache.logging.log4j.ThreadContext.put("span_id", SPAN);
    log.warn("stock is low");
    log.error("payment failed", failure());
    org.apache.logging.log4j.ThreadContext.clearAll();
    log.info("order placed");
    log.info(UNICODE);
  }
}
