//! Which files there are: those that the patterns name, and those that a rotation has put beside them.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use spandrel_config::FilePattern;

use super::position::FileId;

/// Endings of files that a rotation has compressed: their lines were read before.
const COMPRESSED: &[&str] = &["gz", "bz2", "xz", "zst", "zstd", "lz4", "lzma", "br", "Z", "zip", "7z", "tgz"];

/// How compressed files begin, whatever they are called: gzip, bzip2, xz, zstd, lz4, zip.
const MAGIC: &[&[u8]] =
    &[b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"PK\x03\x04"];

/// File systems tell times by a clock that ticks a few hundred times a second.
const TICK_MAX: Duration = Duration::from_millis(50);

/// What changes when a file is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) stat: Stat,
}

impl Stat {
    pub(super) fn of(metadata: &Metadata) -> Stat {
        Stat { size: metadata.len(), modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH) }
    }

    /// The file has changed so lately that it may change again, to the same size, and look the same.
    pub(super) fn is_fresh(self) -> bool {
        SystemTime::now().duration_since(self.modified).is_ok_and(|age| age < TICK_MAX)
    }
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> FileId {
        let born = metadata.created().ok().and_then(|born| born.duration_since(SystemTime::UNIX_EPOCH).ok());
        let born_ns = born.and_then(|born| u64::try_from(born.as_nanos()).ok()).unwrap_or(0);
        FileId { device: metadata.dev(), inode: metadata.ino(), born_ns }
    }
}

/// The files that the patterns name, each once, whatever links lead to it.
pub(super) fn find(include: &[FilePattern], exclude: &[FilePattern]) -> Vec<Found> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for pattern in include.iter().flat_map(FilePattern::alternatives) {
        // A pattern that was checked is one; what cannot be looked into is not there.
        let Ok(paths) = glob::glob_with(pattern, FilePattern::MATCHING) else { continue };
        for path in paths.flatten() {
            if is_compressed(&path) || exclude.iter().any(|pattern| pattern.matches(&path)) {
                continue;
            }
            found.extend(look_at(path).filter(|file| seen.insert(file.id)));
        }
    }
    found
}

/// The files of a folder, by what they are.
pub(super) fn in_folder(folder: &Path) -> HashMap<FileId, Found> {
    let Ok(entries) = fs::read_dir(folder) else { return HashMap::new() };
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| !is_compressed(path));
    paths.filter_map(look_at).map(|found| (found.id, found)).collect()
}

/// What a file of this folder is called now.
pub(super) fn path_of(folder: &Path, id: FileId) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten().filter(|entry| entry.ino() == id.inode);
    entries.filter_map(|entry| look_at(entry.path())).find(|found| found.id == id).map(|found| found.path)
}

fn look_at(path: PathBuf) -> Option<Found> {
    let metadata = fs::metadata(&path).ok().filter(Metadata::is_file)?;
    Some(Found { path, id: FileId::of(&metadata), stat: Stat::of(&metadata) })
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| COMPRESSED.iter().any(|compressed| ending == *compressed))
}

/// Whether a file that begins so is a compressed one.
pub(super) fn begins_compressed(start: &[u8]) -> bool {
    MAGIC.iter().any(|magic| start.starts_with(magic))
}

/// What the names of a file and of its rotated copies have in common: `app.log` of `app.log`, `app.log.1`,
/// `app.log-20261122`, `app-20261122.log` and `app.log.old`.
pub(super) fn family(path: &Path) -> OsString {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut name = name.strip_suffix(".old").unwrap_or(&name);
    while let Some((rest, number)) = name.rsplit_once('.')
        && !rest.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        name = rest;
    }
    let name = without_date(name);
    match name.rsplit_once('.') {
        Some((base, ending)) => format!("{}.{ending}", without_date(base)).into(),
        None => name.into(),
    }
}

/// Without the date that a text ends with, if it does.
fn without_date(text: &str) -> &str {
    const DIGITS_MIN: usize = 8;
    let rest =
        text.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | 'T' | ':' | '.'));
    let digits = text[rest.len()..].bytes().filter(u8::is_ascii_digit).count();
    if digits >= DIGITS_MIN && !rest.is_empty() { rest } else { text }
}

#[cfg(test)]
mod tests;
