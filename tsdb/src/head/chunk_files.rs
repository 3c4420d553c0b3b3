//! What the head takes from its chunk files.
//!
//! Prometheus writes the full chunks of its head to `chunks_head/`, so as to read them back instead of encoding samples
//! anew; the samples are in the log too. So the log comes first here, and of these chunks only what it lacks is taken: where
//! the log was damaged, and cut off, they may reach further. What is taken is logged, since later samples will follow it
//! there. Chunks of late samples are another matter: see [`out_of_order`](super::out_of_order).

use std::path::Path;
use std::sync::atomic::Ordering;

use metrics_core::{Timestamp, Value};

use super::Head;
use super::append::{HistogramSample, Pending};
use super::pages::NO_SERIES;
use crate::chunk::decode_each;
use crate::fs::{FileError, Fs};
use crate::head_chunks::{self, HeadChunk, Loaded};
use crate::wal::FloatSample;

/// Samples that are logged at once.
const HANDFUL: usize = 1 << 16;

impl Head {
    /// Reads chunk files as far as they are needed: chunks of late samples, and those that reach further than the log. To
    /// be called when the log was read, which names the series.
    ///
    /// # Errors
    /// If the files cannot be read.
    pub(crate) fn load_chunks(&self, fs: &dyn Fs, dir: &Path) -> Result<Loaded, FileError> {
        let mut highest = 0;
        let loaded = head_chunks::load(fs, dir, |chunk| {
            highest = highest.max(self.near_slot(chunk.series));
            chunk.is_late || self.lacks(chunk)
        })?;
        // New series are kept from the numbers under which chunk files speak of series that the log has forgotten.
        self.index.write().skip_to(highest.saturating_add(1));
        Ok(loaded)
    }

    /// The slot of a reference, if it is not far from those that were given out.
    fn near_slot(&self, reference: u64) -> u32 {
        /// More would be no honest writer's, and cost memory.
        const FAR: u32 = 1 << 20;
        let next = self.index.read().next_slot();
        u32::try_from(reference).ok().filter(|slot| *slot < next.saturating_add(FAR)).unwrap_or(0)
    }

    /// Whether a chunk reaches further than what is known of its series.
    fn lacks(&self, chunk: &HeadChunk) -> bool {
        self.newest_of(chunk.series).is_some_and(|(_, newest)| chunk.max_time > newest)
    }

    /// The slot of a series, and the time from which on there is something new to know of it.
    fn newest_of(&self, reference: u64) -> Option<(u32, Timestamp)> {
        let slot = self.slot_of(reference)?;
        let newest = self.pages.get(slot)?.newest(slot);
        let min_valid = self.times.min_valid.load(Ordering::Acquire);
        Some((slot, newest.max(min_valid.saturating_sub(1))))
    }

    /// The slot under which a series of the log is known here.
    pub(super) fn slot_of(&self, reference: u64) -> Option<u32> {
        let alias = self.aliases.lock().slots.get(&reference).copied();
        alias
            .or_else(|| u32::try_from(reference).ok())
            .filter(|slot| self.pages.get(*slot).is_some_and(|page| page.newest(*slot) != NO_SERIES))
    }

    /// Takes the samples of chunks that did not come late, as far as they are newer than those of their series. Returns
    /// the last error of chunks that make no sense.
    ///
    /// # Errors
    /// If samples cannot be logged.
    pub(crate) fn take_chunks_behind_log(
        &self,
        dir: &Path,
        loaded: &Loaded,
    ) -> Result<Option<FileError>, FileError> {
        let mut chunks: Vec<&HeadChunk> = loaded.chunks.iter().filter(|c| !c.is_late).collect();
        // A series may have had several numbers.
        chunks.sort_by_key(|chunk| (self.slot_of(chunk.series), chunk.min_time));
        let mut pending = Pending::default();
        let mut damage = None;
        for chunk in chunks {
            let Some((slot, newest)) = self.newest_of(chunk.series) else { continue };
            let decoded = decode_each(chunk.encoding, &chunk.bytes, |timestamp, value| {
                if timestamp > newest {
                    pending.push(slot, timestamp, value);
                }
            });
            if let Err(error) = decoded {
                damage = Some(chunk.damaged(dir, error.to_string()));
            }
            if pending.floats.len() + pending.histograms.len() >= HANDFUL {
                self.log_and_apply(&mut pending)?;
            }
        }
        self.log_and_apply(&mut pending)?;
        Ok(damage)
    }

    fn log_and_apply(&self, pending: &mut Pending) -> Result<(), FileError> {
        let mut log = self.commit.lock();
        log.write(&[], pending)?;
        self.apply(pending);
        pending.clear();
        Ok(())
    }
}

impl Pending {
    fn push(&mut self, slot: u32, timestamp: Timestamp, value: Value) {
        match value {
            Value::Float(value) => self.floats.push(FloatSample { series: slot.into(), timestamp, value }),
            histogram => {
                let after = self.floats.len();
                self.histograms.push(HistogramSample { slot, timestamp, value: histogram, after });
            }
        }
    }
}
