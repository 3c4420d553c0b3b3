//! Checkpoints: what old segments hold that is still needed, so that the segments can go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{
    ExemplarRef, FloatHistogramSample, FloatSample, HistogramSample, MetadataRef, RecordError, RecordKind,
    SampleReader, SegmentFile, SegmentReader, Tombstone, Wal, WalOptions, put_exemplars,
    put_float_histograms, put_histograms, put_metadata, put_series, put_tombstones, read_exemplars,
    read_float_histograms, read_histograms, read_metadata, read_series, read_tombstones, segments,
};
use crate::fs::{FileError, Fs};

const PREFIX: &str = "checkpoint.";
const UNFINISHED: &str = ".tmp";

/// Bytes that are collected before they are written.
const WRITE_SIZE: usize = 1 << 20;

/// What a checkpoint kept and left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CheckpointStats {
    /// Things of all kinds that were kept.
    pub kept: u64,
    /// Things of all kinds that were left out.
    pub dropped: u64,
}

/// The newest checkpoint of a log: its directory, and the last segment that it stands for.
///
/// # Errors
/// If the directory cannot be read.
pub fn last_checkpoint(fs: &dyn Fs, dir: &Path) -> Result<Option<(PathBuf, u32)>, FileError> {
    Ok(checkpoints(fs, dir)?.pop())
}

/// Removes the checkpoints that a newer one replaced, and unfinished ones.
///
/// # Errors
/// If the directory cannot be read or changed.
pub fn remove_checkpoints_before(fs: &dyn Fs, dir: &Path, segment: u32) -> Result<(), FileError> {
    for (path, number) in checkpoints(fs, dir)? {
        if number < segment {
            fs.remove_dir_all(&path).map_err(FileError::io("remove", &path))?;
        }
    }
    remove_unfinished(fs, dir)
}

/// Finished checkpoints in order.
fn checkpoints(fs: &dyn Fs, dir: &Path) -> Result<Vec<(PathBuf, u32)>, FileError> {
    let mut found: Vec<_> = entries(fs, dir)?
        .iter()
        .filter_map(|name| Some((dir.join(name), name.strip_prefix(PREFIX)?.parse().ok()?)))
        .collect();
    found.sort_unstable_by_key(|(_, number)| *number);
    Ok(found)
}

fn remove_unfinished(fs: &dyn Fs, dir: &Path) -> Result<(), FileError> {
    for name in entries(fs, dir)? {
        if name.starts_with(PREFIX) && name.ends_with(UNFINISHED) {
            let path = dir.join(name);
            fs.remove_dir_all(&path).map_err(FileError::io("remove", &path))?;
        }
    }
    Ok(())
}

fn entries(fs: &dyn Fs, dir: &Path) -> Result<Vec<String>, FileError> {
    if fs.exists(dir) { fs.list(dir).map_err(FileError::io("list", dir)) } else { Ok(Vec::new()) }
}

/// Writes a checkpoint that stands for all segments of the log up to `to`, and for the checkpoint before it.
///
/// Series and what hangs on them are kept if `keep` says so, samples and exemplars from `since` on; of metadata
/// the latest. The caller then drops the segments with [`Wal::truncate_before`] and the checkpoint before with
/// [`remove_checkpoints_before`].
///
/// # Errors
/// If a segment is damaged or a file cannot be read or written; then there is no new checkpoint.
pub fn checkpoint(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    to: u32,
    options: WalOptions,
    keep: impl FnMut(u64) -> bool,
    since: i64,
) -> Result<CheckpointStats, FileError> {
    remove_unfinished(&**fs, dir)?;
    let path = dir.join(format!("{PREFIX}{to:08}"));
    let unfinished = dir.join(format!("{PREFIX}{to:08}{UNFINISHED}"));
    let mut wal = Wal::open(Arc::clone(fs), &unfinished, options)?;
    let mut filter = Filter::new(keep, since);
    let mut record = Vec::new();
    for segment in covered(&**fs, dir, to)? {
        let mut reader = SegmentReader::open(&**fs, &segment.path)?;
        filter.samples.begin_segment();
        loop {
            let at = reader.offset();
            let Some(source) = reader.next()? else { break };
            filter.copy(source, &mut record, &mut wal).map_err(|e| e.in_segment(&segment.path, at))?;
            if wal.pending() > WRITE_SIZE {
                wal.flush()?;
            }
        }
    }
    if !filter.metadata.is_empty() {
        record.clear();
        put_metadata(&mut record, filter.metadata.values());
        wal.log(&record)?;
    }
    wal.sync()?;
    drop(wal);
    fs.sync_dir(&unfinished).map_err(FileError::io("sync", &unfinished))?;
    fs.rename(&unfinished, &path).map_err(FileError::io("rename", &unfinished))?;
    fs.sync_dir(dir).map_err(FileError::io("sync", dir))?;
    Ok(filter.stats)
}

