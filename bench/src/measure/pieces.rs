//! What no store can do without, alone and in the same run: the yardsticks that travel between machines.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Process;
use crate::load::{self, Request};

/// Long enough for a clock that counts CPU time in hundredths of a second.
const DECODE_TIME: Duration = Duration::from_secs(2);
/// Bodies written at most: enough for a rate.
const BODIES_MAX: usize = 2_000;
/// As large as a file of the journal.
const FILE_BYTES: usize = 16 << 20;

#[derive(Debug, Clone, Copy)]
pub struct Pieces {
    /// CPU time that prost takes to decode a record.
    pub decode_s: f64,
    /// CPU time that writing and syncing takes for a record.
    pub journal_cpu_s: f64,
    /// Records a second, written and synced.
    pub journal_rate: f64,
}

impl Pieces {
    /// Of the same bodies; writes below `work` and leaves nothing there.
    pub(super) fn measure(requests: &[Request], connections: usize, work: &Path) -> anyhow::Result<Pieces> {
        let (journal_cpu_s, journal_rate) = journal(requests, connections, work)?;
        Ok(Pieces { decode_s: decode(requests)?, journal_cpu_s, journal_rate })
    }
}

/// Seconds a record, on one core.
fn decode(requests: &[Request]) -> anyhow::Result<f64> {
    let this = Process::this();
    let (began, cpu_before, mut records) = (Instant::now(), this.cpu()?, 0);
    for request in requests.iter().cycle() {
        let found = load::decode(request.signal, &request.body)?;
        anyhow::ensure!(found == request.records, "a body decodes to {found} of {} records", request.records);
        records += found;
        if began.elapsed() >= DECODE_TIME {
            break;
        }
    }
    anyhow::ensure!(records > 0, "nothing to measure");
    Ok((this.cpu()? - cpu_before).as_secs_f64() / records as f64)
}

/// One write for each body and one sync for as many as can wait at once, which is one of each connection.
fn journal(requests: &[Request], connections: usize, work: &Path) -> anyhow::Result<(f64, f64)> {
    let folder = tempfile::tempdir_in(work)?;
    let create = |number: usize| File::create(folder.path().join(format!("{number}.wal")));
    let this = Process::this();
    let (began, cpu_before) = (Instant::now(), this.cpu()?);
    let (mut file, mut files, mut bytes, mut records) = (create(0)?, 1, 0, 0);
    for group in requests[..requests.len().min(BODIES_MAX)].chunks(connections.max(1)) {
        for request in group {
            file.write_all(&request.body)?;
            bytes += request.body.len();
            records += request.records;
        }
        file.sync_data()?;
        if bytes >= FILE_BYTES {
            std::fs::remove_file(folder.path().join(format!("{}.wal", files - 1)))?;
            (file, bytes) = (create(files)?, 0);
            files += 1;
        }
    }
    let cpu = this.cpu()? - cpu_before;
    Ok((cpu.as_secs_f64() / records as f64, records as f64 / began.elapsed().as_secs_f64()))
}
