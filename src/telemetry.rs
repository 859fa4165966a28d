//! What Spandrel tells of itself: logs on standard error, its own traces over OTLP when configured, metrics
//! about the process.
//!
//! Never a payload, never a secret: stages log counts, names and reasons. Traces are of the questions it is
//! asked and of nothing on the way in, so that a sidecar that sends them to itself does not make more by
//! taking them in.

mod process;

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::{IntGauge, Opts, Registry};
use spandrel_config::{LogFormat, LogSettings};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, filter};

/// The only targets whose spans are exported.
const TRACED: [&str; 2] = ["spandrel_query", "spandrel::"];

/// Logs and traces under way; to be stopped, so that the last ones get out.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Must be called within the runtime, which the exporter's channel lives on.
    pub fn start(settings: &spandrel_config::Telemetry) -> anyhow::Result<Telemetry> {
        let traces = settings.traces_endpoint.as_deref().map(tracer_provider).transpose()?;
        let exporting = traces.as_ref().map(|provider| {
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("spandrel"));
            layer.with_filter(filter::filter_fn(|metadata| is_traced(metadata.target())))
        });
        let logging = log_layer(&settings.logs)?;
        let started = tracing_subscriber::registry().with(exporting).with(logging).try_init();
        started.context("start logging")?;
        Ok(Telemetry { traces })
    }

    /// Sends what is still to be sent.
    pub async fn stop(self) {
        let Some(provider) = self.traces else { return };
        let stopped = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        match stopped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last own traces were not sent"),
            Err(error) => tracing::warn!(%error, "the exporter of own traces failed"),
        }
    }
}

/// Metrics that are about the process as a whole.
pub fn register(registry: &Registry) -> prometheus::Result<()> {
    let info = Opts::new("spandrel_build_info", "Always 1; the labels say what is running.")
        .const_label("version", env!("CARGO_PKG_VERSION"))
        .const_label("arch", std::env::consts::ARCH)
        .const_label("os", std::env::consts::OS);
    let info = IntGauge::with_opts(info)?;
    info.set(1);
    registry.register(Box::new(info))?;
    registry.register(Box::new(process::ProcessMetrics::new()?))
}

fn log_layer<S>(settings: &LogSettings) -> anyhow::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    use std::io::IsTerminal as _;
    let filter = EnvFilter::try_new(&settings.level).context("telemetry.logs.level")?;
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer: Box<dyn Layer<S> + Send + Sync> = match settings.format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Text => {
            let colour =
                std::io::stderr().is_terminal() && spandrel_config::environment("NO_COLOR").is_none();
            layer.with_ansi(colour).boxed()
        }
    };
    Ok(layer.with_filter(filter).boxed())
}

fn tracer_provider(endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
    let exporter = exporter.context("telemetry.traces.endpoint")?;
    let resource = Resource::builder()
        .with_service_name("spandrel")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

fn is_traced(target: &str) -> bool {
    TRACED.iter().any(|traced| target.starts_with(traced))
}

#[cfg(test)]
mod tests;
