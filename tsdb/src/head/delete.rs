//! Deleted ranges of series in memory. Their samples stay until their chunks leave; readers and blocks go without.

use metrics_core::{Matcher, TimeRange, Timestamp};

use super::Head;
use super::read::matching_slots;
use super::series::SAMPLES_PER_CHUNK;
use crate::block::{Interval, Tombstones};
use crate::chunk::{ChunkEncoder, ChunkError, EncodedChunk, decode_each};
use crate::fs::FileError;
use crate::wal::Tombstone;

impl Head {
    /// Deletes what matching series have in a range now; later samples are not concerned.
    pub(crate) fn delete(&self, matchers: &[Matcher], range: TimeRange) -> Result<(), FileError> {
        if !self.time_range().is_some_and(|mine| mine.overlaps(&range)) {
            return Ok(());
        }
        // Between commits, so that the log tells samples and deletion in the order in which they happened.
        let mut log = self.commit.lock();
        let slots = matching_slots(&self.index.read(), matchers);
        let mut parts = Vec::new();
        for slot in slots {
            let Some(page) = self.pages.get(slot) else { continue };
            let mut page = page.lock();
            let series = page.series(slot);
            if let (Some(first), Some(last)) = (series.first_time(), series.last_time()) {
                let part = TimeRange::new(range.start.max(first), range.end.min(last));
                if !part.is_empty() {
                    parts.push((slot, part));
                }
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        let records = parts.iter().map(|(slot, part)| Tombstone {
            series: log.reference(*slot),
            start: part.start,
            end: part.end,
        });
        let records: Vec<Tombstone> = records.collect();
        log.write_tombstones(&records)?;
        let mut deleted = self.deleted.write();
        for (slot, part) in parts {
            deleted.add(slot.into(), part.start, part.end);
        }
        Ok(())
    }

    /// What is deleted of a series.
    pub(super) fn deleted_of(&self, slot: u32) -> Vec<Interval> {
        self.deleted.read().of(slot.into()).to_vec()
    }

    /// Forgets deletions that end before `mint`.
    pub(super) fn truncate_deleted(&self, mint: Timestamp) {
        let mut deleted = self.deleted.write();
        if deleted.is_empty() {
            return;
        }
        let mut kept = Tombstones::default();
        for (slot, intervals) in deleted.iter() {
            for i in intervals.iter().filter(|i| i.end >= mint) {
                kept.add(slot, i.start, i.end);
            }
        }
        *deleted = kept;
    }
}

/// Encodes chunks of one series anew where something in them is deleted.
pub(super) fn encode_without(
    chunks: Vec<EncodedChunk>,
    deleted: &[Interval],
) -> Result<Vec<EncodedChunk>, ChunkError> {
    if deleted.is_empty() {
        return Ok(chunks);
    }
    let mut encoded = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        if !deleted.iter().any(|i| i.start <= chunk.max_time && chunk.min_time <= i.end) {
            encoded.push(chunk);
            continue;
        }
        let mut encoder = ChunkEncoder::new(SAMPLES_PER_CHUNK);
        let mut result = Ok(());
        decode_each(chunk.encoding, &chunk.bytes, |t, value| {
            if result.is_ok() && !deleted.iter().any(|i| i.start <= t && t <= i.end) {
                result = encoder.push(t, &value);
            }
        })?;
        result?;
        encoded.extend(encoder.finish());
    }
    Ok(encoded)
}
