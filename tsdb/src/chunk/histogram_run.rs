//! Histograms that share a chunk: which may follow which.
//!
//! They are encoded as they come. A chunk has one layout. A histogram with other buckets is fitted in by adding empty buckets, to it or to those before
//! it; one that cannot be fitted starts a new chunk, and the header of that says why.

use metrics_core::histogram::ResetHint;
use metrics_core::{FloatHistogram, Histogram, is_stale};

use super::bits::BitWriter;
use super::layout::{Layout, Merge, bucket_count};
use super::starts::StartTimes;
use super::{ChunkError, SHORT_COUNT, float_histogram, histogram, sample_count};

/// The bits of a histogram chunk's third byte that tell of counter resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ResetHeader {
    #[default]
    Unknown,
    Reset,
    NotReset,
    Gauge,
}

impl ResetHeader {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Reset => 0b1000_0000,
            Self::NotReset => 0b0100_0000,
            Self::Gauge => 0b1100_0000,
        }
    }

    /// A chunk that has nothing but its header; the number of samples is set when it is complete.
    pub(super) fn start(self) -> BitWriter {
        let mut bits = BitWriter::new();
        bits.put(0, 16);
        bits.put(u64::from(self.byte()), 8);
        bits
    }

    /// What a reader may say of sample number `i`. Nobody knows whether the chunk before is the one that was there
    /// when this one was written, so the first sample of a counter says nothing.
    pub(super) fn hint(flags: u8, i: u16) -> ResetHint {
        match (flags & Self::Gauge.byte() == Self::Gauge.byte(), i) {
            (true, _) => ResetHint::Gauge,
            (false, 0) => ResetHint::Unknown,
            (false, _) => ResetHint::NotReset,
        }
    }
}

/// What stands before the layout of a histogram chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) samples: u16,
    /// The bits that tell of counter resets.
    pub(super) flags: u8,
    pub(super) starts: StartTimes,
}

impl Header {
    /// Number of samples, and flags; or both in two bytes and which samples have start timestamps.
    pub(super) const LEN: usize = 3;

    /// Reads the header; `None` of a chunk without samples.
    pub(super) fn read(chunk: &[u8], with_starts: bool) -> Result<Option<Self>, ChunkError> {
        let count = sample_count(chunk)?;
        let (samples, first) =
            if with_starts { (count & SHORT_COUNT, (count >> 8) as u8) } else { (count, 0) };
        match chunk.get(2) {
            _ if samples == 0 => Ok(None),
            None => Err(ChunkError::Truncated { len: chunk.len(), samples }),
            Some(third) if with_starts => {
                Ok(Some(Self { samples, flags: first, starts: StartTimes::of(*third) }))
            }
            Some(third) => Ok(Some(Self { samples, flags: *third, starts: StartTimes::of(0) })),
        }
    }
}

/// What counts are made of.
pub(super) trait Count: PartialOrd + Default + Copy {
    /// How histograms with such counts are encoded.
    type Writer: RowWriter<Self>;
    /// What a header says of a chunk behind another: the field's writers of float counts know of resets only.
    fn header_after(fit: Fit) -> ResetHeader;
    /// What a header says of a chunk that had to be started.
    fn header_of_refused(fit: Fit) -> ResetHeader;
}

/// Encodes the histograms of one chunk, all of one layout.
pub(super) trait RowWriter<C> {
    /// Begins a chunk.
    fn new(header: ResetHeader, layout: &Layout, first: &Row<C>) -> Self;
    /// Adds a histogram.
    fn push(&mut self, row: &Row<C>);
    /// What is written so far, without the number of samples.
    fn bits(&self) -> &BitWriter;
    /// The histograms of a chunk.
    fn read(chunk: &[u8]) -> Result<Vec<Row<C>>, ChunkError>;
}

/// Why a histogram did not fit behind another, or that it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Grown,
    Reset,
    /// The two cannot be compared.
    Other,
    /// The one before is a gauge.
    AfterGauge,
}

impl Count for u64 {
    type Writer = histogram::Writer;

    fn header_after(fit: Fit) -> ResetHeader {
        match fit {
            Fit::Grown | Fit::AfterGauge => ResetHeader::NotReset,
            Fit::Reset => ResetHeader::Reset,
            Fit::Other => ResetHeader::Unknown,
        }
    }

    fn header_of_refused(fit: Fit) -> ResetHeader {
        Self::header_after(fit)
    }
}

impl Count for f64 {
    type Writer = float_histogram::Writer;

    fn header_after(fit: Fit) -> ResetHeader {
        if fit == Fit::Reset { ResetHeader::Reset } else { ResetHeader::NotReset }
    }

    fn header_of_refused(fit: Fit) -> ResetHeader {
        if fit == Fit::Reset { ResetHeader::Reset } else { ResetHeader::Unknown }
    }
}

