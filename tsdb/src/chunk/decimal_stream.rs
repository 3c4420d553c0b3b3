//! Floats as they come: the form of chunks that grow in memory, or wait there for their block.
//!
//! Most floats of monitoring are decimals with few digits: times a power of ten they are integers, whose differences
//! take few bits. Less than half of an [XOR chunk](super::xor), appended to and read as fast. Of what is on disk, only
//! snapshots of the head have it, which are made anew at every stop: blocks and logs get encodings of theirs, made of the
//! samples. Time of the first sample and number of samples are kept beside the bits.
//!
//! ```text
//! sample = [change of the distance between timestamps] value
//!   change:  1110 12 bits · 11110 20 bits · 11111 64 bits, all signed; nothing if there is none
//!   value:   0    as the one before: the difference to it in as many bits; an XOR field where there is no exponent
//!            10   sign flag (1), width (6), difference
//!            110  exponent (4), then sign flag, width and difference; or, for exponent 15, an XOR field
//! ```
//! The difference is that of integers, zigzag-coded where the sign flag is set. What is no decimal (NaN, staleness
//! markers, infinities, averages) has exponent 15.

use super::ChunkError;
use super::bits::{BitReader, put, put_long};
use super::xor_field::{Window, XorField, put_xor};
use crate::codec::zigzag;
use crate::decimal::{float, integer, nearest};

/// The exponent of what is no decimal.
const NO_EXPONENT: u8 = 15;
/// Decimals with as many digits behind the point, or more, are hardly shorter as integers.
const EXPONENTS: u8 = 8;
/// When so many more samples were no decimals than were, the others of a chunk are not tried.
const PATIENCE: u8 = 8;
/// Bits that a new width takes beyond one that is kept: a width is given up when that many are saved.
const NEW_WIDTH: u32 = 8;
/// The longest sample, in bytes, where its first bit is the last of a byte.
const LONGEST: usize = (7 + 5 + 64 + 3 + 4 + 13 + 64usize).div_ceil(8);

/// What has to be known of a stream to append to it; the bytes live with the caller.
#[derive(Debug, Clone)]
pub(crate) struct StreamState {
    timestamp: i64,
    value: f64,
    /// Milliseconds between the last two samples; 0 if they are too many for this number.
    step: u32,
    bits: u16,
    samples: u16,
    window: Window,
    shape: Shape,
    /// Samples that were no decimals, less those that were since.
    misses: u8,
}

/// How the last integer was written, and the next is if that suits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    exponent: u8,
    is_signed: bool,
    width: u8,
}

impl Shape {
    /// Of floats that are no decimals, and before the first sample.
    const FLOAT: Self = Self { exponent: NO_EXPONENT, is_signed: false, width: 0 };

    /// The shape that the next integer has if it suits it. After a float, the difference was to zero and says nothing about
    /// the others.
    fn in_force_after(self, before: Self) -> Self {
        if before.exponent == NO_EXPONENT { Self { is_signed: false, width: 0, ..self } } else { self }
    }
}

/// The buffer has no room for the sample: bytes must be taken from its front.
#[derive(Debug)]
pub(crate) struct NoRoom;

impl StreamState {
    /// A buffer of this many bytes has room for a sample once its whole bytes were taken away.
    pub(crate) const ROOM: usize = LONGEST;

    /// The state before the first sample.
    pub(crate) fn new() -> Self {
        Self {
            timestamp: 0,
            value: 0.0,
            step: 0,
            bits: 0,
            samples: 0,
            window: Window::NONE,
            shape: Shape::FLOAT,
            misses: 0,
        }
    }

