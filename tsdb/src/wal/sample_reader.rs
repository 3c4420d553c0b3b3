//! Float samples of a segment, in whatever kind of record they are.

use super::dense_record::DenseDecoder;
use super::record::{FloatSample, RecordError, RecordKind, read_samples};

/// Reads the records of float samples of a segment, all and in their order: dense ones tell differences to those before
/// them.
///
/// ```
/// use tsdb::wal::{FloatSample, SampleReader, put_samples};
/// let sample = FloatSample { series: 7, timestamp: 1_000, value: 0.5 };
/// let mut record = Vec::new();
/// put_samples(&mut record, [sample]);
/// let mut samples = Vec::new();
/// SampleReader::default().read(&record, &mut samples)?;
/// assert_eq!(samples, [sample]);
/// # Ok::<(), tsdb::wal::RecordError>(())
/// ```
#[derive(Debug, Default)]
pub struct SampleReader {
    dense: DenseDecoder,
}

impl SampleReader {
    /// Gets ready for the first record of another segment.
    pub fn begin_segment(&mut self) {
        self.dense.forget();
    }

    /// Appends the samples of a record of any style to a list; start timestamps are dropped.
    ///
    /// # Errors
    /// If it is no such record. The list may have samples of it all the same.
    pub fn read(&mut self, record: &[u8], into: &mut Vec<FloatSample>) -> Result<(), RecordError> {
        match RecordKind::of(record) {
            Some(RecordKind::DenseSamples) => self.dense.decode(record, into),
            _ => read_samples(record, into),
        }
    }
}
