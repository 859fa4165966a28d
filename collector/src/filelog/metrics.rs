//! What following files tells of itself, for Prometheus.

use prometheus::{
    IntCounter, IntCounterVec, IntGauge, Registry, register_int_counter_vec_with_registry,
    register_int_counter_with_registry, register_int_gauge_with_registry,
};

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
        Ok(FileLogMetrics {
            files: register_int_gauge_with_registry!(
                "spandrel_filelog_files",
                "Files that are followed.",
                registry
            )?,
            files_open: register_int_gauge_with_registry!(
                "spandrel_filelog_files_open",
                "Files that are held open.",
                registry
            )?,
            files_refused: register_int_gauge_with_registry!(
                "spandrel_filelog_files_refused",
                "Files that are not followed: there are too many.",
                registry
            )?,
            lag_bytes: register_int_gauge_with_registry!(
                "spandrel_filelog_lag_bytes",
                "Bytes of followed files that are not read yet.",
                registry
            )?,
            bytes: register_int_counter_with_registry!(
                "spandrel_filelog_read_bytes_total",
                "Bytes of files that were read.",
                registry
            )?,
            lines: register_int_counter_with_registry!(
                "spandrel_filelog_read_records_total",
                "Records that were read from files, before they are kept.",
                registry
            )?,
            rotations: register_int_counter_vec_with_registry!(
                "spandrel_filelog_rotations_total",
                "Files that were renamed, removed or truncated.",
                &["kind"],
                registry
            )?,
            errors: register_int_counter_vec_with_registry!(
                "spandrel_filelog_errors_total",
                "Files that could not be opened, read, or read to their end.",
                &["what"],
                registry
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
