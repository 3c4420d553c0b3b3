//! Float chunks for runs of hundreds to thousands of samples: decimals as integers, in packed blocks.
//!
//! Ours, not the field's. Most floats of monitoring are decimals with few digits: times a power of ten they are integers,
//! whose differences take few bits. What is not decimal is kept as bits. Every chunk is decoded again and compared
//! before it is used, and is an [XOR chunk](super::xor) where that is shorter. The layout is drawn in `docs/format.md`.

use super::pack::{put_column, take_column};
use super::xor::XorAppender;
use super::{ChunkError, EncodedChunk, Encoding, sample_count};
use crate::codec::{Malformed, Reader, put_uvarint, put_varint};

/// Most samples of a chunk.
pub const MAX_SAMPLES: usize = u16::MAX as usize;

/// Number of samples and flags.
const HEADER: usize = 3;

/// The decimal exponent of the integers, or [`NOT_DECIMAL`].
const EXPONENT: u8 = 0b0000_1111;
/// In place of the exponent: the integers are the floats' bits.
const NOT_DECIMAL: u8 = 15;
/// The integers are differences, the first stands before them.
const DIFFERENCES: u8 = 0b0001_0000;
/// Floats that are set right afterwards follow.
const CORRECTED: u8 = 0b0010_0000;
/// The distance between timestamps is the same everywhere.
const REGULAR: u8 = 0b0100_0000;
/// No value is below the one before it: not a counter that was reset.
const RISING: u8 = 0b1000_0000;

/// Powers of ten that floats hold exactly and that divide to the nearest decimal.
const TENS: [f64; 15] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];

/// Integers up to here are floats exactly.
const MAX_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Encodes samples in order of time: dense, or as XOR if that is shorter. `None` without samples or with more than
/// [`MAX_SAMPLES`].
///
/// ```
/// use tsdb::chunk::{Encoding, dense};
/// let times: Vec<i64> = (0..1000).map(|i| 1_700_000_000_000 + i * 15_000).collect();
/// let values: Vec<f64> = (0..1000).map(|i| (i * i % 97) as f64 / 100.0).collect();
/// let chunk = dense::encode(&times, &values).expect("there are samples");
/// assert_eq!(chunk.encoding, Encoding::Dense);
/// assert!(chunk.bytes.len() < 1100);
/// let (mut t, mut v) = (Vec::new(), Vec::new());
/// dense::decode(&chunk.bytes, &mut t, &mut v)?;
/// assert_eq!((t, v), (times, values));
/// # Ok::<(), tsdb::chunk::ChunkError>(())
/// ```
pub fn encode(timestamps: &[i64], values: &[f64]) -> Option<EncodedChunk> {
    let (min_time, max_time) = (*timestamps.first()?, *timestamps.last()?);
    if timestamps.len() > MAX_SAMPLES || timestamps.len() != values.len() {
        return None;
    }
    let bytes = encode_dense(timestamps, values);
    let mut xor = XorAppender::new();
    for (t, v) in timestamps.iter().zip(values) {
        xor.append(*t, *v).ok()?;
    }
    if bytes.len() < xor.len() && is_equal(&bytes, timestamps, values) {
        return Some(EncodedChunk { min_time, max_time, encoding: Encoding::Dense, bytes });
    }
    Some(EncodedChunk { min_time, max_time, encoding: Encoding::Xor, bytes: xor.finish() })
}

/// Whether a chunk decodes to exactly these samples.
fn is_equal(chunk: &[u8], timestamps: &[i64], values: &[f64]) -> bool {
    let (mut t, mut v) = (Vec::new(), Vec::new());
    decode(chunk, &mut t, &mut v).is_ok()
        && t == timestamps
        && v.len() == values.len()
        && v.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits())
}

fn encode_dense(timestamps: &[i64], values: &[f64]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut flags = put_timestamps(&mut body, timestamps);
    flags |= put_values(&mut body, values);
    if values.windows(2).all(|w| w[0] <= w[1]) {
        flags |= RISING;
    }
    // At most 65,535 samples: checked by the caller.
    let mut chunk = (timestamps.len() as u16).to_be_bytes().to_vec();
    chunk.push(flags);
    chunk.extend_from_slice(&body);
    chunk
}

fn put_timestamps(out: &mut Vec<u8>, timestamps: &[i64]) -> u8 {
    put_varint(out, timestamps[0]);
    let steps: Vec<i64> = differences(timestamps).collect();
    if steps.windows(2).all(|w| w[0] == w[1]) {
        put_varint(out, steps.first().copied().unwrap_or(0));
        return REGULAR;
    }
    put_column(out, &steps);
    0
}

fn differences(integers: &[i64]) -> impl Iterator<Item = i64> {
    integers.windows(2).map(|w| w[1].wrapping_sub(w[0]))
}

/// Floats as integers, and those that have to be set right.
struct Integers {
    exponent: u8,
    integers: Vec<i64>,
    corrections: Vec<(u16, u64)>,
}

