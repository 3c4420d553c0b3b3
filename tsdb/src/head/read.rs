//! Finding and reading series in the head, as of one point between commits.

use std::collections::BTreeSet;
use std::convert::Infallible;

use metrics_core::{Columns, Exemplar, LabelSet, Matcher, TimeRange, Timestamp};

use super::Head;
use super::delete::encode_without;
use super::index::Index;
use super::series::{ChunkData, ClosedChunk, Series};
use crate::block::Interval;
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
}

impl Head {
    /// Series that match and have samples in the range, in no order.
    pub(crate) fn select(&self, matchers: &[Matcher], range: TimeRange) -> Vec<HeadSeries> {
        if !self.time_range().is_some_and(|mine| mine.overlaps(&range)) {
            return Vec::new();
        }
        let capture = {
            let _between_commits = self.commit.lock();
            self.captures.begin()
        };
        let slots = matching_slots(&self.index.read(), matchers);
        let mut found = Vec::with_capacity(slots.len());
        for run in slots.chunk_by(|a, b| a / super::pages::PAGE == b / super::pages::PAGE) {
            let Some(page) = self.pages.get(run[0]) else { continue };
            let mut page = page.lock();
            for slot in run {
                let series = page.series(*slot);
                let mark = capture.taken_at_mark(*slot, series.taken());
                if series.may_have(range) {
                    found.push((*slot, mark));
                }
            }
        }
        self.captures.end(&capture);
        let index = self.index.read();
        found.into_iter().map(|(slot, mark)| HeadSeries { labels: index.labels(slot), slot, mark }).collect()
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
        let deleted = self.deleted_of(series.slot);
        if deleted.is_empty() {
            return append_visible(&chunks, hidden, range, into);
        }
        let mut kept = Columns::default();
        append_visible(&chunks, hidden, range, &mut kept)?;
        take_out(&deleted, &mut kept);
        append_columns(kept, into);
        Ok(())
    }

    /// Whether the head has samples in the range.
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        self.time_range().is_some_and(|mine| mine.overlaps(&range))
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

    /// Adds the values of a label of matching series.
    pub(crate) fn label_values(&self, name: &str, matchers: &[Matcher], into: &mut BTreeSet<String>) {
        let index = self.index.read();
        if matchers.is_empty() {
            into.extend(index.values(name).map(|(value, _)| value.to_owned()));
            return;
        }
        for slot in matching_slots(&index, matchers) {
            let value = index.label(slot, name);
            if !value.is_empty() && !into.contains(value) {
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
        let mut series = self.select(&[], range);
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
        encode_without(&chunks, &left_out)
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
    let all: u64 = chunks.iter().map(|c| u64::from(c.samples)).sum();
    let mut left = all.saturating_sub(hidden.into());
    for chunk in chunks {
        let samples = left.min(chunk.samples.into()) as u16;
        left -= u64::from(samples);
        if samples == 0 || chunk.first > range.end {
            break;
        }
        match &chunk.data {
            ChunkData::Floats(stream) => append_stream(stream, chunk.first, samples, range, into)?,
            ChunkData::Encoded(encoding, bytes) => append_chunk(*encoding, bytes, samples, range, into)?,
        }
    }
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
