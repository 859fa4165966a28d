//! All files that are followed: which come, which go, and which take another's place.
//!
//! A file is its device, its inode and when it was born, whatever its name, so that a rename changes nothing. What a pattern no longer names
//! is read to its end and for a while after, for its writer may not have noticed yet. A file that was truncated, or
//! that begins differently, is another file from then on; if a copy of what it was lies beside it (logrotate's
//! `copytruncate`), the copy is read from where the original was left. A copy is told by its folder, its name, when it was
//! born and its bytes; until its original is truncated, nothing of it is read.
//!
//! Races that are accepted: what is written between a copy and the truncation behind it is in neither, which is in the
//! nature of `copytruncate`; a copy that is compressed before it was seen cannot be read; a file that is removed before
//! it was ever opened is not known to have been.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use spandrel_config::{FileLogReceiver, FilePattern, StartAt};
use spandrel_store::Checkpoint;
use spandrel_store::otlp::Value;

use super::discovery::{self, Found, begins_compressed};
use super::fingerprint::{self, Fingerprint, read_at};
use super::kubernetes;
use super::metrics::{FileLogMetrics, Rotation, Trouble};
use super::position::{FileId, Position, Saved, pattern_key};
use super::tailed::{Origin, Tailed, folder_of};
use crate::normalise::attribute;

/// How long a file without a name is read on after it last changed, and one that no pattern names any more.
const REMOVED_WAIT: Duration = Duration::from_secs(5);
const RENAMED_WAIT: Duration = Duration::from_secs(300);
/// How long a checkpoint is kept whose file is nowhere: its volume may come back.
const ORPHAN_WAIT: Duration = Duration::from_secs(600);
/// With fewer bytes in common nothing is taken for a copy.
const COPY_BYTES_MIN: u16 = 8;

pub(super) struct Files {
    config: FileLogReceiver,
    metrics: FileLogMetrics,
    pub(super) tailed: BTreeMap<FileId, Tailed>,
    /// Checkpoints whose files have not been found, and since when.
    orphans: BTreeMap<FileId, (Saved, Instant)>,
    /// The files that may be copies of each other, by folder and the name they have in common.
    families: HashMap<(PathBuf, OsString), Vec<FileId>>,
    /// What is no log: compressed files, under whatever name.
    ignored: HashMap<FileId, discovery::Stat>,
    /// Patterns that were in use before.
    known_patterns: Vec<FilePattern>,
    is_first: bool,
    files_max: usize,
    /// What is to be kept with the next records.
    pub(super) checkpoints: BTreeMap<String, Option<Bytes>>,
}

