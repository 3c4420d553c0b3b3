//! An embeddable time series database in the on-disk format of Prometheus.
//!
//! Opens a directory that Prometheus wrote and leaves one that Prometheus reads, if its
//! [compacted blocks](Options::merged_chunks) are to have the field's encodings: write-ahead log, blocks, chunks, index.
//! Not a server: no sockets, no query language (`promql` brings that, over [`metrics_core::Select`]), no clock and no
//! thread of its own; who embeds it calls [`Db::tick`] now and then.
//!
//! ```text
//! batch → log → head (open chunks) ──tick──▶ block ──tick──▶ larger block ──▶ gone
//!                 ╰──────────────── select ◀──┴───────────────────╯
//! ```
//!
//! Samples older than the newest of their series have a log, chunk files and blocks of their own, if there is a
//! [window](Options::out_of_order_window) for them.
//!
//! ```
//! use metrics_core::{Append, Columns, LabelSet, Matcher, Select, SelectRequest, SeriesRef, TimeRange};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! let db = tsdb::Db::open(dir.path(), tsdb::Options::default())?;
//!
//! let mut batch = db.batch();
//! let up = LabelSet::from_pairs([("__name__", "up"), ("job", "node")]);
//! let series = batch.append_float(SeriesRef::UNKNOWN, &up, 1_000, 1.0)?;
//! batch.append_float(series, &up, 2_000, 0.0)?; // the reference spares the look-up
//! batch.commit()?;
//!
//! let matchers = [Matcher::metric_name("up")];
//! let request = SelectRequest { matchers: &matchers, range: TimeRange::ALL, hints: Default::default() };
//! let found = db.select(&request)?;
//! let mut columns = Columns::default();
//! found.read(0, &mut columns)?;
//! assert_eq!(found.labels(0), &up);
//! assert_eq!(columns.floats.timestamps, [1_000, 2_000]);
//! assert_eq!(columns.floats.values, [1.0, 0.0]);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! - `mmap` (default): map block files into memory instead of reading them
//! - `pco`: write and read dense chunks that went through an entropy coder, for blocks that are rarely read
//! - `zstd`: write and read logs that are compressed with zstd; without it, snappy only

// the door
mod block_builder;
mod cardinality;
mod db;
mod delete;
mod error;
mod late_blocks;
mod maintenance;
mod options;
mod rewrite;

// the ground: numbers and files
mod codec;
mod decimal;
pub mod fs;
#[cfg(feature = "mmap")]
mod mmap;

// 1. append
mod head;
pub mod head_chunks;
pub mod wal;

// 2. chunk
pub mod chunk;

// 3. block
pub mod block;
pub mod compact;
pub mod retention;

// 4. select
mod chain;
mod merge;
pub mod postings;
mod postings_match;
mod select;
mod series_cache;

pub use block_builder::BlockBuilder;
pub use cardinality::Cardinality;
pub use db::Db;
pub use error::{Error, Warning};
pub use head::AppendCounts;
pub use options::{Durability, LabelLimits, Options};
