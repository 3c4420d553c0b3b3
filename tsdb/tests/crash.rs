//! Killed at any moment, the store has all that it acknowledged.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use metrics_core::{Append, Columns, LabelSet, Select, SelectRequest, SeriesRef, TimeRange};
use tsdb::wal::{LogStyle, WalOptions};
use tsdb::{Db, Options};

const CHILD: &str = "TSDB_CRASH_TEST_DIR";
const SERIES: usize = 50;

fn options() -> Options {
    // Short blocks: the child cuts, truncates and checkpoints all the time.
    Options { block_range: 1000, max_block_range: 9000, retention: None, ..Options::default() }
}

fn labels(series: usize) -> LabelSet {
    LabelSet::from_pairs([("__name__", "m"), ("series", &series.to_string())])
}

/// Appends until it is killed, and prints the time of each commit after it returned.
fn child(dir: &Path) -> ! {
    // A log of both styles, as its segments happen to be even or odd.
    let runs = std::fs::read_dir(dir.join("wal")).map_or(0, Iterator::count);
    let style = if runs.is_multiple_of(2) { LogStyle::Dense } else { LogStyle::Field };
    let wal = WalOptions { style, ..WalOptions::default() };
    let db = Db::open(dir, Options { wal, ..options() }).unwrap();
    let start = db.head_range().map_or(0, |r| r.end).max(db.blocks().last().map_or(0, |b| b.max_time));
    let mut refs = [SeriesRef::UNKNOWN; SERIES];
    let mut out = std::io::stdout().lock();
    for t in start + 1.. {
        let mut batch = db.batch();
        for (series, known) in refs.iter_mut().enumerate() {
            *known = batch.append_float(*known, &labels(series), t, t as f64).unwrap();
        }
        batch.commit().unwrap();
        writeln!(out, "{t}").unwrap();
        if t % 100 == 0 {
            db.tick(t).unwrap();
        }
    }
    unreachable!("killed before time ends")
}

/// Runs a child, kills it after some commits, and returns the last one that it acknowledged.
fn run_and_kill(dir: &Path, commits: usize) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "acknowledged_samples_survive_a_kill", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut last = 0;
    let mut seen = 0;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        // The test harness prints words of its own.
        if let Ok(t) = line.unwrap().trim().parse::<i64>() {
            (last, seen) = (t, seen + 1);
            if seen == commits {
                break;
            }
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it printed before the signal reached it is acknowledged too; the last line may be torn.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let whole = rest.len().saturating_sub(1);
    rest[..whole].iter().filter_map(|l| l.trim().parse().ok()).next_back().unwrap_or(last)
}

#[test]
fn acknowledged_samples_survive_a_kill() {
    if let Some(dir) = std::env::var_os(CHILD) {
        child(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for commits in [1, 700, 37, 2500, 1503] {
        acknowledged = run_and_kill(dir.path(), commits);
        check(dir.path(), acknowledged);
    }
    assert!(acknowledged >= 4000, "{acknowledged}");
}

/// Every series has every acknowledged sample, once, and nothing that was never appended.
fn check(dir: &Path, acknowledged: i64) {
    let db = Db::open(dir, options()).unwrap();
    let request = SelectRequest { matchers: &[], range: TimeRange::ALL, hints: Default::default() };
    let found = db.select(&request).unwrap();
    assert_eq!(found.len(), SERIES);
    let mut columns = Columns::default();
    for i in 0..found.len() {
        found.read(i, &mut columns).unwrap();
        let times = &columns.floats.timestamps;
        // One commit more may have been made that nobody was told of.
        assert!(times.len() as i64 >= acknowledged, "{} of {acknowledged}", times.len());
        assert!(times.iter().copied().eq(1..=times.len() as i64));
        assert!(times.iter().zip(&columns.floats.values).all(|(t, v)| *t as f64 == *v));
    }
}
