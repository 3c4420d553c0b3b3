//! Float chunks for runs of hundreds to thousands of samples: decimals as integers, in packed blocks.
//!
//! Ours, not the field's. Most floats of monitoring are decimals with few digits: times a power of ten they are integers,
//! whose differences take few bits. What is not decimal is kept as bits. Every chunk is decoded again and compared
//! before it is used, and is an [XOR chunk](super::xor) where that pays more. The layout is drawn in `docs/format.md`.
//!
//! ```text
//! times  ─────────────▶ times.rs ──────────────────────────────────╮
//! floats ─▶ decimal.rs ─▶ integers ─▶ values.rs ─▶ pack.rs or entropy.rs ─▶ chunk
//! ```

mod decimal;
mod encode;
#[cfg(feature = "pco")]
mod entropy;
mod header;
mod neighbour;
mod times;
mod values;

pub use encode::{Encoder, encode};
pub use header::Header;
pub(crate) use neighbour::{Parts, split};

use super::ChunkError;
use crate::codec::{Malformed, Reader};

/// Most samples of a chunk.
pub const MAX_SAMPLES: usize = u16::MAX as usize;

/// How much time may be spent on making chunks small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Level {
    /// Integers in as few bits as all of a block need. Written and read fastest.
    #[default]
    Fast,
    /// Also through an entropy coder, which is taken where it saves a sixteenth or more: for blocks that are rarely
    /// read. Writing takes some ten times as long, reading some five times. Without the feature `pco`, as
    /// [`Level::Fast`].
    Small,
}

/// Decodes a chunk that holds its times itself, as all do outside of blocks, and appends its samples to two columns.
///
/// # Errors
/// If the chunk is damaged or its times are in another chunk of its block; the columns are then as before.
pub fn decode(chunk: &[u8], timestamps: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), ChunkError> {
    decode_with(chunk, timestamps, values, |reference, _| Err(ChunkError::TimesElsewhere { reference }))
}

/// As [`decode`]; times that are in another chunk of the block are appended by `elsewhere`, which is told the chunk's
/// reference.
///
/// # Errors
/// If the chunk is damaged, or those of `elsewhere`; the columns are then as before.
pub(crate) fn decode_with<E: From<ChunkError>>(
    chunk: &[u8],
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
    elsewhere: impl FnOnce(u64, &mut Vec<i64>) -> Result<(), E>,
) -> Result<(), E> {
    let (times_start, values_start) = (timestamps.len(), values.len());
    let result = decode_parts(chunk, timestamps, values, elsewhere);
    if result.is_err() {
        timestamps.truncate(times_start);
        values.truncate(values_start);
    }
    result
}

fn decode_parts<E: From<ChunkError>>(
    chunk: &[u8],
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
    elsewhere: impl FnOnce(u64, &mut Vec<i64>) -> Result<(), E>,
) -> Result<(), E> {
    let mut r = Reader::new(chunk);
    let header = Header::take(&mut r)?;
    let n = usize::from(header.samples);
    if header.times == header::Times::Elsewhere {
        let start = timestamps.len();
        let reference = r.uvarint().map_err(|m| damaged(&r, what(m)))?;
        elsewhere(reference, timestamps)?;
        if timestamps.len() - start != n {
            return Err(damaged(&r, "times of another number of samples").into());
        }
    } else {
        times::take(&mut r, &header, timestamps).map_err(|what| damaged(&r, what))?;
    }
    values::take(&mut r, &header, values).map_err(|what| damaged(&r, what))?;
    if !r.is_empty() {
        return Err(damaged(&r, "bytes behind the last value").into());
    }
    Ok(())
}

/// Decodes only the times of a chunk that holds them itself, and appends them.
pub(crate) fn decode_times(chunk: &[u8], into: &mut Vec<i64>) -> Result<(), ChunkError> {
    let mut r = Reader::new(chunk);
    let header = Header::take(&mut r)?;
    if header.times == header::Times::Elsewhere {
        return Err(damaged(&r, "times that refer to a chunk that refers to another"));
    }
    times::take(&mut r, &header, into).map_err(|what| damaged(&r, what))
}

fn damaged(r: &Reader<'_>, what: &'static str) -> ChunkError {
    ChunkError::Damaged { offset: r.position(), what }
}

fn what(m: Malformed) -> &'static str {
    m.expected
}

#[cfg(test)]
mod tests;
