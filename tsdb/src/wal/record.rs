//! The records of the log: what one commit says. Histograms have a file of their own.
//!
//! Encoders append a whole record to a buffer; decoders append what a record holds to a list. Series go by
//! their reference in the head.

use std::fmt;

use metrics_core::{LabelSet, MetricType};

use crate::codec::{Malformed, Reader, put_bytes, put_uvarint, put_varint, zigzag};

/// What kind of things a record holds; the number is its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum RecordKind {
    /// New series and their labels.
    Series = 1,
    /// Float samples.
    Samples = 2,
    /// Deleted ranges.
    Tombstones = 3,
    /// Exemplars.
    Exemplars = 4,
    /// Chunks of late samples that reached the disk.
    MmapMarkers = 5,
    /// Type, unit and help.
    Metadata = 6,
    /// Histograms with integer counts.
    Histograms = 7,
    /// Histograms with float counts.
    FloatHistograms = 8,
    /// Histograms with integer counts and custom buckets.
    CustomHistograms = 9,
    /// Histograms with float counts and custom buckets.
    CustomFloatHistograms = 10,
    /// Float samples with start timestamps.
    SamplesV2 = 11,
    /// Histograms with integer counts and start timestamps.
    HistogramsV2 = 12,
    /// Histograms with float counts and start timestamps.
    FloatHistogramsV2 = 13,
    /// Float samples in few bytes: ours, far from the numbers that the field gives away.
    DenseSamples = 0xD0,
}

impl RecordKind {
    /// The kind of a record; `None` for kinds of a later version, which a reader steps over.
    pub fn of(record: &[u8]) -> Option<Self> {
        Some(match record.first()? {
            1 => Self::Series,
            2 => Self::Samples,
            3 => Self::Tombstones,
            4 => Self::Exemplars,
            5 => Self::MmapMarkers,
            6 => Self::Metadata,
            7 => Self::Histograms,
            8 => Self::FloatHistograms,
            9 => Self::CustomHistograms,
            10 => Self::CustomFloatHistograms,
            11 => Self::SamplesV2,
            12 => Self::HistogramsV2,
            13 => Self::FloatHistogramsV2,
            0xD0 => Self::DenseSamples,
            _ => return None,
        })
    }
}

/// A record that does not hold what its kind demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Byte within the record.
    pub offset: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log record, byte {}: expected {}", self.offset, self.expected)
    }
}

impl std::error::Error for RecordError {}

impl From<Malformed> for RecordError {
    fn from(m: Malformed) -> Self {
        Self { offset: m.at, expected: m.expected }
    }
}

/// A float sample of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloatSample {
    /// The series' reference.
    pub series: u64,
    /// When.
    pub timestamp: i64,
    /// What.
    pub value: f64,
}

/// A range of time deleted from a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    /// The series' reference.
    pub series: u64,
    /// First millisecond deleted.
    pub start: i64,
    /// Last millisecond deleted.
    pub end: i64,
}

/// An exemplar of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarRef {
    /// The series' reference.
    pub series: u64,
    /// When.
    pub timestamp: i64,
    /// What.
    pub value: f64,
    /// The exemplar's own labels.
    pub labels: LabelSet,
}

/// Type, unit and help of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataRef {
    /// The series' reference.
    pub series: u64,
    /// The kind of its metric.
    pub metric_type: MetricType,
    /// The unit, may be empty.
    pub unit: String,
    /// The help text, may be empty.
    pub help: String,
}

/// Says that the late samples of a series before this record are in a chunk on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MmapMarker {
    /// The series' reference.
    pub series: u64,
    /// Where the chunk lies: file number in the upper, offset in the lower 32 bits.
    pub chunk: u64,
}

/// Checks the first byte of a record.
pub(super) fn open<'a>(record: &'a [u8], kinds: &[RecordKind]) -> Result<Reader<'a>, RecordError> {
    let mut reader = Reader::new(record);
    let first = reader.u8()?;
    if kinds.iter().any(|k| *k as u8 == first) {
        Ok(reader)
    } else {
        Err(RecordError { offset: 0, expected: "a record of another kind" })
    }
}

