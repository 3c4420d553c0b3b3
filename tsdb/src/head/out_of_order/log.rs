//! The files of late samples: the log `wbl/` and, for full chunks, the head's chunk files.

use std::path::Path;
use std::sync::Arc;

use metrics_core::{Timestamp, Value};

use super::{LateAside, LateChunk};
use crate::chunk::EncodedChunk;
use crate::fs::{FileError, Fs};
use crate::head_chunks::{HeadChunkFile, HeadChunkWriter};
use crate::wal::{
    self, FloatHistogramSample, FloatSample, HistogramSample, LogStyle, MmapMarker, SyncPoint, Wal,
    WalOptions,
};

/// The files of late samples; without any, they are in memory only.
#[derive(Debug, Default)]
pub(crate) struct LateLog {
    wbl: Option<Wal>,
    chunks: Option<HeadChunkWriter>,
    /// Where the log ended before what may be withdrawn.
    mark: Option<(u32, u64)>,
    /// What was logged before this segment has been set aside, and so have chunks in files before that number.
    aside: (u32, u32),
    /// Chunks in files before this number are in blocks.
    obsolete_before: u32,
    /// Set when chunk files lack chunks of which the log says that they are there, up to this segment of the log. No
    /// further ones are written until that part of the log is gone.
    suspended: Option<u32>,
}

/// What is logged of one commit, in this order.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Says that older samples of a series are in chunk files.
    pub(super) markers: Vec<MmapMarker>,
    floats: Vec<FloatSample>,
    histograms: Vec<HistogramSample>,
    float_histograms: Vec<FloatHistogramSample>,
}

impl Records {
    pub(super) fn push(&mut self, series: u64, timestamp: Timestamp, value: Value) {
        match value {
            Value::Float(value) => self.floats.push(FloatSample { series, timestamp, value }),
            Value::Histogram(histogram) => {
                self.histograms.push(HistogramSample { series, timestamp, histogram });
            }
            Value::FloatHistogram(histogram) => {
                self.float_histograms.push(FloatHistogramSample { series, timestamp, histogram });
            }
            // Other kinds do not get into the head.
            _ => {}
        }
    }

    fn write(&self, wbl: &mut Wal) -> Result<(), FileError> {
        let mut records = [const { Vec::new() }; 6];
        let [markers, floats, a, b, c, d] = &mut records;
        if !self.markers.is_empty() {
            wal::put_mmap_markers(markers, self.markers.iter().copied());
        }
        if !self.floats.is_empty() {
            wal::put_samples(floats, self.floats.iter().copied());
        }
        if !self.histograms.is_empty() {
            wal::put_histograms(a, b, &self.histograms);
        }
        if !self.float_histograms.is_empty() {
            wal::put_float_histograms(c, d, &self.float_histograms);
        }
        records.iter().filter(|r| !r.is_empty()).try_for_each(|record| wbl.log(record))
    }
}

impl LateLog {
    /// Goes on writing chunk files behind those that there are.
    pub(super) fn open_chunks(&mut self, fs: Arc<dyn Fs>, dir: &Path, files: Vec<HeadChunkFile>) {
        self.chunks = Some(HeadChunkWriter::new(fs, dir, files));
    }

    /// Whether there is a log.
    pub(super) fn is_open(&self) -> bool {
        self.wbl.is_some()
    }

    /// Begins a log, or goes on with the one in the directory.
    pub(super) fn open(&mut self, fs: Arc<dyn Fs>, dir: &Path, options: WalOptions) -> Result<(), FileError> {
        // Always as the field writes it: late samples are few, and rarely at the times of others.
        let options = WalOptions { style: LogStyle::Field, ..options };
        self.wbl = Some(Wal::open(fs, dir, options)?);
        Ok(())
    }

    /// Adds a chunk to the chunk files; it is written with [`LateLog::write_chunks`]. `None` if that is impossible, which
    /// costs memory and no samples.
    pub(super) fn add_chunk(&mut self, series: u64, chunk: &LateChunk) -> Option<u64> {
        if self.suspended.is_some() {
            return None;
        }
        let LateChunk { min_time, max_time, encoding, bytes } = chunk;
        let chunk = EncodedChunk {
            min_time: *min_time,
            max_time: *max_time,
            encoding: *encoding,
            bytes: bytes.to_vec(),
        };
        self.chunks.as_mut()?.add(series, &chunk, true).ok()
    }

    /// Hands added chunks to the system and reports whether it has them.
    pub(super) fn write_chunks(&mut self) -> bool {
        let is_written = self.chunks.as_mut().is_some_and(|chunks| chunks.flush().is_ok());
        if !is_written {
            self.suspend();
        }
        is_written
    }

    /// Notes that the log speaks of chunks that chunk files do not have.
    pub(super) fn suspend(&mut self) {
        self.suspended = Some(self.wbl.as_ref().map_or(0, Wal::segment));
    }

    /// Whether late samples should go into blocks soon, so that chunk files can be written again.
    pub(in crate::head) fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    /// Hands the late samples of a commit to the system: all of them or none.
    pub(super) fn write(&mut self, records: &[Records]) -> Result<(), FileError> {
        let Some(wbl) = &mut self.wbl else { return Ok(()) };
        self.mark = Some(wbl.mark());
        let result = records.iter().try_for_each(|r| r.write(wbl)).and_then(|()| wbl.flush());
        if result.is_err() {
            self.withdraw();
        }
        result
    }

    /// Takes back what the last commit wrote.
    pub(super) fn withdraw(&mut self) {
        if let (Some(wbl), Some(mark)) = (&mut self.wbl, self.mark.take()) {
            wbl.cut_back(mark);
        }
        if let Some(chunks) = &mut self.chunks {
            chunks.discard();
        }
    }

    /// How to make durable what was written so far.
    pub(crate) fn sync_point(&self) -> Result<Option<SyncPoint>, FileError> {
        self.wbl.as_ref().map(Wal::sync_point).transpose()
    }

    /// Begins new files, so that those before can go once blocks have what is in them.
    pub(super) fn set_aside(&mut self) -> Result<(), FileError> {
        if let Some(wbl) = &mut self.wbl {
            self.aside.0 = wbl.next_segment()?;
        }
        if let Some(chunks) = &mut self.chunks {
            self.aside.1 = chunks.end_file()?;
        }
        Ok(())
    }

    /// The segment and the chunk file before which all was set aside.
    pub(super) fn aside(&self) -> (u32, u32) {
        self.aside
    }

    /// Removes files that were set aside, as far as chunks in them that did not come late end before `mint`.
    pub(super) fn remove(&mut self, aside: LateAside, mint: Timestamp) -> Result<(), FileError> {
        if let Some(wbl) = &mut self.wbl {
            wbl.truncate_before(aside.segment)?;
        }
        self.suspended = self.suspended.filter(|segment| *segment >= aside.segment);
        self.obsolete_before = aside.file;
        self.remove_chunk_files(mint)
    }

    /// Removes chunk files of which nothing is needed any more.
    pub(in crate::head) fn remove_chunk_files(&mut self, mint: Timestamp) -> Result<(), FileError> {
        let before = self.obsolete_before;
        self.chunks.as_mut().map_or(Ok(()), |chunks| chunks.remove_obsolete(mint, before))
    }
}
