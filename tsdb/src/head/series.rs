//! One series of the head: its open chunk, its closed chunks, and what may be appended.

use std::sync::Arc;

use metrics_core::{AppendError, FloatHistogram, Histogram, Timestamp, Value, is_stale};

use super::closed_chunk::{ChunkData, ClosedChunk};
use super::histograms::OpenHistograms;
use super::open_floats::OpenFloats;
use super::slab::{Chain, Slab};
use super::snapshot::KeptChunks;

/// Samples per chunk aimed at: the field's compromise between size and the cost of reading one sample.
pub(super) const SAMPLES_PER_CHUNK: u16 = 120;

/// The samples of one series. What an append does not touch is elsewhere.
#[derive(Debug, Default)]
pub(super) struct Series {
    floats: OpenFloats,
    /// Samples taken since the series was made, whether still here or not.
    taken: u32,
    /// The older bytes of the open chunk of floats.
    older: Chain,
    cold: Option<Box<Cold>>,
}

// One and a half lines of the cache: an append to one series loads half of the next, to which the next append is likely.
const _: () = assert!(size_of::<Series>() == 96);

/// What a series has once a chunk is closed, or that few series have.
#[derive(Debug, Default)]
struct Cold {
    closed: Vec<ClosedChunk>,
    /// How many of the last closed chunks a snapshot found open: the next sample goes on with them.
    reopen: usize,
    histograms: Option<Box<OpenHistograms>>,
}

impl Cold {
    /// Bytes of everything.
    fn size(&self) -> usize {
        let histograms = self.histograms.as_ref().map_or(0, |open| open.size());
        size_of::<Self>() + self.closed.iter().map(ClosedChunk::size).sum::<usize>() + histograms
    }
}

/// What the series needs to know of its head.
#[derive(Debug, Clone, Copy)]
pub(super) struct CutRule {
    /// Chunks do not cross multiples of this many milliseconds.
    pub(super) chunk_range: i64,
}

impl CutRule {
    /// Milliseconds after its first sample at which a chunk ends at the latest.
    pub(super) fn cut_after(self, first: Timestamp) -> u32 {
        let end = end_of_range(first, self.chunk_range);
        u32::try_from(end.saturating_sub(first)).unwrap_or(u32::MAX)
    }
}

impl Series {
    /// Time of the newest sample.
    pub(super) fn last_time(&self) -> Option<Timestamp> {
        if !self.floats.is_empty() {
            return Some(self.floats.last());
        }
        let open = self.histograms().and_then(OpenHistograms::last_time);
        open.or_else(|| self.closed().last().map(|c| c.last))
    }

    /// Time of the oldest sample.
    pub(super) fn first_time(&self) -> Option<Timestamp> {
        if let Some(chunk) = self.closed().first() {
            return Some(chunk.first);
        }
        if !self.floats.is_empty() {
            return Some(self.floats.first());
        }
        self.histograms().and_then(OpenHistograms::first_time)
    }

    /// Samples taken since the series was made.
    #[inline]
    pub(super) fn taken(&self) -> u32 {
        self.taken
    }

    /// Whether a float may follow what is here; equal repeats of the newest sample may.
    pub(super) fn check_float(&self, timestamp: Timestamp, value: f64) -> Result<(), AppendError> {
        match self.last_time() {
            Some(last) if timestamp < last => Err(AppendError::OutOfOrder),
            Some(last) if timestamp == last => {
                let same = match self.newest_of_reopened() {
                    Some(newest) => matches!(newest, Value::Float(v) if v.to_bits() == value.to_bits()),
                    None => !self.floats.is_empty() && self.floats.last_value().to_bits() == value.to_bits(),
                };
                if same { Ok(()) } else { Err(AppendError::Duplicate) }
            }
            _ => Ok(()),
        }
    }