impl Files {
    /// `saved` are the checkpoints of earlier runs.
    pub(super) fn new(
        config: FileLogReceiver,
        metrics: FileLogMetrics,
        checkpoints_max: usize,
        saved: Vec<(String, Bytes)>,
    ) -> Files {
        let now = Instant::now();
        let keys: BTreeMap<String, &FilePattern> =
            config.include.iter().map(|pattern| (pattern_key(pattern.as_str()), pattern)).collect();
        let (mut known_patterns, mut orphans, mut checkpoints) =
            (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (key, value) in saved {
            let file = FileId::from_key(&key).zip(Saved::decode(&value));
            match (file, keys.get(&key)) {
                (Some((id, saved)), _) => drop(orphans.insert(id, (saved, now))),
                (None, Some(pattern)) => known_patterns.push((*pattern).clone()),
                (None, None) => drop(checkpoints.insert(key, None)),
            }
        }
        for key in keys.into_keys() {
            checkpoints.insert(key, Some(Bytes::new()));
        }
        let files_max = checkpoints_max.saturating_sub(config.include.len()).max(1);
        let (tailed, families, ignored) = Default::default();
        Files {
            config,
            metrics,
            tailed,
            orphans,
            families,
            ignored,
            known_patterns,
            is_first: true,
            files_max,
            checkpoints,
        }
    }

    /// Looks which files there are.
    pub(super) fn look(&mut self, now: Instant) {
        self.look_at(self.find(), now);
    }

    /// The files that the patterns name.
    pub(super) fn find(&self) -> Vec<Found> {
        discovery::find(&self.config.include, &self.config.exclude)
    }

    /// Takes in what was found. Any of it may have changed since.
    pub(super) fn look_at(&mut self, mut all: Vec<Found>, now: Instant) {
        let (mut named, mut refused) = (HashSet::new(), 0);
        // An original before its copies: it is the one that is known to have been read.
        all.sort_by_key(|found| self.orphans.get(&found.id).map_or(2, |(saved, _)| saved.is_blank().into()));
        for found in all {
            named.insert(found.id);
            let has_room = self.tailed.len() + self.orphans.len() < self.files_max;
            match self.tailed.get_mut(&found.id) {
                Some(file) => {
                    file.path = found.path;
                    file.is_named = true;
                    file.see(found.stat, now);
                }
                None if has_room || self.orphans.contains_key(&found.id) => self.meet(found),
                None => refused += 1,
            }
        }
        if refused > 0 && self.metrics.files_refused.get() == 0 {
            tracing::warn!(files = refused, "more files than limits.checkpoints_max: these are not followed");
        }
        self.metrics.files_refused.set(refused);
        self.ignored.retain(|id, _| named.contains(id));
        if self.is_first {
            self.is_first = false;
            tracing::info!(files = self.tailed.len(), "following files");
            self.find_orphans();
        }
        self.miss(&named, now);
        self.settle_copies();
        self.settle_replaced(now);
        self.identify();
        self.forget_orphans(now);
        self.metrics.files.set(self.tailed.len() as i64);
        self.metrics.lag_bytes.set(self.tailed.values().map(Tailed::unread_bytes).sum::<u64>() as i64);
    }

    /// Notes how far a file is read, to be kept with what was read.
    pub(super) fn note(&mut self, id: FileId) {
        if let Some(file) = self.tailed.get(&id) {
            self.checkpoints.insert(id.key(), Some(file.checkpoint()));
        }
    }

    /// A file that was not known.
    fn meet(&mut self, found: Found) {
        if self.ignored.get(&found.id) == Some(&found.stat) {
            return;
        }
        let (id, path) = (found.id, found.path.clone());
        let mut file = self.describe(found);
        let start = match file.open().and_then(|file| read_at(file, 0, fingerprint::BYTES_MAX)) {
            Ok(start) => start,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                self.metrics.failed(Trouble::Open);
                if self.ignored.insert(id, file.found).is_none() {
                    tracing::warn!(%error, path = %path.display(), "cannot open a file that is to be followed");
                }
                return;
            }
        };
        self.ignored.remove(&id);
        if begins_compressed(&start) {
            self.ignored.insert(id, file.found);
            return;
        }
        match self.saved(&mut file) {
            Some(saved) if !saved.is_blank() => {
                (file.position, file.fingerprint) = (saved.position, saved.fingerprint);
            }
            None if self.is_first && self.begins_at_end(&path) => {
                self.begin(&mut file, &start);
                file.copy_of = None;
                file.position = end_of(&mut file);
                self.checkpoints.insert(id.key(), Some(file.checkpoint()));
            }
            _ => self.begin(&mut file, &start),
        }
        file.close();
        self.insert(file);
    }

    /// A file of which nothing is read: what tells it, and whether it is a copy of another.
    fn begin(&mut self, file: &mut Tailed, start: &[u8]) {
        file.fingerprint = match start.first() {
            // What is behind a hole tells it.
            Some(0) => file.open().and_then(Fingerprint::behind_hole).unwrap_or_default(),
            _ => Fingerprint::of(0, start),
        };
        file.copy_of = self.original_of(file, start);
        tracing::debug!(path = %file.path.display(), id = ?file.id, copy_of = ?file.copy_of, "a file that was not known");
    }