    /// Bytes of the buffer that are in use.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.bits).div_ceil(8)
    }

    /// Bytes of the buffer in which all bits are in use.
    #[inline]
    pub(crate) fn whole_bytes(&self) -> usize {
        usize::from(self.bits) / 8
    }

    /// Makes room in the buffer, which is not empty: the caller has taken the [`StreamState::whole_bytes`] at its front.
    pub(crate) fn forget_whole_bytes(&mut self, buf: &mut [u8]) {
        let partial = buf.get(self.whole_bytes()).copied();
        self.bits %= 8;
        buf[0] = if self.bits == 0 { 0 } else { partial.unwrap_or(0) };
    }

    /// Whether no sample was appended.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Number of samples appended.
    #[inline]
    pub(crate) fn samples(&self) -> u16 {
        self.samples
    }

    /// Time of the last sample; meaningless without one.
    #[inline]
    pub(crate) fn last_timestamp(&self) -> i64 {
        self.timestamp
    }

    /// Value of the last sample; meaningless without one.
    #[inline]
    pub(crate) fn last_value(&self) -> f64 {
        self.value
    }

    /// Appends a sample to the bits in `buf`, or changes nothing if there is no room. The 65,536th sample finds none
    /// either.
    #[inline]
    pub(crate) fn append(&mut self, buf: &mut [u8], timestamp: i64, value: f64) -> Result<(), NoRoom> {
        let is_regular = timestamp.wrapping_sub(self.timestamp) == i64::from(self.step);
        if is_regular
            && let Some(bits) = self.as_before(value)
            && self.whole_bytes() + 8 <= buf.len()
            && self.samples != u16::MAX
        {
            // The zero before the bits says: as the one before.
            let at = put(buf, self.bits.into(), bits, 1 + u32::from(self.shape.width));
            self.bits = at as u16;
            self.timestamp = timestamp;
            self.value = value;
            self.samples += 1;
            return Ok(());
        }
        self.append_any(buf, timestamp, value)
    }

    /// The bits of the value if it can be written as the integer before it, and that is no waste.
    #[inline]
    fn as_before(&self, value: f64) -> Option<u64> {
        let Shape { exponent, is_signed, width } = self.shape;
        if exponent == NO_EXPONENT {
            return None;
        }
        let difference = integer(value, exponent)? - nearest(self.value, exponent);
        if !is_signed && difference < 0 {
            return None;
        }
        let bits = if is_signed { zigzag(difference) } else { difference as u64 };
        let needed = bits_of(bits);
        // More than fits beside the prefix and seven bits of a byte is left to the long way.
        let width = u32::from(width);
        (needed <= width && width <= needed + NEW_WIDTH && width < 56).then_some(bits)
    }

    #[inline(never)]
    fn append_any(&mut self, buf: &mut [u8], timestamp: i64, value: f64) -> Result<(), NoRoom> {
        let mut next = self.clone();
        let mut scratch = [0; LONGEST + 8];
        let whole = self.whole_bytes();
        if !self.bits.is_multiple_of(8) {
            scratch[0] = buf[whole];
        }
        let at = next.put_sample(&mut scratch, usize::from(self.bits % 8), timestamp, value);
        let len = at.div_ceil(8);
        let end = whole + len;
        if end > buf.len() || self.samples == u16::MAX {
            return Err(NoRoom);
        }
        buf[whole..end].copy_from_slice(&scratch[..len]);
        if let Some(free) = buf.get_mut(end) {
            // Bits are added to the byte that they begin in.
            *free = 0;
        }
        next.bits = (8 * whole + at) as u16;
        *self = next;
        Ok(())
    }

    /// Writes a sample at a bit of a buffer with room for every sample; only `bits` is left as it was.
    fn put_sample(&mut self, buf: &mut [u8], mut at: usize, timestamp: i64, value: f64) -> usize {
        if self.samples > 0 {
            let step = timestamp.wrapping_sub(self.timestamp);
            at = put_change(buf, at, step.wrapping_sub(self.step.into()));
            self.step = u32::try_from(step).unwrap_or(0);
        }
        at = self.put_value(buf, at, value);
        self.timestamp = timestamp;
        self.value = value;
        self.samples += 1;
        at
    }

    fn put_value(&mut self, buf: &mut [u8], at: usize, value: f64) -> usize {
        let is_same = value.to_bits() == self.value.to_bits();
        let exponent = if self.shape.exponent == NO_EXPONENT && (is_same || self.misses >= PATIENCE) {
            NO_EXPONENT
        } else {
            exponent_of(value, self.shape.exponent)
        };
        if exponent == NO_EXPONENT {
            self.misses = if is_same { self.misses } else { self.misses.saturating_add(1) };
            return self.put_float(buf, at, value);
        }
        self.misses = self.misses.saturating_sub(1);
        let difference = nearest(value, exponent) - base(self.value, exponent);
        let is_signed = difference < 0 || (self.shape.is_signed && self.shape.exponent == exponent);
        let bits = if is_signed { zigzag(difference) } else { difference as u64 };
        let width = bits_of(bits);
        let is_wide_enough = self.shape.exponent == exponent
            && self.shape.is_signed == is_signed
            && (width..=width + NEW_WIDTH).contains(&self.shape.width.into());
        if is_wide_enough {
            let at = put(buf, at, 0, 1);
            return put_long(buf, at, bits, self.shape.width.into());
        }
        let at = if self.shape.exponent == exponent {
            put(buf, at, 0b10, 2)
        } else {
            put(buf, at, 0b110 << 4 | u64::from(exponent), 7)
        };
        let written = Shape { exponent, is_signed, width: width as u8 };
        self.shape = written.in_force_after(self.shape);
        let at = put(buf, at, u64::from(is_signed) << 6 | u64::from(width), 7);
        put_long(buf, at, bits, width)
    }

    fn put_float(&mut self, buf: &mut [u8], at: usize, value: f64) -> usize {
        let at = if self.shape.exponent == NO_EXPONENT {
            put(buf, at, 0, 1)
        } else {
            self.shape = Shape::FLOAT;
            put(buf, at, 0b110 << 4 | u64::from(NO_EXPONENT), 7)
        };
        put_xor(buf, at, value.to_bits() ^ self.value.to_bits(), &mut self.window)
    }
}