    /// Adds a float and reports whether it was taken: a sample that is not newer is dropped.
    #[inline]
    pub(super) fn push_float(
        &mut self,
        slab: &mut Slab,
        timestamp: Timestamp,
        value: f64,
        rule: CutRule,
    ) -> bool {
        if self.floats.is_empty() && !self.reopen(slab, rule) {
            if let Some(marker) = self.marker_in_place_of(value) {
                return self.push_histogram(slab, timestamp, marker, rule);
            }
            if !self.begin_floats(slab, timestamp, rule) {
                return false;
            }
        } else if timestamp <= self.floats.last() {
            return false;
        } else if self.floats.is_cut_due(timestamp) {
            self.accounted(slab, Self::close_floats);
            self.floats = OpenFloats::starting_at(timestamp, rule);
        }
        let older = &mut self.older;
        // A chunk is cut long before it is full.
        let taken = self.floats.push(timestamp, value, |bytes| slab.extend(older, bytes));
        self.taken = self.taken.wrapping_add(u32::from(taken));
        taken
    }

    /// The marker that says the same as a float where the newest sample is a histogram: scrapes mark what is gone with floats,
    /// whatever it was. As the original.
    pub(super) fn marker_in_place_of(&self, value: f64) -> Option<Value> {
        if !is_stale(value) || !self.floats.is_empty() {
            return None;
        }
        let is_integer = match (self.histograms(), self.closed().last()) {
            (Some(open), _) => matches!(open.newest(), Value::Histogram(_)),
            (None, Some(chunk)) => chunk.is_of_integers()?,
            (None, None) => return None,
        };
        Some(if is_integer {
            Value::Histogram(Arc::new(Histogram { sum: value, ..Histogram::default() }))
        } else {
            Value::FloatHistogram(Arc::new(FloatHistogram { sum: value, ..FloatHistogram::default() }))
        })
    }

    /// Begins a chunk of floats, where there is none, unless the sample is not newer than others.
    fn begin_floats(&mut self, slab: &mut Slab, timestamp: Timestamp, rule: CutRule) -> bool {
        if self.last_time().is_some_and(|last| timestamp <= last) {
            return false;
        }
        self.accounted(slab, |series, _| series.close_histograms());
        self.floats = OpenFloats::starting_at(timestamp, rule);
        true
    }

    /// Changes what is not in the slab, and has the slab note how much that is.
    fn accounted<R>(&mut self, slab: &mut Slab, change: impl FnOnce(&mut Self, &mut Slab) -> R) -> R {
        let size = |series: &Self| series.cold.as_ref().map_or(0, |cold| cold.size());
        let before = size(self);
        let result = change(self, slab);
        slab.note_elsewhere(before, size(self));
        result
    }

    /// Closes the open chunk of floats, if there is one.
    #[cold]
    fn close_floats(&mut self, slab: &mut Slab) {
        if let Some(chunk) = self.open_float_chunk(slab) {
            self.cold.get_or_insert_default().closed.push(chunk);
            self.forget_floats(slab);
        }
    }

    fn forget_floats(&mut self, slab: &mut Slab) {
        slab.release(&mut self.older);
        self.floats = OpenFloats::default();
    }

    /// Whether nothing of the series is in the slab.
    pub(super) fn has_no_bytes(&self) -> bool {
        self.older.len() == 0
    }

    /// A copy of the open chunk of floats, as if it were closed now.
    pub(super) fn open_float_chunk(&self, slab: &Slab) -> Option<ClosedChunk> {
        if self.floats.is_empty() {
            return None;
        }
        let mut bytes = Vec::with_capacity(self.older.len() + self.floats.tail().len());
        slab.copy(&self.older, &mut bytes);
        bytes.extend_from_slice(self.floats.tail());
        Some(ClosedChunk {
            first: self.floats.first(),
            last: self.floats.last(),
            samples: self.floats.samples(),
            data: ChunkData::Floats(bytes.into()),
        })
    }

