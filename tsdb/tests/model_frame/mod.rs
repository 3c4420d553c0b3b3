//! What models of the store share: a store that is kept up and opened again in all ways, under all settings.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use std::collections::BTreeMap;

use metrics_core::{Columns, LabelSet, Matcher, Select, SelectRequest, TimeRange};
use proptest::prelude::*;
use tempfile::TempDir;
use tsdb::chunk::dense::Level;
use tsdb::compact::Style;
use tsdb::wal::{LogStyle, WalOptions};
use tsdb::{Db, Options};

/// Short, so that a few hundred samples make many blocks.
pub(crate) const BLOCK_RANGE: i64 = 1000;

/// What is done to a store that does not change its answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Upkeep {
    /// Open again after the end of the process.
    Reopen,
    /// Open again after a clean end, which leaves a snapshot.
    Close,
    /// Open again without the head's chunk files, which only save work.
    LoseChunks,
    /// Cut, compact, truncate.
    Tick,
    /// Everything into blocks.
    Flush,
}

pub(crate) fn upkeep() -> impl Strategy<Value = Upkeep> {
    use Upkeep::{Close, Flush, LoseChunks, Reopen, Tick};
    prop_oneof![1 => Just(Reopen), 1 => Just(Close), 1 => Just(LoseChunks), 3 => Just(Tick), 1 => Just(Flush)]
}

/// Settings that must not show in answers.
pub(crate) fn options() -> impl Strategy<Value = Options> {
    let log = prop::sample::select(vec![LogStyle::Field, LogStyle::Dense]);
    let chunks =
        prop::sample::select(vec![Style::Field, Style::dense(Level::Fast), Style::dense(Level::Small)]);
    (log, chunks, any::<bool>()).prop_map(|(style, merged_chunks, snapshot)| Options {
        block_range: BLOCK_RANGE,
        max_block_range: 9 * BLOCK_RANGE,
        retention: None,
        wal: WalOptions { style, ..WalOptions::default() },
        merged_chunks,
        snapshot,
        ..Options::default()
    })
}

/// A store in a directory of its own.
pub(crate) struct Store {
    dir: TempDir,
    options: Options,
    db: Option<Db>,
}

pub(crate) type Rows = BTreeMap<LabelSet, Vec<(i64, f64)>>;

impl Store {
    pub(crate) fn new(options: Options) -> Self {
        let mut store = Self { dir: TempDir::new().unwrap(), options, db: None };
        store.open();
        store
    }

    pub(crate) fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    fn open(&mut self) {
        self.db = Some(Db::open(self.dir.path(), self.options.clone()).unwrap());
        assert!(self.db().warnings().is_empty(), "{:?}", self.db().warnings());
    }

    /// Does what keeps the store as it is; `newest` is the time of the newest sample.
    pub(crate) fn keep_up(&mut self, upkeep: Upkeep, newest: i64) {
        match upkeep {
            Upkeep::Reopen => drop(self.db.take()),
            Upkeep::Close => self.db.take().unwrap().close().unwrap(),
            Upkeep::LoseChunks => {
                drop(self.db.take());
                let _ = std::fs::remove_dir_all(self.dir.path().join("chunks_head"));
            }
            Upkeep::Tick => drop(self.db().tick(newest).unwrap()),
            Upkeep::Flush => {
                assert!(self.db().flush(newest).unwrap());
                assert_eq!(self.db().head_range(), None);
            }
        }
        if self.db.is_none() {
            self.open();
        }
    }

    /// The samples of matching series; series without any in the range are left out.
    pub(crate) fn rows(&self, matchers: &[Matcher], range: TimeRange) -> Rows {
        let request = SelectRequest { matchers, range, hints: Default::default() };
        let found = self.db().select(&request).unwrap();
        let mut columns = Columns::default();
        let mut rows = Rows::new();
        for i in 0..found.len() {
            found.read(i, &mut columns).unwrap();
            let floats = columns.floats.timestamps.iter().copied().zip(columns.floats.values.iter().copied());
            let samples: Vec<_> = floats.collect();
            if !samples.is_empty() {
                assert!(rows.insert(found.labels(i).clone(), samples).is_none(), "a series twice");
            }
        }
        rows
    }
}
