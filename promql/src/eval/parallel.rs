//! Rows from several threads, handed on in order.

use std::collections::BTreeMap;
use std::ops::Range;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::operator::{Operator, Reader};
use super::row::Row;
use super::{Context, QueryError};

/// Series that a thread computes at a time.
const BATCH: usize = 32;

/// How many batches per thread may be ahead of the one that is to be handed on next.
const LEAD: usize = 8;

/// Below this much work the start of a thread costs more than it saves. A value counts one, finding and
/// decoding a series as much as 100 values.
const WORTH_THREADS: usize = 100_000;

/// Computes every row of an operator and hands them to `take` in order of the series, whatever thread computed
/// them: sums of floats do not depend on the number of threads.
///
/// `take` may keep the row's memory (leaving an empty row) or leave it for the next one. It runs on one thread at a
/// time: on that which has computed the row to be handed on next, or finds it there.
pub(crate) fn for_each_row<O: Operator + ?Sized>(
    operator: &O,
    context: &Context<'_>,
    mut take: impl FnMut(usize, &mut Row) -> Result<(), QueryError> + Send,
) -> Result<(), QueryError> {
    let count = operator.series().len();
    let threads = context.options.threads.min(count.div_ceil(BATCH));
    if threads < 2 || count.saturating_mul(operator.steps() + 100) < WORTH_THREADS {
        let (mut reader, mut row) = (operator.reader(), Row::default());
        for index in 0..count {
            context.limits.check()?;
            reader.read(index, &mut row)?;
            take(index, &mut row)?;
        }
        return Ok(());
    }
    let line = Line::new(count, threads * LEAD, take);
    let work = || {
        let _leaving = Leaving(&line);
        let mut reader = operator.reader();
        while let Some(mut batch) = line.claim() {
            let computed = context.limits.check().and_then(|()| batch.compute(&mut *reader));
            line.hand_in(batch, computed);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    line.state.into_inner().failed.map_or(Ok(()), Err)
}

/// Rows of neighbouring series.
struct Batch {
    number: usize,
    series: Range<usize>,
    rows: Vec<Row>,
}

impl Batch {
    fn compute(&mut self, reader: &mut dyn Reader) -> Result<(), QueryError> {
        self.rows.resize_with(self.series.len(), Row::default);
        self.series.clone().zip(&mut self.rows).try_for_each(|(index, row)| reader.read(index, row))
    }
}

/// Gives batches out, and hands them on in their order.
struct Line<F> {
    count: usize,
    /// How many batches may be out or waiting.
    lead: usize,
    state: Mutex<State<F>>,
    /// Signalled when there is room for another batch, or none will be needed.
    room: Condvar,
}

struct State<F> {
    /// The batch to be given out next.
    next: usize,
    /// The batch to be handed on next.
    expected: usize,
    /// Batches that are ready before their turn.
    early: BTreeMap<usize, (Batch, Result<(), QueryError>)>,
    /// Memory of batches that were handed on.
    spare: Vec<Vec<Row>>,
    /// Who takes the rows; away while a thread hands some on.
    take: Option<F>,
    failed: Option<QueryError>,
    /// Whether no more batches are to be given out.
    over: bool,
}

impl<F> State<F> {
    fn next_in_turn(&mut self) -> Option<(Batch, Result<(), QueryError>)> {
        self.early.remove(&self.expected)
    }
}

impl<F: FnMut(usize, &mut Row) -> Result<(), QueryError>> Line<F> {
    fn new(count: usize, lead: usize, take: F) -> Self {
        let state = State {
            next: 0,
            expected: 0,
            early: BTreeMap::new(),
            spare: Vec::new(),
            take: Some(take),
            failed: None,
            over: false,
        };
        Self { count, lead, state: Mutex::new(state), room: Condvar::new() }
    }

    /// The next batch; waits while too many are ahead of their turn.
    fn claim(&self) -> Option<Batch> {
        let mut state = self.state.lock();
        while !state.over && state.next >= state.expected + self.lead {
            self.room.wait(&mut state);
        }
        let number = state.next;
        let start = number * BATCH;
        if state.over || start >= self.count {
            return None;
        }
        state.next += 1;
        let rows = state.spare.pop().unwrap_or_default();
        Some(Batch { number, series: start..self.count.min(start + BATCH), rows })
    }

    /// Hands a batch on, and others that have waited for it, unless its turn has not come or another thread does it.
    fn hand_in(&self, batch: Batch, computed: Result<(), QueryError>) {
        let mut state = self.state.lock();
        state.early.insert(batch.number, (batch, computed));
        let Some(mut take) = state.take.take() else { return };
        while let Some((mut batch, computed)) = state.next_in_turn() {
            let taken = MutexGuard::unlocked(&mut state, || {
                computed?;
                batch.series.clone().zip(&mut batch.rows).try_for_each(|(index, row)| take(index, row))
            });
            if let Err(error) = taken {
                state.failed = Some(error);
                state.over = true;
                self.room.notify_all();
                return;
            }
            state.expected += 1;
            state.spare.push(batch.rows);
            self.room.notify_all();
        }
        state.take = Some(take);
    }
}

/// Lets nobody wait for a thread that has panicked.
struct Leaving<'a, F>(&'a Line<F>);

impl<F> Drop for Leaving<'_, F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state.lock().over = true;
            self.0.room.notify_all();
        }
    }
}
