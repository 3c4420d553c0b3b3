//! Writing a snapshot while batches go on.

use std::path::Path;

use metrics_core::TimeRange;

use super::super::pages::PAGE;
use super::super::{Head, Log};
use super::names::{Position, References};
use super::section::{Kind, SectionWriter};
use super::{NAME, UNFINISHED};
use crate::codec::{put_bytes, put_uvarint};
use crate::fs::{FileError, Fs};
use crate::wal::{self, ExemplarRef, MetadataRef, Tombstone};

/// Series of a section, and label pairs.
const SERIES_PER_SECTION: usize = 8 * PAGE as usize;
const PAIRS_PER_SECTION: usize = 1 << 14;

/// What is fixed at the start.
struct Start {
    position: Position,
    references: References,
    /// Series that the log has named before the position.
    slots: Vec<u32>,
}

impl Head {
    /// Writes a snapshot into the directory of the store, in the place of one that is there. Returns whether it did: without a log
    /// there is nothing that could complete it. The caller keeps truncation out meanwhile.
    pub(crate) fn write_snapshot(&self, fs: &dyn Fs, dir: &Path) -> Result<bool, FileError> {
        let Some(start) = self.start_snapshot(fs)? else { return Ok(false) };
        let unfinished = dir.join(UNFINISHED);
        let mut file = SectionWriter::create(fs, &unfinished)?;
        let mut buffer = Vec::new();
        start.position.put(&mut buffer);
        file.put(Kind::Position, &buffer)?;
        buffer.clear();
        start.references.put(&mut buffer);
        file.put(Kind::References, &buffer)?;
        self.put_series(&mut file, &start.slots)?;
        // After the series, so that it has all pairs that they name.
        self.put_pairs(&mut file)?;
        self.put_chunks(&mut file, &start.slots)?;
        self.put_what_hangs_on_series(&mut file)?;
        file.finish()?;
        fs.rename(&unfinished, &dir.join(NAME)).map_err(FileError::io("rename", &unfinished))?;
        fs.sync_dir(dir).map_err(FileError::io("sync", dir))?;
        Ok(true)
    }

    fn start_snapshot(&self, fs: &dyn Fs) -> Result<Option<Start>, FileError> {
        let mut log = self.commit.lock();
        let Some(wal) = log.wal() else { return Ok(None) };
        let segment = wal.next_segment()?;
        let before = wal::segment_path(wal.dir(), segment.saturating_sub(1));
        let before = fs.len(&before).map_err(FileError::io("measure", &before))?;
        let index = self.index.read();
        // Slots rise, and a commit logs all new series: those that are not logged yet are the last ones.
        let unlogged = self.unlogged.lock().iter().map(|(slot, _)| *slot).min();
        let next_slot = unlogged.unwrap_or(index.next_slot());
        Ok(Some(Start {
            position: Position { segment, before, next_slot },
            references: self.references(&log),
            slots: index.all().take_while(|slot| *slot < next_slot).collect(),
        }))
    }

    fn references(&self, log: &Log) -> References {
        let aliases = self.aliases.lock();
        References {
            logged: log.references().clone(),
            aliases: aliases.slots.clone(),
            removed: aliases.removed.clone(),
        }
    }

    fn put_series(&self, file: &mut SectionWriter, slots: &[u32]) -> Result<(), FileError> {
        let mut buffer = Vec::new();
        for part in slots.chunks(SERIES_PER_SECTION) {
            buffer.clear();
            put_uvarint(&mut buffer, part.len() as u64);
            let mut before = 0;
            {
                // Part by part, so that nobody waits for long who makes a series.
                let index = self.index.read();
                for slot in part {
                    put_uvarint(&mut buffer, (slot - before).into());
                    before = *slot;
                    buffer.extend_from_slice(&index.labels(*slot).stable_hash().to_be_bytes());
                    put_uvarint(&mut buffer, index.pair_ids(*slot).count() as u64);
                    index.pair_ids(*slot).for_each(|id| put_uvarint(&mut buffer, u64::from(id)));
                }
            }
            file.put(Kind::Series, &buffer)?;
        }
        Ok(())
    }

    fn put_pairs(&self, file: &mut SectionWriter) -> Result<(), FileError> {
        let index = self.index.read();
        let mut pairs = index.pairs().peekable();
        let mut buffer = Vec::new();
        while pairs.peek().is_some() {
            buffer.clear();
            for (name, value) in pairs.by_ref().take(PAIRS_PER_SECTION) {
                put_bytes(&mut buffer, name.as_bytes());
                put_bytes(&mut buffer, value.as_bytes());
            }
            file.put(Kind::Pairs, &buffer)?;
        }
        Ok(())
    }

    fn put_chunks(&self, file: &mut SectionWriter, slots: &[u32]) -> Result<(), FileError> {
        let mut buffer = Vec::new();
        for part in slots.chunks(SERIES_PER_SECTION) {
            buffer.clear();
            put_uvarint(&mut buffer, part.len() as u64);
            let mut before = 0;
            for neighbours in part.chunk_by(|a, b| a / PAGE == b / PAGE) {
                let mut page = self.pages.make(neighbours[0]).lock();
                for slot in neighbours {
                    put_uvarint(&mut buffer, (slot - before).into());
                    before = *slot;
                    let (series, slab) = page.parts(*slot);
                    series.keep(slab).put(&mut buffer);
                }
            }
            file.put(Kind::Chunks, &buffer)?;
        }
        Ok(())
    }

    /// Writes metadata, exemplars and deletions, as the log would.
    fn put_what_hangs_on_series(&self, file: &mut SectionWriter) -> Result<(), FileError> {
        let mut record = Vec::new();
        let metadata: Vec<MetadataRef> = (self.metadata.read().iter())
            .map(|(slot, m)| MetadataRef {
                series: slot.into(),
                metric_type: m.metric_type,
                unit: m.unit.clone(),
                help: m.help.clone(),
            })
            .collect();
        wal::put_metadata(&mut record, &metadata);
        file.put(Kind::Metadata, &record)?;
        record.clear();
        let exemplars: Vec<ExemplarRef> = (self.exemplars.lock().in_range(TimeRange::ALL))
            .filter_map(|(slot, e)| {
                let labels = e.labels.clone();
                Some(ExemplarRef { series: slot.into(), timestamp: e.timestamp?, value: e.value, labels })
            })
            .collect();
        wal::put_exemplars(&mut record, &exemplars);
        file.put(Kind::Exemplars, &record)?;
        record.clear();
        let deleted = self.deleted.read();
        let tombstones = deleted.iter().flat_map(|(series, intervals)| {
            intervals.iter().map(move |i| Tombstone { series, start: i.start, end: i.end })
        });
        wal::put_tombstones(&mut record, tombstones);
        file.put(Kind::Tombstones, &record)
    }
}
