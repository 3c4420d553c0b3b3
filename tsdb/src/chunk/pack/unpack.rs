//! Numbers of a fixed width, least significant bit first.

/// Reads as many numbers of so many bits as there is room for; `bytes` may go on behind them, which is faster.
pub(super) fn unpack_bits(bytes: &[u8], bits: u32, into: &mut [i64]) {
    macro_rules! widths {
        ($($width:literal)*) => {
            match bits {
                $($width => unpack::<$width>(bytes, into),)*
                _ => into.fill(0),
            }
        };
    }
    widths!(
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
    );
}

/// Eight numbers at a time, which take `WIDTH` whole bytes: all shifts are known when compiling.
fn unpack<const WIDTH: usize>(bytes: &[u8], into: &mut [i64]) {
    let mut rest = bytes;
    let (octets, last) = into.as_chunks_mut::<8>();
    for eight in octets {
        unpack_eight::<WIDTH>(rest, eight);
        rest = rest.get(WIDTH..).unwrap_or_default();
    }
    if !last.is_empty() {
        let mut eight = [0; 8];
        unpack_eight::<WIDTH>(rest, &mut eight);
        last.copy_from_slice(&eight[..last.len()]);
    }
}

/// How far the words reach that eight numbers are loaded in.
const fn reach(width: usize) -> usize {
    7 * width / 8 + 9
}

#[inline(always)]
fn unpack_eight<const WIDTH: usize>(bytes: &[u8], into: &mut [i64; 8]) {
    let mut padded = [0; reach(64)];
    let window = match bytes.get(..reach(WIDTH)) {
        Some(window) => window,
        None => {
            pad(bytes, &mut padded);
            &padded[..reach(WIDTH)]
        }
    };
    let mask = u64::MAX >> (64 - WIDTH);
    for (i, number) in into.iter_mut().enumerate() {
        let (at, shift) = (i * WIDTH / 8, i * WIDTH % 8);
        let mut word = [0u8; 8];
        word.copy_from_slice(&window[at..at + 8]);
        let mut bits = u64::from_le_bytes(word) >> shift;
        if shift + WIDTH > 64 {
            // The highest bits are in the next byte.
            bits |= u64::from(window[at + 8]) << (64 - shift);
        }
        *number = (bits & mask) as i64;
    }
}

/// Copies the last bytes to where a word may reach over them.
#[cold]
fn pad(bytes: &[u8], padded: &mut [u8; reach(64)]) {
    let len = bytes.len().min(padded.len());
    padded[..len].copy_from_slice(&bytes[..len]);
}
