//! How a store behaves.

use crate::compact::Style;
use crate::wal::WalOptions;

/// Settings of a store. All times are milliseconds.
///
/// ```
/// use tsdb::{Durability, Options};
/// let options = Options { durability: Durability::Power, ..Options::default() };
/// assert_eq!(options.block_range, 2 * 3600 * 1000);
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// Time that a freshly cut block covers, in milliseconds, and the grid to which it is aligned. Default 2 h.
    pub block_range: i64,
    /// Time that a compacted block covers at most, in milliseconds. Default 54 h, that is three steps of three.
    pub max_block_range: i64,
    /// Encodings of the chunks in compacted blocks. Default [dense](Style::Dense), a fraction of the size and time, which
    /// only this crate reads; with [`Style::Field`] the directory stays one that Prometheus opens. Blocks fresh from
    /// memory have the field's encodings either way.
    pub merged_chunks: Style,
    /// How long samples are kept, in milliseconds back from the newest block; `None` keeps all. Default 15 d.
    pub retention: Option<i64>,
    /// Bytes that blocks and log may take together before the oldest blocks leave; `None` is no limit, the
    /// default.
    pub retention_size: Option<u64>,
    /// What a commit has survived when it returns. Default [`Durability::Process`].
    pub durability: Durability,
    /// Whether to keep a write-ahead log; without one a restart loses what is not in blocks yet. Default `true`.
    pub log: bool,
    /// Size of the log's segments, their compression, and the style of its records. Default 128 MiB, snappy, the
    /// field's.
    pub wal: WalOptions,
    /// Whether [`Db::close`](crate::Db::close) leaves a snapshot of what is in memory, and opening loads it instead of reading
    /// the log that led to it. Default `true`.
    pub snapshot: bool,
    /// Threads that opening may use to read the log or a snapshot, all of which have ended when it returns. Default as many as the
    /// machine has.
    pub threads: usize,
    /// Series in memory at most; appending to further ones is refused. Default no limit.
    pub max_series: usize,
    /// Bounds of the labels of a new series; what is beyond them is refused. Default no limit.
    pub label_limits: LabelLimits,
    /// Bytes in memory at most, by the store's own account: see [`Db::head_bytes`](crate::Db::head_bytes).
    /// While more are taken, samples, exemplars and metadata are refused; cutting blocks makes room. From three quarters
    /// on, [`Db::tick`](crate::Db::tick) does not wait for a block to be due, but cuts one of all that is older than a
    /// twenty-fourth of `block_range` (5 min of 2 h), as soon as that is an eighth of it; nothing older is in order from then on.
    /// Opening takes what the log holds. Default no limit.
    pub max_head_bytes: usize,
    /// Exemplars kept in memory, the newest of all series; 0 keeps none. Default 100,000.
    pub max_exemplars: usize,
    /// Bytes that series of blocks may take which were decoded for a query and are kept for the next; 0 keeps none.
    /// Default 64 MiB.
    pub series_cache: usize,
    /// How late samples may come that are older than the newest of their series: milliseconds behind the newest sample of
    /// the whole store. What is older still is refused as too old. Default 0: late samples are refused, those older than
    /// half a block range as out of bounds, others as out of order. [`Db::set_out_of_order_window`] changes it.
    ///
    /// [`Db::set_out_of_order_window`]: crate::Db::set_out_of_order_window
    pub out_of_order_window: i64,
    /// Late samples of a series that are kept unencoded in memory before they become a chunk, 1 to 255. Default 32.
    pub out_of_order_chunk_samples: u8,
}

impl Default for Options {
    fn default() -> Self {
        const HOUR: i64 = 3_600_000;
        Self {
            block_range: 2 * HOUR,
            max_block_range: 54 * HOUR,
            merged_chunks: Style::default(),
            retention: Some(15 * 24 * HOUR),
            retention_size: None,
            durability: Durability::Process,
            log: true,
            wal: WalOptions::default(),
            snapshot: true,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            max_series: usize::MAX,
            label_limits: LabelLimits::default(),
            max_head_bytes: usize::MAX,
            max_exemplars: 100_000,
            series_cache: 64 << 20,
            out_of_order_window: 0,
            out_of_order_chunk_samples: 32,
        }
    }
}

/// Bounds of the labels of a series.
///
/// ```
/// use tsdb::{LabelLimits, Options};
/// let label_limits = LabelLimits { count: 30, value_length: 1024, ..LabelLimits::default() };
/// let options = Options { label_limits, max_series: 1_000_000, ..Options::default() };
/// assert_eq!(options.label_limits.name_length, usize::MAX);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LabelLimits {
    /// Labels of a series at most, the metric name included.
    pub count: usize,
    /// Bytes of a label's name at most.
    pub name_length: usize,
    /// Bytes of a label's value at most.
    pub value_length: usize,
}

impl Default for LabelLimits {
    fn default() -> Self {
        Self { count: usize::MAX, name_length: usize::MAX, value_length: usize::MAX }
    }
}

/// What a commit has survived when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// The end of this process, however violent: the samples are with the operating system. As the original.
    #[default]
    Process,
    /// The end of the power: the samples are on the disk. Writers that commit at the same time share one sync.
    Power,
}
