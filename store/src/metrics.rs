//! What the store tells of itself, for Prometheus.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry, exponential_buckets};

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub journal_bytes: IntGauge,
    pub journal_sync_seconds: Histogram,
    pub journal_errors: IntCounter,
    pub appended_records: IntCounter,
    pub head_records: IntGauge,
    pub head_bytes: IntGauge,
    pub partitions: IntGauge,
    pub partition_bytes: IntGauge,
    pub records: IntGauge,
    pub commits: IntCounter,
    pub commit_seconds: Histogram,
    pub index_errors: IntCounter,
    pub set_aside: IntCounter,
    pub deleted_partitions: IntCounter,
    pub deleted_records: IntCounter,
    pub memory_used_bytes: IntGauge,
    pub memory_budget_bytes: IntGauge,
    pub storage_limit_bytes: IntGauge,
}

impl Metrics {
    pub fn register(registry: &Registry) -> prometheus::Result<Metrics> {
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let gauge = IntGauge::new(format!("spandrel_store_{name}"), help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            let counter = IntCounter::new(format!("spandrel_store_{name}"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let seconds = |name: &str, help: &str| -> prometheus::Result<Histogram> {
            let buckets = exponential_buckets(0.000_25, 4.0, 9)?;
            let options = HistogramOpts::new(format!("spandrel_store_{name}"), help).buckets(buckets);
            let histogram = Histogram::with_opts(options)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok(histogram)
        };
        Ok(Metrics {
            journal_bytes: gauge("journal_bytes", "Bytes of the journal's files")?,
            journal_sync_seconds: seconds(
                "journal_append_seconds",
                "Time to write and sync a group of batches",
            )?,
            journal_errors: counter("journal_errors_total", "Appends that the disk refused")?,
            appended_records: counter("appended_records_total", "Records acknowledged as kept")?,
            head_records: gauge("head_records", "Records in memory, not yet in a committed index")?,
            head_bytes: gauge("head_bytes", "Encoded bytes of the records in memory")?,
            partitions: gauge("partitions", "Partitions held")?,
            partition_bytes: gauge("partition_bytes", "Bytes of the partitions on disk")?,
            records: gauge("partition_records", "Records in the partitions")?,
            commits: counter("commits_total", "Commits of the index")?,
            commit_seconds: seconds("commit_seconds", "Time a commit of the index took")?,
            index_errors: counter(
                "index_errors_total",
                "Failures of the index writer; it is opened again and fed anew",
            )?,
            set_aside: counter("set_aside_total", "Damaged partitions and journal files set aside")?,
            deleted_partitions: counter("deleted_partitions_total", "Partitions deleted by retention")?,
            deleted_records: counter("deleted_records_total", "Records deleted by retention")?,
            memory_used_bytes: gauge(
                "memory_used_bytes",
                "Bytes of the memory budget in use by records in flight",
            )?,
            memory_budget_bytes: gauge("memory_budget_bytes", "The memory budget for records in flight")?,
            storage_limit_bytes: gauge("storage_limit_bytes", "Bytes that the data folder may take")?,
        })
    }
}
