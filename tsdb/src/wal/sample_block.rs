//! Records of float samples as Snappy blocks, compressed while they are made.
//!
//! A compressor that knows nothing looks for repeats at every byte, which takes longer than all else that the log does for a
//! sample. Here it is known where they can begin: numbers of few digits end in zeros, behind which the reference goes on as
//! in the sample 64 before; and what follows the first byte of a reference often is as in a sample before that has a similar
//! value. Only there is looked, so that the block is a few hundredths longer than the ordinary compressor's (which also finds
//! what the ends of decimal fractions have in common), and made in less than half of its time. Format: Snappy's `format_description.txt`.

use super::record::{
    FloatSample, MAX_SAMPLE, SAMPLES_HEADER, write_sample, write_samples_header, write_uvarint,
};
use super::segment::Compression;

/// References that are so far apart have the same first byte, which holds six bits of the difference and its sign.
const CYCLE: usize = 64;
/// Copies of two bytes reach less far back than this.
const REACH: usize = 1 << 11;
/// Lengths of copies of two bytes.
const SHORTEST: usize = 4;
const LONGEST: usize = 11;
/// Zeros at the end of a value from which on they are worth a copy, together with the byte that follows.
const ZEROS: usize = SHORTEST - 1;
/// Bytes that are worth a copy where a literal has to be begun anew behind it.
const WORTH_A_LITERAL: usize = 6;
/// Zeros that are, the first of them in the literal before.
const MANY_ZEROS: usize = 6;
/// Literals up to here are copied as a whole, whatever their length.
const WIDE: usize = 32;
/// Longest literal of a long row of them: its length takes a second byte.
const LITERAL: usize = 256;
/// Room for the length of the record in front of a block, in bytes.
const FRONT: usize = 5;

/// Makes records of samples and their blocks, and keeps the memory that it takes.
#[derive(Debug)]
pub(super) struct SampleBlock {
    record: Vec<u8>,
    block: Vec<u8>,
    /// Where the last sample began whose reference has the same first byte; 0 if none did.
    cycle: [u32; CYCLE],
    /// Where the second byte of the reference was in the last sample whose value begins alike: by its first two bytes, folded into
    /// one.
    similar: [u32; 256],
}

impl Default for SampleBlock {
    fn default() -> Self {
        Self { record: Vec::new(), block: Vec::new(), cycle: [0; CYCLE], similar: [0; 256] }
    }
}

/// A record, and the same as a block.
pub(super) struct RecordAndBlock<'a> {
    record: &'a [u8],
    block: &'a [u8],
}

impl<'a> RecordAndBlock<'a> {
    /// What is to be written: the record as it is if the block is no shorter, or so long that Snappy has no block for it.
    pub(super) fn smaller(self) -> (&'a [u8], Compression) {
        if self.block.len() < self.record.len() && u32::try_from(self.record.len()).is_ok() {
            (self.block, Compression::Snappy)
        } else {
            (self.record, Compression::None)
        }
    }
}

impl SampleBlock {
    /// The record of [`put_samples`](super::put_samples), and its block.
    pub(super) fn encode(&mut self, samples: &[FloatSample]) -> RecordAndBlock<'_> {
        let longest = SAMPLES_HEADER + samples.len() * MAX_SAMPLE;
        make_room(&mut self.record, longest + WIDE);
        // Whatever is not a literal saves what it costs; long literals cost two bytes each.
        make_room(&mut self.block, FRONT + longest + 2 * (longest / LITERAL + 2) + WIDE);
        self.cycle.fill(0);
        self.similar.fill(0);
        let mut out = Pieces { block: &mut self.block, at: FRONT, done: 0 };
        let end = match samples.first() {
            Some(first) => {
                let (cycle, similar) = (&mut self.cycle, &mut self.similar);
                Encoder { record: &mut self.record, out: &mut out, cycle, similar }.all(*first, samples)
            }
            None => write_samples_header(&mut self.record, None),
        };
        out.literal(&self.record, end);
        let block_end = out.at;
        let start = put_length(&mut self.block, end);
        RecordAndBlock { record: &self.record[..end], block: &self.block[start..block_end] }
    }
}

/// Writes the length of the record before its pieces. Returns where the block begins.
fn put_length(block: &mut [u8], len: usize) -> usize {
    let mut bytes = [0; 10];
    let n = write_uvarint(&mut bytes, 0, len as u64);
    let start = FRONT - n.min(FRONT);
    block[start..FRONT].copy_from_slice(&bytes[..FRONT - start]);
    start
}

