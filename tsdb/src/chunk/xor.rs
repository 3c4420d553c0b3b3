//! Float chunks: delta of delta timestamps and XORed values, after Facebook's Gorilla paper.
//!
//! Bit-exact with the field; layout in Prometheus' `tsdb/docs/format/chunks.md`, "XOR chunk data".

use super::bits::{BitReader, fits_signed, put, put_long, sign};
use super::xor_field::{Window, put_xor};
use super::{ChunkError, sample_count};

/// Bytes before the first sample: the number of samples.
const HEADER: usize = 2;

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
            bits: decoder.reader.position() as u32,
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

/// Decodes a chunk and appends its samples to two columns.
///
/// # Errors
/// If the chunk is damaged; the columns are then as before.
pub fn decode(chunk: &[u8], timestamps: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), ChunkError> {
    let samples = sample_count(chunk)?;
    let n = usize::from(samples);
    // Every sample takes at least two bits: refuse before memory is taken.
    if n > chunk.len() * 4 {
        return Err(ChunkError::Truncated { len: chunk.len(), samples });
    }
    let (times_start, values_start) = (timestamps.len(), values.len());
    timestamps.resize(times_start + n, 0);
    values.resize(values_start + n, 0.0);
    let mut decoder = Decoder::new(chunk);
    let mut slots = timestamps[times_start..].iter_mut().zip(&mut values[values_start..]);
    for (i, (t, v)) in (0..2).zip(slots.by_ref()) {
        decoder.step(i);
        (*t, *v) = decoder.sample();
    }
    for (t, v) in slots {
        decoder.next();
        (*t, *v) = decoder.sample();
    }
    decoder.check(chunk, samples).inspect_err(|_| {
        timestamps.truncate(times_start);
        values.truncate(values_start);
    })
}

/// The samples of a chunk, one after the other.
#[derive(Debug, Clone)]
pub struct XorIter<'a> {
    decoder: Decoder<'a>,
    chunk: &'a [u8],
    read: u16,
    samples: u16,
}

impl<'a> XorIter<'a> {
    /// Starts before the first sample.
    ///
    /// # Errors
    /// If the chunk is shorter than its header.
    pub fn new(chunk: &'a [u8]) -> Result<Self, ChunkError> {
        Ok(Self { decoder: Decoder::new(chunk), chunk, read: 0, samples: sample_count(chunk)? })
    }
}

impl Iterator for XorIter<'_> {
    type Item = Result<(i64, f64), ChunkError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.read == self.samples {
            return None;
        }
        self.decoder.step(self.read);
        self.read += 1;
        if let Err(e) = self.decoder.check(self.chunk, self.samples) {
            self.read = self.samples;
            return Some(Err(e));
        }
        Some(Ok(self.decoder.sample()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.samples - self.read);
        (left, Some(left))
    }
}

/// The state between two samples while reading. Damage is remembered, not reported at once, so that the loop
/// over the samples has no way out but its end.
#[derive(Debug, Clone)]
struct Decoder<'a> {
    reader: BitReader<'a>,
    timestamp: i64,
    delta: i64,
    value: u64,
    /// Zero bits before the window in force.
    leading: u32,
    /// Bits in the window in force, 1 ..= 64.
    width: u32,
    has_window: bool,
    damaged_at: Option<usize>,
}

impl<'a> Decoder<'a> {
    fn new(chunk: &'a [u8]) -> Self {
        Self {
            reader: BitReader::new(chunk, 8 * HEADER),
            timestamp: 0,
            delta: 0,
            value: 0,
            leading: 0,
            width: 64,
            has_window: false,
            damaged_at: None,
        }
    }

    /// The window in force, as a writer keeps it.
    fn window(&self) -> Window {
        if self.has_window {
            Window { leading: self.leading as u8, trailing: (64 - self.leading - self.width) as u8 }
        } else {
            Window::NONE
        }
    }

    #[inline(always)]
    fn sample(&self) -> (i64, f64) {
        (self.timestamp, f64::from_bits(self.value))
    }

    /// Reads sample number `i`.
    #[inline]
    fn step(&mut self, i: u16) {
        match i {
            0 => self.first(),
            1 => self.second(),
            _ => self.next(),
        }
    }

    fn first(&mut self) {
        match self.reader.take_varint() {
            Some(t) => self.timestamp = t,
            None => self.damage(),
        }
        self.value = self.reader.take(64);
    }

    fn second(&mut self) {
        match self.reader.take_uvarint() {
            Some(delta) => self.delta = delta as i64,
            None => self.damage(),
        }
        self.timestamp = self.timestamp.wrapping_add(self.delta);
        let word = self.reader.peek();
        self.value_from(word, 0);
    }

    /// Reads a sample behind the second.
    #[inline(always)]
    fn next(&mut self) {
        let word = self.reader.peek();
        if word >> 63 == 0 {
            self.timestamp = self.timestamp.wrapping_add(self.delta);
            self.value_from(word << 1, 1);
        } else {
            self.change(word);
            self.timestamp = self.timestamp.wrapping_add(self.delta);
            let word = self.reader.peek();
            self.value_from(word, 0);
        }
    }

    /// Reads a change of the distance between timestamps that is not zero.
    #[inline(always)]
    fn change(&mut self, word: u64) {
        let (prefix, n) = match word >> 60 {
            0b1000..=0b1011 => (2, 14),
            0b1100..=0b1101 => (3, 17),
            0b1110 => (4, 20),
            _ => (4, 64),
        };
        let change = if n < 64 {
            self.reader.skip(prefix + n);
            sign((word << prefix) >> (64 - n), n)
        } else {
            self.reader.skip(prefix);
            self.reader.take(64) as i64
        };
        self.delta = self.delta.wrapping_add(change);
    }

    /// Reads a value from the top of `word`, which the reader has to be moved `used` bits to reach.
    #[inline(always)]
    fn value_from(&mut self, word: u64, used: u32) {
        if word >> 63 == 0 {
            self.reader.skip(used + 1);
            return;
        }
        let (word, used) = if word >> 62 == 0b10 {
            (word << 2, used + 2)
        } else {
            let leading = (word << 2 >> 59) as u32;
            // 64 does not fit into the six bits and is written as 0.
            let width = (((word << 7 >> 58) as u32).wrapping_sub(1) & 63) + 1;
            self.leading = leading;
            self.width = width;
            self.has_window = true;
            if leading + width > 64 {
                self.damage();
                self.width = 64 - leading;
            }
            (word << 13, used + 13)
        };
        // At least 57 bits of the word were valid, `used` of them are gone.
        let window = if used + self.width <= 57 {
            self.reader.skip(used + self.width);
            word >> (64 - self.width)
        } else {
            self.reader.skip(used);
            self.reader.take(self.width)
        };
        self.value ^= window << (64 - self.leading - self.width);
    }

    #[cold]
    fn damage(&mut self) {
        self.damaged_at.get_or_insert(self.reader.byte_position());
    }

    #[inline(always)]
    fn check(&self, chunk: &[u8], samples: u16) -> Result<(), ChunkError> {
        if let Some(offset) = self.damaged_at {
            return Err(ChunkError::Damaged { offset, what: "bits that no encoder writes" });
        }
        if self.reader.is_past_end() {
            return Err(ChunkError::Truncated { len: chunk.len(), samples });
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "xor_tests.rs"]
mod tests;
