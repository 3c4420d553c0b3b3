//! Reading several float chunks side by side; the layout is that of [`xor`](super::xor).
//!
//! Where values are random, so are the control bits before them: a reader that branches on them guesses wrong at every
//! third sample. Here tables take the place of branches. As each sample must wait for the one before, the chunks of a
//! series are read in turns, a sample of each: while one waits, the others go on.

use std::hint::select_unpredictable;

use super::xor_decode::{Decoder, decode};
use super::{ChunkError, sample_count};

/// Chunks that are read side by side.
pub(crate) const LANES: usize = 3;

/// Most bytes of such a chunk.
const ROOM: usize = 1024;

/// Samples of each lane that are read before a look at whether all of them were of the usual kind.
const STRETCH: usize = 24;

/// Decodes chunks and appends their samples to two columns, in order.
///
/// # Errors
/// If one of the chunks is damaged; the columns are then as before.
pub(crate) fn decode_all(
    chunks: &[&[u8]],
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    let before = timestamps.len();
    let decoded = chunks.chunks(LANES).try_for_each(|group| match <&[&[u8]; LANES]>::try_from(group) {
        Ok(group) if group.iter().all(|chunk| is_suited(chunk)) => decode_group(group, timestamps, values),
        _ => group.iter().try_for_each(|chunk| decode(chunk, timestamps, values)),
    });
    if decoded.is_err() {
        timestamps.truncate(before);
        values.truncate(before);
    }
    decoded
}

/// Whether a chunk is likely to gain: constants are read by the dozen anyway, and samples that do not fit into a word
/// are none of the usual kind.
fn is_suited(chunk: &[u8]) -> bool {
    let samples = sample_count(chunk).map_or(0, usize::from);
    chunk.len() <= ROOM && (samples / 2..6 * samples).contains(&chunk.len())
}

fn decode_group(
    chunks: &[&[u8]; LANES],
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    let mut counts = [0; LANES];
    for (count, chunk) in counts.iter_mut().zip(chunks) {
        *count = sample_count(chunk)?;
    }
    let total: usize = counts.iter().map(|n| usize::from(*n)).sum();
    let start = timestamps.len();
    timestamps.resize(start + total, 0);
    values.resize(start + total, 0.0);
    let (mut times_left, mut values_left) = (&mut timestamps[start..], &mut values[start..]);
    let mut lanes = chunks.map(Decoder::new);
    let mut slots = counts.map(|count| {
        let times = times_left.split_off_mut(..usize::from(count)).unwrap_or_default();
        let values = values_left.split_off_mut(..usize::from(count)).unwrap_or_default();
        (times, values)
    });
    for (lane, (times, values)) in lanes.iter_mut().zip(&mut slots) {
        let read = lane.begin(times, values);
        (*times, *values) = (&mut std::mem::take(times)[read..], &mut std::mem::take(values)[read..]);
    }
    let read = side_by_side(chunks, &mut lanes, slots.each_mut().map(|(_, values)| &mut **values));
    for ((lane, (times, values)), (chunk, count)) in
        lanes.iter_mut().zip(slots).zip(chunks.iter().zip(counts))
    {
        let (steady, times) = times.split_at_mut(read);
        for time in steady {
            lane.timestamp = lane.timestamp.wrapping_add(lane.delta);
            *time = lane.timestamp;
        }
        lane.fill(times, &mut values[read..]);
        lane.check(chunk, count)?;
    }
    Ok(())
}

/// Reads values while the distance between timestamps stays the same in all lanes, and tells how many of each lane.
/// Times are left to the caller.
fn side_by_side(
    chunks: &[&[u8]; LANES],
    decoders: &mut [Decoder<'_>; LANES],
    mut values: [&mut [f64]; LANES],
) -> usize {
    let bytes = chunks.map(Padded::of);
    let mut lanes = decoders.each_ref().map(Lane::of);
    let n = values.iter().map(|lane| lane.len()).min().unwrap_or(0);
    let mut read = 0;
    while read < n {
        let stretch = read..n.min(read + STRETCH);
        let slots = values.each_mut().map(|lane| &mut lane[stretch.clone()]);
        let Some(after) = advance(&bytes, lanes, slots) else { break };
        lanes = after;
        read = stretch.end;
    }
    for (decoder, lane) in decoders.iter_mut().zip(lanes) {
        lane.leave_in(decoder);
    }
    read
}

/// Fills the slots. Returns nothing, and what is in them means nothing, if a sample is not of the usual kind.
///
/// This is where queries spend their time: the lanes stay in registers, and nothing in the loop branches.
#[inline(never)]
fn advance(
    bytes: &[Padded; LANES],
    mut lanes: [Lane; LANES],
    slots: [&mut [f64]; LANES],
) -> Option<[Lane; LANES]> {
    let [a, b, c] = slots;
    let mut seen = 0;
    for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
        let [first, second, third] = &mut lanes;
        seen |= first.step(&bytes[0]) | second.step(&bytes[1]) | third.step(&bytes[2]);
        (*a, *b, *c) =
            (f64::from_bits(first.value), f64::from_bits(second.value), f64::from_bits(third.value));
    }
    (seen & UNUSUAL == 0).then_some(lanes)
}

