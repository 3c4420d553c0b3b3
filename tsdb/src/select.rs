//! Answering [`Select`] from head and blocks together.

use std::collections::{BTreeMap, BTreeSet};

use metrics_core::{
    Columns, Exemplar, LabelSet, Matcher, Select, SelectError, SelectRequest, SeriesSet, TimeRange,
};

use crate::block::{Block, ChunkMeta};
use crate::db::{Db, Snapshot};
use crate::error::Error;
use crate::fs::FileError;
use crate::head::HeadSeries;
use crate::merge::{append_columns, append_in_range, put_in_order, take_out};
use crate::postings_match::matching;
use crate::series_cache::SeriesCache;

/// The series that a selection found, and where their samples lie.
struct Found<'a> {
    db: &'a Db,
    range: TimeRange,
    /// Keeps blocks open and the head from being truncated while this lives.
    snapshot: Snapshot,
    series: Vec<FoundSeries>,
    parts: Vec<Part>,
    /// The chunks of all parts, side by side.
    chunks: Vec<ChunkMeta>,
}

/// A series and its parts, a stretch of [`Found::parts`].
struct FoundSeries {
    labels: LabelSet,
    parts: std::ops::Range<u32>,
}

/// What the places say, one after the other.
#[derive(Default)]
struct Collected {
    /// Labels, and positions in `parts`.
    sources: Vec<(LabelSet, u32)>,
    parts: Vec<Part>,
    chunks: Vec<ChunkMeta>,
}

/// Samples of a series in one place.
enum Part {
    Head(HeadSeries),
    /// Position of the block, id there, and a stretch of [`Found::chunks`].
    Block {
        block: u32,
        id: u32,
        chunks: std::ops::Range<u32>,
    },
}

