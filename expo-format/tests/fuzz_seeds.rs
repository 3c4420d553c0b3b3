//! Replays the fuzzers' inputs, and what comes of changing them at random.
#![cfg(all(feature = "otlp", feature = "protobuf", feature = "remote-read"))]
#![allow(clippy::unwrap_used, reason = "helpers outside test functions fail the test by panicking")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

#[allow(unreachable_pub, reason = "public in the fuzzing crate")]
#[path = "../fuzz/src/checks.rs"]
mod checks;

type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 8] = [
    ("text", checks::text),
    ("openmetrics", checks::openmetrics),
    ("otlp", checks::otlp),
    ("protobuf", checks::protobuf),
    ("remote_read", checks::remote_read),
    ("remote_write", checks::remote_write),
    ("rescrape", checks::rescrape),
    ("snappy", checks::snappy),
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no seeds in {}", folder.display());
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn seeds_keep_the_laws() {
    for (target, check) in TARGETS {
        seeds(target).iter().for_each(|seed| check(seed));
    }
}

/// Cuts, overwrites, doubles and swaps pieces of seeds.
#[test]
fn changed_seeds_keep_the_laws() {
    let cases = std::env::var("FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    for (target, check) in TARGETS {
        let seeds = seeds(target);
        let edit = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..5u8, any::<u8>());
        let input = (0..seeds.len(), prop::collection::vec(edit, 0..6));
        let mut runner = TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(cases)
        });
        let run = runner.run(&input, |(seed, edits)| {
            let mut data = seeds[seed].clone();
            for (at, length, kind, byte) in edits {
                change(&mut data, at, length, kind, byte);
            }
            let shown = data.escape_ascii().to_string();
            let kept = std::panic::catch_unwind(|| check(&data));
            prop_assert!(kept.is_ok(), "{target}: {shown}");
            Ok(())
        });
        run.unwrap();
    }
}

fn change(data: &mut Vec<u8>, at: prop::sample::Index, length: prop::sample::Index, kind: u8, byte: u8) {
    if data.is_empty() {
        return data.push(byte);
    }
    let from = at.index(data.len());
    let to = from + length.index((data.len() - from).min(24));
    match kind {
        0 => data[from] = byte,
        1 => data.truncate(from),
        2 => drop(data.drain(from..to)),
        3 => data.extend_from_within(from..to),
        // Bytes that mean something in some format.
        _ => data.insert(from, b"{}\",=\\\n #\t0_:.e+\xff"[usize::from(byte) % 17]),
    }
}