/// The segments of the last checkpoint and those after it, up to `to`.
fn covered(fs: &dyn Fs, dir: &Path, to: u32) -> Result<Vec<SegmentFile>, FileError> {
    let (mut all, from) = match last_checkpoint(fs, dir)? {
        Some((path, last)) => (segments(fs, &path)?, last + 1),
        None => (Vec::new(), 0),
    };
    all.extend(segments(fs, dir)?.into_iter().filter(|s| (from..=to).contains(&s.number)));
    Ok(all)
}

enum CopyError {
    Record(RecordError),
    Write(FileError),
}

impl CopyError {
    fn in_segment(self, path: &Path, offset: u64) -> FileError {
        match self {
            Self::Record(e) => FileError::damaged(path, offset, e.to_string()),
            Self::Write(e) => e,
        }
    }
}

impl From<RecordError> for CopyError {
    fn from(e: RecordError) -> Self {
        Self::Record(e)
    }
}

impl From<FileError> for CopyError {
    fn from(e: FileError) -> Self {
        Self::Write(e)
    }
}

/// Decides what goes on.
struct Filter<K> {
    keep: K,
    since: i64,
    samples: SampleReader,
    stats: CheckpointStats,
    metadata: BTreeMap<u64, MetadataRef>,
}

impl<K: FnMut(u64) -> bool> Filter<K> {
    fn new(keep: K, since: i64) -> Self {
        Self {
            keep,
            since,
            samples: SampleReader::default(),
            stats: CheckpointStats::default(),
            metadata: BTreeMap::new(),
        }
    }

    /// Writes what is kept of a record.
    fn copy(&mut self, source: &[u8], record: &mut Vec<u8>, wal: &mut Wal) -> Result<(), CopyError> {
        record.clear();
        // Kinds of a later version are not understood and so cannot be kept.
        let Some(kind) = RecordKind::of(source) else { return Ok(()) };
        let mut second = Vec::new();
        match kind {
            RecordKind::Series => {
                let mut all = Vec::new();
                read_series(source, &mut all)?;
                self.retain(&mut all, |f, (series, _)| (f.keep)(*series));
                if !all.is_empty() {
                    put_series(record, all.iter().map(|(series, labels)| (*series, labels)));
                }
            }
            RecordKind::Samples | RecordKind::SamplesV2 | RecordKind::DenseSamples => {
                let mut all: Vec<FloatSample> = Vec::new();
                self.samples.read(source, &mut all)?;
                self.retain(&mut all, |f, s| s.timestamp >= f.since);
                if !all.is_empty() {
                    wal.log_samples(&all)?;
                }
            }
            RecordKind::Histograms | RecordKind::CustomHistograms | RecordKind::HistogramsV2 => {
                let mut all: Vec<HistogramSample> = Vec::new();
                read_histograms(source, &mut all)?;
                self.retain(&mut all, |f, s| s.timestamp >= f.since);
                put_histograms(record, &mut second, &all);
            }
            RecordKind::FloatHistograms
            | RecordKind::CustomFloatHistograms
            | RecordKind::FloatHistogramsV2 => {
                let mut all: Vec<FloatHistogramSample> = Vec::new();
                read_float_histograms(source, &mut all)?;
                self.retain(&mut all, |f, s| s.timestamp >= f.since);
                put_float_histograms(record, &mut second, &all);
            }
            RecordKind::Tombstones => {
                let mut all: Vec<Tombstone> = Vec::new();
                read_tombstones(source, &mut all)?;
                self.retain(&mut all, |f, t| t.end >= f.since && (f.keep)(t.series));
                if !all.is_empty() {
                    put_tombstones(record, all);
                }
            }
            RecordKind::Exemplars => {
                let mut all: Vec<ExemplarRef> = Vec::new();
                read_exemplars(source, &mut all)?;
                self.retain(&mut all, |f, e| e.timestamp >= f.since);
                if !all.is_empty() {
                    put_exemplars(record, &all);
                }
            }
            RecordKind::Metadata => {
                let mut all: Vec<MetadataRef> = Vec::new();
                read_metadata(source, &mut all)?;
                self.retain(&mut all, |f, m| (f.keep)(m.series));
                self.metadata.extend(all.into_iter().map(|m| (m.series, m)));
            }
            RecordKind::MmapMarkers => {}
        }
        for r in [&*record, &second] {
            if !r.is_empty() {
                wal.log(r)?;
            }
        }
        Ok(())
    }

    fn retain<T>(&mut self, all: &mut Vec<T>, mut keep: impl FnMut(&mut Self, &T) -> bool) {
        let before = all.len();
        all.retain(|item| keep(self, item));
        self.stats.kept += all.len() as u64;
        self.stats.dropped += (before - all.len()) as u64;
    }
}