impl Select for Db {
    fn select(&self, request: &SelectRequest<'_>) -> Result<Box<dyn SeriesSet + '_>, SelectError> {
        self.find(request).map(|found| Box::new(found) as Box<dyn SeriesSet>).map_err(SelectError::store)
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SelectError> {
        let mut names = BTreeSet::new();
        if self.head.overlaps(range) {
            self.head.label_names(matchers, &mut names);
        }
        for block in self.snapshot().overlapping(range) {
            block_label_names(block, matchers, &mut names).map_err(SelectError::store)?;
        }
        Ok(names.into_iter().collect())
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError> {
        let mut values = BTreeSet::new();
        if self.head.overlaps(range) {
            self.head.label_values(name, matchers, usize::MAX, &mut values);
        }
        for block in self.snapshot().overlapping(range) {
            block_label_values(block, name, matchers, &mut values).map_err(SelectError::store)?;
        }
        Ok(values.into_iter().collect())
    }

    /// As the original: what each place comes upon first, and the first of all that.
    fn label_values_up_to(
        &self,
        most: usize,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError> {
        let mut values = BTreeSet::new();
        if self.head.overlaps(range) {
            self.head.label_values(name, matchers, most, &mut values);
        }
        for block in self.snapshot().overlapping(range) {
            values.extend(first_label_values(block, name, matchers, most).map_err(SelectError::store)?);
        }
        Ok(values.into_iter().take(most).collect())
    }

    fn exemplars(
        &self,
        matchers: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<(LabelSet, Vec<Exemplar>)>, SelectError> {
        Ok(self.head.exemplars(matchers, range))
    }
}

impl Db {
    fn find(&self, request: &SelectRequest<'_>) -> Result<Found<'_>, FileError> {
        let range = request.range;
        // Before the head is asked: what the head lets go of later is still in it then, or in a block of these.
        let snapshot = self.snapshot();
        let mut all = Collected::default();
        let mut places = 0;
        for (number, block) in (0..).zip(&*snapshot.blocks) {
            if block.meta().range().overlaps(&range) {
                all.add_block(&self.series_cache, (number, block), request.matchers, range)?;
                places += 1;
            }
        }
        // A single place keeps its order, as the original's; several are merged by labels.
        let in_head = self.head.select(request.matchers, range, snapshot.late_since);
        if !in_head.is_empty() {
            all.add_head(in_head, places > 0);
            places += 1;
        }
        let (mut series, parts, chunks) = if places > 1 { all.grouped() } else { all.ungrouped() };
        if request.hints.limit > 0 {
            series.truncate(request.hints.limit);
        }
        Ok(Found { db: self, range, snapshot, series, parts, chunks })
    }
}

impl Db {
    /// Where matching series have histograms with float counts, as the times of their chunks. [`Select`] gives all histograms
    /// such counts; this is for those who show them as they were stored.
    ///
    /// # Errors
    /// If a block cannot be read.
    pub fn float_histograms(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<BTreeMap<LabelSet, Vec<TimeRange>>, Error> {
        let found = self.find(&SelectRequest { matchers, range, hints: Default::default() })?;
        let mut all = BTreeMap::new();
        for series in &found.series {
            let mut times = Vec::new();
            for part in found.parts_of(series) {
                found.float_histograms_in(part, &mut times)?;
            }
            if !times.is_empty() {
                all.insert(series.labels.clone(), times);
            }
        }
        Ok(all)
    }
}

impl Found<'_> {
    fn parts_of(&self, series: &FoundSeries) -> &[Part] {
        &self.parts[series.parts.start as usize..series.parts.end as usize]
    }

    fn float_histograms_in(&self, part: &Part, into: &mut Vec<TimeRange>) -> Result<(), Error> {
        match part {
            Part::Head(series) => into.extend(self.db.head.float_histograms(series)),
            Part::Block { block, chunks, .. } => {
                let block = &self.snapshot.blocks[*block as usize];
                for chunk in &self.chunks[chunks.start as usize..chunks.end as usize] {
                    if block.chunk(chunk.reference)?.0.is_float_histogram() {
                        into.push(TimeRange::new(chunk.min_time, chunk.max_time));
                    }
                }
            }
        }
        Ok(())
    }

    fn read_part(&self, part: &Part, labels: &LabelSet, into: &mut Columns) -> Result<(), Error> {
        let (block, id, chunks) = match part {
            Part::Head(series) => {
                let result = self.db.head.read(series, self.range, into);
                return result.map_err(|source| Error::Chunk { series: labels.to_string(), source });
            }
            Part::Block { block, id, chunks } => {
                (&self.snapshot.blocks[*block as usize], *id, chunks.start as usize..chunks.end as usize)
            }
        };
        let deleted = block.tombstones().of(id.into());
        if deleted.is_empty() {
            return self.read_chunks(block, &self.chunks[chunks], labels, into);
        }
        let mut kept = Columns::default();
        self.read_chunks(block, &self.chunks[chunks], labels, &mut kept)?;
        take_out(deleted, &mut kept);
        append_columns(kept, into);
        Ok(())
    }

    fn read_chunks(
        &self,
        block: &Block,
        chunks: &[ChunkMeta],
        labels: &LabelSet,
        into: &mut Columns,
    ) -> Result<(), Error> {
        for chunk in chunks {
            append_in_range(u16::MAX, self.range, into, |into| {
                block.read_chunk_in(labels, chunk, self.range, into)
            })?;
        }
        Ok(())
    }
}

impl SeriesSet for Found<'_> {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, series: usize) -> &LabelSet {
        &self.series[series].labels
    }

    fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError> {
        into.clear();
        let series = &self.series[series];
        let (labels, parts) = (&series.labels, self.parts_of(series));
        for part in parts {
            self.read_part(part, labels, into).map_err(SelectError::store)?;
        }
        // The chunks of one place do not overlap.
        if parts.len() > 1 {
            put_in_order(into);
        }
        Ok(())
    }
}

impl Collected {
    /// Adds the series of a block that match and have chunks in the range.
    fn add_block(
        &mut self,
        cache: &SeriesCache,
        (number, block): (u32, &Block),
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<(), FileError> {
        let index = block.index();
        let ids = matching(index, matchers)?;
        self.sources.reserve(ids.len());
        self.parts.reserve(ids.len());
        cache.for_each(block.meta().ulid, index, &ids, |id, labels, chunks| {
            let start = self.chunks.len() as u32;
            chunks.in_range(range, &mut self.chunks);
            let end = self.chunks.len() as u32;
            if start < end {
                self.sources.push((labels.clone(), self.parts.len() as u32));
                self.parts.push(Part::Block { block: number, id, chunks: start..end });
            }
        })
    }

    /// What came from one place: every series once.
    fn ungrouped(self) -> (Vec<FoundSeries>, Vec<Part>, Vec<ChunkMeta>) {
        let series =
            self.sources.into_iter().map(|(labels, part)| FoundSeries { labels, parts: part..part + 1 });
        (series.collect(), self.parts, self.chunks)
    }

    /// Makes one series of those with the same labels, its parts in the order of the places.
    fn grouped(mut self) -> (Vec<FoundSeries>, Vec<Part>, Vec<ChunkMeta>) {
        // Each place is in order already: the sort merges runs, and keeps parts of a series in theirs.
        self.sources.sort_by(|a, b| a.0.cmp(&b.0));
        let mut unordered: Vec<Option<Part>> = self.parts.into_iter().map(Some).collect();
        let mut series: Vec<FoundSeries> = Vec::with_capacity(self.sources.len());
        let mut parts = Vec::with_capacity(unordered.len());
        for (labels, part) in self.sources {
            parts.extend(unordered.get_mut(part as usize).and_then(Option::take));
            let end = parts.len() as u32;
            match series.last_mut() {
                Some(last) if last.labels == labels => last.parts.end = end,
                _ => series.push(FoundSeries { labels, parts: end - 1..end }),
            }
        }
        (series, parts, self.chunks)
    }

    /// Adds the series of the head, in order of their labels if asked to.
    fn add_head(&mut self, series: Vec<HeadSeries>, by_labels: bool) {
        let start = self.sources.len();
        for series in series {
            self.sources.push((series.labels.clone(), self.parts.len() as u32));
            self.parts.push(Part::Head(series));
        }
        if by_labels {
            self.sources[start..].sort_unstable_by(|a, b| a.0.cmp(&b.0));
        }
    }
}

fn block_label_names(
    block: &Block,
    matchers: &[Matcher],
    into: &mut BTreeSet<String>,
) -> Result<(), FileError> {
    let mut add = |name: &str| {
        if !into.contains(name) {
            into.insert(name.to_owned());
        }
    };
    if matchers.is_empty() {
        block.index().label_names().filter(|name| !name.is_empty()).for_each(add);
        return Ok(());
    }
    for id in matching(block.index(), matchers)? {
        block.index().labels(id)?.iter().for_each(|(name, _)| add(name));
    }
    Ok(())
}

fn block_label_values(
    block: &Block,
    name: &str,
    matchers: &[Matcher],
    into: &mut BTreeSet<String>,
) -> Result<(), FileError> {
    let index = block.index();
    let found = if matchers.is_empty() { None } else { Some(matching(index, matchers)?) };
    let mut ids = Vec::new();
    for value in index.label_values(name) {
        let value = value?;
        if into.contains(value.value) {
            continue;
        }
        let is_carried = match &found {
            None => true,
            Some(found) => {
                ids.clear();
                index.read_postings(value.postings, &mut ids)?;
                first_common(found, &ids).is_some()
            }
        };
        if is_carried {
            into.insert(value.value.to_owned());
        }
    }
    Ok(())
}

/// At most so many values of a label among matching series: those of the first series, or the first values where only
/// the label itself is asked about.
fn first_label_values(
    block: &Block,
    name: &str,
    matchers: &[Matcher],
    most: usize,
) -> Result<Vec<String>, FileError> {
    let index = block.index();
    let others = matchers.iter().any(|matcher| matcher.name != name);
    let found = if others { Some(matching(index, matchers)?) } else { None };
    let mut values = Vec::new();
    let mut ids = Vec::new();
    for value in index.label_values(name) {
        let value = value?;
        let Some(found) = &found else {
            if values.len() == most {
                break;
            }
            if matchers.iter().all(|matcher| matcher.matches(value.value)) {
                values.push((0, value.value.to_owned()));
            }
            continue;
        };
        ids.clear();
        index.read_postings(value.postings, &mut ids)?;
        values.extend(first_common(found, &ids).map(|id| (id, value.value.to_owned())));
    }
    values.sort_by_key(|(id, _)| *id);
    Ok(values.into_iter().take(most).map(|(_, value)| value).collect())
}

/// The first id that two sorted lists have in common.
fn first_common(a: &[u32], b: &[u32]) -> Option<u32> {
    let (small, mut large) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    small.iter().copied().find(|id| {
        large = &large[large.partition_point(|other| other < id)..];
        large.first() == Some(id)
    })
}