fn put_change(buf: &mut [u8], at: usize, change: i64) -> usize {
    if change == 0 {
        return at;
    }
    let fits = |bits: u32| (-1i64 << (bits - 1)..1 << (bits - 1)).contains(&change);
    if fits(12) {
        put(buf, at, 0b1110 << 12 | (change as u64 & 0xfff), 16)
    } else if fits(20) {
        put(buf, at, 0b11110 << 20 | (change as u64 & 0xf_ffff), 25)
    } else {
        let at = put(buf, at, 0b11111, 5);
        put_long(buf, at, change as u64, 64)
    }
}

/// The integer from which the difference counts when the exponent changes; 0 if the value before has none.
fn base(value: f64, exponent: u8) -> i64 {
    integer(value, exponent).unwrap_or(0)
}

/// The exponent in force if it makes an integer of the value, else the smallest that does; [`NO_EXPONENT`] if none
/// does.
fn exponent_of(value: f64, in_force: u8) -> u8 {
    if in_force != NO_EXPONENT && integer(value, in_force).is_some() {
        return in_force;
    }
    (0..EXPONENTS).find(|e| integer(value, *e).is_some()).unwrap_or(NO_EXPONENT)
}

fn bits_of(x: u64) -> u32 {
    64 - x.leading_zeros()
}

/// Decodes the first `samples` samples of a stream and appends them to two columns. `first` is the time of the first
/// of them.
///
/// # Errors
/// If the stream has fewer; the columns are then as before.
pub(crate) fn decode(
    stream: &[u8],
    first: i64,
    samples: u16,
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    let n = usize::from(samples);
    timestamps.reserve(n);
    values.reserve(n);
    let mut decoder = Decoder::new(stream, first);
    for _ in 0..n {
        decoder.next();
        timestamps.push(decoder.timestamp);
        values.push(decoder.value);
    }
    if decoder.is_damaged || decoder.reader.is_past_end() {
        timestamps.truncate(timestamps.len() - n);
        values.truncate(values.len() - n);
        return Err(ChunkError::Truncated { len: stream.len(), samples });
    }
    Ok(())
}

