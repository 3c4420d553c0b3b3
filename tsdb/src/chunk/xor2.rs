//! Float chunks with joint control bits and optional start timestamps: read, not written.
//!
//! Layout: Prometheus' `tsdb/docs/format/chunks.md`, "XOR2 chunk data".

use metrics_core::{STALE_NAN_BITS, is_stale};

use super::bits::BitReader;
use super::starts::StartTimes;
use super::{ChunkError, sample_count};

/// Number of samples, and which of them have start timestamps.
const HEADER: usize = 3;

/// Decodes a chunk and appends its samples, without start timestamps, to two columns.
///
/// # Errors
/// If the chunk is damaged; the columns are then as before.
pub fn decode(chunk: &[u8], timestamps: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), ChunkError> {
    let samples = sample_count(chunk)?;
    if samples == 0 {
        return Ok(());
    }
    let truncated = ChunkError::Truncated { len: chunk.len(), samples };
    let Some(starts) = chunk.get(2).map(|header| StartTimes::of(*header)) else { return Err(truncated) };
    let (times_start, values_start) = (timestamps.len(), values.len());
    let mut decoder = Decoder::new(chunk);
    for i in 0..samples {
        let sample = decoder.sample(i).and_then(|s| starts.skip(&mut decoder.reader, i).map(|()| s));
        let error = match sample {
            Some((t, v)) if !decoder.reader.is_past_end() => {
                timestamps.push(t);
                values.push(v);
                continue;
            }
            Some(_) => truncated,
            None => ChunkError::Damaged {
                offset: decoder.reader.byte_position(),
                what: "bits that no encoder writes",
            },
        };
        timestamps.truncate(times_start);
        values.truncate(values_start);
        return Err(error);
    }
    Ok(())
}

struct Decoder<'a> {
    reader: BitReader<'a>,
    timestamp: i64,
    delta: i64,
    /// The last value that was no staleness marker: markers do not disturb the differences.
    value: u64,
    leading: u32,
    width: u32,
}

impl<'a> Decoder<'a> {
    fn new(chunk: &'a [u8]) -> Self {
        let reader = BitReader::new(chunk, 8 * HEADER);
        Self { reader, timestamp: 0, delta: 0, value: 0, leading: 0, width: 64 }
    }

    fn sample(&mut self, i: u16) -> Option<(i64, f64)> {
        let value = match i {
            0 => {
                self.timestamp = self.reader.take_varint()?;
                let value = self.reader.take(64);
                if !is_stale(f64::from_bits(value)) {
                    self.value = value;
                }
                return Some((self.timestamp, f64::from_bits(value)));
            }
            1 => {
                self.delta = self.reader.take_uvarint()? as i64;
                self.value_after_change()?
            }
            _ => self.joint()?,
        };
        self.timestamp = self.timestamp.wrapping_add(self.delta);
        Some((self.timestamp, f64::from_bits(value)))
    }

    /// Reads the control bits of time and value, and what they announce.
    fn joint(&mut self) -> Option<u64> {
        let ones = self.reader.peek().leading_ones().min(5);
        self.reader.skip(if ones == 5 { 5 } else { ones + 1 });
        let change_bits = match ones {
            0 => return Some(self.value),
            1 => {
                let is_new = self.reader.take(1) == 1;
                return self.window(is_new);
            }
            2 => 13,
            3 => 20,
            4 => 64,
            _ => return Some(STALE_NAN_BITS),
        };
        // Two's complement, unlike the other encodings' numbers.
        let change = (self.reader.take(change_bits) << (64 - change_bits)) as i64 >> (64 - change_bits);
        self.delta = self.delta.wrapping_add(change);
        self.value_after_change()
    }

    fn value_after_change(&mut self) -> Option<u64> {
        let ones = self.reader.peek().leading_ones().min(3);
        self.reader.skip(if ones == 3 { 3 } else { ones + 1 });
        match ones {
            0 => Some(self.value),
            1 => self.window(false),
            2 => self.window(true),
            _ => Some(STALE_NAN_BITS),
        }
    }