fn put_labels(buf: &mut Vec<u8>, labels: &LabelSet) {
    // Each string stands behind its length, as it does in most sets.
    if let Some((count, prefixed)) = labels.as_prefixed() {
        put_uvarint(buf, count as u64);
        buf.extend_from_slice(prefixed);
        return;
    }
    put_uvarint(buf, labels.len() as u64);
    for (name, value) in labels {
        put_bytes(buf, name.as_bytes());
        put_bytes(buf, value.as_bytes());
    }
}

fn read_labels(r: &mut Reader<'_>) -> Result<LabelSet, RecordError> {
    let n = r.count(2)?;
    if let Some((labels, len)) = LabelSet::from_prefixed(n, r.peek()) {
        r.take(len, "labels that were read")?;
        return Ok(labels);
    }
    let mut pairs = Vec::with_capacity(n);
    for _ in 0..n {
        pairs.push((r.str()?, r.str()?));
    }
    // Sorted where an honest writer wrote them; a damaged record must not break the set's order.
    Ok(LabelSet::from_pairs(pairs))
}

/// Adds a record of new series.
pub fn put_series<'a>(buf: &mut Vec<u8>, series: impl IntoIterator<Item = (u64, &'a LabelSet)>) {
    buf.push(RecordKind::Series as u8);
    for (reference, labels) in series {
        buf.extend_from_slice(&reference.to_be_bytes());
        put_labels(buf, labels);
    }
}

/// Reads a record of new series.
///
/// # Errors
/// If the record is not one.
pub fn read_series(record: &[u8], into: &mut Vec<(u64, LabelSet)>) -> Result<(), RecordError> {
    let mut r = open(record, &[RecordKind::Series])?;
    while !r.is_empty() {
        into.push((r.u64()?, read_labels(&mut r)?));
    }
    Ok(())
}

/// Most bytes that a sample takes in a record: two varints and the value.
pub(super) const MAX_SAMPLE: usize = 10 + 10 + 8;
/// Bytes before the first sample of a record: kind, first reference, first time.
pub(super) const SAMPLES_HEADER: usize = 1 + 8 + 8;

/// Adds a record of float samples. References and times are stored as differences to the first.
pub fn put_samples(
    buf: &mut Vec<u8>,
    samples: impl IntoIterator<Item = FloatSample, IntoIter: ExactSizeIterator>,
) {
    let mut samples = samples.into_iter().peekable();
    // Room for the worst once, so that the loop need not ask the vector for every byte.
    let start = buf.len();
    buf.resize(start + SAMPLES_HEADER + samples.len() * MAX_SAMPLE, 0);
    let room = &mut buf[start..];
    let first = samples.peek().copied();
    let mut at = write_samples_header(room, first);
    if let Some(first) = first {
        for sample in samples {
            at = write_sample(room, at, first, sample);
        }
    }
    buf.truncate(start + at);
}

/// Writes what a record of samples begins with, at the start of a buffer with room for it. Returns the place behind.
pub(super) fn write_samples_header(room: &mut [u8], first: Option<FloatSample>) -> usize {
    room[0] = RecordKind::Samples as u8;
    let Some(first) = first else { return 1 };
    room[1..9].copy_from_slice(&first.series.to_be_bytes());
    room[9..SAMPLES_HEADER].copy_from_slice(&first.timestamp.to_be_bytes());
    SAMPLES_HEADER
}

/// Writes a sample into a buffer with room for [`MAX_SAMPLE`]. Returns the place behind.
#[inline(always)]
pub(super) fn write_sample(room: &mut [u8], at: usize, first: FloatSample, sample: FloatSample) -> usize {
    let room = &mut room[at..at + MAX_SAMPLE];
    let mut n = write_uvarint(room, 0, zigzag(sample.series.wrapping_sub(first.series) as i64));
    n = write_uvarint(room, n, zigzag(sample.timestamp.wrapping_sub(first.timestamp)));
    room[n..n + 8].copy_from_slice(&sample.value.to_bits().to_be_bytes());
    at + n + 8
}

