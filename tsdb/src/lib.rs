//! tsdb

// the ground: files
mod codec;
pub mod fs;
#[cfg(feature = "mmap")]
mod mmap;

// 1. append
pub mod wal;

// 2. chunk
pub mod chunk;

// 3. block
pub mod block;
pub mod compact;
pub mod retention;

// 4. select
pub mod postings;