    fn histograms(&self) -> Option<&OpenHistograms> {
        self.cold.as_ref()?.histograms.as_deref()
    }

    /// Closes the open chunk of histograms, if there is one.
    fn close_histograms(&mut self) {
        let Some(cold) = &mut self.cold else { return };
        let open = cold.histograms.take();
        cold.closed.extend(open.and_then(|open| open.to_chunk()).map(ClosedChunk::from));
    }

    /// Whether a histogram may follow what is here; equal repeats of the newest sample may.
    pub(super) fn check_histogram(&self, timestamp: Timestamp, value: &Value) -> Result<(), AppendError> {
        match self.last_time() {
            Some(last) if timestamp < last => Err(AppendError::OutOfOrder),
            Some(last) if timestamp == last => {
                let same = match self.newest_of_reopened() {
                    Some(newest) => is_same(&newest, value),
                    None => self.histograms().is_some_and(|open| is_same(open.newest(), value)),
                };
                if same { Ok(()) } else { Err(AppendError::Duplicate) }
            }
            _ => Ok(()),
        }
    }

    /// Adds a histogram and reports whether it was taken: a sample that is not newer is dropped.
    pub(super) fn push_histogram(
        &mut self,
        slab: &mut Slab,
        timestamp: Timestamp,
        value: Value,
        rule: CutRule,
    ) -> bool {
        if self.last_time().is_some_and(|last| timestamp <= last) {
            return false;
        }
        if self.histograms().is_none() {
            self.reopen(slab, rule);
        }
        let taken = self.accounted(slab, |series, slab| series.add_histogram(slab, timestamp, value, rule));
        self.taken = self.taken.wrapping_add(u32::from(taken));
        taken
    }

    fn add_histogram(&mut self, slab: &mut Slab, timestamp: Timestamp, value: Value, rule: CutRule) -> bool {
        self.close_floats(slab);
        if self.histograms().is_some_and(|h| !h.is_kind_of(&value)) {
            self.close_histograms();
        }
        let Cold { closed, histograms, .. } = &mut **self.cold.get_or_insert_default();
        let appended = match histograms {
            Some(open) => open.push(timestamp, value, rule).map(|ended| {
                closed.extend(ended.into_iter().map(ClosedChunk::from));
            }),
            None => OpenHistograms::new(timestamp, value, rule).map(|open| {
                *histograms = Some(Box::new(open));
            }),
        };
        appended.is_ok()
    }

    /// Chunks that take no more samples, oldest first.
    pub(super) fn closed(&self) -> &[ClosedChunk] {
        self.cold.as_ref().map_or(&[], |cold| &cold.closed)
    }

    /// How many chunks there are, open ones included.
    pub(super) fn chunk_count(&self) -> usize {
        self.closed().len() + usize::from(!self.floats.is_empty()) + usize::from(self.histograms().is_some())
    }

    /// All chunks with samples in `first ..= last`, open ones copied, oldest first.
    pub(super) fn chunks(&self, slab: &Slab, first: Timestamp, last: Timestamp) -> Vec<ClosedChunk> {
        let overlaps = |c: &ClosedChunk| c.first <= last && first <= c.last;
        let mut all: Vec<ClosedChunk> = self.closed().iter().filter(|c| overlaps(c)).cloned().collect();
        all.extend(self.open_float_chunk(slab).filter(overlaps));
        let histograms = self.histograms().and_then(OpenHistograms::to_chunk);
        all.extend(histograms.map(ClosedChunk::from).filter(overlaps));
        all
    }

    /// All chunks for a snapshot.
    pub(super) fn keep(&self, slab: &Slab) -> KeptChunks {
        let chunks = self.chunks(slab, Timestamp::MIN, Timestamp::MAX);
        let reopen = self.cold.as_ref().map_or(0, |cold| cold.reopen);
        let open = chunks.len() - self.closed().len() + reopen;
        KeptChunks { chunks, open }
    }

