//! The symbols of several blocks as one sorted list.

use crate::block::Block;
use crate::fs::FileError;

/// All label names and values of the blocks, sorted, each once.
pub(super) fn merged_symbols<'a>(blocks: &[&'a Block]) -> Result<Vec<&'a str>, FileError> {
    let mut all = Vec::new();
    for block in blocks {
        for symbol in block.index().symbols() {
            all.push(symbol?);
        }
    }
    // Finds and merges the runs that the blocks' lists are.
    all.sort();
    all.dedup();
    Ok(all)
}
