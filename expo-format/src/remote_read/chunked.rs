//! Answers with encoded chunks: a stream of frames.
//!
//! A frame is the length of its message as a varint, the CRC-32C of the message in four bytes, the highest first,
//! and the message.

use metrics_core::{LabelSet, Timestamp};

use crate::error::WireError;
use crate::remote_write::LabelsError;
use crate::remote_write::fields::fields;
use crate::remote_write::v1::{read_labels, write_labels};
use crate::wire::{self, Field, Reader};

/// How a chunk is encoded. The bytes of chunks are the store's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChunkEncoding {
    /// Not said.
    Unknown,
    /// Floats, as Gorilla.
    Xor,
    /// Native histograms with integer counts.
    Histogram,
    /// Native histograms with float counts.
    FloatHistogram,
    /// Floats with times of creation.
    Xor2,
    /// Native histograms with integer counts and times of creation.
    HistogramSt,
    /// Native histograms with float counts and times of creation.
    FloatHistogramSt,
}

/// The numbers of the encodings are their places.
const ENCODINGS: [ChunkEncoding; 7] = [
    ChunkEncoding::Unknown,
    ChunkEncoding::Xor,
    ChunkEncoding::Histogram,
    ChunkEncoding::FloatHistogram,
    ChunkEncoding::Xor2,
    ChunkEncoding::HistogramSt,
    ChunkEncoding::FloatHistogramSt,
];

/// An encoded chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Time of its first sample.
    pub min_time: Timestamp,
    /// Time of its last sample.
    pub max_time: Timestamp,
    /// How it is encoded.
    pub encoding: ChunkEncoding,
    /// Its bytes.
    pub data: &'a [u8],
}

/// Chunks of one series, or some of them: a series may go on in the next frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkedSeries<'a> {
    /// Which query found it, counted from zero.
    pub query: i64,
    /// Its labels.
    pub labels: LabelSet,
    /// Its chunks, in order.
    pub chunks: Vec<Chunk<'a>>,
}

/// Why a stream of frames could not be read further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The stream stops inside a frame.
    #[error("stream ends inside a frame")]
    Truncated,
    /// A frame is larger than allowed.
    #[error("frame of {size} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// What the frame announces.
        size: u64,
        /// What is allowed.
        limit: usize,
    },
    /// A frame is not what was sent.
    #[error("corrupted frame: checksum mismatch")]
    Checksum,
    /// A frame's message is broken.
    #[error("broken message")]
    Wire(#[from] WireError),
    /// A series has labels that no series can have.
    #[error("impossible series")]
    Labels(#[from] LabelsError),
}

/// Appends a frame with one series.
pub fn write_frame(out: &mut Vec<u8>, series: &ChunkedSeries<'_>) {
    let mut message = Vec::new();
    wire::message(&mut message, 1, |out| {
        write_labels(out, &series.labels);
        for chunk in &series.chunks {
            let number = ENCODINGS.iter().position(|e| *e == chunk.encoding).unwrap_or(0);
            wire::message(out, 2, |out| {
                wire::int64(out, 1, chunk.min_time);
                wire::int64(out, 2, chunk.max_time);
                wire::int64(out, 3, number as i64);
                wire::string(out, 4, chunk.data);
            });
        }
    });
    wire::int64(&mut message, 2, series.query);
    wire::varint(out, message.len() as u64);
    out.extend_from_slice(&crc32c::crc32c(&message).to_be_bytes());
    out.extend_from_slice(&message);
}

/// The series of a stream of frames, none larger than `limit` bytes. After an error there is nothing more to be
/// had.
pub fn frames(stream: &[u8], limit: usize) -> impl Iterator<Item = Result<ChunkedSeries<'_>, FrameError>> {
    let mut rest = Reader::new(stream);
    let mut pending = Vec::new().into_iter();
    let mut broken = false;
    std::iter::from_fn(move || {
        loop {
            if let Some(series) = pending.next() {
                return Some(Ok(series));
            }
            if broken || rest.remaining() == 0 {
                return None;
            }
            match read_frame(&mut rest, limit) {
                Ok(series) => pending = series.into_iter(),
                Err(e) => {
                    broken = true;
                    return Some(Err(e));
                }
            }
        }
    })
}

fn read_frame<'a>(rest: &mut Reader<'a>, limit: usize) -> Result<Vec<ChunkedSeries<'a>>, FrameError> {
    let size = rest.varint().map_err(|_| FrameError::Truncated)?;
    let length = usize::try_from(size).ok().filter(|n| *n <= limit);
    let length = length.ok_or(FrameError::TooLarge { size, limit })?;
    let checksum = rest.array().map_err(|_| FrameError::Truncated)?;
    let message = rest.take(length).map_err(|_| FrameError::Truncated)?;
    if crc32c::crc32c(message) != u32::from_be_bytes(checksum) {
        return Err(FrameError::Checksum);
    }
    let fields_of = Reader::new(message);
    let mut query = 0;
    for number in fields(fields_of, 2, Field::int64) {
        query = number?;
    }
    let mut found = Vec::new();
    for series in fields(fields_of, 1, Field::message) {
        let series = series?;
        let chunks = fields(series, 2, read_chunk).collect::<Result<_, _>>()?;
        found.push(ChunkedSeries { query, labels: read_labels(series, 1)?, chunks });
    }
    Ok(found)
}

fn read_chunk<'a>(field: &Field<'a>) -> Result<Chunk<'a>, WireError> {
    let mut chunk = Chunk { min_time: 0, max_time: 0, encoding: ChunkEncoding::Unknown, data: b"" };
    let mut parts = field.message()?;
    while let Some(part) = parts.field()? {
        match part.number {
            1 => chunk.min_time = part.int64()?,
            2 => chunk.max_time = part.int64()?,
            3 => {
                let number = usize::try_from(part.uint64()?).unwrap_or(usize::MAX);
                chunk.encoding = ENCODINGS.get(number).copied().unwrap_or(ChunkEncoding::Unknown);
            }
            4 => chunk.data = part.bytes()?,
            _ => {}
        }
    }
    Ok(chunk)
}
