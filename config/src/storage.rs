//! `storage`: where records are kept, how safely and for how long.

use std::path::PathBuf;
use std::time::Duration;

use crate::ByteSize;
use crate::section::Section;

#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    /// `false` in a gateway: nothing is taken in and nothing kept.
    pub enabled: bool,
    pub directory: PathBuf,
    pub durability: Durability,
    pub retention: Retention,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Acknowledged once synced to the disk.
    Fsync,
    /// Acknowledged once handed to the operating system.
    Write,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Retention {
    pub max_age: Duration,
    /// `None`: 2 GiB, or 80 % of the volume if that is less.
    pub max_bytes: Option<ByteSize>,
}

impl Default for Storage {
    fn default() -> Self {
        Storage {
            enabled: true,
            directory: PathBuf::from("./spandrel-data"),
            durability: Durability::Fsync,
            retention: Retention::default(),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Retention { max_age: Duration::from_secs(72 * 60 * 60), max_bytes: None }
    }
}

impl Storage {
    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.set("enabled", &mut self.enabled);
        section.set("directory", &mut self.directory);
        section.set("durability", &mut self.durability);
        section.section("retention", |section| {
            section.set_above_zero("max_age", &mut self.retention.max_age);
            section.set("max_bytes", &mut self.retention.max_bytes);
        });
    }
}