/// The state between two samples while reading.
struct Decoder<'a> {
    reader: BitReader<'a>,
    timestamp: i64,
    step: u32,
    value: f64,
    /// The value as an integer, where it has an exponent.
    integer: i64,
    shape: Shape,
    window: Window,
    is_damaged: bool,
}

impl<'a> Decoder<'a> {
    fn new(stream: &'a [u8], first: i64) -> Self {
        Self {
            reader: BitReader::new(stream, 0),
            timestamp: first,
            step: 0,
            value: 0.0,
            integer: 0,
            shape: Shape::FLOAT,
            window: Window { leading: 0, trailing: 0 },
            is_damaged: false,
        }
    }

    #[inline]
    fn next(&mut self) {
        let bits = self.reader.peek();
        let width = u32::from(self.shape.width);
        if bits >> 63 == 0 && self.shape.exponent != NO_EXPONENT && width < 56 {
            self.timestamp = self.timestamp.wrapping_add(self.step.into());
            self.reader.skip(1 + width);
            self.add(bits >> (63 - width));
        } else {
            self.next_any();
        }
    }

    fn next_any(&mut self) {
        self.take_change();
        let before = self.shape;
        match self.reader.peek().leading_ones() {
            0 => self.reader.skip(1),
            1 => {
                self.reader.skip(2);
                self.take_width(before.exponent);
            }
            _ => {
                self.reader.skip(3);
                self.take_exponent();
            }
        }
        if self.shape.exponent == NO_EXPONENT {
            self.take_float();
        } else {
            let width = u32::from(self.shape.width);
            let bits = if width == 0 { 0 } else { self.reader.take(width) };
            self.add(bits);
            self.shape = self.shape.in_force_after(before);
        }
    }

    fn take_change(&mut self) {
        let ones = self.reader.peek().leading_ones();
        let (prefix, bits) = match ones {
            0..=2 => (0, 0),
            3 => (4, 12),
            4 => (5, 20),
            _ => (5, 64),
        };
        let mut step = i64::from(self.step);
        if bits > 0 {
            self.reader.skip(prefix);
            let change = (self.reader.take(bits) << (64 - bits)) as i64 >> (64 - bits);
            step = step.wrapping_add(change);
            self.step = u32::try_from(step).unwrap_or(0);
        }
        self.timestamp = self.timestamp.wrapping_add(step);
    }

    fn take_width(&mut self, exponent: u8) {
        let bits = self.reader.take(7) as u8;
        self.shape = Shape { exponent, is_signed: bits >> 6 == 1, width: bits & 0x3f };
    }

    fn take_exponent(&mut self) {
        let exponent = self.reader.take(4) as u8;
        if exponent == NO_EXPONENT {
            self.shape = Shape::FLOAT;
            return;
        }
        self.integer = base(self.value, exponent);
        self.take_width(exponent);
    }

    #[inline]
    fn add(&mut self, bits: u64) {
        let difference =
            if self.shape.is_signed { (bits >> 1) as i64 ^ -((bits & 1) as i64) } else { bits as i64 };
        self.integer = self.integer.wrapping_add(difference);
        self.value = float(self.integer, self.shape.exponent);
    }

