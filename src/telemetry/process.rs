//! Metrics of this process, read from `/proc` whenever they are asked for. Named as Prometheus' own client
//! libraries name them, so that dashboards made for those work.

use procfs::process::{LimitValue, Process};
use procfs::{WithCurrentSystemInfo as _, process::Stat};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, IntGauge};

/// All of them; a value that cannot be read keeps its last one.
pub(super) struct ProcessMetrics {
    cpu_seconds: Counter,
    resident_bytes: IntGauge,
    virtual_bytes: IntGauge,
    open_fds: IntGauge,
    max_fds: IntGauge,
    threads: IntGauge,
    start_time: IntGauge,
}

impl ProcessMetrics {
    pub(super) fn new() -> prometheus::Result<ProcessMetrics> {
        let gauge = |name: &str, help: &str| IntGauge::new(name, help);
        Ok(ProcessMetrics {
            cpu_seconds: Counter::new(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
            )?,
            resident_bytes: gauge("process_resident_memory_bytes", "Resident memory size in bytes.")?,
            virtual_bytes: gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")?,
            open_fds: gauge("process_open_fds", "Number of open file descriptors.")?,
            max_fds: gauge("process_max_fds", "Maximum number of open file descriptors.")?,
            threads: gauge("process_threads", "Number of OS threads in the process.")?,
            start_time: gauge(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
            )?,
        })
    }

    fn families(&self) -> [&dyn Collector; 7] {
        [
            &self.cpu_seconds,
            &self.resident_bytes,
            &self.virtual_bytes,
            &self.open_fds,
            &self.max_fds,
            &self.threads,
            &self.start_time,
        ]
    }

    fn read(&self) -> procfs::ProcResult<()> {
        let process = Process::myself()?;
        let stat = process.stat()?;
        let cpu_seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
        self.cpu_seconds.inc_by((cpu_seconds - self.cpu_seconds.get()).max(0.0));
        self.resident_bytes.set(whole(stat.rss_bytes().get()));
        self.virtual_bytes.set(whole(stat.vsize));
        self.threads.set(stat.num_threads);
        self.start_time.set(started_at(&stat)?);
        self.open_fds.set(process.fd_count()? as i64);
        if let LimitValue::Value(max) = process.limits()?.max_open_files.soft_limit {
            self.max_fds.set(whole(max));
        }
        Ok(())
    }
}

impl Collector for ProcessMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.families().into_iter().flat_map(|metric| metric.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if let Err(error) = self.read() {
            tracing::debug!(%error, "cannot read the process's own numbers");
        }
        self.families().into_iter().flat_map(|metric| metric.collect()).collect()
    }
}

fn started_at(stat: &Stat) -> procfs::ProcResult<i64> {
    Ok(whole(procfs::boot_time_secs()? + stat.starttime / procfs::ticks_per_second()))
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
