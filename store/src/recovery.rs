//! Start-up: from whatever a crash or a disk left to a state that serves.
//!
//! A partition that does not open is set aside with the range of time it held. A damaged piece of the journal
//! is copied aside, and since nobody can tell what was in it, every answer says that something is missing
//! until retention would have deleted it. The rest serves.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::checkpoints::{Checkpoints, ReadCheckpoints};
use crate::folder::{DataFolder, FORMAT};
use crate::head::{Head, HeadBatch};
use crate::history::History;
use crate::journal::{Damage, Frame, Journal};
use crate::metrics::Metrics;
use crate::partition::{self, PartitionView};
use crate::shared::State;
use crate::snapshot::{Gap, GapReason};
use crate::stored::checkpoints_of;
use crate::time::TimeRange;

pub(crate) struct Recovered {
    pub state: State,
    pub journal: Journal,
    pub checkpoints: Checkpoints,
    pub history: History,
    /// The last journal frame that is in a partition.
    pub committed: u64,
    /// The number of the partition to write to.
    pub next_partition: u64,
}

pub(crate) fn recover(
    folder: &DataFolder,
    sync: bool,
    checkpoints_max: usize,
    metrics: &Metrics,
) -> io::Result<Recovered> {
    let mut gaps = Vec::new();
    partition::clear_leftovers(&folder.partitions())?;
    partition::upgrade::settle(&folder.partitions())?;
    let numbers = partition_numbers(&folder.partitions())?;
    upgrade(folder, &numbers)?;
    let partitions: Vec<_> = numbers.iter().filter_map(|number| open(folder, *number, &mut gaps)).collect();
    let committed = partitions.iter().map(|view| view.commit.sequence).max().unwrap_or(0);
    let running_ms = partitions.iter().map(|view| view.commit.running_ms).max().unwrap_or(0);

    let mut checkpoints = read_checkpoints(folder, checkpoints_max)?;
    let kept = checkpoints.kept_through();
    let (known, used) = (committed.min(kept), committed.max(kept));
    let (journal, found) = Journal::open(folder.disk.clone(), &folder.journal(), sync, known, used)?;
    gaps.extend(found.damage.iter().map(|damage| journal_gap(folder, damage)));
    if found.torn_bytes > 0 {
        tracing::info!(
            bytes = found.torn_bytes,
            "cut an incomplete write, never acknowledged, from the journal"
        );
    }
    let mut head = Head::default();
    for frame in found.frames {
        // What cannot be read is a gap, or was committed.
        checkpoints.take(frame.sequence, checkpoints_of(&frame.payload).unwrap_or_default());
        if frame.sequence <= committed {
            continue;
        }
        match restore(frame, folder.identity) {
            Ok(batch) => head.push(Arc::new(batch)),
            Err(gap) => gaps.push(gap),
        }
    }
    let mut history = History::open(folder.history(), running_ms);
    metrics.set_aside.inc_by(gaps.len() as u64);
    for gap in &gaps {
        tracing::error!(detail = gap.detail, "set aside; answers say so");
        history.add(gap)?;
    }
    let next_partition = next_number(&numbers, &partitions);
    let records = head.len();
    tracing::info!(partitions = partitions.len(), journal_records = records, "the store is open");
    let state = State { head, partitions, gaps: history.gaps() };
    Ok(Recovered { state, journal, checkpoints, history, committed, next_partition })
}

/// Without a file that can be read, receivers begin anew.
fn read_checkpoints(folder: &DataFolder, count_max: usize) -> io::Result<Checkpoints> {
    let path = folder.checkpoints();
    match Checkpoints::read(&path, count_max) {
        Ok(checkpoints) => Ok(checkpoints),
        Err(ReadCheckpoints::Io(error)) => Err(error),
        Err(error @ ReadCheckpoints::Damaged) => {
            let moved = folder.put_aside(&path)?;
            tracing::error!(%error, moved = %moved.display(), "set aside; files may be read again from their start");
            Ok(Checkpoints::empty(count_max))
        }
    }
}

/// Brings a folder of an older format to today's. A partition that cannot be read is left for what follows,
/// which sets it aside.
fn upgrade(folder: &DataFolder, numbers: &[u64]) -> io::Result<()> {
    if folder.format == FORMAT {
        return Ok(());
    }
    for number in numbers {
        if let Err(error) =
            partition::upgrade::upgrade(&*folder.disk, &folder.partitions(), *number, folder.identity)
        {
            tracing::error!(%error, partition = number, "cannot upgrade a partition");
        }
    }
    partition::clear_leftovers(&folder.partitions())?;
    folder.write_format()
}

/// Writing goes on in the newest partition if it is sound, else in a new one.
fn next_number(numbers: &[u64], partitions: &[Arc<PartitionView>]) -> u64 {
    match (numbers.last(), partitions.last()) {
        (Some(newest), Some(sound)) if sound.number == *newest => *newest,
        (Some(newest), _) => newest + 1,
        (None, _) => 1,
    }
}

fn partition_numbers(partitions: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(partitions)? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn open(folder: &DataFolder, number: u64, gaps: &mut Vec<Gap>) -> Option<Arc<PartitionView>> {
    let partitions = folder.partitions();
    let error = match partition::open(&*folder.disk, &partitions, number, folder.identity) {
        Ok(view) => return Some(view),
        Err(error) => error,
    };
    let path = partition::folder(&partitions, number);
    if !partition::has_commits(&path) {
        // A crash came before its first commit: everything in it is in the journal still.
        if let Err(error) = partition::remove(&partitions, number) {
            tracing::warn!(%error, partition = number, "cannot remove a partition that holds nothing");
        }
        return None;
    }
    let range = partition::peek(&partitions, number).map_or(TimeRange::ALL, |commit| commit.range());
    let moved = folder.put_aside(&path);
    let place = moved.map_or_else(|error| error.to_string(), |path| path.display().to_string());
    gaps.push(Gap {
        reason: GapReason::SetAside,
        range,
        detail: format!("partition {number} is damaged ({error}); moved to {place}"),
    });
    None
}

fn journal_gap(folder: &DataFolder, damage: &Damage) -> Gap {
    let name = damage.path.file_name().map_or("journal".into(), |name| name.to_string_lossy());
    let copy = folder.set_aside().join(format!("journal-{name}"));
    if let Err(error) = fs::copy(&damage.path, &copy) {
        tracing::warn!(%error, "cannot copy a damaged journal file aside");
    }
    Gap {
        reason: GapReason::SetAside,
        range: TimeRange::ALL,
        detail: format!(
            "{} bytes of the journal at offset {} fail their checksum; the file is copied to {}",
            damage.bytes,
            damage.offset,
            copy.display()
        ),
    }
}

fn restore(frame: Frame, identity: u64) -> Result<HeadBatch, Gap> {
    HeadBatch::read(frame.sequence, identity, frame.payload, None).map_err(|error| Gap {
        reason: GapReason::SetAside,
        range: TimeRange::ALL,
        detail: format!("journal frame {} cannot be read: {error}", frame.sequence),
    })
}