    /// Files that were empty, or others, until now: their inodes may have been given to copies.
    fn identify(&mut self) {
        let is_new = |file: &&Tailed| file.is_unidentified() && file.found.size > 0;
        let new: Vec<FileId> = self.tailed.values().filter(is_new).map(|file| file.id).collect();
        for id in new {
            let Some(mut file) = self.tailed.remove(&id) else { continue };
            if let Ok(start) = file.open().and_then(|file| read_at(file, 0, fingerprint::BYTES_MAX)) {
                self.begin(&mut file, &start);
            }
            file.close();
            self.tailed.insert(id, file);
        }
    }

    fn insert(&mut self, file: Tailed) {
        let family = self.families.entry(file.family()).or_default();
        family.push(file.id);
        self.tailed.insert(file.id, file);
    }

    fn describe(&self, found: Found) -> Tailed {
        let Found { path, id, stat } = found;
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        let whose = kubernetes::whose(&real);
        let mut resource = self.config.resource.clone();
        let is_new =
            |(key, _): &(String, String)| !self.config.resource.iter().any(|(known, _)| known == key);
        resource.extend(whose.resource.into_iter().filter(is_new));
        let text = |key: &str, text: String| attribute(key, Value::StringValue(text));
        let mut attributes: Vec<_> =
            self.config.attributes.iter().map(|(key, value)| text(key, value.clone())).collect();
        if self.config.include_file_name
            && let Some(name) = path.file_name()
        {
            attributes.push(text("log.file.name", name.to_string_lossy().into_owned()));
        }
        if self.config.include_file_path {
            attributes.push(text("log.file.path", path.display().to_string()));
        }
        let origin = Arc::new(Origin { resource, service: whose.service, attributes });
        let folder = folder_of(&path);
        Tailed::new(id, path, folder, stat, origin)
    }

    /// What an earlier run knew of a file. After a restart of the machine its device may have another number.
    fn saved(&mut self, file: &mut Tailed) -> Option<Saved> {
        if let Some((saved, _)) = self.orphans.remove(&file.id) {
            return Some(saved);
        }
        let mut is_it = |(id, (saved, _)): &(&FileId, &(Saved, Instant))| {
            id.inode == file.id.inode
                && saved.folder.as_ref() == Some(&file.folder)
                && !saved.is_blank()
                && begins_as(file, saved.fingerprint)
        };
        let earlier = *self.orphans.iter().find(|orphan| is_it(orphan))?.0;
        self.checkpoints.insert(earlier.key(), None);
        let (saved, _) = self.orphans.remove(&earlier)?;
        self.checkpoints
            .insert(file.id.key(), Some(Saved::encode(saved.position, saved.fingerprint, &file.folder)));
        Some(saved)
    }

    /// Whether what is in a file already is none of ours: its pattern is new.
    fn begins_at_end(&self, path: &Path) -> bool {
        self.config.start_at == StartAt::End && !self.known_patterns.iter().any(|known| known.matches(path))
    }

    /// The known file that a new one seems to be a copy of. Several may begin like it, as far as they are known: the
    /// first line of one was half written, and is the beginning of another's. The one of which most is known is it.
    fn original_of(&mut self, file: &mut Tailed, start: &[u8]) -> Option<FileId> {
        let mut family = self.families.get(&file.family())?.clone();
        family.retain(|id| {
            let known = self.tailed.get_mut(id).filter(|known| known.id != file.id);
            known.is_some_and(|known| {
                (file.may_be_copy_of(known.id) || known.may_be_copy_of(file.id))
                    && begins_like(known, file, start)
                    && relation(known, file) != Relation::None
            })
        });
        family.into_iter().rev().max_by_key(|id| self.tailed[id].fingerprint.bytes)
    }

