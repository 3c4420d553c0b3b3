//! Blocks of integers in few bits: what a dense chunk is made of.
//!
//! A block is up to 256 integers as distances from a base, in a fixed number of bits each. Where the range is no power
//! of two, several distances are written as the digits of one number. What lies far outside the range of most is set
//! right afterwards, so that one outlier does not widen all. The head of a block says how long it is, so that readers
//! step over blocks that they do not want. The layout is drawn in `docs/format.md`.
//!
//! ```text
//! integers ─▶ window.rs, shape.rs ─▶ write.rs ─▶ bytes ─▶ read.rs ─▶ unpack.rs ─▶ digits.rs ─▶ integers
//! ```

mod digits;
mod read;
mod shape;
mod unpack;
mod window;
mod write;

pub(super) use read::{first_sums, take_column, take_sums};
pub(super) use write::{put_column, put_sums};

/// Integers in a block, except in the last one of a column.
pub(super) const BLOCK: usize = 256;

/// Set in the first byte of a block with corrections.
const CORRECTED: u8 = 0x80;
/// Above this, the first byte says how many bits a group of digits has.
const DIGITS: u8 = 64;
/// In place of the first byte of a block whose base and shape are those of the block before.
const SAME: u8 = 0x7F;
/// Most corrections of a block.
const MAX_CORRECTIONS: usize = 64;

#[cfg(test)]
mod tests;
