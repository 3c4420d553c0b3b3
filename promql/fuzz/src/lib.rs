//! Laws that every input must keep. `cargo test` replays the seeds through the same functions.
//!
//! Run with `cargo +nightly fuzz run eval seeds/eval` in the folder above; an input that breaks a law is added
//! to `seeds` with the fix.

pub mod checks;
pub mod world;
