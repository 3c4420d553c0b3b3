//! Chunks: the samples of one series over a stretch of time, compressed.
//!
//! One encoding per file. The encodings that the field knows are bit-exact with Prometheus'
//! `tsdb/docs/format/chunks.md`. Every chunk starts with its number of samples (two bytes, big endian).

mod bits;
mod varbit;

mod starts;
pub mod xor;
pub mod xor2;
mod xor_decode;
mod xor_field;

pub mod dense;
mod pack;

pub(crate) mod decimal_stream;

pub mod float_histogram;
pub mod histogram;
mod histogram_run;
mod layout;

mod encoder;

pub use encoder::{ChunkEncoder, EncodedChunk};

use std::fmt;
use std::sync::Arc;

use metrics_core::{Columns, Value};

/// How the bytes of a chunk are to be read; the number is what stands in chunk files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Encoding {
    /// Floats: delta of delta timestamps, XORed values.
    Xor = 1,
    /// Native histograms with integer counts.
    Histogram = 2,
    /// Native histograms with float counts.
    FloatHistogram = 3,
    /// Floats with joint control bits and optional start timestamps.
    Xor2 = 4,
    /// [`Encoding::Histogram`] with start timestamps.
    HistogramSt = 5,
    /// [`Encoding::FloatHistogram`] with start timestamps.
    FloatHistogramSt = 6,
    /// Floats as packed decimals: ours, far from the numbers that the field gives away.
    Dense = 0xD0,
}

impl Encoding {
    /// The encoding of that number.
    ///
    /// # Errors
    /// [`ChunkError::Encoding`] if no encoding has the number.
    pub fn from_id(id: u8) -> Result<Self, ChunkError> {
        Ok(match id {
            1 => Self::Xor,
            2 => Self::Histogram,
            3 => Self::FloatHistogram,
            4 => Self::Xor2,
            5 => Self::HistogramSt,
            6 => Self::FloatHistogramSt,
            0xD0 => Self::Dense,
            _ => return Err(ChunkError::Encoding { id }),
        })
    }

    /// The number that stands in chunk files.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// Whether its histograms may be followed by start timestamps.
    fn has_starts(self) -> bool {
        matches!(self, Self::HistogramSt | Self::FloatHistogramSt)
    }

    /// How many samples a chunk of this encoding holds.
    ///
    /// # Errors
    /// [`ChunkError::Truncated`] if the chunk is shorter than its header.
    pub fn sample_count(self, chunk: &[u8]) -> Result<u16, ChunkError> {
        let count = sample_count(chunk)?;
        Ok(if self.has_starts() { count & SHORT_COUNT } else { count })
    }

    /// Whether chunks of this encoding hold histograms with float counts.
    pub fn is_float_histogram(self) -> bool {
        matches!(self, Self::FloatHistogram | Self::FloatHistogramSt)
    }

    /// Whether chunks of this encoding hold floats, not histograms.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Xor | Self::Xor2 | Self::Dense)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xor => "XOR",
            Self::Histogram => "histogram",
            Self::FloatHistogram => "floathistogram",
            Self::Xor2 => "XOR2",
            Self::HistogramSt => "histogramST",
            Self::FloatHistogramSt => "floathistogramST",
            Self::Dense => "dense",
        })
    }
}

/// Why a chunk cannot be read or appended to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// No encoding has this number.
    #[error("unknown chunk encoding {id}")]
    Encoding {
        /// The number found.
        id: u8,
    },
    /// The chunk promises more samples than its bytes hold.
    #[error("chunk of {len} bytes ends before its {samples} samples do")]
    Truncated {
        /// Bytes that are there.
        len: usize,
        /// Samples promised by the header.
        samples: u16,
    },
    /// The bits contradict the encoding.
    #[error("damaged chunk at byte {offset}: {what}")]
    Damaged {
        /// Where in the chunk, in bytes.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Samples of a kind that no encoding is known for.
    #[error("a sample of an unknown kind")]
    Kind,
    /// The times of a dense chunk are in another chunk of its block: read it [through the block](crate::block::Block).
    #[error("the chunk's times are in chunk {reference} of its block")]
    TimesElsewhere {
        /// The reference of that chunk.
        reference: u64,
    },
    /// The chunk holds as many samples as its header can count (65,535).
    #[error("chunk is full")]
    Full,
}

/// The bits that count samples where the upper two tell of counter resets.
const SHORT_COUNT: u16 = 0x3fff;

/// How many samples a chunk holds whose header counts in sixteen bits: all that are written here.
///
/// # Errors
/// [`ChunkError::Truncated`] if the chunk is shorter than its header.
pub fn sample_count(chunk: &[u8]) -> Result<u16, ChunkError> {
    match chunk {
        [high, low, ..] => Ok(u16::from_be_bytes([*high, *low])),
        _ => Err(ChunkError::Truncated { len: chunk.len(), samples: 0 }),
    }
}

/// Decodes a chunk of any encoding and appends its samples to the columns.
///
/// # Errors
/// If the chunk is damaged; the columns then hold what they held, or more samples.
pub fn decode(encoding: Encoding, chunk: &[u8], into: &mut Columns) -> Result<(), ChunkError> {
    match encoding {
        Encoding::Xor => xor::decode(chunk, &mut into.floats.timestamps, &mut into.floats.values),
        Encoding::Dense => dense::decode(chunk, &mut into.floats.timestamps, &mut into.floats.values),
        Encoding::Xor2 => xor2::decode(chunk, &mut into.floats.timestamps, &mut into.floats.values),
        Encoding::Histogram | Encoding::HistogramSt => histogram::decode(chunk, encoding.has_starts(), into),
        Encoding::FloatHistogram | Encoding::FloatHistogramSt => {
            float_histogram::decode(chunk, encoding.has_starts(), into)
        }
    }
}

/// Decodes a chunk of any encoding and hands each sample to `each`, with integer histograms as such.
///
/// # Errors
/// If the chunk is damaged; samples before the damage may have been handed over.
pub fn decode_each(
    encoding: Encoding,
    chunk: &[u8],
    mut each: impl FnMut(i64, Value),
) -> Result<(), ChunkError> {
    match encoding {
        Encoding::Histogram | Encoding::HistogramSt => {
            let starts = encoding.has_starts();
            histogram::decode_each(chunk, starts, |t, h| each(t, Value::Histogram(Arc::new(h))))
        }
        Encoding::FloatHistogram | Encoding::FloatHistogramSt => {
            let starts = encoding.has_starts();
            float_histogram::decode_each(chunk, starts, |t, h| each(t, Value::FloatHistogram(Arc::new(h))))
        }
        _ => {
            let mut columns = Columns::default();
            decode(encoding, chunk, &mut columns)?;
            let floats = columns.floats;
            floats.timestamps.into_iter().zip(floats.values).for_each(|(t, v)| each(t, Value::Float(v)));
            Ok(())
        }
    }
}

#[cfg(test)]
mod gotables_tests;
