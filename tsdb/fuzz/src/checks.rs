//! Bytes from anywhere make no decoder panic, and what is decoded is decoded again from what is written of it.

use std::io;
use std::path::Path;

use metrics_core::{Columns, Value};
use tsdb::block::{BlockMeta, Index, Tombstones};
use tsdb::chunk::dense::Level;
use tsdb::chunk::{self, ChunkEncoder, Encoding};
use tsdb::fs::{File, FileBytes, Fs, Lock};
use tsdb::head_chunks;
use tsdb::wal::{self, SampleReader, SegmentReader};

/// A chunk: its encoding in the first byte.
pub fn chunk(data: &[u8]) {
    let Some((id, bytes)) = data.split_first() else { return };
    let Ok(encoding) = Encoding::from_id(*id) else { return };
    let mut columns = Columns::default();
    if chunk::decode(encoding, bytes, &mut columns).is_err() || !encoding.is_float() {
        return;
    }
    let dense = |level| ChunkEncoder::dense(u16::MAX, level);
    for mut encoder in [ChunkEncoder::new(u16::MAX), dense(Level::Fast), dense(Level::Small)] {
        for (t, v) in columns.floats.timestamps.iter().zip(&columns.floats.values) {
            encoder.push(*t, &Value::Float(*v)).expect("no more samples than a chunk has");
        }
        let mut again = Columns::default();
        for chunk in encoder.finish() {
            chunk::decode(chunk.encoding, &chunk.bytes, &mut again).expect("our own chunk");
        }
        assert_eq!(columns.floats.timestamps, again.floats.timestamps);
        let bits = |c: &Columns| c.floats.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&columns), bits(&again));
    }
}

/// A segment of the log, and its records as records of every kind.
pub fn wal(data: &[u8]) {
    let mut reader = SegmentReader::new(Path::new("00000000"), FileBytes::from(data.to_vec()));
    let mut samples = SampleReader::default();
    while let Ok(Some(record)) = reader.next() {
        records(record, &mut samples);
    }
    samples.begin_segment();
    records(data, &mut samples);
}

fn records(record: &[u8], reader: &mut SampleReader) {
    let mut samples = Vec::new();
    if reader.read(record, &mut samples).is_ok() {
        let mut written = Vec::new();
        wal::put_samples(&mut written, samples.iter().copied());
        let mut again = Vec::new();
        wal::read_samples(&written, &mut again).expect("our own record");
        let bits = |all: &[wal::FloatSample]| {
            all.iter().map(|s| (s.series, s.timestamp, s.value.to_bits())).collect::<Vec<_>>()
        };
        assert_eq!(bits(&samples), bits(&again));
    }
    let mut series = Vec::new();
    if wal::read_series(record, &mut series).is_ok() {
        let mut written = Vec::new();
        wal::put_series(&mut written, series.iter().map(|(reference, labels)| (*reference, labels)));
        let mut again = Vec::new();
        wal::read_series(&written, &mut again).expect("our own record");
        assert_eq!(series, again);
    }
    // These are only to end.
    let _ = wal::read_tombstones(record, &mut Vec::new());
    let _ = wal::read_exemplars(record, &mut Vec::new());
    let _ = wal::read_metadata(record, &mut Vec::new());
    let _ = wal::read_mmap_markers(record, &mut Vec::new());
    let _ = wal::read_histograms(record, &mut Vec::new());
    let _ = wal::read_float_histograms(record, &mut Vec::new());
}

/// A chunk file of the head: all its chunks are decoded.
pub fn head_chunks(data: &[u8]) {
    let mut columns = Columns::default();
    let mut references = Vec::new();
    let _ = head_chunks::read_file(Path::new("000001"), 1, data, |found| {
        references.push(found.reference);
        let _ = chunk::decode(found.encoding, &found.bytes, &mut columns);
    });
    assert!(references.is_sorted_by(|a, b| a < b));
}

/// An index: everything in it is looked up.
pub fn index(data: &[u8]) {
    let Ok(index) = Index::open(&OneFile(data.to_vec()), Path::new("index")) else { return };
    for symbol in index.symbols() {
        let _ = symbol;
    }
    let names: Vec<&str> = index.label_names().collect();
    let mut ids = Vec::new();
    for name in names {
        for value in index.label_values(name).flatten() {
            let _ = index.postings(name, value.value);
            let _ = index.read_postings(value.postings, &mut ids);
        }
    }
    let _ = index.all_postings(&mut ids);
    for id in ids {
        let _ = index.series(id);
    }
}

/// Tombstones of a block: what they say is in order.
pub fn tombstones(data: &[u8]) {
    let Ok(found) = Tombstones::read(&OneFile(data.to_vec()), Path::new("block")) else { return };
    for (series, intervals) in found.iter() {
        assert!(intervals.is_sorted_by(|a, b| a.end < b.start));
        assert!(intervals.iter().all(|i| i.start > i.end || found.covers(series, i.start)));
    }
}

/// The description of a block.
pub fn meta(data: &[u8]) {
    let Ok(meta) = BlockMeta::read(&OneFile(data.to_vec()), Path::new("block")) else { return };
    let _ = (meta.range(), meta.is_from_out_of_order(), meta.description());
}

/// A file system with one file.
#[derive(Debug)]
struct OneFile(Vec<u8>);

impl OneFile {
    fn refuse<T>() -> io::Result<T> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Fs for OneFile {
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Self::refuse()
    }
    fn create(&self, _: &Path) -> io::Result<Box<dyn File>> {
        Self::refuse()
    }
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Ok(self.0.clone())
    }
    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Self::refuse()
    }
    fn len(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
    fn exists(&self, _: &Path) -> bool {
        true
    }
    fn truncate(&self, _: &Path, _: u64) -> io::Result<()> {
        Self::refuse()
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Self::refuse()
    }
    fn hard_link(&self, _: &Path, _: &Path) -> io::Result<()> {
        Self::refuse()
    }
    fn remove_file(&self, _: &Path) -> io::Result<()> {
        Self::refuse()
    }
    fn remove_dir_all(&self, _: &Path) -> io::Result<()> {
        Self::refuse()
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Self::refuse()
    }
    fn lock(&self, _: &Path) -> io::Result<Box<dyn Lock>> {
        Self::refuse()
    }
}