    /// What no pattern names any more: found by what it is, read on while it changes, then left.
    fn miss(&mut self, named: &HashSet<FileId>, now: Instant) {
        let missing: Vec<FileId> = self.tailed.keys().filter(|id| !named.contains(id)).copied().collect();
        let mut folders = HashMap::new();
        for id in missing {
            let Some(file) = self.tailed.get_mut(&id) else { continue };
            let was_named = std::mem::replace(&mut file.is_named, false);
            if !file.is_open() {
                let beside =
                    folders.entry(file.folder.clone()).or_insert_with_key(|f| discovery::in_folder(f));
                let is_there = beside.get(&id).is_some_and(|found| {
                    file.path.clone_from(&found.path);
                    file.open().is_ok()
                });
                if !is_there {
                    if file.unread_bytes() > 0 {
                        self.metrics.failed(Trouble::Lost);
                        tracing::warn!(path = %file.path.display(), "a file is gone before all of it was read");
                    }
                    self.metrics.rotated(Rotation::Removed);
                    self.leave(id);
                    continue;
                }
            }
            let has_name = file.see_open(now).unwrap_or(false);
            if was_named {
                self.metrics.rotated(if has_name { Rotation::Renamed } else { Rotation::Removed });
                file.changed = now;
            }
            let wait = if has_name { RENAMED_WAIT } else { REMOVED_WAIT };
            let quiet = now.duration_since(file.changed);
            if quiet >= wait && file.unread_bytes() == 0 || quiet >= 2 * RENAMED_WAIT {
                self.leave(id);
            }
        }
    }

    /// Follows a file no longer. Its copies are read from where it was left.
    fn leave(&mut self, id: FileId) {
        let Some(file) = self.tailed.remove(&id) else { return };
        self.forget_family(&file);
        self.checkpoints.insert(id.key(), None);
        self.pass_to_copies(&Former::of(&file));
    }

    fn forget_family(&mut self, file: &Tailed) {
        // It may have been found under another name since.
        for (_, family) in self.families.iter_mut().filter(|((folder, _), _)| *folder == file.folder) {
            family.retain(|id| *id != file.id);
        }
        self.families.retain(|_, family| !family.is_empty());
    }

    /// What seemed to be a copy and is none is one of another file, or read from its start.
    fn settle_copies(&mut self) {
        let copies: Vec<(FileId, FileId)> =
            self.tailed.values().filter_map(|file| Some((file.id, file.copy_of?))).collect();
        for (id, original) in copies {
            let Some(mut copy) = self.tailed.remove(&id) else { continue };
            let relation = match self.tailed.get_mut(&original) {
                // What it is shows when the original is settled.
                Some(original) if original.replaced.is_some() => Relation::Copy,
                Some(original) => relation(original, &mut copy),
                None => Relation::None,
            };
            if relation != Relation::Copy {
                tracing::debug!(path = %copy.path.display(), ?original, ?relation, "a file is not the copy it seemed");
            }
            match relation {
                Relation::Original => {
                    if let Some(former) = self.tailed.get_mut(&original) {
                        copy.take_over(former.position, former.fingerprint);
                        former.restart();
                        former.copy_of = Some(id);
                    }
                }
                Relation::None => {
                    copy.restart();
                    if let Ok(start) = copy.open().and_then(|file| read_at(file, 0, fingerprint::BYTES_MAX)) {
                        self.begin(&mut copy, &start);
                    }
                }
                Relation::Copy => {}
            }
            if copy.is_named {
                copy.close();
            }
            self.tailed.insert(id, copy);
            if relation == Relation::Original {
                self.note(id);
                self.note(original);
            }
        }
    }

    /// Files that were found to be others now, at a turn before this look: what they held may be in copies, which may
    /// have been given the inodes of others.
    fn settle_replaced(&mut self, now: Instant) {
        let replaced: Vec<FileId> =
            self.tailed.values().filter(|file| file.replaced.is_some()).map(|file| file.id).collect();
        if replaced.is_empty() {
            return;
        }
        let families: HashSet<(PathBuf, OsString)> =
            replaced.iter().map(|id| self.tailed[id].family()).collect();
        let mut formers = Vec::new();
        for file in self.tailed.values_mut() {
            let is_concerned = file.copy_of.is_none() && families.contains(&file.family());
            if file.replaced.is_none() && is_concerned && !begins_as(file, file.fingerprint) {
                file.replaced = Some(now);
            }
            if file.replaced.is_some() {
                formers.push(Former::of(file));
            }
        }
        // Where a copy begins like several of them, that of which most is known comes last and decides.
        formers.sort_by_key(|former| former.fingerprint.bytes);
        for former in &formers {
            self.metrics.rotated(Rotation::Truncated);
            tracing::debug!(id = ?former.id, position = ?former.position, "a file holds something else now");
            self.begin_anew(former.id, now);
        }
        for former in &formers {
            for other in formers.iter().filter(|other| other.id != former.id && other.family == former.family)
            {
                if let Some(file) = self.tailed.get_mut(&other.id)
                    && file.copy_of.is_none()
                    && !file.has_first_name()
                    && is_copy_of_former(file, former.fingerprint)
                {
                    file.copy_of = Some(former.id);
                }
            }
            if !self.pass_to_copies(former) {
                self.find_copy(former);
            }
        }
    }