fn make_room(buf: &mut Vec<u8>, len: usize) {
    if buf.len() < len {
        buf.resize(len, 0);
    }
}

/// What it takes to make one record.
struct Encoder<'a, 'b> {
    record: &'a mut [u8],
    out: &'a mut Pieces<'b>,
    cycle: &'a mut [u32; CYCLE],
    similar: &'a mut [u32; 256],
}

impl Encoder<'_, '_> {
    /// Writes the record. Returns its end; what follows the last copy is left to the caller.
    fn all(&mut self, first: FloatSample, samples: &[FloatSample]) -> usize {
        let mut start = write_samples_header(self.record, Some(first));
        let mut zeros = 0;
        for sample in samples {
            let end = write_sample(self.record, start, first, *sample);
            let zeros_here = (sample.value.to_bits().trailing_zeros() / 8) as usize;
            let place = &mut self.cycle[sample.series.wrapping_sub(first.series) as usize % CYCLE];
            let before = std::mem::replace(place, start as u32) as usize;
            if zeros >= ZEROS && !self.copy_zeros(start, zeros, before) && zeros >= MANY_ZEROS {
                self.out.literal(self.record, start + 1 - zeros);
                self.out.copy(1, zeros - 1, true);
            }
            self.copy_similar(start + 1, end - zeros_here.min(ZEROS));
            // As many as are not copied yet.
            zeros = zeros_here.min(end - self.out.done);
            start = end;
        }
        start
    }

    /// Copies the zeros at the end of a value with the byte that follows at `start`, as they are at the place `before`.
    #[inline(always)]
    fn copy_zeros(&mut self, start: usize, zeros: usize, before: usize) -> bool {
        let here = start - ZEROS;
        let there = before.saturating_sub(ZEROS);
        if here - there >= REACH || self.four(there) != self.four(here) {
            return false;
        }
        let same = (self.eight(here - 8) ^ self.eight(there - 8)).leading_zeros() / 8;
        let more = (same as usize).min(zeros - ZEROS);
        self.out.literal(self.record, here - more);
        self.out.copy(here - there, SHORTEST + more, true);
        true
    }

    /// Copies what follows the first byte of a reference if it has been before, at most up to `end`. Next to a copy without a
    /// branch, as there is no telling whether it has.
    #[inline(always)]
    fn copy_similar(&mut self, here: usize, end: usize) {
        let value = [self.record[here + SHORTEST - 2], self.record[here + SHORTEST - 1]];
        let place = &mut self.similar[usize::from(value[0] ^ value[1])];
        let there = std::mem::replace(place, here as u32) as usize;
        let same = (self.eight(here + SHORTEST) ^ self.eight(there + SHORTEST)).trailing_zeros() / 8;
        let len = (SHORTEST + same as usize).min(end - here).min(LONGEST);
        let is_same = here - there < REACH && self.four(there) == self.four(here);
        if self.out.done == here {
            self.out.copy(here - there, len, is_same);
        } else if is_same && len >= WORTH_A_LITERAL {
            self.out.literal(self.record, here);
            self.out.copy(here - there, len, true);
        }
    }

    #[inline(always)]
    fn four(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.record[at..at + 4]);
        u32::from_le_bytes(bytes)
    }

    #[inline(always)]
    fn eight(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.record[at..at + 8]);
        u64::from_le_bytes(bytes)
    }
}

/// The pieces of a block: bytes as they are, and copies of earlier ones.
struct Pieces<'a> {
    block: &'a mut [u8],
    at: usize,
    /// Bytes of the record that are in the block.
    done: usize,
}

