//! Compaction: which blocks to merge, and merging them.
