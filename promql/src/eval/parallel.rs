//! Rows from several threads, handed on in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::sync_channel;

use super::operator::Operator;
use super::row::Row;
use super::{Context, QueryError};

/// Series that a thread computes at a time.
const BATCH: usize = 32;

/// Below this much work the start of a thread costs more than it saves. A value counts one, finding and
/// decoding a series as much as 100 values.
const WORTH_THREADS: usize = 100_000;

/// Computes every row of an operator and hands them to `take` in order of the series, whatever thread computed
/// them: sums of floats do not depend on the number of threads.
///
/// `take` may keep the row's memory (leaving an empty row) or leave it for the next one.
pub(crate) fn for_each_row<O: Operator + ?Sized>(
    operator: &O,
    context: &Context<'_>,
    mut take: impl FnMut(usize, &mut Row) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let count = operator.series().len();
    let batches = count.div_ceil(BATCH);
    let threads = context.options.threads.min(batches);
    if threads < 2 || count.saturating_mul(operator.steps() + 100) < WORTH_THREADS {
        let (mut reader, mut row) = (operator.reader(), Row::default());
        for index in 0..count {
            context.limits.check()?;
            reader.read(index, &mut row)?;
            take(index, &mut row)?;
        }
        return Ok(());
    }
    let next = AtomicUsize::new(0);
    // The receiver lives inside the scope: when it goes, workers that wait to send give up.
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(2 * threads);
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                let mut reader = operator.reader();
                loop {
                    let batch = next.fetch_add(1, Relaxed);
                    if batch >= batches {
                        return;
                    }
                    let series = batch * BATCH..count.min((batch + 1) * BATCH);
                    let rows = context.limits.check().and_then(|()| {
                        series
                            .map(|index| {
                                let mut row = Row::default();
                                reader.read(index, &mut row).map(|()| row)
                            })
                            .collect::<Result<Vec<Row>, QueryError>>()
                    });
                    let failed = rows.is_err();
                    if sender.send((batch, rows)).is_err() || failed {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut expected = 0;
        for (batch, rows) in receiver {
            early.insert(batch, rows?);
            while let Some(rows) = early.remove(&expected) {
                for (index, mut row) in (expected * BATCH..).zip(rows) {
                    take(index, &mut row)?;
                }
                expected += 1;
            }
        }
        Ok(())
    })
}