fn put_values(out: &mut Vec<u8>, values: &[f64]) -> u8 {
    let Integers { exponent, integers, corrections } = as_integers(values);
    let mut flags = exponent;
    let mut direct = Vec::new();
    put_column(&mut direct, &integers);
    let mut relative = Vec::new();
    put_varint(&mut relative, integers[0]);
    put_column(&mut relative, &differences(&integers).collect::<Vec<_>>());
    if relative.len() < direct.len() {
        flags |= DIFFERENCES;
        out.extend_from_slice(&relative);
    } else {
        out.extend_from_slice(&direct);
    }
    if !corrections.is_empty() {
        flags |= CORRECTED;
        put_uvarint(out, corrections.len() as u64);
        for (place, bits) in corrections {
            put_uvarint(out, u64::from(place));
            out.extend_from_slice(&bits.to_be_bytes());
        }
    }
    flags
}

fn as_integers(values: &[f64]) -> Integers {
    // Above one in sixteen, eight bytes each cost more than bits do.
    let most_corrections = values.len() / 16;
    let decimal = exponent_of(values).and_then(|e| as_decimals(values, e, most_corrections));
    decimal.unwrap_or_else(|| Integers {
        exponent: NOT_DECIMAL,
        integers: values.iter().map(|v| v.to_bits() as i64).collect(),
        corrections: Vec::new(),
    })
}

/// The smallest exponent that makes integers of most values, as a sample of them tells.
fn exponent_of(values: &[f64]) -> Option<u8> {
    let step = (values.len() / 64).max(1);
    let mut highest = 0u8;
    let (mut tried, mut failed) = (0, 0);
    for v in values.iter().step_by(step) {
        tried += 1;
        match (highest..TENS.len() as u8).find(|e| integer(*v, *e).is_some()) {
            Some(e) => highest = e,
            None => failed += 1,
        }
    }
    (failed * 8 <= tried).then_some(highest)
}

/// The value times a power of ten, if that is an integer from which the value comes back.
fn integer(value: f64, exponent: u8) -> Option<i64> {
    let ten = TENS[usize::from(exponent)];
    let scaled = (value * ten).round();
    let n = scaled as i64;
    // By bits: a negative zero and a NaN do not come back.
    (scaled.abs() <= MAX_INTEGER && (n as f64 / ten).to_bits() == value.to_bits()).then_some(n)
}

fn as_decimals(values: &[f64], sampled: u8, most_corrections: usize) -> Option<Integers> {
    // The sample may have missed values with more digits.
    (sampled..TENS.len() as u8).take(3).find_map(|exponent| {
        let mut corrections = Vec::new();
        let mut integers = Vec::with_capacity(values.len());
        let mut last = values.iter().find_map(|v| integer(*v, exponent)).unwrap_or(0);
        for (i, v) in values.iter().enumerate() {
            match integer(*v, exponent) {
                Some(n) => last = n,
                None if corrections.len() == most_corrections => return None,
                None => corrections.push((i as u16, v.to_bits())),
            }
            integers.push(last);
        }
        Some(Integers { exponent, integers, corrections })
    })
}

/// Whether no value is below the one before it, as far as the chunk's header tells without decoding.
pub fn is_rising(chunk: &[u8]) -> bool {
    chunk.get(2).is_some_and(|flags| flags & RISING != 0)
}

/// Decodes a chunk and appends its samples to two columns.
///
/// # Errors
/// If the chunk is damaged; the columns are then as before.
pub fn decode(chunk: &[u8], timestamps: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), ChunkError> {
    let (times_start, values_start) = (timestamps.len(), values.len());
    let result = decode_parts(chunk, timestamps, values);
    if result.is_err() {
        timestamps.truncate(times_start);
        values.truncate(values_start);
    }
    result
}

fn decode_parts(chunk: &[u8], timestamps: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), ChunkError> {
    let samples = sample_count(chunk)?;
    let Some(flags) = chunk.get(2).copied() else {
        return if samples == 0 { Ok(()) } else { Err(ChunkError::Truncated { len: chunk.len(), samples }) };
    };
    let n = usize::from(samples);
    if n == 0 {
        return Ok(());
    }
    let mut r = Reader::new(&chunk[HEADER..]);
    take_timestamps(&mut r, flags, n, timestamps).map_err(|what| damaged(&r, what))?;
    take_values(&mut r, flags, n, values).map_err(|what| damaged(&r, what))?;
    Ok(())
}

fn damaged(r: &Reader<'_>, what: &'static str) -> ChunkError {
    ChunkError::Damaged { offset: HEADER + r.position(), what }
}

fn what(m: Malformed) -> &'static str {
    m.expected
}

