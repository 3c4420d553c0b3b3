//! Float chunks: delta of delta timestamps and XORed values, after Facebook's Gorilla paper.
//!
//! Bit-exact with the field; layout in Prometheus' `tsdb/docs/format/chunks.md`, "XOR chunk data".

use super::bits::{fits_signed, put, put_long};
use super::xor_decode::Decoder;
use super::xor_field::{Window, put_xor};
use super::{ChunkError, sample_count};

pub use super::xor_decode::{XorIter, decode, decode_until};

/// Bytes before the first sample: the number of samples.
pub(super) const HEADER: usize = 2;

/// What has to be known of an open chunk to append to it; the bytes live with the caller.
///
/// Small and without a buffer of its own, so that a store can keep a million of them and place the bytes
/// where it likes. [`XorAppender`] is the comfortable form.
#[derive(Debug, Clone)]
pub struct XorState {
    timestamp: i64,
    delta: i64,
    value: u64,
    bits: u32,
    samples: u16,
    window: Window,
}

impl XorState {
    /// Room that the buffer must have behind [`XorState::len`] before [`XorState::append`]: the longest
    /// sample (19 bytes) and the width of the last store.
    pub const ROOM: usize = 28;

    /// The state of a chunk without samples.
    pub fn new() -> Self {
        Self { timestamp: 0, delta: 0, value: 0, bits: 8 * HEADER as u32, samples: 0, window: Window::NONE }
    }

    /// The state of a chunk with samples, to go on appending. All samples are decoded.
    ///
    /// # Errors
    /// If the chunk is damaged.
    pub fn resume(chunk: &[u8]) -> Result<Self, ChunkError> {
        let samples = sample_count(chunk)?;
        let mut decoder = Decoder::new(chunk);
        for i in 0..samples {
            decoder.step(i);
        }
        decoder.check(chunk, samples)?;
        Ok(Self {
            timestamp: decoder.timestamp,
            delta: decoder.delta,
            value: decoder.value,
            bits: decoder.position() as u32,
            samples,
            window: decoder.window(),
        })
    }