    fn take_float(&mut self) {
        let mut field = XorField::resume(self.value, self.window);
        match field.take(&mut self.reader) {
            Some(value) => (self.value, self.window) = (value, field.window()),
            None => self.is_damaged = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics_core::STALE_NAN;
    use proptest::prelude::*;

    use super::*;

    /// A stream in one buffer.
    fn encode(samples: &[(i64, f64)]) -> Vec<u8> {
        let (mut state, mut bytes, mut buf) = (StreamState::new(), Vec::new(), [0; 28]);
        for (t, v) in samples {
            if state.append(&mut buf, *t, *v).is_err() {
                let whole = state.whole_bytes();
                bytes.extend_from_slice(&buf[..whole]);
                state.forget_whole_bytes(&mut buf);
                state.append(&mut buf, *t, *v).unwrap();
            }
            assert_eq!((state.last_timestamp(), state.last_value().to_bits()), (*t, v.to_bits()));
        }
        bytes.extend_from_slice(&buf[..state.len()]);
        bytes
    }

    fn assert_comes_back(samples: &[(i64, f64)]) -> usize {
        let bytes = encode(samples);
        let first = samples.first().map_or(0, |s| s.0);
        let (mut times, mut values) = (vec![7], vec![7.0]);
        for n in [samples.len(), samples.len() / 2] {
            decode(&bytes, first, n as u16, &mut times, &mut values).unwrap();
            let found = times.drain(1..).zip(values.drain(1..)).map(|(t, v)| (t, v.to_bits()));
            assert!(found.eq(samples[..n].iter().map(|(t, v)| (*t, v.to_bits()))));
        }
        // No sample takes less than a bit.
        let too_many = (bytes.len() * 8 + 1).max(samples.len() + 8) as u16;
        assert!(decode(&bytes, first, too_many, &mut times, &mut values).is_err());
        assert_eq!((times, values), (vec![7], vec![7.0]));
        bytes.len()
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            6 => (-1000i64..100_000).prop_map(|n| n as f64 / 100.0),
            3 => (0i64..1 << 52).prop_map(|n| n as f64),
            1 => any::<u64>().prop_map(f64::from_bits),
            1 => prop::sample::select(vec![
                STALE_NAN, f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 1e300, 0.1 + 0.2, f64::MIN_POSITIVE,
                9_007_199_254_740_993.0, -9_007_199_254_740_992.0, i64::MAX as f64, i64::MIN as f64,
            ]),
        ]
    }

    proptest! {
        #[test]
        fn samples_come_back_to_the_bit(
            steps in proptest::collection::vec(
                (prop_oneof![9 => Just(15_000i64), 3 => -3000i64..60_000, 1 => any::<i64>()], value(), any::<bool>()),
                0..300),
            start in any::<i64>(),
        ) {
            let (mut t, mut v) = (start, 0.0);
            let samples: Vec<(i64, f64)> = steps.into_iter().map(|(step, value, is_new)| {
                t = t.wrapping_add(step);
                v = if is_new { value } else { v + 3.0 };
                (t, v)
            }).collect();
            assert_comes_back(&samples);
        }

        #[test]
        fn garbage_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), n in any::<u16>()) {
            let _ = decode(&bytes, 0, n % 1000, &mut Vec::new(), &mut Vec::new());
        }
    }

    fn sized(value: impl Fn(i64) -> f64) -> usize {
        let samples: Vec<_> = (0..120).map(|i| (1_700_000_000_000 + i * 15_000, value(i))).collect();
        assert_comes_back(&samples)
    }

    #[test]
    fn decimals_take_little_more_than_their_digits() {
        // A pseudo-random number below 201 takes eight bits, and one says so.
        let noise = |i: i64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15u64 as i64) as u64 >> 40) as i64 % 201;
        let counter = sized(|i| (1000 * i + (0..i).map(noise).sum::<i64>() - 1000 * i) as f64);
        assert!(counter <= 150, "{counter}");
        let gauge = sized(|i| (500_000 + noise(i)) as f64 / 100.0);
        assert!(gauge <= 170, "{gauge}");
        assert!(sized(|_| 8_589_934_592.0) <= 25);
    }

    #[test]
    fn a_marker_amid_decimals_costs_what_it_is_long() {
        let plain = sized(|i| i as f64);
        let marked = sized(|i| if i == 60 { STALE_NAN } else { i as f64 });
        assert!(marked < plain + 20, "{marked} {plain}");
    }

    #[test]
    fn an_outlier_widens_no_others() {
        let plain = sized(|i| (i % 3) as f64);
        let reset = sized(|i| if i == 60 { 1e15 } else { (i % 3) as f64 });
        assert!(reset < plain + 25, "{reset} {plain}");
    }
}
