//! The samples of several chunks of a series, as one run in order of time.

use metrics_core::{Columns, LabelSet, Value};

use super::series::{Placed, Source};
use crate::block::BlockError;
use crate::chunk::{self, ChunkEncoder, ChunkError, EncodedChunk};

/// Samples of several chunks, without those that were deleted. Kept for its buffers.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// Floats, chunk by chunk.
    floats: Columns,
    /// Where the floats of each chunk end, and its source.
    ends: Vec<(usize, usize)>,
    /// Histograms, and the sources that they are from; in mixed runs all samples.
    others: Vec<(i64, usize, Value)>,
}

impl Samples {
    /// Decodes chunks in place of what was held.
    pub(super) fn gather(
        &mut self,
        sources: &[Source<'_>],
        group: &[Placed],
        labels: &LabelSet,
    ) -> Result<(), BlockError> {
        self.floats.clear();
        self.ends.clear();
        self.others.clear();
        for (i, meta) in group {
            let source = &sources[*i];
            let (encoding, bytes) = source.block.chunk(meta.reference)?;
            if encoding.is_float() {
                let start = self.floats.floats.timestamps.len();
                source.block.decode_bytes(labels, (encoding, bytes), &mut self.floats)?;
                if source.is_touched(meta) {
                    self.take_out_from(start, source);
                }
                self.ends.push((self.floats.floats.timestamps.len(), *i));
            } else {
                let others = &mut self.others;
                chunk::decode_each(encoding, bytes, |t, value| {
                    if !source.is_deleted(t) {
                        others.push((t, *i, value));
                    }
                })
                .map_err(|source| damaged(labels, source))?;
            }
        }
        Ok(())
    }

    /// Encodes what was gathered: of several samples at one time that of the first source.
    pub(super) fn encode(
        &mut self,
        encoder: &mut ChunkEncoder,
        labels: &LabelSet,
    ) -> Result<Vec<EncodedChunk>, BlockError> {
        let floats = &self.floats.floats;
        let encoded = if self.others.is_empty() && floats.timestamps.is_sorted_by(|a, b| a < b) {
            encoder.push_floats(&floats.timestamps, &floats.values)
        } else {
            self.encode_mixed(encoder)
        };
        encoded.map_err(|source| damaged(labels, source))?;
        Ok(encoder.take())
    }

    fn encode_mixed(&mut self, encoder: &mut ChunkEncoder) -> Result<(), ChunkError> {
        let floats = &self.floats.floats;
        let mut start = 0;
        for (end, source) in &self.ends {
            for at in start..*end {
                self.others.push((floats.timestamps[at], *source, Value::Float(floats.values[at])));
            }
            start = *end;
        }
        self.others.sort_by_key(|(t, source, _)| (*t, *source));
        self.others.dedup_by_key(|(t, _, _)| *t);
        self.others.drain(..).try_for_each(|(t, _, value)| encoder.push(t, &value))
    }

    /// Takes out what was deleted from the source among the floats from `start` on.
    fn take_out_from(&mut self, start: usize, source: &Source<'_>) {
        let floats = &mut self.floats.floats;
        let mut kept = start;
        for at in start..floats.timestamps.len() {
            if !source.is_deleted(floats.timestamps[at]) {
                floats.timestamps.swap(kept, at);
                floats.values.swap(kept, at);
                kept += 1;
            }
        }
        floats.timestamps.truncate(kept);
        floats.values.truncate(kept);
    }
}

fn damaged(labels: &LabelSet, source: ChunkError) -> BlockError {
    BlockError::Chunk { series: labels.to_string(), source }
}
