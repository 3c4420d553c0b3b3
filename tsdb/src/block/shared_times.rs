//! Times that the dense chunks of many series share: written once, decoded once.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::ChunkWriter;
use crate::chunk::{Encoding, dense};
use crate::fs::FileError;

/// Bytes of times that a writer looks among at most; then it begins anew.
const MAX_WRITTEN: usize = 32 << 20;

/// Timestamps that an open block keeps decoded at most (8 MiB); then it begins anew.
const MAX_DECODED: usize = 1 << 20;

/// The times that a writer has written, and in which chunks they are.
#[derive(Debug, Default)]
pub(super) struct WrittenTimes {
    holders: HashMap<Box<[u8]>, u64>,
    /// Of all times together.
    bytes: usize,
    chunk: Vec<u8>,
}

impl WrittenTimes {
    /// Writes a dense chunk, without its times if an earlier one has the same. Returns its reference.
    pub(super) fn write(
        &mut self,
        chunk: &[u8],
        parts: dense::Parts<'_>,
        out: &mut ChunkWriter,
    ) -> Result<u64, FileError> {
        let Some(times) = parts.shared_times() else { return out.write(Encoding::Dense, chunk) };
        if let Some(holder) = self.holders.get(times) {
            self.chunk.clear();
            parts.put_referring(*holder, &mut self.chunk);
            return out.write(Encoding::Dense, &self.chunk);
        }
        let reference = out.write(Encoding::Dense, chunk)?;
        if self.bytes + times.len() > MAX_WRITTEN {
            self.holders.clear();
            self.bytes = 0;
        }
        self.bytes += times.len();
        self.holders.insert(times.into(), reference);
        Ok(reference)
    }
}

/// Decoded times, by the reference of the chunk that holds them.
#[derive(Debug, Default)]
pub(super) struct DecodedTimes {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    columns: HashMap<u64, Arc<[i64]>>,
    timestamps: usize,
}

impl DecodedTimes {
    /// The times of a chunk; `decode` tells them if they are not here yet.
    pub(super) fn get<E>(
        &self,
        reference: u64,
        decode: impl FnOnce() -> Result<Vec<i64>, E>,
    ) -> Result<Arc<[i64]>, E> {
        if let Some(times) = self.kept.lock().columns.get(&reference) {
            return Ok(Arc::clone(times));
        }
        // Not under the lock: two readers may decode the same, neither waits.
        let times: Arc<[i64]> = decode()?.into();
        let mut kept = self.kept.lock();
        if kept.timestamps + times.len() > MAX_DECODED {
            *kept = Kept::default();
        }
        kept.timestamps += times.len();
        if let Some(before) = kept.columns.insert(reference, Arc::clone(&times)) {
            kept.timestamps -= before.len();
        }
        Ok(times)
    }
}