    /// A file that is another one now is read from its start, if a pattern names it.
    fn begin_anew(&mut self, id: FileId, now: Instant) {
        let Some(mut file) = self.tailed.remove(&id) else { return };
        if file.is_named {
            file.restart();
            file.is_rewritten = true;
            file.changed = now;
            self.checkpoints.insert(id.key(), Some(file.checkpoint()));
            self.tailed.insert(id, file);
        } else {
            self.forget_family(&file);
            self.checkpoints.insert(id.key(), None);
        }
    }

    /// The copies of a file that is no more what it was: one is read from where it was left, the others are the
    /// same again. Whether there was one.
    fn pass_to_copies(&mut self, file: &Former) -> bool {
        let of_file = |copy: &&Tailed| copy.copy_of == Some(file.id);
        let mut copies: Vec<FileId> = self.tailed.values().filter(of_file).map(|copy| copy.id).collect();
        copies.sort_by_key(|id| std::cmp::Reverse(self.tailed[id].found.size));
        let mut passed = false;
        for id in copies {
            let Some(copy) = self.tailed.get_mut(&id) else { continue };
            if !is_copy_of_former(copy, file.fingerprint) {
                // It may be a copy of what the file is now, which is not known yet.
                copy.restart();
                continue;
            }
            let unread_from = if passed { Position::at(copy.found.size) } else { file.position };
            let position = if unread_from.end() <= copy.found.size {
                unread_from
            } else {
                Position::at(copy.found.size)
            };
            copy.take_over(position, file.fingerprint);
            tracing::debug!(path = %copy.path.display(), ?position, "reading goes on in a copy");
            passed = true;
            self.note(id);
        }
        passed
    }

    /// Looks for a copy that no pattern names.
    fn find_copy(&mut self, file: &Former) {
        let (folder, family) = &file.family;
        for (id, found) in discovery::in_folder(folder) {
            let is_known = id == file.id || self.tailed.contains_key(&id) || self.orphans.contains_key(&id);
            if is_known
                || discovery::family(&found.path) != *family
                || found.stat.size <= file.position.start()
            {
                continue;
            }
            let mut copy = self.describe(found);
            if !copy.may_be_copy_of(file.id) || !is_copy_of_former(&mut copy, file.fingerprint) {
                continue;
            }
            copy.is_named = false;
            copy.origin = file.origin.clone();
            copy.take_over(file.position, file.fingerprint);
            self.insert(copy);
            return self.note(id);
        }
    }

    /// Files that were rotated while nobody looked: they have other names now.
    fn find_orphans(&mut self) {
        let folders: HashSet<PathBuf> =
            self.orphans.values().filter_map(|(saved, _)| saved.folder.clone()).collect();
        for found in folders.iter().flat_map(|folder| discovery::in_folder(folder).into_values()) {
            let Some((saved, _)) = self.orphans.remove(&found.id) else { continue };
            let mut file = self.describe(found);
            if !begins_as(&mut file, saved.fingerprint) {
                self.checkpoints.insert(file.id.key(), None);
                continue;
            }
            file.is_named = false;
            file.take_over(saved.position, saved.fingerprint);
            self.insert(file);
        }
    }

    fn forget_orphans(&mut self, now: Instant) {
        let checkpoints = &mut self.checkpoints;
        self.orphans.retain(|id, (_, since)| {
            let stays = now.duration_since(*since) < ORPHAN_WAIT;
            if !stays {
                checkpoints.insert(id.key(), None);
            }
            stays
        });
    }

