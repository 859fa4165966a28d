<?php
// Writes the corpus's records with one logger: `php emit.php NAME`. What each record says stands in README.md.
require "Monolog/autoload.php";

use Monolog\Formatter\JsonFormatter;
use Monolog\Formatter\LineFormatter;
use Monolog\Handler\StreamHandler;
use Monolog\Logger;

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

class CardDeclined extends RuntimeException {}

function monolog($formatter): void {
    $handler = new StreamHandler("php://stdout", Logger::DEBUG);
    $handler->setFormatter($formatter);
    $log = new Logger("shop", [$handler]);
    $ids = ["trace_id" => TRACE, "span_id" => SPAN];
    $log->debug("cache miss");
    $log->info("order accepted");
    $log->warning("stock is low", $ids);
    $log->error("payment failed", $ids + ["exception" => new CardDeclined("insufficient funds")]);
    $log->info("order placed", ["order" => ["id" => 4711, "customer" => ["name" => "Ada"]]]);
    $log->info("grüße 🚀\nzweite Zeile");
}

switch ($argv[1]) {
    case "monolog_json":
        $formatter = new JsonFormatter();
        $formatter->includeStacktraces();
        monolog($formatter);
        break;
    case "monolog_line":
        monolog(new LineFormatter(null, null, true));
        break;
}
