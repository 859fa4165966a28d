//! The matching records of a partition, newest first, ties by id.
//!
//! Blocks are opened in the order of their newest record, none before everything newer has been given; of an
//! opened block the times of the matching rows are kept, and a record is decoded when its turn comes.

use std::collections::{BinaryHeap, HashMap};

use super::block::Block;
use super::view::{Candidate, PartitionView};
use crate::error::ReadError;
use crate::record::Record;
use crate::snapshot::{Position, Scan};

/// Blocks that are kept unpacked; more are read again.
const BLOCKS_KEPT: usize = 64;

pub(crate) struct NewestRecords<'a> {
    view: &'a PartitionView,
    scan: &'a Scan,
    /// Newest last; `None` until the first record is asked for.
    unopened: Option<Vec<Candidate>>,
    /// Time, block and row of the matching records of opened blocks.
    rows: BinaryHeap<(u64, Candidate, usize)>,
    kept: HashMap<Candidate, Block>,
    /// Records of one time, in ascending order.
    ready: Vec<Record>,
}

impl PartitionView {
    /// The matching records newest first, ties by id.
    pub fn newest<'a>(&'a self, scan: &'a Scan) -> NewestRecords<'a> {
        let unopened = (!self.overlaps(&scan.range)).then(Vec::new);
        NewestRecords {
            view: self,
            scan,
            unopened,
            rows: BinaryHeap::new(),
            kept: HashMap::new(),
            ready: Vec::new(),
        }
    }
}

impl NewestRecords<'_> {
    pub fn next_record(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            if let Some(record) = self.ready.pop() {
                return Ok(Some(record));
            }
            self.open_blocks()?;
            let Some((time, ..)) = self.rows.peek() else { return Ok(None) };
            self.read_time(*time)?;
        }
    }

    /// Opens the blocks that may have a record as new as the newest that is known.
    fn open_blocks(&mut self) -> Result<(), ReadError> {
        if self.unopened.is_none() {
            self.unopened = Some(self.view.read(|| self.view.candidates(self.scan)).unwrap_or_default());
        }
        while let Some(candidate) = self.unopened.as_ref().and_then(|blocks| blocks.last().copied())
            && self.rows.peek().is_none_or(|(time, ..)| candidate.greatest >= *time)
        {
            self.scan.check(0)?;
            self.unopened.as_mut().and_then(Vec::pop);
            self.open(candidate);
        }
        Ok(())
    }

    fn open(&mut self, candidate: Candidate) {
        let latest = self.scan.after.map_or(u64::MAX, |after| after.time.0);
        let opened = self.view.read(|| {
            let block = self.view.block(candidate.address)?;
            let rows = self.view.select(&block, self.scan)?;
            Ok((block, rows))
        });
        let Some((block, rows)) = opened else { return };
        let times = rows.iter().map(|row| (block.rows[row].time, candidate, row));
        let before = self.rows.len();
        self.rows.extend(times.filter(|(time, ..)| *time <= latest));
        if self.rows.len() > before {
            self.keep(candidate, block);
        }
    }

    fn keep(&mut self, candidate: Candidate, block: Block) {
        if self.kept.len() >= BLOCKS_KEPT {
            self.kept.clear();
        }
        self.kept.insert(candidate, block);
    }

    /// Decodes all records of one time, so that they can be put in the order of their ids.
    fn read_time(&mut self, time: u64) -> Result<(), ReadError> {
        let mut read = 0;
        while let Some((_, candidate, row)) = self.rows.peek().filter(|(other, ..)| *other == time).copied() {
            self.scan.check(read)?;
            read += 1;
            self.rows.pop();
            let Some(record) = self.read_row(candidate, row) else { continue };
            let is_after = |after: Position| (record.time(), record.id) < (after.time, after.id);
            if self.scan.after.is_none_or(is_after) {
                self.ready.push(record);
            }
        }
        self.ready.sort_unstable_by_key(|record| record.id);
        Ok(())
    }

    fn read_row(&mut self, candidate: Candidate, row: usize) -> Option<Record> {
        if !self.kept.contains_key(&candidate) {
            let block = self.view.read(|| self.view.block(candidate.address))?;
            self.keep(candidate, block);
        }
        let block = self.kept.get(&candidate)?;
        self.view.read(|| self.view.record(block, row))
    }
}
