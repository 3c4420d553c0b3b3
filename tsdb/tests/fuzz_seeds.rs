//! The inputs of the fuzz targets, and damaged forms of them, through the same checks.

#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

#[allow(unreachable_pub, reason = "public in the fuzzing crate")]
#[path = "../fuzz/src/checks.rs"]
mod checks;

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

/// The inputs of a target; none in the package on the registry, which comes without them.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Panics where a decoder does what it should not.
type Check = fn(&[u8]);

fn replay(target: &str, check: Check) {
    for seed in seeds(target) {
        check(&seed);
        for at in 0..seed.len() {
            let mut damaged = seed.clone();
            damaged[at] = damaged[at].wrapping_mul(31).wrapping_add(7);
            check(&damaged);
            check(&seed[..at]);
        }
    }
}

/// Every target with its check.
const TARGETS: [(&str, Check); 6] = [
    ("chunk", checks::chunk),
    ("wal", checks::wal),
    ("head_chunks", checks::head_chunks),
    ("index", checks::index),
    ("tombstones", checks::tombstones),
    ("meta", checks::meta),
];

#[test]
fn inputs_and_their_damaged_forms() {
    TARGETS.iter().for_each(|(target, check)| replay(target, *check));
}

/// What is done to an input; places are relative to its length.
#[derive(Debug, Clone)]
enum Edit {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// Bytes from one place over those of another.
    Copy(Index, Index, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let byte = prop_oneof![2 => any::<u8>(), 1 => prop::sample::select(vec![0, 1, 0x7f, 0x80, 0xff])];
    let at = || any::<Index>();
    prop_oneof![
        3 => (at(), byte).prop_map(|(at, byte)| Edit::Set(at, byte)),
        3 => (at(), 0u8..8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..12)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        1 => (at(), 1usize..12).prop_map(|(at, len)| Edit::Remove(at, len)),
        1 => (at(), at(), 1usize..40).prop_map(|(from, to, len)| Edit::Copy(from, to, len)),
    ]
}

fn apply(bytes: &mut Vec<u8>, edit: &Edit) {
    if bytes.is_empty() {
        return;
    }
    let n = bytes.len();
    match edit {
        Edit::Set(at, byte) => bytes[at.index(n)] = *byte,
        Edit::Flip(at, bit) => bytes[at.index(n)] ^= 1 << bit,
        Edit::Insert(at, new) => drop(bytes.splice(at.index(n)..at.index(n), new.iter().copied())),
        Edit::Remove(at, len) => drop(bytes.drain(at.index(n)..n.min(at.index(n) + len))),
        Edit::Copy(from, to, len) => {
            let (from, to) = (from.index(n), to.index(n));
            let len = (*len).min(n - from).min(n - to);
            bytes.copy_within(from..from + len, to);
        }
    }
}

proptest! {
    /// Without the guidance that the fuzzer has, but everywhere and always.
    #[test]
    fn inputs_with_several_edits(seed in any::<Index>(), edits in prop::collection::vec(edit(), 1..8)) {
        for (target, check) in TARGETS {
            let seeds = seeds(target);
            if seeds.is_empty() {
                continue;
            }
            let mut bytes = seeds[seed.index(seeds.len())].clone();
            edits.iter().for_each(|edit| apply(&mut bytes, edit));
            check(&bytes);
        }
    }
}