/// A copy of a chunk with room behind it, so that reading a word needs no look at where it ends. Behind the end the
/// reader may go round to the front: what is past the end is found by the position alone.
struct Padded([u8; ROOM + 8]);

impl Padded {
    fn of(chunk: &[u8]) -> Self {
        let mut bytes = [0; ROOM + 8];
        let len = chunk.len().min(ROOM);
        bytes[..len].copy_from_slice(&chunk[..len]);
        Self(bytes)
    }

    /// The bits from `at` on at the top of a word, at least 57 of them.
    #[inline(always)]
    fn word_at(&self, at: u32) -> u64 {
        let byte = (at >> 3) as usize % ROOM;
        let word = self.0[byte..].first_chunk::<8>().map_or(0, |word| u64::from_be_bytes(*word));
        word << (at & 7)
    }
}

/// The bit that says of a word that the distance between timestamps changes, and of an entry of [`WINDOWS`] that it does
/// not fit into what is left of a word.
const UNUSUAL: u64 = 1 << 63;

/// Where a reader stands in one chunk.
#[derive(Debug, Clone, Copy)]
struct Lane {
    at: u32,
    value: u64,
    /// As an entry of [`WINDOWS`].
    window: u64,
}

impl Lane {
    fn of(decoder: &Decoder<'_>) -> Self {
        let (leading, width) = decoder.window_parts();
        Self {
            at: decoder.position() as u32,
            value: decoder.value,
            window: window(u64::from(leading), u64::from(width)),
        }
    }

    fn leave_in(self, decoder: &mut Decoder<'_>) {
        let (width, trailing) = ((self.window & 0xff) as u32, (self.window >> 8 & 0xff) as u32);
        decoder.go_on(self.at as usize, self.value);
        if self.window & UNUSUAL == 0 {
            decoder.set_window(64 - width - trailing, width);
        }
    }

    /// Reads a sample. What is returned has the bit [`UNUSUAL`] if the sample is none of the usual kind.
    #[inline(always)]
    fn step(&mut self, bytes: &Padded) -> u64 {
        let word = bytes.word_at(self.at);
        let control = (word >> 61) as usize;
        let fresh = WINDOWS[(word >> 50) as usize % WINDOWS.len()];
        self.window = select_unpredictable(control == 0b011, fresh, self.window);
        let Control { bits, window, skipped } = CONTROLS[control];
        let window = self.window & window;
        let len = window as u32 + skipped;
        self.value ^= (word & bits) >> (len.wrapping_neg() & 63) << (self.window >> 8 & 63);
        self.at += len;
        word | window
    }
}

/// What the first three bits of a sample say: one of the timestamp, which is zero, and two of the value.
#[derive(Debug, Clone, Copy)]
struct Control {
    /// Which bits of the word may belong to the value.
    bits: u64,
    /// What of the window counts: nothing where the value stays the same.
    window: u64,
    /// Bits before the value's.
    skipped: u32,
}

static CONTROLS: [Control; 8] = {
    let same = Control { bits: 0, window: 0, skipped: 2 };
    let in_window = Control { bits: u64::MAX >> 3, window: UNUSUAL | 63, skipped: 3 };
    let new_window = Control { bits: u64::MAX >> 14, window: UNUSUAL | 63, skipped: 14 };
    // The upper half is unusual, whatever is made of it.
    [same, same, in_window, new_window, same, same, same, same]
};

/// The window of each pair of leading zeros (five bits) and width (six): the width in the lowest byte, in the next how
/// many zeros follow.
static WINDOWS: [u64; 2048] = {
    let mut windows = [0; 2048];
    let mut i = 0;
    while i < windows.len() {
        // A width of 64 does not fit into the six bits and is written as 0.
        let width = (i as u64 & 63).wrapping_sub(1) % 64 + 1;
        windows[i] = window(i as u64 >> 6, width);
        i += 1;
    }
    windows
};

/// Widest window that fits into a word behind 14 bits of control and window.
const NARROW: u64 = 43;

