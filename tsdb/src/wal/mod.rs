//! Write-ahead log: every commit is written here before it is visible, and replayed on start.
//!
//! A log is a directory of numbered segment files of 128 MiB. A segment is a row of 32 KiB pages, a page a row of
//! fragments with checksums, and fragments make records; none spans two segments, so that whole segments can
//! be dropped. What a checkpoint kept of dropped segments is a directory of the same make beside them.
//! Layouts: Prometheus' `tsdb/docs/format/wal.md`; the records that are ours alone, `docs/format.md`.

mod checkpoint;
mod compress;
mod dense_record;
mod histogram_record;
mod last_values;
mod reader;
mod record;
mod sample_block;
mod sample_reader;
mod segment;
mod writer;

pub use checkpoint::{CheckpointStats, checkpoint, last_checkpoint, remove_checkpoints_before};
pub use histogram_record::{
    FloatHistogramSample, HistogramSample, put_float_histograms, put_histograms, read_float_histograms,
    read_histograms,
};
pub use reader::{SegmentReader, repair};
pub use record::{
    ExemplarRef, FloatSample, MetadataRef, MmapMarker, RecordError, RecordKind, Tombstone, put_exemplars,
    put_metadata, put_mmap_markers, put_samples, put_series, put_tombstones, read_exemplars, read_metadata,
    read_mmap_markers, read_samples, read_series, read_tombstones,
};
pub use sample_reader::SampleReader;
pub use segment::{Compression, SegmentFile, segment_path, segments};
pub(crate) use writer::SyncPoint;
pub use writer::{LogStyle, Wal, WalOptions};

#[cfg(test)]
mod tests;