    /// The checkpoints noted so far.
    pub(super) fn take_checkpoints(&mut self) -> Vec<Checkpoint> {
        std::mem::take(&mut self.checkpoints).into_iter().collect()
    }
}

/// Behind everything that is in a file; in the middle of a line if it does not end with one.
fn end_of(file: &mut Tailed) -> Position {
    let size = file.found.size;
    let last = file.open().and_then(|file| read_at(file, size.saturating_sub(1), 1));
    Position { cutting: last.is_ok_and(|last| !last.is_empty() && last != b"\n"), ..Position::at(size) }
}

/// Whether a file holds what another did before it was truncated.
fn is_copy_of_former(copy: &mut Tailed, fingerprint: Fingerprint) -> bool {
    fingerprint.bytes >= COPY_BYTES_MIN && begins_as(copy, fingerprint)
}

fn begins_as(file: &mut Tailed, fingerprint: Fingerprint) -> bool {
    let start = file.open().and_then(|file| read_at(file, fingerprint.at, fingerprint::BYTES_MAX));
    start.is_ok_and(|start| fingerprint.is_of(&start))
}

/// Whether a file begins with what another begins with, as far as that has any bytes yet.
fn begins_like(known: &mut Tailed, file: &mut Tailed, start: &[u8]) -> bool {
    if known.copy_of.is_some() || known.fingerprint.bytes < COPY_BYTES_MIN {
        return false;
    }
    let enough = known.fingerprint.at + u64::from(known.fingerprint.bytes);
    if file.open().and_then(File::metadata).is_ok_and(|now| now.len() < enough) {
        let was_open = known.is_open();
        let of_known = known.open().and_then(|file| read_at(file, 0, start.len()));
        if !was_open {
            known.close();
        }
        if of_known.is_ok_and(|of_known| of_known == start) {
            return true;
        }
    }
    // If the known one was truncated a moment ago, its copy is complete by now.
    begins_as(file, known.fingerprint)
}

/// What a file was, before it was truncated, replaced or left.
struct Former {
    id: FileId,
    family: (PathBuf, OsString),
    position: Position,
    fingerprint: Fingerprint,
    origin: Arc<Origin>,
}

impl Former {
    fn of(file: &Tailed) -> Former {
        let Tailed { id, position, fingerprint, .. } = *file;
        Former { id, family: file.family(), position, fingerprint, origin: file.origin.clone() }
    }
}

/// What a file that seemed to be a copy is to its original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// The same, as far as both go.
    Copy,
    /// It goes on where the other has ended: that one is the copy.
    Original,
    None,
}

/// Where the original is no more what it was, that shows at its next turn, and until then the other may be its copy.
fn relation(original: &mut Tailed, copy: &mut Tailed) -> Relation {
    let bytes = original.found.size.min(copy.found.size);
    let tail = bytes.saturating_sub(fingerprint::BYTES_MAX as u64);
    let was_open = original.is_open();
    let mut same = |from: u64| {
        let length = (bytes - from).min(fingerprint::BYTES_MAX as u64) as usize;
        let of_copy = copy.open().and_then(|file| read_at(file, from, length));
        let of_original = original.open().and_then(|file| read_at(file, from, length));
        of_copy.ok().zip(of_original.ok()).is_none_or(|(a, b)| a.len() != b.len() || a == b)
    };
    let same = same(0) && same(tail);
    let is_truncated =
        original.found.size < original.position.end() || !begins_as(original, original.fingerprint);
    if !was_open && original.is_named {
        original.close();
    }
    let (may_be_copy, may_be_original) = (copy.may_be_copy_of(original.id), original.may_be_copy_of(copy.id));
    match copy.found.size.cmp(&original.found.size) {
        _ if is_truncated => Relation::Copy,
        Ordering::Greater if same && may_be_original => Relation::Original,
        Ordering::Equal if same && (may_be_copy || may_be_original) => Relation::Copy,
        Ordering::Less if same && may_be_copy => Relation::Copy,
        _ => Relation::None,
    }
}
