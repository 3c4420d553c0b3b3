//! The head: the newest samples, in memory, behind the write-ahead log.
//!
//! A series is a slot: a number that the index gives out and never reuses, and that is also the series' name
//! in the log and the [`metrics_core::SeriesRef`] that callers keep. Labels and postings live in `Index`, samples in
//! `Pages`; appending to a known slot touches the page only.
//!
//! Locks, in the order in which they are taken: `gate` (open batches against removal of series), `commit` (one
//! batch at a time, log and memory alike), `index`, late samples, one page.

mod append;
mod chunk_files;
mod closed_chunk;
mod delete;
mod exemplars;
mod field_chunks;
mod hash_table;
mod histograms;
mod id_list;
mod index;
mod isolation;
mod limits;
mod log;
mod metadata;
mod open_floats;
mod out_of_order;
mod pages;
mod pairs;
mod read;
mod replay;
mod series;
mod slab;
pub(crate) mod snapshot;
mod stats;
mod truncate;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use metrics_core::{LabelSet, TimeRange, Timestamp};
use parking_lot::{Mutex, RwLock};

pub(crate) use limits::Limits;
pub(crate) use out_of_order::{LATE_LOG, LateAside, LateBlock};
pub(crate) use read::HeadSeries;
pub(crate) use replay::Replayed;

use crate::block::Tombstones;
use crate::options::Durability;
use append::Pending;
use exemplars::ExemplarRing;
use index::Index;
use isolation::Captures;
use log::Log;
use metadata::MetadataTable;
use out_of_order::OutOfOrder;
use pages::Pages;
use series::CutRule;

/// The newest samples of a store.
#[derive(Debug)]
pub(crate) struct Head {
    /// Tells references of this head from those of another, before a reopening. Not zero.
    session: u32,
    is_read_only: bool,
    rule: CutRule,
    limits: Limits,
    gate: RwLock<()>,
    commit: Mutex<Log>,
    /// Number of the last commit that is durable; kept in the mode that waits for it.
    synced: Mutex<u64>,
    durability: Durability,
    index: RwLock<Index>,
    pages: Pages,
    /// Bytes of the index when it was changed last.
    index_bytes: AtomicUsize,
    /// Bytes of exemplars, and of metadata, when they were changed last.
    exemplar_bytes: AtomicUsize,
    metadata_bytes: AtomicUsize,
    /// Series that the log does not know yet; whoever commits next logs them, whoever made them.
    unlogged: Mutex<Vec<(u32, LabelSet)>>,
    aliases: Mutex<Aliases>,
    captures: Captures,
    /// Memory of past batches.
    spare: Mutex<Vec<Pending>>,
    exemplars: Mutex<ExemplarRing>,
    metadata: RwLock<MetadataTable>,
    /// Deleted ranges by slot.
    deleted: RwLock<Tombstones>,
    /// Samples that are not in the order of their series.
    late: OutOfOrder,
    times: Times,
    counts: Counts,
}

/// What a head is made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadOptions {
    /// Nothing is taken.
    pub(crate) is_read_only: bool,
    /// Milliseconds; blocks cut from the head are aligned to it.
    pub(crate) chunk_range: i64,
    pub(crate) limits: Limits,
    pub(crate) max_exemplars: usize,
    pub(crate) durability: Durability,
    /// Milliseconds; see [`crate::Options::out_of_order_window`].
    pub(crate) late_window: i64,
    /// Samples of a chunk of late samples.
    pub(crate) late_chunk_samples: usize,
}

/// The time that the head covers.
#[derive(Debug)]
struct Times {
    min: AtomicI64,
    max: AtomicI64,
    /// Oldest sample since the last truncation began: what it does not find when it looks through the series.
    recent: AtomicI64,
    /// Nothing older is taken: blocks have it.
    min_valid: AtomicI64,
}

/// Numbers by which the log knows series beyond their own, and for how long.
#[derive(Debug, Default)]
struct Aliases {
    /// References that turned out to name a series that was there already.
    slots: HashMap<u64, u32>,
    /// Removed series, and the last segment that may speak of them.
    removed: HashMap<u64, u32>,
}

/// Samples that were taken and refused since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AppendCounts {
    /// Taken in the order of their series.
    pub appended: u64,
    /// Taken although late: `prometheus_tsdb_head_out_of_order_samples_appended_total`.
    pub late: u64,
    /// Refused as out of order: `prometheus_tsdb_out_of_order_samples_total`.
    pub out_of_order: u64,
    /// Refused as out of bounds: `prometheus_tsdb_out_of_bound_samples_total`.
    pub out_of_bounds: u64,
    /// Refused as older than the window for late samples: `prometheus_tsdb_too_old_samples_total`.
    pub too_old: u64,
    /// Refused, or dropped without a word, because there is a sample of that time.
    pub duplicate: u64,
}

