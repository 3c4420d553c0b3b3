//! Reading float chunks; the layout is that of [`xor`](super::xor).

use super::bits::{BitReader, sign, word_at};
use super::xor::HEADER;
use super::xor_field::Window;
use super::{ChunkError, sample_count};

/// Samples that are read before a look at whether they are still wanted.
const STRETCH: usize = 32;

/// Bits of a value that fit into a word behind three bits of control.
const NARROW: u32 = 54;

/// Decodes a chunk and appends its samples to two columns.
///
/// # Errors
/// If the chunk is damaged; the columns are then as before.
pub fn decode(chunk: &[u8], timestamps: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), ChunkError> {
    decode_until(chunk, i64::MAX, timestamps, values)
}

/// As [`decode`], for a reader who wants nothing behind a time: may stop early, and may append some samples more.
///
/// # Errors
/// As [`decode`]; damage behind the last sample read goes unnoticed.
pub fn decode_until(
    chunk: &[u8],
    until: i64,
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
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
    let mut read = decoder.begin(&mut timestamps[times_start..], &mut values[values_start..]);
    while read < n && decoder.timestamp <= until {
        let stretch = read..n.min(read.saturating_add(if until == i64::MAX { n } else { STRETCH }));
        decoder.fill(
            &mut timestamps[times_start..][stretch.clone()],
            &mut values[values_start..][stretch.clone()],
        );
        read = stretch.end;
    }
    let checked = decoder.check(chunk, samples);
    let read = if checked.is_ok() { read } else { 0 };
    timestamps.truncate(times_start + read);
    values.truncate(values_start + read);
    checked
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
pub(super) struct Decoder<'a> {
    reader: BitReader<'a>,
    pub(super) timestamp: i64,
    pub(super) delta: i64,
    pub(super) value: u64,
    /// Zero bits before the window in force.
    leading: u32,
    /// Bits in the window in force, 1 ..= 64.
    width: u32,
    has_window: bool,
    damaged_at: Option<usize>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(chunk: &'a [u8]) -> Self {
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
    pub(super) fn window(&self) -> Window {
        if self.has_window {
            Window { leading: self.leading as u8, trailing: (64 - self.leading - self.width) as u8 }
        } else {
            Window::NONE
        }
    }

    /// The bit to be read next.
    pub(super) fn position(&self) -> usize {
        self.reader.position()
    }

    #[inline(always)]
    fn sample(&self) -> (i64, f64) {
        (self.timestamp, f64::from_bits(self.value))
    }

    /// Reads sample number `i`.
    #[inline]
    pub(super) fn step(&mut self, i: u16) {
        match i {
            0 => self.first(),
            1 => self.second(),
            _ => self.next(),
        }
    }

    /// Reads the first two samples, which have layouts of their own, and tells how many there are.
    fn begin(&mut self, times: &mut [i64], values: &mut [f64]) -> usize {
        let slots = times.iter_mut().zip(values);
        (0..2)
            .zip(slots)
            .map(|(i, (t, v))| {
                self.step(i);
                (*t, *v) = self.sample();
            })
            .count()
    }

    /// Reads as many samples behind the second as there is room for.
    fn fill(&mut self, times: &mut [i64], values: &mut [f64]) {
        let n = times.len().min(values.len());
        let mut read = 0;
        while read < n {
            // Where no whole word follows any more, a copy with zeros behind stands for the rest of the chunk.
            let tail = self.reader.tail();
            let (bytes, skipped) = match &tail {
                Some(tail) => (&tail[..], self.reader.byte_position()),
                None => (self.reader.bytes(), 0),
            };
            read += self.steady(bytes, skipped, &mut times[read..n], &mut values[read..n]);
            if self.width > NARROW {
                read += self.wide(&mut times[read..n], &mut values[read..n]);
            }
            if read < n && (tail.is_some() || !self.reader.is_near_end()) {
                self.next();
                (times[read], values[read]) = self.sample();
                read += 1;
            }
        }
    }

    /// Reads samples while the distance between timestamps stays the same, and tells how many they were. `bytes` are
    /// those of the chunk, without so many at the front.
    ///
    /// This is where queries spend their time. Everything that changes from sample to sample is local here and nothing
    /// is called, so that it stays in registers; what is rare is left to [`Decoder::next`].
    #[inline(never)]
    fn steady(&mut self, bytes: &[u8], skipped: usize, times: &mut [i64], values: &mut [f64]) -> usize {
        let n = times.len().min(values.len());
        let (times, values) = (&mut times[..n], &mut values[..n]);
        let delta = self.delta;
        let (mut at, mut time, mut value) =
            (self.reader.position() - 8 * skipped, self.timestamp, self.value);
        let (mut width, mut trailing) = (self.width, 64 - self.leading - self.width);
        let mut read = 0;
        while read < n {
            let Some(word) = word_at(bytes, at) else { break };
            // One bit says that the distance stays, up to two what the value does. Comparisons one after the other,
            // because a jump through a table is guessed wrong more often.
            let control = word >> 61;
            if control <= 0b001 {
                if word >> 48 == 0 && n - read >= 8 {
                    // Eight times the same value: what does not change does not change for long.
                    for (t, v) in times[read..read + 8].iter_mut().zip(&mut values[read..read + 8]) {
                        time = time.wrapping_add(delta);
                        (*t, *v) = (time, f64::from_bits(value));
                    }
                    at += 16;
                    read += 8;
                    continue;
                }
                at += 2;
            } else if control == 0b010 && width <= NARROW {
                value ^= ((word << 3) >> (64 - width)) << trailing;
                at += 3 + width as usize;
            } else if control == 0b011 {
                let (leading, new_width) = new_window(word << 3);
                if leading + new_width > 64 || new_width > 43 {
                    break;
                }
                (width, trailing) = (new_width, 64 - leading - new_width);
                value ^= ((word << 14) >> (64 - width)) << trailing;
                at += 14 + width as usize;
            } else {
                break;
            }
            time = time.wrapping_add(delta);
            (times[read], values[read]) = (time, f64::from_bits(value));
            read += 1;
        }
        (self.timestamp, self.value) = (time, value);
        if (width, trailing) != (self.width, 64 - self.leading - self.width) {
            (self.width, self.leading, self.has_window) = (width, 64 - width - trailing, true);
        }
        self.reader.seek(at + 8 * skipped);
        read
    }

    /// As [`Decoder::steady`], for values that keep a window which does not fit into what is left of a word.
    fn wide(&mut self, times: &mut [i64], values: &mut [f64]) -> usize {
        let bytes = self.reader.bytes();
        let (width, trailing) = (self.width, 64 - self.leading - self.width);
        let mut at = self.reader.position();
        let mut read = 0;
        for (t, v) in times.iter_mut().zip(values) {
            let (Some(word), Some(more)) = (word_at(bytes, at), word_at(bytes, at + 35)) else { break };
            if word >> 61 != 0b010 {
                break;
            }
            self.value ^= ((word << 3 >> 32 << (width - 32)) | (more >> (96 - width))) << trailing;
            self.timestamp = self.timestamp.wrapping_add(self.delta);
            (*t, *v) = self.sample();
            at += 3 + width as usize;
            read += 1;
        }
        self.reader.seek(at);
        read
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
        self.value();
    }

    /// Reads a sample behind the second.
    fn next(&mut self) {
        let word = self.reader.peek();
        if word >> 63 == 0 {
            self.reader.skip(1);
        } else {
            self.change(word);
        }
        self.timestamp = self.timestamp.wrapping_add(self.delta);
        self.value();
    }

    /// Reads a change of the distance between timestamps that is not zero.
    fn change(&mut self, word: u64) {
        let (prefix, n) = match word >> 60 {
            0b1000..=0b1011 => (2, 14),
            0b1100..=0b1101 => (3, 17),
            0b1110 => (4, 20),
            _ => (4, 64),
        };
        self.reader.skip(prefix);
        self.delta = self.delta.wrapping_add(sign(self.reader.take(n), n));
    }

    /// Reads a value.
    fn value(&mut self) {
        let word = self.reader.peek();
        match word >> 62 {
            0b00 | 0b01 => return self.reader.skip(1),
            0b10 => self.reader.skip(2),
            _ => {
                let (leading, width) = new_window(word << 2);
                (self.leading, self.width, self.has_window) = (leading, width, true);
                if leading + width > 64 {
                    self.damage();
                    self.width = 64 - leading;
                }
                self.reader.skip(13);
            }
        }
        self.value ^= self.reader.take(self.width) << (64 - self.leading - self.width);
    }

    #[cold]
    fn damage(&mut self) {
        self.damaged_at.get_or_insert(self.reader.byte_position());
    }

    #[inline(always)]
    pub(super) fn check(&self, chunk: &[u8], samples: u16) -> Result<(), ChunkError> {
        if let Some(offset) = self.damaged_at {
            return Err(ChunkError::Damaged { offset, what: "bits that no encoder writes" });
        }
        if self.reader.is_past_end() {
            return Err(ChunkError::Truncated { len: chunk.len(), samples });
        }
        Ok(())
    }
}

/// The zero bits before a window and its width, from the top of a word. They may exceed 64 in sum.
#[inline(always)]
fn new_window(word: u64) -> (u32, u32) {
    // A width of 64 does not fit into the six bits and is written as 0.
    ((word >> 59) as u32, ((word << 5 >> 58) as u32).wrapping_sub(1) % 64 + 1)
}