const fn window(leading: u64, width: u64) -> u64 {
    if width > NARROW || leading + width > 64 { UNUSUAL } else { width | (64 - leading - width) << 8 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::xor::XorAppender;
    use proptest::prelude::*;

    fn encode(samples: &[(i64, f64)]) -> Vec<u8> {
        let mut appender = XorAppender::new();
        for (t, v) in samples {
            appender.append(*t, *v).unwrap();
        }
        appender.finish()
    }

    /// Values as counters and gauges have them, some without end, some that stay, at distances that are mostly even.
    fn samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
        let value = prop_oneof![
            30 => (0i64..3).prop_map(|n| n as f64),
            30 => (0i64..100_000).prop_map(|n| n as f64),
            1 => any::<u64>().prop_map(f64::from_bits),
            1 => Just(metrics_core::STALE_NAN),
        ];
        let step = prop_oneof![400 => Just(15_000i64), 1 => 14_990..15_010i64, 1 => any::<i64>()];
        proptest::collection::vec((step, value), 0..200).prop_map(|items| {
            let (mut time, mut sum) = (1_700_000_000_000i64, 0.0);
            let next = |(step, value): (i64, f64)| {
                time = time.wrapping_add(step);
                sum = if value.is_finite() && f64::abs(sum) < 1e15 { sum + value } else { value };
                (time, sum)
            };
            items.into_iter().map(next).collect()
        })
    }

    type Read = (Vec<i64>, Vec<u64>);

    fn read(
        decode: impl FnOnce(&mut Vec<i64>, &mut Vec<f64>) -> Result<(), ChunkError>,
    ) -> Result<Read, Read> {
        let (mut times, mut values) = (vec![7], vec![0.5]);
        let decoded = decode(&mut times, &mut values);
        let read = (times, values.into_iter().map(f64::to_bits).collect());
        decoded.map(|()| read.clone()).map_err(|_| read)
    }

    fn one_by_one(chunks: &[&[u8]]) -> Result<Read, Read> {
        read(|times, values| chunks.iter().try_for_each(|chunk| decode(chunk, times, values)))
    }

    fn together(chunks: &[&[u8]]) -> Result<Read, Read> {
        read(|times, values| decode_all(chunks, times, values))
    }

    /// Past the gate, which lets no chunk through that may not gain.
    fn in_lanes(chunks: &[&[u8]; LANES]) -> Result<Read, Read> {
        read(|times, values| decode_group(chunks, times, values))
    }

    proptest! {
        #[test]
        fn lanes_read_what_one_by_one_does(series in proptest::collection::vec(samples(), LANES..9)) {
            let chunks: Vec<Vec<u8>> = series.iter().map(|s| encode(s)).collect();
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let expected = one_by_one(&chunks).unwrap();
            prop_assert_eq!(&together(&chunks).unwrap(), &expected);
            let group = <&[&[u8]; LANES]>::try_from(&chunks[..LANES]).unwrap();
            if group.iter().all(|chunk| chunk.len() <= ROOM) {
                prop_assert_eq!(in_lanes(group).unwrap(), one_by_one(&group[..]).unwrap());
            }
        }

        #[test]
        fn damage_is_found_as_one_by_one(
            series in proptest::collection::vec(samples(), LANES..=LANES),
            cut in any::<prop::sample::Index>(),
            flips in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 0..3),
        ) {
            let mut chunks: Vec<Vec<u8>> = series.iter().map(|s| encode(s)).collect();
            for (at, flip) in flips {
                let at = at.index(chunks[1].len());
                chunks[1][at] ^= flip;
            }
            // Whole every other time, so that flips are looked at as well.
            let len = cut.index(2 * chunks[1].len());
            chunks[1].truncate(len.max(2));
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            match (together(&chunks), one_by_one(&chunks)) {
                (Ok(found), Ok(expected)) => prop_assert_eq!(found, expected),
                (Err(left), Err(_)) => prop_assert_eq!(left, (vec![7], vec![0.5f64.to_bits()])),
                (found, expected) => prop_assert!(false, "{found:?} where one by one is {expected:?}"),
            }
        }
    }

    #[test]
    fn counters_are_read_in_lanes_to_their_end() {
        let counter = |from: i64| {
            let samples: Vec<_> =
                (0..120).map(|i| ((from + i) * 15_000, ((from + i) * 7919 % 1000) as f64)).collect();
            encode(&samples)
        };
        let chunks = [0, 120, 240].map(counter);
        let chunks = chunks.each_ref().map(Vec::as_slice);
        assert!(chunks.iter().all(|chunk| is_suited(chunk)));
        let mut lanes = chunks.map(Decoder::new);
        let mut values = [[0.0; 118]; LANES];
        for lane in &mut lanes {
            lane.begin(&mut [0; 2], &mut [0.0; 2]);
        }
        assert_eq!(side_by_side(&chunks, &mut lanes, values.each_mut().map(|v| &mut v[..])), 118);
        assert_eq!(values[2][117], (359 * 7919 % 1000) as f64);
    }
}