/// A histogram's numbers, without its layout; buckets hold their own counts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row<C> {
    pub(super) timestamp: i64,
    pub(super) count: C,
    pub(super) zero_count: C,
    pub(super) sum: f64,
    pub(super) positive: Vec<C>,
    pub(super) negative: Vec<C>,
}

impl<C> Row<C> {
    pub(super) fn is_stale(&self) -> bool {
        is_stale(self.sum)
    }
}

/// A histogram as a row, its layout, and what it says of resets.
#[derive(Debug, Clone)]
pub(super) struct Candidate<C> {
    pub(super) row: Row<C>,
    pub(super) layout: Layout,
    pub(super) hint: ResetHint,
}

impl Candidate<u64> {
    pub(super) fn of_integers(timestamp: i64, h: &Histogram) -> Self {
        let absolute = |deltas: &[i64]| {
            let sum = |count: &mut i64, delta: &i64| {
                *count = count.wrapping_add(*delta);
                Some(*count as u64)
            };
            deltas.iter().scan(0i64, sum).collect()
        };
        let row = Row {
            timestamp,
            count: h.count,
            zero_count: h.zero_count,
            sum: h.sum,
            positive: absolute(&h.positive_buckets),
            negative: absolute(&h.negative_buckets),
        };
        let layout = Layout {
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            positive: h.positive_spans.clone(),
            negative: h.negative_spans.clone(),
            custom_values: h.custom_values.clone(),
        };
        Self::new(row, layout, h.reset_hint)
    }
}

impl Candidate<f64> {
    pub(super) fn of_floats(timestamp: i64, h: &FloatHistogram) -> Self {
        let row = Row {
            timestamp,
            count: h.count,
            zero_count: h.zero_count,
            sum: h.sum,
            positive: h.positive_buckets.clone(),
            negative: h.negative_buckets.clone(),
        };
        let layout = Layout {
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            positive: h.positive_spans.clone(),
            negative: h.negative_spans.clone(),
            custom_values: h.custom_values.clone(),
        };
        Self::new(row, layout, h.reset_hint)
    }
}

impl<C: Count> Candidate<C> {
    fn new(mut row: Row<C>, mut layout: Layout, hint: ResetHint) -> Self {
        if row.is_stale() {
            // Of a staleness marker nothing but the marker is kept.
            layout = Layout::default();
            row = Row {
                count: C::default(),
                zero_count: C::default(),
                positive: vec![],
                negative: vec![],
                ..row
            };
        }
        // As many counts as the layout has buckets, whatever the histogram said.
        row.positive.resize(bucket_count(&layout.positive), C::default());
        row.negative.resize(bucket_count(&layout.negative), C::default());
        Self { row, layout, hint }
    }
}

/// The histograms of one chunk to be.
#[derive(Debug)]
pub(super) struct Run<C: Count> {
    first_time: i64,
    samples: u16,
    end: RunEnd<C>,
    written: C::Writer,
}

/// The end of a run: what decides whether a histogram may follow.
#[derive(Debug, Clone)]
pub(super) struct RunEnd<C> {
    header: ResetHeader,
    layout: Layout,
    last: Row<C>,
}

/// What became of a histogram offered to a run.
pub(super) enum Offer<C: Count> {
    /// It is in.
    Taken,
    /// It starts a new run.
    Refused(Run<C>),
}

impl<C: Count> Run<C> {
    /// A run of one histogram, behind `previous` if that is known.
    pub(super) fn start(candidate: Candidate<C>, previous: Option<&RunEnd<C>>) -> Self {
        let header = match (candidate.hint, previous) {
            (ResetHint::Gauge, _) => ResetHeader::Gauge,
            (ResetHint::Reset, _) => ResetHeader::Reset,
            (_, Some(previous)) => {
                C::header_after(previous.fit_counter(&candidate).err().unwrap_or(Fit::Grown))
            }
            (_, None) => ResetHeader::Unknown,
        };
        Self::of(candidate, header)
    }

    fn of(candidate: Candidate<C>, header: ResetHeader) -> Self {
        let Candidate { row, layout, .. } = candidate;
        let written = C::Writer::new(header, &layout, &row);
        Self { first_time: row.timestamp, samples: 1, end: RunEnd { header, layout, last: row }, written }
    }

    pub(super) fn samples(&self) -> u16 {
        self.samples
    }

    /// Times of the first and last histogram.
    pub(super) fn ends(&self) -> (i64, i64) {
        (self.first_time, self.end.last.timestamp)
    }

    /// Bytes of the chunk so far.
    pub(super) fn len_bytes(&self) -> usize {
        self.written.bits().len_bytes()
    }

