//! Blocks: immutable directories that hold the samples of a stretch of time.