    /// Takes what a snapshot kept of a series that is empty yet.
    pub(super) fn restore(&mut self, slab: &mut Slab, kept: KeptChunks) {
        if !kept.chunks.is_empty() {
            let cold = Box::new(Cold { closed: kept.chunks, reopen: kept.open, histograms: None });
            self.accounted(slab, |series, _| series.cold = Some(cold));
        }
    }

    /// Goes on with chunks that a snapshot found open: only now, since most series may wait for their next sample, and a
    /// start must not. Returns whether there is an open chunk of floats then.
    #[inline]
    fn reopen(&mut self, slab: &mut Slab, rule: CutRule) -> bool {
        match &mut self.cold {
            Some(cold) if cold.reopen > 0 => self.reopen_last(slab, rule),
            _ => false,
        }
    }

    #[cold]
    fn reopen_last(&mut self, slab: &mut Slab, rule: CutRule) -> bool {
        let Some(cold) = &mut self.cold else { return false };
        let first = cold.closed.len().saturating_sub(std::mem::take(&mut cold.reopen));
        let mut samples = Vec::new();
        if cold.closed[first..].iter().any(|chunk| chunk.samples(&mut samples).is_err()) {
            // They stay closed as they are, and whoever reads them will tell.
            return false;
        }
        self.accounted(slab, |series, _| {
            if let Some(cold) = &mut series.cold {
                cold.closed.truncate(first);
            }
        });
        let taken = self.taken;
        for (timestamp, value) in samples {
            match value {
                Value::Float(v) => self.push_float(slab, timestamp, v, rule),
                other => self.push_histogram(slab, timestamp, other, rule),
            };
        }
        // They were counted before.
        self.taken = taken;
        !self.floats.is_empty()
    }

    /// The newest sample, if it is in a chunk that waits to be reopened.
    fn newest_of_reopened(&self) -> Option<Value> {
        let cold = self.cold.as_ref().filter(|cold| cold.reopen > 0)?;
        let mut samples = Vec::new();
        cold.closed.last()?.samples(&mut samples).ok()?;
        samples.pop().map(|(_, value)| value)
    }

    /// Drops chunks that end before `mint`. Returns whether nothing is left.
    pub(super) fn truncate(&mut self, slab: &mut Slab, mint: Timestamp) -> bool {
        self.accounted(slab, |series, slab| series.drop_before(slab, mint));
        self.first_time().is_none()
    }

    fn drop_before(&mut self, slab: &mut Slab, mint: Timestamp) {
        if !self.floats.is_empty() && self.floats.last() < mint {
            self.forget_floats(slab);
        }
        if let Some(cold) = &mut self.cold {
            cold.closed.retain(|c| c.last >= mint);
            cold.reopen = cold.reopen.min(cold.closed.len());
            let is_old = |h: &OpenHistograms| h.last_time().is_none_or(|last| last < mint);
            cold.histograms = cold.histograms.take().filter(|h| !is_old(h));
            if cold.closed.is_empty() && cold.histograms.is_none() {
                self.cold = None;
            } else {
                cold.closed.shrink_to_fit();
            }
        }
    }
}

/// Equal to the bit, so that a staleness marker equals itself.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Histogram(a), Value::Histogram(b)) => a.to_float().same_data(&b.to_float()),
        (Value::FloatHistogram(a), Value::FloatHistogram(b)) => a.same_data(b),
        _ => false,
    }
}

/// The end of the aligned range that a time lies in, itself outside.
pub(super) fn end_of_range(timestamp: Timestamp, range: i64) -> Timestamp {
    timestamp.div_euclid(range).saturating_add(1).saturating_mul(range)
}

#[cfg(test)]
mod tests {
    use metrics_core::STALE_NAN;
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::Encoding;
    use crate::chunk::xor::XorAppender;

    const HOUR: i64 = 3_600_000;
    const RULE: CutRule = CutRule { chunk_range: 2 * HOUR };