impl Pieces<'_> {
    /// Adds the record's bytes up to `end` as they are.
    #[inline(always)]
    fn literal(&mut self, record: &[u8], end: usize) {
        let len = end - self.done;
        if len > WIDE {
            self.long_literal(&record[self.done..end]);
        } else {
            let room = &mut self.block[self.at..self.at + 1 + WIDE];
            room[0] = (len as u8).wrapping_sub(1) << 2;
            room[1..].copy_from_slice(&record[self.done..self.done + WIDE]);
            self.at += len + usize::from(len > 0);
        }
        self.done = end;
    }

    #[inline(never)]
    fn long_literal(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(LITERAL) {
            let len = part.len();
            self.block[self.at] = 60 << 2;
            self.block[self.at + 1] = (len - 1) as u8;
            self.block[self.at + 2..][..len].copy_from_slice(part);
            self.at += 2 + len;
        }
    }

    /// Adds a copy of what was `distance` bytes before, if that is wanted.
    #[inline(always)]
    fn copy(&mut self, distance: usize, len: usize, is_wanted: bool) {
        let first = (distance >> 8) as u8 & 0b111;
        let piece = [first << 5 | (len.wrapping_sub(SHORTEST) as u8 & 0b111) << 2 | 1, distance as u8];
        self.block[self.at..self.at + 2].copy_from_slice(&piece);
        self.at += 2 * usize::from(is_wanted);
        self.done += len * usize::from(is_wanted);
    }
}

#[cfg(test)]
mod tests {
    use metrics_core::STALE_NAN;
    use proptest::prelude::*;

    use super::super::record::put_samples;
    use super::*;

    /// What a reader makes of the block is the record. Returns the length of the block.
    fn assert_same(encoder: &mut SampleBlock, samples: &[FloatSample]) -> usize {
        let mut expected = Vec::new();
        put_samples(&mut expected, samples.iter().copied());
        let RecordAndBlock { record, block } = encoder.encode(samples);
        assert!(record == expected);
        let decoded = snap::raw::Decoder::new().decompress_vec(block).unwrap();
        assert!(decoded == expected);
        block.len()
    }

    fn neighbours(first: u64, step: u64, values: &[f64]) -> Vec<FloatSample> {
        let sample = |(i, value): (u64, &f64)| FloatSample {
            series: first.wrapping_add(i.wrapping_mul(step)),
            timestamp: 1_700_000_000_000,
            value: *value,
        };
        (0..).zip(values).map(sample).collect()
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (0i64..300).prop_map(|n| n as f64),
            3 => (0i64..1 << 40).prop_map(|n| n as f64),
            2 => (0i64..100_000).prop_map(|n| n as f64 / 100.0),
            1 => any::<u64>().prop_map(f64::from_bits),
            2 => prop::sample::select(vec![STALE_NAN, 0.0, -0.0, 1.0, f64::INFINITY]),
        ]
    }

    proptest! {
        #[test]
        fn a_block_holds_the_record(
            runs in proptest::collection::vec(
                (any::<u64>(), 0u64..3, any::<i64>(), proptest::collection::vec(value(), 0..400)), 0..4),
        ) {
            let mut encoder = SampleBlock::default();
            let mut all = Vec::new();
            for (first, step, timestamp, values) in runs {
                let mut samples = neighbours(first, step, &values);
                assert_same(&mut encoder, &samples);
                samples.iter_mut().for_each(|s| s.timestamp = timestamp);
                all.extend(samples);
            }
            assert_same(&mut encoder, &all);
        }
    }

    /// A value without any order.
    fn noise(i: u64) -> f64 {
        let z = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        f64::from_bits(z ^ z >> 27)
    }

    /// Beside a compressor that looks everywhere.
    #[test]
    fn blocks_are_little_longer_than_others() {
        let compare = |value: &dyn Fn(u64) -> f64| {
            let values: Vec<f64> = (0..1000).map(value).collect();
            let samples = neighbours(7, 1, &values);
            let mut record = Vec::new();
            put_samples(&mut record, samples.iter().copied());
            let other = snap::raw::Encoder::new().compress_vec(&record).unwrap().len();
            let len = assert_same(&mut SampleBlock::default(), &samples);
            assert!(len * 5 < other * 6, "{len} {other}");
        };
        compare(&|_| 0.0);
        compare(&|_| 1.0);
        compare(&|i| (i % 5) as f64);
        compare(&|i| (i * 7919 % 600) as f64);
        compare(&|i| (i * 7919 % 800_000) as f64);
        compare(&noise);
    }

    #[test]
    fn what_does_not_shrink_is_written_as_it_is() {
        let mut encoder = SampleBlock::default();
        assert_eq!(encoder.encode(&neighbours(7, 1, &[0.1, 0.7, 1.3])).smaller().1, Compression::None);
        assert_eq!(encoder.encode(&neighbours(7, 1, &[0.0; 300])).smaller().1, Compression::Snappy);
        assert_eq!(encoder.encode(&[]).smaller().0, [2]);
    }
}
