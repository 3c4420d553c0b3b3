//! Float chunks for runs of hundreds to thousands of samples: decimals as integers, in packed blocks.
//!
//! Ours, not the field's. Most floats of monitoring are decimals with few digits: times a power of ten they are integers,
//! whose differences take few bits. What is not decimal is kept as bits. Every chunk is decoded again and compared
//! before it is used, and is an [XOR chunk](super::xor) where that pays more. The layout is drawn in `docs/format.md`.
//!
//! ```text
//! times  ─────────────▶ times.rs ──────────────────────────────────╮
//! floats ─▶ decimal.rs ─▶ integers ─▶ values.rs ─▶ pack/ or entropy.rs ─▶ chunk
//! ```

mod decimal;
mod encode;
#[cfg(feature = "pco")]
mod entropy;
mod header;
mod neighbour;
mod quotient;
mod times;
mod values;

pub use encode::{Encoder, encode};
pub use header::Header;
pub(crate) use neighbour::{Parts, split};

use metrics_core::TimeRange;

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
    let elsewhere = |reference| Err::<[i64; 0], _>(ChunkError::TimesElsewhere { reference });
    decode_in(chunk, None, timestamps, values, elsewhere)
}

/// Decodes a chunk, or as much of it as has the samples of a range, and appends these to two columns. Times that are in
/// another chunk of the block come from `elsewhere`, which is told the chunk's reference. Samples outside of the range
/// are appended only if times do not rise, as they do in no honest chunk.
///
/// # Errors
/// If the chunk is damaged, or those of `elsewhere`; the columns are then as before. Damage may go unnoticed in
/// what is not decoded.
pub(crate) fn decode_in<T: AsRef<[i64]>, E: From<ChunkError>>(
    chunk: &[u8],
    range: Option<TimeRange>,
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
    elsewhere: impl FnOnce(u64) -> Result<T, E>,
) -> Result<(), E> {
    let (times_start, values_start) = (timestamps.len(), values.len());
    let result = decode_parts(chunk, range, timestamps, values, elsewhere);
    if result.is_err() {
        timestamps.truncate(times_start);
        values.truncate(values_start);
    }
    result
}

fn decode_parts<T: AsRef<[i64]>, E: From<ChunkError>>(
    chunk: &[u8],
    range: Option<TimeRange>,
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
    elsewhere: impl FnOnce(u64) -> Result<T, E>,
) -> Result<(), E> {
    let mut r = Reader::new(chunk);
    let header = Header::take(&mut r)?;
    let n = usize::from(header.samples);
    let places = if header.times == header::Times::Elsewhere {
        let reference = r.uvarint().map_err(|m| damaged(&r, what(m)))?;
        let times = elsewhere(reference)?;
        let times = times.as_ref();
        if times.len() != n {
            return Err(damaged(&r, "times of another number of samples").into());
        }
        let places = times::places_in(times, range);
        timestamps.extend_from_slice(&times[places.clone()]);
        places
    } else {
        times::take(&mut r, &header, range, timestamps).map_err(|what| damaged(&r, what))?
    };
    values::take(&mut r, &header, places.clone(), values).map_err(|what| damaged(&r, what))?;
    if places.end == n && !places.is_empty() && !r.is_empty() {
        return Err(damaged(&r, "bytes behind the last value").into());
    }
    Ok(())
}

/// Decodes only the times of a chunk that holds them itself.
pub(crate) fn decode_times(chunk: &[u8]) -> Result<Vec<i64>, ChunkError> {
    let mut r = Reader::new(chunk);
    let header = Header::take(&mut r)?;
    if header.times == header::Times::Elsewhere {
        return Err(damaged(&r, "times that refer to a chunk that refers to another"));
    }
    let mut times = Vec::new();
    times::take(&mut r, &header, None, &mut times).map_err(|what| damaged(&r, what))?;
    Ok(times)
}

fn damaged(r: &Reader<'_>, what: &'static str) -> ChunkError {
    ChunkError::Damaged { offset: r.position(), what }
}

fn what(m: Malformed) -> &'static str {
    m.expected
}

#[cfg(test)]
mod tests;
