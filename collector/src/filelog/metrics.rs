//! What following files tells of itself, for Prometheus.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

#[derive(Debug, Clone)]
pub(crate) struct FileLogMetrics {
    pub(super) files: IntGauge,
    pub(super) files_open: IntGauge,
    pub(super) files_refused: IntGauge,
    pub(super) lag_bytes: IntGauge,
    pub(super) bytes: IntCounter,
    pub(super) lines: IntCounter,
    rotations: IntCounterVec,
    errors: IntCounterVec,
}

/// What became of a file that was read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rotation {
    /// No pattern names it any more, and it is still there.
    Renamed,
    Removed,
    /// Emptied in its place, or replaced by another of the same inode.
    Truncated,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    Open,
    Read,
    /// It was gone before all of it was read.
    Lost,
}

impl FileLogMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<FileLogMetrics, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(format!("spandrel_filelog_{name}"), help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(format!("spandrel_filelog_{name}"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let vec = |name: &str, help: &str, label: &str| {
            let vec = IntCounterVec::new(Opts::new(format!("spandrel_filelog_{name}"), help), &[label])?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        Ok(FileLogMetrics {
            files: gauge("files", "Files that are followed.")?,
            files_open: gauge("files_open", "Files that are held open.")?,
            files_refused: gauge("files_refused", "Files that are not followed: there are too many.")?,
            lag_bytes: gauge("lag_bytes", "Bytes of followed files that are not read yet.")?,
            bytes: counter("read_bytes_total", "Bytes of files that were read.")?,
            lines: counter("read_records_total", "Records that were read from files, before they are kept.")?,
            rotations: vec("rotations_total", "Files that were renamed, removed or truncated.", "kind")?,
            errors: vec(
                "errors_total",
                "Files that could not be opened, read, or read to their end.",
                "what",
            )?,
        })
    }

    pub(super) fn rotated(&self, rotation: Rotation) {
        let kind = match rotation {
            Rotation::Renamed => "renamed",
            Rotation::Removed => "removed",
            Rotation::Truncated => "truncated",
        };
        self.rotations.with_label_values(&[kind]).inc();
    }

    pub(super) fn failed(&self, trouble: Trouble) {
        let what = match trouble {
            Trouble::Open => "open",
            Trouble::Read => "read",
            Trouble::Lost => "lost",
        };
        self.errors.with_label_values(&[what]).inc();
    }
}
