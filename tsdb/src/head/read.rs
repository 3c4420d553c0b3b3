//! Finding and reading series in the head, as of one point between commits.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics_core::{Columns, Exemplar, LabelSet, Matcher, TimeRange, Timestamp};

use super::closed_chunk::{ChunkData, ClosedChunk};
use super::delete::encode_without;
use super::index::Index;
use super::out_of_order::LateSeries;
use super::series::Series;
use super::{Head, field_chunks};
use crate::block::Interval;
use crate::chain::append_chained;
use crate::chunk::{ChunkError, EncodedChunk};
use crate::merge::{append_chunk, append_columns, append_stream, take_out};
use crate::postings_match::{PostingsIndex, matching, sorted};

/// A series of the head as a reader may see it.
#[derive(Debug, Clone)]
pub(crate) struct HeadSeries {
    pub(crate) labels: LabelSet,
    slot: u32,
    /// How many samples the series had when the reader came; later ones are not for this reader.
    mark: u32,
    /// Samples that came late, by generations.
    late: Vec<Arc<LateSeries>>,
}

/// Younger than all generations of late samples.
const NO_LATE: u64 = u64::MAX;

impl Head {
    /// Series that match and have samples in the range, in no order. Late samples only of generations from `since` on.
    pub(crate) fn select(&self, matchers: &[Matcher], range: TimeRange, since: u64) -> Vec<HeadSeries> {
        if !self.overlaps(range) {
            return Vec::new();
        }
        let capture = {
            let _between_commits = self.commit.lock();
            self.captures.begin()
        };
        let slots = matching_slots(&self.index.read(), matchers);
        let mut found = Vec::with_capacity(slots.len());
        let late_samples = self.late.read().filter(|_| since != NO_LATE);
        for run in slots.chunk_by(|a, b| a / super::pages::PAGE == b / super::pages::PAGE) {
            let Some(page) = self.pages.get(run[0]) else { continue };
            let mut page = page.lock();
            for slot in run {
                let series = page.series(*slot);
                let mark = capture.taken_at_mark(*slot, series.taken());
                let late = match &late_samples {
                    Some(all) => all.of(*slot, since, &capture),
                    None => Vec::new(),
                };
                if series.may_have(range) || late.iter().any(|late| late.may_have(range)) {
                    found.push((*slot, mark, late));
                }
            }
        }
        drop(late_samples);
        self.captures.end(&capture);
        let index = self.index.read();
        let series = |(slot, mark, late)| HeadSeries { labels: index.labels(slot), slot, mark, late };
        found.into_iter().map(series).collect()
    }

    /// Adds the samples of a series in the range to the columns.
    pub(crate) fn read(
        &self,
        series: &HeadSeries,
        range: TimeRange,
        into: &mut Columns,
    ) -> Result<(), ChunkError> {
        let Some(page) = self.pages.get(series.slot) else { return Ok(()) };
        // Only references and the open chunk are copied under the lock; decoding happens outside.
        let (chunks, hidden) = {
            let mut page = page.lock();
            let (kept, slab) = page.parts(series.slot);
            (kept.chunks(slab, range.start, Timestamp::MAX), kept.taken().wrapping_sub(series.mark))
        };
        let mut deleted = self.deleted_of(series.slot);
        // Of a chunk that reaches over the time of the last cut, a block has the older part.
        let oldest = self.times.min.load(Ordering::Acquire);
        if chunks.first().is_some_and(|chunk| chunk.first < oldest) {
            deleted.push(Interval { start: Timestamp::MIN, end: oldest.saturating_sub(1) });
        }
        if !series.late.is_empty() {
            return append_with_late(&chunks, hidden, &deleted, &series.late, range, into);
        }
        if deleted.is_empty() {
            return append_visible(&chunks, hidden, range, into);
        }
        let mut kept = Columns::default();
        append_visible(&chunks, hidden, range, &mut kept)?;
        take_out(&deleted, &mut kept);
        append_columns(kept, into);
        Ok(())
    }

