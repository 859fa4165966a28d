//! Writes the corpus's records with one logger: `loggers NAME`. What each record says stands in README.md.

use std::fmt;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const UNICODE: &str = "grüße 🚀\nzweite Zeile";

#[derive(Debug)]
struct CardDeclined;

impl fmt::Display for CardDeclined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("insufficient funds")
    }
}

impl std::error::Error for CardDeclined {}

fn with_tracing() {
    tracing::debug!("cache miss");
    tracing::info!("order accepted");
    tracing::warn!(trace_id = TRACE, span_id = SPAN, "stock is low");
    let error = &CardDeclined as &dyn std::error::Error;
    let span = tracing::info_span!("charge", trace_id = TRACE, span_id = SPAN);
    span.in_scope(|| tracing::error!(error, "payment failed"));
    tracing::info!(order.id = 4711, order.customer.name = "Ada", "order placed");
    tracing::info!("{UNICODE}");
}

fn with_slog(drain: impl slog::Drain<Ok = (), Err = slog::Never> + Send + Sync + std::panic::RefUnwindSafe + std::panic::UnwindSafe + 'static) {
    let log = slog::Logger::root(drain, slog::o!("service" => "shop"));
    slog::debug!(log, "cache miss");
    slog::info!(log, "order accepted");
    slog::warn!(log, "stock is low"; "trace_id" => TRACE, "span_id" => SPAN);
    slog::error!(log, "payment failed"; "trace_id" => TRACE, "span_id" => SPAN, "error" => %CardDeclined);
    slog::info!(log, "order placed"; "order.id" => 4711);
    slog::info!(log, "{}", UNICODE);
}

fn with_log() {
    log::debug!("cache miss");
    log::info!("order accepted");
    log::warn!(trace_id = TRACE, span_id = SPAN; "stock is low");
    log::error!(trace_id = TRACE, span_id = SPAN, error = "insufficient funds"; "payment failed");
    log::info!("order placed");
    log::info!("{UNICODE}");
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("tracing_json") => {
            tracing_subscriber::fmt().json().with_max_level(tracing::Level::DEBUG).init();
            with_tracing();
        }
        Some("tracing_json_flat") => {
            tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::DEBUG).init();
            with_tracing();
        }
        Some("tracing_text") => {
            tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::DEBUG).init();
            with_tracing();
        }
        Some("tracing_coloured") => {
            tracing_subscriber::fmt().with_ansi(true).with_max_level(tracing::Level::DEBUG).init();
            with_tracing();
        }
        Some("tracing_bunyan") => {
            use tracing_subscriber::layer::SubscriberExt as _;
            let formatting = tracing_bunyan_formatter::BunyanFormattingLayer::new("shop".into(), std::io::stdout);
            let storage = tracing_bunyan_formatter::JsonStorageLayer;
            let filter = tracing_subscriber::EnvFilter::new("debug");
            let subscriber = tracing_subscriber::registry().with(filter).with(storage).with(formatting);
            tracing::subscriber::set_global_default(subscriber).unwrap();
            with_tracing();
        }
        Some("slog_rs_json") => {
            let json = slog_json::Json::default(std::io::stdout());
            with_slog(slog::Fuse(std::sync::Mutex::new(json)));
        }
        Some("slog_rs_logfmt") => {
            let logfmt = slog_logfmt::Logfmt::new(std::io::stdout()).build();
            with_slog(slog::Fuse(std::sync::Mutex::new(logfmt)));
        }
        Some("env_logger") => {
            env_logger::Builder::new()
                .filter_level(log::LevelFilter::Debug)
                .target(env_logger::Target::Stdout)
                .init();
            with_log();
        }
        Some("structured_logger") => {
            structured_logger::Builder::with_level("debug")
                .with_target_writer("*", structured_logger::json::new_writer(std::io::stdout()))
                .init();
            with_log();
        }
        // What a program without a logger leaves behind.
        Some("uncaught_rust") => {
            println!("order accepted");
            println!("payment begins");
            Err::<(), _>(CardDeclined).unwrap();
        }
        other => panic!("no logger {other:?}"),
    }
}
