//! The chunks of a series in a snapshot.

use std::sync::Arc;

use metrics_core::Timestamp;

use super::super::closed_chunk::{ChunkData, ClosedChunk};
use crate::chunk::Encoding;
use crate::codec::{Malformed, Reader, put_bytes, put_uvarint, put_varint};

/// In place of an encoding: floats as memory has them, a [`decimal_stream`](crate::chunk::decimal_stream).
const STREAM: u8 = 0xff;

/// The chunks of a series, oldest first.
#[derive(Debug, Default, Clone)]
pub(in super::super) struct KeptChunks {
    pub(in super::super) chunks: Vec<ClosedChunk>,
    /// How many of the last still took samples.
    pub(in super::super) open: usize,
}

impl KeptChunks {
    /// Adds the chunks to a buffer.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_uvarint(out, self.chunks.len() as u64);
        put_uvarint(out, self.open as u64);
        for chunk in &self.chunks {
            let (id, bytes) = match &chunk.data {
                ChunkData::Encoded(encoding, bytes) => (encoding.id(), bytes),
                ChunkData::Floats(bytes) => (STREAM, bytes),
            };
            out.push(id);
            put_varint(out, chunk.first);
            put_uvarint(out, chunk.last.wrapping_sub(chunk.first) as u64);
            put_uvarint(out, chunk.samples.into());
            put_bytes(out, bytes);
        }
    }

    /// Reads chunks, without those that end before `min_valid`.
    pub(super) fn read(r: &mut Reader<'_>, min_valid: Timestamp) -> Result<Self, Malformed> {
        // An encoding, times, a number of samples, and the length of the bytes.
        let count = r.count(5)?;
        let open = r.uvarint()?;
        let mut chunks = Vec::with_capacity(count);
        for _ in 0..count {
            let id = r.u8()?;
            let first = r.varint()?;
            let last = first.wrapping_add(r.uvarint()? as i64);
            let samples = u16::try_from(r.uvarint()?).map_err(|_| r.malformed("at most 65,535 samples"))?;
            let bytes = r.bytes()?;
            if last >= min_valid {
                let data = match id {
                    STREAM => ChunkData::Floats(Arc::from(bytes)),
                    id => {
                        let encoding = Encoding::from_id(id).map_err(|_| r.malformed("a known encoding"))?;
                        ChunkData::Encoded(encoding, Arc::from(bytes))
                    }
                };
                chunks.push(ClosedChunk { first, last, samples, data });
            }
        }
        // The open ones are the last, and what is too old is at the front.
        let open = usize::try_from(open).unwrap_or(usize::MAX).min(chunks.len());
        Ok(Self { chunks, open })
    }
}