    fn filled(step: i64, samples: i64) -> (Series, Slab) {
        let (mut series, mut slab) = Default::default();
        for i in 0..samples {
            assert!(Series::push_float(&mut series, &mut slab, i * step, i as f64, RULE));
        }
        (series, slab)
    }

    #[test]
    fn chunks_hold_120_samples_and_end_with_the_block() {
        let (series, slab) = filled(15_000, 961);
        let sizes: Vec<_> = series.closed().iter().map(|c| (c.first, c.samples)).collect();
        let expected: Vec<_> = (0..8).map(|i| (i * HOUR / 2, 120)).collect();
        assert_eq!(sizes, expected);
        let open = series.open_float_chunk(&slab).unwrap();
        assert_eq!((open.samples, open.first), (1, 4 * HOUR));
    }

    #[test]
    fn a_faster_rate_cuts_at_twice_the_size() {
        let (mut series, mut slab) = filled(15_000, 31);
        for i in 0..1000 {
            assert!(series.push_float(&mut slab, 31 * 15_000 + i, 1.0, RULE));
        }
        let sizes: Vec<_> = series.closed().iter().map(|c| c.samples).collect();
        // The next chunks know the new rate.
        assert_eq!(sizes[0], 2 * SAMPLES_PER_CHUNK);
        assert!(sizes.len() > 5 && sizes[1..].iter().all(|n| (120..125).contains(n)), "{sizes:?}");
    }

    proptest! {
        /// What a block gets does not tell how samples were kept in memory.
        #[test]
        fn chunks_become_the_bytes_of_the_field(
            samples in proptest::collection::vec((1i64..100_000, value()), 1..400)
        ) {
            let (mut series, mut slab) = <(Series, Slab)>::default();
            let (mut t, mut plain) = (0, Vec::new());
            for (step, value) in samples {
                t += step;
                prop_assert!(series.push_float(&mut slab, t, value, RULE));
                plain.push((t, value));
            }
            for chunk in series.chunks(&slab, i64::MIN, i64::MAX) {
                let mut expected = XorAppender::new();
                for (t, v) in plain.drain(..usize::from(chunk.samples)) {
                    expected.append(t, v).unwrap();
                }
                let encoded = chunk.encode().unwrap();
                prop_assert_eq!(encoded.encoding, Encoding::Xor);
                prop_assert_eq!(&encoded.bytes, &expected.finish());
            }
            prop_assert!(plain.is_empty());
        }
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            6 => (-50i64..5000).prop_map(|n| n as f64 / 100.0),
            3 => (0i64..1 << 50).prop_map(|n| n as f64),
            1 => any::<u64>().prop_map(f64::from_bits),
            1 => prop::sample::select(vec![STALE_NAN, f64::NAN, -0.0, f64::INFINITY, f64::NEG_INFINITY]),
        ]
    }

    #[test]
    fn only_newer_samples_and_equal_repeats_pass() {
        let (mut series, mut slab) = filled(1000, 10);
        assert!(series.check_float(9000, 9.0).is_ok());
        assert!(matches!(series.check_float(9000, 8.0), Err(AppendError::Duplicate)));
        assert!(matches!(series.check_float(8000, 8.0), Err(AppendError::OutOfOrder)));
        assert!(!series.push_float(&mut slab, 9000, 9.0, RULE));
        assert_eq!(series.taken(), 10);
    }

    #[test]
    fn truncation_keeps_chunks_that_reach_over_the_edge() {
        let (mut series, mut slab) = filled(15_000, 961);
        assert!(!series.truncate(&mut slab, HOUR));
        assert_eq!(series.first_time(), Some(HOUR));
        assert!(!series.truncate(&mut slab, HOUR + 1));
        assert_eq!(series.first_time(), Some(HOUR));
        assert!(series.truncate(&mut slab, 5 * HOUR));
        assert_eq!(series.last_time(), None);
    }
}