#[inline(always)]
pub(super) fn write_uvarint(room: &mut [u8], mut at: usize, mut x: u64) -> usize {
    while x >= 0x80 {
        room[at] = x as u8 | 0x80;
        x >>= 7;
        at += 1;
    }
    room[at] = x as u8;
    at + 1
}

/// Reads a record of float samples, of either kind; start timestamps are dropped.
///
/// # Errors
/// If the record is not one.
pub fn read_samples(record: &[u8], into: &mut Vec<FloatSample>) -> Result<(), RecordError> {
    let mut r = open(record, &[RecordKind::Samples, RecordKind::SamplesV2])?;
    if r.is_empty() {
        return Ok(());
    }
    if record[0] == RecordKind::SamplesV2 as u8 {
        return read_samples_v2(r, into);
    }
    let (series, timestamp) = (r.u64()?, r.u64()? as i64);
    into.reserve(r.remaining() / 10);
    while !r.is_empty() {
        into.push(FloatSample {
            series: series.wrapping_add_signed(r.varint()?),
            timestamp: timestamp.wrapping_add(r.varint()?),
            value: r.f64()?,
        });
    }
    Ok(())
}

fn read_samples_v2(mut r: Reader<'_>, into: &mut Vec<FloatSample>) -> Result<(), RecordError> {
    let mut places = PlacesV2::default();
    while !r.is_empty() {
        let (series, timestamp) = places.next(&mut r)?;
        into.push(FloatSample { series, timestamp, value: r.f64()? });
    }
    Ok(())
}

/// References and times in records of the second version: references differ from the one before, times from
/// the first, and each is followed by a start timestamp.
#[derive(Debug, Default)]
pub(super) struct PlacesV2 {
    series: u64,
    first_time: Option<i64>,
}

impl PlacesV2 {
    pub(super) fn next(&mut self, r: &mut Reader<'_>) -> Result<(u64, i64), RecordError> {
        self.series = self.series.wrapping_add_signed(r.varint()?);
        let time = r.varint()?;
        match self.first_time {
            None => {
                self.first_time = Some(time);
                r.varint()?;
                Ok((self.series, time))
            }
            Some(first) => {
                // 0: no start timestamp; 1: the one before; otherwise it follows.
                if r.u8()? > 1 {
                    r.varint()?;
                }
                Ok((self.series, first.wrapping_add(time)))
            }
        }
    }
}

/// Adds a record of deleted ranges.
pub fn put_tombstones(buf: &mut Vec<u8>, tombstones: impl IntoIterator<Item = Tombstone>) {
    buf.push(RecordKind::Tombstones as u8);
    for t in tombstones {
        buf.extend_from_slice(&t.series.to_be_bytes());
        put_varint(buf, t.start);
        put_varint(buf, t.end);
    }
}

/// Reads a record of deleted ranges.
///
/// # Errors
/// If the record is not one.
pub fn read_tombstones(record: &[u8], into: &mut Vec<Tombstone>) -> Result<(), RecordError> {
    let mut r = open(record, &[RecordKind::Tombstones])?;
    while !r.is_empty() {
        into.push(Tombstone { series: r.u64()?, start: r.varint()?, end: r.varint()? });
    }
    Ok(())
}