#[derive(Debug, Default)]
struct Counts {
    appended: AtomicU64,
    /// Not in order, and taken.
    late: AtomicU64,
    out_of_order: AtomicU64,
    out_of_bounds: AtomicU64,
    too_old: AtomicU64,
    duplicate: AtomicU64,
}

impl Head {
    /// A head without samples and without a log.
    pub(crate) fn new(options: HeadOptions) -> Self {
        // Every `RandomState` has other keys.
        let session = RandomState::new().hash_one(()) as u32 | 1;
        Self {
            session,
            is_read_only: options.is_read_only,
            rule: CutRule { chunk_range: options.chunk_range },
            limits: options.limits,
            gate: RwLock::new(()),
            commit: Mutex::new(Log::none()),
            synced: Mutex::new(0),
            durability: options.durability,
            aliases: Mutex::new(Aliases::default()),
            index: RwLock::new(Index::starting_at(1)),
            pages: Pages::new(),
            index_bytes: AtomicUsize::new(0),
            exemplar_bytes: AtomicUsize::new(0),
            metadata_bytes: AtomicUsize::new(0),
            unlogged: Mutex::new(Vec::new()),
            captures: Captures::default(),
            spare: Mutex::new(Vec::new()),
            exemplars: Mutex::new(ExemplarRing::new(options.max_exemplars)),
            metadata: RwLock::default(),
            deleted: RwLock::default(),
            late: OutOfOrder::new(options.late_window, options.late_chunk_samples),
            times: Times {
                min: AtomicI64::new(Timestamp::MAX),
                max: AtomicI64::new(Timestamp::MIN),
                recent: AtomicI64::new(Timestamp::MAX),
                min_valid: AtomicI64::new(Timestamp::MIN),
            },
            counts: Counts::default(),
        }
    }

    /// Oldest and newest time of a sample; `None` without samples.
    pub(crate) fn time_range(&self) -> Option<TimeRange> {
        let range =
            TimeRange::new(self.times.min.load(Ordering::Acquire), self.times.max.load(Ordering::Acquire));
        (!range.is_empty()).then_some(range)
    }

    /// Begins to count anew: what was read back from a log was counted when it came.
    pub(crate) fn reset_counts(&mut self) {
        self.counts = Counts::default();
    }

    /// What was taken and refused so far.
    pub(crate) fn append_counts(&self) -> AppendCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counts { appended, late, out_of_order, out_of_bounds, too_old, duplicate } = &self.counts;
        AppendCounts {
            appended: count(appended),
            late: count(late),
            out_of_order: count(out_of_order),
            out_of_bounds: count(out_of_bounds),
            too_old: count(too_old),
            duplicate: count(duplicate),
        }
    }

    /// Number of series.
    pub(crate) fn series_count(&self) -> usize {
        self.index.read().len()
    }

    /// Bytes that labels with their index, samples, late ones too, exemplars and metadata take. What else is here, deletions
    /// above all, is small beside it.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        // Each is near the truth on its own; together they need not be of one moment.
        self.index_bytes.load(Ordering::Relaxed)
            + self.pages.heap_size()
            + self.late.heap_size()
            + self.exemplar_bytes.load(Ordering::Relaxed)
            + self.metadata_bytes.load(Ordering::Relaxed)
    }

    /// Nothing older than this is taken: half a chunk range behind the newest sample, so that what is being cut
    /// into a block does not change, and nothing that blocks already have.
    fn min_valid(&self) -> Timestamp {
        let cut = self.times.max.load(Ordering::Acquire).saturating_sub(self.rule.chunk_range / 2);
        cut.max(self.times.min_valid.load(Ordering::Acquire))
    }

    /// Refuses samples older than this from now on.
    pub(crate) fn set_min_valid(&self, timestamp: Timestamp) {
        self.times.min_valid.fetch_max(timestamp, Ordering::AcqRel);
    }

    /// Widens the time that the head covers.
    fn cover(&self, first: Timestamp, last: Timestamp) {
        self.times.min.fetch_min(first, Ordering::AcqRel);
        self.times.recent.fetch_min(first, Ordering::AcqRel);
        self.times.max.fetch_max(last, Ordering::AcqRel);
    }
}