fn take_timestamps(r: &mut Reader<'_>, flags: u8, n: usize, into: &mut Vec<i64>) -> Result<(), &'static str> {
    let mut t = r.varint().map_err(what)?;
    into.reserve(n);
    if flags & REGULAR != 0 {
        let step = r.varint().map_err(what)?;
        into.extend(std::iter::repeat_n(step, n).map(|step| {
            let this = t;
            t = t.wrapping_add(step);
            this
        }));
        return Ok(());
    }
    into.push(t);
    take_column(r, n - 1, |steps| {
        into.extend(steps.iter().map(|step| {
            t = t.wrapping_add(*step);
            t
        }));
    })
}

fn take_values(r: &mut Reader<'_>, flags: u8, n: usize, into: &mut Vec<f64>) -> Result<(), &'static str> {
    let start = into.len();
    into.reserve(n);
    match flags & EXPONENT {
        NOT_DECIMAL => take_floats(r, flags, n, into, |n| f64::from_bits(n as u64))?,
        0 => take_floats(r, flags, n, into, |n| n as f64)?,
        e => {
            let ten = TENS[usize::from(e)];
            take_floats(r, flags, n, into, |n| n as f64 / ten)?;
        }
    }
    if flags & CORRECTED != 0 {
        for _ in 0..r.count(9).map_err(what)? {
            let place =
                usize::try_from(r.uvarint().map_err(what)?).map_err(|_| "a place within the chunk")?;
            let slot = into.get_mut(start..).and_then(|values| values.get_mut(place));
            *slot.ok_or("a place within the chunk")? = r.f64().map_err(what)?;
        }
    }
    Ok(())
}

/// Reads the integers and turns them into the floats that they stand for.
#[inline(always)]
fn take_floats(
    r: &mut Reader<'_>,
    flags: u8,
    n: usize,
    into: &mut Vec<f64>,
    float: impl Fn(i64) -> f64,
) -> Result<(), &'static str> {
    if flags & DIFFERENCES == 0 {
        return take_column(r, n, |block| into.extend(block.iter().map(|n| float(*n))));
    }
    let mut sum = r.varint().map_err(what)?;
    into.push(float(sum));
    take_column(r, n - 1, |block| {
        into.extend(block.iter().map(|difference| {
            sum = sum.wrapping_add(*difference);
            float(sum)
        }));
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_core::STALE_NAN;
    use proptest::prelude::*;

    fn read(chunk: &EncodedChunk) -> (Vec<i64>, Vec<u64>) {
        let (mut t, mut v) = (vec![], vec![]);
        match chunk.encoding {
            Encoding::Dense => decode(&chunk.bytes, &mut t, &mut v).unwrap(),
            _ => super::super::xor::decode(&chunk.bytes, &mut t, &mut v).unwrap(),
        }
        (t, v.into_iter().map(f64::to_bits).collect())
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => (0i64..100_000).prop_map(|n| n as f64 / 100.0),
            1 => any::<u64>().prop_map(f64::from_bits),
            1 => prop_oneof![Just(STALE_NAN), Just(f64::NAN), Just(-0.0), Just(f64::INFINITY), Just(1e300)],
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn samples_come_back_to_the_bit(
            values in proptest::collection::vec(value(), 1..700),
            steps in proptest::collection::vec(prop_oneof![9 => Just(15_000i64), 1 => any::<i64>()], 700),
            at in any::<prop::sample::Index>(),
        ) {
            let mut t = 1_700_000_000_000i64;
            let times: Vec<i64> = steps.iter().take(values.len()).map(|s| { t = t.wrapping_add(*s); t }).collect();
            let bits: Vec<u64> = values.iter().map(|v| v.to_bits()).collect();
            let chunk = encode(&times, &values).unwrap();
            prop_assert_eq!(read(&chunk), (times.clone(), bits.clone()));
            // Also where XOR was shorter.
            let dense = encode_dense(&times, &values);
            prop_assert!(is_equal(&dense, &times, &values));
            for len in (0..dense.len()).step_by(1 + dense.len() / 64) {
                let (mut t, mut v) = (vec![1], vec![1.0]);
                prop_assert!(decode(&dense[..len], &mut t, &mut v).is_err() || len == 0);
                prop_assert_eq!((t.len(), v.len()), (1, 1));
            }
            let mut flipped = dense.clone();
            flipped[at.index(dense.len())] ^= 0x11;
            let _ = decode(&flipped, &mut vec![], &mut vec![]);
        }
    }

    #[test]
    fn counters_are_known_to_rise() {
        let times: Vec<i64> = (0..300).map(|i| i * 1000).collect();
        let rising: Vec<f64> = (0..300).map(|i| f64::from(i / 7)).collect();
        assert!(is_rising(&encode(&times, &rising).unwrap().bytes));
        let mut reset = rising.clone();
        reset[200] = 0.0;
        assert!(!is_rising(&encode(&times, &reset).unwrap().bytes));
    }

    #[test]
    fn constants_take_no_space() {
        let times: Vec<i64> = (0..3000).map(|i| i * 1000).collect();
        let chunk = encode(&times, &vec![8_589_934_592.0; 3000]).unwrap();
        assert!(chunk.bytes.len() < 60, "{}", chunk.bytes.len());
    }

    #[test]
    fn impossible_numbers_of_samples_are_refused() {
        assert_eq!(encode(&[], &[]), None);
        assert_eq!(encode(&[1], &[]), None);
        let many = vec![0i64; MAX_SAMPLES + 1];
        assert_eq!(encode(&many, &vec![0.0; MAX_SAMPLES + 1]), None);
    }
}