    /// Bytes of the buffer that are in use.
    #[inline]
    pub fn len(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    /// Whether no sample was appended.
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Number of samples appended.
    #[inline]
    pub fn samples(&self) -> u16 {
        self.samples
    }

    /// Time of the last sample; meaningless without one.
    #[inline]
    pub fn last_timestamp(&self) -> i64 {
        self.timestamp
    }

    /// Value of the last sample; meaningless without one.
    #[inline]
    pub fn last_value(&self) -> f64 {
        f64::from_bits(self.value)
    }

    /// Appends a sample to the bytes in `buf`. The count in the header is left alone: see [`XorState::seal`].
    ///
    /// Times are not checked; the store above decides what it takes.
    ///
    /// # Errors
    /// [`ChunkError::Full`] at 65,535 samples.
    ///
    /// # Panics
    /// If `buf` has less than [`XorState::ROOM`] bytes behind [`XorState::len`].
    #[inline]
    pub fn append(&mut self, buf: &mut [u8], timestamp: i64, value: f64) -> Result<(), ChunkError> {
        let value = value.to_bits();
        let at = self.bits as usize;
        let at = match self.samples {
            2..u16::MAX => {
                let delta = timestamp.wrapping_sub(self.timestamp);
                let change = delta.wrapping_sub(self.delta);
                self.delta = delta;
                let xor = value ^ self.value;
                if change == 0 && self.fits_window(xor) {
                    self.put_in_window(buf, at, 0, 1, xor)
                } else {
                    let at = put_change(buf, at, change);
                    put_xor(buf, at, xor, &mut self.window)
                }
            }
            0 => {
                // Clears the header, its padding and the first byte of the body.
                buf[..8].fill(0);
                let at = put_uvarint(buf, at, ((timestamp << 1) ^ (timestamp >> 63)) as u64);
                put_long(buf, at, value, 64)
            }
            1 => {
                self.delta = timestamp.wrapping_sub(self.timestamp);
                let at = put_uvarint(buf, at, self.delta as u64);
                put_xor(buf, at, value ^ self.value, &mut self.window)
            }
            u16::MAX => return Err(ChunkError::Full),
        };
        self.bits = at as u32;
        self.timestamp = timestamp;
        self.value = value;
        self.samples += 1;
        Ok(())
    }

    /// Writes the number of samples into the header, which makes the first [`XorState::len`] bytes a chunk.
    pub fn seal(&self, buf: &mut [u8]) {
        buf[..HEADER].copy_from_slice(&self.samples.to_be_bytes());
    }

    /// Whether the window in force covers `xor`, or nothing is to be written, and window and control bits fit into
    /// one store.
    #[inline(always)]
    fn fits_window(&self, xor: u64) -> bool {
        xor == 0 || (self.window.width() <= 53 && self.window.covers(xor))
    }

    /// Writes `prefix` and `xor` in the window in force, in one store; needs [`XorState::fits_window`].
    #[inline(always)]
    fn put_in_window(&self, buf: &mut [u8], at: usize, prefix: u64, prefix_len: u32, xor: u64) -> usize {
        if xor == 0 {
            return put(buf, at, prefix << 1, prefix_len + 1);
        }
        let width = self.window.width();
        put(
            buf,
            at,
            (((prefix << 2) | 0b10) << width) | (xor >> self.window.trailing),
            prefix_len + 2 + width,
        )
    }
}

impl Default for XorState {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes the change of the distance between two timestamps.
#[inline]
fn put_change(buf: &mut [u8], at: usize, change: i64) -> usize {
    if change == 0 {
        put(buf, at, 0, 1)
    } else if fits_signed(change, 14) {
        put(buf, at, (0b10 << 14) | (change as u64 & 0x3fff), 16)
    } else if fits_signed(change, 17) {
        put(buf, at, (0b110 << 17) | (change as u64 & 0x1_ffff), 20)
    } else if fits_signed(change, 20) {
        put(buf, at, (0b1110 << 20) | (change as u64 & 0xf_ffff), 24)
    } else {
        let at = put(buf, at, 0b1111, 4);
        put_long(buf, at, change as u64, 64)
    }
}

/// Writes a number in groups of seven bits, least significant first.
fn put_uvarint(buf: &mut [u8], mut at: usize, mut x: u64) -> usize {
    while x >= 0x80 {
        at = put(buf, at, (x & 0x7f) | 0x80, 8);
        x >>= 7;
    }
    put(buf, at, x, 8)
}

/// A chunk that grows in a buffer of its own.
///
/// ```
/// use tsdb::chunk::xor::{self, XorAppender};
/// let mut chunk = XorAppender::new();
/// for i in 0..120 {
///     chunk.append(i * 15_000, i as f64)?;
/// }
/// let (mut times, mut values) = (Vec::new(), Vec::new());
/// xor::decode(&chunk.finish(), &mut times, &mut values)?;
/// assert_eq!((times.len(), times[119], values[119]), (120, 1_785_000, 119.0));
/// # Ok::<(), tsdb::chunk::ChunkError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct XorAppender {
    state: XorState,
    buf: Vec<u8>,
}

impl XorAppender {
    /// A chunk without samples.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with a finished chunk.
    ///
    /// # Errors
    /// If the chunk is damaged.
    pub fn resume(mut chunk: Vec<u8>) -> Result<Self, ChunkError> {
        let state = XorState::resume(&chunk)?;
        chunk.truncate(state.len());
        Ok(Self { state, buf: chunk })
    }

    /// Appends a sample.
    ///
    /// # Errors
    /// [`ChunkError::Full`] at 65,535 samples.
    pub fn append(&mut self, timestamp: i64, value: f64) -> Result<(), ChunkError> {
        let needed = self.state.len() + XorState::ROOM;
        if self.buf.len() < needed {
            self.buf.resize(needed.max(2 * self.buf.len()), 0);
        }
        self.state.append(&mut self.buf, timestamp, value)
    }

    /// Number of samples appended.
    pub fn samples(&self) -> u16 {
        self.state.samples()
    }

    /// Bytes that the chunk takes.
    pub fn len(&self) -> usize {
        self.state.len()
    }

    /// Whether no sample was appended.
    pub fn is_empty(&self) -> bool {
        self.state.is_empty()
    }

    /// The chunk's bytes; the appender is empty afterwards and keeps its memory.
    pub fn take(&mut self) -> Vec<u8> {
        self.buf.resize(self.buf.len().max(HEADER), 0);
        self.state.seal(&mut self.buf);
        let chunk = self.buf[..self.state.len()].to_vec();
        self.state = XorState::new();
        chunk
    }

    /// The chunk's bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.take()
    }
}

#[cfg(test)]
#[path = "xor_tests.rs"]
mod tests;
