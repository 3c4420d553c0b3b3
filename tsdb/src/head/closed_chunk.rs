//! Chunks of a series that take no more samples, as memory keeps them.

use std::sync::Arc;

use metrics_core::{Timestamp, Value};

use crate::chunk::xor::XorAppender;
use crate::chunk::{ChunkError, EncodedChunk, Encoding, decimal_stream, decode_each, sample_count};

/// A chunk that takes no more samples.
#[derive(Debug, Clone)]
pub(crate) struct ClosedChunk {
    /// First and last time in it.
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) samples: u16,
    pub(crate) data: ChunkData,
}

impl ClosedChunk {
    /// Bytes that it takes in a list of chunks.
    pub(super) fn size(&self) -> usize {
        let (ChunkData::Encoded(_, bytes) | ChunkData::Floats(bytes)) = &self.data;
        // Two counters beside the bytes.
        size_of::<Self>() + bytes.len() + 2 * size_of::<usize>()
    }

    /// Whether its histograms have integer counts; `None` if there are none in it.
    pub(super) fn is_of_integers(&self) -> Option<bool> {
        match &self.data {
            ChunkData::Encoded(encoding, _) if !encoding.is_float() => Some(!encoding.is_float_histogram()),
            _ => None,
        }
    }

    /// In an encoding of the field, the same bytes as if the samples had been encoded when they came.
    pub(super) fn encode(&self) -> Result<EncodedChunk, ChunkError> {
        match &self.data {
            ChunkData::Encoded(encoding, bytes) => Ok(EncodedChunk {
                min_time: self.first,
                max_time: self.last,
                encoding: *encoding,
                bytes: bytes.to_vec(),
            }),
            ChunkData::Floats(stream) => self.encode_floats(stream),
        }
    }

    fn encode_floats(&self, stream: &[u8]) -> Result<EncodedChunk, ChunkError> {
        let mut chunk = XorAppender::new();
        for (t, v) in self.decode_floats(stream)? {
            chunk.append(t, v)?;
        }
        let bytes = chunk.finish();
        Ok(EncodedChunk { min_time: self.first, max_time: self.last, encoding: Encoding::Xor, bytes })
    }

    /// Adds the floats to a list, where they are as they were appended; those of an encoding of the field are not.
    pub(super) fn floats(&self, into: &mut Vec<(Timestamp, f64)>) -> Result<(), ChunkError> {
        if let ChunkData::Floats(stream) = &self.data {
            into.extend(self.decode_floats(stream)?);
        }
        Ok(())
    }

    fn decode_floats(&self, stream: &[u8]) -> Result<impl Iterator<Item = (Timestamp, f64)>, ChunkError> {
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        decimal_stream::decode(stream, self.first, self.samples, &mut timestamps, &mut values)?;
        Ok(timestamps.into_iter().zip(values))
    }

    /// Adds the samples to a list.
    pub(super) fn samples(&self, into: &mut Vec<(Timestamp, Value)>) -> Result<(), ChunkError> {
        match &self.data {
            ChunkData::Encoded(encoding, bytes) => {
                decode_each(*encoding, bytes, |t, value| into.push((t, value)))?;
            }
            ChunkData::Floats(stream) => {
                into.extend(self.decode_floats(stream)?.map(|(t, v)| (t, Value::Float(v))));
            }
        }
        Ok(())
    }
}

impl From<EncodedChunk> for ClosedChunk {
    fn from(chunk: EncodedChunk) -> Self {
        Self {
            first: chunk.min_time,
            last: chunk.max_time,
            // A chunk that was just encoded has its header.
            samples: sample_count(&chunk.bytes).unwrap_or(0),
            data: ChunkData::Encoded(chunk.encoding, chunk.bytes.into()),
        }
    }
}

/// How a closed chunk is kept.
#[derive(Debug, Clone)]
pub(crate) enum ChunkData {
    /// In an encoding of the field.
    Encoded(Encoding, Arc<[u8]>),
    /// Floats as they were appended, a [`decimal_stream`].
    Floats(Arc<[u8]>),
}