    /// The chunk so far.
    pub(super) fn chunk(&self) -> Vec<u8> {
        let mut bytes = self.written.bits().to_vec();
        bytes[..2].copy_from_slice(&self.samples.to_be_bytes());
        bytes
    }

    /// What the next run has to know of this one.
    pub(super) fn into_end(self) -> RunEnd<C> {
        self.end
    }

    /// Adds a histogram, or says how the next run starts.
    ///
    /// # Errors
    /// None: what was written here can be read.
    pub(super) fn offer(&mut self, candidate: Candidate<C>) -> Result<Offer<C>, ChunkError> {
        if candidate.hint == ResetHint::Gauge {
            match self.end.fit_gauge(&candidate) {
                Some(fit) => self.take(candidate, fit)?,
                None => return Ok(Offer::Refused(Self::of(candidate, ResetHeader::Gauge))),
            }
        } else {
            match self.end.fit_counter(&candidate) {
                Ok(fit) => self.take(candidate, fit)?,
                Err(fit) => return Ok(Offer::Refused(Self::of(candidate, C::header_of_refused(fit)))),
            }
        }
        Ok(Offer::Taken)
    }

    fn take(&mut self, candidate: Candidate<C>, fit: Option<(Merge, Merge)>) -> Result<(), ChunkError> {
        let mut row = candidate.row;
        if let Some((positive, negative)) = fit {
            row.positive = positive.place(&positive.second, &row.positive);
            row.negative = negative.place(&negative.second, &row.negative);
            if positive.adds_to_first() || negative.adds_to_first() {
                // The field keeps the spans of a histogram that has all buckets as they are.
                let spans = |merge: &Merge, own: Vec<_>| {
                    if merge.adds_to_second() { merge.spans.clone() } else { own }
                };
                self.end.layout.positive = spans(&positive, candidate.layout.positive);
                self.end.layout.negative = spans(&negative, candidate.layout.negative);
                self.widen(&positive, &negative)?;
            }
        }
        self.written.push(&row);
        self.samples += 1;
        self.end.last = row;
        Ok(())
    }

    /// Writes what is here anew, with the buckets that the layout has now. There is no staleness marker among it, since
    /// nothing but more of them follows one.
    fn widen(&mut self, positive: &Merge, negative: &Merge) -> Result<(), ChunkError> {
        let mut rows = C::Writer::read(&self.chunk())?.into_iter().map(|row| Row {
            positive: positive.place(&positive.first, &row.positive),
            negative: negative.place(&negative.first, &row.negative),
            ..row
        });
        if let Some(first) = rows.next() {
            self.written = C::Writer::new(self.end.header, &self.end.layout, &first);
            rows.for_each(|row| self.written.push(&row));
        }
        Ok(())
    }
}

impl<C: Count> RunEnd<C> {
    /// How a counter fits in: `None` for a marker, which has no buckets; otherwise why not.
    fn fit_counter(&self, candidate: &Candidate<C>) -> Result<Option<(Merge, Merge)>, Fit> {
        let last = &self.last;
        if self.header == ResetHeader::Gauge {
            return Err(Fit::AfterGauge);
        }
        if candidate.hint == ResetHint::Reset {
            return Err(Fit::Reset);
        }
        let (row, layout) = (&candidate.row, &candidate.layout);
        if row.is_stale() {
            return Ok(None);
        }
        if last.is_stale() {
            return Err(Fit::Other);
        }
        if row.count < last.count {
            return Err(Fit::Reset);
        }
        if !self.layout.is_same_scale(layout.schema, layout.zero_threshold) {
            return Err(Fit::Other);
        }
        if !self.layout.has_bounds(&layout.custom_values) || row.zero_count < last.zero_count {
            return Err(Fit::Reset);
        }
        let positive = Merge::new(&self.layout.positive, &layout.positive);
        let negative = Merge::new(&self.layout.negative, &layout.negative);
        if !positive.is_growth(&last.positive, &row.positive)
            || !negative.is_growth(&last.negative, &row.negative)
        {
            return Err(Fit::Reset);
        }
        Ok(Some((positive, negative)))
    }

    /// How a gauge fits in.
    fn fit_gauge(&self, candidate: &Candidate<C>) -> Option<Option<(Merge, Merge)>> {
        if self.header != ResetHeader::Gauge {
            return None;
        }
        let (row, layout) = (&candidate.row, &candidate.layout);
        if row.is_stale() {
            return Some(None);
        }
        let same = self.layout.is_same_scale(layout.schema, layout.zero_threshold)
            && self.layout.has_bounds(&layout.custom_values);
        if self.last.is_stale() || !same {
            return None;
        }
        Some(Some((
            Merge::new(&self.layout.positive, &layout.positive),
            Merge::new(&self.layout.negative, &layout.negative),
        )))
    }
}