    /// Times of the chunks of a series that have histograms with float counts.
    pub(crate) fn float_histograms(&self, series: &HeadSeries) -> Vec<TimeRange> {
        let chunks = self.pages.get(series.slot).map_or_else(Vec::new, |page| {
            let mut page = page.lock();
            let (series, slab) = page.parts(series.slot);
            series.chunks(slab, Timestamp::MIN, Timestamp::MAX)
        });
        let in_order = chunks.iter().filter(|c| c.is_of_integers() == Some(false));
        let late = series.late.iter().flat_map(|late| late.chunks());
        let late = late.filter(|c| c.encoding.is_float_histogram());
        in_order
            .map(|c| TimeRange::new(c.first, c.last))
            .chain(late.map(|c| TimeRange::new(c.min_time, c.max_time)))
            .collect()
    }

    /// Whether the head has samples in the range.
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        self.time_range().is_some_and(|mine| mine.overlaps(&range)) || self.has_late_in(range)
    }

    /// Adds the names of the labels of matching series.
    pub(crate) fn label_names(&self, matchers: &[Matcher], into: &mut BTreeSet<String>) {
        let index = self.index.read();
        if matchers.is_empty() {
            into.extend(index.names().map(str::to_owned));
            return;
        }
        for slot in matching_slots(&index, matchers) {
            for name in index.names_of(slot) {
                if !into.contains(name) {
                    into.insert(name.to_owned());
                }
            }
        }
    }

    /// Adds the values of a label of matching series, at most so many: those that came first.
    pub(crate) fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        most: usize,
        into: &mut BTreeSet<String>,
    ) {
        let index = self.index.read();
        if matchers.is_empty() {
            into.extend(index.values(name).take(most).map(|(value, _)| value.to_owned()));
            return;
        }
        for slot in matching_slots(&index, matchers) {
            let value = index.label(slot, name);
            if !value.is_empty() && !into.contains(value) {
                if into.len() == most {
                    return;
                }
                into.insert(value.to_owned());
            }
        }
    }

    /// Exemplars in the range of series that satisfy any of the matcher lists.
    pub(crate) fn exemplars(
        &self,
        matchers: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Vec<(LabelSet, Vec<Exemplar>)> {
        let ring = self.exemplars.lock();
        let index = self.index.read();
        let mut found = std::collections::BTreeMap::<LabelSet, Vec<Exemplar>>::new();
        for (slot, exemplar) in ring.in_range(range) {
            let labels = index.labels(slot);
            if matchers.iter().any(|all| all.iter().all(|m| m.matches_labels(&labels))) {
                found.entry(labels).or_default().push(exemplar.clone());
            }
        }
        found.into_iter().collect()
    }

    /// All series with samples in the range, in order of labels, and the text of all labels, in order too: what a
    /// block is made of.
    pub(crate) fn for_block(&self, range: TimeRange) -> (Vec<HeadSeries>, Vec<String>) {
        let mut series = self.select(&[], range, NO_LATE);
        series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let symbols: BTreeSet<&str> =
            series.iter().flat_map(|s| &s.labels).flat_map(|(n, v)| [n, v]).collect();
        let symbols = symbols.into_iter().map(str::to_owned).collect();
        (series, symbols)
    }

    /// The chunks of a series with samples in the range, in order of time.
    pub(crate) fn chunks(
        &self,
        series: &HeadSeries,
        range: TimeRange,
    ) -> Result<Vec<EncodedChunk>, ChunkError> {
        let Some(page) = self.pages.get(series.slot) else { return Ok(Vec::new()) };
        let chunks = {
            let mut page = page.lock();
            let (series, slab) = page.parts(series.slot);
            series.chunks(slab, range.start, range.end)
        };
        let mut left_out = self.deleted_of(series.slot);
        // Chunks end with the range unless somebody appends while all of the head is copied.
        if chunks.iter().any(|c| c.first < range.start || range.end < c.last) {
            left_out.push(Interval { start: Timestamp::MIN, end: range.start.saturating_sub(1) });
            left_out.push(Interval { start: range.end.saturating_add(1), end: Timestamp::MAX });
        }
        encode_without(field_chunks::encode(&chunks, self.rule)?, &left_out)
    }
}

