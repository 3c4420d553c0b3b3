//! Commits that survive the power: writers share syncs, nobody waits for a sync to write, and a failed sync is told.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

#[allow(dead_code, reason = "shared with tests that need more of it")]
mod power_fs;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use metrics_core::{
    Append, AppendError, Columns, LabelSet, Matcher, Select, SelectRequest, SeriesRef, TimeRange,
};
use power_fs::{Luck, PowerFs};
use tsdb::{Db, Durability, Options};

fn open(fs: &PowerFs) -> Db {
    let options = Options { durability: Durability::Power, retention: None, ..Options::default() };
    Db::open_on(Arc::new(fs.clone()), Path::new("/data"), options).unwrap()
}

fn labels(writer: usize) -> LabelSet {
    LabelSet::from_pairs([("__name__", "m"), ("writer", &writer.to_string())])
}

fn commit(db: &Db, writer: usize, n: i64) -> Result<(), AppendError> {
    let mut batch = db.batch();
    batch.append_float(SeriesRef::UNKNOWN, &labels(writer), n, n as f64)?;
    batch.commit()
}

/// Times of a writer's samples.
fn times(db: &Db, writer: usize) -> Vec<i64> {
    let matchers = [Matcher::equal("writer", writer.to_string())];
    let request = SelectRequest { matchers: &matchers, range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    let mut columns = Columns::default();
    if found.len() == 1 {
        found.read(0, &mut columns).unwrap();
    }
    columns.floats.timestamps.clone()
}

#[test]
fn writers_share_syncs_and_lose_nothing() {
    const WRITERS: usize = 8;
    const COMMITS: i64 = 25;
    let fs = PowerFs::new();
    let db = open(&fs);
    let syncs = Arc::new(AtomicU32::new(0));
    let count = syncs.clone();
    fs.on_sync(move || {
        count.fetch_add(1, Ordering::Relaxed);
        // As a disk takes it; the others come together behind it.
        thread::sleep(Duration::from_millis(5));
        Ok(())
    });
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let db = &db;
            scope.spawn(move || (1..=COMMITS).for_each(|n| commit(db, writer, n).unwrap()));
        }
    });
    let syncs = syncs.load(Ordering::Relaxed);
    assert!(syncs <= (WRITERS as u32 * COMMITS as u32) / 2, "{syncs} syncs");
    // The power goes without a word.
    let after = fs.after_power_cut(Luck::None);
    std::mem::forget(db);
    let db = open(&after);
    for writer in 0..WRITERS {
        assert_eq!(times(&db, writer), (1..=COMMITS).collect::<Vec<_>>());
    }
}

#[test]
fn a_sync_keeps_nobody_from_writing() {
    let fs = PowerFs::new();
    let db = open(&fs);
    let barrier = Arc::new(Barrier::new(2));
    let held = barrier.clone();
    let (started, waits) = mpsc::channel();
    let first = AtomicU32::new(0);
    fs.on_sync(move || {
        if first.fetch_add(1, Ordering::Relaxed) == 0 {
            started.send(()).unwrap();
            held.wait();
        }
        Ok(())
    });
    thread::scope(|scope| {
        scope.spawn(|| commit(&db, 0, 1).unwrap());
        waits.recv().unwrap();
        let second = scope.spawn(|| commit(&db, 1, 1).unwrap());
        // Written and visible, though the sync before it has not ended; not acknowledged yet.
        while times(&db, 1).is_empty() {
            thread::yield_now();
        }
        assert!(!second.is_finished());
        barrier.wait();
    });
}

#[test]
fn a_failed_sync_poisons_the_store() {
    let fs = PowerFs::new();
    let db = open(&fs);
    commit(&db, 0, 1).unwrap();
    fs.on_sync(|| Err(io::Error::other("a sync that fails")));
    let results: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|w| {
                scope.spawn({
                    let db = &db;
                    move || commit(db, w, 2)
                })
            })
            .collect();
        writers.into_iter().map(|w| w.join().unwrap()).collect()
    });
    // Nobody is told that it was written: one hears of the sync, the others that the store is of no use any more.
    let words: Vec<String> = results.into_iter().map(|r| causes(&r.unwrap_err())).collect();
    assert_eq!(words.iter().filter(|w| w.contains("a sync that fails")).count(), 1, "{words:?}");
    assert_eq!(words.iter().filter(|w| w.contains("can no longer be written")).count(), 3, "{words:?}");
    fs.on_sync(|| Ok(()));
    let later = causes(&commit(&db, 0, 3).unwrap_err());
    assert!(later.contains("can no longer be written after a failed write or sync"), "{later}");
    drop(db);
    let db = open(&fs.after_power_cut(Luck::None));
    assert_eq!(times(&db, 0), [1]);
    commit(&db, 0, 4).unwrap();
}

/// An error and all that caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}
