//! Float samples in few bytes: our own kind of record, for logs that no other program has to read.
//!
//! Samples whose references follow each other and that share a timestamp make a stretch, which says both once. A value is the
//! difference to what its series said last in the segment, both as integers times a power of ten; what is no such
//! integer is written as it is. The layout is drawn in `docs/format.md`.

use super::last_values::{BITS, LastValue, LastValues, PAGE};
use super::record::{FloatSample, RecordError, RecordKind, open};
use crate::codec::{Reader, put_uvarint, put_varint, unzigzag, zigzag};
use crate::decimal::{EXPONENTS, float, integer};

/// Flag: what was said before in the segment is forgotten.
const FRESH: u8 = 1;

/// The code of a value: up to here, the bytes of the difference. None is the same value again.
const MAX_DIFFERENCE: u8 = 7;
/// The float's bits follow.
const RAW: u8 = 8;
/// An exponent follows, and an integer in `code - 8` bytes.
const INTEGER: u8 = 8;

/// Exponents that are tried for the values of a series that had none before.
const FEW_EXPONENTS: u8 = 4;

/// Most bytes of a value: an exponent and an integer of seven, or the float's bits.
const MAX_VALUE: usize = 8;
/// Numbers are stored in eight bytes, whatever they need, behind an exponent.
const SLACK: usize = 9;

/// Writes records of samples.
#[derive(Debug)]
pub(super) struct DenseEncoder {
    last: LastValues,
    is_fresh: bool,
}

impl Default for DenseEncoder {
    fn default() -> Self {
        Self { last: LastValues::default(), is_fresh: true }
    }
}

impl DenseEncoder {
    /// Starts anew: at the start of a segment, and when records were encoded but not written.
    pub(super) fn forget(&mut self) {
        self.last.forget();
        self.is_fresh = true;
    }

    /// Adds a record of samples to a buffer. All records go into the log, in this order.
    pub(super) fn encode(&mut self, record: &mut Vec<u8>, samples: &[FloatSample]) {
        record.push(RecordKind::DenseSamples as u8);
        record.push(if std::mem::take(&mut self.is_fresh) { FRESH } else { 0 });
        let (mut time, mut next) = (0i64, 0u64);
        for stretch in samples.chunk_by(follows) {
            let first = stretch[0];
            put_uvarint(record, stretch.len() as u64);
            put_varint(record, first.timestamp.wrapping_sub(time));
            put_varint(record, first.series.wrapping_sub(next) as i64);
            (time, next) = (first.timestamp, first.series.wrapping_add(stretch.len() as u64));
            self.put_values(record, stretch);
        }
    }

    fn put_values(&mut self, record: &mut Vec<u8>, stretch: &[FloatSample]) {
        let codes = record.len();
        let mut at = codes + stretch.len().div_ceil(2);
        record.resize(at + stretch.len() * MAX_VALUE + SLACK, 0);
        let mut i = 0;
        for part in stretch.chunk_by(|a, b| a.series / PAGE == b.series / PAGE) {
            let mut page = self.last.page(part[0].series);
            for sample in part {
                let mut last = page.get(sample.series);
                let code;
                (code, at) = put_value(record, at, &mut last, sample.value);
                page.set(sample.series, last);
                record[codes + i / 2] |= code << (i % 2 * 4);
                i += 1;
            }
        }
        record.truncate(at);
    }
}

/// Whether a sample belongs to the stretch of the one before it.
#[inline]
fn follows(a: &FloatSample, b: &FloatSample) -> bool {
    a.timestamp == b.timestamp && a.series.checked_add(1) == Some(b.series)
}

/// Writes a value. Returns its code and the place behind it.
#[inline]
fn put_value(room: &mut [u8], at: usize, last: &mut LastValue, value: f64) -> (u8, usize) {
    if last.exponent < EXPONENTS
        && let Some(n) = integer(value, last.exponent)
    {
        let difference = zigzag(n.wrapping_sub(last.word as i64));
        last.word = n as u64;
        put_number(room, at, difference);
        let len = byte_len(difference);
        return (len as u8, at + len);
    }
    put_other_value(room, at, last, value)
}

/// Writes a value that does not differ from the last by an integer.
fn put_other_value(room: &mut [u8], at: usize, last: &mut LastValue, value: f64) -> (u8, usize) {
    let bits = value.to_bits();
    if last.exponent == BITS && last.word == bits {
        return (0, at);
    }
    // What was no decimal before is hardly one now, and looking takes time.
    let exponents = if last.exponent == BITS { FEW_EXPONENTS } else { EXPONENTS };
    match (0..exponents).find_map(|e| Some((e, integer(value, e)?))) {
        Some((exponent, n)) => {
            *last = LastValue { word: n as u64, exponent };
            let number = zigzag(n);
            let len = byte_len(number).max(1);
            room[at] = exponent;
            put_number(room, at + 1, number);
            (INTEGER + len as u8, at + 1 + len)
        }
        None => {
            *last = LastValue { word: bits, exponent: BITS };
            put_number(room, at, bits);
            (RAW, at + 8)
        }
    }
}

