//! Integers in as few bits as their size needs, in steps chosen for histograms.

use super::bits::{BitReader, BitWriter, fits_signed, sign};

/// Bits of the number behind one, two, … leading ones and a zero; behind eight ones come 64.
const SIZES: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

/// Writes a signed number.
pub(super) fn put_int(w: &mut BitWriter, x: i64) {
    if x == 0 {
        return w.put(0, 1);
    }
    put_sized(w, x as u64, SIZES.iter().position(|n| fits_signed(x, *n)));
}

/// Writes an unsigned number.
pub(super) fn put_uint(w: &mut BitWriter, x: u64) {
    if x == 0 {
        return w.put(0, 1);
    }
    put_sized(w, x, SIZES.iter().position(|n| x >> n == 0));
}

fn put_sized(w: &mut BitWriter, x: u64, step: Option<usize>) {
    match step {
        Some(step) => {
            let n = SIZES[step];
            // As many ones as the step is high, then a zero.
            w.put((1 << (step + 2)) - 2, step as u32 + 2);
            w.put(x & ((1 << n) - 1), n);
        }
        None => {
            w.put(0xff, 8);
            w.put(x, 64);
        }
    }
}

/// Reads a signed number.
pub(super) fn take_int(r: &mut BitReader<'_>) -> i64 {
    let (bits, n) = take_sized(r);
    if n == 0 { 0 } else { sign(bits, n) }
}

/// Reads an unsigned number.
pub(super) fn take_uint(r: &mut BitReader<'_>) -> u64 {
    take_sized(r).0
}

fn take_sized(r: &mut BitReader<'_>) -> (u64, u32) {
    let ones = r.peek().leading_ones().min(8);
    // Eight ones have no zero behind them.
    r.skip(if ones == 8 { 8 } else { ones + 1 });
    let n = match ones {
        0 => return (0, 0),
        8 => 64,
        _ => SIZES[ones as usize - 1],
    };
    (r.take(n), n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in proptest::collection::vec((any::<i64>(), 0u32..64), 0..100)) {
            let mut w = BitWriter::new();
            for (x, shift) in &numbers {
                put_int(&mut w, x >> shift);
                put_uint(&mut w, *x as u64 >> shift);
            }
            let bytes = w.finish();
            let mut r = BitReader::new(&bytes, 0);
            for (x, shift) in &numbers {
                prop_assert_eq!(take_int(&mut r), x >> shift);
                prop_assert_eq!(take_uint(&mut r), *x as u64 >> shift);
            }
            prop_assert!(!r.is_past_end());
        }
    }

    /// Lengths from the field's description of the buckets.
    #[test]
    fn lengths_are_those_of_the_field() {
        for (x, bits) in [
            (0, 1),
            (4, 5),
            (-3, 5),
            (5, 9),
            (-4, 9),
            (32, 9),
            (256, 13),
            (2048, 17),
            (131_072, 24),
            (16_777_216, 32),
            (36_028_797_018_963_968, 64),
            (-36_028_797_018_963_968, 72),
        ] {
            let mut w = BitWriter::new();
            put_int(&mut w, x);
            assert_eq!(w.len_bits(), bits, "{x}");
        }
    }
}
