//! Chunks: the samples of one series over a stretch of time, compressed.
