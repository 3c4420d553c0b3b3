//! The inputs of the fuzz targets, and damaged forms of them, through the same checks.
#![allow(clippy::unwrap_used)] // the lint spares test functions only, not what they call

#[allow(unreachable_pub, reason = "public in the fuzzing crate")]
#[path = "../fuzz/src/checks.rs"]
mod checks;
#[allow(unreachable_pub, reason = "public in the fuzzing crate")]
#[path = "../fuzz/src/world.rs"]
mod world;

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    // The package on the registry comes without them.
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        check(&seed);
        for at in 0..seed.len() {
            check(&seed[..at]);
            check(&[&seed[..at], &seed[at + 1..]].concat());
        }
    }
}

#[test]
fn texts() {
    replay("parse", checks::parse);
}

#[test]
fn queries() {
    replay("eval", checks::eval);
}