/// Adds a record of exemplars.
pub fn put_exemplars<'a>(buf: &mut Vec<u8>, exemplars: impl IntoIterator<Item = &'a ExemplarRef>) {
    buf.push(RecordKind::Exemplars as u8);
    let mut base = None;
    for e in exemplars {
        let (series, timestamp) = *base.get_or_insert_with(|| {
            buf.extend_from_slice(&e.series.to_be_bytes());
            buf.extend_from_slice(&e.timestamp.to_be_bytes());
            (e.series, e.timestamp)
        });
        put_varint(buf, e.series.wrapping_sub(series) as i64);
        put_varint(buf, e.timestamp.wrapping_sub(timestamp));
        buf.extend_from_slice(&e.value.to_bits().to_be_bytes());
        put_labels(buf, &e.labels);
    }
}

/// Reads a record of exemplars.
///
/// # Errors
/// If the record is not one.
pub fn read_exemplars(record: &[u8], into: &mut Vec<ExemplarRef>) -> Result<(), RecordError> {
    let mut r = open(record, &[RecordKind::Exemplars])?;
    if r.is_empty() {
        return Ok(());
    }
    let (series, timestamp) = (r.u64()?, r.u64()? as i64);
    while !r.is_empty() {
        into.push(ExemplarRef {
            series: series.wrapping_add_signed(r.varint()?),
            timestamp: timestamp.wrapping_add(r.varint()?),
            value: r.f64()?,
            labels: read_labels(&mut r)?,
        });
    }
    Ok(())
}

/// Adds a record of chunks of late samples that reached the disk.
pub fn put_mmap_markers(buf: &mut Vec<u8>, markers: impl IntoIterator<Item = MmapMarker>) {
    buf.push(RecordKind::MmapMarkers as u8);
    for m in markers {
        buf.extend_from_slice(&m.series.to_be_bytes());
        buf.extend_from_slice(&m.chunk.to_be_bytes());
    }
}

/// Reads a record of chunks of late samples that reached the disk.
///
/// # Errors
/// If the record is not one.
pub fn read_mmap_markers(record: &[u8], into: &mut Vec<MmapMarker>) -> Result<(), RecordError> {
    let mut r = open(record, &[RecordKind::MmapMarkers])?;
    while !r.is_empty() {
        into.push(MmapMarker { series: r.u64()?, chunk: r.u64()? });
    }
    Ok(())
}

/// The types in the order of their numbers.
const METRIC_TYPES: [MetricType; 8] = [
    MetricType::Unknown,
    MetricType::Counter,
    MetricType::Gauge,
    MetricType::Histogram,
    MetricType::GaugeHistogram,
    MetricType::Summary,
    MetricType::Info,
    MetricType::StateSet,
];

/// Adds a record of type, unit and help.
pub fn put_metadata<'a>(buf: &mut Vec<u8>, metadata: impl IntoIterator<Item = &'a MetadataRef>) {
    buf.push(RecordKind::Metadata as u8);
    for m in metadata {
        put_uvarint(buf, m.series);
        let number = METRIC_TYPES.iter().position(|t| *t == m.metric_type).unwrap_or(0);
        buf.push(number as u8);
        put_uvarint(buf, 2);
        for (name, value) in [("UNIT", &m.unit), ("HELP", &m.help)] {
            put_bytes(buf, name.as_bytes());
            put_bytes(buf, value.as_bytes());
        }
    }
}

/// Reads a record of type, unit and help; fields of later versions are stepped over.
///
/// # Errors
/// If the record is not one.
pub fn read_metadata(record: &[u8], into: &mut Vec<MetadataRef>) -> Result<(), RecordError> {
    let mut r = open(record, &[RecordKind::Metadata])?;
    while !r.is_empty() {
        let series = r.uvarint()?;
        let number = usize::from(r.u8()?);
        let metric_type = METRIC_TYPES.get(number).copied().unwrap_or_default();
        let (mut unit, mut help) = (String::new(), String::new());
        for _ in 0..r.count(2)? {
            let (name, value) = (r.str()?, r.str()?);
            match name {
                "UNIT" => value.clone_into(&mut unit),
                "HELP" => value.clone_into(&mut help),
                _ => {}
            }
        }
        into.push(MetadataRef { series, metric_type, unit, help });
    }
    Ok(())
}