#[inline]
fn put_number(room: &mut [u8], at: usize, number: u64) {
    room[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

#[inline]
fn byte_len(number: u64) -> usize {
    (64 - number.leading_zeros() as usize).div_ceil(8)
}

/// Reads records of samples, all of a segment in their order.
#[derive(Debug, Default)]
pub(super) struct DenseDecoder {
    last: LastValues,
    /// A record was missed, so that differences mean nothing until one starts afresh.
    is_lost: bool,
}

impl DenseDecoder {
    /// Starts anew, at the start of a segment.
    pub(super) fn forget(&mut self) {
        self.last.forget();
        self.is_lost = false;
    }

    /// Appends the samples of a record to a list.
    pub(super) fn decode(&mut self, record: &[u8], into: &mut Vec<FloatSample>) -> Result<(), RecordError> {
        let result = self.decode_stretches(record, into);
        self.is_lost |= result.is_err();
        result
    }

    fn decode_stretches(&mut self, record: &[u8], into: &mut Vec<FloatSample>) -> Result<(), RecordError> {
        let mut r = open(record, &[RecordKind::DenseSamples])?;
        if r.u8()? & FRESH != 0 {
            self.forget();
        }
        if self.is_lost {
            return Err(r.malformed("whole records before it").into());
        }
        let (mut time, mut next) = (0i64, 0u64);
        while !r.is_empty() {
            let count = r.uvarint()?;
            time = time.wrapping_add(r.varint()?);
            let first = next.wrapping_add_signed(r.varint()?);
            next = first.wrapping_add(count);
            // Every sample has half a byte at least.
            let count = usize::try_from(count).ok().filter(|n| n.div_ceil(2) <= r.remaining());
            let count = count.ok_or_else(|| r.malformed("as many samples as the rest can hold"))?;
            self.take_values(
                &mut r,
                FloatSample { series: first, timestamp: time, value: 0.0 },
                count,
                into,
            )?;
        }
        Ok(())
    }

    /// Reads the values of a stretch.
    fn take_values(
        &mut self,
        r: &mut Reader<'_>,
        first: FloatSample,
        count: usize,
        into: &mut Vec<FloatSample>,
    ) -> Result<(), RecordError> {
        let codes = r.take(count.div_ceil(2), "codes of all values")?;
        into.reserve(count);
        let mut done = 0;
        while done < count {
            let series = first.series.wrapping_add(done as u64);
            let in_page = ((PAGE - series % PAGE) as usize).min(count - done);
            let mut page = self.last.page(series);
            for i in done..done + in_page {
                let series = first.series.wrapping_add(i as u64);
                let code = codes[i / 2] >> (i % 2 * 4) & 0xf;
                let mut last = page.get(series);
                let value = take_value(r, code, &mut last)?;
                page.set(series, last);
                into.push(FloatSample { series, value, ..first });
            }
            done += in_page;
        }
        Ok(())
    }
}

#[inline]
fn take_value(r: &mut Reader<'_>, code: u8, last: &mut LastValue) -> Result<f64, RecordError> {
    if code <= MAX_DIFFERENCE && last.exponent < EXPONENTS {
        let difference = unzigzag(r.number(code)?);
        last.word = last.word.wrapping_add_signed(difference);
        return Ok(float(last.word as i64, last.exponent));
    }
    take_other_value(r, code, last)
}

fn take_other_value(r: &mut Reader<'_>, code: u8, last: &mut LastValue) -> Result<f64, RecordError> {
    match code {
        0 if last.exponent == BITS => {}
        0..=MAX_DIFFERENCE => return Err(r.malformed("a series that said something before").into()),
        RAW => *last = LastValue { word: r.number(8)?, exponent: BITS },
        _ => {
            let exponent = r.u8()?;
            if exponent >= EXPONENTS {
                return Err(r.malformed("an exponent before here").into());
            }
            *last = LastValue { word: unzigzag(r.number(code - INTEGER)?) as u64, exponent };
            return Ok(float(last.word as i64, exponent));
        }
    }
    Ok(f64::from_bits(last.word))
}

#[cfg(test)]
#[path = "dense_record_tests.rs"]
mod tests;