    /// Reads the bits of the value that changed.
    fn window(&mut self, is_new: bool) -> Option<u64> {
        if is_new {
            self.leading = self.reader.take(5) as u32;
            // 64 is written as 0.
            self.width = (self.reader.take(6) as u32).wrapping_sub(1) % 64 + 1;
        }
        let trailing = 64u32.checked_sub(self.leading + self.width)?;
        self.value ^= self.reader.take(self.width) << trailing;
        Some(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::bits::BitWriter;
    use crate::chunk::varbit::put_int;
    use metrics_core::STALE_NAN;
    use proptest::prelude::*;

    fn put_varint(w: &mut BitWriter, mut x: u64) {
        while x >= 0x80 {
            w.put((x & 0x7f) | 0x80, 8);
            x >>= 7;
        }
        w.put(x, 8);
    }

    /// Writes values as the layout says, always with a new window.
    fn put_value(w: &mut BitWriter, xor: u64, is_stale: bool, known: bool) {
        if is_stale && !known {
            return w.put(0b111, 3);
        }
        if xor == 0 {
            return w.put(0, 1);
        }
        if known {
            w.put(0b1, 1)
        } else {
            w.put(0b110, 3)
        }
        let leading = xor.leading_zeros().min(31);
        let trailing = xor.trailing_zeros();
        let width = 64 - leading - trailing;
        w.put(u64::from(leading), 5);
        w.put(u64::from(width % 64), 6);
        w.put(xor >> trailing, width);
    }

    fn encode(samples: &[(i64, f64)], starts_from: u16) -> Vec<u8> {
        let mut w = BitWriter::new();
        w.put(samples.len() as u64, 16);
        w.put(u64::from(starts_from) | if starts_from > 0 { 0x80 } else { 0 }, 8);
        let (mut delta, mut value) = (0i64, 0u64);
        for (i, (t, v)) in samples.iter().enumerate() {
            let stale = is_stale(*v);
            let xor = if stale { 0 } else { v.to_bits() ^ value };
            match i {
                0 => {
                    put_varint(&mut w, ((t << 1) ^ (t >> 63)) as u64);
                    w.put(v.to_bits(), 64);
                }
                1 => {
                    delta = t - samples[0].0;
                    put_varint(&mut w, delta as u64);
                    put_value(&mut w, xor, stale, false);
                }
                _ => {
                    let change = t - samples[i - 1].0 - delta;
                    delta += change;
                    match change {
                        0 if stale => w.put(0b11111, 5),
                        0 if xor == 0 => w.put(0, 1),
                        0 => {
                            w.put(0b10, 2);
                            put_value(&mut w, xor, false, true);
                        }
                        -4096..=4095 => w.put((0b110 << 13) | (change as u64 & 0x1fff), 16),
                        -524_288..=524_287 => w.put((0b1110 << 20) | (change as u64 & 0xf_ffff), 24),
                        _ => {
                            w.put(0b11110, 5);
                            w.put(change as u64, 64);
                        }
                    }
                    if change != 0 {
                        put_value(&mut w, xor, stale, false);
                    }
                }
            }
            if !stale {
                value = v.to_bits();
            }
            if starts_from > 0 && i == 0 {
                put_varint(&mut w, 300);
            } else if starts_from > 0 && i >= usize::from(starts_from) {
                put_int(&mut w, i as i64 * 7 - 50);
            }
        }
        w.finish()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn samples_come_back(
            items in proptest::collection::vec(
                (
                    prop_oneof![
                        Just(15_000i64), 14_990i64..15_010, 0i64..100_000, 0i64..10_000_000, 0i64..1_000_000_000_000
                    ],
                    prop_oneof![any::<u64>().prop_map(f64::from_bits), Just(2.5), Just(STALE_NAN)],
                ),
                1..150,
            ),
            starts_from in prop_oneof![Just(0u16), 1u16..127],
        ) {
            let mut t = 1_700_000_000_000;
            let samples: Vec<_> = items.into_iter().map(|(step, v)| { t += step; (t, v) }).collect();
            let chunk = encode(&samples, starts_from);
            let (mut times, mut values) = (vec![], vec![]);
            decode(&chunk, &mut times, &mut values).unwrap();
            let found: Vec<_> = times.iter().zip(&values).map(|(t, v)| (*t, v.to_bits())).collect();
            let expected: Vec<_> = samples.iter().map(|(t, v)| (*t, v.to_bits())).collect();
            prop_assert_eq!(found, expected);
            for at in 0..chunk.len() {
                let mut flipped = chunk.clone();
                flipped[at] ^= 0x42;
                let _ = decode(&flipped, &mut vec![], &mut vec![]);
                let _ = decode(&chunk[..at], &mut vec![], &mut vec![]);
            }
        }
    }
}