impl Series {
    /// Whether samples may lie in the range.
    fn may_have(&self, range: TimeRange) -> bool {
        match (self.first_time(), self.last_time()) {
            (Some(first), Some(last)) => first <= range.end && range.start <= last,
            _ => false,
        }
    }
}

/// Decodes chunks in order, without the last `hidden` samples of them all.
fn append_visible(
    chunks: &[ClosedChunk],
    hidden: u32,
    range: TimeRange,
    into: &mut Columns,
) -> Result<(), ChunkError> {
    visible(chunks, hidden)
        .take_while(|(chunk, _)| chunk.first <= range.end)
        .try_for_each(|(chunk, samples)| chunk.append(samples, range, into))
}

/// The chunks that have any of the samples but for the last `hidden` of them all, and how many.
fn visible(chunks: &[ClosedChunk], hidden: u32) -> impl Iterator<Item = (&ClosedChunk, u16)> {
    let all: u64 = chunks.iter().map(|c| u64::from(c.samples)).sum();
    let mut left = all.saturating_sub(hidden.into());
    chunks.iter().map_while(move |chunk| {
        let samples = left.min(chunk.samples.into()) as u16;
        left -= u64::from(samples);
        (samples > 0).then_some((chunk, samples))
    })
}

impl ClosedChunk {
    /// Adds its first so many samples, as far as they are in the range.
    fn append(&self, samples: u16, range: TimeRange, into: &mut Columns) -> Result<(), ChunkError> {
        match &self.data {
            ChunkData::Floats(stream) => append_stream(stream, self.first, samples, range, into),
            ChunkData::Encoded(encoding, bytes) => append_chunk(*encoding, bytes, samples, range, into),
        }
    }
}

/// As [`append_visible`] without what is deleted, merged with late samples. Deletions do not concern these.
fn append_with_late(
    chunks: &[ClosedChunk],
    hidden: u32,
    deleted: &[Interval],
    late: &[Arc<LateSeries>],
    range: TimeRange,
    into: &mut Columns,
) -> Result<(), ChunkError> {
    let mut sources = Vec::with_capacity(chunks.len());
    for (chunk, samples) in visible(chunks, hidden) {
        let mut columns = Columns::default();
        chunk.append(samples, TimeRange::ALL, &mut columns)?;
        take_out(deleted, &mut columns);
        sources.push(columns);
    }
    for chunk in late.iter().flat_map(|late| late.chunks()) {
        if chunk.min_time <= range.end && range.start <= chunk.max_time {
            let mut columns = Columns::default();
            crate::chunk::decode(chunk.encoding, &chunk.bytes, &mut columns)?;
            sources.push(columns);
        }
    }
    append_chained(sources, range, into);
    Ok(())
}

pub(super) fn matching_slots(index: &Index, matchers: &[Matcher]) -> Vec<u32> {
    let Ok(slots) = matching(index, matchers);
    slots
}

impl PostingsIndex for Index {
    type Error = Infallible;

    fn all(&self) -> Result<Vec<u32>, Infallible> {
        Ok(self.all().collect())
    }

    fn with_value(&self, name: &str, value: &str) -> Result<Vec<u32>, Infallible> {
        Ok(self.series_with(name, value).map(|list| list.iter().collect()).unwrap_or_default())
    }

    fn with_values(&self, name: &str, keep: &dyn Fn(&str) -> bool) -> Result<Vec<u32>, Infallible> {
        let lists = self.values(name).filter(|(value, _)| keep(value)).flat_map(|(_, list)| list.iter());
        Ok(sorted(lists.collect()))
    }
}
