//! Samples of one series from several places, as one.

use metrics_core::{Column, Columns, TimeRange, Timestamp};

use crate::block::Interval;
use crate::chunk::{self, ChunkError, Encoding, decimal_stream};

/// Of what `append` adds to the columns, keeps those of the first `samples` samples that lie in the range.
pub(crate) fn append_in_range<E>(
    samples: u16,
    range: TimeRange,
    into: &mut Columns,
    append: impl FnOnce(&mut Columns) -> Result<(), E>,
) -> Result<(), E> {
    let (floats, histograms) = (into.floats.timestamps.len(), into.histograms.timestamps.len());
    append(into)?;
    trim(&mut into.floats, floats, samples, range);
    trim(&mut into.histograms, histograms, samples, range);
    Ok(())
}

/// Decodes a chunk and adds those of its first `samples` samples that lie in the range to the columns.
pub(crate) fn append_chunk(
    encoding: Encoding,
    bytes: &[u8],
    samples: u16,
    range: TimeRange,
    into: &mut Columns,
) -> Result<(), ChunkError> {
    append_in_range(samples, range, into, |into| chunk::decode(encoding, bytes, into))
}

/// As [`append_chunk`], for the first `samples` samples of a [`decimal_stream`] that begins at `first`.
pub(crate) fn append_stream(
    stream: &[u8],
    first: Timestamp,
    samples: u16,
    range: TimeRange,
    into: &mut Columns,
) -> Result<(), ChunkError> {
    let from = into.floats.timestamps.len();
    let floats = &mut into.floats;
    decimal_stream::decode(stream, first, samples, &mut floats.timestamps, &mut floats.values)?;
    trim(&mut into.floats, from, samples, range);
    Ok(())
}

/// Takes deleted ranges out of the samples.
pub(crate) fn take_out(deleted: &[Interval], columns: &mut Columns) {
    fn of<T>(deleted: &[Interval], column: &mut Column<T>) {
        let keep = |t: &Timestamp| !deleted.iter().any(|i| i.start <= *t && *t <= i.end);
        let keep: Vec<bool> = column.timestamps.iter().map(keep).collect();
        retain(column, &keep);
    }
    if !deleted.is_empty() {
        of(deleted, &mut columns.floats);
        of(deleted, &mut columns.histograms);
    }
}

/// Adds the samples of one place behind those of another.
pub(crate) fn append_columns(mut from: Columns, into: &mut Columns) {
    into.floats.timestamps.append(&mut from.floats.timestamps);
    into.floats.values.append(&mut from.floats.values);
    into.histograms.timestamps.append(&mut from.histograms.timestamps);
    into.histograms.values.append(&mut from.histograms.values);
}

/// Of the elements from `from` on, keeps those of the first `samples` that are in the range.
fn trim<T>(column: &mut Column<T>, from: usize, samples: u16, range: TimeRange) {
    let added = &column.timestamps[from..];
    if let (Some(first), Some(last)) = (added.first(), added.last())
        && (range.start <= *first && *last <= range.end && added.len() <= samples.into())
    {
        return;
    }
    let in_range = column.timestamps[from..].partition_point(|t| *t <= range.end);
    let end = from + in_range.min(samples.into());
    column.timestamps.truncate(end);
    column.values.truncate(end);
    let start = from + column.timestamps[from..].partition_point(|t| *t < range.start);
    if start > from {
        column.timestamps.drain(from..start);
        column.values.drain(from..start);
    }
}

/// Puts columns that several sources filled one after the other in order of time. Of equal times the one added
/// first stays; a time in both columns stays with the floats.
pub(crate) fn put_in_order(columns: &mut Columns) {
    order(&mut columns.floats);
    order(&mut columns.histograms);
    if columns.floats.timestamps.is_empty() || columns.histograms.timestamps.is_empty() {
        return;
    }
    let floats = &columns.floats.timestamps;
    let histograms = &mut columns.histograms;
    let keep: Vec<bool> = histograms.timestamps.iter().map(|t| floats.binary_search(t).is_err()).collect();
    retain(histograms, &keep);
}

fn order<T: Clone>(column: &mut Column<T>) {
    if column.timestamps.is_sorted_by(|a, b| a < b) {
        return;
    }
    let mut order: Vec<u32> = (0..column.timestamps.len() as u32).collect();
    // Stable: among equal times the first source's comes first.
    order.sort_by_key(|i| column.timestamps[*i as usize]);
    order.dedup_by_key(|i| column.timestamps[*i as usize]);
    column.timestamps = order.iter().map(|i| column.timestamps[*i as usize]).collect::<Vec<Timestamp>>();
    column.values = order.iter().map(|i| column.values[*i as usize].clone()).collect();
}

fn retain<T>(column: &mut Column<T>, keep: &[bool]) {
    let mut flags = keep.iter();
    column.timestamps.retain(|_| *flags.next().unwrap_or(&true));
    let mut flags = keep.iter();
    column.values.retain(|_| *flags.next().unwrap_or(&true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_sources_become_one_rising_column() {
        let mut columns = Columns::default();
        for (t, v) in [(10, 1.0), (20, 2.0), (30, 3.0), (15, 9.0), (20, 8.0), (40, 7.0)] {
            columns.floats.push(t, v);
        }
        for t in [5, 20, 50] {
            columns.histograms.push(t, Default::default());
        }
        put_in_order(&mut columns);
        assert_eq!(columns.floats.timestamps, [10, 15, 20, 30, 40]);
        assert_eq!(columns.floats.values, [1.0, 9.0, 2.0, 3.0, 7.0]);
        assert_eq!(columns.histograms.timestamps, [5, 50]);
        assert_eq!(columns.histograms.values.len(), 2);
    }

    #[test]
    fn columns_are_cut_to_the_range() {
        let mut column = Column::default();
        for t in 0..10 {
            column.push(t, t);
        }
        trim(&mut column, 2, u16::MAX, TimeRange::new(4, 7));
        assert_eq!(column.timestamps, [0, 1, 4, 5, 6, 7]);
        trim(&mut column, 2, 3, TimeRange::new(5, 9));
        assert_eq!(column.timestamps, [0, 1, 5, 6]);
        assert_eq!(column.values, column.timestamps);
    }
}
